"""What needs attention."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action.analysis.series_state import SeriesLimits, SeriesState, Status, visible
from regress_action.history import SeriesPattern, accept, withdraw
from regress_action.model.measurements import Direction, Metric
from regress_action.site.recommendations import findings_of
from regress_action.site.tables import tables_of
from unit.site.site_reports import START, TIME, commit, history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.history import Event

LIMITS = SeriesLimits(threshold=1.2)


def steady(count: int, level: float = 1.0, *, spread: float = 0.005, seed: int = 1) -> list[float]:
    """Return values around one level."""
    return [float(value) for value in level * np.exp(np.random.default_rng(seed).normal(0, spread, count))]


def finding(
    values: Sequence[float | None],
    limits: SeriesLimits = LIMITS,
    *,
    metric: Metric = TIME,
    events: Sequence[Event] = (),
) -> SeriesState:
    """Return the state of one benchmark with these values, beside one that is always measured."""
    (table,) = tables_of(history({"a": values, "other": [1.0] * len(values)}, metric=metric))
    return findings_of(table, [limits, LIMITS], events)[0]


@pytest.mark.parametrize(
    ("values", "limits", "status"),
    [
        (steady(40), LIMITS, Status.STEADY),
        (steady(3), LIMITS, Status.NEW),
        ([*steady(30), *steady(15, 1.5)], LIMITS, Status.REGRESSED),
        ([*steady(30), *steady(15, 1.1)], LIMITS, Status.SLIGHTLY_WORSE),
        ([*steady(30), *steady(15, 0.6)], LIMITS, Status.IMPROVED),
        ([*steady(30), *steady(15, 1.5), *steady(15)], LIMITS, Status.STEADY),
        (steady(40, 6.0), SeriesLimits(1.2, 5.0, "a_s"), Status.OVER_BUDGET),
        (steady(40, 4.8), SeriesLimits(1.2, 5.0, "a_s"), Status.NEAR_BUDGET),
        ([4.5] * 40, SeriesLimits(1.2, 5.0, "a_s"), Status.STEADY),
        ([5.0] * 40, SeriesLimits(1.2, 5.0, "a_s"), Status.NEAR_BUDGET),
        (steady(40, spread=0.3), SeriesLimits(9.0), Status.NOISY),
        ([*steady(40), None, None], LIMITS, Status.MISSING),
    ],
)
def test_a_series_has_the_most_urgent_state_that_holds(
    values: list[float | None], limits: SeriesLimits, status: Status
) -> None:
    """Each state follows from planted values."""
    assert finding(values, limits).status is status


def test_a_regression_names_the_report_with_which_it_began() -> None:
    """`since` is the column of the first slow report, `ratio` how much worse the level is."""
    state = finding([*steady(30), *steady(15, 1.5)])

    assert state.since == 30
    assert state.ratio == pytest.approx(1.5, rel=0.02)


def test_an_accepted_level_is_the_reference_from_then_on() -> None:
    """The slowdown stays in the list of changes, marked as accepted, and is no regression any more."""
    accepted = accept(
        commit(30), [SeriesPattern("a", "time")], at=START + timedelta(days=31), who="ada", why="worth it"
    )

    state = finding([*steady(30), *steady(15, 1.5)], events=[accepted])

    assert state.status is Status.STEADY
    assert [change.accepted for change in state.changes] == [True]


def test_less_throughput_is_worse() -> None:
    """A ratio is a badness ratio in either direction."""
    state = finding([*steady(30), *steady(15, 0.5)], metric=Metric("throughput", "1/s", Direction.HIGHER))

    assert state.status is Status.REGRESSED
    assert state.ratio == pytest.approx(2.0, rel=0.02)


def test_a_drift_says_when_it_reaches_the_budget() -> None:
    """One per cent a day from 1.22 reaches 1.5 in about three weeks."""
    values = [1.0 * 1.01**day for day in range(20)]

    state = finding(values, SeriesLimits(9.0, 1.5, "a_s"))

    assert state.status is Status.DRIFTING
    assert state.days_to_budget == pytest.approx(22, abs=3)


def test_a_metric_without_a_known_direction_is_neither_worse_nor_better() -> None:
    """Its changes are shown; only a budget, which is an upper limit then, can be exceeded."""
    metric = Metric("sessions", "count", Direction.UNKNOWN)

    doubled = finding([*steady(30), *steady(15, 2.0)], metric=metric)
    below = finding(steady(40, 80.0), SeriesLimits(1.2, 100.0, "sessions"), metric=metric)

    assert (doubled.status, doubled.ratio, len(doubled.changes)) == (Status.STEADY, None, 1)
    assert below.status is Status.STEADY


def test_steps_in_a_row_for_the_worse_say_when_they_reach_the_budget() -> None:
    """Four steps of 6 % in 90 days are one drift: 0.26 % a day, so from 1.26 to 1.5 takes 67 days."""
    values = [value for step in range(5) for value in steady(30, 1.06**step)]

    state = finding(values, SeriesLimits(9.0, 1.5, "a_s"))
    two = finding(values[:90], SeriesLimits(9.0, 1.5, "a_s"))

    assert len(state.changes) == 4
    assert state.days_to_budget == pytest.approx(math.log(1.5 / 1.06**4) / (math.log(1.06**3) / 90), rel=0.1)
    assert two.days_to_budget is None


def test_one_step_beyond_the_threshold_is_no_drift() -> None:
    """Nobody knows when the next one comes."""
    values = [*steady(30), *steady(30, 1.05), *steady(30, 1.4), *steady(30, 1.5)]

    assert finding(values, SeriesLimits(1.2, 5.0, "a_s")).days_to_budget is None


def test_an_acceptance_that_was_taken_back_counts_no_more() -> None:
    """The slow level is a regression again."""
    pattern = [SeriesPattern("a", "time")]
    accepted = accept(commit(30), pattern, at=START + timedelta(days=31), who="ada", why="worth it")
    withdrawn = withdraw(pattern, at=START + timedelta(days=33), who="ada", why="it was not")

    assert finding([*steady(30), *steady(15, 1.5)], events=[accepted, withdrawn]).status is Status.REGRESSED


def test_what_one_report_shows_against_twenty_follows_from_the_noise() -> None:
    """2.8 deviations of the difference between a value and a mean of twenty: 80 % power at 5 %."""
    assert visible(0.05) == pytest.approx(math.exp((1.95996 + 0.84162) * 0.05 * math.sqrt(1.05)), rel=1e-4)
    assert visible(None) == math.inf


def test_the_noise_of_a_series_is_that_of_neighbouring_reports() -> None:
    """Their median is 0.954 of the deviation of one report, and a step among them does not count."""
    values = [*steady(60, spread=0.05), *steady(30, 3.0, spread=0.05, seed=2)]
    differences = np.abs(np.diff(np.log(values[-60:])))

    assert finding(values).noise == pytest.approx(np.median(differences) / 0.95387, rel=1e-3)
