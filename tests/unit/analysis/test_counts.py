"""Counts and zeros: exact where a mean is far from normal, and unchanged only where the asked limit is ruled out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action.analysis import exact_tests
from regress_action.model.comparisons import Verdict
from unit.analysis.compared_sides import COUNT, EXACT, paired, stored

examples = settings(max_examples=50, deadline=None)
ONE = np.ones(1, dtype=bool)


@examples
@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_the_p_value_is_that_of_the_conditional_binomial_test(base: list[int], head: list[int]) -> None:
    """Twice the smaller tail of H among H + B, at most one."""
    events, total = sum(head), sum(head) + sum(base)
    share = len(head) / (len(head) + len(base))
    tails = stats.binom(total, share).cdf(events), stats.binom(total, share).sf(events - 1)

    p = exact_tests.count_p_values(np.array([base], float), np.array([head], float), ONE)

    assert p[0] == pytest.approx(min(1, 2 * min(tails)), abs=1e-12)


def test_what_is_no_count_has_no_exact_test() -> None:
    """Fractions, and rows that are not compared by their difference."""
    assert np.isnan(exact_tests.count_p_values(np.array([[0.5, 1.0]]), np.array([[1.0, 2.0]]), ONE)).all()
    assert np.isnan(exact_tests.count_p_values(np.array([[1.0]]), np.array([[2.0]]), ~ONE)).all()


def test_a_side_without_runs_has_no_exact_test() -> None:
    """Whichever it is; a row beside it has one."""
    sides = np.array([[1.0], [np.nan], [np.nan], [3.0]]), np.array([[np.nan], [2.0], [np.nan], [3.0]])

    assert np.isnan(exact_tests.count_p_values(*sides, np.ones(4, bool))).tolist() == [True, True, True, False]


def test_a_rate_that_doubled_is_never_called_unchanged() -> None:
    """Twenty pairs of a count of mean one against two: worse, or open."""
    random = np.random.default_rng(1)
    verdicts = [paired(random.poisson(1, 20), random.poisson(2, 20), metric=COUNT).verdict for _ in range(60)]

    assert Verdict.UNCHANGED not in verdicts
    assert verdicts.count(Verdict.REGRESSION) >= 20


def test_zeros_that_hide_half_of_the_time_do_not_hide_that_the_rest_grew() -> None:
    """Half zeros, the other half 1.5 times as many: the limit is five per cent, not two standard deviations."""
    random = np.random.default_rng(2)

    for _ in range(30):
        base, head = ((random.random(25) < 0.5) * random.integers(900, 1100, 25) for _ in range(2))
        assert stored(base[:20], 1.5 * head[20:], metric=COUNT).verdict is not Verdict.UNCHANGED


def test_counts_that_never_vary_are_unchanged() -> None:
    """No event at all on either side, and an exact metric that stayed the same."""
    assert paired([0.0] * 8, [0.0] * 8, metric=COUNT).verdict is Verdict.UNCHANGED
    assert stored([0.0] * 8, [0.0], metric=EXACT).verdict is Verdict.UNCHANGED


def test_a_few_events_more_are_not_proven_by_a_variance_of_zero() -> None:
    """One event in every pair where there was none: exact, for Student's t would divide by nothing."""
    assert paired([0.0] * 5, [1.0] * 5, metric=COUNT).p_value == pytest.approx(2 / 32)


@examples
@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 40), st.integers(1, 40))
def test_the_chance_of_more_marked_runs_is_fishers(head: int, of_head: int, base: int, of_base: int) -> None:
    """One-sided, given how many of both sides together are marked."""
    head, base = min(head, of_head), min(base, of_base)
    table = [[head, of_head - head], [base, of_base - base]]

    expected = stats.fisher_exact(table, alternative="greater").pvalue

    assert exact_tests.p_of_more(head, of_head, base, of_base) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("runs", "fewest"), [(5, 2), (10, 2), (20, 2), (30, 2), (39, 2), (40, 3), (50, 4), (60, 5), (100, 5)]
)
def test_more_runs_must_be_slow_of_many_to_be_a_path_of_the_head(runs: int, fewest: int) -> None:
    """The base has none; fewer are no evidence of any, and rule out that 15 % of the runs take it."""
    shown = [slow for slow in range(2, runs + 1) if exact_tests.may_be_a_path(slow, runs, 0, runs)]

    assert shown == list(range(fewest, runs + 1))
    assert stats.binom(runs, 0.15).cdf(fewest - 1) < 0.05 or fewest == 2


@pytest.mark.parametrize(("runs", "of_base", "fewest"), [(5, 1, 5), (20, 1, 6), (20, 2, 8), (60, 1, 7), (60, 5, 13)])
def test_stalls_of_the_base_excuse_as_many_of_the_head(runs: int, of_base: int, fewest: int) -> None:
    """What chance explains in one case of twenty or more is no path of the head."""
    shown = [slow for slow in range(2, runs + 1) if exact_tests.may_be_a_path(slow, runs, of_base, runs)]
    fisher = [
        slow
        for slow in range(2, runs + 1)
        if stats.fisher_exact([[slow, runs - slow], [of_base, runs - of_base]], alternative="greater").pvalue <= 0.05
    ]

    assert shown == fisher == list(range(fewest, runs + 1))
