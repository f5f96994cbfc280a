"""`plan`, the measurer and `ci` in the order in which the action calls them, against a real HTTP fake of GitHub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from integration.action.action_workspace import Workspace


def test_a_slower_pull_request_fails_and_says_so_everywhere(workspace: Workspace) -> None:
    """The step fails; check run, comment, summary and outputs name the benchmark."""
    base, head = workspace.commit(0.01), workspace.commit(0.025)
    status, outputs, log = workspace.step("pull_request", workspace.pull_request(head, base))
    assert status == 1, log
    assert (outputs["verdict"], outputs["severity"], outputs["regressions"]) == ("fail", "critical", "1")
    [check] = workspace.github.data.check_runs
    assert (check.head_sha, check.status, check.conclusion) == (head, "completed", "failure")
    [comment] = workspace.github.data.comments
    assert "test_parse" in comment.body
    assert "test_parse" in (workspace.folder.parent / "summary.md").read_text()
    assert json.loads((workspace.folder / outputs["report"]).read_text())["summary"]["verdict"] == "fail"
    said = [line for line in log.splitlines() if not line.startswith("::add-mask::")]
    assert said[0].startswith("Mode detect: pull request #")


def test_whatever_github_does_the_exit_status_tells_the_verdict(workspace: Workspace) -> None:
    """Measured and judged again while a write goes wrong, the step fails as before, and nothing is there twice."""
    base, head = workspace.commit(0.01), workspace.commit(0.025)
    payload = workspace.pull_request(head, base)
    for attempt, fault in enumerate(["", "502-after", "dropped"], start=1):
        if fault:
            workspace.github.fail(fault, "POST|PATCH", skip=attempt - 2)
        workspace.environ["GITHUB_RUN_ATTEMPT"] = str(attempt)
        status, outputs, log = workspace.step("pull_request", payload)
        assert (status, outputs["severity"]) == (1, "critical"), log
    assert [fault.hits for fault in workspace.github.faults] == [1, 1]
    data = workspace.github.data
    assert (len(data.comments), data.issues[0].labels) == (1, ["performance-regression"])
    assert [(check.conclusion, len(check.annotations)) for check in data.check_runs] == [("failure", 1)]


def test_an_equal_pull_request_is_silent(workspace: Workspace) -> None:
    """Nothing changed: a green check and not a word in the pull request."""
    base, head = workspace.commit(0.01), workspace.commit(0.01)
    status, outputs, log = workspace.step("pull_request", workspace.pull_request(head, base))
    assert (status, outputs["verdict"]) == (0, "pass"), log
    assert workspace.github.data.comments == []
    assert [check.conclusion for check in workspace.github.data.check_runs] == ["success"]


def test_a_slower_push_is_confirmed_before_an_issue_is_opened(workspace: Workspace) -> None:
    """Five pushes are a baseline; the slow sixth is measured again, paired, and only then becomes an issue.

    Base and head then alternate as finely as the settings ask for: here the suites take turns, of the suspects only. It
    ends as any other measurement does, here at its first look.
    """
    suite = workspace.folder / "benchmarks" / "test_parse.py"
    suite.parent.mkdir()
    suite.write_text(
        "import time\n\ndef test_parse(benchmark):\n    benchmark.group = 'parsing'\n"
        "    benchmark(time.sleep, float(open('cost.txt').read()))\n\n"
        "def test_fast(benchmark): benchmark(sum, range(100))\n"
    )
    command = f"{sys.executable} -m pytest -q -p no:cacheprovider --benchmark-max-time=0.05 {{select}}"
    command += " --benchmark-json={out}"
    for _ in range(5):
        pushed = workspace.pushed(workspace.commit(0.01))
        status, _, log = workspace.step("push", pushed, runs="3", **{"check-run": "false"})
        assert status == 0, log
    assert workspace.github.data.issues == []
    slow = workspace.pushed(workspace.commit(0.025))
    status, outputs, log = workspace.step("push", slow, runs="10", interleave="lockstep", command=command)
    assert (status, outputs["verdict"]) == (1, "fail"), log
    assert "measured again" in log
    again = json.loads((workspace.folder / ".regress/confirmation/measurement.json").read_text())
    assert (again["interleave"]["asked"], again["interleave"]["kind"]) == ("lockstep", "cooperative")
    assert (again["plan"]["pairs"], again["stopped"]["word"]) == (10, "decided"), log
    suspects = ["benchmarks/test_parse.py::test_parse"]
    assert [(run["selection"], run["turns"]["met"]) for run in again["runs"]] == [(suspects, 1)] * 10
    [issue] = workspace.github.data.issues
    assert "test_parse" in issue.title + issue.body
    assert "xychart" in issue.body
    records = list((workspace.folder / ".regress/history/runs").rglob("*.jsonl"))
    assert len(records) == 6


def test_nothing_measured_is_a_failure_of_its_own(workspace: Workspace) -> None:
    """A suite that breaks is no pass: the step ends with 3, and the check run is not left hanging."""
    base, head = workspace.commit(0.01), workspace.commit(0.01)
    status, _, log = workspace.step("pull_request", workspace.pull_request(head, base), command="exit 1")
    assert status == 3, log
    assert all(check.status == "completed" for check in workspace.github.data.check_runs)


@pytest.mark.parametrize(("block", "conclusion"), [("", "neutral"), ("true", "action_required")])
def test_a_moderate_regression_waits_for_a_decision_where_it_shall(
    workspace: Workspace, block: str, conclusion: str
) -> None:
    """The step passes either way; what a required check makes of it is the policy's."""
    base, head = workspace.commit(0.01), workspace.commit(0.0172)
    event = workspace.pull_request(head, base)
    status, outputs, log = workspace.step("pull_request", event, **{"block-moderate": block})
    assert (status, outputs["severity"]) == (0, "moderate"), log
    assert [check.conclusion for check in workspace.github.data.check_runs] == [conclusion]


def test_a_report_that_cannot_be_written_costs_neither_verdict_nor_outputs(workspace: Workspace) -> None:
    """The step fails with 1 and sets its outputs; a warning names the copy that is lost."""
    suite = (workspace.folder / "suite.py").read_text()
    blocked = str(workspace.folder / ".regress/report.json/x")
    (workspace.folder / "suite.py").write_text(f"{suite}\nimport os; os.makedirs({blocked!r}, exist_ok=True)\n")
    base, head = workspace.commit(0.01), workspace.commit(0.025)
    status, outputs, log = workspace.step("pull_request", workspace.pull_request(head, base))
    assert (status, outputs["verdict"]) == (1, "fail"), log
    assert "The verdict stands, but this copy is lost." in log
    assert "Traceback" not in log


def test_a_full_disk_under_standard_output_is_one_error(workspace: Workspace) -> None:
    """Writing to a full device ends with 4 and a sentence, not with a traceback."""
    (workspace.folder / "a.json").write_text('{"parse": {"latency": {"value": 100}}}')
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "regress_action",
                "compare",
                "--baseline",
                "a.json",
                "--head",
                "a.json",
                "--json",
                "-",
            ],
            cwd=workspace.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["plan", "ci"])
def test_outside_of_a_workflow_the_missing_event_is_named(workspace: Workspace, command: str) -> None:
    """Neither command does nothing in silence."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    words = [sys.executable, "-m", "regress_action", command]
    done = subprocess.run(words, cwd=workspace.folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "GITHUB_EVENT_NAME is not set" in done.stderr
