"""What a run is going to do, decided from its event alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Stage(StrEnum):
    """What to do; the first four are the stages of the design, the values of the input `mode`."""

    BASELINE = "baseline"
    DETECT = "detect"
    TREND = "trend"
    PUBLISH = "publish"
    COMMAND = "command"
    REFUSE = "refuse"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The stage, why it was chosen, and what the event says about the commits.

    `head_sha` is the commit that is judged: the head of a pull request, never its merge commit. `head_repository` is
    None where a fork was deleted. `measured_run_id` is the workflow run whose artifact `publish` reads.
    `is_fork` is about the head. `labels` are those of the pull request when the event happened. `since` is when GitHub
    learnt of the commit that is judged, at the latest, in ISO 8601. `issue` is the number of what was commented on, a
    pull request or not. `job` distinguishes the jobs of one workflow run,
    the legs of a matrix among them, and is the same when they are run again.
    """

    mode: Stage
    why: str
    event: str = ""
    action: str | None = None
    repository: str = ""
    default_branch: str = "main"
    head_sha: str | None = None
    base_sha: str | None = None
    head_ref: str | None = None
    base_ref: str | None = None
    head_repository: str | None = None
    pull_request: int | None = None
    pull_request_author: str | None = None
    is_fork: bool = False
    is_draft: bool = False
    may_write_history: bool = False
    may_comment: bool = False
    labels: tuple[str, ...] = ()
    since: str | None = None
    tag: str | None = None
    measured_run_id: int | None = None
    issue: int | None = None
    comment: str | None = None
    comment_id: int | None = None
    run_id: int = 0
    attempt: int = 1
    job: str = ""
    actor: str = ""
    server_url: str = "https://github.com"

    @property
    def run_url(self) -> str:
        """The page of the workflow run."""
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}"

    @property
    def read_only(self) -> bool:
        """Whether the token can only read: on a pull request from a fork, whatever the workflow asks for."""
        return self.is_fork and self.event == "pull_request"

    @property
    def on_default_branch(self) -> bool:
        """Whether the judged commit is on the default branch."""
        return self.pull_request is None and self.head_ref == self.default_branch and not self.is_fork

    def __str__(self) -> str:
        """Return the first line of the log."""
        return f"Mode {self.mode}: {self.why}"


AUTO = "auto"
HISTORY_BRANCH = "regress-data"
NOBODY = "0" * 40
MEASURES_FOREIGN_CODE_WITH_SECRETS = frozenset({"pull_request_target", "workflow_run", "issue_comment"})
COMMAND = "/regress"
JOB = 60


def decide(
    event_name: str,
    payload: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    wanted: str = AUTO,
    history_branch: str = HISTORY_BRANCH,
) -> Plan:
    """Choose the stage from the event, or explain why `wanted` is what will be done.

    Measuring is refused on events that give the token and the secrets of the base repository to a workflow that may
    run code from a pull request. The history is only ever written for commits of this repository itself.
    """
    event = _Event(event_name, payload, environ, history_branch)
    plan = _READERS.get(event_name, _unknown)(event)
    if wanted != AUTO:
        plan = _overridden(plan, Stage(wanted))
    measures = plan.mode in {Stage.BASELINE, Stage.DETECT, Stage.TREND}
    if measures and event_name in MEASURES_FOREIGN_CODE_WITH_SECRETS:
        return replace(plan, mode=Stage.REFUSE, why=_danger(event_name), may_write_history=False)
    return plan


@dataclass(frozen=True, slots=True)
class _Event:
    """The event and how its fields are read."""

    name: str
    payload: Mapping[str, Any]
    environ: Mapping[str, str]
    history_branch: str

    def get(self, *path: str) -> Any:  # noqa: ANN401 - a payload holds anything
        """Follow keys into the payload; None where one is missing."""
        node: Any = self.payload
        for key in path:
            node = node.get(key) if isinstance(node, Mapping) else None
        return node

    def text(self, *path: str) -> str | None:
        """Follow keys to a string that is not empty."""
        value = self.get(*path)
        return value if isinstance(value, str) and value else None

    def number(self, *path: str) -> int | None:
        """Follow keys to an integer."""
        value = self.get(*path)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def ref(self) -> str:
        """The full ref, from the payload or the environment."""
        return self.text("ref") or self.environ.get("GITHUB_REF", "")

    @property
    def branch(self) -> str | None:
        """The branch of the ref."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else None

    @property
    def tag(self) -> str | None:
        """The tag of the ref."""
        return self.ref.removeprefix("refs/tags/") if self.ref.startswith("refs/tags/") else None

    @property
    def default_branch(self) -> str:
        """The default branch; schedules, whose payload may not name it, run on it."""
        name = self.text("repository", "default_branch")
        return name or (self.environ.get("GITHUB_REF_NAME") if self.name == "schedule" else None) or "main"

    def plan(self, mode: Stage, why: str, **rest: Any) -> Plan:  # noqa: ANN401 - the fields of Plan
        """Fill in what every event has."""
        fields: dict[str, Any] = {
            "head_sha": self.environ.get("GITHUB_SHA") or None,
            "head_ref": self.branch,
            "repository": self.environ.get("GITHUB_REPOSITORY") or self.text("repository", "full_name") or "",
            "action": self.text("action"),
            "default_branch": self.default_branch,
            "tag": self.tag,
            "run_id": _integer(self.environ.get("GITHUB_RUN_ID"), 0),
            "attempt": _integer(self.environ.get("GITHUB_RUN_ATTEMPT"), 1),
            "job": _job(self.environ),
            "actor": self.environ.get("GITHUB_ACTOR") or self.text("sender", "login") or "",
            "server_url": self.environ.get("GITHUB_SERVER_URL") or "https://github.com",
        }
        fields["head_repository"] = fields["repository"] or None
        return Plan(mode=mode, why=why, event=self.name, **(fields | rest))


def _push(event: _Event) -> Plan:
    if event.get("deleted") is True or event.text("after") == NOBODY:
        return event.plan(Stage.NONE, "the push deleted a ref; there is nothing to judge")
    before = event.text("before")
    commits = {
        "head_sha": event.text("after") or event.environ.get("GITHUB_SHA"),
        "base_sha": None if before == NOBODY else before,
    }
    if event.tag:
        return event.plan(Stage.TREND, f"the tag {event.tag} was pushed: a release report", **commits)
    if event.branch == event.history_branch:
        return event.plan(Stage.NONE, f"{event.history_branch} holds our own records", **commits)
    if event.branch == event.default_branch:
        why = f"a push to the default branch {event.default_branch}"
        return event.plan(Stage.BASELINE, why, may_write_history=True, base_ref=event.default_branch, **commits)
    why = f"a push to {event.branch}, compared with the default branch {event.default_branch}"
    return event.plan(Stage.DETECT, why, base_ref=event.default_branch, **(commits | {"base_sha": None}))


def _pull_request(event: _Event) -> Plan:
    number = event.number("pull_request", "number") or event.number("number")
    base_repository = event.text("pull_request", "base", "repo", "full_name") or event.text("repository", "full_name")
    head_repository = event.text("pull_request", "head", "repo", "full_name")
    is_fork = head_repository is None or head_repository != base_repository
    labels = event.get("pull_request", "labels")
    names = [label.get("name") for label in labels if isinstance(label, Mapping)] if isinstance(labels, list) else []
    rest: dict[str, Any] = {
        "head_sha": event.text("pull_request", "head", "sha"),
        "base_sha": event.text("pull_request", "base", "sha"),
        "head_ref": event.text("pull_request", "head", "ref"),
        "base_ref": event.text("pull_request", "base", "ref"),
        "head_repository": head_repository,
        "pull_request": number,
        "pull_request_author": event.text("pull_request", "user", "login"),
        "is_fork": is_fork,
        "is_draft": event.get("pull_request", "draft") is True,
        "labels": tuple(name for name in names if isinstance(name, str)),
        "since": event.text("pull_request", "created_at" if event.text("action") == "opened" else "updated_at"),
        "may_comment": not is_fork,
    }
    if event.text("action") == "closed":
        return event.plan(Stage.NONE, f"pull request #{number} was closed; the push judges what was merged", **rest)
    kind = "from a fork, so with a token that can only read" if is_fork else "from this repository"
    draft = ", a draft" if rest["is_draft"] else ""
    return event.plan(Stage.DETECT, f"pull request #{number} {kind}{draft}", **rest)


def _merge_group(event: _Event) -> Plan:
    if event.text("action") == "destroyed":
        return event.plan(Stage.NONE, "the merge group was dissolved")
    base_ref = (event.text("merge_group", "base_ref") or "").removeprefix("refs/heads/")
    return event.plan(
        Stage.DETECT,
        f"the merge queue of {base_ref}",
        head_sha=event.text("merge_group", "head_sha"),
        base_sha=event.text("merge_group", "base_sha"),
        head_ref=(event.text("merge_group", "head_ref") or "").removeprefix("refs/heads/") or None,
        base_ref=base_ref or None,
    )


def _schedule(event: _Event) -> Plan:
    branch = event.environ.get("GITHUB_REF_NAME") or event.default_branch
    cron = event.text("schedule")
    return event.plan(Stage.TREND, f"the schedule {cron}" if cron else "a schedule", head_ref=branch)


def _dispatch(event: _Event) -> Plan:
    branch = event.branch or event.environ.get("GITHUB_REF_NAME") or event.default_branch
    if event.tag:
        return event.plan(Stage.TREND, f"started by hand on the tag {event.tag}")
    if event.name == "repository_dispatch" or branch == event.default_branch:
        why = (
            f"started by {'an outside event' if event.name == 'repository_dispatch' else 'hand'} on the default branch"
        )
        return event.plan(Stage.BASELINE, why, head_ref=event.default_branch, may_write_history=True)
    why = f"started by hand on {branch}, compared with the default branch {event.default_branch}"
    return event.plan(Stage.DETECT, why, head_ref=branch, base_ref=event.default_branch)


def _release(event: _Event) -> Plan:
    tag = event.text("release", "tag_name")
    action = event.text("action")
    if action in {"deleted", "edited", "unpublished"}:
        return event.plan(Stage.NONE, f"the release {tag} was {action}; its commit is the same", tag=tag)
    return event.plan(Stage.TREND, f"the release {tag}: a release report", tag=tag, head_ref=None)


def _create(event: _Event) -> Plan:
    if event.text("ref_type") == "tag":
        tag = event.text("ref")
        return event.plan(Stage.TREND, f"the tag {tag} was created: a release report", tag=tag)
    return event.plan(Stage.NONE, "a branch was created; its pushes are judged")


def _workflow_run(event: _Event) -> Plan:
    conclusion = event.text("workflow_run", "conclusion")
    head_repository = event.text("workflow_run", "head_repository", "full_name")
    measured = event.text("workflow_run", "event")
    rest: dict[str, Any] = {
        "head_sha": event.text("workflow_run", "head_sha"),
        "head_ref": event.text("workflow_run", "head_branch"),
        "head_repository": head_repository,
        "is_fork": head_repository is None or head_repository != event.text("repository", "full_name"),
        "measured_run_id": event.number("workflow_run", "id"),
        "since": event.text("workflow_run", "created_at"),
    }
    if event.text("action") != "completed":
        return event.plan(Stage.NONE, "the measuring workflow has not finished yet", **rest)
    if conclusion in {"skipped", "cancelled", "stale", "startup_failure"}:
        return event.plan(Stage.NONE, f"the measuring workflow was {conclusion}; it left nothing to publish", **rest)
    why = f"workflow run {rest['measured_run_id']} measured on {measured}; its artifact is read as data"
    may_comment = measured == "pull_request"
    return event.plan(Stage.PUBLISH, why, may_comment=may_comment, **rest)


def _issue_comment(event: _Event) -> Plan:
    body = event.text("comment", "body") or ""
    number = event.number("issue", "number")
    rest: dict[str, Any] = {
        "actor": event.text("comment", "user", "login") or "",
        "comment": body,
        "comment_id": event.number("comment", "id"),
        "issue": number,
        "pull_request": number if event.get("issue", "pull_request") is not None else None,
        "may_comment": True,
    }
    if event.text("action") != "created" or number is None:
        return event.plan(Stage.NONE, "only new comments are read", **rest)
    if not body.lstrip().startswith(COMMAND):
        return event.plan(Stage.NONE, f"the comment does not start with {COMMAND}", **rest)
    where = "issue" if rest["pull_request"] is None else "pull request"
    return event.plan(Stage.COMMAND, f"a command in a comment on {where} #{number}", **rest)


def _unknown(event: _Event) -> Plan:
    name = event.name or "no event at all"
    return event.plan(Stage.NONE, f"{name} names nothing to judge; set `mode` to decide it yourself")


_READERS: dict[str, Callable[[_Event], Plan]] = {
    "push": _push,
    "pull_request": _pull_request,
    "pull_request_target": _pull_request,
    "merge_group": _merge_group,
    "schedule": _schedule,
    "workflow_dispatch": _dispatch,
    "repository_dispatch": _dispatch,
    "release": _release,
    "create": _create,
    "workflow_run": _workflow_run,
    "issue_comment": _issue_comment,
}


def _overridden(plan: Plan, wanted: Stage) -> Plan:
    """Do what the input `mode` says; the event still decides what may be written."""
    if wanted is plan.mode:
        return plan
    if wanted is Stage.PUBLISH and plan.measured_run_id is None:
        why = "mode publish needs a workflow_run event, whose measuring run it reads"
        return replace(plan, mode=Stage.REFUSE, why=why)
    may_write = wanted is Stage.BASELINE and plan.on_default_branch
    why = f"the input `mode` asks for it (the event alone: {plan.mode}, {plan.why})"
    return replace(plan, mode=wanted, why=why, may_write_history=may_write)


def _danger(event_name: str) -> str:
    return (
        f"{event_name} gives the token and the secrets of this repository to code from a pull request. "
        "Measure on pull_request and report with `mode: publish` on workflow_run"
    )


def _job(environ: Mapping[str, str]) -> str:
    """Return the job's name in its workflow and, in a matrix, which leg it is; short, whatever the matrix holds."""
    matrix = environ.get("REGRESS_MATRIX", "").strip()
    leg = "" if matrix in {"", "null", "{}"} else f".{hashlib.sha256(matrix.encode()).hexdigest()[:8]}"
    return environ.get("GITHUB_JOB", "")[:JOB] + leg


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default
