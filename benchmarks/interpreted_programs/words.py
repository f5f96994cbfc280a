"""Words of a text, counted in a dictionary."""

import re
from collections import Counter

TEXT = "the quick brown fox jumps over a lazy dog while seven wizards mix five boxes of liquor " * 40
SPLIT = re.compile(r"[a-z]+")


def words(text: str) -> list[str]:
    """Return the words of `text`."""
    found = []
    for match in SPLIT.finditer(text):
        word = match.group()
        if len(word) > 1:
            found.append(word)
    return found


def ranked(counts: Counter[str]) -> list[str]:
    """Return the words, the most frequent first."""
    order = sorted(counts, key=lambda word: (-counts[word], word))
    return order[:10]


def lengths(listed: list[str]) -> dict[int, int]:
    """Return how many words there are of each length."""
    sizes: dict[int, int] = {}
    for word in listed:
        size = len(word)
        sizes[size] = sizes.get(size, 0) + 1
    return sizes


def work() -> int:
    """Count the words of a text many times."""
    total = 0
    for turn in range(60):
        listed = words(TEXT)
        total += len(ranked(Counter(listed))) + len(lengths(listed)) + turn
    return total
