"""The builds of a history bound what layout may change, when a pull request of compiled code is judged in pairs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration.action.action_workspace import REPOSITORY
from regress_action.model import records
from regress_action.stores import connected_history

if TYPE_CHECKING:
    from pathlib import Path

    from integration.action.action_workspace import Workspace
    from regress_action.model.measurements import Report

pytestmark = pytest.mark.timeout(600)
SUITE = """
import random, sys
level = float(open("cost.txt").read()) * random.gauss(1, 0.002)
lines = [f"BenchmarkParse-2 1000 {level * random.gauss(1, 0.002) * 1e9:.1f} ns/op" for _ in range(5)]
open(sys.argv[1], "w").write("\\n".join(["goos: linux", "pkg: widgets", *lines, "PASS", ""]))
"""


def _store(folder: Path, measured: Report) -> None:
    """Store twelve builds of the main branch, every other one 40 % slower."""
    history = connected_history(str(folder / ".regress/history"), repository=folder, environ={})
    history.extend(
        [
            replace(
                measured,
                commit=f"{number:040x}",
                branch="main",
                created=f"2026-01-{number + 1:02}T12:00:00Z",
                provenance=(("compiled", "true"), ("event", "push")),
                series=tuple(
                    replace(row, values=tuple(value * (1 + 0.4 * (number % 2)) for value in row.values))
                    for row in measured.series
                ),
            )
            for number in range(12)
        ]
    )


def _reason(folder: Path) -> str:
    [row] = json.loads((folder / ".regress/report.json").read_text())["comparisons"]
    return str(row["reason"])


def _of_artifact(workspace: Workspace, head: str) -> tuple[int, str]:
    """Publish what was measured as the artifact of another run; return the exit status, and the reason."""
    folder = workspace.folder / ".regress"
    files = {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}
    workspace.github.data.add_artifact("regress-report", files, 77)
    run = {"id": 77, "event": "pull_request", "head_sha": head, "head_branch": "feature", "conclusion": "success"}
    workspace.github.seed({"runs": [run | {"head_repository": REPOSITORY}]})
    payload = {
        "action": "completed",
        "workflow_run": run | {"head_repository": {"full_name": REPOSITORY}},
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
    }
    status, _, _ = workspace.step("workflow_run", payload, command="", **{"fail-on": "minor"})
    return status, _reason(workspace.folder)


def test_pairs_of_compiled_code_are_held_to_what_the_builds_of_the_history_did(workspace: Workspace) -> None:
    """×1.4 fails where nothing can be known. Where builds differed by that it is suspected, in an artifact too."""
    (workspace.folder / "suite.py").write_text(SUITE)
    base, head = workspace.commit(0.01), workspace.commit(0.014)
    event = workspace.pull_request(head, base)
    command = f"{sys.executable} suite.py bench.txt"
    inputs = {"command": command, "results": "bench.txt", "runs": "5", "fail-on": "minor"}

    unknown, _, _ = workspace.step("pull_request", event, **inputs)
    measured = records.decode((workspace.folder / ".regress/head.jsonl").read_bytes(), "head")
    _store(workspace.folder, measured)
    known, _, _ = workspace.step("pull_request", event, **inputs)

    assert (unknown, known) == (1, 0)
    assert "as 12 builds in the history show" in _reason(workspace.folder)
    published, reason = _of_artifact(workspace, head)
    assert published == 0
    assert "as 12 builds in the history show" in reason

    stored = next((workspace.folder / ".regress/history/runs").rglob("*.jsonl"))
    stored.write_text("no record")
    unreadable, _, _ = workspace.step("pull_request", event, **inputs)
    assert unreadable == 1  # the verdict of pairs does not depend on the history
