"""The example is a program that works, a suite that measures it, and a slowdown that breaks nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regress_action import analysis
from regress_action.action.judge import load_rules
from regress_action.formats import read
from regress_action.settings import Settings

if TYPE_CHECKING:
    from regress_action.model.measurements import Report

EXAMPLES = Path(__file__).parents[3] / "examples"
QUICK = ("--benchmark-max-time=0.001", "--benchmark-min-rounds=2", "--benchmark-warmup=off")


@pytest.fixture
def services(tmp_path: Path) -> Path:
    """Give a copy of the example, to change at will."""
    return Path(shutil.copytree(EXAMPLES / "services", tmp_path / "services"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Give what one quick process of the suite measured."""
    out = tmp_path_factory.mktemp("suite") / "bench.json"
    _pytest(EXAMPLES / "services", "benchmarks", f"--benchmark-json={out}", *QUICK)
    (report,) = read(out)
    return report


def _pytest(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-B", "-m", "pytest", "-q", *arguments]
    # pytest-benchmark measures nothing when it thinks that it is a worker of pytest-xdist
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_suite_covers_every_area(report: Report) -> None:
    """Agents, workflows, files, concurrency, sessions, cache and database: in time, and memory where it matters."""
    services = {series.benchmark.service for series in report.series}
    metrics = {series.metric.name for series in report.series}

    assert services == {"agents", "orchestration", "artifacts", "workers", "session", "cache", "database"}
    assert metrics >= {"time", "peak_memory", "memory_growth", "throughput", "memory_per_session"}
    assert report.failures == ()
    assert report.warnings == ()


def test_sessions_leave_nothing_behind(report: Report) -> None:
    """The leak check of the example finds no leak, and can hold a sign."""
    growth = next(series for series in report.series if series.metric.name == "memory_growth")

    assert growth.metric.signed
    assert growth.values == (0.0,)


def test_every_budget_limits_something(report: Report) -> None:
    """No key of the thresholds file is idle, and a healthy program keeps within every budget."""
    settings = Settings(thresholds=str(EXAMPLES / "services" / "thresholds.yml"))

    judgement = analysis.compare([report], [report], load_rules(settings, Path()).policy)

    assert not [note for note in judgement.notes if "applies to nothing" in str(note)]
    limited = {row.budget.key for row in judgement.comparisons if row.budget}
    assert limited >= {"cache_get_ms", "memory_limit_mb", "throughput_ops_per_sec", "concurrent_sessions"}


def test_the_planted_slowdown_breaks_no_test(services: Path) -> None:
    """The change is one that a review may let pass: it applies, and every test of the program is green."""
    subprocess.run(["git", "apply", str(EXAMPLES / "plant.patch")], cwd=services, check=True)

    _pytest(services)

    assert "_order" in (services / "services" / "cache.py").read_text()


def test_the_program_digests_a_file(services: Path) -> None:
    """The command of the README answers with the artifact of the file."""
    command = [sys.executable, "-m", "services", "README.md"]

    done = subprocess.run(command, cwd=services, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.endswith("  README.md\n")
    assert (services / ".digest" / "journal.sqlite").exists()


def test_an_unknown_option_of_the_demo_is_refused() -> None:
    """A misspelt option does not start a measurement of a minute."""
    done = subprocess.run(["bash", EXAMPLES / "demo.sh", "--identicl"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--identicl" in done.stderr
