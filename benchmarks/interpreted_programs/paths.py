"""Shortest paths through a graph whose nodes are words."""

from collections import deque


def name(number: int) -> str:
    """Return the name of a node."""
    return f"node-{number * 7919 % 100_003}"


def graph(count: int) -> dict[str, set[str]]:
    """Return the neighbours of every node."""
    neighbours = {}
    for number in range(count):
        others = {name((number * factor + 1) % count) for factor in (2, 3, 5)}
        neighbours[name(number)] = others | {name((number + 1) % count)}
    return neighbours


def distances(neighbours: dict[str, set[str]], start: str) -> dict[str, int]:
    """Return how far every node lies from the first."""
    seen = {start: 0}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        steps = seen[node] + 1
        for other in neighbours[node]:
            if other not in seen:
                seen[other] = steps
                waiting.append(other)
    return seen


def work() -> int:
    """Walk from several nodes."""
    neighbours = graph(2500)
    total = 0
    for start in range(6):
        total += max(distances(neighbours, name(start)).values())
    return total
