"""Where change points may be: every tile of a series is split at its best place, and its halves again.

Tiles of two widths overlap by half, so that each step lies well inside one of them: the wide ones see small steps
in much noise, the narrow ones short episodes that a wide one would average away. Tiles start at fixed places, so
a growing series only ever changes its last ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from regress_action.analysis.numeric import splits
from regress_action.analysis.numeric.splits import Stretches

if TYPE_CHECKING:
    from regress_action.analysis.numeric.arrays import Floats, Ints

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
    found = Proposals.none()
    while True:
        divisible = stop - start >= 2 * smallest
        start, stop = start[divisible], stop[divisible]
        if not len(start):
            return found
        columns = np.arange(smallest, int((stop - start).max()) - smallest + 1)
        place, p_value = splits.best(flat, Stretches(start, stop, start, columns, smallest))
        split = p_value < p * EAGERNESS
        start, stop, place = start[split], stop[split], place[split]
        found = found.and_(Proposals(place, p_value[split]))
        start, stop = np.concatenate([start, place]), np.concatenate([place, stop])
