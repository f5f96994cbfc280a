"""The share of requests that a cache misses, as a function of its size; and the size at the knee of that curve.

* Stack distances of a long trace, from samples of its keys at several rates.
* How many other keys were used since a key was last used: the stack distances of an LRU cache, exact.

SHARDS (Waldspurger, Park, Garthwaite and Ahmad 2015) follows a share of the keys and scales their distances up. Keys
that are requested very often make that uncertain: whether the hottest is in the sample moves the curve by all of its
requests. Here requests are divided by how long ago their key was used. Short intervals are looked at with every key,
in sections of the trace; longer ones with fewer keys in more of the trace. How often each interval occurs is counted
in the whole trace, and only the distance that goes with it is estimated.

A cache of `s` entries that evicts the least recently used key hits exactly those requests whose distance is below `s`
(Mattson, Gecsei, Slutz and Traiger 1970), so that the distances of one trace give the misses of every size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.advice.caching.key_trace import mixed, sampled_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Integers = NDArray[np.int64]
    Sections = list[tuple[int, int]]
    Floats = NDArray[np.float64]


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


LOOKED_AT = 400_000
"""Requests that are looked at for each rate."""
_FINER = 8
_SECTIONS = 10
_INTERVALS_IN_SECTION = 2
_BINS_PER_DOUBLING = 8


def sampled_distances(keys: NDArray[np.uint64], size: int = LOOKED_AT) -> tuple[Floats, Floats]:
    """Return distances, estimated in keys, and the number of requests of the trace for which each of them stands.

    `size` is the number of requests that are looked at for each rate. First requests have no distance and are left out.
    """
    previous = _previous_uses(keys)
    positions = np.flatnonzero(previous >= 0)
    counts = np.bincount(_bins(positions - previous[positions]))
    parts = [_band(keys, previous, *band) for band in _bands(len(keys), size)]
    distances, spans = (np.concatenate(rows) for rows in zip(*parts, strict=True))
    return distances, _weights(_bins(spans), counts)


def _bands(length: int, size: int) -> Iterator[tuple[float, Sections, tuple[float, float]]]:
    """Yield rates, from all keys downwards, each with its sections and the intervals that it is for: from, below."""
    rate, low = 1.0, 0.0
    while rate * length > size:
        wanted = int(size / rate)
        width = wanted // _SECTIONS
        starts = np.linspace(0, length - width, _SECTIONS).astype(np.int64)
        high = width / (1 + _INTERVALS_IN_SECTION)
        yield rate, [(int(start), int(start) + width) for start in starts], (low, high)
        rate, low = max(rate / _FINER, 0.999 * size / length), high
    yield rate, [(0, length)], (low, math.inf)


def _band(
    keys: NDArray[np.uint64], previous: Integers, rate: float, sections: Sections, intervals: tuple[float, float]
) -> tuple[Floats, Integers]:
    """Return distances in keys, and the intervals, of requests that have a key of the sample and such an interval.

    The actual rate is the number of keys of the sample in all sections over that of all keys there.
    """
    places, different, followed = [], 0, 0
    for start, stop in sections:
        chosen = sampled_keys(keys[start:stop], rate)
        first = previous[start:stop] < start
        different += int(np.count_nonzero(first))
        followed += int(np.count_nonzero(first & chosen))
        places.append(np.flatnonzero(chosen) + start)
    positions = np.concatenate(places)
    index = np.full(len(keys) + 1, NEVER, np.int64)
    index[positions] = np.arange(len(positions))
    inner = index[previous[positions]]  # the last element, for requests without a previous one, is NEVER
    spans = positions - previous[positions]
    low, high = intervals
    starts = np.repeat([start for start, _ in sections], [len(part) for part in places])
    # Near the beginning of a section, only short intervals lie within it.
    settled = (positions - starts >= high) | (starts == 0)
    within = (inner >= 0) & (previous[positions] >= starts) & (spans >= low) & (spans < high) & settled
    distances = stack_distances(inner)[within]
    return distances * (different / max(followed, 1)), spans[within]


def _bins(spans: Integers) -> Integers:
    bins: Integers = (np.log2(spans) * _BINS_PER_DOUBLING).astype(np.int64)
    return bins


def _weights(seen: Integers, counts: Integers) -> Floats:
    """Return for how many requests each one stands that was looked at: those of its interval, shared among them.

    Requests of an interval that nobody looked at count for the nearest interval that was.
    """
    looked = np.bincount(seen, minlength=len(counts))
    present, missing = np.flatnonzero(looked), np.flatnonzero((looked == 0) & (counts > 0))
    total = counts.astype(np.float64)
    if len(missing) and len(present):
        nearest = present[np.abs(present[None, :] - missing[:, None]).argmin(axis=1)]
        np.add.at(total, nearest, counts[missing])
    return np.asarray((total / np.maximum(looked, 1))[seen], np.float64)


def _previous_uses(keys: NDArray[np.uint64]) -> Integers:
    """Return what `previous_uses` does, faster: the highest bits of the key and the position are sorted as one number.

    For ten million requests 40 bits stand for the key, so that two of a million keys are taken for one with a
    probability of a third.
    """
    bits = len(keys).bit_length()
    low = np.uint64((1 << bits) - 1)
    packed = (mixed(keys) & ~low) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    again = (packed[1:] ^ packed[:-1]) <= low
    places = (packed & low).astype(np.int64)
    previous = np.full(len(keys), NEVER, np.int64)
    previous[places[1:][again]] = places[:-1][again]
    return previous


EXACT = 1_000_000
"""Requests up to which distances are exact; longer traces are sampled."""
WORTH = 0.01
"""The share of the requests that doubling a cache has to turn into hits to be worth it."""
_POINTS_PER_DOUBLING = 16


@dataclass(frozen=True, slots=True)
class MissRatioCurve:
    """The misses of an LRU cache of any size, for one trace.

    `distances` are sorted, `hits` are how many requests have at most that distance (one element more than distances,
    the first is 0), `requests` is their number, `unique` that of different keys. `rate` scales sizes where only that
    share of the keys was recorded.
    """

    distances: Floats
    hits: Floats
    requests: int
    unique: int
    exact: bool
    rate: float = 1.0

    def at(self, sizes: ArrayLike) -> Floats:
        """Return the miss ratio of caches of these sizes, in entries; shape (sizes,)."""
        entries = np.asarray(sizes, np.float64) * self.rate
        below = np.searchsorted(self.distances, np.round(entries) - 0.5 if self.exact else entries - 0.5)
        return np.asarray(1 - self.hits[below] / self.requests, np.float64)

    @property
    def largest(self) -> int:
        """The smallest size that holds every key at once; a larger cache misses no less."""
        return max(1, round(self.unique / self.rate))

    @property
    def first_request_ratio(self) -> float:
        """The miss ratio of a cache without limit: only first requests miss."""
        return float(1 - self.hits[-1] / self.requests)

    def sizes(self) -> NDArray[np.int64]:
        """Return sizes from 1 to the largest, evenly spaced as logarithms, sixteen for each doubling."""
        count = int(np.log2(self.largest) * _POINTS_PER_DOUBLING) + 2
        return np.unique(np.round(np.geomspace(1, self.largest, count)).astype(np.int64))

    def knee(self, worth: float = WORTH) -> int:
        """Return the smallest size from which no larger one saves `worth` of the requests for each doubling.

        That is where misses + worth × log2(size) is lowest: the corner of the curve's lower convex hull at which its
        slope becomes flatter than `worth` for each doubling. A cliff behind a flat stretch is therefore seen.
        """
        sizes = self.sizes()
        price = self.at(sizes) + worth * np.log2(sizes)
        return int(sizes[np.argmin(price)])


def miss_ratio_curve(keys: NDArray[np.uint64], *, exact_up_to: int = EXACT, rate: float = 1.0) -> MissRatioCurve:
    """Return the curve of a trace, exact up to a length and from samples beyond it.

    Raises:
        ValueError: the trace is empty.
    """
    if not len(keys):
        raise ValueError("a trace without requests has no miss ratio")
    if len(keys) <= exact_up_to:
        distances = stack_distances(previous_uses(keys))
        repeats = np.sort(distances[distances >= 0])
        hits = np.arange(len(repeats) + 1, dtype=np.float64)
        unique = len(keys) - len(repeats)
        return MissRatioCurve(repeats.astype(np.float64), hits, len(keys), unique, exact=True, rate=rate)
    estimated, weights = sampled_distances(keys)
    order = np.argsort(estimated, kind="stable")
    hits = np.concatenate(([0.0], np.cumsum(weights[order])))
    unique = len(keys) - round(float(hits[-1]))
    return MissRatioCurve(estimated[order], hits, len(keys), unique, exact=False, rate=rate)
