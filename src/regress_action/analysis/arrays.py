"""The kinds of arrays that the judge works on, and the way back to plain Python."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Ints: TypeAlias = npt.NDArray[np.integer[Any]]
Flags: TypeAlias = npt.NDArray[np.bool_]

ROUNDING = 1e-12
"""What a logarithm and its inverse may leave of a ratio that stands exactly on a line: 120 counts are 1.2 times 100."""
SMALLEST_DEVIATION = 1e-4
"""Relative; no clock and no code layout is steadier."""


class Stretches(NamedTuple):
    """Rows of values to be split: each row is `flat[start:stop]`, laid out around `pivot` in its window.

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


def plain(array: npt.NDArray[Any]) -> list[Any]:
    """Return a one-dimensional array as a list of Python numbers, whose access is ten times cheaper."""
    return list(array.tolist())


def stacked(rows: Sequence[Sequence[float]], width: int) -> Floats:
    """Return rows of `width` numbers each as one array, an infinite number as NaN."""
    values = np.fromiter(chain.from_iterable(rows), float, len(rows) * width).reshape(len(rows), width)
    values[~np.isfinite(values)] = np.nan
    return values


def end_to_end(series: Sequence[npt.ArrayLike]) -> tuple[Floats, Ints, Ints]:
    """Return the finite values of all series in a row, each with the number of its series and its index in it."""
    arrays = [np.asarray(values, float) for values in series]
    sizes = np.array([len(values) for values in arrays], np.intp)
    values = np.concatenate([np.zeros(0), *arrays])
    owner = np.repeat(np.arange(len(sizes)), sizes)
    index = np.arange(len(values)) - (np.cumsum(sizes) - sizes)[owner]
    finite = np.isfinite(values)
    return values[finite], owner[finite], index[finite]


def moments(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Return count, mean and sum of squared deviations of each row, ignoring NaN; the mean of nothing is NaN."""
    present = ~np.isnan(values)
    count = present.sum(axis=1).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, values, 0.0).sum(axis=1) / count
    squares = np.where(present, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return count, mean, squares


def medians(values: Floats) -> Floats:
    """Return the median of each row, ignoring NaN; NaN for an empty row."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    ranked = np.sort(values, axis=1)  # NaN sorts last
    count = np.maximum((~np.isnan(values)).sum(axis=1), 1)
    rows = np.arange(len(values))
    return np.asarray((ranked[rows, (count - 1) // 2] + ranked[rows, count // 2]) / 2)


def quantiles(ordered: Floats, share: float) -> Floats:
    """Return a quantile of rows that are in order up to their NaN, interpolated between its neighbours."""
    if not ordered.shape[1]:
        return np.full(len(ordered), np.nan)
    last = np.maximum(np.count_nonzero(~np.isnan(ordered), axis=1) - 1, 0)
    place = share * last
    low = place.astype(np.intp)
    rows = np.arange(len(ordered))
    below, above = ordered[rows, low], ordered[rows, np.minimum(low + 1, last)]
    return np.asarray(below + (above - below) * (place - low))
