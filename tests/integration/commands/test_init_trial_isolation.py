"""What the trial of `init` lets a repository and its suite reach."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from regress_action.commands.init import try_ways
from regress_action.commands.init_trial import try_project
from regress_action.commands.trial_watch import TrialWatch
from regress_action.scaffold.repository import Project

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """
import json, os, sys
open(os.environ["HOME"] + "/seen", "w").write("\\n".join(os.environ))
entry = {"command": "x", "mean": 0.1, "median": 0.1, "times": [0.1, 0.1, 0.1]}
json.dump({"results": [entry]}, open(sys.argv[1], "w"))
"""


def _committed(root: Path, submodule: Path | None = None) -> Path:
    """Return a repository with the suite in it, which is also in a submodule."""
    root.mkdir()
    (root / "suite.py").write_text(SUITE)
    _git(root, "init", "--quiet", "--template=")
    if submodule:
        _git(root, "submodule", "--quiet", "add", submodule.as_uri(), "inner")
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "--message", "x")
    return root


def _git(folder: Path, *words: str) -> None:
    named = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *named, *words], cwd=folder, check=True)


def test_a_trial_has_the_submodules_that_are_here(tmp_path: Path) -> None:
    """A clone of the repository has none; where one is out of reach, neither side can be checked out."""
    inner = _committed(tmp_path / "inner")
    outer = _committed(tmp_path / "outer", inner)
    _git(tmp_path, "clone", "--quiet", os.fspath(outer), "without")
    project = Project(kind="hyperfine", why="it is one", command="python3 -P inner/suite.py {out}")
    shutil.rmtree(inner)

    assert try_project(project, outer).works
    assert try_project(project, tmp_path / "without").absent == (
        "the submodule inner, which cannot be fetched from here. Where it can, the files work as written"
    )


def test_a_suite_that_fails_in_a_part_is_not_measured(tmp_path: Path) -> None:
    """It has values, but with it every verdict would be incomplete."""
    project = Project(kind="hyperfine", why="it is one", command="python3 -P suite.py {out}; false")

    assert not try_project(project, _committed(tmp_path / "project")).works


def test_a_try_that_only_waits_is_ended(tmp_path: Path) -> None:
    """A setup that asks a machine which does not answer would use up the time of the other ways."""
    project = Project(kind="hyperfine", why="it is one", setup="sleep 600", command="python3 -P suite.py {out}")

    trial = try_project(project, _committed(tmp_path / "project"), TrialWatch(idle_s=3))

    assert trial.reason == "It computed nothing for 3 seconds, so it waits for something that does not come."


def test_no_try_lasts_longer_than_the_limit_of_all(tmp_path: Path) -> None:
    """Work that does not end is ended, and no other way is tried."""
    ways = [Project(kind="x", why="x", setup="while :; do :; done", command=f"echo {name}") for name in "ab"]
    watch = TrialWatch(ends_at=time.monotonic() + 2)

    trials = list(try_ways(ways, _committed(tmp_path / "project"), watch))

    assert [trial.reason for trial in trials] == ["The limit for all tries of this init was reached."]
    assert watch.left_s == 0


INTERRUPTED = """\
all:
\ttrue
bench:
\techo left > $$TMPDIR/left; sleep 600
"""


def test_ctrl_c_ends_init_and_leaves_nothing(tmp_path: Path) -> None:
    """On a terminal it shows what is tried, for how long and how long at most; interrupted, it writes no file."""
    root, temporary = _committed(tmp_path / "project"), tmp_path / "temporary"
    (root / "Makefile").write_text(INTERRUPTED)
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "--message", "x")
    temporary.mkdir()
    controller, terminal = pty.openpty()
    words = [sys.executable, "-m", "regress_action", "init"]
    variables = {**os.environ, "TMPDIR": os.fspath(temporary), "TERM": "xterm"}
    with subprocess.Popen(
        words, cwd=root, env=variables, stdin=terminal, stdout=terminal, stderr=terminal, process_group=0
    ) as init:
        os.close(terminal)
        suite = _child_named(init.pid, "sleep")
        shown = _read_until(controller, "one run … 0:".encode())
        init.send_signal(signal.SIGINT)
        shown += _read_until(controller, b"untried")
        assert init.wait(60) == 130

    assert re.search(rb"one run \S+ 0:\d\d of at most \d+:\d\d, 1?\d:\d\d left for all tries", shown)
    assert b"Nothing was written" in shown
    assert not suite.is_running()
    assert list(temporary.iterdir()) == []
    assert sorted(path.name for path in root.iterdir()) == [".git", "Makefile", "suite.py"]


def _read_until(terminal: int, wanted: bytes) -> bytes:
    """Return what is shown on a terminal until `wanted` is."""
    shown = b""
    while wanted not in shown:
        shown += os.read(terminal, 4096)
    return shown


SELECTABLE = """
import json, sys
out = next(word.partition("=")[2] for word in sys.argv if word.startswith("--benchmark_out="))
asked = [word.partition("=")[2] for word in sys.argv if word.startswith("--benchmark_filter=")]
names = [name for name in ("first", "second", "third") if OBEYS == 0 or not asked or name in asked[0]]
rows = [{"name": name, "iterations": 9, "real_time": 5.0, "cpu_time": 5.0, "time_unit": "ms"} for name in names]
json.dump({"context": {"library_build_type": "release"}, "benchmarks": rows}, open(out, "w"))
"""


@pytest.mark.parametrize("obeys", [True, False])
def test_a_selection_is_written_where_it_works(tmp_path: Path, *, obeys: bool) -> None:
    """A run of some benchmarks shows it; a program that runs everything all the same gets none."""
    root = _committed(tmp_path / "project")
    (root / "bench.py").write_text(SELECTABLE.replace("OBEYS", str(int(obeys))))
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "--message", "x")
    command = f"{sys.executable} bench.py --benchmark_out={{out}} --benchmark_out_format=json"
    trial = try_project(Project(kind="google-benchmark", why="x", command=command), root)

    assert trial.works, trial.reason
    assert trial.project.command == command + (" {select}" if obeys else "")


def test_a_setup_that_fails_says_why(tmp_path: Path) -> None:
    """The lines that it printed, instead of the command that they belong to."""
    project = Project(kind="hyperfine", why="it is one", setup="echo No wheel; false", command="python3 suite.py {out}")

    trial = try_project(project, _committed(tmp_path / "project"))

    assert trial.reason == "The setup of head failed: No wheel"


def test_second_way_of_one_kind_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first one was named before it was tried; of the next it is said what it is."""
    ways = [Project(kind="node", why=f"script {number}", setup=f"exit {number}", command="x") for number in (1, 2)]

    assert not any(trial.works for trial in try_ways(ways, _committed(tmp_path / "project")))

    said = capsys.readouterr().err.splitlines()
    assert said == [f"Trying node{which}: its setup, then one run …" for which in ("", " (script 2)")]


def test_a_change_that_does_not_help_is_made_once(tmp_path: Path) -> None:
    """A package in no index is left out, asked for by the suite, and not left out again: the reason is told."""
    root = _committed(tmp_path / "project")
    (root / "pip.sh").write_text(
        'case "$*" in *nosuch*) echo "ERROR: No matching distribution found for nosuch"; exit 1; esac\n'
    )
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "--message", "x")
    made = "mkdir -p .venv/bin && printf '#!/bin/sh\\n. ./pip.sh\\n' > .venv/bin/python && chmod +x .venv/bin/python"
    setup = f"{made} && .venv/bin/python -m pip install --quiet -e . nosuch"
    project = Project(kind="pyperf", why="it is one", setup=setup, command="python3 -c 'import nosuch'")

    trial = try_project(project, root)

    assert [change.split(",")[0] for change in trial.mended] == ["left out nosuch", "added nosuch to the setup"]
    assert trial.absent == (
        "the package nosuch, which cannot be fetched from here. Where it can, the files work as written"
    )


def test_a_trial_runs_no_hook_and_hides_unknown_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clone takes no template with hooks, and the suite gets the variables that it would get in a job."""
    template = tmp_path / "template/hooks"
    template.mkdir(parents=True)
    (template / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/hook\n")
    (template / "post-checkout").chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[init]\n templateDir = {tmp_path}/template\n[user]\n name=x\n email=x@x\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("INTERNAL_SERVICE", "https://10.0.0.1")
    root = _committed(tmp_path / "project")
    monkeypatch.chdir(root)

    project = Project(kind="hyperfine", why="it is one", command="python3 -P suite.py {out}")
    trial = try_project(project, root.relative_to(root))
    assert trial.works, trial.reason
    assert not (tmp_path / "hook").exists()
    seen = (tmp_path / "seen").read_text().split()
    assert "PATH" in seen
    assert "INTERNAL_SERVICE" not in seen


KILLED = """
import sys
from pathlib import Path
from regress_action.commands.init_trial import try_project
from regress_action.scaffold.repository import Project
try_project(Project(kind="x", why="x", command="sleep 600"), Path(sys.argv[1]))
"""


def test_nothing_is_left_of_a_trial_that_was_killed(tmp_path: Path) -> None:
    """The measurement ends with `init`, and the next one removes the clone."""
    root, temporary = _committed(tmp_path / "project"), tmp_path / "temporary"
    temporary.mkdir()
    words, variables = [sys.executable, "-c", KILLED, os.fspath(root)], {**os.environ, "TMPDIR": os.fspath(temporary)}
    with subprocess.Popen(words, env=variables) as trial:
        measurement = _child_named(trial.pid, "sleep")
        trial.kill()
    psutil.wait_procs([measurement], timeout=60)
    assert not measurement.is_running()
    assert any(temporary.iterdir())
    with_the_next = "from regress_action.history.git_repository import temporary_folder\nwith temporary_folder(): pass"
    subprocess.run([sys.executable, "-c", with_the_next], env=variables, check=True)
    assert list(temporary.iterdir()) == []


def _child_named(pid: int, name: str) -> psutil.Process:
    """Wait until a process below `pid` has this name; return it."""
    while True:
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.name() == name:
                    return process
        time.sleep(0.05)
