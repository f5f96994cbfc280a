"""A trace of a cache: which keys were requested, and where that was recorded, when, with a hit, and how they loaded.

* What a time to live costs: misses of values that were still there, and values that are kept after their last use.
* Stampedes: several requests that load one key at the same time, because none of them has stored it yet.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KeyTrace:
    """Requests in the order in which they came; every array has one element for each.

    `keys` are numbers (uint64) that stand for the keys. `times_s` are seconds, `hits` whether the cache had the key,
    `ttl_s` the seconds for which its value may be kept, `load_s` the seconds that it took to load (NaN where unknown).
    `rate` is the share of the keys that was recorded.
    """

    keys: NDArray[np.uint64]
    times_s: Floats | None = None
    hits: NDArray[np.bool_] | None = None
    ttl_s: Floats | None = None
    load_s: Floats | None = None
    rate: float = 1.0

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> KeyTrace:
        """Return the requests that a mask or their positions choose, as a trace."""
        rows = (self.times_s, self.hits, self.ttl_s, self.load_s)
        times, hits, ttl, load = (None if row is None else row[chosen] for row in rows)
        return KeyTrace(self.keys[chosen], times, hits, ttl, load, self.rate)  # type: ignore[arg-type]


def mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers whose bits look random, the same for the same key (the finalizer of splitmix64)."""
    bits = keys.astype(np.uint64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def sampled_keys(keys: NDArray[np.uint64], rate: float) -> NDArray[np.bool_]:
    """Return which requests have one of a share `rate` of all keys; a key has all of its requests chosen or none."""
    if rate >= 1:
        return np.ones(len(keys), np.bool_)
    chosen: NDArray[np.bool_] = mixed(keys) < np.uint64(rate * 2.0**64)
    return chosen


FACTORS = (0.5, 1.0, 2.0, 4.0, math.inf)
"""By what the time to live is multiplied, to see what another one would do."""
_QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True)
class ExpiryUse:
    """The misses of a cache with a time to live, as shares of the requests.

    `expired` are those that missed only because the value was too old. `unused` is the share of the time for which
    values were kept that lay after their last use. `by_factor` are the misses had the time to live been multiplied.
    `reuse_s` are quantiles (50, 90 and 99 %) of the seconds between two requests of one key.
    """

    ttl_s: float
    size: int
    misses: float
    expired: float
    unused: float
    by_factor: dict[float, float]
    reuse_s: tuple[float, ...] | None


def expiry_use(
    keys: NDArray[np.generic], times_s: Floats, ttl_s: Floats, size: int, *, scale: float = 1.0
) -> ExpiryUse | None:
    """Return what the time to live of each request costs in an LRU cache of `size`; None where none is finite.

    `scale` is the share of the keys that the trace holds.
    """
    finite = np.isfinite(ttl_s)
    if not finite.any() or not len(keys):
        return None
    _, numbers = np.unique(keys, return_inverse=True)
    sequence, times = numbers.tolist(), times_s.tolist()
    lives = np.where(finite, ttl_s, math.inf)
    entries = max(1, round(size * scale))
    runs = {factor: _run(sequence, times, (lives * factor).tolist(), entries) for factor in FACTORS}
    misses, expired, unused = runs[1.0]
    total = len(sequence)
    order = np.lexsort((times_s, numbers))
    gaps = np.diff(times_s[order])[np.diff(numbers[order]) == 0]
    reuse = tuple(float(value) for value in np.quantile(gaps, _QUANTILES)) if len(gaps) else None
    return ExpiryUse(
        ttl_s=float(np.median(ttl_s[finite])),
        size=size,
        misses=misses / total,
        expired=expired / total,
        unused=unused,
        by_factor={factor: run[0] / total for factor, run in runs.items()},
        reuse_s=reuse,
    )


def _run(keys: Sequence[int], times: Sequence[float], lives: Sequence[float], size: int) -> tuple[int, int, float]:
    """Return the misses of an LRU cache, those of expired values, and the share of their time that values were unused.

    A value lives from when it was loaded; a hit does not lengthen its life. A value that is evicted or expired was
    kept until then.
    """
    cache: OrderedDict[int, tuple[float, float, float]] = OrderedDict()  # key: loaded, expires, used last
    misses = expired = 0
    kept = unused = 0.0
    for key, now, life in zip(keys, times, lives, strict=True):
        entry = cache.get(key)
        if entry is not None and now < entry[1]:
            cache.move_to_end(key)
            cache[key] = (entry[0], entry[1], now)
            continue
        misses += 1
        if entry is not None:
            expired += 1
            loaded, expires, last = cache.pop(key)
            kept, unused = kept + expires - loaded, unused + expires - last
        elif len(cache) >= size:
            _, (loaded, expires, last) = cache.popitem(last=False)
            left = min(now, expires)
            kept, unused = kept + left - loaded, unused + left - last
        cache[key] = (now, now + life, now)
    end = times[-1]
    for loaded, expires, last in cache.values():
        left = min(end, expires)
        kept, unused = kept + left - loaded, unused + left - last
    return misses, expired, unused / kept if kept > 0 else 0.0


_TIMES_ALONE = 2


@dataclass(frozen=True, slots=True)
class StampedeCount:
    """How often one key was loaded by several requests at once.

    `needless` loads are all but the first of each; `largest` is the most loads of one key at once, `at_s` when.
    `loads` are the misses of the trace.
    """

    stampedes: int
    needless: int
    largest: int
    at_s: float | None
    loads: int


def count_stampedes(trace: KeyTrace, *, load_s: float | None = None) -> StampedeCount | None:
    """Return the stampedes of a trace, None where it does not hold times and hits, or nobody knows what a load takes.

    A miss belongs to a stampede when it comes before the miss of the same key before it can have been stored, which
    takes the recorded time of its load, or `load_s` where none was recorded.
    """
    if trace.times_s is None or trace.hits is None:
        return None
    recorded = trace.load_s if trace.load_s is not None else np.full(len(trace), np.nan)
    loads = np.where(np.isfinite(recorded), recorded, np.nan if load_s is None else load_s)
    missed = ~trace.hits & np.isfinite(loads)
    if not missed.any():
        return None if trace.load_s is None and load_s is None else StampedeCount(0, 0, 1, None, 0)
    keys, times, loads = trace.keys[missed], trace.times_s[missed], loads[missed]
    order = np.lexsort((times, keys))
    keys, times, loads = keys[order], times[order], loads[order]
    joined = (keys[1:] == keys[:-1]) & (times[1:] < times[:-1] + loads[:-1])
    starts = np.flatnonzero(np.concatenate(([True], ~joined)))
    members = np.diff(np.concatenate((starts, [len(keys)])))
    several = members >= _TIMES_ALONE
    largest = int(np.argmax(members))
    return StampedeCount(
        stampedes=int(np.count_nonzero(several)),
        needless=int(np.count_nonzero(joined)),
        largest=int(members[largest]),
        at_s=float(times[starts[largest]]) if several.any() else None,
        loads=len(keys),
    )
