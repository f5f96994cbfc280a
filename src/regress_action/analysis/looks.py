"""What looking at a running measurement costs: the level at which an interval must be taken at every look.

An interval that is looked at several times misses the truth more often than one that is looked at once. Repeated
confidence intervals (Jennison and Turnbull, JRSS B 51 (1989) 305-361) are taken at one stricter level at all looks, so
that they hold the truth together. The level depends on how much of the error is irreducible: what no pair removes is
the same at every look and needs to be paid for once. It is read from 20 000 simulated measurements with a fixed seed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regress_action.analysis import distributions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.analysis.arrays import Floats
    from regress_action.analysis.designs import Estimate
    from regress_action.analysis.policy import SamplingPlan


_MEASUREMENTS = 20_000
_RELIED_ON = 3.0
_STEP = 5.0
_RATIOS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)  # irreducible variance over the variance of one pair


def interval_levels(plan: SamplingPlan, alpha: float, irreducible: Floats, spread: Floats) -> Floats:
    """Return the two-sided level for the interval of each row, at most `alpha`.

    `irreducible` is the part of the standard error that no pair removes, `spread` the standard deviation of one pair.
    Only a third of the ratio of their squares is relied upon: the deviation of a few pairs is itself uncertain, and the
    measurements that underestimate it are those that would take the laxest level.
    """
    return np.asarray(np.interp(_relied_on(irreducible, spread), _RATIOS, _cost_of_looks(plan, alpha).levels))


def _relied_on(irreducible: Floats, spread: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num((irreducible / spread) ** 2 / _RELIED_ON, nan=0.0, posinf=_RATIOS[-1])


def strictest_level(plan: SamplingPlan, alpha: float) -> float:
    """Return the level for a row whose pairs have no irreducible error in common."""
    return _cost_of_looks(plan, alpha).levels[0]


def _p_of_measurements(looks: tuple[int, ...]) -> Iterator[Floats]:
    """Yield for each of `_RATIOS` the p-values of simulated measurements of identical code, measurements × looks."""
    random = np.random.default_rng(0)
    pairs = np.array(looks)
    values = random.standard_normal((_MEASUREMENTS, looks[-1]))
    mean = np.cumsum(values, axis=1)[:, pairs - 1] / pairs
    with np.errstate(invalid="ignore", divide="ignore"):  # a single pair has no variance
        variance = (np.cumsum(values**2, axis=1)[:, pairs - 1] - pairs * mean**2) / (pairs - 1)
    shared = random.standard_normal((_MEASUREMENTS, 1))
    for ratio in _RATIOS:
        t = (np.sqrt(ratio) * shared + mean) / np.sqrt(ratio + variance / pairs)
        yield distributions.two_sided_p(t, pairs - 1)


def paid_for_looks(p: Floats, plan: SamplingPlan, alpha: float, pairs: Floats, estimate: Estimate) -> Floats:
    """Return p-values after `pairs` pairs multiplied by what looking early costs.

    Every early look spends its share of alpha. What the last may spend is what all looks together leave, and as they
    see the same pairs, that is more than α less their shares (Lan and DeMets, Biometrika 70 (1983) 659-663). It is
    read from simulated measurements at α and at α/5, and is the share of the plan from α/25 down.
    """
    penalty = plan.penalty(pairs)
    ratio = _relied_on(estimate.irreducible, estimate.spread)
    _, *penalties = _cost_of_looks(plan, alpha)
    rare, usual = (np.interp(ratio, _RATIOS, of_ratio) for of_ratio in penalties)
    with np.errstate(divide="ignore"):
        place = np.log(p * _STEP**2 / alpha) / np.log(_STEP)  # 0, 1 and 2 at α/25, α/5 and α
    last = penalty + np.clip(place, 0, 1) * (rare - penalty) + np.clip(place - 1, 0, 1) * (usual - rare)
    return np.asarray(p * np.where(pairs >= plan.pairs, last, penalty))


class _CostOfLooks(NamedTuple):
    """What the looks of a plan cost, for each of `_RATIOS`.

    At one of the `levels` one in 1/α measurements errs at any look; `rare` and `usual` are the penalties of the last
    p-value at which one in 5/α and one in 1/α does.
    """

    levels: tuple[float, ...]
    rare: tuple[float, ...]
    usual: tuple[float, ...]


@cache
def _cost_of_looks(plan: SamplingPlan, alpha: float) -> _CostOfLooks:
    costs = []
    for p in _p_of_measurements(plan.looks):
        level = min(float(np.quantile(p.min(axis=1), alpha)), alpha)
        costs.append((level, _last_penalty(p, plan, alpha / _STEP), _last_penalty(p, plan, alpha)))
    return _CostOfLooks(*zip(*costs, strict=True))


def _last_penalty(p: Floats, plan: SamplingPlan, alpha: float) -> float:
    """Return the penalty of the last look at which one in 1/α of these measurements errs at any look."""
    stopped = (p[:, :-1] * plan.penalty(np.array(plan.looks[:-1], dtype=float)) <= alpha).any(axis=1)
    level = float(np.quantile(np.where(stopped, 1.0, p[:, -1]), max(alpha - float(stopped.mean()), 0.0)))
    most = float(plan.penalty(np.array([float(plan.pairs)]))[0])
    return max(alpha / max(level, alpha / most), 1.0)
