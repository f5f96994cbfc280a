"""Both sides of a comparison for tests, from plain tables of values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict, Unpack

from regress_action import analysis
from regress_action.model.comparisons import Reason
from regress_action.model.measurements import Benchmark, Direction, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from regress_action.model.comparisons import Budget, Comparison, Judgement

    Numbers = Sequence[float] | NDArray[np.floating] | NDArray[np.integer]

TIME = Metric("time", "s")
COUNT = Metric("items", "count")
EXACT = Metric("instructions", "count", exact=True)
SIGNED = Metric("leak", "B", signed=True)
RATE = Metric("throughput", "1/s", Direction.HIGHER)
OWN = Environment(runner="self-hosted", os="linux", cpu="one model", cores=8)
OTHER = Environment(runner="self-hosted", os="linux", cpu="another model", cores=8)
HOSTED = Environment(runner="github-hosted ubuntu24", os="linux", cpu="one of many", cores=4)
NAN = float("nan")


class SideFields(TypedDict, total=False):
    """What the functions below take by name: of the report, and of every benchmark in it."""

    environment: Environment
    created: str
    source: str
    provenance: tuple[tuple[str, str], ...]
    service: str
    version: str


def pairs(
    values: Mapping[str, Numbers],
    *,
    metric: Metric = TIME,
    commit: str = "c",
    positions: Sequence[int] = (),
    **more: Unpack[SideFields],
) -> Report:
    """Make one side of interleaved pairs: one run per value, numbered as its pair, at these positions in them."""
    made = [Run(session="s", pair=n) for n in range(_longest(values))]
    placed = [replace(run, position=place) for run, place in zip(made, positions, strict=True)] if positions else made
    return _report(values, metric, placed, commit, **more)


def session(
    values: Mapping[str, Numbers],
    *,
    metric: Metric = TIME,
    commit: str = "c",
    name: str = "s",
    **more: Unpack[SideFields],
) -> Report:
    """Make a report whose runs were all measured in one session, unpaired."""
    return _report(values, metric, [Run(session=name) for _ in range(_longest(values))], commit, **more)


def runs(values: Mapping[str, Numbers], *, metric: Metric = TIME, **more: Unpack[SideFields]) -> list[Report]:
    """Make independent reports of one run each, oldest first."""
    return [
        _report({name: [of[n]] for name, of in values.items() if n < len(of)}, metric, [Run()], f"{n:040x}", **more)
        for n in range(_longest(values))
    ]


def paired(base: Numbers, head: Numbers, policy: analysis.Policy | None = None, metric: Metric = TIME) -> Comparison:
    """Compare one benchmark in pairs."""
    return only_row(
        analysis.compare(
            [pairs({"b": base}, metric=metric)], [pairs({"b": head}, metric=metric)], policy or analysis.Policy()
        )
    )


def stored(base: Numbers, head: Numbers, policy: analysis.Policy | None = None, metric: Metric = TIME) -> Comparison:
    """Compare one benchmark's stored runs with new ones, each a session of its own."""
    return only_row(
        analysis.compare(
            runs({"b": base}, metric=metric), runs({"b": head}, metric=metric), policy or analysis.Policy()
        )
    )


def only_row(judgement: Judgement) -> Comparison:
    """Return the only comparison."""
    (row,) = judgement.comparisons
    return row


def of(judgement: Judgement, name: str) -> Comparison:
    """Return the comparison of a benchmark."""
    return next(row for row in judgement.comparisons if row.benchmark.name == name)


def _longest(values: Mapping[str, Numbers]) -> int:
    return max(map(len, values.values()))


def number(value: float | None) -> float:
    """Return a number that is there."""
    assert value is not None
    return value


def reason_of(row: Comparison) -> Reason:
    """Return the reason of a comparison as its code with numbers."""
    assert isinstance(row.reason, Reason)
    return row.reason


def budget_of(row: Comparison) -> Budget:
    """Return the budget that a comparison was checked against."""
    assert row.budget is not None
    return row.budget


def _report(
    values: Mapping[str, Numbers], metric: Metric, made: list[Run], commit: str, **more: Unpack[SideFields]
) -> Report:
    service, version = more.get("service"), more.get("version")
    series = tuple(
        Series(Benchmark(name, service, version=version), metric, (*map(float, of), *[NAN] * (len(made) - len(of))))
        for name, of in values.items()
    )
    return Report(
        series,
        tuple(made),
        commit=commit,
        created=more.get("created"),
        environment=more.get("environment", OWN),
        source=more.get("source", "unknown"),
        provenance=more.get("provenance", ()),
    )
