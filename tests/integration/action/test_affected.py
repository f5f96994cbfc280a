"""What benchmarks of a real pytest suite execute, traced at two commits, and which of them a change can reach."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import Repository
from judgements import judgement, regression
from regress_action.action.affected import _read, affected, labelled
from regress_action.action.judge import Judged
from regress_action.action.measure import MeasurementSpec
from regress_action.analysis import Policy
from regress_action.measure.options import measurer_argv, source_root
from regress_action.model.comparisons import Outcome, Severity, Subject
from regress_action.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = """\
def fast():
    return 1


def slow():
    return 2


def never():
    return 3
"""
LATE = "def work():\n    return 4\n"
BENCHMARKS = """\
import subprocess
import sys
import threading

import library


def test_fast():
    library.fast()


def test_slow_in_a_thread():
    thread = threading.Thread(target=library.slow)
    thread.start()
    thread.join()


def test_late():
    import late

    late.work()


def test_process():
    subprocess.run([sys.executable, "-c", ""], check=True)


def test_profiler():
    profiler, _ = sys.getprofile(), sys.setprofile(None)
    library.fast()
    sys.setprofile(profiler)


def test_text():
    with open("data.py") as text:
        text.read()
"""
COMMAND = f"{sys.executable} -m pytest bench {{select}} -q"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Return a repository with six benchmarks."""
    made = Repository(tmp_path / "project")
    made.folder.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit(library_dot_py=LIBRARY, late_dot_py=LATE, data_dot_py="x = 1\n", bench__test_all_dot_py=BENCHMARKS)
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:  # of the run that this test is part of
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.chdir(made.folder)
    return made


def test_only_benchmarks_that_may_execute_the_change_are_reached(repository: Repository) -> None:
    """Threads are followed, other profilers are kept out, and late imports, processes and data count as reached."""
    root = repository.folder
    (root / "library.py").write_text(LIBRARY.replace("return 2", "return 22").replace("return 3", "return 33"))
    (root / "late.py").write_text(LATE.replace("return 4", "return sum([4])"))
    (root / "data.py").write_text("x = 1  # a comment is text\n")
    (root / "README.md").write_text("nobody reads it")
    settings = Settings(base="HEAD", command=COMMAND)
    result = affected(settings, MeasurementSpec(command=(COMMAND,), out=root / ".regress"), root)
    assert result.problem is None
    reasons = {entry.name.rpartition("::")[2]: entry.reason for entry in result.benchmarks}
    assert reasons == {
        "test_fast": None,
        "test_slow_in_a_thread": "it executes slow in library.py",
        "test_late": "it imports late.py while it runs",
        "test_process": "it starts processes",
        "test_profiler": None,
        "test_text": "it reads data.py",
    }
    assert result.reachable == tuple(entry.name for entry in result.benchmarks if entry.reason)
    assert repository.git("status", "--short").split()[::2] == ["M", "M", "M", "??"]


@pytest.mark.parametrize("command", ["make bench", "python gen.py && pytest bench", "tox -e bench", "pytest 'bench"])
def test_what_is_no_plain_call_of_pytest_is_not_traced(command: str, tmp_path: Path) -> None:
    """Other commands may run anything besides, so nothing is known and everything is measured."""
    result = affected(Settings(base="HEAD"), MeasurementSpec(command=(command,), out=tmp_path), tmp_path)
    assert result.problem is not None
    assert result.benchmarks == ()


def test_after_a_regression_benchmarks_out_of_reach_are_labelled(repository: Repository) -> None:
    """The measurer traces both sides once something regressed; what the change cannot reach fails nothing any more."""
    root = repository.folder
    (root / "library.py").write_text(LIBRARY.replace("return 2", "return 22"))
    command = f"{sys.executable} -m pytest bench -q"
    regressed = shlex.join(["sh", "-c", "echo '{\"continue\": true}'"])
    line = measurer_argv(
        [command],
        out=root / "out",
        repository=root,
        base="HEAD",
        pairs=1,
        profile_memory=1,
        profile_if=regressed,
        trace=True,
    )
    environ = {**os.environ, "PYTHONPATH": str(source_root())}
    ended = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    names = [f"bench/test_all.py::{name}" for name in ("test_fast", "test_slow_in_a_thread")]
    rows = [regression(names[0], 1.3, Severity.MINOR), regression(names[1], 2.5, Severity.CRITICAL)]
    head = repository.git("rev-parse", "HEAD").strip()
    before = replace(judgement(Outcome.FAIL, *rows), baseline=Subject(commit=head))

    judged = labelled(Judged(before), root / "out", root, Settings(base="HEAD"), Policy())

    shown = {row.benchmark.name: (row.unreachable, row.alarms) for row in judged.judgement.comparisons}
    assert shown == {names[0]: (True, False), names[1]: (False, True)}
    assert labelled(Judged(before), root, root, Settings(base="HEAD"), Policy()).judgement is before


def test_a_changed_lock_file_reaches_every_benchmark(repository: Repository) -> None:
    """A benchmark may execute any package, so nothing is left out, whatever else the change can be followed to."""
    lock = "packages/a/uv.lock"
    path = repository.folder / lock
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("numpy==1.26.4\n")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message=lock")
    path.write_text("numpy==2.0.0\n")
    (repository.folder / "library.py").write_text(LIBRARY.replace("return 2", "return 22"))
    settings = Settings(base="HEAD", command=COMMAND)

    result = affected(
        settings, MeasurementSpec(command=(COMMAND,), out=repository.folder / ".regress"), repository.folder
    )

    assert result.problem is None
    assert len(result.reachable) == len(result.benchmarks) == BENCHMARKS.count("def test_")
    reason = next(entry.reason for entry in result.benchmarks if entry.name.endswith("test_fast"))
    assert lock in (reason or "")


def test_a_trace_that_is_nested_without_end_is_none(tmp_path: Path) -> None:
    """The suite's own process writes it."""
    (tmp_path / "trace.json").write_text("[" * 200_000)
    assert _read(tmp_path / "trace.json") == {"problem": "a side wrote no trace"}
