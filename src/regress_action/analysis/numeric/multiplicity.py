"""Many benchmarks, few false alarms: the false discovery rate of Benjamini and Hochberg, per metric family.

Source: Y. Benjamini and Y. Hochberg, JRSS B 57 (1995) 289-300.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.numeric.arrays import Floats, Ints


def q_values(p: Floats, families: Sequence[str]) -> Floats:
    """Return the smallest false discovery rate at which each p-value is a discovery in its family; NaN stays NaN."""
    q = np.full(p.shape, np.nan)
    for members in _members(p, families):
        q[members] = _step_up(p[members])
    return q


def levels(q: Floats, families: Sequence[str], alpha: float) -> Floats:
    """Return the p-value each row would have needed, or did need, to be called a discovery in its family."""
    needed = np.full(q.shape, alpha)
    for members in _members(q, families):
        found = q[members] <= alpha
        one_more = np.minimum(found.sum() + np.where(found, 0, 1), len(members))
        needed[members] = alpha * one_more / len(members)
    return needed


def _members(p: Floats, families: Sequence[str]) -> list[Ints]:
    numbers: dict[str, int] = {}
    family = np.array([numbers.setdefault(name, len(numbers)) for name in families], dtype=int)
    known = ~np.isnan(p)
    groups = (np.flatnonzero(known & (family == number)) for number in numbers.values())
    return [members for members in groups if members.size]


def _step_up(p: Floats) -> Floats:
    order = np.argsort(p)[::-1]
    ranked = p[order] * p.size / np.arange(p.size, 0, -1)
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(ranked)  # the largest p-value comes first, so no q exceeds one
    return q
