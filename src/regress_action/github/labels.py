"""Labels: made when missing, set and taken off, and who set them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from github import GithubException, UnknownObjectException

from regress_action.github.attempts import make_once, once, read

if TYPE_CHECKING:
    from datetime import datetime

    from github.Label import Label

    from regress_action.github.client import Client

COLOUR = "d93f0b"
DESCRIPTION = "A benchmark became slower, hungrier or leakier"
NOT_FOUND = 404
MAY_WRITE = frozenset({"admin", "maintain", "write"})


def ensure(client: Client, name: str, colour: str = COLOUR, description: str = DESCRIPTION) -> None:
    """Create a label of the repository unless it exists."""

    def look() -> Label | None:
        try:
            label = client.repository.get_label(name)
            label.update()
        except UnknownObjectException:
            return None
        return label

    once(client, look, lambda: client.repository.create_label(name, colour, description))


def of(client: Client, number: int) -> frozenset[str]:
    """Return the labels of an issue or pull request as they are now, asked for once.

    Those in the event are as old as the event, and a job that is run again gets the old event.
    """
    if number not in client.labels:
        issue = client.repository.get_issue(number)
        client.labels[number] = read(client, lambda: frozenset(label.name for label in issue.get_labels()))
    return client.labels[number]


def put(client: Client, number: int, name: str) -> None:
    """Set a label on an issue or pull request; setting it twice changes nothing."""
    issue = client.repository.get_issue(number)

    def look() -> bool | None:
        return True if any(label.name == name for label in issue.get_labels()) else None

    def make() -> bool:
        client.repository.requester.requestJsonAndCheck("POST", f"{issue.url}/labels", input={"labels": [name]})
        return True

    make_once(client, look, make)


def take(client: Client, number: int, name: str) -> None:
    """Take a label off; that it is gone already is fine."""
    try:
        client.repository.get_issue(number).remove_from_labels(name)
    except GithubException as error:
        if error.status != NOT_FOUND:
            raise


@dataclass(frozen=True, slots=True)
class Placed:
    """How a label came to be where it is: GitHub's number of the event, by whom, and when."""

    event: int
    by: str
    at: datetime


def placed(client: Client, number: int, name: str) -> Placed | None:
    """Return how a label was set last; None where nobody did, or the account is gone."""
    issue = client.repository.get_issue(number)
    last = None
    for event in read(client, lambda: list(issue.get_events())):
        if event.event == "labeled" and event.label is not None and event.label.name == name:
            last = Placed(event.id, event.actor.login, event.created_at) if event.actor is not None else None
    return last


def may_write(client: Client, login: str) -> bool:
    """Whether somebody has write access; setting labels, for one, takes less."""
    try:
        permission = read(client, lambda: client.repository.get_collaborator_permission(login))
    except GithubException:
        return False
    return permission in MAY_WRITE
