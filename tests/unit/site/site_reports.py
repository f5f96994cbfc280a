"""Reports of a made-up history for the tests of the dashboard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIME = Metric("time", "s")
START = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE = Environment(runner="runner", os="linux", cpu="cpu", cores=2, memory="8", runtime="python")


def commit(number: int) -> str:
    """Return the commit of a report by its number."""
    return f"{number:040x}"


def report(
    number: int,
    values: Mapping[str, Sequence[float]],
    *,
    metric: Metric = TIME,
    version: str | None = None,
    environment: Environment = MACHINE,
    service: str | None = None,
) -> Report:
    """Return the report of one day: benchmark → one value per run."""
    runs = max((len(row) for row in values.values()), default=1)
    return Report(
        tuple(Series(Benchmark(name, service, version=version), metric, tuple(row)) for name, row in values.items()),
        (Run(wall_s=1.0),) * runs,
        commit=commit(number),
        branch="main",
        created=(START + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        environment=environment,
        provenance=(("actor", "ada"),),
    )


def history(values: Mapping[str, Sequence[float | None]], *, metric: Metric = TIME) -> list[Report]:
    """Return a report per position of the columns, with one run each; None is a benchmark that was not measured."""
    count = max(len(column) for column in values.values())
    return [
        report(
            number,
            {name: [value] for name, column in values.items() if (value := column[number]) is not None},
            metric=metric,
        )
        for number in range(count)
    ]
