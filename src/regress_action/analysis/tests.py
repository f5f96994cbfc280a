"""From an estimate to a verdict: significance, size, non-inferiority, severity and what could have been seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import distributions
from regress_action.analysis.arrays import ROUNDING, moments, plain
from regress_action.analysis.designs import PAIRED, SINGLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.arrays import Flags, Floats, Ints
    from regress_action.analysis.estimate import RowEstimates
    from regress_action.analysis.policy import Policy, RowThresholds
    from regress_action.analysis.run_matrix import Scale

_MOST_RUNS = 10_000  # beyond this, "more runs" is no advice
_LINEAR_MARGIN = 2.0  # without a ratio, two standard deviations of a run are the smallest difference that matters


@dataclass(slots=True)
class TestResults:
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
    estimates: RowEstimates,
    scale: Scale,
    families: Sequence[str],
    thresholds: RowThresholds,
    policy: Policy,
    shift: Floats,
) -> TestResults:
    """Judge every row; `shift` is what the whole suite moved by and is not held against a single row."""
    estimate = estimates.estimate
    d, se, df = estimate.d - shift, estimate.se, estimate.df
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(d == 0, 0.0, d / se)
    p = np.where(estimate.design <= SINGLE, distributions.two_sided_p(t, df), np.nan)
    if policy.plan is not None:
        looked = np.where(estimate.design == PAIRED, policy.plan.penalty(estimate.base_runs), 1.0)
        p = np.minimum(p * looked, 1.0)
    q = q_values(p, families)
    needed = levels(q, families, policy.alpha)
    tails = np.stack([np.full_like(p, policy.alpha / 2), needed / 2, np.full_like(p, 1 - policy.power)])
    half, strict, likely = distributions.t_quantile(tails, df) * se
    smallest = _smallest(estimates, scale, thresholds.alarm, policy)
    significant = q <= policy.alpha
    regression = significant & (d >= smallest - ROUNDING) & (d > 0)
    improvement = significant & (d <= ROUNDING - smallest) & (d < 0)
    margin = np.where(scale.linear, smallest, np.fmax(np.log(thresholds.asked), smallest))  # fmax ignores NaN
    ruled_out, beyond = _ruled_out(estimates, scale, d, half, (smallest, margin), policy)
    return TestResults(
        p=p,
        q=q,
        low=estimate.d - half,
        high=estimate.d + half,
        smallest=smallest,
        margin=margin,
        alarm=np.where(scale.linear, np.log(thresholds.alarm), np.fmax(np.log(thresholds.alarm), half)),
        detectable=np.fmax(smallest, strict) + likely,
        runs_needed=_runs_needed(estimates, margin, policy),
        ruled_out=ruled_out,
        beyond=beyond,
        regression=regression,
        improvement=improvement,
        unchanged=~np.isnan(ruled_out) & ~estimate.weak & ~regression & ~improvement,
    )


def _ruled_out(
    estimates: RowEstimates, scale: Scale, d: Floats, half: Floats, sizes: tuple[Floats, Floats], policy: Policy
) -> tuple[Floats, Ints]:
    """Return the smaller of two sizes that a row is proven not to reach, and the pairs beyond it where they decide."""
    least_size, beyond = np.full_like(d, np.nan), np.full(len(d), -1)
    paired = (estimates.estimate.design == PAIRED) & ~scale.linear
    differences = np.where(paired[:, None], estimates.head - estimates.base, np.nan) if paired.any() else None
    for size in reversed(sizes):
        wide = np.where(scale.linear, np.fmax(size, _LINEAR_MARGIN * estimates.estimate.spread), size)
        below = np.where(scale.linear, d + half <= wide, d + half < wide)
        least_size, beyond = np.where(below, size, least_size), np.where(below, -1, beyond)
        if differences is not None:
            counted = ruled_out(differences, d, size, policy.alpha) & paired & ~below
            least_size = np.where(counted, size, least_size)
            beyond = np.where(counted, count_beyond(differences, size), beyond)
    return least_size, beyond


def _smallest(estimates: RowEstimates, scale: Scale, thresholds: Floats, policy: Policy) -> Floats:
    """Return the smallest difference that is called a change; never above what was asked to alarm."""
    paired = estimates.estimate.design == PAIRED
    ratio = np.where(paired, policy.minimum_ratio_paired, policy.minimum_ratio_history)
    ratio = np.fmin(np.where(scale.exact, policy.minimum_ratio_exact, ratio), thresholds)
    level = np.abs(moments(estimates.base)[1])
    return np.where(scale.linear, (ratio - 1) * np.nan_to_num(level), np.log(ratio))


def _runs_needed(estimates: RowEstimates, margin: Floats, policy: Policy) -> Floats:
    """Return the runs per side (or pairs) at which `margin` would be found with the wanted power; NaN for never."""
    estimate = estimates.estimate
    reach = _reach(policy.alpha, policy.power)
    sides = np.where(estimate.design == PAIRED, 1.0, 2.0)
    shared = np.where(estimate.design == PAIRED, estimate.irreducible, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        runs = np.ceil(sides * estimate.spread**2 / ((margin / reach) ** 2 - shared**2))
    minimum = np.where(estimate.design == PAIRED, policy.minimum_pairs, policy.minimum_runs)
    return np.where((runs > 0) & (runs <= _MOST_RUNS), np.fmax(runs, minimum), np.nan)


@cache
def _reach(alpha: float, power: float) -> float:
    """Return how many standard errors an effect must measure to be found with this power."""
    return float(distributions.t_quantile(alpha / 2, np.inf) + distributions.t_quantile(1 - power, np.inf))


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
        rejected = q[members] <= alpha
        one_more = np.minimum(rejected.sum() + np.where(rejected, 0, 1), len(members))
        needed[members] = alpha * one_more / len(members)
    return needed


def _members(p: Floats, families: Sequence[str]) -> list[Ints]:
    numbers: dict[str, int] = {}
    family = np.array([numbers.setdefault(name, len(numbers)) for name in families], dtype=int)
    tested = ~np.isnan(p)
    groups = (np.flatnonzero(tested & (family == number)) for number in numbers.values())
    return [members for members in groups if members.size]


def _step_up(p: Floats) -> Floats:
    order = np.argsort(p)[::-1]
    ranked = p[order] * p.size / np.arange(p.size, 0, -1)
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(ranked)  # the largest p-value comes first, so no q exceeds one
    return q


_SHARE = 4  # the part of alpha that counting may spend; the interval next to it spends one half


def count_beyond(differences: Floats, margin: Floats) -> Ints:
    """Return how many pairs of each row (rows × pairs, NaN for none) are worse than the base by `margin` or more."""
    with np.errstate(invalid="ignore"):
        return np.asarray((differences >= margin[:, None]).sum(axis=1))


def most_allowed(pairs: Ints, alpha: float) -> Ints:
    """Return how many of so many pairs may lie beyond a margin that is ruled out; -1 where not even none is enough."""
    counts, position = np.unique(pairs, return_inverse=True)
    return np.array([_most_allowed(count, alpha / _SHARE) for count in plain(counts)], dtype=int)[position]


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
