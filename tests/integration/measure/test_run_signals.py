"""Signals to `regress-action run`: the measurer that it started ends with it, and the exit code says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from integration.measure.measure_repository import VARIABLES, Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def _until(condition: Callable[[], object], limit_s: float = 60.0) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "the condition never held"
        time.sleep(0.02)


def _handle_interrupts() -> None:
    """Begin a session in which SIGINT is not ignored, as it is below a shell's background job."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def running(repository: Repository, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield `regress-action run` while its second pair is being measured."""
    suite = f"test $REGRESS_PAIR = 1 || {{ echo $$ > {tmp_path}/pid; exec sleep 66.5; }}"
    argv = [sys.executable, "-m", "regress_action", "run", "--base", "HEAD~1", "--", suite]
    with subprocess.Popen(
        argv,
        cwd=repository.folder,
        env=VARIABLES,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_handle_interrupts,  # noqa: PLW1509 - no threads
    ) as process:
        _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signal_ends_run_and_measurer(
    running: subprocess.Popen[str], repository: Repository, tmp_path: Path, number: signal.Signals
) -> None:
    """A signal to `run` alone is passed on: exit code 130, the suite ended, the first pair kept, no worktree left."""
    os.kill(running.pid, number)
    _, stderr = running.communicate(timeout=40)
    assert running.returncode == 130, stderr
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    document = json.loads((repository.folder / ".regress/measurement/measurement.json").read_text())
    assert (document["stopped"]["word"], len(document["runs"])) == ("interrupted", 3)
    assert repository.worktrees == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent ended")
def test_killed_run_leaves_no_measurer(running: subprocess.Popen[str], repository: Repository, tmp_path: Path) -> None:
    """After SIGKILL of `run` the measurer stops by itself and cleans up."""
    running.kill()
    running.communicate(timeout=40)
    _until(lambda: not psutil.pid_exists(int((tmp_path / "pid").read_text())))
    _until(lambda: repository.worktrees == 1)
