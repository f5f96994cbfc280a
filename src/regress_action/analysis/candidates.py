"""Which proposed change points hold up between their neighbours, and which of those are clear.

* Where one stretch of runs best falls into two that were drawn from different distributions.

What holds up is shown. It is searched for again after every run, and noise that is correlated along time looks like a
change of level now and then, so over the life of a history such a change appears sooner or later. What is *clear*
may alarm: it must be more than a stationary series with the correlation of the runs before it would ever show.

The statistic is the likelihood ratio (G) of a contingency analysis: the values are cut at their own quantiles into up
to eight classes, and a split is as good as the class counts on its two sides differ. It uses order alone, so it
needs no log, no normality and no guard against outliers. Noise in CI is clustered (a few machine types, each with
little spread), and there a step moves every cluster: the mean barely sees it, the classes see it at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from regress_action.analysis import designs, distributions
from regress_action.analysis.arrays import SMALLEST_DEVIATION, medians, moments

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints


CLASSES = 8
VALUES_PER_CLASS = 6
MOST_VALUES = 255  # values in one stretch: a counter is a byte
VALUES_AT_ONCE = 12_800  # counts of 8 classes in double precision: 800 kB, which stays in the cache
_N_LOG_N = np.arange(MOST_VALUES + 1) * np.log(np.maximum(np.arange(MOST_VALUES + 1), 1))
_ONE = np.left_shift(np.uint64(1), np.arange(0, 8 * CLASSES, 8, dtype=np.uint64)).astype("<u8")


class Stretches(NamedTuple):
    """RowIndex of values to be split: each row is `flat[start:stop]`, laid out around `pivot` in its window.

    `columns` are the split positions tried, relative to `pivot`, the same for every row and without gaps; a
    position leaves at least `smallest` values on either side. A row holds at most 255 values.
    """

    start: Ints
    stop: Ints
    pivot: Ints
    columns: Ints
    smallest: int

    def take(self, rows: Ints) -> Stretches:
        """Return some of the rows."""
        return self._replace(start=self.start[rows], stop=self.stop[rows], pivot=self.pivot[rows])


def best_splits(flat: Floats, stretches: Stretches) -> tuple[Ints, Floats]:
    """Find the best split of every row and its p-value, 1 for one above 0.01 or so.

    Returns the index into `flat` of the first value after the split, and the p-value of that split from the χ²
    distribution, which does not count the search over positions. A row that cannot be split gives its pivot and 1.
    """
    sizes = stretches.stop - stretches.start
    index, p_value = stretches.pivot.copy(), np.ones(len(sizes))
    by_size = np.argsort(sizes, kind="stable")  # rows of one chunk share a window, so let them be alike
    first = 0
    while first < len(sizes):
        rows = by_size[first : first + max(1, VALUES_AT_ONCE // int(sizes[by_size[first]]))]
        index[rows], p_value[rows] = _best(flat, stretches.take(rows))
        first += len(rows)
    return index, p_value


def _best(flat: Floats, stretches: Stretches) -> tuple[Ints, Floats]:
    start, stop, pivot, columns, smallest = stretches
    low = int((start - pivot).min())
    high = int((stop - pivot).max())
    window = np.arange(low, high)
    columns = columns[(columns >= low + smallest) & (columns <= high - smallest)]
    if not len(columns):
        return pivot, np.ones(len(pivot))
    position = pivot[:, None] + window
    ragged = (start - pivot).max() > low or (stop - pivot).min() < high
    inside = (position >= start[:, None]) & (position < stop[:, None]) if ragged else None
    values = flat[position] if inside is None else np.where(inside, flat.take(position, mode="clip"), np.inf)
    left, total = _counts(values, inside, stop - start, slice(columns[0] - low, columns[-1] - low))
    statistic = _likelihood_ratio(left, total)
    if ragged:
        split = pivot[:, None] + columns
        statistic[(split < start[:, None] + smallest) | (split > stop[:, None] - smallest)] = -1
    choice = statistic.argmax(axis=1)
    p = _p_value(statistic[np.arange(len(start)), choice], np.count_nonzero(total, axis=0) - 1)
    return np.where(p < 1, pivot + columns[choice], pivot), p


def _p_value(statistic: Floats, freedom: Ints) -> Floats:
    """Return the tail of χ² where it is below 0.01 or so, else 1: nobody asks how likely the likely is."""
    p = np.ones(len(statistic))
    unlikely = statistic > 2 * freedom + 4
    p[unlikely] = distributions.chi_square_tail(statistic[unlikely], freedom[unlikely])
    return p


def _counts(values: Floats, inside: Flags | None, sizes: Ints, between: slice) -> tuple[Ints, Ints]:
    """Count the values of each class before every split, `(classes, rows, splits)`, and in all, `(classes, rows)`.

    `inside` is None where all values belong to their row. `between` are the columns that lie between the first
    split and the last. The counters of a row are the eight bytes of one integer, so that one running sum counts
    all classes.
    """
    rows = len(values)
    classes = np.clip(sizes // VALUES_PER_CLASS, 2, CLASSES)
    most = int(classes.max())
    order = np.arange(1, most)[:, None]
    rank = np.where(order < classes, order * sizes // classes, sizes) - 1
    cuts = np.sort(values, axis=1)[np.arange(rows), rank]
    of = np.zeros(values.shape, np.uint8)
    for cut in cuts:
        of += values > cut[:, None]
    unit = _ONE[of] if inside is None else np.where(inside, _ONE[of], np.uint64(0))
    packed = np.empty((rows, between.stop - between.start + 2), np.uint64)
    unit[:, : between.start].sum(axis=1, out=packed[:, 0])
    packed[:, 1:-1] = unit[:, between]
    np.cumsum(packed[:, :-1], axis=1, out=packed[:, :-1])
    packed[:, -1] = packed[:, -2] + unit[:, between.stop :].sum(axis=1)
    counts = np.ascontiguousarray(packed.view(np.uint8).reshape(rows, -1, CLASSES)[:, :, :most].transpose(2, 0, 1))
    return counts[:, :, :-1], counts[:, :, -1]


def _likelihood_ratio(left: Ints, total: Ints) -> Floats:
    """Compute G = 2 Σ O log(O/E) of the table classes × sides, from sums of n log n."""
    right = total[:, :, None] - left
    cells = (_N_LOG_N[left] + _N_LOG_N[right]).sum(axis=0)
    sides = _N_LOG_N[left.sum(axis=0)] + _N_LOG_N[right.sum(axis=0)]
    margins = _N_LOG_N[total.sum(axis=0)] - _N_LOG_N[total].sum(axis=0)
    statistic: Floats = 2 * (cells - sides + margins[:, None])
    return statistic.round(6)  # the order of summation depends on the other rows, the answer must not


REACHES = (100, 16)  # runs on each side that a proposal is tested on: far for small steps, near for young ones
SLACK = np.arange(-10, 11)  # places to which it may move then
CLEAR = 4.0  # mean deviations by which two levels are apart when every run shows to which it belongs
QUANTILES = (np.arange(9) + 0.5) / 9


class Candidates(NamedTuple):
    """Change points of all series in order: place, series, level before and its shift, p-value, and strength.

    Strength is 1 at the limit of what counts, below it what must go.
    """

    place: Ints
    owner: Ints
    level: Floats
    shift: Floats
    p_value: Floats
    strength: Floats

    def take(self, rows: Ints | Flags) -> Candidates:
        """Return some of them."""
        place, owner, level, shift, p_value, strength = self
        return Candidates(place[rows], owner[rows], level[rows], shift[rows], p_value[rows], strength[rows])


def prune(
    flat: Floats,
    ends: Ints,
    proposals: Proposals,
    minimum: Floats,
    p: float,
    smallest: int,
) -> Candidates:
    """Test every proposal on the runs between its neighbours and drop the weakest, until all hold.

    `minimum` is the smallest shift that counts, per series. A proposal is only tested again when a neighbour of
    it went away, and all that are weaker than their neighbours go at once: what one of them decides touches
    nothing beyond its neighbours.
    """
    place = proposals.place
    owner = np.searchsorted(ends, place, side="right") - 1
    candidates = Candidates(place, owner, *(np.full(len(place), np.nan) for _ in range(4)))
    while len(candidates.place):
        candidates = _tested(flat, ends, candidates, minimum, p, smallest)
        failing = candidates.strength < 1
        if not failing.any():
            break
        candidates = _without(candidates, failing & _weaker_than_neighbours(candidates))
    return candidates


def _tested(
    flat: Floats,
    ends: Ints,
    candidates: Candidates,
    minimum: Floats,
    p: float,
    smallest: int,
) -> Candidates:
    start, stop = _between_neighbours(ends, candidates)
    todo = np.flatnonzero(np.isnan(candidates.strength))
    near, place, p_value = _split(flat, start[todo], stop[todo], candidates.place[todo], smallest)
    place, level, shift = _sharpened(flat, near, place)
    size = np.abs(shift) / np.maximum(minimum[candidates.owner[todo]], 1e-12)
    significance = np.log(np.maximum(p_value, 1e-300)) / np.log(p)
    strength = np.minimum(significance, np.where(size < 1, size, np.inf))
    candidates.place[todo], candidates.p_value[todo], candidates.strength[todo] = place, p_value, strength
    candidates.level[todo], candidates.shift[todo] = level, shift
    return candidates.take(np.unique(candidates.place, return_index=True)[1])  # two may have moved to one place


def _split(flat: Floats, start: Ints, stop: Ints, place: Ints, smallest: int) -> tuple[Stretches, Ints, Floats]:
    """Split every stretch near its proposal; return the widest stretches used, the places and the p-values."""
    widths = [
        Stretches(np.maximum(start, place - reach), np.minimum(stop, place + reach), place, SLACK, smallest)
        for reach in REACHES
    ]
    (far, p_far), (close, p_close) = (best_splits(flat, stretches) for stretches in widths)
    closer = p_close < p_far
    return widths[0], np.where(closer, close, far), np.where(closer, p_close, p_far)


def _between_neighbours(ends: Ints, candidates: Candidates) -> tuple[Ints, Ints]:
    """Return where each one's stretch starts and stops: at its neighbours, or where the series does."""
    start = np.maximum(ends[candidates.owner], np.concatenate([[0], candidates.place[:-1]]))
    stop = np.minimum(ends[candidates.owner + 1], np.concatenate([candidates.place[1:], ends[-1:]]))
    return start, stop


def _weaker_than_neighbours(candidates: Candidates) -> Flags:
    boundary = candidates.owner[1:] != candidates.owner[:-1]
    left = np.concatenate([[np.inf], np.where(boundary, np.inf, candidates.strength[:-1])])
    right = np.concatenate([np.where(boundary, np.inf, candidates.strength[1:]), [np.inf]])
    return (candidates.strength <= left) & (candidates.strength < right)


def _without(candidates: Candidates, gone: Flags) -> Candidates:
    """Drop some, and mark those beside them as untested."""
    beside = np.zeros_like(gone)
    beside[1:] |= gone[:-1]
    beside[:-1] |= gone[1:]
    candidates.strength[beside] = np.nan
    return candidates.take(~gone)


def _shift(flat: Floats, start: Ints, place: Ints, stop: Ints) -> tuple[Floats, Floats, Floats]:
    """Estimate the level before, how far it moved, and the mean deviation around the two levels.

    The move is the Hodges-Lehmann shift of 9 quantiles of each side, which clusters of noise do not pull about.
    """
    before, after = _quantiles(flat, start, place), _quantiles(flat, place, stop)
    pairs = (after[:, :, None] - before[:, None, :]).reshape(len(start), len(QUANTILES) ** 2)
    pairs.sort(axis=1)
    middle = len(QUANTILES) // 2
    spread = [np.abs(side - side[:, middle, None]).mean(axis=1) for side in (before, after)]
    return before[:, middle], pairs[:, len(QUANTILES) ** 2 // 2], np.maximum(*spread)


def _sharpened(flat: Floats, near: Stretches, place: Ints) -> tuple[Ints, Floats, Floats]:
    """Move a step that stands clear of its noise to the very run; return place, level before and shift.

    Classes of values see whether there is a step, and may be some runs off in saying where. Two levels that are well
    apart tell to which of them every single run belongs. Whether they are is asked at the new place: at the old one
    the runs in between stand on the wrong side, and look like noise.
    """
    level, shift, _ = _shift(flat, near.start, place, near.stop)
    moved = _nearest_levels(flat, near, place, level, shift)
    elsewhere = np.flatnonzero(moved != place)
    if len(elsewhere):
        there = _shift(flat, near.start[elsewhere], moved[elsewhere], near.stop[elsewhere])
        clear = np.abs(there[1]) > CLEAR * there[2]
        rows = elsewhere[clear]
        place = place.copy()
        place[rows], level[rows], shift[rows] = moved[rows], there[0][clear], there[1][clear]
    return place, level, shift


def _nearest_levels(flat: Floats, near: Stretches, place: Ints, level: Floats, shift: Floats) -> Ints:
    """Return the split near `place` that leaves every run nearest to the level of its side, by absolute deviations."""
    split = place[:, None] + SLACK
    run = np.clip(split[:, :-1], 0, len(flat) - 1)
    towards_after = np.abs(flat[run] - level[:, None]) - np.abs(flat[run] - (level + shift)[:, None])
    gain = np.zeros(split.shape)  # of splitting here rather than at the first column: all runs between go before
    gain[:, 1:] = -np.cumsum(towards_after, axis=1)
    allowed = (split >= near.start[:, None] + near.smallest) & (split <= near.stop[:, None] - near.smallest)
    best = np.where(allowed, gain, -np.inf).argmax(axis=1)
    return np.where(allowed.any(axis=1), split[np.arange(len(split)), best], place)


def _quantiles(flat: Floats, start: Ints, stop: Ints) -> Floats:
    sizes = (stop - start)[:, None]
    window = np.arange(int(sizes.max()))
    values = np.where(window < sizes, flat[np.minimum(start[:, None] + window, len(flat) - 1)], np.float32(np.inf))
    values.sort(axis=1)
    place = np.clip(QUANTILES * sizes - 0.5, 0, sizes - 1)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, sizes - 1)
    weight = (place - low).astype(np.float32)
    rows = np.arange(len(start))[:, None]
    quantiles: Floats = values[rows, low] * (1 - weight) + values[rows, high] * weight
    return quantiles


TILES = (100, 24)
EAGERNESS = 4  # a tile proposes at p × 4: beside a second step a real one is weaker in its tile than it will prove


class Proposals(NamedTuple):
    """Places in the joined values where a new level may begin, and the p-values with which a tile said so."""

    place: Ints
    p_value: Floats

    @classmethod
    def none(cls) -> Self:
        """Return no proposals."""
        return cls(np.zeros(0, np.intp), np.zeros(0))

    def and_(self, other: Proposals) -> Self:
        """Return both together, in no order."""
        return type(self)(np.concatenate([self.place, other.place]), np.concatenate([self.p_value, other.p_value]))

    def apart(self, smallest: int) -> Self:
        """Return them in order of place, keeping the most significant of those closer than `smallest` runs."""
        if not len(self.place):
            return self
        order = np.lexsort((self.p_value, self.place))
        place, p_value = self.place[order], self.p_value[order]
        group = np.cumsum(np.diff(place, prepend=place[0]) >= smallest)
        best = np.lexsort((place, p_value, group))
        best = best[np.unique(group[best], return_index=True)[1]]
        return type(self)(place[best], p_value[best])


def tiles(ends: Ints, width: int) -> tuple[Ints, Ints]:
    """Cover every series with tiles that begin half a width apart; return their starts and stops."""
    half = width // 2
    sizes = np.diff(ends)
    count = np.maximum(1, -(-(sizes - half) // half))
    owner = np.repeat(np.arange(len(sizes)), count)
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    start = ends[:-1][owner] + number * half
    return start, np.minimum(start + width, ends[1:][owner])


def propose(flat: Floats, start: Ints, stop: Ints, p: float, smallest: int) -> Proposals:
    """Split every tile where it differs most, then the parts, for as long as the split is nearly significant."""
    proposals = Proposals.none()
    while True:
        divisible = stop - start >= 2 * smallest
        start, stop = start[divisible], stop[divisible]
        if not len(start):
            return proposals
        columns = np.arange(smallest, int((stop - start).max()) - smallest + 1)
        place, p_value = best_splits(flat, Stretches(start, stop, start, columns, smallest))
        split = p_value < p * EAGERNESS
        start, stop, place = start[split], stop[split], place[split]
        proposals = proposals.and_(Proposals(place, p_value[split]))
        start, stop = np.concatenate([start, place]), np.concatenate([place, stop])


BEFORE, AFTER = 60, 30  # runs on either side that a clear change is judged by
_FEWEST_BEFORE, _FEWEST_AFTER = 8, 5
LEARNED = 40  # runs before a change that show what happens on such machines: weekends, another machine
CLEAR_RATIO, CLEAR_RATIO_UNLEARNED = 1.05, 1.15
_CLEAR_P = 1e-4
_SURELY = 2.0  # standard errors by which a clear change is larger than the smallest
_MOST_CORRELATED = 0.95


def clear(flat: Floats, ends: Ints, candidates: Candidates, minimum: tuple[Floats, Floats]) -> Flags:
    """Return which change points are clear, in their order: those that a history may alarm for.

    The runs before (up to sixty, since the last clear change) are taken for a stationary AR(1) series, with all that
    is unclear among them. The difference of the levels must be significant at 0.0001 against it, and larger by two
    standard errors than `minimum`, per series: the first where forty runs came before it, else the second. The two
    levels are compared by mean and by median, and the nearer pair counts.
    """
    clears = np.zeros(len(candidates.place), dtype=bool)
    if not clears.size:
        return clears
    _, first = np.unique(candidates.owner, return_index=True)
    rank = np.arange(clears.size) - np.repeat(first, np.diff(np.append(first, clears.size)))
    _, stop = _between_neighbours(ends, candidates)
    begins = ends[:-1].copy()
    for number in range(int(rank.max()) + 1):
        rows = np.flatnonzero(rank == number)
        place, owner = candidates.place[rows], candidates.owner[rows]
        before = _runs(flat, np.maximum(begins[owner], place - BEFORE), place, BEFORE)
        after = _runs(flat, place, np.minimum(stop[rows], place + AFTER), AFTER)
        smallest = np.where(place - begins[owner] >= LEARNED, minimum[0][owner], minimum[1][owner])
        clears[rows] = _is_clear(before, after, smallest)
        begins[owner[clears[rows]]] = place[clears[rows]]
    return clears


def _runs(flat: Floats, start: Ints, stop: Ints, width: int) -> Floats:
    """Return `flat[start:stop]` of each row in double precision, NaN behind it."""
    place = start[:, None] + np.arange(width)
    return np.where(place < stop[:, None], flat[np.minimum(place, len(flat) - 1)], np.nan).astype(float)


def _is_clear(before: Floats, after: Floats, smallest: Floats) -> Flags:
    """Test the rows of runs before and after a change point, NaN for none.

    The correlation is taken to be one standard error above its estimate, and counts in the variance of both means and
    in the degrees of freedom. The variance is that of the runs before, or of both sides where the later ones vary more.
    """
    runs_b, mean_b, squares_b = moments(before)
    runs_a, mean_a, squares_a = moments(after)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimated = np.nan_to_num((runs_b * designs.lag_one(before) + 1) / (runs_b - 3))
        error = np.sqrt(np.maximum(1 - estimated**2, 0.05) / runs_b)
        correlation = np.clip(np.maximum(estimated, 0.0) + error, 0.0, _MOST_CORRELATED)
        of_before, of_after = (designs.variance_of_mean(correlation, runs) for runs in (runs_b, runs_a))
        seen = np.maximum(runs_b * (1 - of_before) / (runs_b - 1), 0.3)  # of the variance, by that of a sample
        variance = squares_b / (runs_b - 1) / seen
        pooled = (variance * (runs_b - 1) + squares_a) / (runs_b + runs_a - 2)
        error = np.sqrt(np.maximum(variance, pooled) * (of_before + of_after))
        df = np.maximum(runs_b * (1 - correlation) / (1 + correlation) - 1, 1.0)
    error = np.maximum(error, SMALLEST_DEVIATION)
    shifts = np.stack([mean_a - mean_b, medians(after) - medians(before)])
    shift = np.where(np.sign(shifts[0]) == np.sign(shifts[1]), np.abs(shifts).min(axis=0), 0.0)
    enough = (runs_b >= _FEWEST_BEFORE) & (runs_a >= _FEWEST_AFTER)
    significant = shift > distributions.t_quantile(_CLEAR_P / 2, df) * error
    return np.asarray(enough & significant & (shift - _SURELY * error >= smallest))
