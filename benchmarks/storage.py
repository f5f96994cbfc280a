"""What a history costs: on disk, over the network, and as it grows; beside the layouts of the peers.

    python benchmarks/storage.py [--quick] [--json]

Every number is measured here, with real git: repositories are built with `git fast-import`, packed with `git gc`, and
read over smart HTTP from a server on loopback. `one file` is the layout of github-action-benchmark (one JSON, rewritten
by every run; here with a value and a range per benchmark, where ours keeps ten runs), `append-only` one JSON Lines
file that every run adds to.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from integration.history.smart_http import bare_repository, serving  # noqa: E402
from regress_action.history import Selection, open_history, verify  # noqa: E402
from regress_action.history.rounding import rounded  # noqa: E402
from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series  # noqa: E402
from regress_action.model.records import decode, encode, path_of  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START = datetime(2020, 1, 1, tzinfo=UTC)
ENVIRONMENT = Environment("ubuntu-latest", "ubuntu-24.04", "AMD EPYC 7763", 4, "16 GB", "CPython 3.13")
RUNS = 10  # as many as the action makes unless it is told otherwise
WINDOW = 50
LIMITS = {"packed_mb": 4.0, "clone_s": 1.0, "decode_s": 0.5}


def reports(count: int, benchmarks: int, rng: random.Random) -> Iterator[Report]:
    """Yield reports a few hours apart, of `benchmarks` benchmarks with RUNS runs each, as noisy as hosted runners."""
    levels = [10 ** rng.uniform(-6, 0) for _ in range(benchmarks)]
    step = timedelta(days=5 * 365) / count
    for number in range(count):
        machine = rng.gauss(1, 0.05)
        values = [[level * machine * rng.gauss(1, 0.01) for _ in range(RUNS)] for level in levels]
        yield Report(
            series=tuple(
                Series(
                    Benchmark(f"tests/bench_{index % 7}.py::test_operation_{index}", f"service{index % 7}"),
                    Metric("time", "s"),
                    tuple(row),
                    (20,) * RUNS,
                    tuple(abs(value * rng.gauss(0.01, 0.003)) for value in row),
                )
                for index, row in enumerate(values)
            ),
            runs=tuple(Run(f"{rng.getrandbits(64):016x}", None, None, 12.5) for _ in range(RUNS)),
            suite="unit",
            commit=f"{rng.getrandbits(160):040x}",
            branch="main",
            created=(START + number * step).isoformat(),
            environment=ENVIRONMENT,
            source="pytest-benchmark",
            provenance=(("event", "push"), ("run_id", str(9_000_000_000 + number)), ("attempt", "1")),
        )


class Layout:
    """A way to lay reports out in files; counts what git stores as each run adds its own."""

    def __init__(self, commit: Callable[[dict[str, bytes]], None]) -> None:
        self._commit = commit
        self.raw = 0
        self.loose = 0
        self.tip = b""

    def add(self, report: Report) -> None:
        """Commit one report."""
        name, data = self.file(rounded(report))
        self._commit({name: data})
        self.raw = len(data)
        self.loose += len(zlib.compress(data, 1))  # as git writes a file before it is packed

    def file(self, report: Report) -> tuple[str, bytes]:
        """Return the file that the report writes."""
        data = encode(report)
        return str(path_of(report, data)), data


class OneFile(Layout):
    """github-action-benchmark: every run rewrites the whole series (it keeps one value and a range per benchmark)."""

    def file(self, report: Report) -> tuple[str, bytes]:
        """Return data.js with one more entry."""
        benches = [
            {
                "name": series.benchmark.name,
                "value": series.values[0],
                "range": f"stddev: {series.spreads[0]}",
                "unit": "s",
            }
            for series in report.series
        ]
        entry = {"commit": {"id": report.commit, "message": "x"}, "date": 1, "tool": "pytest", "benches": benches}
        start = self.tip or b'window.BENCHMARK_DATA = {"entries": {"unit": ['
        self.tip = start + json.dumps(entry, indent=2).encode() + b",\n"
        return "dev/bench/data.js", self.tip + b"]}}"


class AppendOnly(Layout):
    """One JSON Lines file that every run adds to."""

    def file(self, report: Report) -> tuple[str, bytes]:
        """Return the file with one more report."""
        self.tip += encode(report)
        return "history.jsonl", self.tip


LAYOUTS = {"ours": Layout, "one_file": OneFile, "append_only": AppendOnly}


@contextmanager
def importer(path: Path) -> Iterator[Callable[[dict[str, bytes]], None]]:
    """Make a repository, and yield what adds one commit with the given files to its branch."""
    bare_repository(path)
    with subprocess.Popen(["git", "-C", path, "fast-import", "--quiet"], stdin=subprocess.PIPE) as process:
        stream = process.stdin
        assert stream is not None  # noqa: S101 - it was asked for

        def commit(files: dict[str, bytes]) -> None:
            stream.write(b"commit refs/heads/regress-data\ncommitter b <b@localhost> 1700000000 +0000\ndata 1\nx\n")
            for name, data in files.items():
                stream.write(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(data), data))

        yield commit


def fill(path: Path, made: Iterator[Report], kind: type[Layout] = Layout) -> Layout:
    """Fill a repository with a commit per report."""
    with importer(path) as commit:
        layout = kind(commit)
        for report in made:
            layout.add(report)
    return layout


def size_mb(path: Path) -> float:
    """Return the bytes below `path`, in megabytes."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6


def packed_mb(path: Path) -> float:
    """Pack as a host does, and return the size of the packs in megabytes."""
    subprocess.run(["git", "-C", path, "gc", "-q", "--prune=now"], check=True)
    return size_mb(path / "objects" / "pack")


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of the fastest of three goes, and the last result."""
    best, result = float("inf"), None
    for _ in range(3):
        started = time.perf_counter()
        result = action()
        best = min(best, time.perf_counter() - started)
    return best, result


def window(where: str, last: int = WINDOW) -> list[Report]:
    """Read a window with nothing known before: a cold clone."""
    reports = open_history(where, environ={"PATH": os.environ["PATH"]}).load(Selection(suite="unit", last=last))
    assert len(reports) == last  # noqa: S101 - a fast wrong answer is none
    return list(reports)


def budget(folder: Path, count: int, url: str) -> dict[str, float]:
    """Measure what a thousand reports of a hundred benchmarks cost."""
    repository = folder / "budget.git"
    fill(repository, reports(count, 100, random.Random(1)))  # noqa: S311 - measurements, no secrets
    packed = packed_mb(repository)
    clone_s, newest = timed(lambda: window(f"branch:regress-data@{url}/budget.git"))
    local_s, _ = timed(lambda: window(f"branch:regress-data@{repository}"))
    records = [encode(report) for report in newest]
    decode_s, _ = timed(lambda: [decode(data, "") for data in records])
    history = open_history(f"branch:regress-data@{repository}", environ={"PATH": os.environ["PATH"]})
    started = time.perf_counter()
    proof = verify(history)
    verify_s = time.perf_counter() - started
    assert proof.holds  # noqa: S101
    return {
        "reports": count,
        "packed_mb": packed,
        "clone_s": clone_s,
        "local_s": local_s,
        "decode_s": decode_s,
        "verify_s": verify_s,
    }


def growth(folder: Path, counts: list[int]) -> list[dict[str, float]]:
    """Measure what git stores for the three layouts: as written, packed, and in the tip alone."""
    rows = []
    for count in counts:
        row: dict[str, float] = {"reports": count}
        for name, kind in LAYOUTS.items():
            repository = folder / f"{name}-{count}.git"
            layout = fill(repository, reports(count, 100, random.Random(2)), kind)  # noqa: S311
            row[f"{name}_loose_mb"] = layout.loose / 1e6
            row[f"{name}_packed_mb"] = packed_mb(repository)
            row[f"{name}_write_mb"] = layout.raw / 1e6
            shutil.rmtree(repository)
        rows.append(row)
    return rows


def scale(folder: Path, counts: list[int], url: str, handler: Any) -> list[dict[str, float]]:  # noqa: ANN401
    """Measure reading a window of 50 out of more and more reports (of three benchmarks, to be done today)."""
    rows = []
    for count in counts:
        repository = folder / f"scale-{count}.git"
        fill(repository, reports(count, 3, random.Random(3)))  # noqa: S311
        subprocess.run(["git", "-C", repository, "repack", "-adq", "--write-bitmap-index"], check=True)
        handler.requests.clear()
        seconds, _ = timed(partial(window, f"branch:regress-data@{url}/{repository.name}"))
        rows.append({"reports": count, "window_s": seconds, "requests": len(handler.requests) / 3})
        shutil.rmtree(repository)
    return rows


def show(result: dict[str, Any]) -> None:
    """Print the tables."""
    first = result["budget"]
    print(f"{first['reports']} reports x 100 benchmarks x {RUNS} runs, one file each")
    print(f"  packed {first['packed_mb']:.2f} MB (budget {LIMITS['packed_mb']:.0f} MB)")
    print(f"  cold clone and read of a {WINDOW}-report window over HTTP {first['clone_s']:.2f} s (budget 1 s)")
    print(
        f"  the same from this disk {first['local_s']:.2f} s; decoding alone {first['decode_s']:.3f} s (budget 0.5 s)"
    )
    print(f"  verifying all of it {first['verify_s']:.2f} s\n")
    print("what the repository grows to, MB: as written / after `git gc` / the file that one more run writes")
    print(f"{'reports':>9} {'one file per report':>24} {'one file, rewritten':>24} {'append-only JSONL':>24}")
    for row in result["growth"]:
        cells = (
            " / ".join(f"{row[f'{name}_{what}_mb']:.2f}" for what in ("loose", "packed", "write")) for name in LAYOUTS
        )
        print(f"{row['reports']:>9} " + " ".join(f"{cell:>24}" for cell in cells))
    print(f"\nreading the newest {WINDOW} reports over HTTP, cold")
    for row in result["scale"]:
        print(f"{row['reports']:>9} reports {row['window_s']:8.2f} s {row['requests']:6.0f} requests")


def main() -> int:
    """Measure, print, and fail where a budget is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small repositories; the budgets are for the full ones")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    quick = chosen.quick
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as (url, handler):
        folder = Path(name)
        result: dict[str, Any] = {
            "budget": budget(folder, 100 if quick else 1000, url),
            "growth": growth(folder, [20, 40] if quick else [100, 200, 300]),
            "scale": scale(folder, [1000, 4000] if quick else [1000, 10_000, 100_000], url, handler),
        }
    print(json.dumps(result)) if chosen.json else show(result)
    return 0 if all(result["budget"][key] <= limit for key, limit in LIMITS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
