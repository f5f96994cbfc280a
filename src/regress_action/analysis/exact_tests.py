"""Exact tests, for what is far from normal: counts of events, and one new run among the stored ones.

Of H events in m runs of the head and B in K runs of the base, H given H + B is binomial with the share m / (m + K)
where both count events of one rate (the conditional test of Przyborowski and Wilenski, Biometrika 31 (1940) 313-323).
Where every run has the event or not, H given H + B is hypergeometric (Fisher's exact test, J. R. Stat. Soc. 98 (1935)).

One value has no spread of its own, so what a t test says of it is read from the far tail of a distribution that nobody
has seen. The prediction by order statistics (conformal prediction; Vovk, Gammerman and Shafer, "Algorithmic Learning
in a Random World", 2005) needs exchangeable runs only: were the new run like the K stored ones, it would be the most
surprising of all K + 1 with probability 1 / (K + 1). Beyond the most surprising stored run the probability is taken to
fall no faster than the distance grows: the tail of Cauchy's distribution, heavier than any with a finite variance.

A suite of many benchmarks shows more of the tail than one benchmark can: their scores are pooled. Where the new runs
of the whole suite scatter more than the stored ones do, they are scaled down to what the stored ones show (the
empirical null of Efron, J. Am. Stat. Assoc. 99 (2004) 96-104).
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regress_action.analysis import distributions
from regress_action.analysis.arrays import SMALLEST_DEVIATION, medians, moments

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints

_PATH_SHARE, _PATH_RULED_OUT = 0.15, 0.05  # of the head's runs that take a path, and the error of ruling it out
_SHOWN, _POSSIBLE = 0.05, 0.25  # chance of as many runs: too small to be chance, and small enough for a path


def count_p_values(base: Floats, head: Floats, rows: Flags) -> Floats:
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


@cache
def p_of_more(head: int, of_head: int, base: int, of_base: int) -> float:
    """Return the chance that as many of the head's runs or more are marked, were every run as likely to be.

    Given that `head` of `of_head` and `base` of `of_base` runs are: Fisher's exact test, one-sided.
    """
    marked = head + base
    ways = (math.comb(of_head, k) * math.comb(of_base, marked - k) for k in range(head, min(marked, of_head) + 1))
    return sum(ways) / math.comb(of_head + of_base, marked)


def may_be_a_path(head: int, of_head: int, base: int, of_base: int) -> bool:
    """Whether a path that only the head takes may be why so many of its runs are marked, beside those of the base.

    It does where chance explains as many in less than 5 % of cases. Where none of the base is marked, it may also where
    chance explains them in one case of four at most and the number does not rule out (at 5 %) that 15 % of the head's
    runs take it: two of twenty do not, two of sixty do.
    """
    chance = p_of_more(head, of_head, base, of_base)
    possible = not base and distributions.binomial(head, of_head, _PATH_SHARE) > _PATH_RULED_OUT
    return chance <= _SHOWN or (possible and chance <= _POSSIBLE)


FEWEST_SLOW = 2  # one slow run is a stalled process more often than a path


@cache
def missed_path_share(runs: int) -> float:
    """Return the share of the head's runs below which a slower path may be missed at 5 %, in so many pairs.

    A path is named from the fewest slow runs on that are no chance beside a base without any: two of ten, five of
    sixty. That so many runs of the head take it has a chance of 95 % at this share. 1 where no number is enough.
    """
    named = (slow for slow in range(FEWEST_SLOW, runs + 1) if may_be_a_path(slow, runs, 0, runs))
    fewest = next(named, None)
    return 1.0 if fewest is None else float(special.bdtri(fewest - 1, runs, _PATH_RULED_OUT))


_FEWEST_STORED = 4  # a score needs three others
_SUITE = 20  # benchmarks that show the tail of each other


def order_p_values(base: Floats, head: Floats, family: Flags) -> Floats:
    """Return for each row the chance that its only new run is so far from its stored runs (rows × runs), two-sided.

    NaN where a row does not have exactly one new run and four stored ones. Rows of `family` are pooled where they
    are twenty or more; the others, and rows of smaller suites, are compared with their own stored runs alone.
    """
    stored = (~np.isnan(base)).sum(axis=1)
    usable = ((~np.isnan(head)).sum(axis=1) == 1) & (stored >= _FEWEST_STORED)
    p = np.full(len(base), np.nan)
    if not usable.any():
        return p
    seen = leave_one_out_scores(base[usable])
    new = _score_of_new(base[usable], moments(head[usable])[1])
    own = _p_among_own(seen, new)
    pooled = family[usable]
    if np.count_nonzero(pooled) >= _SUITE:
        own[pooled] = _p_among_pool(seen[pooled], new[pooled])
    p[usable] = own
    return p


def leave_one_out_scores(base: Floats) -> Floats:
    """Return how many prediction errors each stored run lies from the mean of the others of its row."""
    runs, mean, squares = moments(base)
    others = (runs - 1)[:, None]
    distance = base - mean[:, None]
    mean_of_others = mean[:, None] - distance / others
    squares_of_others = np.maximum(squares[:, None] - distance**2 * (runs / (runs - 1))[:, None], 0.0)
    return _scores(np.abs(base - mean_of_others), squares_of_others, others)


def _score_of_new(base: Floats, new: Floats) -> Floats:
    runs, mean, squares = moments(base)
    return _scores(np.abs(new - mean), squares, runs)


def _scores(distance: Floats, squares: Floats, runs: Floats) -> Floats:
    deviation = np.sqrt(squares / np.maximum(runs - 1, 1) * (1 + 1 / runs))
    return np.asarray(distance / np.maximum(deviation, SMALLEST_DEVIATION))


def _p_among_own(seen: Floats, new: Floats) -> Floats:
    """Return the p-value of each new score among those of the same row."""
    with np.errstate(invalid="ignore"):
        as_far = (seen >= new[:, None]).sum(axis=1)
    return _p(as_far, (~np.isnan(seen)).sum(axis=1), np.nanmax(seen, axis=1), new)


def _p_among_pool(seen: Floats, new: Floats) -> Floats:
    """Return the p-value of each new score among those of all rows, scaled to what the stored ones show."""
    pool = np.sort(seen[~np.isnan(seen)])
    typical = float(medians(pool[None, :])[0])
    scale = max(float(medians(new[None, :])[0]) / typical, 1.0) if typical > 0 else 1.0
    scaled = new / scale
    as_far = len(pool) - np.searchsorted(pool, scaled, side="left")
    return _p(as_far, np.full(len(new), len(pool)), np.full(len(new), pool[-1]), scaled)


def _p(as_far: Ints, count: Ints, farthest: Floats, new: Floats) -> Floats:
    beyond = farthest / np.maximum(new, SMALLEST_DEVIATION)  # as a Cauchy tail falls
    return np.asarray((as_far + np.where(as_far == 0, beyond, 1.0)) / (count + 1))
