"""Runs of other workflows of the repository: the newest one started again, and a new one started once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from github import GithubException

from regress_action.github.idempotency import make_once, read
from regress_action.github.permissions import NOT_FOUND
from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from github.Workflow import Workflow
    from github.WorkflowRun import WorkflowRun

    from regress_action.github.client import Client

NEEDS = "actions: write"
LISTED = 100


@dataclass(frozen=True, slots=True)
class WorkflowRequest:
    """A workflow to be started on the branch `ref`, because of a comment.

    `subject` says what the run is about, like `Bisect for #12`. The workflow's `run-name` has to be the subject, a
    comma and the comment: that is how the run is found again.
    """

    workflow: str
    ref: str
    subject: str
    comment: int
    inputs: Mapping[str, str]

    @property
    def title(self) -> str:
        """The name that the run has."""
        return f"{self.subject}, comment {self.comment}"


def start(client: Client, request: WorkflowRequest) -> str | None:
    """Start the workflow once and return where it runs, as Markdown; None where it could not be started.

    A run of the same comment is not started again, and neither is one about a subject that is still under way.

    Raises:
        LookupError: there is no such workflow; with a sentence about it.
    """
    return client.permissions.attempt(NEEDS, f"starting {request.workflow}", lambda: _started(client, request))


def start_again(client: Client, pull_request: int, workflow: str) -> str:
    """Start the newest run of a workflow for the head of a pull request again, and return a sentence about it."""
    started = client.permissions.attempt(NEEDS, "measuring again", lambda: _again(client, pull_request, workflow))
    if started is None:
        return "Measuring again could not be started; the log of this command says why."
    return started


def _started(client: Client, request: WorkflowRequest) -> str:
    """Find the run of the request or make it; the listing shows a run by the title that its workflow gives it."""
    workflow = client.repository.get_workflow(request.workflow)

    def find() -> WorkflowRun | None:
        return next((run for run in _recent(workflow) if run.display_title == request.title), None)

    def make() -> WorkflowRun | bool:
        return workflow.create_dispatch(request.ref, dict(request.inputs), throw=True, return_run_details=True)

    try:
        recent = read(client, lambda: _recent(workflow))
        waiting = (run for run in recent if run.status != "completed" and _is_about(run, request))
        if (run := next(waiting, None)) is not None:
            return f"[this run]({run.html_url})"
        if (run := next((run for run in recent if run.display_title == request.title), None)) is not None:
            return f"[this run]({run.html_url})"
        made = make_once(client, find, make)
    except GithubException as error:
        if error.status != NOT_FOUND:
            raise
        name = escaping.code_span(request.workflow)
        raise LookupError(
            f"There is no workflow {name} on {escaping.code_span(request.ref)}, or the token lacks `actions: write`."
        ) from error
    # An older GitHub Enterprise Server starts it without saying where.
    return f"a run of {escaping.code_span(request.workflow)}" if made is True else f"[this run]({made.html_url})"  # type: ignore[union-attr]


def _recent(workflow: Workflow) -> list[WorkflowRun]:
    return list(islice(workflow.get_runs(event="workflow_dispatch"), LISTED))


def _is_about(run: WorkflowRun, request: WorkflowRequest) -> bool:
    return run.display_title.startswith(f"{request.subject},")


def _again(client: Client, number: int, workflow: str) -> str:
    head = read(client, lambda: client.repository.get_pull(number).head.sha)
    runs = client.repository.get_workflow_runs(head_sha=head, event="pull_request")
    newest: WorkflowRun | None = read(client, lambda: next((run for run in runs if _is(run, workflow)), None))
    name = escaping.code_span(workflow)
    if newest is None:
        return f"No run of {name} for {head} was found, so there is nothing to repeat."
    if newest.status != "completed":
        return f"It is being measured already, in [this run]({newest.html_url})."
    newest.rerun()
    return f"Measuring again, in [this run]({newest.html_url})."


def _is(run: WorkflowRun, workflow: str) -> bool:
    return run.path.split("@")[0].rsplit("/", 1)[-1] == workflow
