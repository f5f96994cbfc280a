"""What the fake GitHub remembers: one repository with its checks, issues, pull requests, labels and artifacts."""

from __future__ import annotations

import base64
import io
import itertools
import zipfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = Any
START = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = {
    "actions": "write",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull-requests": "write",
}
DISPATCHABLE = {
    "bisect.yml": "Bisect for #{issue}, comment {comment}",
    "verify-claim.yml": "Verify for #{issue}, comment {comment}",
}


@dataclass
class CheckRun:
    """A check run; `hidden` counts the listings that do not show it yet."""

    id: int
    name: str
    head_sha: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    details_url: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Json]] = field(default_factory=list)
    hidden: int = 0


@dataclass
class Pull:
    """What makes an issue a pull request."""

    head_sha: str
    head_ref: str
    base_sha: str
    base_ref: str
    head_repository: str | None
    draft: bool = False
    pushed_at: str = ""
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    reviewers: list[str] = field(default_factory=list)
    team_reviewers: list[str] = field(default_factory=list)


@dataclass
class Issue:
    """An issue, or a pull request."""

    number: int
    title: str
    body: str
    user: str
    created_at: str
    updated_at: str
    state: str = "open"
    state_reason: str | None = None
    closed_at: str | None = None
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    locked: bool = False
    pull: Pull | None = None
    hidden: int = 0


@dataclass
class Comment:
    """A comment on an issue or pull request."""

    id: int
    issue: int
    body: str
    user: str
    created_at: str
    updated_at: str
    reactions: list[str] = field(default_factory=list)
    hidden: int = 0


@dataclass
class Event:
    """Something that happened to an issue: `labeled`, `unlabeled`, `closed`, `reopened`."""

    id: int
    issue: int
    event: str
    actor: str
    created_at: str
    label: str | None = None


@dataclass
class Label:
    """A label of the repository."""

    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass
class WorkflowRun:
    """A run of a workflow."""

    id: int
    event: str = "pull_request"
    head_sha: str = "0" * 40
    head_branch: str = "main"
    head_repository: str = "octo/widgets"
    status: str = "completed"
    conclusion: str | None = "success"
    attempt: int = 1
    workflow: str = "build.yml"
    title: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    hidden: int = 0


@dataclass
class Artifact:
    """An artifact; `content` is the archive, base64."""

    id: int
    name: str
    run_id: int
    content: str
    expired: bool = False
    claimed_size: int | None = None


@dataclass
class GithubData:
    """The whole state.

    `completed_is_final` says how GitHub takes changes to the verdict of a finished check run: ``ignored``, ``refused``,
    or, when empty, as asked for; people report each of them. `dispatchable` has the workflows that can be started, with
    their `run-name`. Every record is plain data, so that it can be dumped
    and seeded as JSON.
    """

    repository: str = "octo/widgets"
    default_branch: str = "main"
    login: str = "github-actions[bot]"
    tells_login: bool = True
    permissions: dict[str, str] = field(default_factory=EVERYTHING.copy)
    issues_enabled: bool = True
    lag: int = 0
    completed_is_final: str = ""
    collaborators: dict[str, str] = field(default_factory=lambda: {"octo": "admin"})
    teams: list[str] = field(default_factory=lambda: ["perf"])
    check_runs: list[CheckRun] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    runs: list[WorkflowRun] = field(default_factory=list)
    dispatchable: dict[str, str] = field(default_factory=DISPATCHABLE.copy)
    artifacts: list[Artifact] = field(default_factory=list)
    comparisons: dict[str, list[str]] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start the clock and the counters."""
        self._ids = itertools.count(1001)
        self._ticks = itertools.count(1)

    @property
    def owner(self) -> str:
        """The login before the slash."""
        return self.repository.split("/")[0]

    def now(self) -> str:
        """Advance the clock by a second and return it."""
        return (START + timedelta(seconds=next(self._ticks))).strftime("%Y-%m-%dT%H:%M:%SZ")

    def next_id(self) -> int:
        """Return an identifier that was never given before."""
        return next(self._ids)

    def add_issue(self, title: str = "An issue", body: str = "", user: str = "octo", **rest: Json) -> Issue:
        """Open an issue as somebody."""
        now = self.now()
        issue = Issue(len(self.issues) + 1, title, body, user, now, now, **rest)
        self.issues.append(issue)
        return issue

    def add_pull(
        self,
        *,
        head_sha: str = "a" * 40,
        head_ref: str = "feature",
        base_sha: str = "b" * 40,
        base_ref: str = "main",
        head_repository: str | None = None,
        draft: bool = False,
        user: str = "octo",
        **rest: Json,
    ) -> Issue:
        """Open a pull request; `head_repository` is another repository for a fork."""
        pull = Pull(head_sha, head_ref, base_sha, base_ref, head_repository or self.repository, draft, self.now())
        return self.add_issue("A pull request", user=user, pull=pull, **rest)

    def push(self, issue: Issue, head_sha: str) -> None:
        """Move the head of a pull request."""
        assert issue.pull is not None
        issue.pull.head_sha, issue.pull.pushed_at = head_sha, self.now()

    def add_comment(self, issue: int, body: str, user: str = "octo") -> Comment:
        """Comment as somebody."""
        now = self.now()
        comment = Comment(self.next_id(), issue, body, user, now, now)
        self.comments.append(comment)
        return comment

    def add_label(self, issue: Issue, name: str, actor: str) -> None:
        """Set a label as somebody, with the event that tells who it was."""
        if name not in issue.labels:
            issue.labels.append(name)
            self.record(issue.number, "labeled", actor, name)

    def record(self, issue: int, event: str, actor: str, label: str | None = None) -> None:
        """Remember what happened to an issue."""
        self.events.append(Event(self.next_id(), issue, event, actor, self.now(), label))

    def add_artifact(self, name: str, files: dict[str, bytes], run_id: int) -> Artifact:
        """Upload files as the artifact of a run."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        artifact = Artifact(self.next_id(), name, run_id, base64.b64encode(packed.getvalue()).decode())
        self.artifacts.append(artifact)
        return artifact

    def issue(self, number: int) -> Issue | None:
        """Return an issue or pull request by its number."""
        return next((issue for issue in self.issues if issue.number == number), None)

    def as_json(self) -> dict[str, Json]:
        """Dump everything."""
        return asdict(self)

    def seed(self, wanted: dict[str, Json]) -> None:
        """Change settings and add things; keys are field names, or `pulls` and `add_issues` with their arguments."""
        makers = {
            "check_runs": CheckRun,
            "comments": Comment,
            "labels": Label,
            "runs": WorkflowRun,
            "artifacts": Artifact,
        }
        for key, value in wanted.items():
            if key == "pulls":
                for record in value:
                    self.add_pull(**record)
            elif key == "add_issues":
                for record in value:
                    self.add_issue(**record)
            elif key in makers:
                getattr(self, key).extend(makers[key](**record) for record in value)
            elif isinstance(getattr(self, key), dict):
                getattr(self, key).update(value)
            else:
                setattr(self, key, value)
