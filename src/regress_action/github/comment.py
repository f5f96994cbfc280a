"""Comments that are updated instead of written again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from github import UnknownObjectException

from regress_action.github import hidden_comment
from regress_action.github.idempotency import make_once, read, repeat
from regress_action.model import escaping
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from github.Issue import Issue
    from github.IssueComment import IssueComment

    from regress_action.github.client import Client

NEEDS = "pull-requests: write"
BODY_BYTES = 65_000
REPORT = "comment"
EVENT = "event"


@dataclass(frozen=True, slots=True)
class StickyComment:
    """The address of the comment, and the state that was hidden in it before: empty when it is new."""

    url: str
    before: dict[str, Any]


def update_sticky(
    client: Client, number: int, state: dict[str, Any], render: Callable[[int], str], *, create: bool
) -> StickyComment | None:
    """Write the one comment of a suite on a pull request, or bring it up to date.

    `state` is hidden in it; `state["suite"]` distinguishes the comments of several suites, `state["run"]` and
    `state["job"]` the jobs that write it. Without a comment yet, and without `create`, nothing is written. `render` is
    called with the number of bytes it may fill.

    Raises:
        UsageError: another job of the same workflow run has written it.
    """
    issue = client.repository.get_issue(number)
    top = hidden_comment.mark(REPORT, state)
    body = f"{top}\n{render(BODY_BYTES - len(top.encode()) - 1)}"

    def find() -> IssueComment | None:
        return find_ours(client, issue, REPORT, lambda content: content.get("suite") == state.get("suite"))

    existing = read(client, find)
    if existing is None:
        if not create:
            return None
        return StickyComment(make_once(client, find, lambda: issue.create_comment(body)).html_url, {})
    before = hidden_comment.read(REPORT, existing.body) or {}
    if before.get("run") == state.get("run") and before.get("job") != state.get("job"):
        raise shared_suite("the comment of this pull request")
    if existing.body != body:
        existing.edit(body)
    return StickyComment(existing.html_url, before)


def shared_suite(where: str) -> UsageError:
    """Return the error for two jobs of one workflow run that publish under one suite name."""
    return UsageError(
        f"Another job of this workflow run has judged this suite already, in {where}.",
        meaning="Their check runs, comments and issues would overwrite each other; a pass hides a failure.",
        remedy="Name the suite after what the jobs differ in, like  suite: api-${{ matrix.os }}",
    )


def comment_once(client: Client, issue: Issue, key: dict[str, Any], text: str) -> bool:
    """Comment, unless a comment of ours with the same `key` exists. True when it was written now.

    GitHub refuses no second comment, so two jobs that looked at the same moment both write. Each looks again after it
    has written: the older comment stays, and who wrote the newer one takes it back.
    """
    body = escaping.cut_bytes(f"{hidden_comment.mark(EVENT, key)}\n{text}", BODY_BYTES)

    def find() -> IssueComment | None:
        return find_ours(client, issue, EVENT, lambda content: content == key)

    if read(client, find) is not None:
        return False
    made = make_once(client, find, lambda: issue.create_comment(body))
    first = read(client, find)
    if first is None or first.id >= made.id:
        return True
    with suppress(UnknownObjectException):  # an earlier try, whose answer was lost, deleted it
        repeat(client, made.delete)
    return False


def find_ours(client: Client, issue: Issue, kind: str, fits: Callable[[dict[str, Any]], bool]) -> IssueComment | None:
    """Return our first comment on any page whose mark of a kind fits."""
    for comment in issue.get_comments():
        content = hidden_comment.read(kind, comment.body)
        if content is not None and fits(content) and client.wrote(comment.user):
            return comment
    return None
