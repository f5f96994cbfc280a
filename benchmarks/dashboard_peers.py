"""What pages of other tools cost for the data of `make bench-dashboard`: time to write them, and their size.

    python benchmarks/dashboard_peers.py            20 × 100 (series × reports)
    python benchmarks/dashboard_peers.py 1000 1000

`make bench-dashboard` runs both. asv is part of the extra `bench`; where it is not installed, its row says so.

`asv publish` is run as it is, on result files and a repository made for it. github-action-benchmark keeps one `data.js`
beside a page that draws every series at once; the file is written here as that action writes it. Both load libraries
from other hosts, so their views are not measured here, where no network is needed. Times are CPU seconds. ReBenchDB is
a server with a PostgreSQL database and an R process for its figures; none of the three is here, so it is not run.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard import ENVIRONMENT, made

from regress_action.analysis import Policy
from regress_action.site import build, inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.model.measurements import Report

MACHINE = {
    "machine": "hosted",
    "arch": "x86_64",
    "cpu": ENVIRONMENT.cpu,
    "num_cpu": str(ENVIRONMENT.cores),
    "os": ENVIRONMENT.os,
    "ram": ENVIRONMENT.memory,
}


def repository(folder: Path, reports: int) -> list[str]:
    """Make a repository with a commit for each report, and return the commits, oldest first."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    stream = "".join(
        f"commit refs/heads/main\ncommitter a <a@localhost> {1_735_689_600 + 21_600 * number} +0000\ndata 1\nx\n"
        for number in range(reports)
    )
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input=stream.encode(), check=True)
    listed = subprocess.run(
        ["git", "-C", folder, "rev-list", "--reverse", "main"], check=True, capture_output=True, text=True
    )
    return listed.stdout.split()


def asv_results(reports: Sequence[Report], commits: Sequence[str], folder: Path) -> None:
    """Write result files and a configuration as `asv run` leaves them."""
    results = folder / "results" / MACHINE["machine"]
    results.mkdir(parents=True)
    names = [row.benchmark.name.replace("/", ".").replace("::", ".") for row in reports[0].series]
    described: dict[str, Any] = {
        name: {
            "name": name,
            "code": "",
            "type": "time",
            "unit": "seconds",
            "version": "1",
            "params": [],
            "param_names": [],
            "timeout": 60.0,
        }
        for name in names
    }
    write(folder / "results" / "benchmarks.json", described | {"version": 2})
    write(results / "machine.json", MACHINE | {"version": 1})
    for number, (report, commit) in enumerate(zip(reports, commits, strict=True)):
        values = {name: [[row.values[0]], [], "1"] for name, row in zip(names, report.series, strict=True)}
        content = {
            "commit_hash": commit,
            "env_name": "env",
            "date": 1000 * (1_735_689_600 + 21_600 * number),
            "params": MACHINE | {"python": "3.13"},
            "python": "3.13",
            "requirements": {},
            "env_vars": {},
            "result_columns": ["result", "params", "version"],
            "results": values,
            "durations": {},
            "version": 2,
        }
        write(results / f"{commit[:8]}-env.json", content)
    configuration = {
        "version": 1,
        "project": "peer",
        "repo": str(folder / "repository"),
        "branches": ["main"],
        "environment_type": "virtualenv",
        "pythons": ["3.13"],
        "results_dir": str(folder / "results"),
        "html_dir": str(folder / "html"),
    }
    write(folder / "asv.conf.json", configuration)


def write(path: Path, content: object) -> None:
    """Write JSON."""
    path.write_text(json.dumps(content), encoding="utf-8")


def asv(_: Sequence[Report], folder: Path) -> Path:
    """Let asv write its pages."""
    command = [sys.executable, "-m", "asv", "publish", "--config", str(folder / "asv.conf.json")]
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, env={**os.environ, "HOME": str(folder)})
    return folder / "html"


def github_action_benchmark(reports: Sequence[Report], folder: Path) -> Path:
    """Write the data of github-action-benchmark: every value of every report with its commit."""
    entries = [
        {
            "commit": {"id": report.commit, "message": "", "timestamp": report.created, "author": {"name": "ada"}},
            "date": number,
            "tool": "customSmallerIsBetter",
            "benches": [{"name": row.benchmark.name, "value": row.values[0], "unit": "s"} for row in report.series],
        }
        for number, report in enumerate(reports)
    ]
    site = folder / "gab"
    site.mkdir()
    text = json.dumps({"lastUpdate": 0, "repoUrl": "", "entries": {"Benchmark": entries}}, indent=2)
    (site / "data.js").write_text(f"window.BENCHMARK_DATA = {text}", encoding="utf-8")
    return site


def ours(reports: Sequence[Report], folder: Path) -> Path:
    """Write the dashboard."""
    build.build([build.from_reports(reports)], folder / "site", Policy(), inputs.Page())
    return folder / "site"


def timed(
    make: Callable[[Sequence[Report], Path], Path], reports: Sequence[Report], folder: Path
) -> tuple[float, Path]:
    """Return the CPU seconds of this process and of what it started, and the folder of the pages."""
    before = time.process_time() + children()
    site = make(reports, folder)
    return time.process_time() + children() - before, site


def children() -> float:
    """Return the CPU seconds of all programs that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=int, nargs="?", default=20)
    parser.add_argument("reports", type=int, nargs="?", default=100)
    options = parser.parse_args()
    reports = list(made(options.series, options.reports))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asv_results(reports, repository(folder / "repository", options.reports), folder)
        print(f"| {options.series:,} series × {options.reports:,} reports | CPU s | kB | files |\n|---|---|---|---|")
        for tool, make in (
            ("regress-action dashboard", ours),
            ("asv publish", asv),
            ("github-action-benchmark, data.js", github_action_benchmark),
        ):
            if make is asv and importlib.util.find_spec("asv") is None:
                print(f"| {tool} | not installed | | |")
                continue
            seconds, site = timed(make, reports, folder)
            files = [path for path in site.rglob("*") if path.is_file() and path.name != build.PLOTLY]
            size = sum(path.stat().st_size for path in files)
            print(f"| {tool} | {seconds:.2f} | {size / 1000:,.0f} | {len(files):,} |", flush=True)


if __name__ == "__main__":
    main()
