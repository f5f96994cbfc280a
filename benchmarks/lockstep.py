"""What taking turns of milliseconds gains, costs and gets wrong: base and head in lockstep, beside whole runs in turn.

    make bench-lockstep ARGS="[--only spread,error,recognition,kills,decisions,suite,
                              slices,addresses,project,coverage,planted,tools] [--pairs 10] [--kills 32]
                              [--trials 1] [--names PART] [--json OUT] [--keep FILE] [--minutes N] [--jobs N]"

Both ways are measured in the same run of this program, in turn, so that they meet the same machine. Each part prints
one table. The sizes are small enough for some minutes; `--pairs`, `--kills` and `--trials` take larger ones. With
`--keep`, kills, decisions, recognitions, slices and planted pairs are written down one by one, and go on where they
ended, also after `--minutes`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from lockstep_addresses import addresses
from lockstep_commands import FUNCTIONS, MUST_NOT_BE_STOPPED, OTHER_WORKS, WORKS
from lockstep_coverage import coverage, covered
from lockstep_journal import Journal, show
from lockstep_tools import TOOLS, spreads

from integration.measure.lockstep_kills import VICTIMS, WAYS, killer
from regress_action.measure import python_start
from regress_action.measure.frozen_turns import SLICE_S, FrozenTurns, Slices
from regress_action.measure.interleaving import shared_processor
from regress_action.measure.process import NullSampler, ProcessResult, execute
from regress_action.measure.process_tree import ProcessTree, SignalWaiter, become_subreaper
from regress_action.measure.reporting import OutputLog
from regress_action.measure.spawn import Task
from regress_action.measure.suite_environment import layout_of_pair, layout_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.measure.held_command import TurnResult

ROOT = Path(__file__).parents[1]
STEPS = 4_000_000
_PROVEN = 3.5
_RUN_S = 0.5

SUITE = '''"""Twenty-three small benchmarks; SLOWER is a planted share of extra work in every second one."""
import json, re, pytest

SLOWER = {slower}

def work(kind, n):
    if kind == 0: return sum(i * i for i in range(n))
    if kind == 1: return json.loads(json.dumps({{str(i): i for i in range(n)}}))
    if kind == 2: return re.findall("[a-c]+", "abcxyz" * n)
    return sorted(range(n), key=lambda i: i * 7919 % n)

@pytest.mark.parametrize("at", range(23))
def test_work(benchmark, at):
    n = 40 + 15 * at
    extra = int(n * SLOWER) if at % 2 else 0
    benchmark(lambda: (work(at % 4, n + extra)))
'''


@dataclass
class Machine:
    """What the parts of this program run on."""

    signals: SignalWaiter
    processes: ProcessTree
    cpus: tuple[int, ...]

    def task(self, code: str, side: str, pair: int) -> Task:
        """Return a Python program as one side of a pair, with the layout of the pair, as the measurer starts it."""
        variables = {**os.environ, "REGRESS_SESSION": self.processes.session_id, "REGRESS_SIDE": side}
        variables["PYTHONPATH"] = str(Path(python_start.__file__).parent)
        layout = layout_of_pair(self.processes.session_id, pair)
        variables |= layout_variables(layout, variables, fixed_addresses=True)
        return Task([sys.executable, "-c", code], Path.cwd(), variables, cpus=self.cpus, suite=True)

    def alone(self, code: str, pair: int = 0) -> ProcessResult:
        """Run it from beginning to end."""
        return execute(self.task(code, "base", pair), OutputLog(), self.signals, self.processes, NullSampler())


def cpu_s(ended: ProcessResult) -> float:
    """Return the CPU time of a run in seconds."""
    return ended.used.user_s + ended.used.system_s


def spread(machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the standard deviation of a pair's log ratio, run by run and in lockstep, of identical commands."""
    rows = []
    for name in ("CPU", "memory"):
        code = WORKS[name].format(n=STEPS)
        whole: list[float] = []
        whole_cpu: list[float] = []
        turns: list[float] = []
        active, elapsed, watching, cost = 0.0, 0.0, 0.0, [0.0, 0.0]
        for pair in range(wanted.pairs):
            one, other = machine.alone(code, pair), machine.alone(code, pair)
            whole.append(math.log(other.wall_s / one.wall_s))
            whole_cpu.append(math.log(cpu_s(other) / cpu_s(one)))
            spent = time.process_time()
            results, took = pair_in_turns(machine, code, pair)
            turns.append(math.log(cpu_s(results[1].ended) / cpu_s(results[0].ended)))
            elapsed += took
            watching += time.process_time() - spent
            active += sum(result.use.active_s for result in results)
            cost[0] += cpu_s(one) + cpu_s(other)
            cost[1] += sum(cpu_s(result.ended) for result in results)
        rows.append(
            {
                "command": name,
                "run by run, wall": statistics.stdev(whole),
                "run by run, CPU": statistics.stdev(whole_cpu),
                "lockstep, CPU": statistics.stdev(turns),
                "less noise than wall": statistics.stdev(whole) / statistics.stdev(turns),
                "than CPU": statistics.stdev(whole_cpu) / statistics.stdev(turns),
                "of an undisturbed pair": " / ".join(f"{_undisturbed(each):.2%}" for each in (whole, whole_cpu, turns)),
                "time between turns": 1 - active / elapsed,
                "CPU of the measurer": watching / elapsed,
                "more CPU time": cost[1] / cost[0] - 1,
            }
        )
    return rows


def _undisturbed(ratios: Sequence[float]) -> float:
    """Return a standard deviation that single disturbed pairs do not decide: from the median distance to the median."""
    middle = statistics.median(ratios)
    return 1.4826 * statistics.median(abs(ratio - middle) for ratio in ratios)


def pair_in_turns(
    machine: Machine, code: str | list[str], pair: int, length_s: float = SLICE_S
) -> tuple[list[TurnResult], float]:
    """Run a command on both sides, or one for each, in lockstep.

    Return how they ended, and the seconds that all turns took.
    """
    codes = [code, code] if isinstance(code, str) else code
    tasks = [machine.task(code, side, pair) for code, side in zip(codes, ("base", "head"), strict=True)]
    logs = [OutputLog(), OutputLog()]
    turns = FrozenTurns(tasks, logs, machine.signals, machine.processes, Slices(length_s, pair), first=pair % 2)
    return turns.run(), turns.took_s


def slices(machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the bias and the cost of turns of different lengths: identical commands, whose mean ratio should be 1."""
    journal = Journal(wanted.keep, wanted.until)

    def trial(name: str, length_s: float, pair: int) -> list[float] | None:
        code = WORKS[name].format(n=STEPS // 2)

        def used() -> list[float]:
            alone = cpu_s(machine.alone(code, pair))
            results, _ = pair_in_turns(machine, code, pair, length_s)
            return [alone, *(cpu_s(result.ended) for result in results)]

        times: list[float] | None = journal.once(f"slice {name} {1000 * length_s:g} {pair}", used)
        return times

    kinds = [(name, length_s) for name in ("CPU", "memory") for length_s in (0.005, 0.01, 0.02, 0.05)]
    seen: dict[tuple[str, float], list[list[float]]] = {kind: [] for kind in kinds}
    for pair in range(wanted.pairs):
        for kind, times in seen.items():
            if used := trial(*kind, pair):
                times.append(used)
    rows = []
    for (name, length_s), times in seen.items():
        ratios = [math.log(head / base) for _, base, head in times]
        if len(ratios) > 1:
            rows.append({
                "command": name, "slice": f"{1000 * length_s:g} ms", "pairs": len(ratios),
                "bias": statistics.fmean(ratios), "median": statistics.median(ratios),
                "standard error": statistics.stdev(ratios) / math.sqrt(len(ratios)),
                "more CPU time than alone": statistics.median(
                    (base + head) / 2 / alone - 1 for alone, base, head in times
                ),
            })  # fmt: skip
    return rows


def planted(machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the coverage of intervals over real pairs in turns, whose processes do 1 % more or less work at random."""
    journal = Journal(wanted.keep, wanted.until)
    chance = random.Random(1)  # noqa: S311 - not a secret
    log_times = []
    for pair in range(5 * wanted.trials):
        codes = [WORKS["CPU"].format(n=round(STEPS // 4 * math.exp(chance.gauss(0, 0.01)))) for _ in range(2)]

        def used(codes: list[str] = codes, pair: int = pair) -> list[float]:
            return [math.log(cpu_s(result.ended)) for result in pair_in_turns(machine, codes, pair)[0]]

        if times := journal.once(f"planted {pair}", used):
            log_times.append(times)
    whole = len(log_times) // 5
    if not whole:
        return []
    comparisons = np.array(log_times[: 5 * whole]).reshape(whole, 5, 2).swapaxes(1, 2)
    spread = float(np.std(comparisons[:, 1] - comparisons[:, 0], ddof=1))
    return [{"comparisons of 5 pairs": whole, "spread of a pair": spread, "covered": covered(comparisons)}]


def error(_machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the standard error of a function's log ratio: a second of rounds a side, and a twentieth in more pairs.

    12 pairs of a second are 24 s of rounds of a millisecond.
    """
    text = "def test_function(benchmark): benchmark(lambda: sum(range(60_000)))\n"
    rows = []
    for seconds, pairs in ((1.0, wanted.pairs), (0.05, 3 * wanted.pairs)):
        began = time.monotonic()
        ratios = ratios_of_ways(
            {"test_one.py": text}, {"test_one.py": text + "#\n"}, pairs, f"--benchmark-max-time={seconds:g}"
        )
        took_s = (time.monotonic() - began) / len(ratios)
        for interleave, of_benchmarks in ratios.items():
            (values,) = of_benchmarks.values()
            rows.append({
                "interleave": interleave, "rounds of a side": f"{seconds:g} s", "pairs": len(values),
                "spread of a pair": statistics.stdev(values),
                "standard error": statistics.stdev(values) / math.sqrt(len(values)), "seconds each": took_s,
            })  # fmt: skip
    return rows


def suite(_machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the spread of 23 benchmarks, and how many of those that are 10 % slower have t above 3.5."""
    base, head = (SUITE.format(slower=slower) for slower in (0, 0.1))
    ratios = ratios_of_ways({"test_s.py": base}, {"test_s.py": head}, wanted.pairs, "--benchmark-max-time=0.1")
    rows = []
    for interleave, of_benchmarks in ratios.items():
        spreads = {name: statistics.stdev(values) for name, values in of_benchmarks.items()}
        t = {name: statistics.fmean(of_benchmarks[name]) / spreads[name] * math.sqrt(wanted.pairs) for name in spreads}
        slower = [t[name] for name in t if int(name.split("[")[1].rstrip("]")) % 2]
        same = [t[name] for name in t if not int(name.split("[")[1].rstrip("]")) % 2]
        rows.append({
            "interleave": interleave, "pairs": wanted.pairs, "benchmarks": len(t),
            "median spread of a pair": statistics.median(spreads.values()), "largest": max(spreads.values()),
            "t > 3.5 of the slower": f"{sum(value > _PROVEN for value in slower)} of {len(slower)}",
            "of the same": f"{sum(value > _PROVEN for value in same)} of {len(same)}",
        })  # fmt: skip
    return rows


def project(_machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what is said of the last commit of `--project`: a pytest suite, whose sources are in its folder `src`."""
    command = f"PYTHONPATH=src:$PYTHONPATH {sys.executable} -m pytest -q -p no:cacheprovider {wanted.benchmarks} "
    command += "{select} --benchmark-max-time=0.05 --benchmark-json={out}"
    rows = []
    for interleave in ("run", "lockstep"):
        began = time.monotonic()
        judged, document = judge(
            wanted.project, interleave, ("--pairs", str(wanted.pairs)), command, threshold=wanted.threshold
        )
        times = [row for row in judged if row["metric"] == "time"]
        verdicts = [row["verdict"] for row in times]
        rows.append({
            "interleave": interleave, "measured": kind_of(document), "pairs": wanted.pairs, "benchmarks": len(times),
            "decided": sum(verdict in {"regression", "improvement", "unchanged"} for verdict in verdicts),
            **{verdict: verdicts.count(verdict) for verdict in ("regression", "improvement", "unchanged")},
            "above 1": sum((row["ratio_low"] or 0) > 1 for row in times),
            "median ratio": statistics.median(row["ratio"] - 1 for row in times),
            "services": "; ".join(_service(service) for service in services_of(wanted.project)),
            "CPU seconds of a whole run": f"{whole_run_s(document):.2f}",
            "rounds": document.get("interleave", {}).get("rounds", 1.0),
            "seconds each": time.monotonic() - began,
        })  # fmt: skip
    return rows


def whole_run_s(document: dict[str, Any]) -> float:
    """Return the median CPU time of the runs of the whole suite."""
    whole = [run["user_s"] + run["system_s"] for run in document["runs"] if not run["selection"] and not run["failure"]]
    return float(statistics.median(whole))


def kind_of(document: dict[str, Any]) -> str:
    """Return how base and head alternated."""
    kind: str = document.get("interleave", {}).get("kind", "run")
    return kind


def services_of(folder: Path) -> list[dict[str, Any]]:
    """Return the services of what was judged last in a folder."""
    services: list[dict[str, Any]] = json.loads((folder / ".git" / "judged.json").read_text())["services"]
    return services


def _service(service: dict[str, Any]) -> str:
    low, high = (f"{service[end] - 1:+.1%}" for end in ("ratio_low", "ratio_high"))
    return f"{service['verdict']} {low} to {high} of {service['benchmarks']}"


def ratios_of_ways(
    base: dict[str, str], head: dict[str, str], pairs: int, *options: str
) -> dict[str, dict[str, list[float]]]:
    """Return the log ratios of a pytest suite's benchmarks, run by run and in lockstep, two pairs of each in turn."""
    ratios: dict[str, dict[str, list[float]]] = {"run": {}, "lockstep": {}}
    with tempfile.TemporaryDirectory() as folder:
        repository(Path(folder), base, head)
        for _ in range(math.ceil(pairs / 2)):
            for interleave, kept in ratios.items():
                for name, values in suite_ratios(Path(folder), interleave, 2, *options).items():
                    kept.setdefault(name, []).extend(values)
    return ratios


def recognition(_machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return how each kind of command was measured under `auto`, `--trials` times each; why is that of the last one."""
    journal = Journal(wanted.keep, wanted.until)
    kinds = {**dict.fromkeys(MUST_NOT_BE_STOPPED, "run"), **dict.fromkeys(WORKS, "frozen")}
    seen: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as shared:
        repository(Path(folder), {"a": "1"}, {"a": "2"})
        for trial in range(wanted.trials):
            for name in kinds:
                code = MUST_NOT_BE_STOPPED.get(name) or WORKS[name].format(n=STEPS)
                code = code.replace("{shared}", shared).replace("{port}", str(20_000 + os.getpid() % 20_000))
                words = (sys.executable, "-S", "-c", code)
                how = journal.once(f"recognition {name} {trial}", partial(way_taken, Path(folder), words))
                seen.setdefault(name, []).extend([how] if how else [])
    return [
        {
            "command": name, "should be": kinds[name], "tried": len(ways),
            "recognised": sum(way["kind"] == kinds[name] for way in ways), "why": ways[-1]["why"],
        }
        for name, ways in seen.items() if ways
    ]  # fmt: skip


def way_taken(folder: Path, command: tuple[str, ...]) -> dict[str, Any]:
    """Measure one pair and return how base and head alternated."""
    way: dict[str, Any] = measure(folder, "auto", 1, *command)["interleave"]
    return way


def kills(_machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return how many processes were left after kills of each victim."""
    journal = Journal(wanted.keep, wanted.until)
    each = max(1, wanted.kills // (len(VICTIMS) * len(WAYS)))
    trials = [(victim, way, seed) for seed in range(each) for victim in VICTIMS for way in WAYS]

    with killer() as killing, ThreadPoolExecutor(wanted.jobs) as pool:

        def outcome(trial: tuple[str, str, int]) -> list[str] | None:
            left: list[str] | None = journal.once("kill {} {} {}".format(*trial), lambda: killing.once(*trial))
            return left

        outcomes = dict(zip(trials, pool.map(outcome, trials), strict=True))
    rows: list[dict[str, Any]] = []
    for victim in VICTIMS:
        for way in WAYS:
            of_these = [outcomes[victim, way, seed] for seed in range(each)]
            names = [name for left in of_these if left for name in left]
            tried = sum(left is not None for left in of_these)
            rows.append({"killed": victim, "stopped by": way, "kills": tried, "left": len(names), "names": names})
    tried, found = (sum(int(row[name]) for row in rows) for name in ("kills", "left"))
    return [*rows, {"killed": "all", "stopped by": "either", "kills": tried, "left": found, "names": ""}]


def decisions(machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return how often identical code was called slower, and how often 3 % more work was found.

    There are ten trials of identical code for every three of changed code. A run of a command takes about half a
    second of CPU time. `slower` counts what is a regression where 1.5 % is asked for, `above` the intervals that lie
    beyond no change.
    """
    journal = Journal(wanted.keep, wanted.until)
    works = {name: work for name, work in (WORKS | OTHER_WORKS).items() if wanted.names in name}
    functions = [name for name in FUNCTIONS if wanted.names in name]
    alone_s = {name: seconds_of(machine, name, work.format(n=STEPS)) for name, work in works.items()}
    steps = {name: round(STEPS * _RUN_S / alone_s[name]) for name in works} | dict.fromkeys(functions, STEPS)
    calls: dict[tuple[str, float], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for trial in range(wanted.first, wanted.first + wanted.trials):
            for name, amount in steps.items():
                for change in (1.0, 1.03) if trial * 3 // 10 != (trial - 1) * 3 // 10 else (1.0,):
                    key = f"decision {name} ×{change:g} {wanted.interleave} {wanted.seconds:g} s {trial}"
                    amounts = (amount, round(amount * change))
                    if call := journal.once(key, partial(decide, name, amounts, Path(folder) / key, wanted)):
                        calls.setdefault((name, change), []).append(call)
    return [
        {
            "command": name, "head": f"×{change:g}", "trials": len(of_these), "measured": of_these[0]["kind"],
            "slower": sum(call["verdict"] == "regression" for call in of_these),
            "better": sum(call["verdict"] == "improvement" for call in of_these),
            "above": sum(call["above"] for call in of_these),
            "seconds each": statistics.fmean(call["seconds"] for call in of_these),
        }
        for (name, change), of_these in sorted(calls.items())
    ]  # fmt: skip


def seconds_of(machine: Machine, name: str, code: str) -> float:
    """Return how long a command takes where nothing else runs."""
    task = machine.task(code, "base", 0)
    ended = execute(task, OutputLog(), machine.signals, machine.processes, NullSampler())
    if ended.status != 0:
        sys.exit(f"The command of {name} failed with status {ended.status}.")
    return ended.wall_s if name == "sleep" else cpu_s(ended)


def decide(name: str, amounts: tuple[int, int], folder: Path, wanted: argparse.Namespace) -> dict[str, Any]:
    """Measure and judge one command or function, of which base and head do these amounts of work."""
    folder.mkdir()
    works = WORKS | OTHER_WORKS
    texts = []
    for amount in amounts:
        work = (works.get(name) or FUNCTIONS[name]).format(n=amount)
        texts.append(work if name in works else f"import json\ndef test_it(benchmark): benchmark(lambda: {work})\n")
    file = "w.py" if name in works else "test_w.py"
    repository(folder, {file: texts[0]}, {file: texts[1] + "\n#"})
    command = [sys.executable, file]
    if name in FUNCTIONS:
        command = [*PYTEST, "--benchmark-max-time=0.25", "--benchmark-json={out}"]
    began = time.monotonic()
    judged, document = judge(folder, wanted.interleave, ("--budget-minutes", f"{wanted.seconds / 60}"), *command)
    metric = "time" if name in FUNCTIONS or name == "sleep" else "cpu_time"
    (row,) = [row for row in judged if row["metric"] == metric]
    above = row["ratio_low"] is not None and row["ratio_low"] > 1
    return {"verdict": row["verdict"], "above": above, "ratio": row["ratio"], "kind": kind_of(document),
            "why": document["interleave"]["why"],
            "seconds": time.monotonic() - began}  # fmt: skip


def repository(folder: Path, base: dict[str, str], head: dict[str, str]) -> None:
    """Make a git repository with two commits."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for files in (base, head):
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "x"], check=True)


def tools(_machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the spread of a pair of suites that time themselves, in each way to alternate."""
    journal = Journal(wanted.keep, wanted.until)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for tool in TOOLS:
            folder = Path(scratch) / tool.needs / tool.style
            folder.mkdir(parents=True)
            repository(folder, tool.files, tool.files)
            rows += spreads(tool, folder, measured_folder, journal, math.ceil(wanted.pairs / 2))
    return rows


def measured_folder(folder: Path, interleave: str, pairs: int, command: str, more: list[str]) -> Path:
    """Measure and return the folder of the measurement."""
    measure(folder, interleave, pairs, command, more=more)
    return folder / ".git" / "measured"


def measure(folder: Path, interleave: str, pairs: int, *command: str, more: Sequence[str] = ()) -> dict[str, Any]:
    """Measure and return the measurement's document."""
    out = folder / ".git" / "measured"
    words = [sys.executable, "-m", "regress_action.measure", "--out", str(out), "--overwrite", "--base", "HEAD~1"]
    words += ["--pairs", str(pairs), "--interleave", interleave, *more, "--", *command]
    variables = {**os.environ, **VARIABLES}
    subprocess.run(words, cwd=folder, env=variables, check=True, capture_output=True)
    document: dict[str, Any] = json.loads((out / "measurement.json").read_text())
    return document


def suite_ratios(folder: Path, interleave: str, pairs: int, *options: str) -> dict[str, list[float]]:
    """Return the log ratio of every pair for each benchmark of a pytest suite."""
    document = measure(folder, interleave, pairs, *PYTEST, *options, "--benchmark-json={out}")
    if kind_of(document) != {"lockstep": "cooperative"}.get(interleave, interleave):
        sys.exit(f"Not measured by {interleave}: {document['interleave']['why']}")
    medians: dict[tuple[str, int, str], float] = {}
    for run in document["runs"]:
        result = json.loads((folder / ".git" / "measured" / run["result"]).read_text())
        for entry in result["benchmarks"]:
            medians[entry["name"], run["pair"], run["side"]] = entry["stats"]["median"]
    ratios: dict[str, list[float]] = {}
    for (name, pair, side), value in medians.items():
        if side == "head":
            ratios.setdefault(name, []).append(math.log(value / medians[name, pair, "base"]))
    return ratios


def judge(
    folder: Path, interleave: str, length: Sequence[str], *command: str, threshold: float = 1.015
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Measure and judge as `regress-action run` does; return the comparisons and the measurement's document."""
    out, measured = folder / ".git" / "judged.json", folder / ".git" / "regress"
    words = [sys.executable, "-m", "regress_action", "run", "--base", "HEAD~1", *length]
    words += ["--interleave", interleave, "--out", str(measured), "--json", str(out), "--thresholds", "t.yml"]
    (folder / "t.yml").write_text(f"default: {{regression_threshold: {threshold:g}}}\n")
    variables = {**os.environ, **VARIABLES}
    ended = subprocess.run(
        [*words, "--", *command], cwd=folder, env=variables, check=False, capture_output=True, text=True
    )
    if not out.is_file():
        sys.exit(f"Nothing was judged (status {ended.returncode}):\n{ended.stdout}{ended.stderr}")
    comparisons: list[dict[str, Any]] = json.loads(out.read_text())["comparisons"]
    (document,) = [json.loads(file.read_text()) for file in measured.rglob("measurement.json")]
    return comparisons, document


PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin")
VARIABLES = {"PYTHONPATH": str(ROOT / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""pytest with the one plugin that it needs: those of a development environment take a second to load."""

PARTS: dict[str, Callable[[Machine, argparse.Namespace], list[dict[str, Any]]]] = {
    "spread": spread, "error": error, "recognition": recognition, "kills": kills, "decisions": decisions,
    "suite": suite, "slices": slices, "project": project, "planted": planted, "tools": tools,
    "coverage": lambda _machine, wanted: coverage(100 * wanted.trials),
    "addresses": lambda machine, wanted: addresses(wanted.pairs, machine.cpus),
}  # fmt: skip


def main() -> None:
    """Print one table for each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(sorted({*PARTS} - {"project"})), metavar="PARTS")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--kills", type=int, default=32)
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first decision")
    parser.add_argument("--project", type=Path, metavar="DIR", help="a git repository with two commits, for `project`")
    parser.add_argument("--benchmarks", default="testing/benchmark.py", help="its file or folder of benchmarks")
    parser.add_argument("--threshold", type=float, default=1.05, help="what is a regression, for `project`")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write kills and decisions down, and go on from them")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no kill and no decision after so many")
    parser.add_argument("--seconds", type=float, default=20.0, help="a decision may measure so long")
    parser.add_argument("--names", default="", metavar="PART", help="decide on commands and functions so called only")
    parser.add_argument("--jobs", type=int, default=1, help="kills at the same time")
    parser.add_argument("--interleave", default="lockstep", help="how base and head alternate in decisions")
    wanted = parser.parse_args()
    wanted.until = time.monotonic() + 60 * wanted.minutes
    if wanted.only != "kills":  # whoever collects what a killed program leaves behind also collects what it must not
        become_subreaper()
    tables = {}
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with SignalWaiter().installed() as signals:
        machine = Machine(signals, ProcessTree(os.urandom(4).hex()), shared_processor())
        for name in wanted.only.split(","):
            began = time.monotonic()
            tables[name] = PARTS[name](machine, wanted)
            print(f"\n{name} ({time.monotonic() - began:.0f} s)")
            show(tables[name])
    if wanted.json:
        wanted.json.write_text(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
