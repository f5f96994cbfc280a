"""A suite that misbehaves: each way is recorded for what it is, and nothing of it survives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil
from measure_ground import Measurer, Repository, python

if TYPE_CHECKING:
    from pathlib import Path

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open(sys.argv[1], "w") as file:
            file.write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(0.2)
time.sleep(float(sys.argv[2]))
"""


def test_a_suite_that_exits_1_is_a_failed_run(measure: Measurer) -> None:
    """Its status, a sentence and the end of its output are recorded; three in a row are enough."""
    done = measure("--runs", "9", "--", "echo broken; exit 1")
    assert done.status == 3
    assert done.failures() == ["exited with status 1"] * 3
    assert done.runs[0]["output_tail"] == "broken"
    assert done.runs[0]["exit_status"] == 1
    assert done.document["stopped"]["word"] == "failures"
    assert "Not one run of head succeeded" in done.stderr
    assert "broken" in done.stderr


def test_one_failure_among_good_runs_stops_nothing(measure: Measurer) -> None:
    """A flaky run is evidence, not the end, and is not tried again unasked."""
    done = measure("--runs", "4", "--", "test $REGRESS_PAIR != 2")
    assert done.status == 0
    assert [failure is None for failure in done.failures()] == [True, False, True, True]


def test_a_failed_run_is_retried_if_asked(measure: Measurer) -> None:
    """With --retries the second attempt counts, and the first is not forgotten."""
    done = measure("--runs", "1", "--retries", "2", "--", "test -e tried || { touch tried; exit 7; }")
    assert done.failures() == [None]
    assert done.runs[0]["retried"] == ["exited with status 7"]
    assert "trying again" in done.stdout


def test_a_suite_that_hangs_is_stopped_with_all_its_children(measure: Measurer, tmp_path: Path) -> None:
    """At its limit the whole tree ends, and the run says so."""
    started = time.monotonic()
    done = measure(
        "--runs", "1", "--timeout", "0.5", "--", f"sleep 61.25 & echo $! > {tmp_path}/pid; sleep 61.25; true"
    )
    assert done.status == 3
    assert done.failures() == ["ran longer than its limit of 0.5 s and was stopped"]
    assert 0.5 <= done.runs[0]["wall_s"] < 5
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    assert time.monotonic() - started < 30


def test_a_suite_that_ignores_polite_signals_is_killed(measure: Measurer) -> None:
    """A process that blocks SIGTERM ends as well."""
    stubborn = python("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    done = measure("--runs", "1", "--timeout", "0.3", "--", stubborn)
    assert done.failures() == ["ran longer than its limit of 0.3 s and was stopped"]


def test_a_suite_that_prints_without_end_is_stopped(measure: Measurer) -> None:
    """Endless output neither fills memory or disk nor hides the time limit."""
    done = measure("--runs", "1", "--timeout", "0.5", "--", "yes")
    assert done.failures() == ["ran longer than its limit of 0.5 s and was stopped"]
    log = (done.out / "runs/head-01.log").read_bytes()
    assert len(log) < 256 * 1024 + 100
    assert "bytes left out" in log.decode()


def test_a_suite_that_writes_nothing_has_failed(measure: Measurer) -> None:
    """A promised result that is not there is a failure, also where the exit status is 0."""
    done = measure("--runs", "1", "--results", "bench.json", "--", "true")
    assert done.status == 3
    assert done.failures() == ["wrote no result file: there is no bench.json"]


def test_a_command_with_out_promises_a_result(measure: Measurer) -> None:
    """Naming {out} is a promise."""
    done = measure("--runs", "1", "--", "true {out}")
    assert done.failures() == ["wrote no result file: there is no head-01.json"]


def test_a_suite_that_writes_zero_bytes_has_failed(measure: Measurer) -> None:
    """An empty file is no result."""
    done = measure("--runs", "1", "--", ": > {out}")
    assert done.failures() == ["wrote an empty result file: head-01.json has 0 bytes"]


def test_a_result_too_large_to_read_is_refused(measure: Measurer) -> None:
    """More than 50 MiB are not kept."""
    done = measure("--runs", "1", "--", "truncate --size 60M {out}")
    assert done.failures() == ["wrote 60 MiB of results, more than the 50 MiB that are read"]
    assert list((done.out / "runs").glob("*.json")) == []


def test_a_daemon_does_not_outlive_its_run(measure: Measurer, tmp_path: Path) -> None:
    """A process that forked twice and left its session is named and ended; the run itself is good."""
    done = measure("--runs", "1", "--", python(DAEMON, str(tmp_path / "pid"), "0"))
    assert done.status == 0
    assert [name.startswith("python") for name in done.runs[0]["left_behind"]] == [True]
    assert done.runs[0]["wall_s"] < 10
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    assert "left processes behind" in done.stdout


def test_a_daemon_of_a_hanging_suite_ends_with_it(measure: Measurer, tmp_path: Path) -> None:
    """A time limit reaches processes that left the session."""
    measure("--runs", "1", "--timeout", "0.5", "--", python(DAEMON, str(tmp_path / "pid"), "60"))
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_suite_that_crashes_names_its_signal(measure: Measurer) -> None:
    """A segmentation fault is told from an exit."""
    done = measure("--runs", "1", "--", "sh", "-c", "kill -SEGV $$")
    assert done.failures() == ["was killed by SIGSEGV"]
    assert done.runs[0]["exit_status"] == -11


def test_an_unknown_program_is_a_wrong_call(repository: Repository, measure: Measurer) -> None:
    """Words that are run as they are need a program that exists."""
    done = measure("--base", "HEAD~1", "--", "no-such-program", "--fast")
    assert done.status == 2
    assert "'no-such-program' could not be started" in done.stderr
    assert repository.worktrees == 1


def test_a_failing_side_is_named(measure: Measurer) -> None:
    """Where only the head fails, nothing can be compared, and it is the head that is to blame."""
    done = measure("--base", "HEAD~1", "--", "grep --quiet old version")
    assert done.status == 3
    assert "Not one run of head succeeded" in done.stderr
    assert len(done.runs) < 7
