"""One new run among the stored ones: how surprising it is, whatever the noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action.analysis import exact_tests
from regress_action.model.comparisons import Verdict
from unit.analysis.compared_sides import reason_of, stored

examples = settings(max_examples=25, deadline=None)
NONE = np.zeros(1, dtype=bool)


def p_value(base: np.ndarray, new: float) -> float:
    """Return the p-value of one new run of a benchmark on its own."""
    return float(exact_tests.order_p_values(base[None], np.array([[new]]), NONE)[0])


@examples
@given(st.integers(0, 2**32 - 1), st.integers(4, 30))
def test_scores_are_the_prediction_errors_of_the_other_runs(seed: int, count: int) -> None:
    """Leaving one out, by the formula for the next observation."""
    base = np.random.default_rng(seed).normal(0, 1, count)

    scores = exact_tests.leave_one_out_scores(base[None])[0]

    for left_out in range(count):
        others = np.delete(base, left_out)
        error = others.std(ddof=1) * np.sqrt(1 + 1 / len(others))
        assert scores[left_out] == pytest.approx(abs(base[left_out] - others.mean()) / error, rel=1e-6)


@pytest.mark.parametrize("draw", ["normal", "cauchy", "bimodal", "skewed"])
def test_identical_runs_are_as_rarely_surprising_as_it_says(draw: str) -> None:
    """At most five per cent below 0.05, and two below 0.02, for any noise; the tail beyond the stored runs included."""
    random = np.random.default_rng(4)
    values = {
        "normal": random.normal(0, 1, (4000, 11)),
        "cauchy": random.standard_cauchy((4000, 11)),
        "bimodal": random.normal(0, 0.1, (4000, 11)) + (random.random((4000, 11)) < 0.2),
        "skewed": random.exponential(1, (4000, 11)),
    }[draw]

    p = exact_tests.order_p_values(values[:, :10], values[:, 10:], np.zeros(4000, dtype=bool))

    assert np.mean(p <= 0.05) <= 0.05
    assert np.mean(p <= 0.02) <= 0.02


@examples
@given(st.integers(0, 2**32 - 1), st.floats(1.1, 3.0))
def test_a_run_farther_away_is_never_less_surprising(seed: int, factor: float) -> None:
    """Monotone in the distance, between the stored runs and beyond them."""
    base = np.random.default_rng(seed).normal(0, 1, 12)

    assert p_value(base, base.mean() + factor) >= p_value(base, base.mean() + factor * 1.5)


def test_the_most_surprising_of_all_has_one_chance_in_their_number() -> None:
    """Just as far as the farthest stored run: 2 / (K + 1); beyond it 1 / (K + 1), and half of that twice as far."""
    base = np.random.default_rng(2).normal(0, 1, 9)
    error = base.std(ddof=1) * np.sqrt(1 + 1 / 9)
    farthest = exact_tests.leave_one_out_scores(base[None]).max()

    assert p_value(base, base.mean() + 0.999 * farthest * error) == pytest.approx(0.2)
    assert p_value(base, base.mean() + 1.001 * farthest * error) == pytest.approx(0.1, rel=0.01)
    assert p_value(base, base.mean() + 2 * farthest * error) == pytest.approx(0.05)


def test_a_suite_shows_the_tail_that_one_benchmark_cannot() -> None:
    """A hundred benchmarks of ten runs with rare slow runs: the new slow runs are as surprising as the stored ones."""
    random = np.random.default_rng(3)
    values = random.normal(0, 0.02, (100, 11)) + 0.7 * (random.random((100, 11)) < 0.05)

    p = exact_tests.order_p_values(values[:, :10], values[:, 10:], np.ones(100, dtype=bool))

    slow = values[:, 10] > 0.3
    assert slow.sum() >= 3
    assert p[slow].min() > 0.05 / 100
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.06)


@pytest.mark.parametrize(("benchmarks", "others"), [(20, 20 * 9), (19, 9)])
def test_from_twenty_benchmarks_on_their_stored_runs_are_pooled(benchmarks: int, others: int) -> None:
    """A new run is as surprising as its place among the runs of all of them, or of its own benchmark."""
    base = np.random.default_rng(6).normal(0, 1, (benchmarks, 9))
    scores = exact_tests.leave_one_out_scores(base)
    head = base.mean(axis=1, keepdims=True)
    head[0] += 1.3 * base[0].std(ddof=1) * np.sqrt(1 + 1 / 9)

    p = exact_tests.order_p_values(base, head, np.ones(benchmarks, dtype=bool))

    as_far = (scores if benchmarks == 20 else scores[0]) >= 1.3
    assert p[0] == pytest.approx((as_far.sum() + 1) / (others + 1))


def test_new_runs_that_all_scatter_more_are_scaled_to_the_stored_ones() -> None:
    """A machine three times as noisy today makes no benchmark of a suite surprising."""
    random = np.random.default_rng(5)
    base, head = random.normal(0, 1, (200, 10)), random.normal(0, 3, (200, 1))

    p = exact_tests.order_p_values(base, head, np.ones(200, dtype=bool))

    assert stats.kstest(p, "uniform").pvalue > 1e-4
    assert p.min() > 0.05 / 200


def test_three_stored_runs_and_two_new_ones_are_for_other_tests() -> None:
    """NaN: a score needs three others, and several new runs have a spread of their own."""
    assert np.isnan(exact_tests.order_p_values(np.zeros((1, 3)), np.ones((1, 1)), NONE)).all()
    assert np.isnan(exact_tests.order_p_values(np.zeros((1, 9)), np.ones((1, 2)), NONE)).all()


def test_a_new_run_that_is_just_significant_is_only_suspected() -> None:
    """Student's t proves 10 %; that none of ten stored runs was as slow does not."""
    base = np.exp(np.random.default_rng(1).normal(0, 0.03, 10)).tolist()

    suspected, proven = stored(base, [1.12]), stored(base, [1.6])

    assert (suspected.verdict, suspected.confirmed) == (Verdict.REGRESSION, False)
    assert (proven.verdict, proven.confirmed) == (Verdict.REGRESSION, None)
    assert reason_of(suspected).code == "one-new-run"


def p_by_definition(base: np.ndarray, head: np.ndarray, pooled: np.ndarray) -> list[float]:
    """Return the p-value of each row of which one new run and four stored ones are there."""

    def score(value: float, others: np.ndarray) -> float:
        return float(abs(value - others.mean()) / max(others.std(ddof=1) * np.sqrt(1 + 1 / len(others)), 1e-4))

    rows = [row[~np.isnan(row)] for row in base]
    heads = [row[~np.isnan(row)] for row in head]
    usable = [len(of) == 1 and len(row) >= 4 for of, row in zip(heads, rows, strict=True)]
    seen = [[score(row[i], np.delete(row, i)) for i in range(len(row))] if len(row) > 2 else [] for row in rows]
    new = [score(of[0], row) if use else np.nan for of, row, use in zip(heads, rows, usable, strict=True)]
    together = np.flatnonzero(usable & pooled)
    scale, pool = 1.0, list[float]()
    if len(together) >= 20:
        pool = [score for row in together for score in seen[row]]
        typical = np.median(pool)
        scale = max(np.median([new[row] for row in together]) / typical, 1.0) if typical > 0 else 1.0
    p = []
    for row, use in enumerate(usable):
        among, it = (pool, new[row] / scale) if pool and pooled[row] else (seen[row], new[row])
        as_far = sum(score >= it for score in among)
        beyond = 1 if as_far else max(among, default=0) / it
        p.append((as_far + beyond) / (len(among) + 1) if use else np.nan)
    return p


@pytest.mark.parametrize("rows", [6, 19, 24, 40])
@pytest.mark.parametrize("wider", [1.0, 3.0])
def test_p_values_are_those_of_counting_scores(rows: int, wider: float) -> None:
    """Rows with gaps, with too few stored runs, with no or two new ones, in the family or not, far off, or constant."""
    random = np.random.default_rng(rows)
    base, head = random.normal(0, 1, (rows, 9)), wider * random.standard_t(2, (rows, 2))
    head[:, 1] = np.nan
    base[random.random(base.shape) < 0.15] = np.nan
    base[5 if rows == 40 else rows :] = 5.0
    base[1, 4:] = base[2, 3:] = head[3, 0] = np.nan
    head[4, 1] = 0.5
    pooled = random.random(rows) < 0.9

    p = exact_tests.order_p_values(base, head, pooled)

    assert p == pytest.approx(p_by_definition(base, head, pooled), nan_ok=True)


@pytest.mark.parametrize("rows", [1, 20])
def test_a_new_run_like_stored_runs_that_never_differ_is_no_surprise(rows: int) -> None:
    """Everything is as far as everything; one that differs by more than any clock's error is one in ten."""
    base, head = np.full((rows, 9), 5.0), np.full((rows, 1), 5.0)
    family = np.full(rows, rows > 1)

    assert exact_tests.order_p_values(base, head, family).tolist() == [1.0] * rows
    assert exact_tests.order_p_values(base, head + 1, family) == pytest.approx([0.0] * rows)


@pytest.mark.parametrize(("runs", "fewest"), [(2, 2), (5, 2), (10, 2), (30, 2), (40, 3), (60, 5)])
def test_the_share_of_runs_below_which_a_path_may_be_missed(runs: int, fewest: int) -> None:
    """At this share one measurement in twenty holds fewer slow runs than it takes to name the path."""
    share = exact_tests.missed_path_share(runs)

    assert exact_tests.may_be_a_path(fewest, runs, 0, runs)
    assert fewest == exact_tests.FEWEST_SLOW or not exact_tests.may_be_a_path(fewest - 1, runs, 0, runs)
    assert stats.binom(runs, share).cdf(fewest - 1) == pytest.approx(0.05)


def test_one_pair_shows_no_path_at_all() -> None:
    """Two slow runs are needed to tell it from a stall."""
    assert exact_tests.missed_path_share(1) == 1
