"""How many more runs would decide a comparison."""

from __future__ import annotations

import numpy as np
from compared_sides import paired, stored
from scipy import stats

NOISY = [1.0, 1.1, 0.92, 1.05, 0.95, 1.03]


def test_runs_needed_follow_the_textbook() -> None:
    """Per side 2 (2.8 s / log(1+T))² for a history; half of that for pairs, whose floor no pair averages away."""
    reach = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    spread = np.log(NOISY).std(ddof=1)
    difference = (np.log(NOISY[::-1]) - np.log(NOISY)).std(ddof=1)
    pair = difference**2 / ((np.log(1.03) / reach) ** 2 - 0.0075**2)

    assert stored(NOISY, [1.05]).runs_needed == np.ceil(2 * (reach * spread / np.log(1.05)) ** 2)
    assert paired(NOISY, NOISY[::-1]).runs_needed == np.ceil(pair)
