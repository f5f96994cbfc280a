"""What taking turns of milliseconds gains, costs and gets wrong: base and head in lockstep, beside whole runs in turn.

    make bench-lockstep ARGS="[--only spread,error,recognition,kills,decisions,suite] [--pairs 10] [--kills 32]
                              [--trials 1] [--json OUT]"

Both ways are measured in the same run of this program, in turn, so that they meet the same machine. Each part prints
one table. The sizes are small enough for some minutes; `--pairs`, `--kills` and `--trials` take larger ones.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from integration.measure.lockstep_kills import VICTIMS, WAYS, kill_once
from regress_action.measure.frozen_turns import FrozenTurns, Slices
from regress_action.measure.interleaving import shared_processor
from regress_action.measure.output_log import OutputLog
from regress_action.measure.process import NullSampler, ProcessResult, execute
from regress_action.measure.process_tree import ProcessTree, become_subreaper
from regress_action.measure.signals import SignalWaiter
from regress_action.measure.spawn import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.measure.held_command import TurnResult

ROOT = Path(__file__).parents[1]
WORKS = {
    "CPU": "sum(i * i % 7 for i in range({n}))",
    "memory": "b = bytearray(48_000_000)\nfor i in range({n} // 60_000): b[::64] = bytes(750_000)",
    "allocation": "for i in range({n} // 300): x = [object() for _ in range(100)]",
    "regex": "import re\nfor i in range({n} // 12): re.search(r'(a|b)*c\\d+', 'ababab' * 3 + 'c12')",
    "subprocesses": "import subprocess\nfor i in range({n} // 60_000): subprocess.run(['/bin/true'])",
    "two threads": (
        "import hashlib, threading\n"
        "def f(): hashlib.pbkdf2_hmac('sha256', b'x', b'y', {n} // 8)\n"
        "t = [threading.Thread(target=f) for _ in range(2)]\n[x.start() for x in t]; [x.join() for x in t]"
    ),
}
STEPS = 4_000_000
_PROVEN = 3.5

MUST_NOT_BE_STOPPED = {
    "sleep": "import time; time.sleep(0.5)",
    "half of the time asleep": "import time\nfor _ in range(20):\n t = time.process_time() + 0.02\n"
    " while time.process_time() < t: pass\n time.sleep(0.02)",
    "waiting for a child that sleeps": "import subprocess; subprocess.run(['sleep', '0.5'])",
    "polling a file": "import time, os\nu = time.monotonic() + 0.5\n"
    "while time.monotonic() < u: os.path.exists('/x'); time.sleep(0.005)",
    "waiting for a timer": "import signal\nsignal.signal(14, lambda *_: None)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.5); signal.pause()",
    "waiting for a pipe": "import subprocess\n"
    "p = subprocess.Popen('for i in 1 2 3 4 5; do sleep 0.1; echo; done', shell=True, stdout=-1); p.stdout.read()",
    "select with a timeout": "import select\nfor _ in range(50): select.select([], [], [], 0.01)",
    "a server that answers late": "import socket, threading, time\ns = socket.create_server(('127.0.0.1', 0))\n"
    "def f():\n c, _ = s.accept()\n while c.recv(1): time.sleep(0.02); c.send(b'x')\n"
    "threading.Thread(target=f, daemon=True).start()\nk = socket.create_connection(s.getsockname())\n"
    "for _ in range(25): k.send(b'x'); k.recv(1)",
    "a lock that both sides want": "import fcntl, time\nf = open('{shared}/lock', 'w'); fcntl.flock(f, 2)\n"
    "while time.process_time() < 0.6: pass",
    "a port that both sides want": "import socket, time\ns = socket.create_server(('127.0.0.1', {port}))\n"
    "while time.process_time() < 0.6: pass",
    "a folder that both sides make": "import os, time\nos.mkdir('{shared}/d')\n"
    "while time.process_time() < 0.6: pass\nos.rmdir('{shared}/d')",
    "the disk (fsync)": "import os, time\nf = os.open('{shared}/f' + str(os.getpid()), 65)\n"
    "u = time.monotonic() + 0.6\n"
    "while time.monotonic() < u: os.write(f, b'x' * 4096); os.fsync(f)",
}

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

    def task(self, code: str, side: str, cpus: tuple[int, ...] | None = None) -> Task:
        """Return a Python program as one side of a pair."""
        variables = {**os.environ, "REGRESS_SESSION": self.processes.session_id, "REGRESS_SIDE": side}
        argv = [sys.executable, "-S", "-c", code]
        return Task(argv, Path.cwd(), variables, cpus=self.cpus if cpus is None else cpus, suite=True)

    def alone(self, code: str) -> ProcessResult:
        """Run it from beginning to end."""
        return execute(self.task(code, "base"), OutputLog(), self.signals, self.processes, NullSampler())


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
            one, other = machine.alone(code), machine.alone(code)
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
                "time between turns": 1 - active / elapsed,
                "CPU of the measurer": watching / elapsed,
                "more CPU time": cost[1] / cost[0] - 1,
            }
        )
    return rows


def pair_in_turns(machine: Machine, code: str, seed: int) -> tuple[list[TurnResult], float]:
    """Run a pair of identical commands in lockstep; return how they ended, and the seconds that all turns took."""
    tasks = [machine.task(code, side) for side in ("base", "head")]
    logs = [OutputLog(), OutputLog()]
    turns = FrozenTurns(tasks, logs, machine.signals, machine.processes, Slices(seed=seed), first=seed % 2)
    return turns.run(), turns.took_s


def error(_machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the standard error of a function's log ratio; 12 pairs are 24 s of rounds of a millisecond."""
    text = "def test_function(benchmark): benchmark(lambda: sum(range(60_000)))\n"
    ratios = ratios_of_ways(
        {"test_one.py": text}, {"test_one.py": text + "#\n"}, wanted.pairs, "--benchmark-max-time=1"
    )
    rows = []
    for interleave, of_benchmarks in ratios.items():
        (values,) = of_benchmarks.values()
        rows.append({
            "interleave": interleave, "pairs": len(values), "spread of a pair": statistics.stdev(values),
            "standard error": statistics.stdev(values) / math.sqrt(len(values)),
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


def recognition(_machine: Machine, _wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return how each kind of command was measured under `auto`."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as shared:
        repository(Path(folder), {"a": "1"}, {"a": "2"})
        kinds = {**dict.fromkeys(MUST_NOT_BE_STOPPED, "run"), **dict.fromkeys(WORKS, "frozen")}
        for name, kind in kinds.items():
            code = MUST_NOT_BE_STOPPED.get(name) or WORKS[name].format(n=STEPS)
            code = code.replace("{shared}", shared).replace("{port}", str(20_000 + os.getpid() % 20_000))
            document = measure(Path(folder), "auto", 1, sys.executable, "-S", "-c", code)
            how = document.get("interleave", {})
            rows.append({"command": name, "should be": kind, "was": how.get("kind"), "why": how.get("why")})
    return rows


def kills(_machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return how many processes were left after kills of each victim."""
    rows = []
    each = max(1, wanted.kills // (len(VICTIMS) * len(WAYS)))
    for victim in VICTIMS:
        for way in WAYS:
            left = [name for seed in range(each) for name in kill_once(victim, way, seed)]
            rows.append({"killed": victim, "stopped by": way, "kills": each, "left": len(left), "names": left})
    return rows


def decisions(_machine: Machine, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Return how often identical code was called slower, and how often 3 % more work was found."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, code in WORKS.items():
            for change in (1.0, 1.03):
                base, head = code.format(n=STEPS // 4), code.format(n=int(STEPS / 4 * change))
                repository(Path(folder), {"w.py": base}, {"w.py": f"{head}\n#"})
                for interleave in ("run", "lockstep"):
                    calls: list[str] = []
                    began = time.monotonic()
                    for _ in range(wanted.trials):
                        judged = judge(Path(folder), interleave, wanted.pairs, sys.executable, "-S", "w.py")
                        calls += [row["verdict"] for row in judged if row["metric"] == "cpu_time"]
                    rows.append({
                        "command": name, "head": f"×{change:g}", "interleave": interleave, "trials": len(calls),
                        **{verdict: calls.count(verdict) for verdict in ("regression", "improvement", "inconclusive")},
                        "seconds each": (time.monotonic() - began) / wanted.trials,
                    })  # fmt: skip
    return rows


def repository(folder: Path, base: dict[str, str], head: dict[str, str]) -> None:
    """Make a git repository with two commits."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for files in (base, head):
        for name, text in files.items():
            (folder / name).write_text(text)
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "x"], check=True)


def measure(folder: Path, interleave: str, pairs: int, *command: str) -> dict[str, Any]:
    """Measure and return the measurement's document."""
    out = folder / ".git" / "measured"
    words = [sys.executable, "-m", "regress_action.measure", "--out", str(out), "--overwrite", "--base", "HEAD~1"]
    words += ["--pairs", str(pairs), "--interleave", interleave, "--", *command]
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(words, cwd=folder, env=variables, check=True, capture_output=True)
    document: dict[str, Any] = json.loads((out / "measurement.json").read_text())
    return document


def suite_ratios(folder: Path, interleave: str, pairs: int, *options: str) -> dict[str, list[float]]:
    """Return the log ratio of every pair for each benchmark of a pytest suite."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "--benchmark-json={out}"]
    document = measure(folder, interleave, pairs, *words)
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


def judge(folder: Path, interleave: str, pairs: int, *command: str) -> list[dict[str, Any]]:
    """Measure and judge as `regress-action run` does; return the comparisons."""
    out = folder / ".git" / "judged.json"
    words = [sys.executable, "-m", "regress_action", "run", "--base", "HEAD~1", "--pairs", str(pairs), "--fixed"]
    words += ["--interleave", interleave, "--out", str(folder / ".git" / "regress"), "--json", str(out)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([*words, "--", *command], cwd=folder, env=variables, check=False, capture_output=True)
    comparisons: list[dict[str, Any]] = json.loads(out.read_text())["comparisons"]
    return comparisons


PARTS: dict[str, Callable[[Machine, argparse.Namespace], list[dict[str, Any]]]] = {
    "spread": spread, "error": error, "recognition": recognition, "kills": kills, "decisions": decisions,
    "suite": suite,
}  # fmt: skip


def main() -> None:
    """Print one table for each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), metavar="PARTS")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--kills", type=int, default=32)
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="OUT")
    wanted = parser.parse_args()
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


def show(rows: list[dict[str, Any]]) -> None:
    """Print rows as a table with a column for each key."""
    cells = [list(rows[0]), *[[_text(key, value) for key, value in row.items()] for row in rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _text(key: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if key in {"less noise than wall", "than CPU", "seconds each"} else f"{value:.2%}"
    return str(value)


if __name__ == "__main__":
    main()
