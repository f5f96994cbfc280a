"""Stack distances of a long trace, from samples of its keys at several rates.

SHARDS (Waldspurger, Park, Garthwaite and Ahmad 2015) follows a share of the keys and scales their distances up. Keys
that are requested very often make that uncertain: whether the hottest is in the sample moves the curve by all of its
requests. Here requests are divided by how long ago their key was used. Short intervals are looked at with every key,
in sections of the trace; longer ones with fewer keys in more of the trace. How often each interval occurs is counted
in the whole trace, and only the distance that goes with it is estimated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regress_action.advice.caching.key_trace import mixed, sampled_keys
from regress_action.advice.caching.stack_distances import NEVER, stack_distances

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from regress_action.advice.caching.stack_distances import Integers

    Floats = NDArray[np.float64]
    Sections = list[tuple[int, int]]

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
