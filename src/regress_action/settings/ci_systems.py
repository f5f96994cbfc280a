"""Which change a job of a CI system is about, from the variables that the system documents."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from regress_action.model.errors import HistoryError, InputError, UsageError
from regress_action.model.files import read_optional

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regress_action.history.checkout import Checkout

_NOTHING: Final = re.compile(r"0+")
_LARGEST_EVENT: Final = 30_000_000
_DEEP: Final = {
    "GitLab CI": 'variables: {GIT_DEPTH: "0"}',
    "Forgejo or Gitea Actions": "with: {fetch-depth: 0}  at actions/checkout",
    "GitHub Actions": "with: {fetch-depth: 0}  at actions/checkout",
    "Buildkite": 'env: {BUILDKITE_GIT_CLONE_FLAGS: "-v"}  without --depth',
    "Jenkins": "[$class: 'CloneOption', shallow: false, honorRefspec: false]  in checkout's extensions",
}
"""What makes each system fetch the whole history."""


@dataclass(frozen=True, slots=True)
class CiChange:
    """The change of a job: its target branch where it is a request, or the commit that it is measured against.

    `tip` is the commit of the target branch that the checked-out commit may have merged the change into. `merge` is the
    checked-out commit where the system says that it is such a merge.
    """

    system: str
    branch: str | None = None
    target: str | None = None
    base: str | None = None
    tip: str | None = None
    merge: str | None = None


def change_of(environ: Mapping[str, str]) -> CiChange | None:
    """Return the change that a job works on; None outside of the systems that are known."""
    for read in (_gitlab, _buildkite, _jenkins, _actions):
        change = read(lambda name: environ.get(name) or None)
        if change:
            return change
    return None


def _gitlab(value: Callable[[str], str | None]) -> CiChange | None:
    """docs.gitlab.com/ci/variables/predefined_variables: merged results and trains name what they merge into."""
    if value("GITLAB_CI") is None:
        return None
    if value("CI_MERGE_REQUEST_IID") is not None:
        return CiChange(
            "GitLab CI",
            value("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"),
            value("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
            value("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
            tip=value("CI_MERGE_REQUEST_TARGET_BRANCH_SHA"),
        )
    branch, before = value("CI_COMMIT_BRANCH"), _commit(value("CI_COMMIT_BEFORE_SHA"))
    return CiChange("GitLab CI", branch, None if before else _other(value("CI_DEFAULT_BRANCH"), branch), before)


def _buildkite(value: Callable[[str], str | None]) -> CiChange | None:
    """buildkite.com/docs/pipelines/configure/environment-variables: the base branch is set for pull requests only."""
    if value("BUILDKITE") is None:
        return None
    branch = value("BUILDKITE_BRANCH")
    if group := _commit(value("BUILDKITE_MERGE_QUEUE_BASE_COMMIT")):
        return CiChange("Buildkite", branch, value("BUILDKITE_MERGE_QUEUE_BASE_BRANCH"), group)
    target = value("BUILDKITE_PULL_REQUEST_BASE_BRANCH")
    return CiChange("Buildkite", branch, target or _other(value("BUILDKITE_PIPELINE_DEFAULT_BRANCH"), branch))


def _jenkins(value: Callable[[str], str | None]) -> CiChange | None:
    """jenkins.io: CHANGE_TARGET of multibranch pipelines, GIT_PREVIOUS_SUCCESSFUL_COMMIT of the git plugin."""
    if value("JENKINS_URL") is None:
        return None
    target = value("CHANGE_TARGET")
    before = None if target else _commit(value("GIT_PREVIOUS_SUCCESSFUL_COMMIT"))
    return CiChange("Jenkins", value("CHANGE_BRANCH") or value("BRANCH_NAME"), target, before)


def _actions(value: Callable[[str], str | None]) -> CiChange | None:
    """GitHub's variables, which Forgejo and Gitea set as well."""
    if value("GITHUB_ACTIONS") is None:
        return None
    other = value("GITEA_ACTIONS") or value("FORGEJO_ACTIONS")
    system = "Forgejo or Gitea Actions" if other else "GitHub Actions"
    before = {"merge_group": ("merge_group", "base_sha"), "push": ("before",)}.get(value("GITHUB_EVENT_NAME") or "")
    if before is not None:  # the base of a merge group holds the groups before it
        return CiChange(system, value("GITHUB_REF_NAME"), base=_commit(_of_event(value("GITHUB_EVENT_PATH"), *before)))
    is_merge = re.fullmatch(r"refs/pull/\d+/merge", value("GITHUB_REF") or "") is not None
    return CiChange(
        system,
        value("GITHUB_HEAD_REF") or value("GITHUB_REF_NAME"),
        value("GITHUB_BASE_REF"),
        merge=value("GITHUB_SHA") if is_merge else None,
    )


def _of_event(path: str | None, *keys: str) -> str | None:
    """Return a text of the event's payload, None where it is not there."""
    try:
        content = json.loads(read_optional(Path(path), _LARGEST_EVENT) or b"{}") if path else {}
        for key in keys:
            content = content[key]
    except (InputError, OSError, ValueError, LookupError, TypeError):
        return None
    return content if isinstance(content, str) else None


def _commit(text: str | None) -> str | None:
    return None if text is None or _NOTHING.fullmatch(text) else text


def _other(default: str | None, branch: str | None) -> str | None:
    """Return the default branch as the target of a build of another branch."""
    return default if branch and branch != default else None


def base_commit(change: CiChange | None, checkout: Checkout) -> str:
    """Return the commit that the checked-out one is measured against.

    That is where it left the target branch, or the commit that the system names. A merged result left the target at the
    commit that it was merged into.

    Raises:
        UsageError: no system is known here, the job is about no change, or the commit is not in this clone.
    """
    if change is None:
        raise UsageError(
            "--base ci: this is no job of a CI system that is known.",
            meaning="The base is read from the variables of GitLab CI, Buildkite, Jenkins, Forgejo, Gitea and GitHub.",
            remedy="Name the commit: --base origin/main",
        )
    base = _base(change, checkout)
    if base == checkout.ancestors("HEAD", limit=1)[0]:
        raise UsageError(
            f"--base ci: the commit that {change.system} names as the base, {base[:12]}, is the one checked out.",
            meaning="The job has checked out the target instead of the change, or it repeats a commit.",
            remedy="Check out the head of the request. To measure a commit against itself, name it: --base HEAD",
        )
    return base


def _base(change: CiChange, checkout: Checkout) -> str:
    """Return the base, which may be the checked-out commit itself."""
    if change.tip:
        return _left(_present(change.tip, change, checkout), change, checkout)
    if change.base:
        return _present(change.base, change, checkout)
    if change.target is None:
        raise UsageError(
            f"--base ci: this job of {change.system} is about no merge or pull request, and names no commit before it.",
            meaning="There is no change to judge.",
            remedy="Run it for requests only; on the default branch measure without --base, and record.",
        )
    if change.merge == checkout.ancestors("HEAD", limit=1)[0] and len(parents := checkout.parents("HEAD")) > 1:
        return _present(parents[0], change, checkout)
    return _merge_base(change, change.target, checkout)


def _present(commit: str, change: CiChange, checkout: Checkout) -> str:
    try:
        return checkout.ancestors(commit, limit=1)[0]
    except HistoryError as error:
        if not checkout.is_shallow:
            raise UsageError(
                f"The base {commit[:12]} is on no branch that was fetched: the branch was rewritten since.",
                meaning="Another commit is never measured in its place.",
                remedy=f"Fetch it first: git fetch origin {commit}",
            ) from error
        raise UsageError(
            f"The base {commit[:12]} is not in this clone.",
            meaning="Another commit is never measured in its place.",
            remedy=f"Fetch the history: {_DEEP[change.system]}",
        ) from error


def _merge_base(change: CiChange, target: str, checkout: Checkout) -> str:
    remote = f"refs/remotes/origin/{target}"
    try:
        checkout.ancestors(remote, limit=1)
    except HistoryError as error:
        history = f"; and the history, for the clone is shallow: {_DEEP[change.system]}" if checkout.is_shallow else ""
        raise UsageError(
            f"The target branch {target} is not in this clone.",
            meaning="The base is where the change left that branch.",
            remedy=f"Fetch it first: git fetch origin +refs/heads/{target}:{remote}{history}",
        ) from error
    return _left(remote, change, checkout)


def _left(target: str, change: CiChange, checkout: Checkout) -> str:
    try:
        return checkout.merge_base(target, "HEAD")
    except HistoryError as error:
        raise UsageError(
            f"This clone does not reach the commit at which the change left {change.target or target}.",
            meaning="It is shallow, and another commit is never measured in its place.",
            remedy=f"Fetch the history: {_DEEP[change.system]}",
        ) from error
