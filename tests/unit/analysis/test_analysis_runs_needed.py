"""How many more runs would decide a comparison."""

from __future__ import annotations

import numpy as np
from scipy import stats

from unit.analysis.compared_sides import paired, stored

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
