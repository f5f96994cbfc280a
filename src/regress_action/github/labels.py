"""Labels of issues and pull requests, who set them, and the review requests that go with one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from github import GithubException, UnknownObjectException

from regress_action.github.idempotency import make_once, once, read
from regress_action.model.comparisons import Severity

if TYPE_CHECKING:
    from datetime import datetime

    from github.Label import Label

    from regress_action.github.client import Client
    from regress_action.github.event import Plan
    from regress_action.github.preferences import Preferences

NEEDS = "pull-requests: write"
COLOUR = "d93f0b"
DESCRIPTION = "A benchmark became slower, hungrier or leakier"
NOT_FOUND = 404


def ensure(client: Client, name: str, colour: str = COLOUR, description: str = DESCRIPTION) -> None:
    """Create a label of the repository unless it exists."""

    def find() -> Label | None:
        try:
            label = client.repository.get_label(name)
            label.update()
        except UnknownObjectException:
            return None
        return label

    once(client, find, lambda: client.repository.create_label(name, colour, description))


def of(client: Client, number: int) -> frozenset[str]:
    """Return the present labels of an issue or pull request, which are requested once.

    Those in the event are as old as the event, and a job that is run again gets the old event.
    """
    if number not in client.labels:
        issue = client.repository.get_issue(number)
        client.labels[number] = read(client, lambda: frozenset(label.name for label in issue.get_labels()))
    return client.labels[number]


def put(client: Client, number: int, name: str) -> None:
    """Set a label on an issue or pull request; setting it twice changes nothing."""
    issue = client.repository.get_issue(number)

    def find() -> bool | None:
        return True if any(label.name == name for label in issue.get_labels()) else None

    def make() -> bool:
        client.repository.requester.requestJsonAndCheck("POST", f"{issue.url}/labels", input={"labels": [name]})
        return True

    make_once(client, find, make)


def take(client: Client, number: int, name: str) -> None:
    """Take a label off; that it is gone already is no error."""
    try:
        client.repository.get_issue(number).remove_from_labels(name)
    except GithubException as error:
        if error.status != NOT_FOUND:
            raise


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """How a label was set last: GitHub's number of the event, by whom, and when."""

    event: int
    by: str
    at: datetime


def last_set(client: Client, number: int, name: str) -> LabelEvent | None:
    """Return how a label was set last; None where nobody set it, or the account is gone."""
    issue = client.repository.get_issue(number)
    last = None
    for event in read(client, lambda: list(issue.get_events())):
        if event.event == "labeled" and event.label is not None and event.label.name == name:
            last = LabelEvent(event.id, event.actor.login, event.created_at) if event.actor is not None else None
    return last


def update_review_requests(
    client: Client, plan: Plan, number: int, severity: Severity, preferences: Preferences
) -> None:
    """Set the label and request reviews when a moderate regression appears; take the label off when it is gone.

    Reviews are requested together with the label, so nobody is asked again with every push; never for drafts.
    """
    label, permissions = preferences.label, client.permissions
    present = permissions.attempt("pull-requests: read", "the labels", lambda: of(client, number))
    labelled = present is not None and label in present
    if severity < Severity.MODERATE:
        if labelled:
            permissions.attempt(NEEDS, "the label", lambda: take(client, number, label))
        return
    if labelled:
        return
    permissions.attempt(NEEDS, "the label", lambda: _create_and_put(client, number, label))
    people = [login for login in preferences.reviewers if login != plan.pull_request_author]
    if (people or preferences.team_reviewers) and not plan.is_draft:
        request = partial(_request_reviews, client, number, people, preferences.team_reviewers)
        permissions.attempt(NEEDS, "the review request", request)


def _create_and_put(client: Client, number: int, label: str) -> None:
    ensure(client, label)
    put(client, number, label)


def _request_reviews(client: Client, number: int, people: list[str], teams: tuple[str, ...]) -> None:
    """Request reviews that are not requested already."""
    pull = client.repository.get_pull(number)

    def find() -> bool | None:
        _, answer = client.repository.requester.requestJsonAndCheck("GET", f"{pull.url}/requested_reviewers")
        requested = {user["login"] for user in answer["users"]} | {team["slug"] for team in answer["teams"]}
        return True if {*people, *teams} <= requested else None

    def make() -> bool:
        pull.create_review_request(reviewers=people, team_reviewers=list(teams))
        return True

    make_once(client, find, make)
