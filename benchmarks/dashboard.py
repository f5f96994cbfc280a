"""What the dashboard costs: time to write it, its size, its first view and its interactions in headless Chromium.

    make bench-dashboard                       20 × 100 and 1 000 × 1 000 (series × reports)
    make bench-dashboard ARGS="--large"        and 10 000 × 1 000, whose reports are not read from a history
    make bench-dashboard ARGS="--publications"        how a pages branch grows, with 20 benchmarks and 20 publications
    make bench-dashboard ARGS="--publications 1000"   and with as many as three years of work days bring

Reading and writing are CPU seconds of this process; views are seconds on the clock, the median of five. “Data” is what
lies in the folder of the same name; opening a benchmark loads one file of it. Pages of other tools for the same values
follow, as `dashboard_peers.py` makes them.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from playwright.sync_api import sync_playwright

from regress_action.analysis import Policy
from regress_action.analysis.series_state import SeriesLimits
from regress_action.history import open_history
from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series
from regress_action.site import build, inputs, pages_branch
from regress_action.site.tables import Column, Table, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

PEERS = Path(__file__).with_name("dashboard_peers.py")
SIZES = ((20, 100), (1000, 1000))
LARGE = (10_000, 1000)
REPEATS = 5
SHOWN_FIRST = 100  # reports before the first publication
MILESTONES = (1, 10, 100, 1000)
ENVIRONMENT = Environment("hosted", "Linux", "EPYC 7763", 4, "16 GiB", "CPython 3.13")
WAIT = """
async ([cause, selector]) => {
  const main = document.getElementById("main"), before = main.dataset.drawn, start = performance.now();
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  new Function(cause)();
  while (main.dataset.drawn === before || !main.querySelector(selector)) await frame();
  return (performance.now() - start) / 1000;
}
"""
PREPARED = "async () => { while (!regress.prepared) await new Promise(requestAnimationFrame); }"
"""Waits until Plotly is loaded, for which the first seconds of a reader on the page are enough."""

HEADINGS = (
    "series × reports",
    "read, CPU s",
    "write, CPU s",
    "one more report, CPU s",
    "data, kB",
    "site, kB",
    "memory, MB",
    "first view, s",
    "search, s",
    "sort, s",
    "open a benchmark, s",
    "compare, s",
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@dataclass(frozen=True, slots=True)
class Row:
    """What one size costs; None where it was not measured."""

    series: int
    reports: int
    read_s: float | None
    write_s: float
    again_s: float | None
    data_kb: float
    site_kb: float
    memory_mb: float
    first_view_s: float = 0.0
    search_s: float = 0.0
    sort_s: float = 0.0
    benchmark_s: float = 0.0
    compare_s: float = 0.0


def values(series: int, reports: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return series × reports of log-normal values, a tenth of the series with a step of 20 % in the middle."""
    random = np.random.default_rng(1)
    levels = random.lognormal(-7, 1, (series, 1)) * random.lognormal(0, 0.03, (series, reports))
    levels[::10, reports // 2 :] *= 1.2
    return levels


def made(series: int, reports: int) -> Iterator[Report]:
    """Yield the reports, four a day, oldest first, with one run each."""
    levels = values(series, reports)
    benchmarks = [
        Benchmark(f"benchmarks/test_module_{n // 20}.py::test_{n}", f"service{n // 100}") for n in range(series)
    ]
    metric, start = Metric("time", "s"), datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(reports):
        column = [float(f"{value:.5g}") for value in levels[:, number]]
        yield Report(
            tuple(Series(benchmark, metric, (value,)) for benchmark, value in zip(benchmarks, column, strict=True)),
            (Run(),),
            commit=f"{number:040x}",
            branch="main",
            created=(start + timedelta(hours=6 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            environment=ENVIRONMENT,
        )


def measured(series: int, reports: int, folder: Path) -> Row:
    """Write the dashboard of a history in a folder, and look at it."""
    history = open_history(str(folder / "history"), repository=folder, environ={})
    *old, newest = made(series, reports)
    for report in old:
        history.append(report)
    site = folder / "site"
    start = time.process_time()
    source = build.from_history(str(folder / "history"), suite=None, branch=None, last=None, site=site)
    read = time.process_time() - start
    start = time.process_time()
    build.build([source], site, Policy(), inputs.Page())
    write = time.process_time() - start
    history.append(newest)
    start = time.process_time()
    source = build.from_history(str(folder / "history"), suite=None, branch=None, last=None, site=site)
    written = build.build([source], site, Policy(), inputs.Page())
    again = time.process_time() - start
    return looked_at(Row(series, reports, read, write, again, data_kb(site), written.bytes / 1000, memory_mb()), site)


def large(series: int, reports: int, folder: Path) -> Row:
    """Write the dashboard of a table that was never a history, and look at it."""
    (table,) = tables_of(made(1, reports))
    medians = values(series, reports)
    rows = tuple(
        replace(
            table.series[0], benchmark=Benchmark(f"benchmarks/test_module_{n // 20}.py::test_{n}", f"service{n // 100}")
        )
        for n in range(series)
    )
    columns: tuple[Column, ...] = table.columns
    whole = Table("", table.suite, ENVIRONMENT, columns, rows, medians, medians, medians, {})
    start = time.process_time()
    written = build.write_site(inputs.Site([whole], [[SeriesLimits(1.2)] * series], (), inputs.Page()), folder / "site")
    write = time.process_time() - start
    site = folder / "site"
    return looked_at(Row(series, reports, None, write, None, data_kb(site), written.bytes / 1000, memory_mb()), site)


def data_kb(site: Path) -> float:
    """Return the size of the data files of a site."""
    return sum(path.stat().st_size for path in (site / "data").iterdir()) / 1000


def memory_mb() -> float:
    """Return the most memory that this process has taken so far, the making of the reports included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def published(publications: int, folder: Path) -> list[tuple[int, int, int, int]]:
    """Publish a site of twenty series after each new report to a bare repository on disk.

    Returns:
        For some numbers of publications: that number, the bytes of the branch, those of all objects of the repository,
        and those that are left after `git gc --prune=now`.
    """
    for arguments in (("init", "-q", "--bare", "bare.git"), ("init", "-q", "checkout")):
        git(folder, *arguments)
    bare, checkout, site = folder / "bare.git", folder / "checkout", folder / "site"
    git(checkout, "remote", "add", "origin", str(bare))
    history = open_history(str(folder / "history"), repository=folder, environ={})
    rows = []
    for number, report in enumerate(made(20, SHOWN_FIRST + publications)):
        history.append(report)
        if number < SHOWN_FIRST:
            continue
        source = build.from_history(str(folder / "history"), suite=None, branch=None, last=None, site=site)
        build.build([source], site, Policy(), inputs.Page())
        pages_branch.publish(site, "branch:gh-pages", repository=checkout, environ={}, message="Publish")
        done = number - SHOWN_FIRST + 1
        if done in {*MILESTONES, publications}:
            rows.append((done, branch_bytes(bare), stored_bytes(bare), pruned_bytes(bare, folder / "copy.git")))
    return rows


def branch_bytes(bare: Path) -> int:
    """Return the bytes that the objects of the branch take on disk."""
    return int(git(bare, "rev-list", "--objects", "--disk-usage", "gh-pages"))


def stored_bytes(bare: Path) -> int:
    """Return the bytes of all objects, those that nothing refers to any more among them."""
    return sum(path.stat().st_size for path in (bare / "objects").rglob("*") if path.is_file())


def pruned_bytes(bare: Path, copy: Path) -> int:
    """Return the bytes that a copy takes once objects that nothing refers to are removed."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(bare, copy)
    git(copy, "gc", "--quiet", "--prune=now")
    return stored_bytes(copy)


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout


def looked_at(row: Row, site: Path) -> Row:
    """Measure the views in a browser, each from the cause to the drawn page."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("No Chromium was found. Install it (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        seconds: dict[str, list[float]] = defaultdict(list)
        for _ in range(REPEATS):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            start = time.perf_counter()
            page.goto((site / "index.html").as_uri())
            page.wait_for_selector("main[data-drawn] tbody tr")
            seconds["first_view_s"].append(time.perf_counter() - start)
            seconds["search_s"].append(drawn(page, "regress.change({q: 'module_0'}, true)"))
            seconds["sort_s"].append(drawn(page, "regress.change({q: '', sort: '-level'}, true)"))
            page.evaluate(PREPARED)
            seconds["benchmark_s"].append(drawn(page, "document.querySelector('tbody a').click()", ".main-svg"))
            seconds["compare_s"].append(drawn(page, "location.hash = '#/compare'"))
            page.close()
        browser.close()
    medians: dict[str, Any] = {name: statistics.median(times) for name, times in seconds.items()}
    return replace(row, **medians)


def drawn(page: Page, cause: str, selector: str = "tbody tr") -> float:
    """Return the seconds from a cause to the next drawn page, as the page's own clock has them."""
    return float(
        page.evaluate(
            WAIT,
            [cause, selector],
        )
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="measure 10 000 × 1 000 as well")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--publications",
        type=int,
        nargs="?",
        const=20,
        default=0,
        help="publish so often (20) and measure nothing else",
    )
    options = parser.parse_args()
    if options.publications:
        with tempfile.TemporaryDirectory() as name:
            print("| publications | branch, kB | repository, kB | after gc, kB |\n|---|---|---|---|")
            for done, *sizes in published(options.publications, Path(name)):
                print(f"| {done:,} | {' | '.join(f'{size / 1000:,.0f}' for size in sizes)} |")
        return
    rows = []
    for series, reports in (*SIZES, *([LARGE] if options.large else [])):
        with tempfile.TemporaryDirectory() as folder:
            take = large if (series, reports) == LARGE else measured
            rows.append(take(series, reports, Path(folder)))
    if options.json:
        print(json.dumps([{name: getattr(row, name) for name in Row.__slots__} for row in rows], indent=2))
        return
    print(f"| {' | '.join(HEADINGS)} |")
    print("|" + "---|" * len(HEADINGS))
    for row in rows:
        cells = [f"{row.series:,} × {row.reports:,}", *map(_seconds, (row.read_s, row.write_s, row.again_s))]
        cells += [f"{size:,.0f}" for size in (row.data_kb, row.site_kb, row.memory_mb)]
        cells += map(_seconds, (row.first_view_s, row.search_s, row.sort_s, row.benchmark_s, row.compare_s))
        print(f"| {' | '.join(cells)} |")
    for series, reports in SIZES:
        print(flush=True)
        subprocess.run([sys.executable, PEERS, str(series), str(reports)], check=True)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
