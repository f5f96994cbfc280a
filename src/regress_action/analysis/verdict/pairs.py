"""The typical pair: what interleaved pairs rule out by being counted, however their noise is distributed.

A machine whose neighbour comes and goes runs at two speeds. The mean of a few pairs then says little, while nearly all
pairs that ran at one speed agree. The sign test (Dixon and Mood, J. Am. Stat. Assoc. 41 (1946) 557-566) counts:
were the typical pair as much worse as the margin, every other pair at least would show it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.numeric.arrays import plain

if TYPE_CHECKING:
    from regress_action.analysis.numeric.arrays import Flags, Floats, Ints


_SHARE = 4  # the part of alpha that counting may spend; the interval next to it spends one half


def count_beyond(differences: Floats, margin: Floats) -> Ints:
    """Return how many pairs of each row (rows × pairs, NaN for none) are worse than the base by `margin` or more."""
    with np.errstate(invalid="ignore"):
        return np.asarray((differences >= margin[:, None]).sum(axis=1))


def most_allowed(pairs: Ints, alpha: float) -> Ints:
    """Return how many of so many pairs may lie beyond a margin that is ruled out; -1 where not even none is enough."""
    counts, each = np.unique(pairs, return_inverse=True)
    return np.array([_most_allowed(count, alpha / _SHARE) for count in plain(counts)], dtype=int)[each]


def ruled_out(differences: Floats, typical: Floats, margin: Floats, alpha: float) -> Flags:
    """Return the rows of which the typical pair is proven to be better than base plus `margin`.

    `typical` is the estimate of the difference and must lie below the margin itself: a slowdown that hits every third
    run moves the mean and not the median.
    """
    pairs = (~np.isnan(differences)).sum(axis=1)
    few = count_beyond(differences, margin) <= most_allowed(pairs, alpha)
    with np.errstate(invalid="ignore"):
        return np.asarray(few & (typical < margin))


@cache
def _most_allowed(pairs: int, level: float) -> int:
    below, allowed = 0, -1
    for beyond in range(pairs + 1):
        below += math.comb(pairs, beyond)
        if below > level * 2**pairs:
            break
        allowed = beyond
    return allowed
