"""Who may write: what a change is compared with is never written by that change."""

from __future__ import annotations

from typing import Final

WRITING_EVENTS: Final = frozenset({"push", "schedule", "workflow_dispatch", "repository_dispatch"})


def may_write(event: str, ref: str, default_branch: str, *, is_fork: bool) -> bool:
    """Whether a workflow may add to the history.

    `event` and `ref` are `GITHUB_EVENT_NAME` and `GITHUB_REF`; `is_fork` says that the change comes from another
    repository. Only events of the default branch itself write: a pull request, a merge queue, a tag, or a workflow that
    acts for a pull request (`pull_request_target`, `workflow_run`) does not, whatever token it was given.
    """
    return not is_fork and event in WRITING_EVENTS and bool(default_branch) and ref == f"refs/heads/{default_branch}"
