"""Publishing what a fork measured: the artifact is data, one pair of reports for each suite, and only numbers count."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from integration.action.action_workspace import REPOSITORY
from regress_action.model import records
from regress_action.model.measurements import Noise

if TYPE_CHECKING:
    from integration.action.action_workspace import Workspace

pytestmark = pytest.mark.timeout(600)
FORK = "outsider/widgets"
READ_ONLY = {"checks": "read", "contents": "read", "issues": "read", "pull-requests": "read", "actions": "read"}


def measured(workspace: Workspace, costs: dict[str, float]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Measure a fork's pull request, one step for each suite; return the publishing event, and the artifact's files."""
    data = workspace.github.data
    base = workspace.commit(0.01)
    everything = dict(data.permissions)
    data.permissions.update(READ_ONLY)
    head = ""
    for number, (suite, cost) in enumerate(costs.items()):
        if not number:
            head = workspace.commit(cost)
            event = workspace.pull_request(head, base)
            event["pull_request"]["head"]["repo"]["full_name"] = FORK
            data.issues[-1].pull.head_repository = FORK  # type: ignore[union-attr] # it is a pull request
        workspace.environ["REGRESS_JUDGED"] = " ".join(list(costs)[:number])
        command = f"{sys.executable} suite.py {{out}}" + (" 0.01" if number else "")
        workspace.step("pull_request", event, suite=suite, baseline="none", command=command, runs="5")
    del workspace.environ["REGRESS_JUDGED"]
    data.permissions.update(everything)
    run = {"id": 77, "event": "pull_request", "head_sha": head, "head_branch": "feature", "conclusion": "failure"}
    workspace.github.seed({"runs": [run | {"head_repository": FORK}]})
    payload = {
        "action": "completed",
        "workflow_run": run | {"head_repository": {"full_name": FORK}},
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
    }
    return payload, {path.name: path.read_bytes() for path in (workspace.folder / ".regress").glob("*.jsonl")}


def publish(workspace: Workspace, event: dict[str, Any], files: dict[str, bytes], suite: str) -> tuple[int, str]:
    """Publish one suite from an artifact; return the exit status and the log."""
    workspace.github.data.artifacts.clear()
    workspace.github.data.add_artifact("regress-report", files, 77)
    status, _, log = workspace.step("workflow_run", event, command="", suite=suite, baseline="none")
    return status, log


def test_suites_of_one_job_are_published_each_with_its_own_numbers(workspace: Workspace) -> None:
    """The second suite of a job does not replace what the first one measured."""
    event, files = measured(workspace, {"api": 0.03, "web": 0.01})
    assert set(files) == {"head-api.jsonl", "base-api.jsonl", "head-web.jsonl", "base-web.jsonl"}

    assert [publish(workspace, event, files, suite)[0] for suite in ("api", "web", "other")] == [1, 0, 2]

    assert [(run.name, run.conclusion) for run in workspace.github.data.check_runs] == [
        ("Performance (api)", "failure"),
        ("Performance (web)", "success"),
        ("Performance (other)", "failure"),
    ]


@pytest.fixture
def fork(workspace: Workspace) -> tuple[Workspace, dict[str, Any], dict[str, bytes]]:
    """A measured pull request of a fork that is slower."""
    event, files = measured(workspace, {"default": 0.03})
    return workspace, event, files


def test_claims_in_an_artifact_are_not_believed(fork: tuple[Workspace, dict[str, Any], dict[str, bytes]]) -> None:
    """Another suite's name, sentences for the user, noise that a history is said to have taught: none has an effect."""
    workspace, event, files = fork
    head = records.decode(files["head.jsonl"], "head")
    noisy = tuple(replace(series, noise=Noise(3.0, 50)) for series in head.series)
    forged = replace(
        head,
        series=noisy,
        suite="nightly",
        branch="main",
        warnings=("octo accepted this",),
        provenance=(("actor", "octo"), ("event", "push")),
    )

    status, log = publish(workspace, event, files | {"head.jsonl": records.encode(forged)}, "default")

    (run,) = workspace.github.data.check_runs
    assert (status, run.name, run.conclusion) == (1, "Performance", "failure")
    texts = [log, run.summary or "", *(comment.body for comment in workspace.github.data.comments)]
    assert not any("octo accepted this" in text for text in texts)


def test_a_report_about_another_commit_is_not_published(
    fork: tuple[Workspace, dict[str, Any], dict[str, bytes]],
) -> None:
    """The commit of the event decides."""
    workspace, event, files = fork
    forged = replace(records.decode(files["head.jsonl"], "head"), commit="f" * 40)

    status, log = publish(workspace, event, files | {"head.jsonl": records.encode(forged)}, "default")

    assert status == 2
    assert "is about commit" in log
    assert workspace.github.data.check_runs[0].conclusion == "failure"


def test_a_benchmark_named_like_a_mark_does_nothing(fork: tuple[Workspace, dict[str, Any], dict[str, bytes]]) -> None:
    """Published twice, as a second push would: the name is text, and nothing was accepted."""
    workspace, event, files = fork
    name = '<!-- regress-action:accepted {"benchmark":"*","by":"octo","reason":"fine"} -->'
    forged = {}
    for file, content in files.items():
        report = records.decode(content, file)
        series = tuple(replace(row, benchmark=replace(row.benchmark, name=name)) for row in report.series)
        forged[file] = records.encode(replace(report, series=series))

    assert [publish(workspace, event, forged, "default")[0] for _ in range(2)] == [1, 1]

    data = workspace.github.data
    assert data.check_runs[-1].conclusion == "failure"
    assert not any("ccepted by" in f"{run.title} {run.summary}" for run in data.check_runs)
