"""A metric of which nobody knows which way is better, along a history."""

from __future__ import annotations

import pytest

from regress_action.analysis import cumulative_drift, histories
from regress_action.analysis.trend import Tendency
from regress_action.model.comparisons import ReasonCode, Verdict
from regress_action.model.measurements import Benchmark, Direction, Environment, Metric, Report, Run, Series
from unit.analysis.compared_sides import paired, reason_of

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


def test_a_proven_change_without_a_direction_is_no_verdict() -> None:
    """It is said by how much more it is, and not how many runs would decide what no run can."""
    shapes = Metric("shapes", "count", Direction.UNKNOWN)
    row = paired([100.0, 101.0, 99.0, 100.0, 101.0], [150.0, 151.0, 149.0, 150.0, 151.0], metric=shapes)

    assert row.verdict is Verdict.INCONCLUSIVE
    assert reason_of(row).code is ReasonCode.DIRECTION_UNKNOWN
    assert row.ratio == pytest.approx(1.5, rel=0.01)
    assert row.runs_needed is None
