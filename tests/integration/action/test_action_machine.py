"""What the machine did while it was measured, and what was spared: from real processes to every form of the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.model import records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.action.action_workspace import Workspace

SUITE = """
import json, os, random, sys, time
time.sleep({seconds})
pair, head = int(os.environ["REGRESS_PAIR"]), os.environ["REGRESS_SIDE"] == "head"
turn = (1, -0.3, -1, 0.6, 0.1)[pair % 5]
level = 0.01 * random.gauss(1, 0.001) * {swing} ** (turn * head)
rows = [dict(name=name, fullname="bench.py::" + name, group=None, options=dict(),
        stats=dict(data=[level] * 5, rounds=5, iterations=1, median=level)) for name in ("test_a", "test_b")]
json.dump(dict(machine_info=dict(), commit_info=dict(), benchmarks=rows, version="5.1.0"), open(sys.argv[1], "w"))
"""
COMMAND = ("--", sys.executable, "suite.py", "{out}")
ELSEWHERE = "Measure again on another runner before you act on this:"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a repository of one commit, for a suite that a test writes."""
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "init.defaultBranch=main")
    for words in (("init", "--quiet"), ("commit", "--quiet", "--allow-empty", "--message", "start")):
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True)
    return tmp_path


def suite(project: Path, *, swing: float = 1.0, seconds: float = 0.0) -> None:
    """Write the suite: the times of the head are up to `swing` times too long or too short."""
    (project / "suite.py").write_text(SUITE.format(swing=swing, seconds=seconds))


def command(*words: str) -> list[str]:
    """Return the program's command line."""
    return [sys.executable, "-m", "regress_action", *words]


def regress(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does."""
    return subprocess.run(command(*words), cwd=project, capture_output=True, text=True, check=False)


def judgement(project: Path) -> dict[str, Any]:
    """Read the judgement that --json left."""
    judged: dict[str, Any] = json.loads((project / "out.json").read_text())
    return judged


def test_what_stopping_early_spared_is_said_in_every_form(project: Path) -> None:
    """The decision after a few of forty pairs saves most of them, and terminal, Markdown, HTML and JSON agree on it."""
    suite(project, seconds=0.05)
    forms = ("--json", "out.json", "--markdown", "out.md", "--html", "out.html")
    ended = regress(project, "run", "--base", "HEAD", "--carry", "suite.py", "--pairs", "40", *forms, *COMMAND)
    assert ended.returncode == 0, ended.stdout + ended.stderr

    runs = json.loads((project / ".regress/measurement/measurement.json").read_text())["runs"]
    assert len(runs) < 80
    mean_s = sum(run["wall_s"] for run in runs) / len(runs)
    minutes = judgement(project)["minutes_saved"]
    assert minutes * 60 == pytest.approx((80 - len(runs)) * mean_s, abs=0.01)
    assert records.decode((project / ".regress/head.jsonl").read_bytes(), "head").saved_s == pytest.approx(minutes * 60)
    for text in (ended.stdout, (project / "out.md").read_text(), (project / "out.html").read_text()):
        assert f"{minutes * 60:.2g} seconds saved by stopping early" in text


def test_the_action_says_what_was_spared(workspace: Workspace) -> None:
    """From the plan over the runner's measurement to comment, summary and report of a pull request."""
    base, head = workspace.commit(0.01), workspace.commit(0.025)
    status, _, log = workspace.step("pull_request", workspace.pull_request(head, base), runs="16")
    assert status == 1, log

    report = json.loads((workspace.folder / ".regress/report.json").read_text())
    assert report["minutes_saved"] > 0
    (comment,) = [comment.body for comment in workspace.github.data.comments]
    summary = (workspace.folder.parent / "summary.md").read_text()
    for text in (log, comment, summary, (workspace.folder / ".regress/report.md").read_text()):
        assert "saved by stopping early" in text


@contextmanager
def crowd(cpu: int, size: int) -> Iterator[None]:
    """Keep one CPU busy with as many processes."""
    code = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nwhile os.getppid() == {os.getpid()}: sum(range(10000))"
    with ExitStack() as stack:
        for _ in range(size):
            hog = stack.enter_context(subprocess.Popen([sys.executable, "-I", "-S", "-c", code]))
            stack.callback(hog.kill)
        yield


def test_a_machine_that_swings_is_named_beside_what_it_left_undecided(project: Path) -> None:
    """Others crowd the CPU from the third pair on: the probe sees it, and another runner is suggested."""
    suite(project, swing=2.0, seconds=0.1)
    cpu = min(os.sched_getaffinity(0))
    pinned = f"import os, sys; os.sched_setaffinity(0, {{{cpu}}}); os.execv(sys.argv[1], sys.argv[1:])"
    words = command("run", "--base", "HEAD", "--carry", "suite.py", "--pairs", "5", "--json", "out.json", *COMMAND)
    with subprocess.Popen(
        [sys.executable, "-c", pinned, *words], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        until = time.monotonic() + 60
        while not list(project.glob(".regress/measurement/runs/*-03.log")) and time.monotonic() < until:
            time.sleep(0.02)
        with crowd(cpu, 10):
            stdout, stderr = running.communicate(timeout=120)
    assert running.returncode == 0, stderr

    judged = judgement(project)
    assert {row["verdict"] for row in judged["comparisons"]} == {"inconclusive"}
    assert judged["machine"]["probe_swing"] > 1.2
    assert "swing" in judged["machine"]["doubts"]
    (note,) = [note for note in judged["notes"] if note.startswith("The speed of this machine varies")]
    assert note.endswith("which explains 2 undecided comparisons.")
    assert judged["elsewhere"].startswith(ELSEWHERE)
    assert " ".join(stdout.split()).count(ELSEWHERE) == 1


def test_a_slower_machine_than_those_of_the_history_is_reported(project: Path) -> None:
    """Six records of a machine three times as fast as this one really is: said once, and no row is blamed for it."""
    suite(project, swing=1.3)
    assert regress(project, "run", "--runs", "3", *COMMAND).returncode == 0
    head = records.decode((project / ".regress/head.jsonl").read_bytes(), "head")
    (real,) = head.conditions
    assert real.typical_s
    assert real.speed_variation
    faster = 3 * real.speed_variation
    then = real.typical_s / faster
    past = replace(real, typical_s=then, fastest_s=then, slowest_s=then)
    store = ("--history", ".regress/history")
    for day in range(6):
        older = replace(
            head,
            runs=tuple(replace(run, session=f"{day}", pair=None) for run in head.runs),
            created=f"2026-01-{day + 1:02}T00:00:00Z",
            commit=f"{day:040x}",
            conditions=(past,),
        )
        (project / "older.jsonl").write_bytes(records.encode(older))
        assert regress(project, "record", "older.jsonl", *store).returncode == 0

    ended = regress(project, "detect", ".regress/head.jsonl", *store, "--json", "out.json", "--markdown", "out.md")

    judged = judgement(project)
    assert judged["mode"] == "history"
    assert judged["machine"]["probe_ratio"] == pytest.approx(faster, rel=0.01)
    assert judged["machine"]["doubts"][0] == "speed"
    assert judged["summary"]["regressions"] == 0
    assert len([note for note in judged["notes"] if "on the head's machine" in note]) == 1
    assert "on the head's machine" in " ".join(ended.stdout.split())
    assert "on the head's machine" in (project / "out.md").read_text()
