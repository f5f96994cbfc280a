"""What watching a suite costs it: an A/A of the same program, watched and left alone.

    make bench-monitor ARGS="[--pairs 150] [--json OUT]"

Both halves of a pair run the same fixed work through the code that measures suites; one of them is sampled. The runs
are many and short, because a machine that does other things as well changes its speed from moment to moment, and what
is measured right after each other meets the same moment. A shift is the Hodges-Lehmann estimate over the pairs' log
ratios of watched to unwatched (the median of the means of any two) with Wilcoxon's 95 % interval (Hollander and Wolfe,
Nonparametric Statistical Methods, 3.2 and 3.3): neither is moved by a few pairs that were torn apart. It should contain
0 %. CPU time is the kernel's account of the program; it says more than wall time where others use the machine.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from regress_action.measure.process import NullSampler, ProcessResult, execute
from regress_action.measure.process_tree import ProcessTree, SignalWaiter, become_subreaper
from regress_action.measure.reporting import OutputLog
from regress_action.measure.sampler import Sampler
from regress_action.measure.spawn import Task

_TWO_SIDED = 1.96  # normal deviates that 95 % lie within

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
    parser.add_argument("--pairs", type=int, default=150)
    parser.add_argument(
        "--work", type=int, default=1_000_000, help="steps of a run; the default is a tenth of a second or so"
    )
    parser.add_argument("--json", type=Path, metavar="OUT")
    wanted = parser.parse_args()
    become_subreaper()
    rows = []
    print(f"{'':20}{'samples/s':>10}{'CPU share':>11}   {'shift of wall time':30}shift of CPU time")
    with SignalWaiter().installed() as signals:
        for name, code in WORKS.items():
            row = compare([sys.executable, "-I", "-S", "-c", code.format(n=wanted.work)], wanted.pairs, signals)
            rows.append({"work": name, **row})
            shifts = "   ".join(f"{_spelled(row[kind]):27}" for kind in ("wall", "cpu"))
            print(f"{name:20}{row['samples_per_s']:10.1f}{row['cpu_share']:11.3%}   {shifts}", flush=True)
            signals.check()
    if wanted.json:
        wanted.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def compare(argv: list[str], pairs: int, signals: SignalWaiter) -> dict[str, Any]:
    """Run `pairs` ABBA pairs and return both shifts with their intervals, and what the sampler used of one CPU."""
    ratios: dict[str, list[float]] = {"wall": [], "cpu": []}
    spent, wall, samples = 0.0, 0.0, 0
    for pair in range(pairs):
        ended = {}
        for watched in (True, False) if pair % 2 else (False, True):
            watcher = Sampler() if watched else NullSampler()
            ended[watched] = execute(_task(argv), OutputLog(), signals, ProcessTree(""), watcher)
            if isinstance(watcher, Sampler):
                spent, samples, wall = spent + watcher.spent_s, samples + watcher.samples, wall + ended[watched].wall_s
        ratios["wall"].append(math.log(ended[True].wall_s / ended[False].wall_s))
        ratios["cpu"].append(math.log(_cpu_s(ended[True]) / _cpu_s(ended[False])))
    shifts = {kind: shift(values) for kind, values in ratios.items()}
    return {"pairs": pairs, "samples_per_s": samples / wall, "cpu_share": spent / wall, **shifts}


def _cpu_s(ended: ProcessResult) -> float:
    return ended.used.user_s + ended.used.system_s


def _spelled(found: tuple[float, float, float]) -> str:
    middle, low, high = found
    return f"{middle:+.2%} ({low:+.2%} … {high:+.2%})"


def shift(logs: list[float]) -> tuple[float, float, float]:
    """Return the typical relative change behind the log ratios of pairs, and its 95 % interval."""
    count = len(logs)
    means = sorted((one + other) / 2 for one, other in combinations_with_replacement(logs, 2))
    spread = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    cut = max(0, math.floor(count * (count + 1) / 4 - _TWO_SIDED * spread))
    middle = (means[(len(means) - 1) // 2] + means[len(means) // 2]) / 2
    low, middle, high = (math.expm1(log) for log in (means[cut], middle, means[-1 - cut]))
    return middle, low, high


def _task(argv: list[str]) -> Task:
    return Task(argv, Path.cwd(), dict(os.environ))


if __name__ == "__main__":
    main()
