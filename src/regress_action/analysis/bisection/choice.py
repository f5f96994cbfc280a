"""Which commit to measure next: the one whose pairs tell most about the first bad commit for what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from regress_action.analysis.arrays import Flags, Floats
    from regress_action.analysis.bisection.posterior import Posterior

BATCHES = (1, 2, 3, 5, 8, 12)
"""How many pairs are measured of one commit before the next is chosen."""

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class Choice:
    """A commit to measure, how many pairs of it, and how many bits they are expected to tell."""

    commit: int
    pairs: int
    bits: float


def choose(
    contains: Flags,
    now: Posterior,
    *,
    available: Collection[int],
    measured: Mapping[int, int],
    build_cost: float,
    batches: tuple[int, ...] = BATCHES,
) -> Choice | None:
    """Return the commit of most expected information for its cost; None where no commit is available.

    A commit tells only whether it has the change, so what its pairs tell of the first bad commit is the mutual
    information between that and a Gaussian mean (the entropy-driven choice of MacKay, Neural Computation 4 (1992) 590).
    `measured` has the pairs of each commit so far; building one that is not in it costs `build_cost` pairs. More pairs
    of a measured commit tell less, because its build stays the same.
    """
    if not available:
        return None
    commits = np.array(sorted(available), dtype=np.intp)
    has_change = contains[commits] @ now.first
    so_far = np.array([measured.get(int(commit), 0) for commit in commits], dtype=float)
    extra = np.where(so_far > 0, 0.0, build_cost)
    best: tuple[float, Choice] | None = None
    for pairs in batches:
        new = _precision(now, so_far + pairs) - _precision(now, so_far)
        bits = information(has_change, abs(now.step) * np.sqrt(np.maximum(new, 0.0)))
        gain = bits / (pairs + extra)
        at = int(np.argmax(gain))
        if best is None or gain[at] > best[0]:
            best = float(gain[at]), Choice(int(commits[at]), pairs, float(bits[at]))
    return best[1] if best else None


def _precision(now: Posterior, pairs: Floats) -> Floats:
    """Return the inverse variance of the mean of so many pairs of one build; 0 for none."""
    variance = now.pair_spread**2 / np.maximum(pairs, 1) + now.build_spread**2
    return np.where(pairs > 0, 1 / variance, 0.0)


def information(probability: Floats, separation: Floats) -> Floats:
    """Return the bits that one Gaussian mean tells about a yes-or-no question; both arguments and it have one shape.

    The mean is N(0, 1) for no and N(`separation`, 1) for yes, which has that probability.
    """
    p = np.clip(probability, 1e-12, 1 - 1e-12)[:, None]
    separation = np.asarray(separation, dtype=float)[:, None]
    half = separation**2 / 2
    log_odds = np.log(p / (1 - p))
    left = _entropy(log_odds + separation * _NODES - half) @ _NODE_WEIGHTS
    right = _entropy(log_odds + separation * _NODES + half) @ _NODE_WEIGHTS
    p = p[:, 0]
    before = _entropy(log_odds)[:, 0]
    return np.maximum(0.0, before - (1 - p) * left - p * right)


def _entropy(log_odds: Floats) -> Floats:
    """Return the entropy in bits of a yes-or-no question with these natural log odds."""
    size = np.abs(log_odds)
    no = np.exp(-size)
    bits: Floats = (np.log1p(no) + size * no / (1 + no)) / np.log(2)
    return bits
