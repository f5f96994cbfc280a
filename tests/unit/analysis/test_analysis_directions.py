"""A metric of which nobody knows which way is better, along a history."""

from __future__ import annotations

from regress_action.analysis import cumulative_drift, histories
from regress_action.analysis.trend import Tendency
from regress_action.model.measurements import Benchmark, Direction, Environment, Metric, Report, Run, Series

MACHINE = Environment(cpu="one CPU")


def history(direction: Direction) -> list[Report]:
    """Make forty reports whose value rises without a pause."""
    metric = Metric("shapes", "count", direction)
    return [
        Report(
            (Series(Benchmark("b"), metric, (100.0 * 1.02**number,)),),
            (Run(),),
            commit=f"{number:040x}",
            created=f"2026-01-01T00:{number:02}:00Z",
            environment=MACHINE,
        )
        for number in range(40)
    ]


def test_a_drift_without_a_direction_neither_degrades_nor_improves() -> None:
    """The same drift degrades where less is better."""
    (unknown,) = histories.follow(histories.of(history(Direction.UNKNOWN)))
    (lower,) = histories.follow(histories.of(history(Direction.LOWER)))

    assert lower.trend.direction is Tendency.DEGRADING
    assert unknown.trend.direction is Tendency.UNKNOWN
    assert unknown.trend.drift == lower.trend.drift


def test_nothing_creeps_towards_worse_without_a_direction() -> None:
    """Cumulative drift is measured where there is a worse."""
    assert cumulative_drift.measure(history(Direction.UNKNOWN)) == ()
    assert cumulative_drift.measure(history(Direction.LOWER)) != ()
