"""Entries of result files, collected from whichever benchmark fixture measured, and made into a report."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regress_action.pytest_plugin import fixtures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pytest

    from regress_action.model.measurements import Report
    from regress_action.pytest_plugin.benchmark_record import BenchmarkRecord
    from regress_action.pytest_plugin.markers import PerformanceTest

_NANOSECONDS = 1e-9


def entries_of_fixtures(config: pytest.Config) -> list[dict[str, Any]]:
    """Return what the benchmark fixtures measured in this process, in the form of pytest-benchmark.

    The fixture may be ours, that of pytest-benchmark or that of pytest-codspeed.
    """
    own = [_plain(entry) for fixture in config.stash.get(fixtures.USED, ()) if (entry := fixture.as_dict())]
    session = config.pluginmanager.get_plugin("pytest-benchmark")
    entries = own + [_plain(benchmark.as_dict()) for benchmark in getattr(session, "benchmarks", ())]
    codspeed = config.pluginmanager.get_plugin("codspeed_plugin")
    if codspeed is not None and getattr(codspeed, "is_codspeed_enabled", False):
        entries += map(_entry_of_codspeed, getattr(codspeed.instrument, "benchmarks", ()))
    return entries


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the entry as JSON holds it: parameters may be anything."""
    plain: dict[str, Any] = json.loads(json.dumps(entry, default=str))
    return plain


def _entry_of_codspeed(benchmark: Any) -> dict[str, Any]:  # noqa: ANN401 - a class of that package
    """Return the entry of a walltime benchmark, whose statistics are in nanoseconds; the rounds are not kept there."""
    numbers = {
        name: getattr(benchmark.stats, f"{name}_ns") * _NANOSECONDS
        for name in ("min", "max", "mean", "median")
        if hasattr(benchmark.stats, f"{name}_ns")
    }
    stats = {**numbers, "stddev": benchmark.stats.stdev_ns * _NANOSECONDS, "rounds": benchmark.stats.rounds}
    return {"name": benchmark.name, "fullname": benchmark.uri, "group": None, "params": None, "stats": stats}


def records_of_fixtures(config: pytest.Config) -> list[BenchmarkRecord]:
    """Return what our benchmark fixtures timed in this process."""
    return [fixture.stats for fixture in config.stash.get(fixtures.USED, ()) if fixture.stats]


def uses_fixtures(config: pytest.Config) -> bool:
    """Return whether a test of this process had one of our benchmark fixtures."""
    return bool(config.stash.get(fixtures.USED, ()))


def records_of_entries(entries: Iterable[dict[str, Any]]) -> list[BenchmarkRecord]:
    """Return entries of a result file as records, of those that were timed."""
    from regress_action.pytest_plugin.benchmark_record import BenchmarkRecord

    made = []
    for entry in entries:
        if not (stats := entry.get("stats")):
            continue
        identity = {name: value for name, value in entry.items() if name not in ("stats", "options")}
        record = BenchmarkRecord(identity, stats.get("iterations", 1), entry.get("options", {}))
        record.stats.data.extend(stats.get("data", ()))
        made.append(record)
    return [record for record in made if record]


def benchmark_file(
    entries: Iterable[dict[str, Any]],
    created: datetime,
    machine_info: dict[str, Any] | None = None,
    commit_info: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the content of a file in the form of pytest-benchmark."""
    from regress_action import __version__

    return {
        "machine_info": machine_info or {},
        "commit_info": commit_info or {},
        "benchmarks": [_plain(entry) for entry in entries],
        "datetime": created.isoformat(),
        "version": f"regress-action {__version__}",
    }


def machine_info() -> dict[str, Any]:
    """Return what a file in the form of pytest-benchmark says of the machine."""
    import platform

    from regress_action.measure import machine

    fingerprint = machine.fingerprint()
    return {
        "node": platform.node(),
        "processor": platform.processor(),
        "machine": platform.machine(),
        "python_compiler": platform.python_compiler(),
        "python_implementation": platform.python_implementation(),
        "python_implementation_version": platform.python_version(),
        "python_version": platform.python_version(),
        "python_build": list(platform.python_build()),
        "release": platform.release(),
        "system": platform.system(),
        "cpu": {"brand_raw": fingerprint["cpu"], "count": fingerprint["cores"]},
    }


def report_of(
    runs: Sequence[Sequence[dict[str, Any]]],
    tests: Mapping[str, PerformanceTest],
    failures: Mapping[str, str],
    *,
    skipped: Mapping[str, str],
    suite: str,
    root: Path,
) -> Report:
    """Return the report of a session: `runs` holds the entries of each fresh process of its tests.

    `failures` are the tests that gave no value, `skipped` those that were left out on purpose, with the reason.
    """
    from regress_action.formats.stacking import stack
    from regress_action.measure import machine
    from regress_action.model.measurements import Environment, Failure

    created = datetime.now(UTC)
    read = [_read(entries, created, root) for entries in runs] or [_read((), created, root)]
    stacked = stack(read)
    measured = {series.benchmark.name for series in stacked.series if series.measured}
    failed = {failure.benchmark: failure for failure in stacked.failures}
    failed |= {name: Failure(name, reason) for name, reason in failures.items() if name not in measured}
    failed |= {name: Failure(name, reason, skipped=True) for name, reason in skipped.items() if name not in measured}
    environment = Environment(**machine.fingerprint())  # type: ignore[arg-type]
    return replace(
        _with_tests(stacked, tests),
        suite=suite,
        environment=environment,
        failures=tuple(failed.values()),
        source="pytest",
        origin=None,
        **_commit(root),
    )


def _read(entries: Iterable[dict[str, Any]], created: datetime, root: Path) -> Report:
    from regress_action.formats.document import Document
    from regress_action.formats.readers import pytest_benchmark

    content = json.dumps(benchmark_file(entries, created)).encode()
    (report,) = pytest_benchmark.read(Document(root / "session", content))
    return report


def _with_tests(report: Report, tests: Mapping[str, PerformanceTest]) -> Report:
    """Return the report with the service and the line of each test that its markers and its source tell."""
    from regress_action.model.measurements import Location

    series = []
    for row in report.series:
        test, benchmark = tests.get(row.benchmark.name), row.benchmark
        if test is not None:
            benchmark = replace(
                benchmark, service=test.service or benchmark.service, location=Location(test.path, test.line)
            )
        series.append(replace(row, benchmark=benchmark))
    return replace(report, series=tuple(series))


def _commit(root: Path) -> dict[str, Any]:
    """Return the commit and branch that are checked out at `root`, and whether files differ from the commit."""
    from regress_action.measure.errors import MeasureError
    from regress_action.measure.git import GitFolder

    with suppress(MeasureError):
        git = GitFolder(root)
        branch = git.query("symbolic-ref", "--short", "HEAD")
        dirty = (("dirty", "true"),) if git.query("status", "--porcelain", "--untracked-files=no") else ()
        return {"commit": git.query("rev-parse", "HEAD"), "branch": branch, "provenance": dirty}
    return {}
