"""The order of the sides, the interim analyses, the budget and the estimate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.measure.schedule import Clock, abba_order, affordable_pairs, looks, planned_pairs


@given(st.integers(min_value=1, max_value=500))
def test_consecutive_pairs_run_in_opposite_order(pair: int) -> None:
    """Whichever side is first now is second next, so in every block both have the same mean position."""
    sides = ("base", "head")
    assert abba_order(sides, pair) == abba_order(sides, pair + 1)[::-1]
    assert abba_order(("head",), pair) == ("head",)


def test_first_pair_runs_the_base_first() -> None:
    """The first pair runs the base first."""
    assert abba_order(("base", "head"), 1) == ("base", "head")


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (1, (1,)),
        (4, (4,)),
        (5, (5,)),
        (7, (5, 6, 7)),
        (10, (5, 6, 7, 8, 9, 10)),
        (12, (5, 6, 7, 8, 9, 10, 12)),
        (40, (5, 7, 10, 14, 20, 28, 40)),
        (1000, (5, 12, 29, 71, 171, 414, 1000)),
    ],
)
def test_analyses_are_at_ever_longer_steps(pairs: int, expected: tuple[int, ...]) -> None:
    """Earlier or more frequent analyses would cause more false alarms than the statistics allow for."""
    assert looks(pairs) == expected


@given(st.integers(5, 1000))
def test_there_are_at_most_six_analyses_before_the_last(pairs: int) -> None:
    """Each costs some certainty; none comes before the fifth pair or twice."""
    planned = looks(pairs)
    assert planned[-1] == pairs
    assert 5 in planned
    assert len(planned) <= 7
    assert list(planned) == sorted(set(planned))


@pytest.mark.parametrize(
    ("asked", "pairs_s", "elapsed_s", "budget_s", "pairs"),
    [
        (None, [9.0, 1.0, 1.0, 1.0], 12.0, None, 40),
        (None, [2.0, 2.0, 2.0, 2.0], 8.0, None, 30),
        (None, [2.0, 1.0, 2.0, 3.0], 8.0, None, 30),
        (None, [20.0, 2.0, 2.0, 2.0], 26.0, None, 21),
        (None, [6.0] * 4, 24.0, None, 10),
        (None, [30.0] * 4, 120.0, None, 10),
        (None, [2.0] * 4, 8.0, 30.0, 12),
        (None, [2.0] * 4, 20.0, 30.0, 7),
        (None, [2.0] * 4, 29.0, 30.0, 5),
        (None, [9.0] * 4, 60.0, 600.0, 10),
        (None, [0.0] * 4, 0.0, None, 40),
        (200, [2.0] * 4, 8.0, None, 200),
        (200, [2.0] * 4, 8.0, 30.0, 12),
        (4, [2.0] * 4, 8.0, 9.0, 4),
    ],
)
def test_pairs_are_added_while_they_take_less_than_a_minute(
    asked: int | None, pairs_s: list[float], elapsed_s: float, budget_s: float | None, pairs: int
) -> None:
    """Ten, unless the budget ends before; the first pair, in which much happens once, says nothing of the others."""
    assert affordable_pairs(asked, pairs_s, elapsed_s, budget_s) == pairs


@pytest.mark.parametrize(
    ("asked", "said", "pairs"),
    [
        (7, 33, 7),
        (7, 1, 5),
        (None, 33, 33),
        (None, None, 10),
        (None, 1, 5),
        (None, 10**6, 40),
        (100, None, 100),
        (100, 33, 33),
        (3, 1, 3),
    ],
)
def test_what_a_measurement_says_of_its_plan_is_bounded(asked: int | None, said: int | None, pairs: int) -> None:
    """Whoever writes a measurement cannot choose how often it may be looked at; what was asked for counts first."""
    assert planned_pairs(asked, said) == pairs


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
