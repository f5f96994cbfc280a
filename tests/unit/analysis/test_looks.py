"""Intervals and p-values that are looked at several times err together as often as one would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action.analysis import designs, looks
from regress_action.analysis.policy import SamplingPlan

PLAN = SamplingPlan()


@pytest.mark.parametrize("systematic", [0.0, 0.1, 0.5])
def test_one_measurement_in_twenty_errs_at_any_of_its_looks(systematic: float) -> None:
    """Student's intervals at the level of each measurement's own noise, looked at after every pair from five on."""
    random = np.random.default_rng(8)
    values = random.standard_normal((8000, 10)) + systematic * random.standard_normal((8000, 1))
    errs = np.zeros(len(values), dtype=bool)
    for pairs in PLAN.looks:
        seen = values[:, :pairs]
        deviation = seen.std(axis=1, ddof=1)
        level = looks.interval_levels(PLAN, 0.05, np.full(len(values), systematic), deviation)
        se = np.sqrt(deviation**2 / pairs + systematic**2)
        errs |= np.abs(seen.mean(axis=1)) > stats.t(pairs - 1).isf(level / 2) * se

    assert errs.mean() <= 0.056


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.2), st.floats(0.001, 0.2))
def test_a_level_is_paid_once_at_most_and_never_exceeds_alpha(systematic: float, spread: float) -> None:
    """Between the strictest one, for independent pairs, and alpha; more in common costs less."""
    (level,) = looks.interval_levels(PLAN, 0.05, np.array([systematic]), np.array([spread]))
    (more,) = looks.interval_levels(PLAN, 0.05, np.array([2 * systematic]), np.array([spread]))

    assert looks.strictest_level(PLAN, 0.05) <= level <= more <= 0.05


@pytest.mark.parametrize("plan", [PLAN, SamplingPlan((5, 7, 10, 14, 20, 28, 40))])
def test_p_values_that_paid_for_looks_err_as_often_as_one_look_does(plan: SamplingPlan) -> None:
    """Of 20 000 measurements of identical code, at 5 and 1 %: the least of all looks, hardly more than the last."""
    random = np.random.default_rng(9)
    values = random.standard_normal((20_000, plan.pairs))
    least, last = np.ones(len(values)), np.ones(len(values))
    for pairs in plan.looks:
        estimate = designs.paired(values[:, :pairs], np.full(len(values), 0.01), 5)
        last = stats.t(estimate.df).sf(np.abs(estimate.d / estimate.se)) * 2
        least = np.minimum(least, looks.paid_for_looks(last, plan, 0.05, estimate.base_runs, estimate))

    for alpha in (0.05, 0.01):
        assert np.mean(least <= alpha) <= 1.1 * alpha
        assert np.mean(last <= alpha) <= np.mean(least <= alpha) + 0.2 * alpha


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-9, 1), st.floats(1e-9, 1), st.floats(0.001, 0.2), st.integers(5, 10))
def test_looking_costs_at_most_what_the_plan_says_and_keeps_the_order(
    first: float, second: float, spread: float, pairs: int
) -> None:
    """A p-value never gets smaller, and the smaller of two stays the smaller."""
    values = np.array([min(first, second), max(first, second)])
    estimate = designs.paired(np.random.default_rng(1).normal(0, spread, (2, pairs)), np.full(2, 0.0075), 5)

    paid = looks.paid_for_looks(values, PLAN, 0.05, estimate.base_runs, estimate)

    assert (paid >= values).all()
    assert (paid <= values * PLAN.penalty(estimate.base_runs) * (1 + 1e-9)).all()
    assert estimate.spread[0] != estimate.spread[1] or paid[0] <= paid[1]
    assert pairs == PLAN.pairs or paid.tolist() == (10 * values).tolist()


def test_a_plan_with_one_look_costs_nothing() -> None:
    """Nobody looks before the end."""
    estimate = designs.paired(np.random.default_rng(1).normal(0, 1, (1, 5)), np.zeros(1), 5)
    assert looks.paid_for_looks(np.array([0.01]), SamplingPlan((5,)), 0.05, np.array([5.0]), estimate) == [0.01]
    assert looks.strictest_level(SamplingPlan((5,)), 0.05) == pytest.approx(0.05, rel=0.05)


def test_a_third_of_what_seems_irreducible_is_relied_upon() -> None:
    """The level rises with the ratio of the squares up to 0.9, which counts as 0.3, the largest that was simulated."""
    ratios = np.array([0.6, 0.9, 90.0])

    below, at, beyond = looks.interval_levels(PLAN, 0.05, np.sqrt(ratios), np.ones(3))

    assert below < at == pytest.approx(beyond)


def p_of_identical_code(numbers: tuple[int, ...], ratio: float) -> np.ndarray:
    """Return what each of 20 000 measurements of normal noise shows at each look, when builds differ by `ratio`."""
    random = np.random.default_rng(0)
    values, build = random.standard_normal((20_000, numbers[-1])), random.standard_normal(20_000)
    p = np.ones((20_000, len(numbers)))
    for look, pairs in enumerate(numbers):
        seen = values[:, :pairs]
        error = np.sqrt(ratio + seen.var(axis=1, ddof=1) / pairs)
        p[:, look] = 2 * stats.t(pairs - 1).sf(np.abs((seen.mean(axis=1) + np.sqrt(ratio) * build) / error))
    return p


@pytest.mark.parametrize("plan", [PLAN, SamplingPlan((3, 7, 9)), SamplingPlan((5, 6))])
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_what_looks_cost_is_what_errs_in_simulated_measurements(plan: SamplingPlan, alpha: float) -> None:
    """At the level, α of them err at any look; so many do with the penalty of the last one, which is 1 to 2."""
    cost = looks._cost_of_looks(plan, alpha)
    early, last = (float(plan.penalty(np.array([pairs]))[0]) for pairs in (1.0, plan.pairs))
    for ratio, level, *penalties in zip((0, 0.003, 0.01, 0.03, 0.1, 0.3), *cost, strict=True):
        p = p_of_identical_code(plan.looks, ratio)
        assert level == pytest.approx(min(np.quantile(p.min(axis=1), alpha), alpha), rel=1e-9)
        for penalty, errs in zip(penalties, (alpha / 5, alpha), strict=True):
            stopped = (p[:, :-1] * early <= errs).any(axis=1)
            at_the_end = np.sort(np.where(stopped, 1, p[:, -1]))
            may_err = errs - stopped.mean()
            assert penalty == pytest.approx(np.clip(errs / np.quantile(at_the_end, may_err), 1, last), rel=1e-9)


def test_the_last_look_may_spend_what_the_early_ones_left() -> None:
    """Four measurements, of which one or two were stopped: at half of α, or at once where more than α were."""
    plan, alpha = SamplingPlan((5, 6)), 0.5

    def last(*p: tuple[float, float]) -> float:
        return looks._last_penalty(np.array(p), plan, alpha)

    assert last((0.25, 0.9), (0.3, 0.4), (0.9, 0.5), (0.9, 0.6)) == pytest.approx(
        0.5 / np.quantile([0.4, 0.5, 0.6, 1], 0.25)
    )
    assert last((0.2, 0.9), (0.2, 0.9), (0.2, 0.1), (0.9, 0.3)) == pytest.approx(0.5 / 0.3)
    assert last((0.2, 0.9), (0.9, 0.01), (0.9, 0.01), (0.9, 0.01)) == pytest.approx(2)
    p = np.array([(0.2, 0.9), (0.2, 0.9), (0.9, 0.4), (0.9, 0.5)])
    assert looks._last_penalty(p, plan, 0.9) == pytest.approx(0.9 / (0.5 + 0.2 * (1 - 0.5)))


@pytest.mark.parametrize("plan", [PLAN, SamplingPlan((3, 7, 9))])
def test_the_penalty_of_the_last_look_is_read_between_three_p_values(plan: SamplingPlan) -> None:
    """At α, α/5 and α/25 on a logarithmic scale, and at a third of the ratio of the variances; earlier it is one."""
    cost, alpha = looks._cost_of_looks(plan, 0.05), 0.05
    p = np.array([0, 1e-9, 0.002, 0.003, 0.01, 0.03, 0.05, 0.2, 1])
    none = np.zeros(len(p))
    estimate = designs.paired(np.random.default_rng(3).normal(0, 0.1, (len(p), plan.pairs)), none, 3)
    for ratio in (0.0, 0.002, 0.06, 5.0):
        estimate.irreducible = estimate.spread * np.sqrt(3 * ratio)
        early, end = (float(plan.penalty(np.array([pairs]))[0]) for pairs in (plan.pairs - 1.0, float(plan.pairs)))
        rare, usual = (np.interp(ratio, (0, 0.003, 0.01, 0.03, 0.1, 0.3), of) for of in (cost.rare, cost.usual))
        for pairs in (plan.pairs - 1, plan.pairs, plan.pairs + 1):
            paid = looks.paid_for_looks(p, plan, alpha, none + pairs, estimate)
            with np.errstate(divide="ignore"):
                last = np.interp(np.log(p), np.log([alpha / 25, alpha / 5, alpha]), [end, rare, usual])
            assert paid == pytest.approx(p * (early if pairs < plan.pairs else last))


def test_what_is_irreducible_is_compared_with_the_variance_of_one_pair() -> None:
    """Levels are read at a third of the ratio of the squares; without noise all is irreducible, or nothing known."""
    levels = looks._cost_of_looks(PLAN, 0.05).levels
    irreducible, spread = np.array([0.0, 0.1, 0.2, 0.0, 0.1]), np.array([0.1, 1.0, 0.5, 0.0, 0.0])
    ratios = [0.0, 0.01 / 3, 0.16 / 3, 0.0, 0.3]

    found = looks.interval_levels(PLAN, 0.05, irreducible, spread)

    assert found == pytest.approx(np.interp(ratios, (0, 0.003, 0.01, 0.03, 0.1, 0.3), levels))
    assert looks.strictest_level(PLAN, 0.05) == levels[0]
    assert list(levels) == sorted(set(levels))
