"""Six more programs with a planted slowdown, written with their answers before anything was run on them."""

from __future__ import annotations

from diagnosis.planted import PlantedCause, program

_RANKING = program(
    """
    import bisect
    import random


    def insert(ranking, score):
        bisect.insort(ranking, score)


    def best(ranking, count):
        return ranking[-count:]


    def main():
        draw = random.Random(1)
        ranking = []
        for _ in range(3000):
            insert(ranking, draw.random())
            best(ranking, 10)


    main()
    """
)
_JOURNAL = program(
    """
    class Journal:
        def __init__(self):
            self.lines = []

        def note(self, text):
            self.lines.append(text)

        def text(self):
            return "\\n".join(self.lines)


    def main():
        for _ in range(3):
            journal = Journal()
            for number in range(12000):
                journal.note(f"line {number}")
            journal.text()


    main()
    """
)
_ACCESS = program(
    """
    class Access:
        def __init__(self, names):
            self.allowed = set(names)

        def permits(self, name):
            return name in self.allowed


    def requests(count):
        return [f"user{number * 7 % 900}" for number in range(count)]


    def main():
        access = Access(f"user{number}" for number in range(900))
        total = 0
        for name in requests(12000):
            total += access.permits(name)
        return total


    main()
    """
)
_INVOICE = program(
    """
    def amount(text):
        return float(text)


    def total(lines):
        result = amount("0")
        for price, count in lines:
            result += amount(price) * count
        return result


    def main():
        lines = [(f"{number % 100}.{number % 90 + 10}", number % 5) for number in range(4000)]
        for _ in range(12):
            total(lines)


    main()
    """
)
_GRID = program(
    """
    import functools


    def paths(rows, columns):
        @functools.lru_cache(maxsize=None)
        def count(row, column):
            if row == 0 or column == 0:
                return 1
            return count(row - 1, column) + count(row, column - 1)

        return count(rows, columns)


    def main():
        for size in range(2, 10):
            paths(size, size)


    main()
    """
)
_ARCHIVE = program(
    """
    import random
    import zlib

    LEVEL = 1
    CHUNK = 65536


    def content(seed):
        draw = random.Random(seed)
        return bytes(draw.choice(b"abcdefgh  ") for _ in range(CHUNK))


    def pack(data):
        return zlib.compress(data, LEVEL)


    def main():
        parts = [content(seed) for seed in range(2)]
        for _ in range(60):
            for part in parts:
                pack(part)


    main()
    """
)

BLIND = (
    PlantedCause(
        "sorting anew for every insertion",
        {"main.py": _RANKING},
        {
            "main.py": [
                (
                    "    bisect.insort(ranking, score)\n",
                    "    ranking.append(score)\n    ranking.sort(key=lambda one: one)\n",
                ),
                ("draw = random.Random(1)", "draw = random.Random(2)"),
            ]
        },
        ("insert",),
        (("main.py", "ranking.sort(key=lambda one: one)"),),
    ),
    PlantedCause(
        "inserting at the front of a list",
        {"main.py": _JOURNAL},
        {
            "main.py": [
                ("self.lines.append(text)", "self.lines.insert(0, text)"),
                ('"\\n".join(self.lines)', '"\\n".join(reversed(self.lines))'),
            ]
        },
        ("note", "Journal.note"),
        (("main.py", "self.lines.insert(0, text)"),),
    ),
    PlantedCause(
        "a set became a list",
        {"main.py": _ACCESS},
        {
            "main.py": [
                ("self.allowed = set(names)", "self.allowed = list(names)"),
                ("total = 0", "total = 0  # allowed"),
            ]
        },
        ("permits", "Access.permits"),
        (("main.py", "self.allowed = list(names)"),),
    ),
    PlantedCause(
        "decimal numbers in the place of floats",
        {"main.py": _INVOICE},
        {
            "main.py": [
                ("def amount(text):\n    return float(text)\n", "def amount(text):\n    return Decimal(text)\n"),
                ("def amount", "from decimal import Decimal\n\n\ndef amount"),
            ]
        },
        ("amount", "total"),
        (("main.py", "return Decimal(text)"),),
    ),
    PlantedCause(
        "a lost cache of an inner function",
        {"main.py": _GRID},
        {"main.py": [("    @functools.lru_cache(maxsize=None)\n", ""), ("range(2, 10)", "range(2, 1 + 9)")]},
        ("count", "paths.<locals>.count", "paths"),
        (("main.py", "def count(row, column):"), ("main.py", "return count(row - 1, column) + count(row, column - 1)")),
    ),
    PlantedCause(
        "a constant that makes work harder",
        {"main.py": _ARCHIVE},
        {"main.py": [("LEVEL = 1", "LEVEL = 9"), ("CHUNK = 65536", "CHUNK = 1 << 16")]},
        ("pack",),
        (("main.py", "LEVEL = 9"),),
    ),
)
