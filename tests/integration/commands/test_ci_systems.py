"""The base of a job of each CI system: the right commit, or a refusal with the line to add."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from regress_action.history import Checkout
from regress_action.measure.errors import MeasureUsageError
from regress_action.measure.git import GitFolder, fork_point
from regress_action.model.errors import UsageError
from regress_action.settings.ci_systems import base_commit, change_of

if TYPE_CHECKING:
    from pathlib import Path

TIPS = ["rev-parse", "refs/remotes/origin/through-older", "HEAD"]
IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]


def git(folder: Path, *words: str) -> str:
    """Run git and return what it printed."""
    done = subprocess.run(["git", *IDENTITY, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A repository whose main went on after a topic left it; a second topic stands on the first."""
    folder = tmp_path_factory.mktemp("origin")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commits = {}

    def commit(name: str) -> None:
        git(folder, "commit", "--quiet", "--allow-empty", "--message", name)
        commits[name] = git(folder, "rev-parse", "HEAD")

    commit("start")
    commit("fork")
    git(folder, "checkout", "--quiet", "-b", "topic")
    commit("topic")
    git(folder, "checkout", "--quiet", "-b", "stacked")
    commit("stacked")
    git(folder, "checkout", "--quiet", "main")
    commit("newer")
    git(folder, "checkout", "--quiet", "-b", "merged")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "merged", "topic")
    commits["merged"] = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", "-b", "train")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "train", "stacked")
    commits["train"] = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", "-b", "release/1", commits["start"])
    commit("fix")
    git(folder, "checkout", "--quiet", "-b", "updated", "topic")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "main into topic", "main")
    git(folder, "checkout", "--quiet", "-b", "older", commits["start"])
    commit("older")
    for branch, start in (("through-older", "newer"), ("with-older", "topic")):
        git(folder, "checkout", "--quiet", "-b", branch, commits[start])
        commit(f"before {branch}")
        git(folder, "merge", "--quiet", "--no-ff", "--message", branch, "older")
    return folder, commits


def clone(origin: Path, folder: Path, branch: str, *options: str) -> Checkout:
    """Clone one branch as a CI system would, and return the checkout."""
    git(origin, "clone", "--quiet", "--branch", branch, *options, f"file://{origin}", str(folder))
    return Checkout(folder, os.environ)


def with_commits(environ: dict[str, str], commits: dict[str, str]) -> dict[str, str]:
    """Return the variables with hashes where a variable holds a commit."""
    holding = ("_SHA", "_COMMIT")
    return {name: commits.get(value, value) if name.endswith(holding) else value for name, value in environ.items()}


GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main"}
TRAIN = {"CI_MERGE_REQUEST_EVENT_TYPE": "merge_train", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "fork"}
GITLAB = {"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}


@pytest.mark.parametrize(
    ("branch", "environ", "expected"),
    [
        ("topic", {**GITLAB, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "fork"}, "fork"),
        ("merged", {**GITLAB, "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "newer"}, "newer"),
        ("main", {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_BEFORE_SHA": "fork"}, "fork"),
        ("topic", {"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"}, "fork"),
        ("stacked", {"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "topic"}, "topic"),
        ("release/1", {"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"}, "start"),
        ("topic", {"JENKINS_URL": "https://ci", "CHANGE_TARGET": "main", "CHANGE_BRANCH": "topic"}, "fork"),
        ("main", {"JENKINS_URL": "https://ci", "GIT_PREVIOUS_SUCCESSFUL_COMMIT": "start"}, "start"),
        ("topic", {"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true", "GITHUB_BASE_REF": "main"}, "fork"),
        ("topic", {"GITHUB_ACTIONS": "true", "FORGEJO_ACTIONS": "true", "GITHUB_BASE_REF": "main"}, "fork"),
        ("merged", {**GITHUB, "GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": "merged"}, "newer"),
        ("updated", {**GITHUB, "GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": "merged"}, "newer"),
        # A train merges into the one before it; its source alone left the target earlier.
        ("train", {**GITLAB, **TRAIN, "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "merged"}, "merged"),
        ("stacked", {**GITLAB, **TRAIN, "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "newer"}, "fork"),
        ("topic", {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "topic", "CI_DEFAULT_BRANCH": "main"}, "fork"),
        (
            "topic",
            {"BUILDKITE": "true", "BUILDKITE_BRANCH": "topic", "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "main"},
            "fork",
        ),
        ("train", {"BUILDKITE": "true", "BUILDKITE_MERGE_QUEUE_BASE_COMMIT": "merged"}, "merged"),
    ],
)
def test_the_base_is_the_commit_that_the_change_left(
    tmp_path: Path, origin: tuple[Path, dict[str, str]], branch: str, environ: dict[str, str], expected: str
) -> None:
    """For requests, merged results, stacked requests, release branches and pushes."""
    folder, commits = origin
    checkout = clone(folder, tmp_path / "clone", branch)
    variables = with_commits(environ, commits)

    assert base_commit(change_of(variables), checkout) == commits[expected]


def test_a_base_that_was_rewritten_is_where_the_branches_part(
    tmp_path: Path, origin: tuple[Path, dict[str, str]]
) -> None:
    """After a force push the merge base counts, not the commit that a variable of an earlier job named."""
    folder, commits = origin
    checkout = clone(folder, tmp_path / "clone", "topic")
    git(tmp_path / "clone", "reset", "--quiet", "--hard", commits["start"])
    git(tmp_path / "clone", "commit", "--quiet", "--allow-empty", "--message", "again")

    change = change_of({"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"})
    assert base_commit(change, checkout) == commits["start"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({**GITLAB, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "fork"}, 'GIT_DEPTH: "0"'),
        ({"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"}, "git fetch origin .refs/heads/main"),
        ({"JENKINS_URL": "x", "GIT_PREVIOUS_SUCCESSFUL_COMMIT": "start"}, "shallow: false"),
        ({"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true", "GITHUB_BASE_REF": "main"}, "git fetch origin"),
        ({"GITHUB_ACTIONS": "true", "FORGEJO_ACTIONS": "true", "GITHUB_BASE_REF": "main"}, "with: {fetch-depth: 0}"),
    ],
)
def test_a_shallow_clone_is_refused_with_the_line_to_add(
    tmp_path: Path, origin: tuple[Path, dict[str, str]], environ: dict[str, str], said: str
) -> None:
    """Another commit is never measured in place of the base."""
    folder, commits = origin
    checkout = clone(folder, tmp_path / "clone", "topic", "--depth=1", "--single-branch")
    variables = with_commits(environ, commits)

    with pytest.raises(UsageError) as caught:
        base_commit(change_of(variables), checkout)
    assert said.replace(".refs", "+refs") in caught.value.remedy


def test_a_shallow_target_is_refused_too(tmp_path: Path, origin: tuple[Path, dict[str, str]]) -> None:
    """Both tips are here, and the commit between them is not."""
    folder, _ = origin
    checkout = clone(folder, tmp_path / "clone", "topic", "--depth=1", "--no-single-branch")

    with pytest.raises(UsageError, match="does not reach the commit at which the change left main"):
        base_commit(change_of({"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"}), checkout)


def test_a_shallow_clone_that_shows_only_an_older_common_commit_is_refused(
    tmp_path: Path, origin: tuple[Path, dict[str, str]]
) -> None:
    """Both branches merged an older one, so git finds a merge base, and the nearer one lies where the clone is cut."""
    folder, commits = origin
    change = change_of({"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "through-older"})
    whole = clone(folder, tmp_path / "whole", "with-older")
    shallow = clone(folder, tmp_path / "shallow", "with-older", "--depth=2", "--no-single-branch")
    found = git(tmp_path / "shallow", "merge-base", "HEAD", "refs/remotes/origin/through-older")

    assert found == commits["older"]
    assert base_commit(change, whole) in {commits["fork"], commits["older"]}
    with pytest.raises(UsageError, match="does not reach the commit at which the change left through-older"):
        base_commit(change, shallow)
    with pytest.raises(MeasureUsageError, match="too shallow to tell"):
        fork_point(GitFolder(tmp_path / "shallow"), *git(tmp_path / "shallow", *TIPS).split())


def test_a_commit_that_a_forced_push_removed_is_asked_for_by_its_hash(
    tmp_path: Path, origin: tuple[Path, dict[str, str]]
) -> None:
    """More history would not bring it."""
    folder, _ = origin
    gone = "1" * 40
    checkout = clone(folder, tmp_path / "clone", "main")

    with pytest.raises(UsageError, match="rewritten") as caught:
        base_commit(
            change_of({"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_BEFORE_SHA": gone}), checkout
        )
    assert caught.value.remedy.endswith(f"git fetch origin {gone}")


@pytest.mark.parametrize(
    "environ",
    [
        {**GITHUB, "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main"},
        {"JENKINS_URL": "x", "BRANCH_NAME": "main", "GIT_PREVIOUS_SUCCESSFUL_COMMIT": "newer"},
    ],
)
def test_the_checked_out_commit_is_never_its_own_base(
    tmp_path: Path, origin: tuple[Path, dict[str, str]], environ: dict[str, str]
) -> None:
    """A job that checked out the target would measure it against itself and pass."""
    folder, commits = origin
    checkout = clone(folder, tmp_path / "clone", "main")

    with pytest.raises(UsageError, match="is the one checked out"):
        base_commit(change_of(with_commits(environ, commits)), checkout)


@pytest.mark.parametrize("system", [{}, {"GITEA_ACTIONS": "true"}, {"FORGEJO_ACTIONS": "true"}])
def test_a_push_is_measured_against_what_was_there_before(
    tmp_path: Path, origin: tuple[Path, dict[str, str]], system: dict[str, str]
) -> None:
    """The payload of the event names it."""
    folder, commits = origin
    checkout = clone(folder, tmp_path / "clone", "main")
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps({"before": commits["start"]}))
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(payload), **system}

    assert base_commit(change_of(environ), checkout) == commits["start"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "no job of a CI system"),
        ({"BUILDKITE": "true", "BUILDKITE_BRANCH": "main"}, "about no merge or pull request"),
        ({"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "new", "CI_COMMIT_BEFORE_SHA": "0" * 40}, "about no merge"),
    ],
)
def test_without_a_change_there_is_nothing_to_judge(
    tmp_path: Path, origin: tuple[Path, dict[str, str]], environ: dict[str, str], said: str
) -> None:
    """Nothing is guessed."""
    with pytest.raises(UsageError, match=said):
        base_commit(change_of(environ), clone(origin[0], tmp_path / "clone", "main"))


def test_a_merge_queue_is_measured_against_the_group_before_it(
    tmp_path: Path, origin: tuple[Path, dict[str, str]]
) -> None:
    """The payload names that commit; without it nothing is guessed, because the target may lack the groups before."""
    folder, commits = origin
    checkout = clone(folder, tmp_path / "clone", "stacked")
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps({"merge_group": {"base_sha": commits["topic"], "base_ref": "refs/heads/main"}}))
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "merge_group",
        "GITHUB_EVENT_PATH": str(payload),
        "GITHUB_REF_NAME": "gh-readonly-queue/main/pr-7-" + commits["newer"],
    }

    assert base_commit(change_of(environ), checkout) == commits["topic"]
    payload.write_text("{}")
    with pytest.raises(UsageError, match="names no commit before it"):
        base_commit(change_of(environ), checkout)
