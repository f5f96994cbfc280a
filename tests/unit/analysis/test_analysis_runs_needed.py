"""How many more runs would decide a comparison."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regress_action.analysis import Policy, designs, tests
from regress_action.analysis.comparison import analyse
from unit.analysis.compared_sides import paired, pairs, stored

NOISY = [1.0, 1.1, 0.92, 1.05, 0.95, 1.03]


def test_so_many_pairs_rule_the_margin_out_and_one_in_ten_fewer_do_not() -> None:
    """The half width of their interval and the deviation that four in five stay below fit below 3 %."""
    differences = np.log(NOISY[::-1]) - np.log(NOISY)
    variance = differences.var(ddof=1) * (1 + 3 / (len(NOISY) - 1))  # estimated from so few
    needed = paired(NOISY, NOISY[::-1]).runs_needed
    assert needed is not None

    def reach(pairs: float) -> float:
        quantiles = stats.t(pairs - 1).isf(0.025) + stats.norm.isf(0.2)
        return float(quantiles * np.sqrt(variance / pairs + 0.0075**2))

    assert reach(needed) <= np.log(1.03) < reach(0.9 * needed)


def test_stored_runs_need_twice_as_many_for_there_are_two_sides() -> None:
    """Per side 2 (t + z)² s² / log(1+T)²."""
    variance = np.log(NOISY).var(ddof=1) * (1 + 3 / 5)
    needed = stored(NOISY, [1.05]).runs_needed
    assert needed is not None

    def reach(runs: float) -> float:
        return float((stats.t(2 * runs - 2).isf(0.025) + stats.norm.isf(0.2)) * np.sqrt(2 * variance / runs))

    assert reach(needed) <= np.log(1.05) < reach(0.9 * needed)


def needed_by_definition(design: int, spread: float, irreducible: float, df: float, margin: float) -> float:
    """Return the runs that reach the margin with the quantiles of so many runs, NaN for more than 10,000."""
    is_paired = design == designs.PAIRED
    sides, shared, fewest = (1, irreducible, 5) if is_paired else (2, 0.0, 7)
    variance = sides * spread**2 * (1 + 3 / max(df, 1))
    count = fewest
    for _ in range(12):
        reach = stats.t.isf(0.025, max(sides * (count - 1), 1)) + stats.norm.isf(0.2)
        left = (margin / reach) ** 2 - shared**2
        if left <= 0 or variance == 0:
            return float("nan")
        wanted = int(np.ceil(variance / left))
        count = min(max(wanted, fewest), 10_001)
    return float(count) if wanted <= 10_000 else float("nan")


def test_runs_needed_are_those_of_the_definition() -> None:
    """Pairs and stored runs, little noise and much, and what no number of pairs removes."""
    random = np.random.default_rng(1)
    rows = 300
    estimates = analyse([pairs({"b": NOISY})], [pairs({"b": NOISY})], Policy()).estimates
    seen = estimates.estimate
    seen.design = random.choice([designs.PAIRED, designs.HISTORY, designs.SINGLE], rows)
    seen.spread = random.choice([0.0, 0.001, 0.02, 0.1, 0.4, 0.65], rows) * random.uniform(0.9, 1.1, rows)
    seen.irreducible = random.choice([0.0, 0.0075, 0.012], rows)
    seen.df = random.choice([0.0, 1.0, 4.0, 30.0], rows)
    margin = random.choice([0.03, 0.05, 0.2], rows)
    found = tests._runs_needed(estimates, margin, Policy(minimum_runs=7))
    expected = [
        needed_by_definition(*row)
        for row in zip(seen.design, seen.spread, seen.irreducible, seen.df, margin, strict=True)
    ]
    assert found == pytest.approx(expected, nan_ok=True)
    assert 0 < np.isnan(found).sum() < rows / 2
