"""Intervals that are looked at several times hold the truth together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action.analysis import tests
from regress_action.analysis.policy import SamplingPlan

PLAN = SamplingPlan(pairs=10)


@pytest.mark.parametrize("systematic", [0.0, 0.1, 0.5])
def test_one_measurement_in_twenty_errs_at_any_of_its_looks(systematic: float) -> None:
    """Student's intervals at the level of each measurement's own noise, looked at after every pair from five on."""
    random = np.random.default_rng(8)
    values = random.standard_normal((8000, 10)) + systematic * random.standard_normal((8000, 1))
    errs = np.zeros(len(values), dtype=bool)
    for pairs in PLAN.looks:
        seen = values[:, :pairs]
        deviation = seen.std(axis=1, ddof=1)
        level = tests.interval_levels(PLAN, 0.05, np.full(len(values), systematic), deviation)
        se = np.sqrt(deviation**2 / pairs + systematic**2)
        errs |= np.abs(seen.mean(axis=1)) > stats.t(pairs - 1).isf(level / 2) * se

    assert errs.mean() <= 0.056


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.2), st.floats(0.001, 0.2))
def test_a_level_is_paid_once_at_most_and_never_exceeds_alpha(systematic: float, spread: float) -> None:
    """Between the strictest one, for independent pairs, and alpha; more in common costs less."""
    (level,) = tests.interval_levels(PLAN, 0.05, np.array([systematic]), np.array([spread]))
    (more,) = tests.interval_levels(PLAN, 0.05, np.array([2 * systematic]), np.array([spread]))

    assert tests.strictest_level(PLAN, 0.05) <= level <= more <= 0.05


def test_a_plan_with_one_look_costs_nothing() -> None:
    """Nobody looks before the end."""
    assert tests.strictest_level(SamplingPlan(pairs=5), 0.05) == pytest.approx(0.05, rel=0.05)
