"""What a run is going to do, decided from its event alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    learnt of the commit that is judged, at the latest, in ISO 8601. `job` tells the jobs of one workflow run apart, the
    legs of a matrix among them, and is the same when they are run again.
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
