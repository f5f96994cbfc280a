"""Slow functions that are a small part of a benchmark: how often they are detected, and the false alarms.

Real processes: a program of 100 functions of about 1 % each is profiled many times as it is, and with one function that
does 20 % more. Suites of 30 pairs are drawn out of these profiles, for each of both rates.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from diagnosis.figures import Figure

if TYPE_CHECKING:
    from regress_action.model.profiles import CallProfile

FUNCTIONS, PLANTED = 100, 37
PAIRS = 30
_BODY = """
def work{number}(count):
    total = 0
    for step in range(count):
        total = (total * 31 + step) % 65537
    return total

"""


def program(*, slower: bool) -> str:
    """Return a program of functions that take the same time, one of them a fifth more where that is asked for."""
    bodies = "".join(_BODY.format(number=number) for number in range(FUNCTIONS))
    calls = "".join(
        f"    work{number}({360 if slower and number == PLANTED else 300})\n" for number in range(FUNCTIONS)
    )
    return (
        f"{bodies}\ndef main():\n    for _ in range(40):\n" + calls.replace("    work", "        work") + "\nmain()\n"
    )


def figures(*, quick: bool) -> list[Figure]:
    """Return the rates of detections and of false alarms."""
    from regress_action.advice.cause_analysis import slower_functions
    from regress_action.advice.profile_files import ProfileRun

    count, trials = (8, 20) if quick else (2 * PAIRS, 400)
    pairs = 6 if quick else PAIRS
    base = [profiled(slower=False) for _ in range(count)]
    head = [profiled(slower=True) for _ in range(count)]
    draw = random.Random(20)  # noqa: S311 - a fixed seed

    def alarms(first: list[CallProfile], second: list[CallProfile]) -> set[str]:
        runs = [
            ProfileRun(side, pair, {}, calls)
            for side, chosen in (("base", first), ("head", second))
            for pair, calls in enumerate(chosen)
        ]
        return {row.key.function for row in slower_functions(runs)}

    detected = sum(
        f"work{PLANTED}" in alarms(draw.sample(base, pairs), draw.sample(head, pairs)) for _ in range(trials)
    )
    false = 0
    for _ in range(trials):
        mixed = draw.sample(base, 2 * min(pairs, count // 2))
        false += bool(alarms(mixed[::2], mixed[1::2]))
    others = sum(
        bool(alarms(draw.sample(base, pairs), draw.sample(head, pairs)) - {f"work{PLANTED}"}) for _ in range(trials)
    )
    return [
        Figure(
            f"a function of 1 % that is 20 % slower, {pairs} pairs: detected", 100 * detected / trials, 90, unit=" %"
        ),
        Figure("suites of identical code with a false alarm", 100 * false / trials, ceiling=1, unit=" %"),
        Figure("suites with another function blamed", 100 * others / trials, ceiling=1, unit=" %"),
    ]


def profiled(*, slower: bool) -> CallProfile:
    """Run the program once with its calls counted, and return what was counted."""
    from regress_action.advice.profile_files.folder import read_calls
    from regress_action.measure import python_start

    hook = Path(python_start.__file__).parent
    with tempfile.TemporaryDirectory(prefix="advice-") as folder:
        (Path(folder) / "suite.py").write_text(program(slower=slower))
        (Path(folder) / "out").mkdir()
        environ = {**os.environ, "PYTHONPATH": str(hook), "REGRESS_PROFILE": "calls", "REGRESS_PROFILE_ROOT": folder}
        environ["REGRESS_PROFILE_OUT"] = str(Path(folder) / "out")
        subprocess.run([sys.executable, "suite.py"], cwd=folder, env=environ, check=True)
        (file,) = (Path(folder) / "out").iterdir()
        return read_calls(file.read_bytes(), file.name)
