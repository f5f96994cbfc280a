"""How many other keys were used since a key was last used: the stack distances of an LRU cache, exact.

A cache of `s` entries that evicts the least recently used key hits exactly those requests whose distance is below `s`
(Mattson, Gecsei, Slutz and Traiger 1970), so that the distances of one trace give the misses of every size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

NEVER = -1
"""The position or distance of a key that was not used before."""


def previous_uses(keys: NDArray[np.generic]) -> Integers:
    """Return the position at which each request's key was requested last, `NEVER` for a first request."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    again = ordered[1:] == ordered[:-1]
    previous = np.full(len(keys), NEVER, np.int64)
    previous[order[1:][again]] = order[:-1][again]
    return previous


def stack_distances(previous: Integers) -> Integers:
    """Return for each request how many different keys were requested since its key was, `NEVER` for a first request.

    `previous` is what `previous_uses` returns. Between the request at `i` and the one before it at `p` lie `i - p - 1`
    requests. Those whose own previous request lies between as well repeat a key; they are the earlier requests with a
    larger `previous`. Takes O(n log n) time.
    """
    repeats = np.flatnonzero(previous >= 0)
    distances = np.full(len(previous), NEVER, np.int64)
    before = previous[repeats]
    distances[repeats] = repeats - before - 1 - _larger_before(_ranks(before, len(previous)))
    return distances


def _ranks(values: Integers, limit: int) -> NDArray[np.int32]:
    """Return the rank of each of several different values below `limit`."""
    present = np.zeros(limit, np.int32)
    present[values] = 1
    ranks: NDArray[np.int32] = (np.cumsum(present, dtype=np.int32) - 1)[values]
    return ranks


def _larger_before(ranks: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return for each element of a permutation how many larger ones stand before it.

    The elements are split by their bits, from the highest to the lowest, as in a wavelet tree. In a group that shares
    the higher bits, an element with a 0 counts the ones before it; then the group is split in two, order kept. A group
    of a permutation begins at the position that its shared bits spell.
    """
    size = len(ranks)
    counts = np.zeros(size, np.int32)
    values, places = ranks, np.arange(size, dtype=np.int32)
    for level in range(max(size - 1, 0).bit_length() - 1, -1, -1):
        bits = (values >> level) & 1
        ones = np.cumsum(bits, dtype=np.int32) - bits
        group = (values >> (level + 1)) << (level + 1)
        ones -= ones[group]
        zero = bits == 0
        counts[values[zero]] += ones[zero]
        target = np.where(zero, places - ones, (group | (1 << level)) + ones)
        split = np.empty_like(values)
        split[target] = values
        values = split
    larger: NDArray[np.int32] = counts[ranks]
    return larger
