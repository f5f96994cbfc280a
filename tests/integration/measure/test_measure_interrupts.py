"""Interrupted measurements: what was measured is kept, no process and no worktree is left."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from integration.measure.measure_repository import VARIABLES, Measurer, Repository

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW_LATER = "test $REGRESS_PAIR = 1 || { echo $$ > PID; sleep 60; }"


def _until(condition: Callable[[], object], limit_s: float = 60.0) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "the condition never held"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_signal_ends_the_measurement_and_keeps_the_runs(
    repository: Repository, measure: Measurer, tmp_path: Path, number: signal.Signals
) -> None:
    """SIGINT or SIGTERM: exit 130, a complete file, the interrupted run marked, no worktree, no process."""
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


def test_signal_to_the_group_while_a_run_starts_is_an_interrupt(measure: Measurer) -> None:
    """A Ctrl-C that ends the starting process of a run is reported as the interrupt that it is."""
    broken = (
        "import os, signal, sys; from regress_action.measure import errors, main, process\n"
        "def start(task, **_):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    raise errors.EnvironmentFailedError('The process ended before it could report why.')\n"
        "process.start = start\n"
        "sys.exit(main.main(sys.argv[1:]))"
    )
    argv = [sys.executable, "-c", broken, *measure.argv("--runs", "1", "--", "true")[3:]]
    ended = subprocess.run(argv, cwd=measure.folder, env=VARIABLES, capture_output=True, text=True, check=False)
    assert ended.returncode == 130, ended.stderr


def test_ignored_signal_stays_ignored(measure: Measurer) -> None:
    """A measurement started with nohup goes on after its terminal closed."""
    process = measure.start("--runs", "1", "--", "kill -HUP $PPID; sleep 0.1", wrapper=["nohup"])
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr


def test_killed_measurer_leaves_no_process(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """After SIGKILL, which cannot be caught, no process and no worktree is left, and the file is complete."""
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


def test_next_measurement_removes_what_a_killed_one_left(
    repository: Repository, measure: Measurer, tmp_path: Path
) -> None:
    """After SIGKILL of measurer and watchdog the next start removes its processes, folders and records alone."""
    scratch, pid, daemon = tmp_path / "scratch", tmp_path / "pid", tmp_path / "daemon"
    scratch.mkdir()
    command = f"(setsid sleep 62.5 & echo $! > {daemon}); {SLOW_LATER.replace('PID', str(pid))}"
    process = measure.start("--base", "HEAD~1", "--", command, TMPDIR=str(scratch))
    _until(lambda: pid.exists() and pid.read_text().strip())
    [abandoned] = scratch.iterdir()
    for ended in (*psutil.Process(process.pid).children(), psutil.Process(process.pid)):
        ended.kill()
    process.communicate()
    assert repository.worktrees == 3
    running, going = Measurer(measure.folder, tmp_path / "running"), tmp_path / "going"
    other = running.start("--base", "HEAD~1", "--", SLOW_LATER.replace("PID", str(going)), TMPDIR=str(scratch))
    _until(lambda: going.exists() and going.read_text().strip())
    assert not abandoned.exists()
    assert repository.worktrees == 3
    for file in (pid, daemon):
        _until(lambda file=file: not psutil.pid_exists(int(file.read_text())))  # type: ignore[misc]
    assert Measurer(measure.folder, tmp_path / "next")("--runs", "1", "--", "true", TMPDIR=str(scratch)).status == 0
    assert (psutil.pid_exists(int(going.read_text())), repository.worktrees) == (True, 3)
    other.terminate()
    other.communicate(timeout=20)
    assert (list(scratch.iterdir()), repository.worktrees) == ([], 1)


def test_folders_that_a_suite_named_like_those_of_sessions_end_nothing(measure: Measurer, tmp_path: Path) -> None:
    """One with the name of a living session ends none of its processes, and of very many only a few go at a time."""
    scratch, pid = tmp_path / "scratch", tmp_path / "pid"
    scratch.mkdir()
    living = measure.start(
        "--runs",
        "2",
        "--",
        SLOW_LATER.replace("$REGRESS_PAIR = 1", "x = y").replace("PID", str(pid)),
        TMPDIR=str(scratch),
    )
    _until(lambda: pid.exists() and pid.read_text().strip())
    [session], running = scratch.iterdir(), int(pid.read_text())
    false_name = scratch / session.name.removeprefix("regress-")
    false_name.mkdir()
    for number in range(200):
        (scratch / f"session-{number:016x}").mkdir()
    other = Measurer(measure.folder, tmp_path / "other")
    assert other("--runs", "1", "--", "true", TMPDIR=str(scratch)).status == 0
    assert psutil.pid_exists(running)
    assert 150 < len(list(scratch.iterdir())) < 200
    for left in scratch.glob("session-0*"):
        left.rmdir()
    assert other("--overwrite", "--runs", "1", "--", "true", TMPDIR=str(scratch)).status == 0
    assert (psutil.pid_exists(running), session.exists(), false_name.exists()) == (True, True, False)
    living.terminate()
    living.communicate(timeout=20)


def test_records_of_a_container_that_is_gone_are_removed(
    repository: Repository, measure: Measurer, tmp_path: Path
) -> None:
    """Git's records of a session whose temporary folder is gone go with the next start, unless somebody holds one.

    Git itself holds one for as long as it checks out its tree.
    """
    places = [tmp_path / f"regress-session-{digit * 16}" for digit in "abc"]
    for place in (*places, tmp_path / "of-the-user"):
        repository.git("worktree", "add", "--quiet", "--detach", str(place / "head"))
    records = repository.folder / ".git/worktrees"
    by_place = {Path((record / "gitdir").read_text().strip()).parent.parent: record for record in records.iterdir()}
    for place, record in by_place.items():
        shutil.rmtree(place)
        os.utime(record, (0, 0))
    (by_place[places[2]] / "locked").write_text("initializing\n")
    os.utime(by_place[places[2]], (0, 0))
    held = os.open(by_place[places[1]], os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert measure("--runs", "1", "--", "true").status == 0
    assert {place for place, record in by_place.items() if not record.exists()} == {places[0]}
    os.close(held)
    assert measure("--overwrite", "--runs", "1", "--", "true").status == 0
    assert not by_place[places[1]].exists()


def test_folder_of_a_running_measurement_is_not_taken(measure: Measurer, tmp_path: Path) -> None:
    """Another one with the same --out ends with 2, also with --overwrite, and costs the first one nothing."""
    pid = tmp_path / "pid"
    first = measure.start("--runs", "2", "--", f"echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 2")
    _until(pid.exists)
    second = Measurer(measure.folder, measure.out)("--overwrite", "--runs", "1", "--", "true")
    assert second.status == 2
    assert "Another measurement is writing to" in second.stderr
    _, stderr = first.communicate(timeout=60)
    assert first.returncode == 0, stderr
    assert Measurer(measure.folder, measure.out)("--overwrite", "--runs", "1", "--", "true").status == 0


def test_daemon_is_found_without_subreaper(measure: Measurer, tmp_path: Path) -> None:
    """Where the system has no subreaper, orphans are found by the marker variable that they inherit."""
    code = """
import os, sys
from pathlib import Path
from regress_action.measure.process_tree import SignalWaiter
from regress_action.measure.process_tree import MARKER_VARIABLE, ProcessTree
from regress_action.measure.reporting import OutputLog
from regress_action.measure.process import NullSampler, execute
from regress_action.measure.spawn import Task
task = Task(["sh", "-c", sys.argv[1]], Path.cwd(), {**os.environ, MARKER_VARIABLE: "m"})
with SignalWaiter().installed() as signals:
    print(execute(task, OutputLog(), signals, ProcessTree("m", is_subreaper=False), NullSampler()).left_behind)
"""
    pid = tmp_path / "pid"
    argv = [sys.executable, "-c", code, f"setsid sleep 63.5 & echo $! > {pid}; sleep 0.3"]
    shown = subprocess.run(argv, cwd=measure.folder, env=VARIABLES, capture_output=True, text=True, check=True)
    assert shown.stdout == "('sleep',)\n"
    _until(lambda: not psutil.pid_exists(int(pid.read_text())))


def test_internal_error_leaves_no_process(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """An internal error ends in exit code 4, and the watchdog ends the suite."""
    pid = tmp_path / "pid"
    broken = (
        "import os, sys; from regress_action.measure import main, sampler\n"
        f"def sample(self):\n if os.path.exists({str(pid)!r}): raise RuntimeError('a fault of our own')\n"
        "sampler.Sampler.sample = sample\n"
        "sys.exit(main.main(sys.argv[1:]))"
    )
    words = measure.argv("--base", "HEAD~1", "--", f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 64.5")[3:]
    argv = [sys.executable, "-c", broken, *words]
    measured = subprocess.run(argv, cwd=measure.folder, env=VARIABLES, capture_output=True, text=True, check=False)
    assert measured.returncode == 4
    assert "a fault of our own" in measured.stderr
    _until(lambda: not psutil.pid_exists(int(pid.read_text())))
    assert repository.worktrees == 1


def test_job_limit_ends_the_run_in_progress(measure: Measurer) -> None:
    """What was measured before the limit is kept and counts."""
    measured = measure("--runs", "5", "--job-timeout", "3", "--", SLOW_LATER.replace("PID", "/dev/null"))
    assert measured.status == 0
    assert measured.failures() == [None, "was cut off by the limit of the whole job, 3 s"]
    assert measured.document["stopped"]["word"] == "job-timeout"


def test_full_disk_leaves_a_complete_file(repository: Repository, measure: Measurer) -> None:
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


def test_existing_measurement_is_not_overwritten(measure: Measurer) -> None:
    """A second one needs a folder of its own, or --overwrite."""
    assert measure("--runs", "2", "--", "true").status == 0
    again = measure("--runs", "1", "--", "true")
    assert again.status == 2
    assert "--overwrite" in again.stderr
    assert len(again.runs) == 2
    assert len(measure("--overwrite", "--runs", "1", "--", "true").runs) == 1


@pytest.mark.parametrize("kept", ["profiles", "traces"])
def test_nothing_of_an_earlier_measurement_is_taken_for_this_one(measure: Measurer, kept: str) -> None:
    """A suite that writes no profile leaves none, instead of that of another commit."""
    out = measure("--runs", "1", "--", "true").out
    (out / kept / "01").mkdir(parents=True)
    measure("--overwrite", "--runs", "1", "--", "true")

    assert not (out / kept).exists()


JUMPING_CLOCK = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    static long calls;
    int status = syscall(SYS_clock_gettime, id, now);
    if (id == CLOCK_REALTIME) now->tv_sec += (calls++ % 3 - 1) * 400L * 86400L;
    return status;
}
"""


def test_clock_that_jumps_changes_no_duration(measure: Measurer, tmp_path: Path) -> None:
    """The time of day goes back and forth by more than a year; budget, limits and durations stay as they are."""
    source, library = tmp_path / "jumping.c", tmp_path / "jumping.so"
    source.write_text(JUMPING_CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    words = [
        "--base",
        "HEAD~1",
        "--pairs",
        "3",
        "--interleave",
        "run",
        "--budget-minutes",
        "1",
        "--job-timeout",
        "60",
        "--timeout",
        "50",
    ]
    measured = measure(*words, "--", "sleep 0.05", LD_PRELOAD=str(library))
    assert measured.status == 0, measured.stderr
    assert measured.document["stopped"]["word"] == "complete"
    assert len({run["started"][:4] for run in measured.runs}) > 1
    assert all(run["failure"] is None and 0.05 <= run["wall_s"] < 50 for run in measured.runs)
