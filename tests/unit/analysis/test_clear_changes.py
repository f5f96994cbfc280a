"""Clear changes, one at a time by the words of their module."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from regress_action.analysis import clear_changes
from regress_action.analysis.autocorrelation import lag_one, taken_high, variance_of_mean
from regress_action.analysis.candidates import Candidates


def is_clear(before: np.ndarray, after: np.ndarray, smallest: float) -> bool:
    """Whether the step between these runs is more than a stationary AR(1) series as the runs before would show."""
    n, m = len(before), len(after)
    if n < 8 or m < 5:
        return False
    estimated = np.nan_to_num((n * lag_one(before[None]) + 1) / (n - 3))
    (correlation,) = taken_high(estimated, np.array([float(n)]))
    of_before, of_after = (float(variance_of_mean(correlation, np.array(float(runs)))) for runs in (n, m))
    squares_b, squares_a = before.var() * n, after.var() * m
    variance = squares_b / (n - 1) / max((1 - of_before) * n / (n - 1), 0.3)
    pooled = (variance * (n - 1) + squares_a) / (n + m - 2)
    error = max(math.sqrt(max(variance, pooled) * (of_before + of_after)), 1e-4)
    by_mean, by_median = after.mean() - before.mean(), np.median(after) - np.median(before)
    shift = min(abs(by_mean), abs(by_median)) if by_mean * by_median > 0 else 0.0
    t = stats.t(max(n * (1 - correlation) / (1 + correlation) - 1, 1)).isf(0.5e-4)
    return bool(shift > t * error and shift - 2 * error >= smallest)


def some(values: np.ndarray, runs: int) -> np.ndarray:
    """Return the first runs, and NaN for the others."""
    return np.where(np.arange(len(values)) < runs, values, np.nan)


def test_a_change_is_clear_by_student_t_against_correlated_noise() -> None:
    """Of eight runs before it and five after at least; of few, of many, of steady and of drifting ones."""
    random = np.random.default_rng(1)
    rows = 4000
    before = random.normal(0, 1, (rows, 60))
    before += random.choice([0, 0, 1], (rows, 1)) * np.cumsum(before, axis=1)
    before *= random.choice([0, 0.001, 0.01], (rows, 1), p=[0.1, 0.5, 0.4])
    after = random.normal(0, 1, (rows, 30)) * random.choice([0, 0.001, 0.01, 0.03], (rows, 1))
    after += np.geomspace(1e-4, 1, rows)[:, None] * random.choice([-1, 1], (rows, 1))
    sizes = random.choice([4, 7, 8, 12, 60], rows), random.choice([1, 4, 5, 9, 30], rows)
    smallest = random.choice([0.0, 0.01, 0.05, 0.15], rows)

    found = clear_changes._is_clear(
        np.stack([some(row, runs) for row, runs in zip(before, sizes[0], strict=True)]),
        np.stack([some(row, runs) for row, runs in zip(after, sizes[1], strict=True)]),
        smallest,
    )

    rows_of = zip(before, after, *sizes, smallest, strict=True)
    expected = [is_clear(runs_b[:n], runs_a[:m], least) for runs_b, runs_a, n, m, least in rows_of]
    assert found.tolist() == expected
    assert 300 < sum(expected) < rows - 300


@pytest.mark.parametrize("seed", range(5))
def test_a_change_is_judged_by_the_runs_since_the_last_clear_one(seed: int) -> None:
    """Sixty before it at most, and thirty after it, up to the next change; forty of them ask for a smaller step."""
    random = np.random.default_rng(seed)
    ends = [0, *np.cumsum(random.integers(60, 300, 4)).tolist()]
    flat = random.normal(0, 0.01, ends[-1])
    place, owner = [], []
    for series, (low, high) in enumerate(pairwise(ends)):
        for at in range(low + int(random.integers(5, 30)), high - 4, int(random.choice([12, 37, 44, 90]))):
            flat[at:high] += random.choice([-1, 1]) * random.choice([0.005, 0.03, 0.06, 0.2])
            place.append(at)
            owner.append(series)
    flat = flat.astype(np.float32)
    minimum = np.array([0.02, 0.0, 0.04, 0.01]), np.array([0.1, 0.05, 0.12, 0.04])
    expected: list[bool] = []
    for row, at in enumerate(place):
        low, high = ends[owner[row]], ends[owner[row] + 1]
        clear = [one for one, is_one in zip(place, expected, strict=False) if is_one and one >= low]
        begin = max([low, *clear])
        stop = min([high, at + 30, *place[row + 1 :]])
        learned = at - begin >= 40
        runs_b, runs_a = (part.astype(float) for part in (flat[max(begin, at - 60) : at], flat[at:stop]))
        expected.append(is_clear(runs_b, runs_a, minimum[0 if learned else 1][owner[row]]))

    steps = Candidates(np.array(place), np.array(owner), *np.zeros((4, len(place))))
    found = clear_changes.clear(flat, np.array(ends), steps, minimum)

    assert found.tolist() == expected
    assert 0 < sum(expected) < len(expected)
    assert clear_changes.clear(flat, np.array(ends), steps.take(np.array([], int)), minimum).tolist() == []
