"""What looking at a running measurement costs: the level at which an interval must be taken at every look.

An interval that is looked at several times misses the truth more often than one that is looked at once. Repeated
confidence intervals (Jennison and Turnbull, JRSS B 51 (1989) 305-361) are taken at one stricter level at all looks, so
that they hold the truth together. The level depends on how much of the error is irreducible: what no pair removes is
the same at every look and needs to be paid for once. It is read from 20 000 simulated measurements with a fixed seed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import distributions

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Floats
    from regress_action.analysis.policy import SamplingPlan

_MEASUREMENTS = 20_000
_RELIED_ON = 3.0
_RATIOS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)  # irreducible variance over the variance of one pair


def interval_levels(plan: SamplingPlan, alpha: float, irreducible: Floats, spread: Floats) -> Floats:
    """Return the two-sided level for the interval of each row, at most `alpha`.

    `irreducible` is the part of the standard error that no pair removes, `spread` the standard deviation of one pair.
    Only a third of the ratio of their squares is relied upon: the deviation of a few pairs is itself uncertain, and the
    measurements that underestimate it are those that would take the laxest level.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.nan_to_num((irreducible / spread) ** 2 / _RELIED_ON, nan=0.0, posinf=_RATIOS[-1])
    return np.asarray(np.interp(ratio, _RATIOS, _levels(plan.looks, alpha)))


def strictest_level(plan: SamplingPlan, alpha: float) -> float:
    """Return the level for a row whose pairs have no irreducible error in common."""
    return _levels(plan.looks, alpha)[0]


@cache
def _levels(looks: tuple[int, ...], alpha: float) -> tuple[float, ...]:
    """Return for each of `_RATIOS` the level at which one in 1/α measurements errs at any of the looks."""
    random = np.random.default_rng(0)
    pairs = np.array(looks)
    values = random.standard_normal((_MEASUREMENTS, looks[-1]))
    mean = np.cumsum(values, axis=1)[:, pairs - 1] / pairs
    with np.errstate(invalid="ignore", divide="ignore"):  # a single pair has no variance
        variance = (np.cumsum(values**2, axis=1)[:, pairs - 1] - pairs * mean**2) / (pairs - 1)
    shared = random.standard_normal((_MEASUREMENTS, 1))
    levels = []
    for ratio in _RATIOS:
        t = (np.sqrt(ratio) * shared + mean) / np.sqrt(ratio + variance / pairs)
        strictest = distributions.two_sided_p(t, pairs - 1).min(axis=1)
        levels.append(min(float(np.quantile(strictest, alpha)), alpha))
    return tuple(levels)
