"""What the addresses of two processes change: identical code and an edit that changes nothing, randomized and fixed.

Two Python processes take turns of 10 ms on one processor, asked through pipes, and time a function by CPU time. With
fixed addresses (`setarch -R`) every process of the same code lies alike. `filled` adds variables to the environment,
the same on both sides of a pair, which moves what the interpreter allocates later.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FUNCTIONS = ("numbers", "regex", "objects", "json")
EDIT = '''"""A docstring that was added."""
UNUSED = {"a": 1, "b": [2, 3], "c": "words that nobody reads"}
def unused(first, second=3):
    """Never called."""
    return [first * index for index in range(second)]
class Never:
    """Never made."""
    def method(self): return 17
'''
WORKER = """import sys, os, time, re, json
class Thing:
    def __init__(self, x): self.x = x
    def get(self): return self.x * 2
things = [Thing(i) for i in range(300)]
numbers = {str(i): i for i in range(400)}
works = {
    "numbers": lambda: sum(range(60_000)),
    "regex": lambda: re.findall("[a-c]+|x+y", "abcxyz" * 250),
    "json": lambda: json.loads(json.dumps(list(range(1500)))),
    "objects": lambda: sum(p.get() for p in things for _ in (0, 1, 2, 3, 4)) + len(sorted(numbers, key=numbers.get)),
}
work = works[sys.argv[1]]
work(), work()
clock = time.process_time_ns
while sys.stdin.buffer.read(1):
    end, times = clock() + 10_000_000, []
    while clock() < end:
        began = clock()
        work()
        times.append(clock() - began)
    sys.stdout.buffer.write(b" ".join(b"%d" % t for t in times) + b"\\n")
    sys.stdout.buffer.flush()
"""


def addresses(pairs: int, cpus: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the mean and the spread of a pair's log ratio for each function, edit and way of placing it."""
    if not shutil.which("setarch") or subprocess.run(["setarch", "-R", "true"], check=False).returncode:
        raise SystemExit("Addresses cannot be fixed here: setarch -R is refused.")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        same, edited = Path(folder) / "same.py", Path(folder) / "edited.py"
        same.write_text(WORKER)
        edited.write_text(EDIT + WORKER)
        for name in FUNCTIONS:
            ways = [(head, way) for head in (same, edited) for way in ("randomized", "fixed", "fixed, filled")]
            ratios: dict[tuple[Path, str], list[float]] = {key: [] for key in ways}
            for pair in range(pairs):
                for (head, way), values in ratios.items():
                    values.append(_pair([str(same), name], [str(head), name], way, pair, cpus))
            rows += [
                {
                    "function": name, "head": head.stem, "addresses": way, "pairs": pairs,
                    "median ratio": statistics.median(values), "spread of a pair": statistics.stdev(values),
                    "same sign": f"{max(sum(v > 0 for v in values), sum(v < 0 for v in values))} of {pairs}",
                }
                for (head, way), values in ratios.items()
            ]  # fmt: skip
    return rows


def _pair(base: list[str], head: list[str], way: str, pair: int, cpus: tuple[int, ...]) -> float:
    """Return the log ratio of the medians of a pair of ten turns a side."""
    variables = dict(os.environ)
    if "filled" in way:
        chance = random.Random(pair)  # noqa: S311 - not a secret
        variables |= {f"FILLED_{at}": "x" * chance.randrange(8, 400) for at in range(chance.randrange(64))}
    before = [] if way == "randomized" else ["setarch", "-R"]
    pinned = [*before, "taskset", "-c", ",".join(map(str, cpus))] if cpus else before
    processes = [
        subprocess.Popen(
            [*pinned, sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables
        )
        for words in (base, head)
    ]
    times: list[list[int]] = [[], []]
    for turn in range(10):
        for side in (0, 1) if turn % 2 else (1, 0):
            times[side] += _turn(processes[side])
    for process in processes:
        process.communicate()
    return math.log(statistics.median(times[1]) / statistics.median(times[0]))


def _turn(process: subprocess.Popen[bytes]) -> list[int]:
    """Let a process have its turn; return the CPU nanoseconds of its rounds."""
    if process.stdin is None or process.stdout is None:
        raise TypeError("it has no pipes")
    process.stdin.write(b"g")
    process.stdin.flush()
    return [int(word) for word in process.stdout.readline().split()]
