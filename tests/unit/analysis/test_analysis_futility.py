"""What is given up while pairs are measured would hardly have been decided, and what goes on often is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action import analysis
from regress_action.analysis import designs, sequential, tests
from regress_action.analysis.comparison import analyse
from regress_action.analysis.policy import SamplingPlan
from regress_action.model.comparisons import Verdict
from unit.analysis.compared_sides import pairs

PLAN = SamplingPlan(tuple(range(5, 21)))
POLICY = analysis.Policy(session_spread=analysis.SessionSpread(paired=0.0), plan=PLAN)
MANY = 800


def drawn(count: int) -> tuple[list[analysis.Report], list[analysis.Report]]:
    """Draw pairs of many benchmarks, noisy from 1 to 15 %, of which a third each is slower, faster or the same."""
    random = np.random.default_rng(1)
    spread = np.exp(random.uniform(np.log(0.01), np.log(0.15), (MANY, 1)))
    heads = np.exp(random.choice([-0.05, 0.0, 0.05], (MANY, 1)) + spread * random.standard_normal((MANY, PLAN.pairs)))
    bases = np.exp(0.02 * random.standard_normal((MANY, PLAN.pairs)))
    base, head = ({f"b{n}": row[:count] for n, row in enumerate(side)} for side in (bases, bases * heads))
    return [pairs(base)], [pairs(head)]


def verdicts(count: int) -> dict[str, Verdict]:
    """Judge what was measured after so many pairs."""
    return {row.benchmark.name: row.verdict for row in analysis.compare(*drawn(count), POLICY).comparisons}


def test_what_is_given_up_would_not_have_been_decided() -> None:
    """Four pairs before the end: of a hundred that are let go at most five, of those that go on a good quarter."""
    look = analysis.analyse_interim(*drawn(16), replace(POLICY, plan=None), PLAN)
    now, end = verdicts(16), verdicts(20)

    given_up = [name for name, verdict in now.items() if verdict is Verdict.INCONCLUSIVE and name not in look.undecided]
    decided, went_on = (
        np.mean([end[name] is not Verdict.INCONCLUSIVE for name in names]) for names in (given_up, look.undecided)
    )

    assert len(given_up) >= 20
    assert decided <= 0.05
    assert went_on >= 0.25


def test_the_chance_to_end_beyond_is_that_of_a_normal_deviate() -> None:
    """On either side of zero."""
    z = np.array([-3.0, -0.5, 0.0, 0.5, 3.0])

    assert sequential._beyond(z) == pytest.approx(stats.norm.sf(z))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 40))
@example(19, 3, 20)
def test_pairs_to_come_are_predicted_from_those_that_are_there(now: int, beyond: int, planned: int) -> None:
    """By a normal distribution for the beta-binomial one of Jeffreys' prior; as many as counting allows are few."""
    beyond = min(beyond, now)
    differences = np.array([[1.0] * beyond + [0.0] * (now - beyond) + [np.nan] * 3])
    left = planned - now
    allowed = int(tests.most_allowed(np.array([max(planned, now)]), 0.05)[0]) - beyond

    chance = sequential._chance_of_few(differences, np.array([1.0]), planned, 0.05)[0]

    if left <= 0 or allowed < 0:
        assert chance == 0
    else:
        predicted = stats.betabinom(left, beyond + 0.5, now - beyond + 0.5)
        assert chance == pytest.approx(stats.norm.cdf((allowed + 0.5 - predicted.mean()) / predicted.std()))
        assert chance == pytest.approx(predicted.cdf(allowed), abs=0.12 if now > 5 else 0.19)


@pytest.mark.parametrize("count", [5, 12, 18, 20])
def test_what_hardly_gets_any_further_is_given_up(count: int) -> None:
    """The chance of ending beyond the smallest change, or within a size, of a mean that moves by the pairs to come."""
    seen = analyse(*drawn(count), POLICY)
    results, differences = seen.results, seen.estimates.head - seen.estimates.base
    _, middle, variance, _ = designs.trimmed(differences, 20)
    spread = np.sqrt(variance) * (1 + 1 / count)
    half = stats.t.isf(0.025, 15) * np.sqrt(spread**2 / 20 + seen.estimates.estimate.irreducible**2)
    wander = np.maximum(spread * np.sqrt(1 / count - 1 / 20), 1e-9)
    size = np.maximum(results.smallest, half)

    def within(limit: np.ndarray) -> np.ndarray:
        counted = sequential._chance_of_few(differences, limit, 20, 0.05)
        return np.asarray(np.maximum(stats.norm.cdf((limit - half - middle) / wander), counted))

    changed = stats.norm.cdf((middle - size) / wander) + stats.norm.cdf((-middle - size) / wander)
    chance = changed + np.maximum(np.where(results.unchanged, 0, within(results.margin)), within(results.smallest))
    expected = (chance < np.where(results.unchanged, 0.5, 0.03)) & (count < 20)
    assert sequential._futile(seen, PLAN, 0.05).tolist() == expected.tolist()
