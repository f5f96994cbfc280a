"""A repository's life: history grows, a pull request is stopped, another passes in silence, an issue comes and goes.

The tests of this file tell one story and run in order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from e2e_workflows import measuring, workflow
from e2e_world import COSTS

if TYPE_CHECKING:
    from e2e_world import GithubData

pytestmark = pytest.mark.timeout(600)
WORKFLOW = workflow(measuring())
SETTINGS = "reviewers: [octo, lead]\nteam-reviewers: [perf]\nfail-on: moderate\n"


def test_pushes_to_main_write_records(shared_world: GithubData) -> None:
    """Six pushes leave six records on a branch of the served repository, each in a commit of its own."""
    world = shared_world
    world.github.data.collaborators["lead"] = "write"
    world.commit("Configure", {"regress.yml": SETTINGS})
    for number in range(6):
        world.commit(f"Change {number}", {"notes.txt": f"{number}\n"})
        ran = world.push_event(WORKFLOW)
        assert ran.status == 0, ran.log
        assert len(world.history()) == number + 1
    assert ran.told["verdict"] == "pass"


def test_a_slowdown_stops_the_merge_and_is_told(shared_world: GithubData) -> None:
    """A planted slowdown fails the step, and arrives as check run, annotation, comment and request for review."""
    world, github = shared_world, shared_world.github.data
    world.git("checkout", "--quiet", "-b", "slower")
    world.costs("Parse more carefully", parse=0.017)
    ran = world.pull_event(WORKFLOW)
    pull = github.issues[-1]
    assert ran.status == 1
    assert (ran.told["verdict"], ran.told["severity"], ran.told["regressions"]) == ("fail", "moderate", "1")
    [check] = [each for each in github.check_runs if each.head_sha == world.git("rev-parse", "HEAD")]
    assert (check.status, check.conclusion) == ("completed", "failure")
    assert [each["path"] for each in check.annotations] == ["benchmarks/test_parse.py"]
    assert ran.told["check-run-url"].endswith(str(check.id))
    [comment] = [each for each in github.comments if each.issue == pull.number]
    assert "parse" in comment.body
    assert pull.pull is not None
    assert pull.pull.reviewers == ["lead"]
    assert pull.pull.team_reviewers == ["perf"]


def test_a_pull_request_writes_no_history(shared_world: GithubData) -> None:
    """What a pull request measured is not a baseline."""
    assert len(shared_world.history()) == 6


def test_an_identical_pull_request_passes_in_silence(shared_world: GithubData) -> None:
    """Nothing changed, so the step is green and nobody is told anything."""
    world, github = shared_world, shared_world.github.data
    world.git("checkout", "--quiet", "main")
    world.git("checkout", "--quiet", "-b", "same")
    world.commit("Write more", {"notes.txt": "more\n"})
    ran = world.pull_event(WORKFLOW)
    assert ran.status == 0
    assert (ran.told["verdict"], ran.told["severity"], ran.told["regressions"]) == ("pass", "none", "0")
    assert not [each for each in github.comments if each.issue == github.issues[-1].number]
    [check] = [each for each in github.check_runs if each.head_sha == world.git("rev-parse", "HEAD")]
    assert (check.conclusion, check.annotations) == ("success", [])


def test_a_regression_on_main_opens_an_issue(shared_world: GithubData) -> None:
    """Merged all the same, it is measured again, confirmed, and gets an issue."""
    world, github = shared_world, shared_world.github.data
    world.git("checkout", "--quiet", "main")
    world.costs("Render more carefully", render=0.05)
    ran = world.push_event(WORKFLOW)
    assert "measured again" in ran.log
    assert ran.status == 1
    assert ran.told["severity"] == "critical"
    [issue] = [each for each in github.issues if each.pull is None]
    assert issue.state == "open"
    assert "render" in issue.title


def test_recovery_closes_the_issue(shared_world: GithubData) -> None:
    """The next push is fast again: the issue is closed, and says by what."""
    world, github = shared_world, shared_world.github.data
    world.costs("Render as before")
    ran = world.push_event(WORKFLOW)
    [issue] = [each for each in github.issues if each.pull is None]
    assert ran.status == 0, ran.log
    assert issue.state == "closed"


def test_a_schedule_follows_the_history(shared_world: GithubData) -> None:
    """Nothing is measured; every benchmark is followed along the records, and the summary says what moves."""
    world = shared_world
    payload = {"schedule": "23 4 * * 1", "repository": {"default_branch": "main"}}
    ran = world.act("schedule", WORKFLOW, payload, GITHUB_REF_NAME="main")
    assert ran.status == 0, ran.log
    assert "measure=true" not in ran.log
    followed = json.loads((world.kept / "trend.json").read_text())
    assert len(followed["series"]) == len(COSTS)
    assert {each["points"] for each in followed["series"]} == {8}
