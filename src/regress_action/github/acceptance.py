"""Who accepted what: a label, or `/regress accept`; both only count from people with write access.

A command names what it accepts, and is read from the comment of the person who gave it: no comment of ours is believed
to say who accepted what. A label names nothing, so it accepts what was shown when it was set: every regression of the
commit that was the head then, and in later commits the same regressions while they get no worse. The regressions that
were shown are read from the check run of that commit, which only the app that judged can write.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from regress_action.github import hidden_comment, hidden_state, labels
from regress_action.github.alarms import Acceptance, Regressions, alarming, regression_id
from regress_action.github.comment import REPORT
from regress_action.github.comment_commands import parse
from regress_action.github.idempotency import read
from regress_action.model.comparisons import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from github.IssueComment import IssueComment

    from regress_action.github.client import Client
    from regress_action.github.event import Plan
    from regress_action.github.labels import LabelEvent
    from regress_action.github.preferences import Preferences
    from regress_action.model.comparisons import Judgement

NEEDS = "pull-requests: read"
KIND = "shown"
PERSON = "User"
EVERYTHING = "*"
KEPT = 100
AT_ONCE = timedelta(0)


def of(client: Client | None, plan: Plan, preferences: Preferences) -> tuple[Acceptance, ...]:
    """Return what was accepted on the pull request of the plan; nothing where there is none.

    A label that somebody without write access set is reported and does not count.
    """
    number = plan.pull_request
    if client is None or number is None:
        return ()
    permissions = client.permissions
    comments = permissions.attempt(NEEDS, "accepted regressions", lambda: _comments(client, number)) or []
    labelled = permissions.attempt(
        NEEDS, "the accept label", lambda: _by_label(client, plan, number, preferences, comments)
    )
    return (*_by_command(client, comments), *([labelled] if labelled else []))


def mark(judgement: Judgement, pull_request: int | None) -> str:
    """Return the mark with the worst hundred regressions of a judgement, for the check run; empty without any."""
    alarms = alarming(judgement)[:KEPT]
    if not alarms:
        return ""
    shown = {regression_id(row): [row.severity.value, row.ratio and round(row.ratio, 4)] for row in alarms}
    return hidden_comment.mark(KIND, {"pull": pull_request, "regressions": shown})


def pointer(accepted: Iterable[Acceptance]) -> dict[str, Any]:
    """Return what the comment's mark keeps of a label: at which commit it was set."""
    labelled = [acceptance for acceptance in accepted if acceptance.event is not None and acceptance.head is not None]
    return {"accepted": {"event": labelled[-1].event, "head": labelled[-1].head}} if labelled else {}


def _comments(client: Client, number: int) -> list[IssueComment]:
    issue = client.repository.get_issue(number)
    return read(client, lambda: list(issue.get_comments()))


def _by_command(client: Client, comments: Sequence[IssueComment]) -> list[Acceptance]:
    """Return what people with write access accepted in comments that are commands; an app's comment is none.

    The author of a comment is None where that account is gone.
    """
    people = [comment for comment in comments if comment.user is not None and comment.user.type == PERSON]
    commands = [(comment.user, parse(comment.body)) for comment in people]
    return [
        Acceptance(command.benchmark or "", user.login, command.reason)
        for user, command in commands
        if command is not None and command.kind == "accept" and client.may_write(user.login)
    ]


def _by_label(
    client: Client, plan: Plan, number: int, preferences: Preferences, comments: Sequence[IssueComment]
) -> Acceptance | None:
    """Return what the label accepts; None where it is not set, or was set by somebody without write access."""
    label = preferences.accept_label
    if label not in labels.of(client, number):
        return None
    event = labels.last_set(client, number, label)
    if event is None or not client.may_write(event.by):
        client.permissions.note(f"The label {label} does not count: nobody with write access set it.")
        return None
    head, shown = plan.head_sha, None
    if not _is_about_head(event, plan):
        head = _head_at(client, event, comments, preferences.suite_name)
        shown = _shown_at(client, head, number, preferences) if head else {}
        shown = None if head == plan.head_sha else shown
    return Acceptance(EVERYTHING, event.by, f"label {label}", event.event, head, shown)


def _is_about_head(event: LabelEvent, plan: Plan) -> bool:
    """Whether the label was set when the judged commit was the head already, as far as the event can tell.

    GitHub's seconds are whole. A label of the same second as the event came with the pull request, or is the event
    itself; with a push it may as well have been set just before.
    """
    try:
        later = event.at - datetime.fromisoformat(plan.since or "")
    except (ValueError, TypeError):  # no time, or one without a zone
        return False
    return later >= AT_ONCE if plan.action in {"opened", "labeled"} else later > AT_ONCE


def _head_at(client: Client, event: LabelEvent, comments: Sequence[IssueComment], suite: str) -> str | None:
    """Return the head at which the label was set, as our comment has it; None where it has not."""
    for comment in comments:
        content = hidden_comment.read(REPORT, comment.body)
        if content is None or content.get("suite") != suite or not client.wrote(comment.user):
            continue
        accepted = content.get("accepted")
        if isinstance(accepted, dict) and accepted.get("event") == event.event:
            return _text(accepted.get("head"))
        return _text(content.get("head")) if comment.updated_at <= event.at else None
    return None


def _shown_at(client: Client, head: str, number: int, preferences: Preferences) -> Regressions:
    """Return the regressions that our newest check run on a commit of this pull request shows."""
    for text in hidden_state.texts_of_checks(client, head, preferences):
        content = hidden_comment.read(KIND, text)
        if content is not None and content.get("pull") == number:
            return _regressions(content.get("regressions"))
    return {}


def _text(content: Any) -> str | None:  # noqa: ANN401 - read back from a text that people may edit
    return content if isinstance(content, str) else None


def _regressions(content: Any) -> Regressions:  # noqa: ANN401 - written by an older or newer version, perhaps
    try:
        return {str(key): (Severity(severity), ratio and float(ratio)) for key, (severity, ratio) in content.items()}
    except (AttributeError, TypeError, ValueError):
        return {}
