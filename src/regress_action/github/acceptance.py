"""Who accepted what: a label, or `/regress accept`; both only count from people with write access.

A command names what it accepts. A label does not, so it accepts what there was to see when it was set: everything that
is found in the commit that was the head then, and in later ones the same regressions while they get no worse. What
was seen stands in the mark of our comment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from regress_action.github import labels, markers
from regress_action.github.alarms import Acceptance, Found, found
from regress_action.github.attempts import read
from regress_action.github.comments import STICKY
from regress_action.model.comparisons import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from github.IssueComment import IssueComment

    from regress_action.github.client import Client
    from regress_action.github.labels import Placed
    from regress_action.github.plan import Plan
    from regress_action.github.preferences import Preferences
    from regress_action.model.comparisons import Judgement

NEEDS = "pull-requests: read"
KIND = "accepted"
EVERYTHING = "*"
AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a comment of ours remembers: what was found at which head, what a label was found to accept, and when."""

    head: str | None
    found: Found
    accepted: dict[str, Any]
    written: datetime


def of(client: Client | None, plan: Plan, preferences: Preferences) -> tuple[Acceptance, ...]:
    """Return what was accepted on the pull request of the plan; nothing where there is none.

    A label that somebody without write access set is reported and does not count.
    """
    number = plan.pull_request
    if client is None or number is None:
        return ()
    access, label = client.access, preferences.accept_label
    comments = access.attempt(NEEDS, "accepted regressions", lambda: _comments(client, number)) or []
    memory = _memory(comments, preferences.suite_name)
    labelled = access.attempt(NEEDS, "the accept label", lambda: _by_label(client, plan, number, label, memory))
    return (*_by_command(comments), *([labelled] if labelled else []))


def record(accepted: Acceptance) -> str:
    """Return the mark by which an acceptance is found again; it goes into a comment of ours."""
    return markers.mark(KIND, {"benchmark": accepted.benchmark, "by": accepted.by, "reason": accepted.reason})


def remembered(judgement: Judgement, accepted: Iterable[Acceptance]) -> dict[str, Any]:
    """Return what the comment's mark has to remember of this judgement, and of the label that accepts any of it."""
    now = found(judgement)
    state: dict[str, Any] = {"found": _plain(now)} if now else {}
    for each in accepted:
        if each.event is not None and each.head is not None:
            known = now if each.known is None else each.known
            state["accepted"] = {"event": each.event, "head": each.head, "found": _plain(known)}
    return state


def _comments(client: Client, number: int) -> list[IssueComment]:
    """Return those of ours that bear a mark which matters here."""
    issue = client.repository.get_issue(number)
    listed = read(client, lambda: list(issue.get_comments()))
    marked = [each for each in listed if markers.found(KIND, each.body) or markers.found(STICKY, each.body)]
    return [each for each in marked if client.is_mine(each.user)]


def _by_command(comments: Sequence[IssueComment]) -> list[Acceptance]:
    contents = [markers.found(KIND, comment.body) for comment in comments]
    return [
        Acceptance(str(content.get("benchmark", "")), str(content.get("by", "")), str(content.get("reason", "")))
        for content in contents
        if content is not None
    ]


def _by_label(client: Client, plan: Plan, number: int, label: str, memory: Memory | None) -> Acceptance | None:
    if label not in labels.of(client, number):
        return None
    placed = labels.placed(client, number, label)
    if placed is None or not labels.may_write(client, placed.by):
        client.access.note(f"The label {label} does not count: nobody with write access set it.")
        return None
    head, known = plan.head_sha, None
    if not _is_about_head(placed, plan):
        head, known = _seen(placed, memory)
        known = None if head == plan.head_sha else known
    return Acceptance(EVERYTHING, placed.by, f"label {label}", placed.event, head, known)


def _is_about_head(placed: Placed, plan: Plan) -> bool:
    """Whether the label was set when the judged commit was the head already, as far as the event can tell.

    GitHub's seconds are whole. One of the same second as the event came with the pull request, or is the event itself;
    with a push it may as well have been set just before.
    """
    try:
        later = placed.at - datetime.fromisoformat(plan.since or "")
    except (ValueError, TypeError):  # no time, or none with a zone
        return False
    return later >= AT_ONCE if plan.action in {"opened", "labeled"} else later > AT_ONCE


def _seen(placed: Placed, memory: Memory | None) -> tuple[str | None, Found]:
    """Return the head at which the label was set and what was found there; None where nobody knows any more."""
    if memory is not None and memory.accepted.get("event") == placed.event:
        return _text(memory.accepted.get("head")), _found(memory.accepted.get("found"))
    if memory is not None and memory.written <= placed.at:
        return memory.head, memory.found
    return None, {}


def _memory(comments: Sequence[IssueComment], suite: str) -> Memory | None:
    for comment in comments:
        content = markers.found(STICKY, comment.body)
        if content is not None and content.get("suite") == suite:
            accepted = content.get("accepted")
            return Memory(
                _text(content.get("head")),
                _found(content.get("found")),
                accepted if isinstance(accepted, dict) else {},
                comment.updated_at,
            )
    return None


def _plain(known: Found) -> dict[str, Any]:
    return {mark: [severity.value, ratio and round(ratio, 4)] for mark, (severity, ratio) in known.items()}


def _text(content: Any) -> str | None:  # noqa: ANN401 - read back from a text that people may edit
    return content if isinstance(content, str) else None


def _found(content: Any) -> Found:  # noqa: ANN401 - read back from a text that people may edit
    try:
        return {str(mark): (Severity(severity), ratio and float(ratio)) for mark, (severity, ratio) in content.items()}
    except (AttributeError, TypeError, ValueError):
        return {}
