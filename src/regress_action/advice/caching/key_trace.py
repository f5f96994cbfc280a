"""A trace of a cache: which keys were requested, and where that was recorded, when, with a hit, and how they loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
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
