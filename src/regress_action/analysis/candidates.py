"""Where levels may change, and which of these places hold up between their neighbours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from regress_action.analysis import distributions, shapes, shift_likelihood
from regress_action.analysis.arrays import Stretches
from regress_action.analysis.splits import MOST_VALUES, best_splits

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints


REACHES = (100, 16)  # runs on each side that a proposal is tested on: far for small steps, near for young ones
SLACK = np.arange(-10, 11)  # places to which it may move then
_IN_NOISE = 10.0  # factor of the p-value of classes where the likelihood of a shift says more
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

    def and_(self, others: Candidates) -> Candidates:
        """Return both together, in order of place."""
        joined = Candidates(*(np.concatenate(parts) for parts in zip(self, others, strict=True)))
        return joined.take(np.argsort(joined.place, kind="stable"))

    def beside(self, others: Candidates) -> Candidates:
        """Return these, as new ones, and the others in order; the new ones and those next to them are untested."""
        joined = others.and_(self._replace(strength=np.full(len(self.place), np.nan)))
        joined.strength[_beside(np.isnan(joined.strength), joined.owner)] = np.nan
        return joined

    def without_lines(self, flat: Floats, ends: Ints) -> Candidates:
        """Return these without the steps, one after the other in one direction, that a drift describes better."""
        if not len(self.place):
            return self
        rises = self.shift > 0
        begins = np.concatenate([[True], (self.owner[1:] != self.owner[:-1]) | (rises[1:] != rises[:-1])])
        group = np.cumsum(begins) - 1
        first, last = np.flatnonzero(begins), np.flatnonzero(np.append(begins[1:], True))
        start, stop = _between_neighbours(ends, self)
        lines = shapes.are_lines(flat, self.place, start, stop, first, last, ends[1:])
        return self.take(~lines[group])

    def with_short_levels(self, levels: shapes.ShortLevels, ends: Ints) -> Candidates:
        """Return these and both ends of every short level, in place of what lies between its ends or beside them."""
        if not len(levels.begin):
            return self
        place = np.concatenate([levels.begin, levels.stop])
        added = Candidates(
            place,
            np.searchsorted(ends, place, side="right") - 1,
            np.concatenate([levels.around, levels.around + levels.height]),
            np.concatenate([levels.height, -levels.height]),
            np.tile(levels.p_value, 2),
            np.full(len(place), np.inf),
        )
        short = np.searchsorted(levels.stop + shapes.WIDTHS[0], self.place, side="right")
        inside = short < len(levels.begin)
        inside[inside] = levels.begin[short[inside]] - shapes.WIDTHS[0] < self.place[inside]
        return self.take(~inside).and_(added)


def prune(flat: Floats, ends: Ints, proposals: Proposals, minimum: Floats, p: float, smallest: int) -> Candidates:
    """Test every proposal on the runs between its neighbours and drop the weakest, until all hold.

    `minimum` is the smallest shift that counts, per series. A proposal is only tested again when a neighbour of
    it went away, and all that are weaker than their neighbours go at once: what one of them decides touches
    nothing beyond its neighbours.

    What goes depends on the order in which others go: beside a chance neighbour a step shows few of its runs. So the
    strongest of what went between any two that hold is kept after all where it holds there by itself, and where a
    series has more of them then than before: what held already is not given up for it.
    """
    place = proposals.place
    owner = np.searchsorted(ends, place, side="right") - 1
    proposed = Candidates(place, owner, *(np.full(len(place), np.nan) for _ in range(4)))
    held = _holding(flat, ends, proposed.take(np.arange(len(place))), minimum, p, smallest)  # a copy: testing moves it
    while len((again := _overlooked(flat, ends, held, proposed, minimum, p, smallest)).place):
        more = _holding(flat, ends, again.beside(held), minimum, p, smallest)
        grown = np.bincount(more.owner, minlength=len(ends)) > np.bincount(held.owner, minlength=len(ends))
        if not grown.any():
            break
        held = more.take(grown[more.owner]).and_(held.take(~grown[held.owner]))
    return held


def _holding(flat: Floats, ends: Ints, candidates: Candidates, minimum: Floats, p: float, smallest: int) -> Candidates:
    """Drop the weakest until all hold."""
    while len(candidates.place):
        candidates = _tested(flat, ends, candidates, minimum, p, smallest)
        failing = candidates.strength < 1
        if not failing.any():
            break
        candidates = _without(candidates, failing & _weaker_than_neighbours(candidates))
    return candidates


def _overlooked(
    flat: Floats, ends: Ints, held: Candidates, proposed: Candidates, minimum: Floats, p: float, smallest: int
) -> Candidates:
    """Return the strongest of what was proposed between any two that hold, where it holds there by itself."""
    gap = np.searchsorted(held.place, proposed.place, side="right")
    start = np.maximum(ends[proposed.owner], np.append(0, held.place)[gap])
    stop = np.minimum(ends[proposed.owner + 1], np.append(held.place, ends[-1])[gap])
    rows = np.flatnonzero(np.minimum(proposed.place - start, stop - proposed.place) >= smallest)
    again = _tested(flat, ends, proposed.take(rows), minimum, p, smallest, start[rows], stop[rows])
    again = again.take(again.strength >= 1)
    gap = np.searchsorted(held.place, again.place, side="right") + again.owner  # differs between series, too
    order = np.lexsort((-again.strength, gap))
    return again.take(order[np.unique(gap[order], return_index=True)[1]])


def _tested(
    flat: Floats, ends: Ints, candidates: Candidates, minimum: Floats, p: float, smallest: int, *bounds: Ints
) -> Candidates:
    """Test those that are untested, between `bounds` (starts, stops), or between their neighbours without any."""
    start, stop = bounds or _between_neighbours(ends, candidates)
    todo = np.flatnonzero(np.isnan(candidates.strength))
    if not len(todo):
        return candidates
    near, place, p_value = _split(flat, start[todo], stop[todo], candidates.place[todo], smallest)
    place, level, shift = _sharpened(flat, near, place)
    for reach in REACHES:
        sides = np.maximum(near.start, place - reach), place, np.minimum(near.stop, place + reach)
        p_value = np.minimum(p_value, _of_separation(flat, *sides))
    least = np.maximum(minimum[candidates.owner[todo]], 1e-12)
    noisy = np.flatnonzero(_roughness(flat, near.start, near.stop) > _NOISY * least)
    if len(noisy):
        p_value[noisy] = np.minimum(1.0, _IN_NOISE * p_value[noisy])
        likeliest = shift_likelihood.best_shifts(flat, near.take(noisy), place[noisy], shift[noisy], least[noisy])
        likelier = likeliest.p_value < p_value[noisy]
        place[noisy[likelier]], shift[noisy[likelier]], p_value[noisy[likelier]] = (
            part[likelier] for part in likeliest
        )
    size = np.abs(shift) / least
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


def _roughness(flat: Floats, start: Ints, stop: Ints) -> Floats:
    """Return the mean difference of neighbouring values in each stretch, which hardly notices steps."""
    away = np.arange(int((stop - start).max(initial=0)))
    rows = max(1, _AT_ONCE // max(len(away), 1))
    means = [np.zeros(0)]
    for first in range(0, len(start), rows):
        low, high = start[first : first + rows, None], stop[first : first + rows, None]
        values = flat[np.minimum(low + away, high - 1)]  # the last value repeats
        means.append(np.abs(np.diff(values, axis=1)).sum(axis=1) / np.maximum(high - low - 1, 1)[:, 0])
    return np.concatenate(means)


def _of_separation(flat: Floats, start: Ints, place: Ints, stop: Ints) -> Floats:
    """Return the exact p-value of rows whose sides do not overlap (all orders are equally likely), 1 for the others."""
    edges = np.stack([start, place, stop], axis=1).ravel()
    padded = np.append(flat, flat[:1])
    least, most = (ufunc.reduceat(padded, edges).reshape(-1, 3) for ufunc in (np.minimum, np.maximum))
    separated = (most[:, 0] < least[:, 1]) | (most[:, 1] < least[:, 0])
    separated &= (start < place) & (place < stop)
    return np.where(separated, np.exp(_LOG_2 - distributions.log_choose(stop - start, place - start)), 1.0)


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
    candidates.strength[_beside(gone, candidates.owner)] = np.nan
    return candidates.take(~gone)


def _beside(some: Flags, owner: Ints) -> Flags:
    """Return those next to any of some in the same series."""
    beside, same = np.zeros_like(some), owner[1:] == owner[:-1]
    beside[1:] |= some[:-1] & same
    beside[:-1] |= some[1:] & same
    return beside


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


_FOR_NOISE = 48  # a width that only noisy tiles need: 24 runs are too few there, 100 may hold a step up and one down
TILES = (100, 24, _FOR_NOISE)
_AT_ONCE = 50_000  # values
_NOISY = 0.9  # mean difference of neighbours, as a share of the smallest step
_LOG_2 = math.log(2)
EAGERNESS = 6  # a tile proposes at p × 6: beside a second step a real one is weaker in its tile than it will prove


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
        order = np.argsort(self.place)
        place, p_value = self.place[order], self.p_value[order]
        group = np.cumsum(np.diff(place, prepend=place[0]) >= smallest)
        best = np.lexsort((place, p_value, group))
        best = best[np.unique(group[best], return_index=True)[1]]
        return type(self)(place[best], p_value[best])


def searched_tiles(flat: Floats, ends: Ints, width: int, minimum: Floats) -> tuple[Ints, Ints]:
    """Return the starts and stops of the tiles of one width that are searched; `minimum` is the smallest step of each.

    Whether a tile is depends on its own values and on its series' smallest step alone.
    """
    start, stop = tiles(ends, width)
    if width != _FOR_NOISE or not len(flat):
        return start, stop
    owner = np.minimum(np.searchsorted(ends, start, side="right") - 1, len(minimum) - 1)
    noisy = _roughness(flat, start, stop) > _NOISY * minimum[owner]
    return start[noisy], stop[noisy]


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
    columns = np.arange(smallest, MOST_VALUES)
    while True:
        divisible = stop - start >= 2 * smallest
        start, stop = start[divisible], stop[divisible]
        if not len(start):
            return proposals
        place, p_value = best_splits(flat, Stretches(start, stop, start, columns, smallest))
        split = p_value < p * EAGERNESS
        start, stop, place = start[split], stop[split], place[split]
        proposals = proposals.and_(Proposals(place, p_value[split]))
        start, stop = np.concatenate([start, place]), np.concatenate([place, stop])
