"""Which pull request a workflow run belongs to, when only the run is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.github.attempts import read

if TYPE_CHECKING:
    from github.PullRequest import PullRequest

    from regress_action.github.client import Client
    from regress_action.github.plan import Plan

NEEDS = "pull-requests: read"


def resolve(client: Client, plan: Plan) -> Plan:
    """Return the plan with its pull request, found by the head's repository, branch and commit.

    The event names these three itself; what the artifact claims is never asked. Without an open pull request whose head
    is still that commit the plan stays as it is, so an overtaken measurement comments on nothing.
    """
    if plan.pull_request is not None or not (plan.head_repository and plan.head_ref and plan.head_sha):
        return plan
    found = client.access.attempt(NEEDS, "the pull request", lambda: read(client, lambda: _find(client, plan)))
    if found is None:
        client.access.note(f"No open pull request has {plan.head_sha} as its head any more; there is no comment.")
        return plan
    return replace(
        plan,
        pull_request=found.number,
        pull_request_author=found.user.login,
        is_draft=bool(found.draft),
        base_sha=found.base.sha,
        base_ref=found.base.ref,
        labels=tuple(label.name for label in found.labels),
    )


def _find(client: Client, plan: Plan) -> PullRequest | None:
    owner = (plan.head_repository or "").split("/")[0]
    for pull in client.repository.get_pulls(state="open", head=f"{owner}:{plan.head_ref}"):
        repository = pull.head.repo
        if pull.head.sha == plan.head_sha and repository is not None and repository.full_name == plan.head_repository:
            return pull
    return None
