"""Counts of events: an exact test where a difference of two means is far from normal.

Of H events in m runs of the head and B in K runs of the base, H given H + B is binomial with the share m / (m + K)
where both count events of one rate (the conditional test of Przyborowski and Wilenski, Biometrika 31 (1940) 313-323).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats


def p_values(base: Floats, head: Floats, rows: Flags) -> Floats:
    """Return the exact two-sided p-value of each row of whole numbers (rows × runs); NaN for all others.

    `rows` are those that are compared by their difference. The sign of badness does not matter: events are counted by
    their magnitude. It is a lower bound: counts that vary more than a Poisson process does need a larger p-value.
    """
    p = np.full(len(base), np.nan)
    chosen = np.flatnonzero(rows)
    if not chosen.size:
        return p
    base, head = np.abs(base[chosen]), np.abs(head[chosen])
    integral = _is_integral(base) & _is_integral(head)
    chosen, base, head = chosen[integral], base[integral], head[integral]
    runs_b, runs_c = (~np.isnan(base)).sum(axis=1), (~np.isnan(head)).sum(axis=1)
    events, total = np.nansum(head, axis=1), np.nansum(head, axis=1) + np.nansum(base, axis=1)
    share = runs_c / np.maximum(runs_b + runs_c, 1)
    with np.errstate(invalid="ignore"):
        at_most = special.bdtr(events, total.astype(int), share)
        at_least = np.where(events > 0, special.bdtrc(events - 1, total.astype(int), share), 1.0)
    p[chosen] = np.where((runs_b > 0) & (runs_c > 0), np.minimum(2 * np.minimum(at_most, at_least), 1.0), np.nan)
    return p


def _is_integral(values: Floats) -> Flags:
    return np.asarray((np.isnan(values) | (values == np.round(values))).all(axis=1))
