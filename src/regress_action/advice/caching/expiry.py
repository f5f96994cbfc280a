"""What a time to live costs: misses of values that were still there, and values that are kept after their last use."""

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
