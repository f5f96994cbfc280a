"""Processes that wait, compute or do both more than before, measured in pairs: does the advice name what it was?"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from diagnosis.figures import Figure

from regress_action import analysis
from regress_action.advice import recommend
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series

_COMPUTE = "sum(i * i for i in range({}))"
_WAIT = "import time; time.sleep({})"
_PLANTED = {
    "waits longer": (
        f"{_WAIT.format(0.2)}; {_COMPUTE.format(3_000_000)}",
        f"{_WAIT.format(1.0)}; {_COMPUTE.format(3_000_000)}",
        "it waits",
    ),
    "computes more": (_COMPUTE.format(1_500_000), _COMPUTE.format(6_000_000), "profile both commits"),
    "does both": (
        f"{_WAIT.format(0.2)}; {_COMPUTE.format(1_500_000)}",
        f"{_WAIT.format(1.6)}; {_COMPUTE.format(6_000_000)}",
        "most of the added time is waiting",
    ),
    "keeps more memory": ("b = bytes(20_000_000)", "b = bytearray(b'x') * 120_000_000", "memory"),
    "does the same": (_COMPUTE.format(1_500_000), _COMPUTE.format(1_500_000), ""),
}


def figures(*, quick: bool) -> list[Figure]:
    """Return the share of planted causes that the advice names, and the causes that it names where nothing changed."""
    named, needless = 0, 0
    for name, (before, after, said) in _PLANTED.items():
        base, head = _reports(before, after, pairs=5 if quick else 10)
        sentences = recommend(analysis.compare([base], [head], analysis.Policy()))
        print(f"  {name}: {sentences[0] if sentences else 'nothing'}", flush=True)
        if said:
            named += any(said in sentence for sentence in sentences)
        else:
            needless = sum("Evidence: " in sentence for sentence in sentences)
    return [
        Figure("planted causes that are named", named / (len(_PLANTED) - 1), floor=0.75 if quick else 1.0),
        Figure("causes named where nothing changed", needless, ceiling=0),
    ]


def _reports(before: str, after: str, pairs: int) -> tuple[Report, Report]:
    """Return both sides, measured in turn; the order changes with every pair."""
    rows: tuple[list[tuple[float, float, float]], list[tuple[float, float, float]]] = ([], [])
    for pair in range(pairs):
        for side in (0, 1) if pair % 2 == 0 else (1, 0):
            rows[side].append(_measured((before, after)[side]))
    base, head = (_report(side) for side in rows)
    return base, head


def _report(rows: list[tuple[float, float, float]]) -> Report:
    metrics = (Metric("time", "s"), Metric("cpu_time", "s"), Metric("peak_memory", "B"))
    series = tuple(
        Series(Benchmark("program"), metric, tuple(row[place] for row in rows)) for place, metric in enumerate(metrics)
    )
    return Report(series, tuple(Run(session="planted", pair=pair) for pair in range(len(rows))), suite="planted")


def _measured(program: str) -> tuple[float, float, float]:
    """Return the seconds, the CPU seconds and the most memory in bytes of a fresh process."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-S", "-c", program])
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024.0
