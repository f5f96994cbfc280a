"""How long judging takes: alone, as a whole process from records on disk, and along histories beside Apache Otava.

    python benchmarks/speed.py [--quick] [--json OUT]

Every task runs in a process of its own, so that its peak memory is its own too, and is repeated; the least time is
shown, because what slows the others is the neighbours. On a busy machine processor time is the better guide. Reports
hold five runs: ten of them are the 50 runs of the baseline, one is the head. Otava is asked for fewer series,
because it takes long, and its time is scaled up; the row says from how many.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

SOURCE = Path(__file__).parents[1] / "src"
sys.path.insert(0, str(SOURCE))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regress_action.model.measurements import Report

Row = dict[str, Any]
BASELINE, RUNS = 10, 5
HISTORY = 1000
OTAVA_SERIES = 20
SEED = 2026


class Cost(NamedTuple):
    """The least seconds on the clock and of processor time that repeating something took."""

    seconds: float
    processor_seconds: float


def main() -> None:
    """Print one line per task, and write them as JSON where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, for a look")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.task:
        json.dump(TASKS[wanted.task](wanted.size), sys.stdout)
        return
    rows = []
    print(f"{'':62}{'seconds':>9}{'processor':>11}{'peak memory':>13}")
    for row in measured(1000 if wanted.quick else 10_000, 100 if wanted.quick else 1000):
        rows.append(row)
        times = f"{row['seconds']:9.3f}{row['processor_seconds']:11.3f}{row['peak_memory_mb']:10.0f} MB"
        print(f"{row['task']:62}{times}  {row.get('note', '')}", flush=True)
    if wanted.json:
        wanted.json.write_text(json.dumps(rows, indent=1))


def measured(benchmarks: int, series: int) -> Iterator[Row]:
    """Run every task and yield its row: seconds, peak memory in MB, and what it is compared with."""
    yield {"task": f"judge alone: {benchmarks:,} benchmarks × (50 + 5) runs", **_child("judge", benchmarks)}
    yield {"task": f"whole process: regress-action detect, {benchmarks:,} × (50 + 5)", **_detect(benchmarks)}
    yield {"task": "whole process: regress-action --help", **_commands(["--help"])}
    yield from _compare()
    ours = {"task": f"change points: {series:,} series × {HISTORY:,} runs", **_child("change-points", series)}
    yield ours
    yield from _otava(ours, series)
    yield {"task": f"trends with change points: {series:,} × {HISTORY:,} runs", **_child("trends", series)}
    yield {"task": f"one more run in a history of {10 * HISTORY:,}", **_child("one-more", 10 * HISTORY)}


def _compare() -> Iterator[Row]:
    """Time `regress-action compare` of ten files a side, beside the imports that it cannot do without."""
    import own_suite

    imports = "import numpy, scipy.special, pydantic"
    costs = [_run([sys.executable, "-c", imports], subprocess.DEVNULL) for _ in range(10)]
    least = {**_least([cost for cost, _ in costs])._asdict(), "peak_memory_mb": max(memory for _, memory in costs)}
    yield {"task": f"whole process: {imports}", **least}
    with tempfile.TemporaryDirectory() as folder:
        own_suite.samples(Path(folder))
        sides = ["--baseline", "base-0*.json", "--head", "head-0*.json", "--fail-on", "none"]
        ours = _commands(["compare", *sides], Path(folder))
    times = ours["processor_seconds"] / least["processor_seconds"]
    task = f"whole process: regress-action compare, 20 files × {own_suite.BENCHMARKS}"
    yield {"task": task, **ours, "times": times, "note": f"{times:.2f} times the processor time of the imports"}


def _otava(ours: Row, series: int) -> Iterator[Row]:
    import change_point_peers

    if not change_point_peers.otava_version():
        print("Apache Otava is not installed: pip install apache-otava", file=sys.stderr)
        return
    theirs = _child("otava", OTAVA_SERIES)
    scaled = {name: theirs[name] * series / OTAVA_SERIES for name in Cost._fields}
    times = scaled["processor_seconds"] / ours["processor_seconds"]
    yield {
        "task": f"the same by Apache Otava {change_point_peers.otava_version()}",
        **scaled,
        "peak_memory_mb": theirs["peak_memory_mb"],
        "times": times,
        "note": f"scaled from {OTAVA_SERIES} series; {times:.0f} times our processor time",
    }


def _child(task: str, size: int) -> Row:
    """Run a task of this script in a process of its own."""
    command = [sys.executable, __file__, "--task", task, "--size", str(size)]
    with tempfile.TemporaryFile() as output:
        _, memory = _run(command, output.fileno())
        output.seek(0)
        return {**Cost(*json.load(output))._asdict(), "peak_memory_mb": memory}


def _detect(benchmarks: int) -> Row:
    """Time `regress-action detect` over a history folder, as a user calls it."""
    with tempfile.TemporaryDirectory() as folder:
        task = [sys.executable, str(Path(__file__).resolve()), "--task", "records", "--size", str(benchmarks)]
        subprocess.run(task, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return _commands(["detect", "head.jsonl", "--history", "history", "--json", "out.json"], Path(folder))


def _commands(arguments: list[str], folder: Path | None = None) -> Row:
    command = [sys.executable, "-m", "regress_action", *arguments]
    timed = [_run(command, subprocess.DEVNULL, folder) for _ in range(5)]
    return {**_least([cost for cost, _ in timed])._asdict(), "peak_memory_mb": max(memory for _, memory in timed)}


def _run(command: list[str], output: int, folder: Path | None = None) -> tuple[Cost, float]:
    """Run a process; return what it cost, and its peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=output, cwd=folder, env={**os.environ, "PYTHONPATH": str(SOURCE)})
    _, status, usage = os.wait4(process.pid, 0)
    cost = Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}.")
    return cost, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def _fastest(work: Callable[[], object], times: int = 5) -> Cost:
    work()
    return _least([_once(work) for _ in range(times)])


def _once(work: Callable[[], object]) -> Cost:
    started, processor = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - started, time.process_time() - processor)


def _least(costs: list[Cost]) -> Cost:
    return Cost(*map(min, zip(*costs, strict=True)))


def _reports(benchmarks: int, reports: int) -> list[Report]:
    """Make reports of one machine, all benchmarks with 1 % noise, two in a hundred slower in the last report."""
    import numpy as np

    from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series

    draw = np.random.default_rng(SEED)
    metric, machine = Metric("time", "s"), Environment("self-hosted", "linux", "a model", 8, "16 GB", "python 3.12")
    names = [Benchmark(f"suite/test_{number}") for number in range(benchmarks)]
    levels = np.geomspace(1e-6, 10, benchmarks)[:, None]
    made = []
    for number in range(reports):
        values = levels * np.exp(0.01 * draw.standard_normal((benchmarks, RUNS)))
        values[::50] *= 1.5 if number == reports - 1 else 1.0
        series = tuple(
            Series(name, metric, tuple(row), (10,) * RUNS) for name, row in zip(names, values.tolist(), strict=True)
        )
        runs = tuple(Run(session=f"{number}-{run}") for run in range(RUNS))
        made.append(
            Report(series, runs, "suite", f"{number:040x}", "main", f"2026-01-{number + 1:02}T00:00:00Z", machine)
        )
    return made


def judge_alone(benchmarks: int) -> Cost:
    """Time the comparison itself, reports in memory."""
    from regress_action import analysis

    *baseline, head = _reports(benchmarks, BASELINE + 1)
    return _fastest(lambda: analysis.compare(baseline, [head]))


def write_records(benchmarks: int) -> Cost:
    """Write a history folder and the head's record into the current folder."""
    from regress_action.history import open_history
    from regress_action.model.records import encode

    *baseline, head = _reports(benchmarks, BASELINE + 1)
    history = open_history("history", repository=Path.cwd(), environ=os.environ)
    for report in baseline:
        history.append(report)
    Path("head.jsonl").write_bytes(encode(head))
    return Cost(0.0, 0.0)


def _histories(series: int) -> list[Any]:
    import history_noise
    import numpy as np

    draw = np.random.default_rng(SEED)
    made = history_noise.dedicated(series, SEED, HISTORY)
    for values in made:
        for place in draw.choice(HISTORY, 4, replace=False):
            values[place:] *= draw.choice((1.1, 1 / 1.1, 1.2, 1 / 1.2))
    return made


def change_points(series: int) -> Cost:
    """Time the search for change points with four steps in every series."""
    from regress_action.analysis import change_points

    values = _histories(series)
    return _fastest(lambda: change_points.find_all(values), 3)


def trends(series: int) -> Cost:
    """Time what `regress-action trend` computes."""
    from regress_action.analysis import histories

    named = [histories.named(str(number), values) for number, values in enumerate(_histories(series))]
    return _fastest(lambda: histories.follow(named), 3)


def one_more(runs: int) -> Cost:
    """Time one arrival in a long history whose earlier runs have been searched."""
    import history_noise
    import numpy as np

    from regress_action.analysis.change_points import Searcher

    searcher, values = Searcher(), list(history_noise.dedicated(1, SEED, runs)[0])
    searcher.find_all([values], np.zeros(1, np.intp))

    def arrive() -> None:
        values.append(100.0)
        searcher.find_all([values], np.zeros(1, np.intp))

    return _fastest(arrive)


def otava(series: int) -> Cost:
    """Time Apache Otava on series of the same kind, one after the other as it works."""
    import change_point_peers

    values = _histories(series)
    return _fastest(lambda: [change_point_peers.otava(one, 0.05) for one in values], 3)


TASKS: dict[str, Callable[[int], Cost]] = {
    "judge": judge_alone,
    "records": write_records,
    "change-points": change_points,
    "trends": trends,
    "one-more": one_more,
    "otava": otava,
}


if __name__ == "__main__":
    main()
