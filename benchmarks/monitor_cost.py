"""What watching a suite costs it: an A/A of the same program, watched and left alone.

    python benchmarks/monitor_cost.py [--pairs 30] [--json OUT]

Both halves of a pair run the same fixed work through the code that measures suites; one of them is sampled. A
shift is the median over the pairs of watched / unwatched, with the interval in which the true median lies with
95 % confidence (order statistics, no assumption about the noise); it should contain 0 %. On a machine that does
other things as well, the shift of CPU time says more than that of wall time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from regress_action.measure.bell import Bell
from regress_action.measure.family import Family, adopt_orphans
from regress_action.measure.log import Log
from regress_action.measure.process import Blind, Ended, execute
from regress_action.measure.sampler import Sampler
from regress_action.measure.start import Task

WORKS = {
    "one process, CPU": "sum(i * i for i in range({n}))",
    "one process, memory": "for i in range({n} // 4000): x = bytearray(500_000); x[::4096] = b'x' * len(x[::4096])",
    "every core": (
        "import os\n"
        "for _ in range(os.cpu_count()):\n"
        "    if os.fork() == 0: sum(i * i for i in range({n})); os._exit(0)\n"
        "for _ in range(os.cpu_count()): os.wait()"
    ),
}


def main() -> None:
    """Print one line per kind of work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument(
        "--work", type=int, default=6_000_000, help="steps of a run; the default is half a second or so"
    )
    parser.add_argument("--json", type=Path, metavar="OUT")
    wanted = parser.parse_args()
    adopt_orphans()
    rows = []
    print(f"{'':20}{'samples/s':>10}{'CPU share':>11}   {'shift of wall time':30}shift of CPU time")
    with Bell().hung() as bell:
        for name, code in WORKS.items():
            row = compare([sys.executable, "-I", "-S", "-c", code.format(n=wanted.work)], wanted.pairs, bell)
            rows.append({"work": name, **row})
            shifts = "   ".join(f"{_spelled(row[kind]):27}" for kind in ("wall", "cpu"))
            print(f"{name:20}{row['samples_per_s']:10.1f}{row['cpu_share']:11.3%}   {shifts}", flush=True)
            bell.check()
    if wanted.json:
        wanted.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def compare(argv: list[str], pairs: int, bell: Bell) -> dict[str, Any]:
    """Run `pairs` ABBA pairs and return both shifts with their intervals, and what the sampler used of one CPU."""
    ratios: dict[str, list[float]] = {"wall": [], "cpu": []}
    spent, wall, samples = 0.0, 0.0, 0
    for pair in range(pairs):
        ended = {}
        for watched in (True, False) if pair % 2 else (False, True):
            watcher = Sampler() if watched else Blind()
            ended[watched] = execute(_task(argv), Log(), bell, Family(""), watcher)
            if isinstance(watcher, Sampler):
                spent, samples, wall = spent + watcher.spent_s, samples + watcher.samples, wall + ended[watched].wall_s
        ratios["wall"].append(ended[True].wall_s / ended[False].wall_s)
        ratios["cpu"].append(_cpu_s(ended[True]) / _cpu_s(ended[False]))
    shifts = {kind: (statistics.median(values), *median_interval(values)) for kind, values in ratios.items()}
    return {"pairs": pairs, "samples_per_s": samples / wall, "cpu_share": spent / wall, **shifts}


def _cpu_s(ended: Ended) -> float:
    return ended.used.user_s + ended.used.system_s


def _spelled(shift: tuple[float, float, float]) -> str:
    median, low, high = (ratio - 1 for ratio in shift)
    return f"{median:+.2%} ({low:+.2%} … {high:+.2%})"


def median_interval(values: list[float]) -> tuple[float, float]:
    """Return the order statistics that enclose the true median with at least 95 % confidence."""
    ordered, count = sorted(values), len(values)
    outside, rank = 0.0, 0
    while outside + math.comb(count, rank) / 2**count <= 0.025:  # noqa: PLR2004 - half of 5 %
        outside += math.comb(count, rank) / 2**count
        rank += 1
    return ordered[max(rank - 1, 0)], ordered[count - max(rank, 1)]


def _task(argv: list[str]) -> Task:
    return Task(argv, Path.cwd(), dict(os.environ))


if __name__ == "__main__":
    main()
