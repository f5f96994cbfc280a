"""Who ran first in a pair, and neighbouring pairs that are alike: seen, taken off, and said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action import analysis
from regress_action.analysis import autocorrelation, designs, estimate, pair_order
from regress_action.analysis.policy import SamplingPlan
from regress_action.analysis.run_matrix import Scale
from regress_action.model.comparisons import Verdict
from regress_action.report.reasons import sentence
from unit.analysis.compared_sides import number, of, only_row, pairs, reason_of

if TYPE_CHECKING:
    from regress_action.model.comparisons import Comparison

SEEDS = st.integers(0, 2**32 - 1)
NO_TAU = analysis.Policy(session_spread=analysis.SessionSpread(paired=0.0))
examples = settings(max_examples=20, deadline=None)


def turned(base: np.ndarray, head: np.ndarray, *, known: bool = True) -> Comparison:
    """Compare logarithms in pairs in ABBA order: the base runs first in the first pair, the head in the second."""
    order = [n % 2 for n in range(len(base))]
    sides = [
        pairs({"b": np.exp(of)}, positions=[place ^ turn for place in order] if known else [])
        for of, turn in ((base, 0), (head, 1))
    ]
    return only_row(analysis.compare(sides[:1], sides[1:], NO_TAU))


def second_slower(seed: int, count: int, by: float, level: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw both sides of pairs with 1 % noise, the second of each pair slower by a log ratio."""
    base, head = np.random.default_rng(seed).normal(0, 0.01, (2, count))
    base_second = np.arange(count) % 2 == 1
    return base + by * base_second, head + by * ~base_second + level


@examples
@given(SEEDS, st.integers(5, 9))
def test_without_the_effect_of_the_order_it_is_the_intercept_of_a_regression_on_it(seed: int, count: int) -> None:
    """Ten times the noise: estimate, interval and p-value of least squares with a column of +1 and -1."""
    base, head = second_slower(seed, count, 0.1)
    second = 1.0 - 2 * (np.arange(count) % 2)
    design = np.stack([np.ones(count), second], axis=1)
    solution, residual, _, _ = np.linalg.lstsq(design, head - base, rcond=None)
    variance = residual[0] / (count - 2) * np.linalg.inv(design.T @ design)[0, 0]
    student = stats.t(count - 2)
    level = head - base - solution[1] * second
    assume(np.ptp(level) < 10 * stats.median_abs_deviation(level, scale="normal"))  # else an outlier is left out

    row = turned(base, head)

    assert np.log(number(row.ratio)) == pytest.approx(solution[0], abs=1e-9)
    assert np.log(number(row.ratio_high)) == pytest.approx(solution[0] + student.isf(0.025) * variance**0.5, rel=1e-6)
    assert row.p_value == pytest.approx(2 * student.sf(abs(solution[0]) / variance**0.5), rel=1e-6)


def test_a_slowdown_is_found_that_the_order_would_hide() -> None:
    """6 % slower, and whoever runs second 10 %: found where the order is known, open where it is not."""
    base, head = second_slower(1, 10, 0.1, level=0.06)

    assert turned(base, head).verdict is Verdict.REGRESSION
    assert turned(base, head, known=False).verdict is Verdict.INCONCLUSIVE


def test_order_without_an_effect_is_taken_off_in_one_row_of_a_hundred() -> None:
    """Of 20 000 rows of white noise at 1 %, whatever the number of pairs; of one order only, never."""
    values = np.random.default_rng(2).normal(0, 1, (20_000, 7))
    second = np.array([1, -1, 1, -1, 1, -1, 1])

    effect, scaling = pair_order.effect_of_order(values, second)

    assert np.mean(effect != 0) == pytest.approx(0.01, abs=0.003)
    assert set(np.round(scaling, 9)) == {1.0, round(6 / 5 * 49 / 48, 9)}
    for unknown in (np.ones(7, int), np.array([1, 1, 1, 1, 1, 1, -1]), np.array([1, -1, 1, -1, 1, -1, 0])):
        assert not pair_order.effect_of_order(values + 9 * unknown, unknown)[0].any()


@examples
@given(SEEDS, st.integers(5, 40))
def test_cautious_neighbours_are_at_least_as_much_alike_as_expected_ones(seed: int, count: int) -> None:
    """Both lie between none and 0.95; of fewer than twelve pairs of one row nothing is expected."""
    differences, sums = np.random.default_rng(seed).normal(0, 1, (2, 3, count))

    expected, cautious, _ = pair_order.correlation_of_pairs(differences, sums)

    assert ((expected >= 0) & (expected <= cautious) & (cautious <= autocorrelation.MOST_CORRELATED)).all()
    assert count >= 12 or not expected.any()


def test_sums_tell_of_neighbours_as_far_as_the_machine_does_not_move_them() -> None:
    """Both sides wander by themselves: the sums tell as much again. A machine that heats up is in the sums alone."""
    random = np.random.default_rng(4)
    quiet = random.normal(0, 0.01, (1, 20))
    wandering = np.cumsum(random.normal(0, 0.002, (1, 20)), axis=1)
    heating = quiet + 0.1 * np.arange(20)

    alone, with_sums, heated = (
        pair_order.correlation_of_pairs(quiet, sums)[0][0] for sums in (np.full((1, 20), np.nan), wandering, heating)
    )

    assert with_sums > alone + 0.1
    assert heated == pytest.approx(alone, abs=0.01)


@pytest.mark.parametrize("count", [12, 20])
def test_sides_that_drift_by_themselves_are_called_slower_in_one_of_twenty_at_most(count: int) -> None:
    """Identical code, each side an AR(1) series with correlation 0.5 and 4 % noise; rows by themselves."""
    random = np.random.default_rng(11)
    shocks = random.normal(0, 0.04 * 0.75**0.5, (2, 3996, count + 20))
    sides = np.zeros_like(shocks)
    for index in range(1, count + 20):
        sides[:, :, index] = 0.5 * sides[:, :, index - 1] + shocks[:, :, index]
    slower = []
    for base, head in zip(*(np.split(side, 444) for side in sides[:, :, 20:]), strict=True):
        order = pair_order.PairOrder(
            np.zeros(9), np.ones(9), *pair_order.correlation_of_pairs(head - base, head + base)
        )
        estimate = designs.paired(head - base, np.full(9, 0.0075), 5, None, order)
        tail = stats.t(estimate.df).sf(estimate.d / estimate.se)
        slower += ((tail <= 0.025) & (estimate.d >= np.log(1.03))).tolist()

    assert np.mean(slower) <= 0.055


def test_pairs_that_rest_on_their_independence_say_so() -> None:
    """One side that wanders up: the same values in an order that shows no drift are proven without reservation."""
    wandering = np.array([0.02, 0.03, 0.05, 0.08, 0.10, 0.12, 0.13, 0.13])
    steady = wandering[[0, 7, 1, 6, 2, 5, 3, 4]]
    quiet = np.zeros(8)

    alike, mixed = (turned(quiet, head, known=False) for head in (wandering, steady))

    assert alike.verdict is mixed.verdict is Verdict.REGRESSION
    assert alike.p_value == pytest.approx(number(mixed.p_value))
    assert (reason_of(alike).independent, reason_of(mixed).independent) == (True, False)
    said = "It is not proven if one side drifts and neighbouring pairs are alike."
    assert (said in sentence(alike), said in sentence(mixed)) == (True, False)
    assert said not in sentence(replace(alike, reason=replace(reason_of(alike), independent=False)))


def test_pairs_that_are_all_alike_leave_one_degree_of_freedom() -> None:
    """Fewer than one would make the interval wider than two pairs do."""
    one = np.ones(1)
    order = pair_order.PairOrder(effect=0 * one, scaling=one, correlation=0.9 * one, cautious=one, evidence=one)

    assert order.widened(one, 4 * one, 5 * one)[1].tolist() == [1]


@pytest.mark.parametrize("count", [2, 5, 12, 30])
@pytest.mark.parametrize("alike", [0.0, 0.3, 0.8])
def test_the_mean_of_pairs_that_are_alike_is_as_uncertain_as_their_covariances_say(count: int, alike: float) -> None:
    """Of a first-order series: the variance of its mean, and what its own sample variance is expected to show."""
    covariance = alike ** np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    of_mean = covariance.mean()
    expected = np.trace(covariance - of_mean) / (count - 1)
    order = pair_order.PairOrder(*(np.array([value]) for value in (0.0, 1.0, alike, alike, 0.0)))

    variance, df = order.widened(np.array([expected]), np.array([count - 1.0]), np.array([float(count)]))

    assert variance / count == pytest.approx(of_mean if expected * count >= 1 else of_mean * expected * count)
    assert df == pytest.approx(max((count - 1) * (1 - alike) / (1 + alike), 1))


@pytest.mark.parametrize("rows", [1, 9, 10, 14])
def test_neighbouring_pairs_are_as_much_alike_as_the_posterior_of_their_estimates_says(rows: int) -> None:
    """Row by row: corrected for its bias, sums weighed by their variance, drawn to zero; a suite shares its mean."""
    random = np.random.default_rng(rows)
    differences = 0.01 * np.cumsum(random.normal(0, 1, (rows, 16)), axis=1) * random.choice([0, 1, 1], (rows, 1))
    differences += random.normal(0, 0.01, (rows, 16))
    sums = random.normal(0, 0.02, (rows, 16)) + random.choice([0, 0.02], (rows, 1)) * np.arange(16)
    pairs = random.choice([5 if rows == 10 else 4, 5, 11, 12, 16], rows)  # ten that are a suite by one row
    for values in (differences, sums):
        values[np.arange(16) >= pairs[:, None]] = np.nan
    estimates, variances = np.full(rows, np.nan), np.full(rows, np.nan)
    for row, n in enumerate(pairs):
        of = [values[row, :n] for values in (differences, sums)]
        weight = min(of[0].var() / of[1].var(), 1)
        lags = [(n * autocorrelation.lag_one(values[None])[0] + 1) / (n - 3) for values in of]
        if n >= 5:
            estimates[row] = (lags[0] + weight * lags[1]) / (1 + weight)
            variances[row] = n / (n - 3) ** 2 * (1 + weight**2) / (1 + weight) ** 2
    usable = pairs >= 5
    shared = usable.sum() >= 10
    if shared:
        estimates = np.where(usable, np.nanmean(estimates), np.nan)
        weights = [min(np.nanvar(one) / np.nanvar(two), 1) for one, two in zip(differences, sums, strict=True)]
        together = pair_order._variance_of_shared(
            (differences[usable], sums[usable]), np.array(weights)[usable], float(np.nanmean(estimates))
        )
        variances = np.where(usable, np.nanmedian(variances) * together, np.nan)
    drawn = 0.25**2 / (0.25**2 + variances)
    seen = usable & (shared | (pairs >= 12))

    expected, cautious, evidence = pair_order.correlation_of_pairs(differences, sums)

    likelihoods = [stats.norm(0, np.sqrt(variances + width)).pdf(estimates) for width in (0.25**2, 0)]
    any_at_all = likelihoods[0] / sum(likelihoods) if shared else 1.0
    assert expected == pytest.approx(np.where(seen, np.clip(drawn * estimates, 0, 0.95) * any_at_all, 0))
    upper = np.clip(drawn * estimates + np.sqrt(drawn * variances), 0, 0.95)
    assert cautious == pytest.approx(np.where(usable, upper, 0))
    assert evidence == pytest.approx(np.where(seen, estimates / np.sqrt(variances), 0))


@pytest.mark.parametrize("alike", [0.0, 0.5])
@pytest.mark.parametrize("count", [5, 10, 40])
def test_rows_that_have_nothing_to_do_with_each_other_are_alike_by_chance(count: int, alike: float) -> None:
    """Of independent first-order series the mean squared correlation is what is expected of their length."""
    values = autoregressive(np.random.default_rng(count), (3000, count), alike)

    expected = pair_order._by_chance(values, alike)

    assert pair_order._mean_square_correlation(values) == pytest.approx(expected, rel=0.04)
    assert alike > 0 or expected == pytest.approx(1 / (count - 1))


def test_the_mean_squared_correlation_is_that_of_all_pairs_of_different_rows() -> None:
    """Row by row; one that does not vary is left out."""
    values = np.random.default_rng(1).normal(0, 1, (6, 8)).cumsum(axis=1)
    squares = np.corrcoef(values) ** 2
    expected = (squares.sum() - 6) / 30

    assert pair_order._mean_square_correlation(values) == pytest.approx(expected)
    assert pair_order._mean_square_correlation(np.concatenate([values, np.ones((2, 8))])) == pytest.approx(expected)
    assert np.isnan(pair_order._mean_square_correlation(values[:1]))


@pytest.mark.parametrize("alike", [0.0, 0.5])
def test_a_suite_of_independent_rows_errs_by_as_much_as_it_says(alike: float) -> None:
    """The mean lag-one correlation of thirty rows varies by its own standard error; of white noise around none."""
    random = np.random.default_rng(3)
    evidence = []
    for _ in range(200):
        base, head = autoregressive(random, (2, 30, 10), alike)
        evidence.append(pair_order.correlation_of_pairs(head - base, head + base)[2][0])

    assert 0.6 < np.std(evidence) < 1.2
    assert np.median(evidence) > 5 if alike else abs(np.mean(evidence)) < 0.4


def test_rows_that_move_together_count_as_their_square_root() -> None:
    """Thirty times the same row says no more than one; it is never taken for fewer than five or so."""
    random = np.random.default_rng(4)
    together, apart = (random.normal(0, 1, (2, rows, 20)) for rows in (1, 30))
    same = np.repeat(together, 30, axis=1)

    assert pair_order._variance_of_shared((same[0], same[1]), np.ones(30), 0.0) == pytest.approx(30**-0.5)
    assert pair_order._variance_of_shared((apart[0], apart[1]), np.ones(30), 0.0) < 0.05
    assert pair_order._variance_of_shared((apart[0], same[1]), np.zeros(30), 0.0) < 0.05


def autoregressive(random: np.random.Generator, shape: tuple[int, ...], alike: float) -> np.ndarray:
    """Draw first-order series of variance one along the last axis."""
    values = random.normal(0, 1, shape)
    for index in range(1, shape[-1]):
        values[..., index] = alike * values[..., index - 1] + (1 - alike**2) ** 0.5 * values[..., index]
    return values


def test_what_neighbouring_pairs_explain_is_not_taken_for_two_builds() -> None:
    """Thirty rows that drift on each side scatter by more than one pair shows: the order of the pairs says why."""
    base, head = 0.03 * autoregressive(np.random.default_rng(6), (2, 30, 10), 0.7)
    order = pair_order.PairOrder(np.zeros(30), np.ones(30), *pair_order.correlation_of_pairs(head - base, head + base))
    scale = Scale(*(np.full(30, value) for value in (False, 1.0, False, True, False)))
    tau = np.full(30, 0.0075)

    alone, ordered = (
        estimate._spread_of_builds(scale, head - base, tau, designs.no_prior(30), of) for of in (None, order)
    )

    assert (alone > 0.01).all()
    assert ordered == pytest.approx(tau)

    sides = [pairs({f"{n:02}": np.exp(row) for n, row in enumerate(side)}) for side in (base, head)]
    judged = analysis.compare(sides[:1], sides[1:])
    prior = estimate._suite_prior(scale, head - base, order)
    spread = estimate._spread_of_builds(scale, head - base, tau, prior, order)
    expected = designs.paired(head - base, spread, 5, prior, order)
    half = stats.t(expected.df).isf(0.025) * expected.se
    rows = {row.benchmark.name: row for row in judged.comparisons}
    for n in range(30):
        row = rows[f"{n:02}"]
        assert np.log(number(row.ratio_high) / number(row.ratio_low)) / 2 == pytest.approx(half[n], rel=1e-6)


@pytest.mark.parametrize(
    ("correlated", "benchmarks", "confirmed"), [(True, 10, False), (False, 10, None), (True, 9, None)]
)
def test_what_holds_of_independent_pairs_alone_is_suspected_in_a_suite_whose_neighbours_seem_alike(
    correlated: bool, benchmarks: int, confirmed: object
) -> None:
    """Each side of every benchmark drifts, or is in no order; fewer than ten show nothing together."""
    sides = 0.015 * np.random.default_rng(12).normal(0, 1, (10, 2, 5)).cumsum(axis=2)
    sides -= sides.mean(axis=2, keepdims=True)
    sides[0, 1] += np.log(1.15)
    order = np.arange(5) if correlated else np.array([3, 0, 4, 1, 2])
    base, head = (
        pairs({f"b{n}": np.exp(row[side, order]) for n, row in enumerate(sides[:benchmarks])}) for side in (0, 1)
    )

    row = of(analysis.compare([base], [head]), "b0")
    undecided = analysis.analyse_interim([base], [head], analysis.Policy(), SamplingPlan()).undecided

    assert (row.verdict, row.confirmed) == (Verdict.REGRESSION, confirmed)
    assert confirmed is None or "b0" in undecided  # more pairs may show that they are not alike
    assert ("Neighbouring pairs of the suite seem alike" in sentence(row)) == (confirmed is False)


def test_a_suite_of_ten_seems_alike_from_1_2_standard_errors_on() -> None:
    """Times and all else each among their own; a row of too few pairs has no evidence, and makes no suite."""
    evidence = np.concatenate([np.full(10, 1.3), np.full(10, 1.1), np.full(9, 1.3), [0.0]])
    none = np.zeros(30)
    order = pair_order.PairOrder(none, none, none, none, evidence)

    def seem_alike(timed: np.ndarray) -> list[int]:
        return np.flatnonzero(order.seem_alike(timed)).tolist()

    assert seem_alike(np.arange(30) < 10) == [*range(10), *range(20, 29)]
    assert seem_alike(np.arange(30) >= 20) == list(range(10))
    assert seem_alike(np.arange(30) < 20) == list(range(10))
