"""A repository's life: history grows, a pull request is stopped, another passes in silence, an issue comes and goes.

The tests of this file tell one story and run in order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from e2e.e2e_repository import COSTS
from e2e.e2e_workflows import measuring, workflow

if TYPE_CHECKING:
    from e2e.e2e_repository import UserRepository

pytestmark = pytest.mark.timeout(600)
WORKFLOW = workflow(measuring())
SETTINGS = "reviewers: [octo, lead]\nteam-reviewers: [perf]\nfail-on: moderate\n"


def test_pushes_to_main_write_records(shared_repository: UserRepository) -> None:
    """Six pushes leave six records on a branch of the served repository, each in a commit of its own."""
    repository = shared_repository
    repository.github.data.collaborators["lead"] = "write"
    repository.commit("Configure", {"regress.yml": SETTINGS})
    for number in range(6):
        repository.commit(f"Change {number}", {"notes.txt": f"{number}\n"})
        ran = repository.push_event(WORKFLOW)
        assert ran.status == 0, ran.log
        assert len(repository.history()) == number + 1
    assert ran.outputs["verdict"] == "pass"


def test_a_slowdown_fails_the_step_and_is_reported(shared_repository: UserRepository) -> None:
    """A planted slowdown fails the step, and arrives as check run, annotation, comment and request for review."""
    repository, github = shared_repository, shared_repository.github.data
    repository.git("checkout", "--quiet", "-b", "slower")
    repository.costs("Parse more carefully", parse=0.017)
    ran = repository.pull_event(WORKFLOW)
    pull = github.issues[-1]
    assert ran.status == 1
    assert (ran.outputs["verdict"], ran.outputs["severity"], ran.outputs["regressions"]) == ("fail", "moderate", "1")
    [check] = [run for run in github.check_runs if run.head_sha == repository.git("rev-parse", "HEAD")]
    assert (check.status, check.conclusion) == ("completed", "failure")
    assert [annotation["path"] for annotation in check.annotations] == ["benchmarks/test_parse.py"]
    assert ran.outputs["check-run-url"].endswith(str(check.id))
    [comment] = [record for record in github.comments if record.issue == pull.number]
    assert "parse" in comment.body
    assert pull.pull is not None
    assert pull.pull.reviewers == ["lead"]
    assert pull.pull.team_reviewers == ["perf"]


def test_a_pull_request_writes_no_history(shared_repository: UserRepository) -> None:
    """What a pull request measured is not a baseline."""
    assert len(shared_repository.history()) == 6


def test_an_identical_pull_request_passes_in_silence(shared_repository: UserRepository) -> None:
    """Nothing changed, so the step is green and nobody is notified."""
    repository, github = shared_repository, shared_repository.github.data
    repository.git("checkout", "--quiet", "main")
    repository.git("checkout", "--quiet", "-b", "same")
    repository.commit("Write more", {"notes.txt": "more\n"})
    ran = repository.pull_event(WORKFLOW)
    assert ran.status == 0
    assert (ran.outputs["verdict"], ran.outputs["severity"], ran.outputs["regressions"]) == ("pass", "none", "0")
    assert not [comment for comment in github.comments if comment.issue == github.issues[-1].number]
    [check] = [run for run in github.check_runs if run.head_sha == repository.git("rev-parse", "HEAD")]
    assert (check.conclusion, check.annotations) == ("success", [])


def test_a_regression_on_main_opens_an_issue(shared_repository: UserRepository) -> None:
    """Merged all the same, it is measured again, confirmed, and gets an issue."""
    repository, github = shared_repository, shared_repository.github.data
    repository.git("checkout", "--quiet", "main")
    repository.costs("Render more carefully", render=0.05)
    ran = repository.push_event(WORKFLOW)
    assert "measured again" in ran.log
    assert ran.status == 1
    assert ran.outputs["severity"] == "critical"
    [issue] = [record for record in github.issues if record.pull is None]
    assert issue.state == "open"
    assert "render" in issue.title


def test_recovery_closes_the_issue(shared_repository: UserRepository) -> None:
    """The next push is fast again: the issue is closed, and says by what."""
    repository, github = shared_repository, shared_repository.github.data
    repository.costs("Render as before")
    ran = repository.push_event(WORKFLOW)
    [issue] = [record for record in github.issues if record.pull is None]
    assert ran.status == 0, ran.log
    assert issue.state == "closed"


def test_a_schedule_follows_the_history(shared_repository: UserRepository) -> None:
    """Nothing is measured; every benchmark is followed along the records, and the summary says what moves."""
    repository = shared_repository
    payload = {"schedule": "23 4 * * 1", "repository": {"default_branch": "main"}}
    ran = repository.act("schedule", WORKFLOW, payload, GITHUB_REF_NAME="main")
    assert ran.status == 0, ran.log
    assert "measure=true" not in ran.log
    followed = json.loads((repository.kept / "trend.json").read_text())
    assert len(followed["series"]) == len(COSTS)
    assert {series["points"] for series in followed["series"]} == {8}
