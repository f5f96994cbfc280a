"""What looks like a step and is not one, and what is one and too short to look like it: lines, and short levels."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from regress_action.analysis import distributions
from regress_action.analysis.arrays import SMALLEST_DEVIATION, medians
from regress_action.model import normal

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints

FEWEST = 20
_TAILS = 3.0
SHORTEST = 5  # runs of a level
RAMPS = (30, 40, 50, 60, 70, 80, 90)  # runs of a drift that began after a level
_VISIBLE = 0.3  # share of the variance that a line explains, below which noise hides what shape it is
_BETTER = 4.0
"""Twice the log likelihood ratio from which a line is preferred where noise hides the shape: steps are commoner."""


def are_lines(flat: Floats, place: Ints, start: Ints, stop: Ints, first: Ints, last: Ints, ends: Ints) -> Flags:
    """Return for each group of steps whether a drift describes its stretch better than they do.

    Step i begins at `place[i]`, the level before it at `start[i]`, and the one after it stops at `stop[i]`; group g
    are the steps from `first[g]` to `last[g]`. A drift is a straight line, or, where the stretch ends with its series
    (at one of `ends`), a level followed by one of thirty runs or more. Both are fitted by least squares and compared
    by the likelihood ratio of normal noise, a place at half of what the Bayesian information criterion takes for a
    parameter (Schwarz, Ann. Stat. 6 (1978)), and once more with far values drawn in to three robust deviations from
    the median of their level: a few disturbed runs hide steps from squares. Where a jump at one of the places is left
    beside the drift, the steps stay. What has fewer than twenty values is never a drift.
    """
    drifts = _drift(flat, place, start, stop, first, last, ends)
    for row in np.flatnonzero(drifts):
        steps = np.arange(first[row], last[row] + 1)
        low, high = int(start[first[row]]), int(stop[last[row]])
        edges = [low, *place[steps].tolist(), high]
        levels = np.concatenate([_without_tails(flat[begin:end]) for begin, end in pairwise(edges)])
        drifts[row] = _only_drifts(levels, place[steps] - low, open_ended=bool(np.isin(high, ends)))
    return drifts


def _only_drifts(levels: Floats, place: Ints, *, open_ended: bool) -> bool:
    """Whether a drift describes the levels better than steps do, and no jump at these places is left beside it."""
    runs = len(levels)
    time, group = np.arange(runs), np.zeros(1, np.intp)
    bounds = place, np.append(0, place[:-1]), np.append(place[1:], runs), group, group + len(place) - 1
    if not _drift(levels, *bounds, group + (runs if open_ended else -1))[0]:
        return False
    knots = [0, *(runs - ramp for ramp in RAMPS if open_ended and runs >= ramp + SHORTEST)]
    ramps = [np.stack([np.ones(runs), np.maximum(time - knot, 0)], axis=1) for knot in knots]
    drift, ramp = min(((_squares(levels, ramp), ramp) for ramp in ramps), key=lambda fit: fit[0])
    both = _squares(levels, np.concatenate([ramp, time[:, None] >= place], axis=1))
    return runs * math.log(max(drift, 1e-300) / max(both, 1e-300)) < 2 * len(place) * math.log(runs)


def _squares(levels: Floats, terms: Floats) -> float:
    """Return the sum of squares that a least-squares fit of these terms leaves."""
    left = levels - terms @ np.linalg.lstsq(terms, levels, rcond=None)[0]
    return float(left @ left)


def _without_tails(values: Floats) -> Floats:
    middle = np.median(values)
    reach = _TAILS * normal.DEVIATION_PER_MAD * np.median(np.abs(values - middle))
    return np.asarray(np.clip(values, middle - reach, middle + reach))


def _drift(flat: Floats, place: Ints, start: Ints, stop: Ints, first: Ints, last: Ints, ends: Ints) -> Flags:
    sums = _Sums.of(flat)
    low, high = start[first], stop[last]
    after = np.concatenate([[0.0], np.cumsum(sums.scatter(place, stop))])
    steps = after[last + 1] - after[first] + sums.scatter(low, place[first])
    total = sums.scatter(low, high)
    runs = (high - low).astype(float)
    drifts = (runs >= FEWEST) & _fits_better(runs, total, steps, sums.explained(low, low, high))
    open_ended = np.isin(high, ends)
    for ramp in RAMPS:
        rows = np.flatnonzero(open_ended & ~drifts & (runs >= ramp + SHORTEST))
        explained = sums.explained(low[rows], high[rows] - ramp, high[rows])
        drifts[rows] = _fits_better(runs[rows], total[rows], steps[rows], explained)
    return np.asarray(drifts)


def _fits_better(runs: Floats, total: Floats, steps: Floats, explained: Floats) -> Flags:
    """Whether a drift that explains so much of the scatter fits better than steps, which leave so much of it."""
    smallest = 1e-9 * runs
    gain = runs * np.log(np.maximum(steps, smallest) / np.maximum(total - explained, smallest))
    hidden = explained < _VISIBLE * total
    return np.asarray(gain > np.where(hidden, _BETTER, -np.log(runs) / 2))


class _Sums(NamedTuple):
    """Running sums of values, of their squares, and of their products with their place."""

    values: Floats
    squares: Floats
    moments: Floats

    @classmethod
    def of(cls, flat: Floats) -> Self:
        values = flat.astype(float)
        sums = np.zeros((3, len(values) + 1))
        for part, into in zip((values, values**2, np.arange(len(values)) * values), sums, strict=True):
            np.cumsum(part, out=into[1:])
        return cls(*sums)

    def scatter(self, low: Ints, high: Ints) -> Floats:
        """Return the sum of squares about the mean of each stretch."""
        total = self.values[high] - self.values[low]
        return np.asarray(self.squares[high] - self.squares[low] - total**2 / (high - low))

    def explained(self, low: Ints, knot: Ints, high: Ints) -> Floats:
        """Return what of it a line that begins at `knot` explains, after a level since `low`."""
        runs, ramp = (high - low).astype(float), (high - knot).astype(float)
        mean = (self.values[high] - self.values[low]) / runs
        product = self.moments[high] - self.moments[knot] - knot * (self.values[high] - self.values[knot])
        x = ramp * (ramp - 1) / 2
        squares = ramp * (ramp - 1) * (2 * ramp - 1) / 6 - x**2 / runs
        return np.asarray((product - x * mean) ** 2 / squares)


def is_line(levels: Floats) -> bool:
    """Return whether a straight line describes these levels better than their best step does."""
    runs = np.arange(SHORTEST, len(levels) - SHORTEST + 1)
    if not len(runs):
        return False
    sums = np.cumsum(levels - levels.mean())[runs - 1]
    place = runs[[np.argmax(sums**2 / (runs * (len(levels) - runs)))]]
    zero = np.zeros(1, np.intp)
    return bool(are_lines(levels, place, zero, zero + len(levels), zero, zero, zero - 1)[0])


WIDTHS = (4, 5, 6, 7)  # runs of a short level
AROUND = 16  # runs on either side that it is compared with
_LEAST_AROUND = 8
_DEVIATIONS = 4.5


class ShortLevels(NamedTuple):
    """Where each begins, the first run after it, how far it lies from the level around, that level, the p-value."""

    begin: Ints
    stop: Ints
    height: Floats
    around: Floats
    p_value: Floats

    def take(self, rows: Ints) -> ShortLevels:
        """Return some of them."""
        begin, stop, height, around, p_value = self
        return ShortLevels(begin[rows], stop[rows], height[rows], around[rows], p_value[rows])


def short_levels(flat: Floats, ends: Ints, minimum: Floats) -> ShortLevels:
    """Find levels of four to seven runs between two others: where they begin, and the first run after them.

    All runs of one lie beyond all but one of the sixteen on either side, those of its own series; its mean lies from
    their median by `minimum` of its series, and by 4.5 standard errors. Order alone makes the first condition rare in
    any exchangeable noise: four of 36 runs are all among the largest five in 1 of 11 781 cases.
    """
    above, below = (_standing_out(sign * flat, ends, minimum) for sign in (1, -1))
    parts = above, below._replace(height=-below.height, around=-below.around)
    return _strongest(ShortLevels(*(np.concatenate(part) for part in zip(*parts, strict=True))))


def _standing_out(values: Floats, ends: Ints, minimum: Floats) -> ShortLevels:
    """Find the levels above their surroundings, overlapping ones as well."""
    second = _second_largest(values)
    detected = []
    least = values
    for width in range(2, WIDTHS[-1] + 1):
        least = np.minimum(least[:-1], values[width - 1 :])
        if width < WIDTHS[0]:
            continue
        inner = least[_LEAST_AROUND : len(second) - width]
        above = (inner > second[: len(inner)]) & (inner > second[_LEAST_AROUND + width :][: len(inner)])
        begins = np.flatnonzero(above) + _LEAST_AROUND
        detected.append(_tested(values, ends, minimum, begins, width))
    return ShortLevels(*(np.concatenate(part) for part in zip(*detected, strict=True)))


def _second_largest(values: Floats) -> Floats:
    """Return the second largest of the eight values from each on."""
    largest, second = values, np.full(len(values), -np.inf, values.dtype)
    for size in (1, 2, 4):
        lesser = np.minimum(largest[:-size], largest[size:])
        second = np.maximum(lesser, np.maximum(second[:-size], second[size:]))
        largest = np.maximum(largest[:-size], largest[size:])
    return second


def _tested(values: Floats, ends: Ints, minimum: Floats, begins: Ints, width: int) -> ShortLevels:
    owner = np.searchsorted(ends, begins, side="right") - 1
    inside = (begins - ends[owner] >= _LEAST_AROUND) & (ends[owner + 1] - begins - width >= _LEAST_AROUND)
    begins, owner = begins[inside], owner[inside]
    away = np.arange(AROUND)
    before, after = begins[:, None] - 1 - away, begins[:, None] + width + away
    there = np.concatenate([before >= ends[owner, None], after < ends[owner + 1, None]], axis=1)
    place = np.clip(np.concatenate([before, after], axis=1), 0, len(values) - 1)
    around = np.where(there, values[place], np.nan).astype(float)
    own = values[begins[:, None] + np.arange(width)].astype(float)
    above = own.min(axis=1) > np.sort(np.where(there, around, -np.inf), axis=1)[:, -2]
    sides = medians(around[:, :AROUND]), medians(around[:, AROUND:])
    level = medians(around)
    height = own.mean(axis=1) - level
    spread = np.abs(around - level[:, None])
    deviation = normal.DEVIATION_PER_MAD * np.maximum(medians(spread), np.nanmean(spread, axis=1))
    error = np.maximum(deviation, SMALLEST_DEVIATION) * np.sqrt(1 / width + 1 / there.sum(axis=1))
    returns = np.abs(sides[1] - sides[0]) < height / 2
    separate = (around[:, [0, AROUND]] < (level + height / 2)[:, None]).all(axis=1)  # no part of a longer level
    holds = above & returns & separate & (height >= minimum[owner]) & (height >= _DEVIATIONS * error)
    p_value = distributions.two_sided_p(height[holds] / error[holds], there.sum(axis=1)[holds] - 1)
    return ShortLevels(begins[holds], begins[holds] + width, height[holds], level[holds], p_value)


def _strongest(detected: ShortLevels) -> ShortLevels:
    """Return in order those from which no more significant one is fewer than four runs away."""
    kept: list[int] = []
    for row in np.lexsort((detected.begin, detected.p_value)):
        begin, stop = detected.begin[row], detected.stop[row]
        if all(
            stop + WIDTHS[0] <= detected.begin[other] or detected.stop[other] + WIDTHS[0] <= begin for other in kept
        ):
            kept.append(int(row))
    rows = np.array(sorted(kept, key=lambda row: int(detected.begin[row])), np.intp)
    return detected.take(rows)
