"""What the counters of a cache say: hits, misses, the entries that it may hold and those that it holds.

Counters do not tell which keys were requested, so they bound what another size would do instead of saying it: a cache
without limit still misses every key once, and at least as many different keys were requested as it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SCHEMA = 1


class CacheState(StrEnum):
    """What is to be done about a cache, by what its counters show."""

    UNREQUESTED = "unrequested"
    """Nobody asked it."""
    NEVER_HIT = "never-hit"
    """Every request missed."""
    UNBOUNDED = "unbounded"
    """It has no limit, and grows with every new key."""
    SPARE = "spare"
    """It never held as many values as it may hold, so that a larger one misses no less."""
    FULL = "full"
    """It is full and loaded values that it no longer holds, so that a larger one may miss less."""
    ENOUGH = "enough"
    """It is full and holds everything that was ever loaded."""


@dataclass(frozen=True, slots=True)
class CacheCounters:
    """The counters of one cache, as `cache_info()` of the standard library has them.

    `size` is the number of entries that it may hold, None without a limit, and `entries` that of those that it holds.
    `expired` values left it because of their age.
    """

    name: str
    hits: int
    misses: int
    size: int | None
    entries: int
    expired: int = 0

    @property
    def requests(self) -> int:
        """How often it was asked."""
        return self.hits + self.misses

    @property
    def miss_ratio(self) -> float | None:
        """The share of the requests that missed; None without a request."""
        return self.misses / self.requests if self.requests else None

    @property
    def not_held(self) -> int:
        """The loads whose value it does not hold: evicted, expired, failed, or loaded by several requests at once."""
        return max(0, self.misses - self.entries)

    @property
    def state(self) -> CacheState:
        """What is to be done about it."""
        if not self.requests:
            return CacheState.UNREQUESTED
        if not self.hits:
            return CacheState.NEVER_HIT
        if self.size is None:
            return CacheState.UNBOUNDED
        if self.entries < self.size:
            return CacheState.SPARE
        return CacheState.FULL if self.not_held else CacheState.ENOUGH

    @property
    def most_saved(self) -> float:
        """The largest share of the requests that a larger cache could have hit besides.

        None of those that a full cache could have held: first requests, of which there are as many as entries at
        least, and what expired.
        """
        if self.state is not CacheState.FULL:
            return 0.0
        return max(0, self.not_held - self.expired) / self.requests

    def as_dict(self) -> dict[str, Any]:
        """Return the counters and what follows from them for a program; ratios are shares of the requests."""
        return {
            "name": self.name,
            "state": self.state.value,
            "requests": self.requests,
            "hits": self.hits,
            "misses": self.misses,
            "miss_ratio": self.miss_ratio,
            "size": self.size,
            "entries": self.entries,
            "expired": self.expired,
            "not_held": self.not_held,
            "most_saved": self.most_saved,
        }
