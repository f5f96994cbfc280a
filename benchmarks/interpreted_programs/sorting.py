"""Numbers sorted by two plain algorithms."""

import random
from heapq import heappop, heappush


def numbers(count: int, seed: int) -> list[int]:
    """Return pseudo-random numbers."""
    source = random.Random(seed)  # noqa: S311 - the same numbers every time
    return [source.randrange(10_000) for _ in range(count)]


def quick(values: list[int]) -> list[int]:
    """Return the values sorted, by splitting."""
    if len(values) < 2:  # noqa: PLR2004 - sorted
        return values
    pivot = values[len(values) // 2]
    low = [value for value in values if value < pivot]
    same = [value for value in values if value == pivot]
    high = [value for value in values if value > pivot]
    return quick(low) + same + quick(high)


def through_heap(values: list[int]) -> list[int]:
    """Return the values sorted, through a heap."""
    heap: list[int] = []
    for value in values:
        heappush(heap, value)
    return [heappop(heap) for _ in range(len(values))]


def work() -> int:
    """Sort the same numbers in both ways."""
    values = numbers(2500, 1)
    total = 0
    for turn in range(4):
        total += quick(values)[turn] + through_heap(values)[turn]
    return total
