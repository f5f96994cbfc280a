"""Where one stretch of runs best falls into two that were drawn from different distributions.

The statistic is the likelihood ratio (G) of a contingency table: the values are cut at their own quantiles into up
to eight classes, and a split is as good as the class counts on its two sides differ. It uses order alone, so it
needs no log, no normality and no guard against outliers. Noise in CI is clustered (a few machine types, each with
little spread), and there a step moves every cluster: the mean barely sees it, the classes see it at once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regress_action.judge import chi_square

if TYPE_CHECKING:
    from regress_action.judge.arrays import Flags, Floats, Ints


CLASSES = 8
VALUES_PER_CLASS = 6
VALUES_AT_ONCE = 6400  # float32 in 8 classes: 200 kB, which stays in the cache


class Stretches(NamedTuple):
    """Rows of values to be split: each row is `flat[start:stop]`, laid out around `pivot` in its window.

    `columns` are the split positions tried, relative to `pivot`, the same for every row; a position leaves at
    least `smallest` values on either side.
    """

    start: Ints
    stop: Ints
    pivot: Ints
    columns: Ints
    smallest: int

    def take(self, rows: Ints) -> Stretches:
        """Return some of the rows."""
        return self._replace(start=self.start[rows], stop=self.stop[rows], pivot=self.pivot[rows])


def best(flat: Floats, stretches: Stretches) -> tuple[Ints, Floats]:
    """Find the best split of every row and its p-value.

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
    inside = (position >= start[:, None]) & (position < stop[:, None])
    values = np.where(inside, flat[np.clip(position, 0, len(flat) - 1)], np.float32(np.inf))
    split = pivot[:, None] + columns
    left, total = _counts(values, inside, stop - start, _before(tuple(window), tuple(columns)))
    allowed = (split >= start[:, None] + smallest) & (split <= stop[:, None] - smallest)
    statistic = np.where(allowed, _likelihood_ratio(left, total), -1.0)
    choice = statistic.argmax(axis=1)
    rows = np.arange(len(start))
    reached = statistic[rows, choice]
    classes = np.count_nonzero(total, axis=0)
    return np.where(reached > 0, split[rows, choice], pivot), chi_square.tail(reached, classes - 1)


@cache
def _before(window: tuple[int, ...], columns: tuple[int, ...]) -> Floats:
    """Say for each place in the window whether it lies before each split: multiplying by it counts."""
    return (np.array(window)[:, None] < np.array(columns)).astype(np.float32)


def _counts(values: Floats, inside: Flags, sizes: Ints, before: Floats) -> tuple[Floats, Floats]:
    """Count the values of each class before every split, `(classes, rows, splits)`, and in all, `(classes, rows)`."""
    rows, width = values.shape
    classes = np.clip(sizes // VALUES_PER_CLASS, 2, CLASSES)
    most = int(classes.max())
    order = np.arange(1, most)[:, None]
    rank = np.where(order < classes, order * sizes // classes, sizes) - 1
    cuts = np.sort(values, axis=1)[np.arange(rows), rank]
    above = np.empty((most, rows, width), np.float32)
    above[0] = inside
    np.multiply(values > cuts[:, :, None], inside, out=above[1:])
    at_least = np.zeros((most + 1, rows, before.shape[1]), np.float32)
    np.matmul(above.reshape(-1, width), before, out=at_least[:-1].reshape(-1, before.shape[1]))
    all_of_them = np.zeros((most + 1, rows), np.float32)
    above.sum(axis=2, out=all_of_them[:-1])
    return at_least[:-1] - at_least[1:], all_of_them[:-1] - all_of_them[1:]


def _likelihood_ratio(left: Floats, total: Floats) -> Floats:
    """Compute G = 2 Σ O log(O/E) of the table classes × sides, from sums of n log n."""
    right = total[:, :, None] - left
    before, after = left.sum(axis=0), right.sum(axis=0)
    sizes = total.sum(axis=0)
    cells = (_n_log_n(left) + _n_log_n(right)).sum(axis=0)
    margins = _n_log_n(sizes) - _n_log_n(total).sum(axis=0)
    statistic: Floats = 2 * (cells - _n_log_n(before) - _n_log_n(after) + margins[:, None])
    return statistic


def _n_log_n(count: Floats) -> Floats:
    logs = np.maximum(count, 1)
    np.log(logs, out=logs)
    logs *= count
    return logs
