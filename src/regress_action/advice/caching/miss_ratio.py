"""The share of requests that a cache misses, as a function of its size; and the size at the knee of that curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.advice.caching.sampling import sampled_distances
from regress_action.advice.caching.stack_distances import previous_uses, stack_distances

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

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
