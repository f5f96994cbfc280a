"""From an estimate to a verdict: significance, size, non-inferiority, severity and what could have been seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.numeric import multiplicity, student
from regress_action.analysis.numeric.arrays import ROUNDING, moments
from regress_action.analysis.verdict import pairs
from regress_action.analysis.verdict.designs import PAIRED, SINGLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.evidence.scale import Scale
    from regress_action.analysis.numeric.arrays import Flags, Floats, Ints
    from regress_action.analysis.rules.limits import Thresholds
    from regress_action.analysis.rules.policy import Policy
    from regress_action.analysis.verdict.weighing import Weighed


_MOST_RUNS = 10_000  # beyond this, "more runs" is no advice
_LINEAR_MARGIN = 2.0  # without a ratio, two standard deviations of a run are the smallest difference that matters


@dataclass(slots=True)
class Decided:
    """One entry per row, on the scale of `badness`; flags exclude each other in the order in which they stand.

    `smallest` is the smallest difference called a change; `margin` is what must be ruled out for a row to count as
    unchanged: the threshold that somebody wrote down for it, else `smallest`. `ruled_out` is the smaller of the two
    that is proven not to be reached, NaN where neither is, and `beyond` the number of pairs beyond it where the
    pairs had to be counted, else -1.
    """

    p: Floats
    q: Floats
    low: Floats
    high: Floats
    smallest: Floats
    margin: Floats
    alarm: Floats
    detectable: Floats
    runs_needed: Floats
    ruled_out: Floats
    beyond: Ints
    regression: Flags
    improvement: Flags
    unchanged: Flags


def decide(
    weighed: Weighed,
    scale: Scale,
    families: Sequence[str],
    thresholds: Thresholds,
    policy: Policy,
    shift: Floats,
) -> Decided:
    """Judge every row; `shift` is what the whole suite moved by and is not held against a single row."""
    estimate = weighed.estimate
    d, se, df = estimate.d - shift, estimate.se, estimate.df
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(d == 0, 0.0, d / se)
    p = np.where(estimate.design <= SINGLE, student.two_sided_p(t, df), np.nan)
    if policy.plan is not None:
        looked = np.where(estimate.design == PAIRED, policy.plan.penalty(estimate.base_runs), 1.0)
        p = np.minimum(p * looked, 1.0)
    q = multiplicity.q_values(p, families)
    needed = multiplicity.levels(q, families, policy.alpha)
    tails = np.stack([np.full_like(p, policy.alpha / 2), needed / 2, np.full_like(p, 1 - policy.power)])
    half, strict, likely = student.quantile(tails, df) * se
    smallest = _smallest(weighed, scale, thresholds.alarm, policy)
    significant = q <= policy.alpha
    regression = significant & (d >= smallest - ROUNDING) & (d > 0)
    improvement = significant & (d <= ROUNDING - smallest) & (d < 0)
    margin = np.where(scale.linear, smallest, np.fmax(np.log(thresholds.asked), smallest))  # fmax ignores NaN
    ruled_out, beyond = _ruled_out(weighed, scale, d, half, (smallest, margin), policy)
    return Decided(
        p=p,
        q=q,
        low=estimate.d - half,
        high=estimate.d + half,
        smallest=smallest,
        margin=margin,
        alarm=np.where(scale.linear, np.log(thresholds.alarm), np.fmax(np.log(thresholds.alarm), half)),
        detectable=np.fmax(smallest, strict) + likely,
        runs_needed=_runs_needed(weighed, margin, policy),
        ruled_out=ruled_out,
        beyond=beyond,
        regression=regression,
        improvement=improvement,
        unchanged=~np.isnan(ruled_out) & ~estimate.weak & ~regression & ~improvement,
    )


def _ruled_out(
    weighed: Weighed, scale: Scale, d: Floats, half: Floats, sizes: tuple[Floats, Floats], policy: Policy
) -> tuple[Floats, Ints]:
    """Return the smaller of two sizes that a row is proven not to reach, and the pairs beyond it where they decide."""
    found, beyond = np.full_like(d, np.nan), np.full(len(d), -1)
    paired = (weighed.estimate.design == PAIRED) & ~scale.linear
    differences = np.where(paired[:, None], weighed.head - weighed.base, np.nan) if paired.any() else None
    for size in reversed(sizes):
        wide = np.where(scale.linear, np.fmax(size, _LINEAR_MARGIN * weighed.estimate.spread), size)
        below = np.where(scale.linear, d + half <= wide, d + half < wide)
        found, beyond = np.where(below, size, found), np.where(below, -1, beyond)
        if differences is not None:
            counted = pairs.ruled_out(differences, d, size, policy.alpha) & paired & ~below
            found = np.where(counted, size, found)
            beyond = np.where(counted, pairs.count_beyond(differences, size), beyond)
    return found, beyond


def _smallest(weighed: Weighed, scale: Scale, thresholds: Floats, policy: Policy) -> Floats:
    """Return the smallest difference that is called a change; never above what was asked to alarm."""
    paired = weighed.estimate.design == PAIRED
    ratio = np.where(paired, policy.minimum_ratio_paired, policy.minimum_ratio_history)
    ratio = np.fmin(np.where(scale.exact, policy.minimum_ratio_exact, ratio), thresholds)
    level = np.abs(moments(weighed.base)[1])
    return np.where(scale.linear, (ratio - 1) * np.nan_to_num(level), np.log(ratio))


def _runs_needed(weighed: Weighed, margin: Floats, policy: Policy) -> Floats:
    """Return the runs per side (or pairs) at which `margin` would be found with the wanted power; NaN for never."""
    estimate = weighed.estimate
    reach = _reach(policy.alpha, policy.power)
    sides = np.where(estimate.design == PAIRED, 1.0, 2.0)
    shared = np.where(estimate.design == PAIRED, estimate.floor, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        runs = np.ceil(sides * estimate.spread**2 / ((margin / reach) ** 2 - shared**2))
    minimum = np.where(estimate.design == PAIRED, policy.minimum_pairs, policy.minimum_runs)
    return np.where((runs > 0) & (runs <= _MOST_RUNS), np.fmax(runs, minimum), np.nan)


@cache
def _reach(alpha: float, power: float) -> float:
    """Return how many standard errors an effect must measure to be found with this power."""
    return float(student.quantile(alpha / 2, np.inf) + student.quantile(1 - power, np.inf))
