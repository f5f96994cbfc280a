"""A trace of a cache: which keys were requested, and where that was recorded, when, with a hit, and how they loaded.

* What a time to live costs: misses of values that were still there, values that expire unused, and values that are
  loaded again though they are what they were.
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
    `values` are numbers (uint64) that stand for what was loaded, 0 where nothing was loaded or that is unknown.
    `rate` is the share of the keys that was recorded.
    """

    keys: NDArray[np.uint64]
    times_s: Floats | None = None
    hits: NDArray[np.bool_] | None = None
    ttl_s: Floats | None = None
    load_s: Floats | None = None
    rate: float = 1.0
    values: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> KeyTrace:
        """Return the requests that a mask or their positions choose, as a trace."""
        rows = (self.times_s, self.hits, self.ttl_s, self.load_s, self.values)
        times, hits, ttl, load, values = (None if row is None else row[chosen] for row in rows)
        return KeyTrace(self.keys[chosen], times, hits, ttl, load, self.rate, values)  # type: ignore[arg-type]


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
    `reuse_s` are quantiles (50, 90 and 99 %) of the seconds between two requests of one key. Of the `expired_values`,
    those whose time to live ended while the cache held them, `never_used` had no hit; both are shares of `loads`, the
    values that were loaded.
    """

    ttl_s: float
    size: int
    misses: float
    expired: float
    unused: float
    by_factor: dict[float, float]
    reuse_s: tuple[float, ...] | None
    expired_values: float
    never_used: float


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
    runs = {factor: _Lifetimes.of(sequence, times, (lives * factor).tolist(), entries) for factor in FACTORS}
    run = runs[1.0]
    total = len(sequence)
    order = np.lexsort((times_s, numbers))
    gaps = np.diff(times_s[order])[np.diff(numbers[order]) == 0]
    reuse = tuple(float(value) for value in np.quantile(gaps, _QUANTILES)) if len(gaps) else None
    return ExpiryUse(
        ttl_s=float(np.median(ttl_s[finite])),
        size=size,
        misses=run.misses / total,
        expired=run.expired / total,
        unused=run.unused_s / run.kept_s if run.kept_s > 0 else 0.0,
        by_factor={factor: other.misses / total for factor, other in runs.items()},
        reuse_s=reuse,
        expired_values=run.expired_values / run.misses,
        never_used=run.never_used / run.misses,
    )


@dataclass(slots=True)
class _Lifetimes:
    """The values of an LRU cache with a time to live: how long each was kept, and for how long of that it was used.

    A value lives from when it was loaded; a hit does not lengthen its life. A value that is evicted or expired was
    kept until then.
    """

    misses: int = 0
    expired: int = 0
    kept_s: float = 0.0
    unused_s: float = 0.0
    expired_values: int = 0
    never_used: int = 0

    @classmethod
    def of(cls, keys: Sequence[int], times: Sequence[float], lives: Sequence[float], size: int) -> _Lifetimes:
        """Return those of a cache of `size` entries."""
        seen = cls()
        # Of each key when its value was loaded, when it expires, when it was used last, and whether it had a hit.
        cache: OrderedDict[int, tuple[float, float, float, bool]] = OrderedDict()
        for key, now, life in zip(keys, times, lives, strict=True):
            entry = cache.get(key)
            if entry is not None and now < entry[1]:
                cache.move_to_end(key)
                cache[key] = (entry[0], entry[1], now, True)
                continue
            seen.misses += 1
            if entry is not None:
                seen.expired += 1
                seen._end(cache.pop(key), now)
            elif len(cache) >= size:
                seen._end(cache.popitem(last=False)[1], now)
            cache[key] = (now, now + life, now, False)
        for entry in cache.values():
            seen._end(entry, times[-1])
        return seen

    def _end(self, entry: tuple[float, float, float, bool], now: float) -> None:
        """Count a value that leaves the cache now, or left it when it expired."""
        loaded, expires, last, had_hit = entry
        left = min(now, expires)
        self.kept_s += left - loaded
        self.unused_s += left - last
        self.expired_values += expires <= now
        self.never_used += expires <= now and not had_hit


@dataclass(frozen=True, slots=True)
class ReloadCount:
    """How many recorded loads replaced a value of their key that had expired, and how many brought the same again."""

    reloads: int
    unchanged: int


def count_reloads(trace: KeyTrace, *, ttl_s: float | None = None) -> ReloadCount | None:
    """Return what loading anew brought, None where the trace does not hold times, values and a time to live.

    Looked at are pairs of loads of one key that follow one another, the second at or after the time to live of the
    first; a request whose value is unknown is no load. `ttl_s` counts where the trace has none.
    """
    if trace.times_s is None or trace.values is None or (trace.ttl_s is None and ttl_s is None):
        return None
    lives = trace.ttl_s if trace.ttl_s is not None else np.full(len(trace), math.nan)
    lives = np.where(np.isfinite(lives), lives, math.inf if ttl_s is None else ttl_s)
    loaded = trace.values != 0
    keys, times, lives, values = trace.keys[loaded], trace.times_s[loaded], lives[loaded], trace.values[loaded]
    order = np.lexsort((times, keys))
    keys, times, lives, values = keys[order], times[order], lives[order], values[order]
    again = (keys[1:] == keys[:-1]) & (times[1:] >= times[:-1] + lives[:-1])
    return ReloadCount(int(np.count_nonzero(again)), int(np.count_nonzero(again & (values[1:] == values[:-1]))))


_TIMES_ALONE = 2


@dataclass(frozen=True, slots=True)
class StampedeCount:
    """How often one key was loaded by several requests at once.

    `needless` loads are those that began while another load of their key had not ended, and took `needless_s` seconds
    of `load_s` that all loads took. `largest` is the most loads of one stampede, `at_s` when it began. `loads` are the
    misses of the trace.
    """

    stampedes: int
    needless: int
    largest: int
    at_s: float | None
    loads: int
    needless_s: float
    load_s: float


def count_stampedes(trace: KeyTrace, *, load_s: float | None = None) -> StampedeCount | None:
    """Return the stampedes of a trace, None where it does not hold times and hits, or nobody knows what a load takes.

    A stampede is loads of one key of which each but the first begins before all that began earlier have ended. A load
    takes the time that was recorded, or `load_s` where none was.
    """
    if trace.times_s is None or trace.hits is None:
        return None
    recorded = trace.load_s if trace.load_s is not None else np.full(len(trace), np.nan)
    loads = np.where(np.isfinite(recorded), recorded, np.nan if load_s is None else load_s)
    missed = ~trace.hits & np.isfinite(loads)
    if not missed.any():
        return None if trace.load_s is None and load_s is None else StampedeCount(0, 0, 1, None, 0, 0.0, 0.0)
    keys, times, loads = trace.keys[missed], trace.times_s[missed], loads[missed]
    order = np.lexsort((times, keys))
    keys, times, loads = keys[order], times[order], loads[order]
    joined = (keys[1:] == keys[:-1]) & (times[1:] < _latest_ends(keys, times + loads)[:-1])
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
        needless_s=float(loads[1:][joined].sum()),
        load_s=float(loads.sum()),
    )


def _latest_ends(keys: NDArray[np.uint64], ends: Floats) -> Floats:
    """Return the latest end so far of each key's loads; loads of one key stand beside each other.

    The ends are ranked, and ranks of later keys lie above those of earlier ones, so that one running maximum does.
    """
    ranks = np.empty(len(ends), np.int64)
    order = np.argsort(ends, kind="stable")
    ranks[order] = np.arange(len(ends))
    group = np.concatenate(([0], np.cumsum(keys[1:] != keys[:-1])))
    latest: Floats = ends[order][np.maximum.accumulate(ranks + group * len(ends)) % len(ends)]
    return latest
