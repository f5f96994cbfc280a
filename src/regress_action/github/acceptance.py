"""Who accepted what: a label, or `/regress accept`; both only count from people with write access."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.github import labels, markers
from regress_action.github.alarms import Acceptance
from regress_action.github.attempts import read

if TYPE_CHECKING:
    from regress_action.github.client import Client
    from regress_action.github.plan import Plan

NEEDS = "pull-requests: read"
KIND = "accepted"
EVERYTHING = "*"


def of(client: Client | None, plan: Plan, label: str) -> tuple[Acceptance, ...]:
    """Return what was accepted on the pull request of the plan; nothing where there is none.

    A label that somebody without write access set is reported and does not count.
    """
    number = plan.pull_request
    if client is None or number is None:
        return ()
    accepted = client.access.attempt(NEEDS, "accepted regressions", lambda: _by_command(client, number)) or ()
    found = client.access.attempt(NEEDS, "the accept label", lambda: _by_label(client, number, label))
    return (*accepted, found) if found else accepted


def record(accepted: Acceptance) -> str:
    """Return the mark by which an acceptance is found again; it goes into a comment of ours."""
    return markers.mark(KIND, {"benchmark": accepted.benchmark, "by": accepted.by, "reason": accepted.reason})


def _by_label(client: Client, number: int, label: str) -> Acceptance | None:
    if label not in labels.of(client, number):
        return None
    login = labels.set_by(client, number, label)
    if login is None or not labels.may_write(client, login):
        client.access.note(f"The label {label} does not count: nobody with write access set it.")
        return None
    return Acceptance(EVERYTHING, login, f"label {label}")


def _by_command(client: Client, number: int) -> tuple[Acceptance, ...]:
    issue = client.repository.get_issue(number)
    accepted = []
    for comment in read(client, lambda: list(issue.get_comments())):
        content = markers.found(KIND, comment.body)
        if content is not None and client.is_mine(comment.user):
            fields = (content.get(key) for key in ("benchmark", "by", "reason"))
            accepted.append(Acceptance(*(str(field or "") for field in fields)))
    return tuple(accepted)
