"""A measurement that is cut short: what was measured stays, everything else goes."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from measure_ground import VARIABLES, Measurer, Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SLOW_LATER = "test $REGRESS_PAIR = 1 || { echo $$ > PID; sleep 60; }"


def _until(condition: Callable[[], object], limit_s: float = 10.0) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_stop_keeps_what_was_measured(
    repository: Repository, measure: Measurer, tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C or the runner's SIGTERM: exit 130, a whole file, the cut run marked, no worktree, no process."""
    pid = tmp_path / "pid"
    process = measure.start("--base", "HEAD~1", "--", SLOW_LATER.replace("PID", str(pid)))
    _until(lambda: pid.exists() and pid.read_text().strip())
    process.send_signal(number)
    _, stderr = process.communicate(timeout=20)
    document = json.loads((measure.out / "measurement.json").read_text())
    assert process.returncode == 130
    assert f"stopped by {number.name}" in stderr
    assert [run["failure"] for run in document["runs"]] == [None, None, f"was interrupted by {number.name}"]
    assert document["stopped"]["word"] == "interrupted"
    assert repository.worktrees == 1
    assert not psutil.pid_exists(int(pid.read_text()))


def test_what_nohup_ignores_is_ignored(measure: Measurer) -> None:
    """A measurement started with nohup outlives its terminal."""
    process = measure.start("--runs", "1", "--", "kill -HUP $PPID; sleep 0.1", wrapper=["nohup"])
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr


def test_killing_the_measurer_kills_the_suite(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """After SIGKILL, which cannot be caught, no process and no worktree is left, and the file is whole."""
    pid, daemon = tmp_path / "pid", tmp_path / "daemon"
    command = f"(setsid sleep 62.5 & echo $! > {daemon}); {SLOW_LATER.replace('PID', str(pid))}"
    process = measure.start("--base", "HEAD~1", "--", command)
    _until(lambda: pid.exists() and pid.read_text().strip())
    process.kill()
    process.communicate()
    _until(lambda: not psutil.pid_exists(int(pid.read_text())))
    _until(lambda: not psutil.pid_exists(int(daemon.read_text())))
    _until(lambda: repository.worktrees == 1)
    assert len(json.loads((measure.out / "measurement.json").read_text())["runs"]) == 2


def test_a_daemon_is_found_without_adoption(measure: Measurer, tmp_path: Path) -> None:
    """Where the system has no adoption of orphans, the mark that every process inherits leads to them."""
    code = """
import os, sys
from pathlib import Path
from regress_action.measure.bell import Bell
from regress_action.measure.family import MARK, Family
from regress_action.measure.log import Log
from regress_action.measure.process import Blind, execute
from regress_action.measure.start import Task
task = Task(["sh", "-c", sys.argv[1]], Path.cwd(), {**os.environ, MARK: "m"})
with Bell().hung() as bell:
    print(execute(task, Log(), bell, Family("m", adopts=False), Blind()).left_behind)
"""
    pid = tmp_path / "pid"
    argv = [sys.executable, "-c", code, f"setsid sleep 63.5 & echo $! > {pid}; sleep 0.3"]
    shown = subprocess.run(argv, cwd=measure.folder, env=VARIABLES, capture_output=True, text=True, check=True)
    assert shown.stdout == "('sleep',)\n"
    _until(lambda: not psutil.pid_exists(int(pid.read_text())))


def test_an_unforeseen_error_leaves_nothing_behind(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """A fault of our own ends in exit code 4, and the guard ends the suite."""
    pid = tmp_path / "pid"
    broken = (
        "import sys; from regress_action.measure import door, sampler\n"
        "def sample(self): raise RuntimeError('a fault of our own')\n"
        "sampler.Sampler.sample = sample\n"
        "sys.exit(door.main(sys.argv[1:]))"
    )
    words = measure.argv("--base", "HEAD~1", "--", f"echo $$ > {pid}; exec sleep 64.5")[3:]
    argv = [sys.executable, "-c", broken, *words]
    done = subprocess.run(argv, cwd=measure.folder, env=VARIABLES, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "a fault of our own" in done.stderr
    _until(lambda: not psutil.pid_exists(int(pid.read_text())))
    assert repository.worktrees == 1


def test_the_jobs_limit_ends_a_run_in_progress(measure: Measurer) -> None:
    """What was measured before the limit is kept and counts."""
    done = measure("--runs", "5", "--job-timeout", "3", "--", SLOW_LATER.replace("PID", "/dev/null"))
    assert done.status == 0
    assert done.failures() == [None, "was cut off by the limit of the whole job, 3 s"]
    assert done.document["stopped"]["word"] == "job-timeout"


def test_a_full_disk_leaves_a_whole_file(repository: Repository, measure: Measurer) -> None:
    """Where the next write fails, exit code 4 says so and the last good file stays."""
    small = (4096, 4096)
    process = subprocess.run(
        measure.argv("--base", "HEAD~1", "--pairs", "9", "--", "true"),
        cwd=repository.folder,
        env=VARIABLES,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, small),
    )
    assert process.returncode == 4
    assert "Free some space" in process.stderr
    assert 1 <= len(json.loads((measure.out / "measurement.json").read_text())["runs"]) < 9
    assert list(measure.out.glob("*.partial")) == []
    assert repository.worktrees == 1


def test_a_measurement_is_not_written_over(measure: Measurer) -> None:
    """A second one needs a folder of its own, or --overwrite."""
    assert measure("--runs", "2", "--", "true").status == 0
    again = measure("--runs", "1", "--", "true")
    assert again.status == 2
    assert "--overwrite" in again.stderr
    assert len(again.runs) == 2
    assert len(measure("--overwrite", "--runs", "1", "--", "true").runs) == 1
