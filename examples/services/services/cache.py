"""A cache that forgets what was not asked for the longest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """The `capacity` values that were used last, and how often one was found."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a cache of {capacity} values keeps nothing")
        self._capacity = capacity
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def get(self, key: Key) -> Value | None:
        """Return the value of `key`, which is now the most recently used, or None."""
        if key not in self._values:
            self.misses += 1
            return None
        self.hits += 1
        self._values.move_to_end(key)
        return self._values[key]

    def set(self, key: Key, value: Value) -> None:
        """Keep `value`; when there is no room, the least recently used one goes."""
        if key in self._values:
            self._values.move_to_end(key)
        self._values[key] = value
        if len(self._values) > self._capacity:
            self._values.popitem(last=False)
