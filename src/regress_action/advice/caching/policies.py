"""What other policies of eviction miss on the same trace, by running them; and the least that any policy can miss."""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Policy = Callable[[Sequence[int], int], int]

SIMULATED = 200_000
"""Requests that are simulated at most; of a longer trace, a sample of keys in a cache that is smaller by its rate."""
_SMALL_SHARE = 0.1
_MOST_COUNTED = 3


def lru_misses(keys: Iterable[int], size: int) -> int:
    """Return the misses of a cache that evicts the least recently used key."""
    cache: OrderedDict[int, None] = OrderedDict()
    misses = 0
    for key in keys:
        if key in cache:
            cache.move_to_end(key)
            continue
        misses += 1
        if len(cache) >= size:
            cache.popitem(last=False)
        cache[key] = None
    return misses


def fifo_misses(keys: Iterable[int], size: int) -> int:
    """Return the misses of a cache that evicts the key that came in first."""
    cache: OrderedDict[int, None] = OrderedDict()
    misses = 0
    for key in keys:
        if key not in cache:
            misses += 1
            if len(cache) >= size:
                cache.popitem(last=False)
            cache[key] = None
    return misses


def lfu_misses(keys: Iterable[int], size: int) -> int:
    """Return the misses of a cache that evicts the key with the fewest uses since it came in, of several the oldest.

    Keys of one count are kept in the order in which they reached it (Shah, Mitra and Matani 2010).
    """
    uses: dict[int, int] = {}
    groups: dict[int, OrderedDict[int, None]] = {}
    misses, lowest = 0, 1
    for key in keys:
        count = uses.get(key, 0)
        if count:
            group = groups[count]
            del group[key]
            if not group:
                del groups[count]
                lowest += lowest == count
        else:
            misses += 1
            if len(uses) >= size:
                evicted, _ = groups[lowest].popitem(last=False)
                del uses[evicted]
                if not groups[lowest]:
                    del groups[lowest]
            lowest = 1
        uses[key] = count + 1
        groups.setdefault(count + 1, OrderedDict())[key] = None
    return misses


def sieve_misses(keys: Iterable[int], size: int) -> int:
    """Return the misses of SIEVE (Zhang, Yang, Yue, Vigfusson and Rashmi 2024).

    Keys stand in the order in which they came. A hit marks its key. To evict, a pointer moves from the oldest to the
    newest and round again, removes marks, and stops at the first key without one; it stays where it stopped.
    """
    newer: dict[int, int | None] = {}
    older: dict[int, int | None] = {}
    marked: dict[int, bool] = {}
    oldest: int | None = None
    newest: int | None = None
    pointer: int | None = None
    misses = 0
    for key in keys:
        if key in marked:
            marked[key] = True
            continue
        misses += 1
        if len(marked) >= size:
            victim = oldest if pointer is None else pointer
            while victim is not None and marked[victim]:
                marked[victim] = False
                following = newer[victim]
                victim = oldest if following is None else following
            assert victim is not None  # noqa: S101 - a full cache has a key, and marks end after one round
            before, pointer = older.pop(victim), newer.pop(victim)
            del marked[victim]
            if before is None:
                oldest = pointer
            else:
                newer[before] = pointer
            if pointer is None:
                newest = before
            else:
                older[pointer] = before
        newer[key], older[key], marked[key] = None, newest, False
        if newest is None:
            oldest = key
        else:
            newer[newest] = key
        newest = key
    return misses


def s3fifo_misses(keys: Iterable[int], size: int) -> int:
    """Return the misses of S3-FIFO (Yang, Zhang, Qiu, Yue and Rashmi 2023).

    A tenth of the cache is a queue for new keys. A key that was used more than once there moves to the main queue, any
    other leaves and is remembered in a third queue, which holds no values and as many keys as the main queue; a
    key that is remembered comes back into the main queue. That one gives a key that was used another round.
    """
    queues = _ThreeQueues(size)
    return sum(queues.missed(key) for key in keys)


class _ThreeQueues:
    """The state of S3-FIFO; `uses` has every key that is in the cache."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.small_size = max(1, int(size * _SMALL_SHARE))
        self.main_size = max(1, size - self.small_size)
        self.small: deque[int] = deque()
        self.main: deque[int] = deque()
        self.remembered: OrderedDict[int, None] = OrderedDict()
        self.uses: dict[int, int] = {}

    def missed(self, key: int) -> bool:
        """Request a key, and return whether it was not in the cache."""
        if key in self.uses:
            self.uses[key] = min(self.uses[key] + 1, _MOST_COUNTED)
            return False
        while len(self.uses) >= self.size:
            if self.small and (len(self.small) >= self.small_size or not self.main):
                self._evict_small()
            else:
                self._evict_main()
        if key in self.remembered:
            del self.remembered[key]
            self.main.append(key)
        else:
            self.small.append(key)
        self.uses[key] = 0
        return True

    def _evict_small(self) -> None:
        key = self.small.popleft()
        if self.uses[key] > 1:
            self.uses[key] = 0
            self.main.append(key)
            if len(self.main) > self.main_size:
                self._evict_main()
            return
        del self.uses[key]
        self.remembered[key] = None
        if len(self.remembered) > self.main_size:
            self.remembered.popitem(last=False)

    def _evict_main(self) -> None:
        while self.uses[key := self.main.popleft()]:
            self.uses[key] -= 1
            self.main.append(key)
        del self.uses[key]


def fewest_misses(keys: Sequence[int], size: int) -> int:
    """Return the fewest misses of any policy that keeps what it loads: evict the key used farthest ahead (Bélády 1966).

    A key that is never used again goes first. The order is a heap whose outdated elements are skipped.
    """
    following = _following_uses(keys)
    cached: dict[int, int] = {}
    farthest: list[tuple[int, int]] = []
    misses = 0
    for key, ahead in zip(keys, following, strict=True):
        if key not in cached:
            misses += 1
            if len(cached) >= size:
                while True:
                    use, victim = heapq.heappop(farthest)
                    if cached.get(victim) == -use:
                        del cached[victim]
                        break
        cached[key] = ahead
        heapq.heappush(farthest, (-ahead, key))
    return misses


def _following_uses(keys: Sequence[int]) -> list[int]:
    """Return where each key is used next; beyond the end, different for each, where it is not."""
    ahead: dict[int, int] = {}
    following = [0] * len(keys)
    for index in range(len(keys) - 1, -1, -1):
        key = keys[index]
        following[index] = ahead.get(key, len(keys) + index)
        ahead[key] = index
    return following


POLICIES: Mapping[str, Policy] = {
    "LRU": lru_misses,
    "LFU": lfu_misses,
    "FIFO": fifo_misses,
    "S3-FIFO": s3fifo_misses,
    "SIEVE": sieve_misses,
    "Belady": fewest_misses,
}
"""Every policy by its name; the last is the bound."""


def policy_miss_ratios(
    keys: NDArray[np.generic], sizes: Sequence[int], *, scale: float = 1.0
) -> dict[str, list[float]]:
    """Return the miss ratio of every policy at every size.

    `scale` is the share of the keys that the trace holds: a cache of `size × scale` entries is simulated, at least
    one (Waldspurger, Saemundsson, Ahmad and Park 2017).
    """
    if not len(keys):
        return {name: [] for name in POLICIES}
    _, numbers = np.unique(keys, return_inverse=True)
    sequence: list[int] = numbers.tolist()
    scaled = [max(1, round(size * scale)) for size in sizes]
    return {name: [policy(sequence, size) / len(sequence) for size in scaled] for name, policy in POLICIES.items()}
