"""Ranks, and Spearman's correlation on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.numeric import student

if TYPE_CHECKING:
    from regress_action.analysis.numeric.arrays import Floats, Ints

FEWEST = 3  # two points always correlate


def ranks(values: Floats) -> Floats:
    """Rank from 1; equal values share the mean of their ranks."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    shared: Floats = (last - (count - 1) / 2)[inverse]
    return shared


def correlation(first: Floats, second: Floats) -> float:
    """Compute Spearman's rank correlation; where one side is constant nothing correlates, and it is 0."""
    if len(first) < FEWEST:
        return 0.0
    x, y = ranks(first), ranks(second)
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / spread, -1, 1)) if spread else 0.0


def significance(correlations: Floats, runs: Ints) -> Floats:
    """Compute the two-sided p-values of rank correlations: Student's t with n - 2 degrees of freedom."""
    freedom = np.maximum(runs - 2, 1)
    t = np.abs(correlations) * np.sqrt(freedom / np.maximum(1 - correlations**2, 1e-300))
    return np.where(runs >= FEWEST, student.two_sided_p(t, freedom), 1.0)
