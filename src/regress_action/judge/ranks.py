"""Ranks, and Spearman's correlation on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regress_action.judge import student

if TYPE_CHECKING:
    from regress_action.judge.arrays import Floats


def ranks(values: Floats) -> Floats:
    """Rank from 1; equal values share the mean of their ranks."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    shared: Floats = (last - (count - 1) / 2)[inverse]
    return shared


def spearman(first: Floats, second: Floats) -> tuple[float, float]:
    """Compute the rank correlation and its two-sided p-value (t with n - 2 degrees of freedom).

    Where one side is constant nothing correlates: 0 and 1.
    """
    x, y = ranks(first), ranks(second)
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    if len(x) < 3 or not spread:  # noqa: PLR2004 - two points always correlate
        return 0.0, 1.0
    r = float(np.clip(x @ y / spread, -1, 1))
    freedom = len(x) - 2
    t = abs(r) * np.sqrt(freedom / max(1e-300, 1 - r * r))
    return r, float(student.two_sided_p(t, freedom))
