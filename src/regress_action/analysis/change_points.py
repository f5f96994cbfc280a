"""Change points: the runs from which a benchmark's values are, and stay, at another level.

Overlapping tiles of 100 and 24 runs are split recursively where their two sides differ most. What they propose is
tested again between its neighbours and dropped, weakest first, until all that remains is significant and large
enough. The frame is Otava's (windowed divisive search, then pruning); the statistic is not, see `candidates`, and the
work is done for any number of series at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from regress_action.analysis import shapes
from regress_action.analysis.arrays import end_to_end
from regress_action.analysis.candidates import TILES, Candidates, Proposals, propose, prune, searched_tiles
from regress_action.analysis.clear_changes import CLEAR_RATIO, CLEAR_RATIO_UNLEARNED, clear
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from regress_action.analysis.arrays import Flags, Floats, Ints

SETTLED = 8


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of level that begins with the run at `index`.

    `ratio` is a badness ratio, level after to level before, and None where values may be zero or negative;
    `difference` is the same in the metric's unit, positive when worse. `settled` is False while fewer than
    eight runs follow: too new to judge, it may turn out to be an episode. One that is `clear` is more than the noise
    before it, correlated as it is, ever makes: of a hundred stationary histories of a hundred runs that are searched
    after every run, at most two ever show one. Only it may alarm; the others are shown.
    """

    index: int
    ratio: float | None
    difference: float
    p_value: float
    settled: bool
    clear: bool = False


@dataclass(frozen=True, slots=True)
class ChangePointRule:
    """What counts as a change: its significance, its size as a ratio, and the fewest runs a level lasts.

    `p` may be at most 0.01. Half of all steps of 5 % are estimated below 5 %: to find them, the smallest ratio is 1.04.
    """

    p: float = 0.001
    minimum_ratio: float = 1.04
    minimum_segment: int = 5


DEFAULT = ChangePointRule()


def find(
    values: ArrayLike,
    *,
    p: float = DEFAULT.p,
    minimum_ratio: float = DEFAULT.minimum_ratio,
    minimum_segment: int = DEFAULT.minimum_segment,
    direction: Direction = Direction.LOWER,
) -> tuple[ChangePoint, ...]:
    """Find the change points of one series of run values, oldest first; NaN stands for a run without a value."""
    return find_all([values], ChangePointRule(p, minimum_ratio, minimum_segment), [direction])[0]


def find_all(
    series: Sequence[ArrayLike], rule: ChangePointRule = DEFAULT, directions: Sequence[Direction] | None = None
) -> list[tuple[ChangePoint, ...]]:
    """Find the change points of many series, at a small part of the cost of one after the other."""
    levels = _Levels.of(series)
    proposals = [propose(levels.flat, *levels.tiles(width, rule), rule.p, rule.minimum_segment) for width in TILES]
    return _describe(levels, _pruned(levels, proposals, rule), directions)


@dataclass(frozen=True, slots=True, eq=False)
class TileProposals:
    """What the complete tiles of one width proposed: the number of the series, the place within it, the p-value."""

    owner: Ints
    place: Ints
    p_value: Floats

    @classmethod
    def none(cls) -> Self:
        """Return no proposals."""
        return cls(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """How far series that grow were searched; every array has an entry per series, 0 values where it never was."""

    lengths: Ints
    logarithmic: Flags
    proposals: tuple[TileProposals, ...]

    @classmethod
    def nothing(cls) -> Self:
        """Return that nothing was searched yet."""
        return cls(np.zeros(0, np.intp), np.zeros(0, np.bool_), tuple(TileProposals.none() for _ in TILES))


class Searcher:
    """The change points of series that grow: tiles already searched are not searched again.

    After any sequence of calls the answer is the one that `find_all` gives for the same values, provided that a series
    keeps its number, and that earlier values of it stay as they were. `searched` can be kept and given again.
    """

    def __init__(self, rule: ChangePointRule = DEFAULT, searched: Searched | None = None) -> None:
        self._rule = rule
        self.searched = searched or Searched.nothing()

    def find_all(
        self, series: Sequence[ArrayLike], numbers: Ints, directions: Sequence[Direction] | None = None
    ) -> list[tuple[ChangePoint, ...]]:
        """Find the change points of all values of the series, which go by `numbers` (no two of them equal)."""
        levels = _Levels.of(series)
        before = self._searched_before(levels, numbers)
        parts, kept = [], []
        for width, proposals in zip(TILES, self.searched.proposals, strict=True):
            part, keep = self._propose(levels, numbers, before, width, proposals)
            parts.append(part)
            kept.append(keep)
        size = int(numbers.max(initial=-1)) + 1
        lengths, logarithmic = np.zeros(size, np.intp), np.zeros(size, np.bool_)
        lengths[numbers], logarithmic[numbers] = np.diff(levels.ends), levels.logarithmic
        self.searched = Searched(lengths, logarithmic, tuple(kept))
        return _describe(levels, _pruned(levels, parts, self._rule), directions)

    def forget(self, numbers: Sequence[int]) -> None:
        """Search some series anew the next time, because their earlier values changed."""
        lengths = self.searched.lengths.copy()
        lengths[[number for number in numbers if number < len(lengths)]] = 0
        self.searched = Searched(lengths, self.searched.logarithmic, self.searched.proposals)

    def _searched_before(self, levels: _Levels, numbers: Ints) -> Ints:
        """Return how many values of each series were searched before, on the scale that it is searched on now."""
        searched = self.searched
        inside = numbers < len(searched.lengths)
        before = np.zeros(len(numbers), np.intp)
        before[inside] = searched.lengths[numbers[inside]]
        before[inside] *= searched.logarithmic[numbers[inside]] == levels.logarithmic[inside]
        return before

    def _propose(
        self, levels: _Levels, numbers: Ints, before: Ints, width: int, kept: TileProposals
    ) -> tuple[Proposals, TileProposals]:
        """Search the tiles that are new or were incomplete; a complete tile never changes."""
        start, stop = levels.tiles(width, self._rule)
        owner = np.searchsorted(levels.ends, start, side="right") - 1
        owner = np.minimum(owner, len(numbers) - 1)  # of tiles that begin where the last series ends, all are empty
        complete = stop - start == width
        searched = complete & (start - levels.ends[owner] + width <= before[owner])
        settings = self._rule.p, self._rule.minimum_segment
        new = propose(levels.flat, start[complete & ~searched], stop[complete & ~searched], *settings)
        rest = propose(levels.flat, start[~complete], stop[~complete], *settings)
        index = np.full(max(int(numbers.max(initial=-1)), int(kept.owner.max(initial=-1))) + 1, -1)
        index[numbers] = np.where(before > 0, np.arange(len(numbers)), -1)
        of = index[kept.owner]
        old = Proposals(kept.place[of >= 0] + levels.ends[of[of >= 0]], kept.p_value[of >= 0])
        complete_ones = old.and_(new)
        series = np.searchsorted(levels.ends, complete_ones.place, side="right") - 1
        place = complete_ones.place - levels.ends[series]
        return complete_ones.and_(rest), TileProposals(numbers[series], place, complete_ones.p_value)


@dataclass(frozen=True, slots=True)
class _Levels:
    """The finite values of all series, laid end to end: series i is `ends[i]:ends[i + 1]`.

    `flat` holds them on the scale of levels: logarithms, or as they are in a series that is not `logarithmic` because
    one is not positive. They are relative to the first of the series: single precision is finest near zero. `index`
    says where in its series a value was, counting those that are not finite.
    """

    flat: Floats
    ends: Ints
    values: Floats
    index: Ints
    logarithmic: Flags

    @classmethod
    def of(cls, series: Sequence[ArrayLike]) -> Self:
        values, owner, index = end_to_end(series)
        ends = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(series)))])
        logarithmic = np.bincount(owner, weights=values <= 0, minlength=len(series)) == 0
        levels = np.log(values, out=values.copy(), where=logarithmic[owner])
        return cls((levels - levels[ends[owner]]).astype(np.float32), ends, values, index, logarithmic)

    def tiles(self, width: int, rule: ChangePointRule) -> tuple[Ints, Ints]:
        """Return the tiles of one width that are searched; what that depends on never changes as a series grows."""
        smallest = np.where(self.logarithmic, np.log(rule.minimum_ratio), np.inf)
        return searched_tiles(self.flat, self.ends, width, smallest)

    def difference(self, owner: int, level: float, shift: float) -> float:
        """Return what a shift from a level of one series is in the metric's unit."""
        if self.logarithmic[owner]:
            return float(self.values[self.ends[owner]]) * math.exp(level) * math.expm1(shift)
        return float(shift)

    def minimum(self, ratio: float) -> Floats:
        """Return for each series the smallest step that counts, on its scale."""
        smallest = np.full(len(self.logarithmic), np.log(ratio))
        for owner in np.flatnonzero(~self.logarithmic):
            values = self.values[self.ends[owner] : self.ends[owner + 1]]
            smallest[owner] = (ratio - 1) * np.median(np.abs(values))
        return smallest


def _pruned(levels: _Levels, parts: list[Proposals], rule: ChangePointRule) -> Candidates:
    proposals = Proposals.none()
    for part in parts:
        proposals = proposals.and_(part)
    minimum = levels.minimum(rule.minimum_ratio)
    apart = proposals.apart(rule.minimum_segment)
    held = prune(levels.flat, levels.ends, apart, minimum, rule.p, rule.minimum_segment)
    held = held.without_lines(levels.flat, levels.ends)
    if rule.minimum_segment > DEFAULT.minimum_segment:
        return held
    return held.with_short_levels(shapes.short_levels(levels.flat, levels.ends, minimum), levels.ends)


def _describe(
    levels: _Levels, candidates: Candidates, directions: Sequence[Direction] | None
) -> list[tuple[ChangePoint, ...]]:
    described: list[list[ChangePoint]] = [[] for _ in levels.logarithmic]
    smallest = levels.minimum(CLEAR_RATIO), levels.minimum(CLEAR_RATIO_UNLEARNED)
    clears = clear(levels.flat, levels.ends, candidates, smallest)
    for at, owner, level, shift, p, _, is_clear in zip(*candidates, clears, strict=True):
        sign = -1 if directions and directions[owner] is Direction.HIGHER else 1
        described[owner].append(
            ChangePoint(
                index=int(levels.index[at]),
                ratio=math.exp(sign * shift) if levels.logarithmic[owner] else None,
                difference=sign * levels.difference(owner, level, shift),
                p_value=float(p),
                settled=bool(levels.ends[owner + 1] - at >= SETTLED),
                clear=bool(is_clear),
            )
        )
    return [tuple(points) for points in described]
