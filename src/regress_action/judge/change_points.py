"""Change points: the runs from which a benchmark's values are, and stay, at another level.

Overlapping tiles of 100 and 24 runs are split recursively where their two sides differ most. What they propose is
tested again between its neighbours and dropped, weakest first, until all that remains is significant and large
enough. The frame is Otava's (windowed divisive search, then pruning); the statistic is not, see `splits`, and the
work is done for any number of series at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.judge.proposals import TILES, Proposals, propose, tiles
from regress_action.judge.pruning import Found, prune
from regress_action.samples import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from regress_action.judge.arrays import Floats, Ints

SETTLED = 8


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of level that begins with the run at `index`.

    `ratio` is a badness ratio, level after to level before, and None where values may be zero or negative;
    `difference` is the same in the metric's unit, positive when worse. `settled` is False while fewer than
    eight runs follow: too new to judge, it may turn out to be an episode.
    """

    index: int
    ratio: float | None
    difference: float
    p_value: float
    settled: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts as a change: its significance, its size as a ratio, and the fewest runs a level lasts.

    `p` may be at most 0.01. Half of all steps of 5 % are estimated below 5 %: to find them, the smallest ratio is 1.04.
    """

    p: float = 0.001
    minimum_ratio: float = 1.04
    minimum_segment: int = 5


DEFAULT = Rule()


def find(
    values: ArrayLike,
    *,
    p: float = DEFAULT.p,
    minimum_ratio: float = DEFAULT.minimum_ratio,
    minimum_segment: int = DEFAULT.minimum_segment,
    direction: Direction = Direction.LOWER,
) -> tuple[ChangePoint, ...]:
    """Find the change points of one series of run values, oldest first; NaN stands for a run without a value."""
    return find_all([values], Rule(p, minimum_ratio, minimum_segment), [direction])[0]


def find_all(
    series: Sequence[ArrayLike], rule: Rule = DEFAULT, directions: Sequence[Direction] | None = None
) -> list[tuple[ChangePoint, ...]]:
    """Find the change points of many series, at a small part of the cost of one after the other."""
    scales = [_Scale.of(np.asarray(values, float)) for values in series]
    flat, ends = _join(scales)
    proposals = [propose(flat, *tiles(ends, width), rule.p, rule.minimum_segment) for width in TILES]
    return _describe(scales, _pruned(scales, flat, ends, proposals, rule), ends, directions)


class Detector:
    """The change points of one series that grows: values already searched are not searched again.

    After any sequence of `extend` the answer is the one that `find` gives for all values.
    """

    def __init__(self, rule: Rule = DEFAULT, direction: Direction = Direction.LOWER) -> None:
        self._rule = rule
        self._direction = direction
        self._values = np.zeros(0)
        self._kept: dict[int, Proposals] = {}
        self._searched: dict[int, int] = {}
        self._logarithmic = True

    def extend(self, values: ArrayLike) -> tuple[ChangePoint, ...]:
        """Append run values, oldest first, and return the change points of the series as it now is."""
        self._values = np.concatenate([self._values, np.asarray(values, float).ravel()])
        scale = _Scale.of(self._values)
        if scale.logarithmic != self._logarithmic:
            self._kept, self._searched, self._logarithmic = {}, {}, scale.logarithmic
        flat, ends = _join([scale])
        proposals = [self._propose(flat, ends, width) for width in TILES]
        return _describe([scale], _pruned([scale], flat, ends, proposals, self._rule), ends, [self._direction])[0]

    def _propose(self, flat: Floats, ends: Ints, width: int) -> Proposals:
        """Search the tiles that are new or were incomplete; a complete tile never changes."""
        start, stop = tiles(ends, width)
        new = start >= self._searched.get(width, 0)
        complete = new & (stop - start == width)
        settings = self._rule.p, self._rule.minimum_segment
        kept = self._kept.get(width, Proposals.none()).and_(propose(flat, start[complete], stop[complete], *settings))
        self._kept[width] = kept
        self._searched[width] = int(start[complete].max()) + 1 if complete.any() else self._searched.get(width, 0)
        rest = new & ~complete
        return kept.and_(propose(flat, start[rest], stop[rest], *settings))


@dataclass(frozen=True, slots=True)
class _Scale:
    """The finite values of a series on the scale of levels: logarithms, or as they are when one is not positive."""

    index: Ints
    values: Floats
    levels: Floats
    logarithmic: bool

    @classmethod
    def of(cls, values: Floats) -> _Scale:
        index = np.flatnonzero(np.isfinite(values))
        values = values[index]
        logarithmic = bool((values > 0).all())
        levels = np.log(values) if logarithmic else values
        centred = (levels - levels[:1]).astype(np.float32)  # near zero, where single precision is finest
        return cls(index, values, centred, logarithmic)

    def difference(self, level: float, shift: float) -> float:
        """Return what a shift from a level is in the metric's unit; the level is relative to the first value."""
        if self.logarithmic:
            return float(self.values[0]) * math.exp(level) * math.expm1(shift)
        return float(shift)

    def minimum(self, ratio: float) -> float:
        """Return the smallest step that counts, on this scale."""
        if self.logarithmic:
            return float(np.log(ratio))
        return (ratio - 1) * float(np.median(np.abs(self.values)))


def _join(scales: Sequence[_Scale]) -> tuple[Floats, Ints]:
    """Lay all levels end to end; series i is `flat[ends[i]:ends[i + 1]]`."""
    ends = np.cumsum([0, *(len(scale.levels) for scale in scales)])
    return np.concatenate([np.zeros(0, np.float32), *(scale.levels for scale in scales)]), ends


def _pruned(scales: Sequence[_Scale], flat: Floats, ends: Ints, parts: list[Proposals], rule: Rule) -> Found:
    proposals = Proposals.none()
    for part in parts:
        proposals = proposals.and_(part)
    minimum = np.array([scale.minimum(rule.minimum_ratio) for scale in scales])
    return prune(flat, ends, proposals.apart(rule.minimum_segment), minimum, rule.p, rule.minimum_segment)


def _describe(
    scales: Sequence[_Scale], found: Found, ends: Ints, directions: Sequence[Direction] | None
) -> list[tuple[ChangePoint, ...]]:
    described: list[list[ChangePoint]] = [[] for _ in scales]
    for at, owner, level, shift, p, _ in zip(*found, strict=True):
        scale = scales[owner]
        sign = -1 if directions and directions[owner] is Direction.HIGHER else 1
        local = int(at - ends[owner])
        described[owner].append(
            ChangePoint(
                index=int(scale.index[local]),
                ratio=math.exp(sign * shift) if scale.logarithmic else None,
                difference=sign * scale.difference(level, shift),
                p_value=float(p),
                settled=len(scale.levels) - local >= SETTLED,
            )
        )
    return [tuple(points) for points in described]
