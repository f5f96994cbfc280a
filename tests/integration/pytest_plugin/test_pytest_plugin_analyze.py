"""`python -m regress_action.analyze`: the verdict over a report that a session wrote."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from regress_action.model.records import encode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Give a report of five runs, each of which took about a hundredth of a second."""
    series = Series(Benchmark("test_get", service="cache"), Metric("time", "s"), (0.010, 0.011, 0.010, 0.0105, 0.0101))
    path = tmp_path / "performance_report.json"
    path.write_bytes(encode(Report((series,), (Run(),) * 5, created="2026-01-01T00:00:00Z")))
    return path


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`."""
    command = [sys.executable, "-m", "regress_action.analyze", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_budgets_are_checked_without_a_baseline(report: Path) -> None:
    """A first report has nothing to be compared with, and its budgets count nevertheless."""
    (report.parent / "performance_thresholds.yaml").write_text("cache: {get_ms: 5}\n")

    done = analyze(report.parent, "--report=performance_report.json", "--threshold-config=performance_thresholds.yaml")

    assert "Over budget" in done.stdout
    assert done.returncode in (0, 1)


def test_a_report_that_is_not_there_is_a_wrong_call(report: Path) -> None:
    """The file is named, and the exit status is 2."""
    done = analyze(report.parent, "--report=absent.json")

    assert done.returncode == 2
    assert "absent.json" in done.stderr
