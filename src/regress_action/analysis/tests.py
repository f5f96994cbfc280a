"""From an estimate to a verdict: significance, size, non-inferiority, severity and what could have been seen."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import distributions, exact_tests, looks
from regress_action.analysis.arrays import ROUNDING, medians, moments, plain
from regress_action.analysis.designs import PAIRED, SINGLE
from regress_action.model import normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.arrays import Flags, Floats, Ints
    from regress_action.analysis.designs import Estimate
    from regress_action.analysis.estimate import RowEstimates
    from regress_action.analysis.policy import Policy, RowThresholds
    from regress_action.analysis.run_matrix import Scale


_MOST_RUNS = 10_000  # beyond this, "more runs" is no advice
_ROUNDS = 12  # of a fixed point that halves its error each time
_FAR = 5.0  # robust standard deviations beyond which a run took another path
_TAILS = 2.0  # times the variance of an estimated variance: that of noise with an excess kurtosis of two
_UNCERTAIN = 3.0  # more runs than the variance seems to need, over its degrees of freedom: it may be too small
_COUNTED = 0.75  # the part of alpha that interval and counting may err by together


@dataclass(slots=True)
class TestResults:
    """One entry per row, on the scale of `badness`; flags exclude each other in the order in which they stand.

    `smallest` is the smallest difference called a change; `margin` is what must be ruled out for a row to count as
    unchanged: the threshold that somebody wrote down for it, else `smallest`. `ruled_out` is the smaller of the two
    that is proven not to be reached, NaN where neither is, and `beyond` the number of pairs beyond it where the
    pairs had to be counted, else -1. `suspected` changes rest on what one new run shows, on a level that does not
    drift, on noise that the stored runs exceeded, or on pairs that are not alike although they seem so; `independent`
    ones are proven only if neighbouring pairs are not alike, which these do not show; `layout` ones could be made by
    the code layout of a single build. `slow_runs` counts the runs of the head that took another, slower path, 0 where
    those are too few to be no chance.
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
    suspected: Flags
    independent: Flags
    layout: Flags
    slow_runs: Ints


def decide(
    estimates: RowEstimates,
    scale: Scale,
    families: Sequence[str],
    thresholds: RowThresholds,
    policy: Policy,
    shift: Floats,
) -> TestResults:
    """Test every row; `shift` is what the whole suite moved by.

    Whether the machine or the code moved the suite cannot be told from these runs. What is called of a row must
    therefore hold with the shift taken off and without: a row that is only as much slower as all are, and one that
    only the others make look better, are not decided.
    """
    estimate, df = estimates.estimate, estimates.estimate.df
    p, p_beyond_shift = (_p_values(estimates, estimate, policy, off) for off in (np.zeros_like(shift), shift))
    p_both = np.fmax(p, p_beyond_shift)
    q = q_values(p_both, families)
    needed = levels(q, families, policy.alpha)
    smallest = _smallest(estimates, scale, thresholds.alarm, policy)
    level = _interval_levels(estimates, policy)
    found_at = needed / _penalty_at_the_end(estimate, policy)
    half, strict = distributions.t_quantile(np.stack([level / 2, found_at / 2]), df) * estimate.se
    half *= estimates.widened
    lower, upper = estimate.d - np.fmax(shift, 0.0), estimate.d - np.fmin(shift, 0.0)
    significant = q <= policy.alpha
    regression = significant & (lower >= smallest - ROUNDING) & (lower > 0)
    improvement = significant & (upper <= ROUNDING - smallest) & (upper < 0)
    margin = np.where(scale.linear, smallest, np.fmax(np.log(thresholds.asked), smallest))  # fmax ignores NaN
    ruled_out, beyond = _ruled_out(estimates, scale, upper, half, (smallest, margin), policy)
    slow_runs = _slow_runs(estimates, scale, smallest)
    with np.errstate(invalid="ignore", divide="ignore"):
        p_widened = distributions.two_sided_p(estimate.d / (estimate.se * estimates.widened), df)
    p_other = np.fmax(estimates.p_order, estimates.p_line)  # no row has both
    doubted = np.fmax(p_other, np.where(estimates.widened > 1, p_widened, np.nan))
    proven = np.isnan(doubted) | (q_values(np.fmax(p_both, doubted), families) <= policy.alpha)
    independent = ~_holds_of_alike_pairs(estimates, policy, (p_both, shift), families)
    return TestResults(
        p=p,
        q=q,
        low=estimate.d - half,
        high=estimate.d + half,
        smallest=smallest,
        margin=margin,
        alarm=np.where(scale.linear, np.log(thresholds.alarm), np.fmax(np.log(thresholds.alarm), half)),
        detectable=_detectable(estimate, smallest, strict, policy),
        runs_needed=_runs_needed(estimates, margin, policy),
        ruled_out=ruled_out,
        beyond=beyond,
        regression=regression,
        improvement=improvement,
        unchanged=~np.isnan(ruled_out) & (slow_runs == 0) & ~estimate.weak & ~regression & ~improvement,
        suspected=(regression | improvement) & (~proven | (independent & estimates.alike)),
        independent=(regression | improvement) & independent,
        layout=_within_layout(estimates, scale),
        slow_runs=slow_runs,
    )


def _holds_of_alike_pairs(
    estimates: RowEstimates, policy: Policy, tested: tuple[Floats, Floats], families: Sequence[str]
) -> Flags:
    """Return the rows whose change is proven even if neighbouring pairs are as much alike as they cannot exclude.

    `tested` are the p-values of the rows and what the whole suite moved by.
    """
    p, shift = tested
    if estimates.cautious is None:
        return np.ones(len(p), dtype=bool)
    alike = [_p_values(estimates, estimates.cautious, policy, off) for off in (np.zeros_like(shift), shift)]
    return np.asarray(q_values(np.fmax(p, np.fmax(*alike)), families) <= policy.alpha)


def _p_values(estimates: RowEstimates, estimate: Estimate, policy: Policy, shift: Floats) -> Floats:
    """Return the two-sided p-value of each row's difference from `shift`, multiplied by what looking early costs."""
    d = estimate.d - shift
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(d == 0, 0.0, d / estimate.se)
    p = np.where(estimate.design <= SINGLE, distributions.two_sided_p(t, estimate.df), np.nan)
    p = np.where(np.isnan(p), np.nan, np.fmax(p, estimates.p_counts))
    if policy.plan is not None:
        paid = looks.paid_for_looks(p, policy.plan, policy.alpha, estimate.base_runs, estimate)
        p = np.where(estimate.design == PAIRED, paid, p)
    return np.minimum(p, 1.0)


def _penalty_at_the_end(estimate: Estimate, policy: Policy) -> Floats:
    """Return what a p-value of α costs at the end of the plan, where every measurement arrives that does not stop."""
    none = np.ones(len(estimate.d))
    if policy.plan is None:
        return none
    end = np.full(len(estimate.d), float(policy.plan.pairs))
    paid = looks.paid_for_looks(policy.alpha * none, policy.plan, policy.alpha, end, estimate)
    return np.where(estimate.design == PAIRED, paid / policy.alpha, none)


def _interval_levels(estimates: RowEstimates, policy: Policy) -> Floats:
    """Return the two-sided level of each row's interval: α, or what is left of it at each of several looks."""
    estimate = estimates.estimate
    if policy.plan is None:
        return np.full(len(estimate.d), policy.alpha)
    levels = looks.interval_levels(policy.plan, policy.alpha, estimate.irreducible, estimate.spread)
    return np.where(estimate.design == PAIRED, levels, policy.alpha)


def _ruled_out(
    estimates: RowEstimates, scale: Scale, d: Floats, half: Floats, sizes: tuple[Floats, Floats], policy: Policy
) -> tuple[Floats, Ints]:
    """Return the smaller of two sizes that a row is proven not to reach, and the pairs beyond it where they decide.

    Pairs are counted against the size less what two builds of the same code may differ by: counting says where the
    typical pair of these two builds lies, and not where the code does.
    """
    excluded, beyond = np.full_like(d, np.nan), np.full(len(d), -1)
    paired = (estimates.estimate.design == PAIRED) & ~scale.linear & ~estimates.coarse
    differences = np.where(paired[:, None], estimates.head - estimates.base, np.nan) if paired.any() else None
    alpha = policy.alpha if policy.plan is None else looks.strictest_level(policy.plan, policy.alpha)
    share = float(distributions.t_quantile(_COUNTED * policy.alpha, np.inf))
    for size in reversed(sizes):
        below = np.where(scale.linear, d + half <= size, d + half < size)
        excluded, beyond = np.where(below, size, excluded), np.where(below, -1, beyond)
        if differences is not None:
            counted_at = size - share * estimates.estimate.irreducible
            counted = ruled_out(differences, d, counted_at, alpha) & paired & ~below
            excluded = np.where(counted, size, excluded)
            beyond = np.where(counted, count_beyond(differences, size), beyond)
    return excluded, beyond


def _slow_runs(estimates: RowEstimates, scale: Scale, size: Floats) -> Ints:
    """Return how many runs of the head are far slower than its others, more than the base's are; 0 for too few.

    The mean or median of the runs is then no summary of the head: what happens in one run of seven moves neither. Such
    runs are beyond `size` and five robust deviations of the noisier side from the median of their own; two of them or
    more, where counting them on both sides does not explain them by chance.
    """
    runs_b, runs_c = estimates.base, estimates.head
    middle = medians(runs_b)[:, None]
    typical = normal.DEVIATION_PER_MAD * np.fmax(
        medians(np.abs(runs_b - middle)), medians(np.abs(runs_c - medians(runs_c)[:, None]))
    )
    limit = np.fmax(size, _FAR * typical)[:, None]
    with np.errstate(invalid="ignore"):
        slow_c = (runs_c - medians(runs_c)[:, None] > limit).sum(axis=1)
        slow_b = (runs_b - middle > limit).sum(axis=1)
    of_c, of_b = ((~np.isnan(runs)).sum(axis=1) for runs in (runs_c, runs_b))
    counts = zip(*map(plain, (slow_c, of_c, slow_b, of_b)), strict=True)
    shown = [count[0] >= exact_tests.FEWEST_SLOW and exact_tests.may_be_a_path(*count) for count in counts]
    return np.where(np.array(shown, dtype=bool) & ~scale.exact, slow_c, 0)


def _within_layout(estimates: RowEstimates, scale: Scale) -> Flags:
    """Return the rows of compiled code whose change may be no more than what another layout of a build does.

    Pairs of one build a side share the layout of each, so no number of them tells it from the change. A change that is
    proven by the pairs is the code's where its estimate reaches the bound, which few layouts do and few pairs add to.
    Were the whole interval to lie beyond the bound, a slowdown of 30 % would be missed on most machines.
    """
    estimate = estimates.estimate
    bound = np.zeros(len(estimate.d))
    for row, of_row in estimates.layout.items():
        bound[row] = math.log(of_row.ratio)
    possible = (estimate.design == PAIRED) & scale.timed & ~scale.linear
    return np.asarray(possible & (np.abs(estimate.d) < bound))


def _smallest(estimates: RowEstimates, scale: Scale, thresholds: Floats, policy: Policy) -> Floats:
    """Return the smallest difference that is called a change; never above what was asked to alarm."""
    paired = estimates.estimate.design == PAIRED
    ratio = np.where(paired, policy.minimum_ratio_paired, policy.minimum_ratio_history)
    ratio = np.fmin(np.where(scale.exact, policy.minimum_ratio_exact, ratio), thresholds)
    level = np.abs(moments(estimates.base)[1])
    return np.where(scale.linear, (ratio - 1) * np.nan_to_num(level), np.log(ratio))


def _detectable(estimate: Estimate, smallest: Floats, strict: Floats, policy: Policy) -> Floats:
    """Return the smallest change that would have been found with the wanted power, had it been there.

    A second measurement of the same size estimates its noise anew, and so did this one: both errors of the standard
    error, whose relative deviation is 1/√(2 df) for normal noise and 1/√df for tails as those of a machine, are counted
    beside that of the difference.
    """
    z = float(distributions.t_quantile(1 - policy.power, np.inf))
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = 1 - (estimate.irreducible / estimate.se) ** 2
        relative = np.nan_to_num(np.clip(drawn, 0, 1) ** 2 * _TAILS / (2 * estimate.df))
        limit = np.fmax(smallest, strict) / estimate.se
        estimated = np.where(strict >= smallest, limit, 0.0)
        reach = limit + z
        for _ in range(_ROUNDS):
            reach = limit + z * np.sqrt(1 + relative * (reach**2 + estimated**2))
    return np.asarray(reach * estimate.se)


def _runs_needed(estimates: RowEstimates, margin: Floats, policy: Policy) -> Floats:
    """Return the runs per side (or pairs) after which `margin` would be ruled out of unchanged code; NaN for never.

    With the wanted power, by Student's interval of so many runs. (To prove a change that is exactly as large as the
    smallest one that counts, no number of runs is enough: half of the time it is estimated below.)
    """
    estimate = estimates.estimate
    z = float(distributions.t_quantile(1 - policy.power, np.inf))
    paired = estimate.design == PAIRED
    sides, shared = np.where(paired, 1.0, 2.0), np.where(paired, estimate.irreducible, 0.0)
    minimum = np.where(paired, policy.minimum_pairs, policy.minimum_runs).astype(float)
    runs = minimum
    with np.errstate(invalid="ignore", divide="ignore"):
        uncertain = 1 + _UNCERTAIN / np.maximum(estimate.df, 1)
        for _ in range(_ROUNDS):
            reach = distributions.t_quantile(policy.alpha / 2, np.maximum(sides * (runs - 1), 1)) + z
            needed = np.ceil(sides * uncertain * estimate.spread**2 / ((margin / reach) ** 2 - shared**2))
            runs = np.where(needed > 0, np.clip(needed, minimum, _MOST_RUNS + 1), np.nan)
    return np.where((needed > 0) & (needed <= _MOST_RUNS), runs, np.nan)


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


_COUNTED_EXACTLY = 1000  # 2**1024 is too large for a float
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
    """Return the largest k with P(Binomial(`pairs`, 1/2) ≤ k) ≤ `level`; by whole numbers where floats hold them."""
    if pairs > _COUNTED_EXACTLY:
        return bisect_right(range(pairs), level, key=lambda beyond: distributions.binomial(beyond, pairs)) - 1
    below, allowed = 0, -1
    for beyond in range(pairs + 1):
        below += math.comb(pairs, beyond)
        if below > level * 2**pairs:
            break
        allowed = beyond
    return allowed
