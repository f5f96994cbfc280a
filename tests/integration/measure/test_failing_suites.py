"""Suites that fail: each way is recorded as what it is, and no process survives."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import psutil

from integration.measure.measure_repository import Measurer, Repository, python

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


def test_exit_status_1_is_a_failed_run(measure: Measurer) -> None:
    """Its status, a sentence and the end of its output are recorded; three in a row end the measurement."""
    measured = measure("--runs", "9", "--", "echo broken; exit 1")
    assert measured.status == 3
    assert measured.failures() == ["exited with status 1"] * 3
    assert measured.runs[0]["output_tail"] == "broken"
    assert measured.runs[0]["exit_status"] == 1
    assert measured.document["stopped"]["word"] == "failures"
    assert "Not one run of head succeeded" in measured.stderr
    assert "broken" in measured.stderr


def test_equal_failures_show_their_output_once(measure: Measurer) -> None:
    """Runs that fail alike, but for numbers and paths, show the end of their output once, and give one remedy."""
    command = "echo trace 1; echo trace 2; echo trace 3; echo broken in $PWD after $RANDOM s; exit 1"
    measured = measure("--base", "HEAD~1", "--", command)
    assert measured.stdout.count("\n    trace 1\n") == 1
    assert len(re.findall(r"(?m)^pair .* exited with status 1", measured.stdout)) == len(measured.runs) == 5
    assert measured.stderr.startswith("Not one run succeeded. The last run exited with status 1.")
    assert measured.stderr.count("Run the command by hand") == 1


def test_unused_environment_of_the_setup_is_named(repository: Repository, measure: Measurer) -> None:
    """A module is missing and the setup built .venv, which the command does not use: the remedy says so."""
    setup = "mkdir -p .venv/bin; touch .venv/bin/python"
    failing = "echo \"ModuleNotFoundError: No module named 'shop'\"; exit 1"
    measured = measure("--base", "HEAD~1", "--setup", setup, "--", failing)
    assert "write `.venv/bin/python -m …` in the command" in measured.stderr
    repository.commit(shop_dot_py="")
    measured = measure("--overwrite", "--runs", "1", "--", f"{failing} # pytest")
    assert "Write `python -m pytest` instead." in measured.stderr


def test_file_that_only_one_side_has_is_named(repository: Repository, measure: Measurer) -> None:
    """Nothing is wrong with the command: the base lacks a new file, and the head one that was removed."""
    repository.commit(tool_dot_py="print(1)\n")
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--", "python3 tool.py")
    assert "Only head has tool.py. Let the base have it too: --carry tool.py" in measured.stderr
    repository.git("rm", "--quiet", "tool.py")
    repository.git("commit", "--quiet", "--message", "without")
    measured = measure("--overwrite", "--base", "HEAD~1", "--pairs", "1", "--", "python3 tool.py")
    assert "Only base has tool.py. Measure what both have." in measured.stderr


def test_program_that_git_ignores_is_not_in_the_checkouts(measure: Measurer) -> None:
    """An environment of the user's own tree is missing where the suite runs, and its name is right."""
    measured = measure("--base", "HEAD~1", "--", ".venv/bin/python", "-m", "pytest")
    assert measured.status == 2
    assert "'.venv/bin/python' could not be started" in measured.stderr
    assert "Let --setup make it in each checkout" in measured.stderr


def test_ok_status_makes_an_exit_code_good(measure: Measurer) -> None:
    """A linter that ends with 1 when it finds something is measured; other codes stay failures."""
    measured = measure("--runs", "2", "--ok-status", "1,2", "--", "exit $REGRESS_PAIR")
    assert (measured.status, measured.failures()) == (0, [None, None])
    assert [run["exit_status"] for run in measured.runs] == [1, 2]
    other = measure("--overwrite", "--runs", "1", "--ok-status", "1", "--", "exit 3")
    assert other.failures() == ["exited with status 3"]


def test_one_failed_run_does_not_end_the_measurement(measure: Measurer) -> None:
    """The run is recorded, and it is not repeated without --retries."""
    measured = measure("--runs", "4", "--", "test $REGRESS_PAIR != 2")
    assert measured.status == 0
    assert [failure is None for failure in measured.failures()] == [True, False, True, True]


def test_failed_run_is_retried_with_retries(measure: Measurer) -> None:
    """With --retries the second attempt counts, and the first is recorded."""
    measured = measure("--runs", "1", "--retries", "2", "--", "test -e tried || { touch tried; exit 7; }")
    assert measured.failures() == [None]
    assert measured.runs[0]["retried"] == ["exited with status 7"]
    assert "trying again" in measured.stdout


def test_result_of_a_command_that_failed_counts(measure: Measurer) -> None:
    """One benchmark fails in every run of the head: nothing is lost, and what it prints stands once."""
    command = "echo 1 > {out}; echo table $(date +%N | tr 0-9 a-j); test $REGRESS_SIDE = base"
    measured = measure("--base", "HEAD~1", "--pairs", "4", "--", command)
    assert measured.status == 0
    assert measured.failures("head") == ["exited with status 1"] * 4
    assert measured.failures("base") == [None] * 4
    assert measured.results("head") == ["1\n"] * 4
    assert measured.document["stopped"]["word"] == "complete"
    assert "head · exited with status 1, what it measured counts" in measured.stdout
    assert measured.stdout.count("\n    table ") == 1


def test_result_of_a_command_that_was_killed_does_not_count(measure: Measurer) -> None:
    """It may end in the middle; so may that of a shell that reports a signal, and of a suite at its time limit."""
    for ending in ("kill -9 $$", "(kill -9 $BASHPID); exit 137", "sleep 30"):
        limit = ("--overwrite", "--runs", "1", "--timeout", "2")
        measured = measure(*limit, "--", f"echo 1 > {{out}}; {ending}")
        assert measured.status == 3
        assert measured.runs[0]["result"] is None
        assert list((measured.out / "runs").glob("*.json")) == []


def test_result_of_an_earlier_run_is_not_taken_for_one_that_failed(measure: Measurer) -> None:
    """The second run fails before it writes: what the first one wrote is gone."""
    command = "test $REGRESS_PAIR = 2 || echo 1 > result.json; exit 1"
    measured = measure("--runs", "3", "--results", "result.json", "--", command)
    assert [run["result"] for run in measured.runs] == ["runs/head-01.json", None, "runs/head-03.json"]


def test_failure_that_repeats_is_not_retried_in_every_run(measure: Measurer, tmp_path: Path) -> None:
    """The first run is tried again as often as was asked for; the others end with what they have."""
    measured = measure("--runs", "3", "--retries", "2", "--", f"echo x >> {tmp_path}/n; echo 1 > {{out}}; exit 1")
    assert [len(run["retried"]) for run in measured.runs] == [2, 0, 0]
    assert len((tmp_path / "n").read_text().splitlines()) == 5


def test_hanging_suite_is_stopped_with_its_children(measure: Measurer, tmp_path: Path) -> None:
    """At the time limit the whole tree is ended, and the run records it."""
    started = time.monotonic()
    measured = measure(
        "--runs", "1", "--timeout", "0.5", "--", f"sleep 61.25 & echo $! > {tmp_path}/pid; sleep 61.25; true"
    )
    assert measured.status == 3
    assert measured.failures() == ["ran longer than its limit of 0.5 s and was stopped"]
    assert 0.5 <= measured.runs[0]["wall_s"] < 5
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    assert time.monotonic() - started < 30


def test_suite_that_ignores_sigterm_is_killed(measure: Measurer) -> None:
    """A process that blocks SIGTERM ends as well."""
    stubborn = python("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    measured = measure("--runs", "1", "--timeout", "0.3", "--", stubborn)
    assert measured.failures() == ["ran longer than its limit of 0.3 s and was stopped"]


def test_endless_output_is_stopped_by_the_time_limit(measure: Measurer) -> None:
    """Endless output neither fills memory or disk nor hides the time limit."""
    measured = measure("--runs", "1", "--timeout", "0.5", "--", "yes")
    assert measured.failures() == ["ran longer than its limit of 0.5 s and was stopped"]
    log = (measured.out / "runs/head-01.log").read_bytes()
    assert len(log) < 256 * 1024 + 100
    assert "bytes left out" in log.decode()


def test_missing_result_file_is_a_failure(measure: Measurer) -> None:
    """A promised result that is missing is a failure, also with exit status 0."""
    measured = measure("--runs", "1", "--results", "bench.json", "--", "true")
    assert measured.status == 3
    assert measured.failures() == ["wrote no result file: there is no bench.json"]


def test_missing_out_file_is_a_failure(measure: Measurer) -> None:
    """A command with {out} has to write that file."""
    measured = measure("--runs", "1", "--", "true {out}")
    assert measured.failures() == ["wrote no result file: there is no head-01.json"]


def test_empty_result_file_is_a_failure(measure: Measurer) -> None:
    """An empty file is no result."""
    measured = measure("--runs", "1", "--", ": > {out}")
    assert measured.failures() == ["wrote an empty result file: head-01.json has 0 bytes"]


def test_result_above_the_size_limit_is_refused(measure: Measurer) -> None:
    """More than 50 MiB are not kept."""
    measured = measure("--runs", "1", "--", "truncate --size 60M {out}")
    assert measured.failures() == ["wrote 60 MiB of results, more than the 50 MiB that are read"]
    assert list((measured.out / "runs").glob("*.json")) == []


def test_daemon_is_ended_with_its_run(measure: Measurer, tmp_path: Path) -> None:
    """A process that forked twice and left its session is named and ended; the run itself is good."""
    measured = measure("--runs", "1", "--", python(DAEMON, str(tmp_path / "pid"), "0"))
    assert measured.status == 0
    assert [name.startswith("python") for name in measured.runs[0]["left_behind"]] == [True]
    assert measured.runs[0]["wall_s"] < 10
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    assert "left processes behind" in measured.stdout


def test_daemon_of_a_hanging_suite_is_ended(measure: Measurer, tmp_path: Path) -> None:
    """A time limit reaches processes that left the session."""
    measure("--runs", "1", "--timeout", "0.5", "--", python(DAEMON, str(tmp_path / "pid"), "60"))
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_crash_names_the_signal(measure: Measurer) -> None:
    """A segmentation fault is not reported as an exit status."""
    measured = measure("--runs", "1", "--", "sh", "-c", "kill -SEGV $$")
    assert measured.failures() == ["was killed by SIGSEGV"]
    assert measured.runs[0]["exit_status"] == -11


def test_unknown_program_is_a_usage_error(repository: Repository, measure: Measurer) -> None:
    """Words that are run as they are need a program that exists."""
    measured = measure("--base", "HEAD~1", "--", "no-such-program", "--fast")
    assert measured.status == 2
    assert "'no-such-program' could not be started" in measured.stderr
    assert repository.worktrees == 1


def test_error_names_the_side_that_failed(measure: Measurer) -> None:
    """Where only the head fails, nothing can be compared, and the error names the head."""
    measured = measure("--base", "HEAD~1", "--", "grep --quiet old version")
    assert measured.status == 3
    assert "Not one run of head succeeded" in measured.stderr
    assert len(measured.runs) < 7
