"""What the instruments cost and what they can see, beside other tools on the same target in the same run.

    make bench-instruments ARGS="[--only PART,PART] [--pairs N] [--realtime] [--json OUT]"

The parts are spans, monitor, fixture, load, peers, leaks, verdict and suites.

Times are the fastest of many short batches where the cost of an instrument is meant, because other programs on the
machine only ever add to it; where two tools are compared, they take turns and the medians are set side by side.
`peers` needs wrk, hey or locust on the PATH, and leaves out what is not there. `verdict` takes about a minute a
comparison, so it is left out unless it is named. `suites` runs the tests of pytest-benchmark, and suites that were
written for it or for pytest-codspeed, with our fixture: give it clones of their repositories.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import re
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from regress_action.instruments.leaks import LeakDetector
from regress_action.instruments.load import LoadTestRunner, Scenario
from regress_action.instruments.memory_monitor import MemoryMonitor
from regress_action.instruments.profiler import PerformanceProfiler, overhead_ns
from regress_action.model.normal import Z_95

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Row = tuple[str, str, str]

SERVER = Path(__file__).parents[1] / "tests/integration/instruments/load_server.py"


def main() -> None:
    """Print a table for every part, and its figures as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="spans,monitor,fixture,load,peers,leaks", metavar="PARTS")
    parser.add_argument("--pairs", type=int, default=20, help="comparisons of equal servers for the part verdict")
    parser.add_argument("--planted", type=int, default=5, help="comparisons for each planted delay")
    parser.add_argument("--minutes", type=float, default=60, help="start no comparison after so many minutes")
    parser.add_argument("--at-a-time", type=int, default=1, help="comparisons that run beside each other")
    parser.add_argument("--log", type=Path, metavar="FILE", help="where the part verdict keeps its comparisons")
    parser.add_argument("--python", default=sys.executable, help="for the part suites: one without pytest-benchmark")
    parser.add_argument("--clones", type=Path, metavar="DIR", help="where the part suites finds repositories")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--realtime", action="store_true", help="take the CPU before other programs; needs root")
    asked = parser.parse_args()
    if asked.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs\n")
    tables: dict[str, list[Row]] = {}
    for part in asked.only.split(","):
        rows = {"verdict": verdict, "suites": suites}[part](asked) if part in NAMED else PARTS[part]()
        tables[part] = rows
        print(f"{part}\n" + "\n".join(f"  {name:<52}{value:>22}   {wanted}" for name, value, wanted in rows) + "\n")
    if asked.json:
        asked.json.write_text(json.dumps(tables, indent=1))


def fastest(work: Callable[[], object], calls: int = 1000, batches: int = 500) -> float:
    """Return the nanoseconds of one call in the fastest batch."""
    best = float("inf")
    for _ in range(batches):
        began = time.perf_counter_ns()
        for _ in range(calls):
            work()
        best = min(best, (time.perf_counter_ns() - began) / calls)
    return best


def spans() -> list[Row]:
    """Return what a span costs, and what of it is subtracted."""
    profiler = PerformanceProfiler()

    def empty() -> None:
        pass

    def spanned() -> None:
        with profiler.span("x"):
            pass

    call = fastest(empty)
    cost = fastest(spanned) - call
    profiler._entries.clear()  # noqa: SLF001 - a million spans are not wanted in memory

    async def awaited() -> float:
        best = float("inf")
        for _ in range(200):
            began = time.perf_counter_ns()
            for _ in range(500):
                async with profiler.span("x"):
                    pass
            best = min(best, (time.perf_counter_ns() - began) / 500)
            profiler._entries.clear()  # noqa: SLF001 - likewise
        return best

    inside, around = overhead_ns()
    return [
        ("span, `with`", f"{cost:.0f} ns", "at most 1000 ns"),
        ("span, `async with`, with its wait and work", f"{asyncio.run(awaited()):.0f} ns", ""),
        ("of that subtracted from the span / the one around", f"{inside} / {around} ns", ""),
    ]


def monitor() -> list[Row]:
    """Return the share of a CPU that following the memory takes."""
    with MemoryMonitor() as memory:
        time.sleep(5)
    return [("memory monitor, share of one CPU", f"{100 * memory.share:.2f} %", "at most 1 %")]


def fixture(repetitions: int = 60) -> list[Row]:
    """Return how our `benchmark` fixture and that of pytest-benchmark agree on the same functions, in turn."""
    from pytest_benchmark.fixture import BenchmarkFixture as PeerFixture

    from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture
    from regress_action.pytest_plugin.timing import TimingOptions

    node: Any = SimpleNamespace(name="test", nodeid="bench.py::test")
    silent: Any = SimpleNamespace(debug=lambda *_, **__: None, warning=lambda *_, **__: None)
    numbers = random.Random(1).sample(range(5000), 5000)  # noqa: S311 - not a secret
    functions: dict[str, Callable[[], object]] = {
        "sum of 100 numbers": lambda: sum(range(100)),
        "sort of 5000 numbers": lambda: sorted(numbers),
        "JSON of 200 records": lambda: json.dumps([{"id": at, "name": str(at)} for at in range(200)]),
    }

    def ours(function: Callable[[], object]) -> float:
        measured = BenchmarkFixture(node, TimingOptions(max_time=0.05, disable_gc=True))
        measured(function)
        statistics: Any = measured.stats
        return float(statistics["median"]) if measured.stats else 0.0

    def theirs(function: Callable[[], object]) -> float:
        measured = PeerFixture(
            node,
            disable_gc=True,
            timer=SimpleNamespace(target=time.perf_counter),
            min_rounds=5,
            min_time=0.000005,
            max_time=0.05,
            precision=None,
            confidence=None,
            warmup=False,
            warmup_iterations=0,
            calibration_precision=10,
            add_stats=lambda _: None,
            logger=silent,
            warner=None,
            disabled=False,
            cprofile=None,
            cprofile_loops=1,
            cprofile_dump=False,
        )
        measured(function)
        statistics: Any = measured.stats
        return float(statistics["median"])

    rows: list[Row] = []
    for name, function in functions.items():
        pairs = []
        for number in range(repetitions):
            turn = (ours, theirs) if number % 2 else (theirs, ours)
            values = {measure.__name__: measure(function) for measure in turn}
            pairs.append((values["ours"], values["theirs"]))
        ratios = sorted(mine / peer for mine, peer in pairs)
        margin = round(Z_95 * math.sqrt(repetitions) / 2)
        low, high = ratios[repetitions // 2 - margin], ratios[repetitions // 2 + margin]
        interval = f"{statistics.median(ratios):.4f} [{low:.4f}, {high:.4f}]"
        rows.append((f"{name}: our median / theirs", interval, "within 1 %"))
        spreads = [_spread(column) for column in zip(*pairs, strict=True)]
        rows.append((f"{name}: spread ours, theirs", f"{spreads[0]:.2%}, {spreads[1]:.2%}", "not worse"))
        low, high = _ratio_of_spreads(pairs)
        rows.append(("… ours / theirs, 95 % interval", f"{low:.2f} to {high:.2f}", "holds 1 or less"))
    return rows


def _ratio_of_spreads(pairs: Sequence[tuple[float, float]], resamples: int = 2000) -> tuple[float, float]:
    """Return the 95 % interval of our spread over theirs, by resampling pairs (percentile bootstrap)."""
    chance = random.Random(1)  # noqa: S311 - not a secret
    ratios = []
    for _ in range(resamples):
        ours, theirs = zip(*chance.choices(pairs, k=len(pairs)), strict=True)
        ratios.append(_spread(ours) / (_spread(theirs) or math.inf))
    ratios.sort()
    return ratios[round(0.025 * resamples)], ratios[round(0.975 * resamples)]


def _spread(values: Sequence[float]) -> float:
    """Return the distance between the quartiles as a share of the median."""
    lower, middle, upper = statistics.quantiles(values, n=4)
    return (upper - lower) / middle


async def noop() -> None:
    """Answer at once."""


def load() -> list[Row]:
    """Return how many requests the load runner makes by itself, and how well it keeps a schedule."""
    began, cpu = time.perf_counter(), time.process_time()
    closed = LoadTestRunner(noop, Scenario(users=10, duration_s=5)).run()
    used = (time.process_time() - cpu) / (time.perf_counter() - began)
    best = max(second.requests for second in closed.seconds)
    rows = [
        ("no-op operations a second", f"{closed.throughput:.0f}", "at least 20000"),
        ("… in its best second", f"{best}", ""),
        ("… for a whole second of CPU time", f"{closed.throughput / used:.0f}", ""),
    ]
    for rate in (200, 1000, 5000):
        result = LoadTestRunner(noop, Scenario(rate=rate, duration_s=5, warmup_s=0.5)).run()
        late = 1e3 * (result.lateness_p99_s or 0)
        rows.append((f"{rate}/s: schedule error at p99", f"{100 * (result.schedule_error or 0):.1f} %", "at most 5 %"))
        rows.append((f"{rate}/s: lateness at p99", f"{late:.2f} ms", ""))
    return rows


@contextlib.contextmanager
def server(delay_ms: float = 1.0, tail: float = 1.0) -> Iterator[str]:
    """Give the address of a server that answers after a delay, every fiftieth time after `tail` times as long."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(SERVER), str(port), str(delay_ms), str(tail)])
    try:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.wait()


def peers() -> list[Row]:
    """Return what other load generators say of the same server, in turn with ours."""
    tools: dict[str, Callable[[str], tuple[float, float]]] = {"ours": _ours}
    others = {"wrk": _wrk, "hey": _hey, "locust": _locust}
    tools |= {name: measure for name, measure in others.items() if shutil.which(name)}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
    with server() as address:
        for _ in range(3):
            for name, measure in tools.items():
                figures[name].append(measure(address))
    return [
        (
            f"{name}, 10 connections, an answer takes 1 ms",
            f"{statistics.median(rate for rate, _ in values):.0f}/s",
            f"p50 {statistics.median(p50 for _, p50 in values):.2f} ms",
        )
        for name, values in figures.items()
    ]


def _ours(address: str) -> tuple[float, float]:
    result = LoadTestRunner(address, Scenario(users=10, duration_s=3)).run()
    return result.throughput, 1e3 * result.response["p50"].value_s


def _printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _wrk(address: str) -> tuple[float, float]:
    text = _printed("wrk", "-t1", "-c10", "-d3s", "--latency", address)
    number, unit = re.findall(r"50%\s+([\d.]+)(us|ms|s)", text)[0]
    return _rate(text), float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def _hey(address: str) -> tuple[float, float]:
    text = _printed("hey", "-c", "10", "-z", "3s", address)
    return _rate(text), 1e3 * float(re.findall(r"50%+ in ([\d.]+) secs", text)[0])


def _rate(text: str) -> float:
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0])


def _locust(address: str) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "locustfile.py"
        script.write_text(
            "from locust import FastHttpUser, task\n"
            "class User(FastHttpUser):\n"
            "    @task\n"
            "    def get(self):\n"
            "        self.client.get('/')\n"
        )
        options = ("--headless", "-u", "10", "-r", "10", "-t", "10s", "--json", "--host", address.rstrip("/"))
        (entry, *_) = json.loads(_printed("locust", "-f", str(script), *options)) or [None]
    if entry is None:
        return math.nan, math.nan
    times = sorted((float(ms), count) for ms, count in entry["response_times"].items())
    half, reached = entry["num_requests"] / 2, 0
    for ms, count in times:
        reached += count
        if reached >= half:
            return entry["num_requests"] / (entry["last_request_timestamp"] - entry["start_time"]), ms
    raise AssertionError(entry)


def leaks(times: int = 5) -> list[Row]:
    """Return how many of `times` checks of 10 000 iterations find each leak, and how many take no leak for one."""
    rows: list[Row] = []
    for name, make, leaks_memory in _operations():
        began = time.perf_counter()
        found = sum(LeakDetector(iterations=10_000).check(make()).is_leak for _ in range(times))
        seconds = (time.perf_counter() - began) / times
        wanted = f"{times} of {times}" if leaks_memory else f"0 of {times}"
        rows.append((name, f"{found} of {times} leak", f"{wanted}, {seconds:.1f} s each"))
    return rows


def _operations() -> list[tuple[str, Callable[[], Callable[[], object]], bool]]:
    """Return operations by name, each made anew for a check, and whether it leaks."""

    def leaking(size: int) -> Callable[[], Callable[[], object]]:
        def make() -> Callable[[], object]:
            kept: list[bytes] = []
            return lambda: kept.append(bytes(size))

        return make

    def filling(capacity: int) -> Callable[[], Callable[[], object]]:
        def make() -> Callable[[], object]:
            cache: dict[int, bytes] = {}
            return lambda: cache.setdefault(len(cache), bytes(200)) if len(cache) < capacity else None

        return make

    def pooled() -> Callable[[], object]:
        free: list[bytearray] = []

        def borrow() -> None:
            used = [free.pop() if free else bytearray(1000) for _ in range(random.randint(1, 20))]  # noqa: S311
            free.extend(used)
            del free[50:]

        return borrow

    def fragmenting() -> Callable[[], object]:
        held: list[bytearray] = []

        def churn() -> None:
            held.append(bytearray(random.choice([40, 600, 5000, 70_000])))  # noqa: S311
            if len(held) > 200:  # noqa: PLR2004
                del held[random.randrange(len(held))]  # noqa: S311

        return churn

    return [
        ("leak of 100 bytes an iteration", leaking(67), True),
        ("leak of 40 bytes an iteration", leaking(7), True),
        ("cache that fills after 2000 iterations", filling(2000), False),
        ("cache that fills after 8000 iterations", filling(8000), False),
        ("pool of buffers", pooled, False),
        ("fragmentation of the heap", fragmenting, False),
    ]


def verdict(asked: argparse.Namespace) -> list[Row]:
    """Return how often `load --against` alarms on equal servers and finds planted delays, several at a time.

    With `--log` every comparison is appended to a file as it ends, and what the file holds from earlier sessions
    counts as well, so that two hundred comparisons need not be made in one go.
    """
    done = _logged(asked.log)
    jobs = [
        (name, number)
        for number in range(max(asked.pairs, asked.planted))
        for name in PLANTED
        if number < (asked.pairs if name == "equal" else asked.planted)
    ]
    missing = [(name, number) for name, number in jobs if number >= sum(row["kind"] == name for row in done)]
    ends = time.monotonic() + 60 * asked.minutes
    with ThreadPoolExecutor(asked.at_a_time) as pool:
        for row in pool.map(lambda job: _against(job[0], ends), missing):
            if row is not None:
                done.append(row)
                if asked.log:
                    with asked.log.open("a") as file:
                        file.write(json.dumps(row) + "\n")
    equal, slower, tailed = ([set(row["alarms"]) for row in done if row["kind"] == name] for name in PLANTED)
    first = [row["first"] for row in done if row["kind"] == "equal"]
    longest = max((row["seconds"] for row in done), default=0.0)
    return [
        ("equal servers: comparisons with an alarm", f"{sum(map(bool, equal))} of {len(equal)}", "at most 1 %"),
        ("... before alarms were measured again", f"{sum(map(bool, first))} of {len(first)}", ""),
        ("p50 10 % slower: found", f"{sum('latency_p50' in names for names in slower)} of {len(slower)}", "all"),
        ("p99 25 % slower: found", f"{sum('latency_p99' in names for names in tailed)} of {len(tailed)}", "all"),
        ("the longest comparison", f"{longest:.0f} s", "at most 120 s"),
    ]


PLANTED = {"equal": (10.0, 2.0), "p50": (11.0, 1.82), "p99": (10.0, 2.5)}
"""What the head's server does, as milliseconds and how much longer every fiftieth answer takes; base is like equal."""


def _logged(log: Path | None) -> list[dict[str, Any]]:
    """Return the comparisons of earlier sessions."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log and log.is_file() else []


def _against(kind: str, ends: float) -> dict[str, Any] | None:
    """Return what the command says of eight pairs of two seconds: metrics that alarm, first and at last, and its time.

    None after the last moment to begin.
    """
    if time.monotonic() > ends:
        return None
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "thresholds.yml").write_text("default: {regression_threshold: 1.05}\n")
        servers = [
            shlex.join([sys.executable, str(SERVER), port, *map(str, way)]) for way in (PLANTED[kind], PLANTED["equal"])
        ]
        scenario = ("--rate=500", "--warmup=300ms", "--duration=2.1s", "--runs=8")
        judging = ("--thresholds=thresholds.yml", "--json=-", "--quiet")
        sides = (f"--serve={servers[0]}", f"--against={servers[1]}")
        address = f"http://127.0.0.1:{port}/"
        done = subprocess.run(
            [sys.executable, "-m", "regress_action", "load", address, *scenario, *judging, *sides],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    if not done.stdout:
        raise AssertionError(done.stderr)
    content = json.loads(done.stdout)
    rows = content["comparison"]["comparisons"]
    alarming = [row for row in rows if row["verdict"] == "regression" and row["severity"] != "slight"]
    suspected = alarming + [row for row in rows if row["confirmed"] is False]
    return {
        "kind": kind,
        "alarms": [row["metric"] for row in alarming],
        "first": [row["metric"] for row in suspected] if content["again"] else [],
        "ratios": {row["metric"]: [row["ratio"], row["ratio_low"], row["ratio_high"]] for row in rows},
        "seconds": round(time.monotonic() - began, 1),
        "load": round(os.getloadavg()[0], 1),
    }


SUITES = (
    (
        "pytest-benchmark",
        "tests/test_normal.py tests/test_sample.py tests/test_with_testcase.py tests/test_with_weaver.py",
    ),
    ("pytest-benchmark", "tests/test_pedantic.py"),
    ("pytest-benchmark", "tests/test_calibration.py"),
    ("pytest-benchmark", "tests/test_skip.py tests/test_benchmark.py"),
    ("attrs", "bench --codspeed --deselect=bench/test_benchmarks.py::TestCachedProperties::test_first_access"),
    ("pluggy", "testing/benchmark.py"),
    ("cattrs", "bench"),
    ("graphql-core", "tests/benchmarks --benchmark-enable"),
)
"""Repositories, and what of them is run; the one test of attrs that is left out sleeps for 100 s in every call."""


def suites(asked: argparse.Namespace) -> list[Row]:
    """Return how many tests of other people's suites pass with our `benchmark` fixture in place of theirs.

    Tests that start pytest anew would find an installed pytest-benchmark, whatever is said to the first process.

    Raises:
        SystemExit: the interpreter has that package.
    """
    peer = subprocess.run([asked.python, "-c", "import pytest_benchmark"], capture_output=True, check=False)
    if peer.returncode == 0:
        raise SystemExit("--python needs an interpreter without pytest-benchmark: its own tests start pytest anew.")
    rows: list[Row] = []
    for repository, words in SUITES:
        folder = asked.clones / repository
        if not folder.is_dir():
            continue
        without = ("-p", "no:benchmark", "-p", "no:codspeed", "-p", "no:cacheprovider", "-p", "pytester")
        short = ("-c", os.devnull, f"--rootdir={folder}", "--benchmark-max-time=0.01", "--benchmark-min-rounds=1")
        done = subprocess.run(
            [asked.python, "-m", "pytest", "-q", *without, *short, *words.split()],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        last = (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]
        counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|skipped|error)", last)}
        total = sum(count for word, count in counts.items() if word != "skipped")
        named = words.split(" --")[0].replace("tests/test_", "").replace(".py", "")
        rows.append((f"{repository}: {named}"[:52], f"{counts.get('passed', 0)} of {total}", ""))
    return rows


NAMED = ("verdict", "suites")
PARTS: dict[str, Callable[[], list[Row]]] = {
    "spans": spans,
    "monitor": monitor,
    "fixture": fixture,
    "load": load,
    "peers": peers,
    "leaks": leaks,
}

if __name__ == "__main__":
    main()
