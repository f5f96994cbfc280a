"""The best split of a stretch of values, and its significance.

The statistic is the likelihood ratio (G) of a contingency analysis: the values are cut at their own quantiles into up
to eight classes, and a split is as good as the class counts on its two sides differ. It uses order alone, so it
needs no log, no normality and no guard against outliers. Noise in CI is clustered (a few machine types, each with
little spread), and there a step moves every cluster: the mean barely sees it, the classes see it at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import distributions

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints, Stretches


CLASSES = 8
VALUES_PER_CLASS = 6
MOST_VALUES = 255  # values in one stretch: a counter is a byte
VALUES_AT_ONCE = 12_800  # counts of 8 classes in double precision: 800 kB, which stays in the cache
_N_LOG_N = np.arange(MOST_VALUES + 1) * np.log(np.maximum(np.arange(MOST_VALUES + 1), 1))
_ONE = np.left_shift(np.uint64(1), np.arange(0, 8 * CLASSES, 8, dtype=np.uint64)).astype("<u8")


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
        rows = by_size[first : first + VALUES_AT_ONCE // int(sizes[by_size[first]])]
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
    count = left.astype(np.intp)  # as `take` wants it; by bytes it takes six times as long
    before, all_of = count.sum(axis=0), total.sum(axis=0, dtype=np.intp)
    cells = _N_LOG_N.take(count, mode="clip")
    np.subtract(total[:, :, None], count, out=count)
    cells += _N_LOG_N.take(count, mode="clip")
    sides = _N_LOG_N.take(before, mode="clip") + _N_LOG_N.take(all_of[:, None] - before, mode="clip")
    margins = _N_LOG_N[all_of] - _N_LOG_N[total].sum(axis=0)
    statistic: Floats = 2 * (cells.sum(axis=0) - sides + margins[:, None])
    return statistic.round(6)  # the order of summation depends on the other rows, the answer must not
