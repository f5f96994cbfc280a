"""Who accepted what: a label, or `/regress accept`; both only count from people with write access.

A command names what it accepts. A label does not, so it accepts what was shown when it was set: every regression of
the commit that was the head then, and in later commits the same regressions while they get no worse. The regressions
that were shown are kept in the mark of our comment.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from regress_action.github import hidden_comment, labels
from regress_action.github.alarms import alarming
from regress_action.github.comment import REPORT
from regress_action.github.idempotency import read
from regress_action.github.permissions import may_write
from regress_action.model.comparisons import Severity
from regress_action.model.measurements import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from github.IssueComment import IssueComment

    from regress_action.github.client import Client
    from regress_action.github.event import Plan
    from regress_action.github.labels import LabelEvent
    from regress_action.github.preferences import Preferences
    from regress_action.model.comparisons import Comparison, Judgement

NEEDS = "pull-requests: read"
KIND = "accepted"
EVERYTHING = "*"
KEPT = 100
AT_ONCE = timedelta(0)

Regressions = dict[str, tuple[Severity, float | None]]
"""How bad each regression was, by `regression_id`: its severity and its ratio."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody with write access took responsibility for a change; `benchmark` is a shell pattern over names.

    `shown` limits it to the regressions that the commit `head` had, and to how bad they were there. `event` is GitHub's
    number of the event, where it was setting a label.
    """

    benchmark: str
    by: str
    reason: str = ""
    event: int | None = None
    head: str | None = None
    shown: Regressions | None = None

    def covers(self, comparison: Comparison) -> bool:
        """Whether this comparison is accepted by it."""
        return matches(comparison.benchmark.name, self.benchmark) and (
            self.shown is None or _no_worse(comparison, self.shown)
        )


@dataclass(frozen=True, slots=True)
class AcceptanceState:
    """The state in a comment of ours: the regressions of which head, what a label accepted of them, and when."""

    head: str | None
    regressions: Regressions
    accepted: dict[str, Any]
    written: datetime


def of(client: Client | None, plan: Plan, preferences: Preferences) -> tuple[Acceptance, ...]:
    """Return what was accepted on the pull request of the plan; nothing where there is none.

    A label that somebody without write access set is reported and does not count.
    """
    number = plan.pull_request
    if client is None or number is None:
        return ()
    permissions, label = client.permissions, preferences.accept_label
    comments = permissions.attempt(NEEDS, "accepted regressions", lambda: _comments(client, number)) or []
    state = _state(comments, preferences.suite_name)
    labelled = permissions.attempt(NEEDS, "the accept label", lambda: _by_label(client, plan, number, label, state))
    return (*_by_command(comments), *([labelled] if labelled else []))


def mark(acceptance: Acceptance) -> str:
    """Return the mark by which an acceptance is read again; it goes into a comment of ours."""
    content = {"benchmark": acceptance.benchmark, "by": acceptance.by, "reason": acceptance.reason}
    return hidden_comment.mark(KIND, content)


def state_of(judgement: Judgement, accepted: Iterable[Acceptance]) -> dict[str, Any]:
    """Return what the comment's mark keeps of this judgement, and of the label that accepts any of it."""
    now = regressions_of(judgement)
    state: dict[str, Any] = {"found": _plain(now)} if now else {}
    for acceptance in accepted:
        if acceptance.event is not None and acceptance.head is not None:
            shown = now if acceptance.shown is None else acceptance.shown
            state["accepted"] = {"event": acceptance.event, "head": acceptance.head, "found": _plain(shown)}
    return state


def regressions_of(judgement: Judgement) -> Regressions:
    """Return how bad the regressions of a judgement are, the worst hundred."""
    alarms = alarming(judgement)[:KEPT]
    return {regression_id(comparison): (comparison.severity, comparison.ratio) for comparison in alarms}


def regression_id(comparison: Comparison) -> str:
    """Return what identifies a regression within its suite: a digest of benchmark and metric."""
    key = f"{comparison.benchmark.name}\x1f{comparison.metric.name}"
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()[:12]


def _no_worse(comparison: Comparison, shown: Regressions) -> bool:
    """Whether it was shown already, no less severe, and is not proven to have grown."""
    before = shown.get(regression_id(comparison))
    if before is None or comparison.severity > before[0]:
        return False
    return before[1] is None or comparison.ratio_low is None or comparison.ratio_low <= before[1]


def _comments(client: Client, number: int) -> list[IssueComment]:
    """Return our comments with a mark that matters here."""
    issue = client.repository.get_issue(number)
    comments = read(client, lambda: list(issue.get_comments()))
    marked = [
        comment
        for comment in comments
        if hidden_comment.read(KIND, comment.body) or hidden_comment.read(REPORT, comment.body)
    ]
    return [comment for comment in marked if client.wrote(comment.user)]


def _by_command(comments: Sequence[IssueComment]) -> list[Acceptance]:
    contents = [hidden_comment.read(KIND, comment.body) for comment in comments]
    return [
        Acceptance(str(content.get("benchmark", "")), str(content.get("by", "")), str(content.get("reason", "")))
        for content in contents
        if content is not None
    ]


def _by_label(client: Client, plan: Plan, number: int, label: str, state: AcceptanceState | None) -> Acceptance | None:
    """Return what the label accepts; None where it is not set, or was set by somebody without write access."""
    if label not in labels.of(client, number):
        return None
    event = labels.last_set(client, number, label)
    if event is None or not may_write(client, event.by):
        client.permissions.note(f"The label {label} does not count: nobody with write access set it.")
        return None
    head, shown = plan.head_sha, None
    if not _is_about_head(event, plan):
        head, shown = _shown_at(event, state)
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


def _shown_at(event: LabelEvent, state: AcceptanceState | None) -> tuple[str | None, Regressions]:
    """Return the head at which the label was set and the regressions it had; None where that is not kept."""
    if state is not None and state.accepted.get("event") == event.event:
        return _text(state.accepted.get("head")), _regressions(state.accepted.get("found"))
    if state is not None and state.written <= event.at:
        return state.head, state.regressions
    return None, {}


def _state(comments: Sequence[IssueComment], suite: str) -> AcceptanceState | None:
    for comment in comments:
        content = hidden_comment.read(REPORT, comment.body)
        if content is not None and content.get("suite") == suite:
            accepted = content.get("accepted")
            return AcceptanceState(
                _text(content.get("head")),
                _regressions(content.get("found")),
                accepted if isinstance(accepted, dict) else {},
                comment.updated_at,
            )
    return None


def _plain(regressions: Regressions) -> dict[str, Any]:
    return {key: [severity.value, ratio and round(ratio, 4)] for key, (severity, ratio) in regressions.items()}


def _text(content: Any) -> str | None:  # noqa: ANN401 - read back from a text that people may edit
    return content if isinstance(content, str) else None


def _regressions(content: Any) -> Regressions:  # noqa: ANN401 - read back from a text that people may edit
    try:
        return {str(key): (Severity(severity), ratio and float(ratio)) for key, (severity, ratio) in content.items()}
    except (AttributeError, TypeError, ValueError):
        return {}
