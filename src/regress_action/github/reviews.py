"""Asking people to look at a moderate regression, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.github import labels
from regress_action.github.attempts import make_once
from regress_action.model.comparisons import Severity

if TYPE_CHECKING:
    from regress_action.github.client import Client
    from regress_action.github.plan import Plan
    from regress_action.github.preferences import Preferences

NEEDS = "pull-requests: write"


def update(client: Client, plan: Plan, number: int, severity: Severity, preferences: Preferences) -> None:
    """Set the label and ask for reviews when a regression of note appears; take the label off when it is gone.

    Reviews are asked for together with the label, so nobody is asked again with every push; never of drafts.
    """
    label, access = preferences.label, client.access
    present = access.attempt("pull-requests: read", "the labels", lambda: labels.of(client, number))
    labelled = present is not None and label in present
    if severity < Severity.MODERATE:
        if labelled:
            access.attempt(NEEDS, "the label", lambda: labels.take(client, number, label))
        return
    if labelled:
        return
    access.attempt(NEEDS, "the label", lambda: _label(client, number, label))
    people = [login for login in preferences.reviewers if login != plan.pull_request_author]
    if (people or preferences.team_reviewers) and not plan.is_draft:
        access.attempt(NEEDS, "the review request", lambda: _ask(client, number, people, preferences.team_reviewers))


def _label(client: Client, number: int, label: str) -> None:
    labels.ensure(client, label)
    labels.put(client, number, label)


def _ask(client: Client, number: int, people: list[str], teams: tuple[str, ...]) -> None:
    pull = client.repository.get_pull(number)

    def look() -> bool | None:
        _, asked = client.repository.requester.requestJsonAndCheck("GET", f"{pull.url}/requested_reviewers")
        waiting = {user["login"] for user in asked["users"]} | {team["slug"] for team in asked["teams"]}
        return True if {*people, *teams} <= waiting else None

    def make() -> bool:
        pull.create_review_request(reviewers=people, team_reviewers=list(teams))
        return True

    make_once(client, look, make)
