"""Comments that are found again instead of written again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regress_action.github import markers
from regress_action.github.attempts import make_once, read
from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Callable

    from github.Issue import Issue
    from github.IssueComment import IssueComment

    from regress_action.github.client import Client

NEEDS = "pull-requests: write"
BODY_BYTES = 65_000
STICKY = "comment"


@dataclass(frozen=True, slots=True)
class Sticky:
    """Where the comment stands now, and what its mark said before: empty when it is new."""

    url: str
    before: dict[str, Any]


def stick(
    client: Client, number: int, state: dict[str, Any], render: Callable[[int], str], *, create: bool
) -> Sticky | None:
    """Write the one comment of a suite on a pull request, or bring it up to date.

    `state` is kept in its mark; `state["suite"]` tells the comments of several suites apart. Without a comment yet,
    and without `create`, nothing is written.
    """
    issue = client.repository.get_issue(number)
    top = markers.mark(STICKY, state)
    body = f"{top}\n{render(BODY_BYTES - len(top.encode()) - 1)}"

    def look() -> IssueComment | None:
        return mine(client, issue, STICKY, lambda content: content.get("suite") == state.get("suite"))

    existing = read(client, look)
    if existing is None:
        return Sticky(make_once(client, look, lambda: issue.create_comment(body)).html_url, {}) if create else None
    before = markers.found(STICKY, existing.body) or {}
    if existing.body != body:
        existing.edit(body)
    return Sticky(existing.html_url, before)


def say_once(client: Client, issue: Issue, key: dict[str, Any], text: str) -> bool:
    """Comment, unless we said just that before; `key` identifies it. True when it was said now."""
    body = escaping.cut_bytes(f"{markers.mark('event', key)}\n{text}", BODY_BYTES)

    def look() -> IssueComment | None:
        return mine(client, issue, "event", lambda content: content == key)

    if read(client, look) is not None:
        return False
    make_once(client, look, lambda: issue.create_comment(body))
    return True


def mine(client: Client, issue: Issue, kind: str, fits: Callable[[dict[str, Any]], bool]) -> IssueComment | None:
    """Return our first comment on any page whose mark fits."""
    for comment in issue.get_comments():
        content = markers.found(kind, comment.body)
        if content is not None and fits(content) and client.is_mine(comment.user):
            return comment
    return None
