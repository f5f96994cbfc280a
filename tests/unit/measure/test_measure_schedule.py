"""The order of the sides, the interim analyses, the budget and the estimate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.measure.schedule import Clock, abba_order, interim_step, is_interim


@given(st.integers(min_value=1, max_value=500))
def test_consecutive_pairs_run_in_opposite_order(pair: int) -> None:
    """Whichever side is first now is second next, so in every block both have the same mean position."""
    sides = ("base", "head")
    assert abba_order(sides, pair) == abba_order(sides, pair + 1)[::-1]
    assert abba_order(("head",), pair) == ("head",)


def test_first_pair_runs_the_base_first() -> None:
    """The first pair runs the base first."""
    assert abba_order(("base", "head"), 1) == ("base", "head")


@pytest.mark.parametrize(("every", "pairs"), [(1, [5, 6, 7, 8, 9, 10]), (2, [5, 7, 9]), (4, [5, 9])])
def test_interim_analyses_begin_after_the_fifth_pair(every: int, pairs: list[int]) -> None:
    """Earlier or more frequent analyses would cause more false alarms than the statistics allow for."""
    assert [pair for pair in range(1, 11) if is_interim(pair, every)] == pairs


@pytest.mark.parametrize(("pairs", "step"), [(5, 1), (10, 1), (11, 2), (15, 2), (20, 3), (40, 7), (1000, 199)])
def test_longer_plan_has_no_more_interim_analyses(pairs: int, step: int) -> None:
    """At most five before the end, because each costs some certainty."""
    assert interim_step(pairs) == step
    assert sum(is_interim(pair, step) for pair in range(1, pairs)) <= 5


def _clock(budget_s: float | None, pairs_s: list[float], elapsed_s: float) -> Clock:
    clock = Clock(budget_s, pairs_s=pairs_s)
    clock.started -= elapsed_s
    return clock


@pytest.mark.parametrize(
    ("budget_s", "pairs_s", "elapsed_s", "used_up"),
    [
        (None, [10.0] * 9, 1e6, False),
        (100.0, [], 1e6, False),
        (100.0, [30.0, 30.0], 60.0, False),
        (100.0, [30.0, 30.0, 30.0], 90.0, True),
    ],
)
def test_no_pair_starts_that_would_exceed_the_budget(
    budget_s: float | None,
    pairs_s: list[float],
    elapsed_s: float,
    used_up: bool,
) -> None:
    """The budget counts whole pairs, and the first one always runs."""
    assert _clock(budget_s, pairs_s, elapsed_s).used_up is used_up


def test_estimate_is_limited_by_the_budget() -> None:
    """The estimate is the mean of the pairs so far times those that are left, at most the rest of the budget."""
    assert _clock(None, [], 5.0).remaining_s(3) is None
    assert _clock(None, [10.0, 20.0], 30.0).remaining_s(3) == 45
    assert _clock(50.0, [10.0, 20.0], 30.0).remaining_s(3) == pytest.approx(20, abs=0.1)
