"""Stored reports for tests: one report per commit, from a plain table of values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TIME = Metric("time", "s")
MACHINE = Environment(runner="self-hosted", os="linux", cpu="one model", cores=8)
_START = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> str:
    """Return the time at which report `number` was made."""
    return (_START + timedelta(days=number)).isoformat()


def report(
    number: int,
    values: Mapping[str, Sequence[float]],
    *,
    metric: Metric = TIME,
    environment: Environment = MACHINE,
    version: str | None = None,
) -> Report:
    """Make the report of day and commit `number`: benchmark → one value per run."""
    runs = max(map(len, values.values()))
    return Report(
        series=tuple(Series(Benchmark(name, version=version), metric, tuple(of)) for name, of in values.items()),
        runs=tuple(Run(session=f"session {number}") for _ in range(runs)),
        commit=f"{number:040x}",
        created=day(number),
        environment=environment,
    )


def past(values: Iterable[float], name: str = "parse", *, metric: Metric = TIME) -> list[Report]:
    """Make one report of one run per value."""
    return [report(number, {name: [value]}, metric=metric) for number, value in enumerate(values)]
