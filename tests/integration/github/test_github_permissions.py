"""Less permission means less said, one notice with the line that is missing, and the same verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fake_github import FakeGitHub, GithubData
from integration.github.github_scenarios import Job, compared, connected, judged, pull, push, sha
from regress_action.github.client import connect
from regress_action.github.preferences import Preferences
from regress_action.model.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.github.client import Client

JUDGEMENT = judged([compared("cache.get", 1.7)], head=sha(77))
CRITICAL = judged([compared("cache.get", 2.7)], head=sha(5))


@pytest.mark.parametrize(
    ("scope", "lost", "line"),
    [
        ("checks", "check run", "`checks: write`"),
        ("pull-requests", "comment", "`pull-requests: write`"),
        ("issues", "issues", "`issues: write`"),
    ],
)
def test_a_missing_permission_is_named_once_and_the_rest_is_published(
    github: FakeGitHub, client: Client, scope: str, lost: str, line: str
) -> None:
    """Without one permission everything else still arrives."""
    github.data.permissions[scope] = "read"
    if scope == "pull-requests":
        github.data.permissions["issues"] = "read"
    github.data.add_pull(head_sha=sha(77))
    job = Job()

    job.run(client, push(5) if scope == "issues" else pull(github, 1), CRITICAL if scope == "issues" else JUDGEMENT)

    naming = [sentence for sentence in job.result.degraded if line in sentence]
    assert len(naming) == 1
    assert lost in naming[0]
    assert "The verdict is not affected" in naming[0]
    said = {"checks": bool(github.data.check_runs), "pull-requests": bool(github.data.comments)}
    said["issues"] = len(github.data.issues) > 1
    assert said[scope] is False
    assert said["checks"] is not (scope == "checks")


def test_a_token_that_can_only_read_costs_one_request_for_each_permission(github: FakeGitHub, client: Client) -> None:
    """What was refused once is not asked for again."""
    github.data.permissions = dict.fromkeys(github.data.permissions, "read")
    github.data.add_pull(head_sha=sha(77))
    job = Job()

    job.run(client, pull(github, 1), JUDGEMENT, Preferences(reviewers=("rev",)))

    refused = [request.path for request in github.log if request.status == 403]
    assert len(refused) == 2
    assert len(job.result.degraded) == 2
    assert (github.data.comments, github.data.check_runs) == ([], [])


def test_a_fork_is_known_from_the_event_and_nothing_is_tried(github: FakeGitHub, client: Client) -> None:
    """On a fork's pull request the token can only read, so there is no request at all."""
    github.data.add_pull(head_sha=sha(77), head_repository="outsider/widgets")
    job = Job()

    job.run(client, pull(github, 1), JUDGEMENT)

    assert github.writes == []
    assert "mode: publish" in "".join(job.result.degraded)
    assert "::warning title=Moderate performance regression" in job.out.getvalue()


def test_without_a_token_log_and_summary_are_written() -> None:
    """No client: annotations and summary, nothing else, no complaint."""
    job = Job()

    job.run(None, push(5), CRITICAL)

    assert job.result.degraded == ()
    assert "::error title=Critical performance regression,file=benchmarks/cache.py,line=3::" in job.out.getvalue()


def test_dependabots_read_only_token_is_explained(github: FakeGitHub) -> None:
    """Its workflows get a token that can only read, whatever they ask for."""
    github.data.permissions = dict.fromkeys(github.data.permissions, "read")
    github.data.add_pull(head_sha=sha(77), user="dependabot[bot]")
    job = Job()

    with connected(github, actor="dependabot[bot]") as client:
        job.run(client, pull(github, 1), JUDGEMENT)

    assert all("Dependabot" in sentence for sentence in job.result.degraded)


def test_disabled_issues_and_a_locked_conversation_are_reported_in_githubs_words(
    github: FakeGitHub, connect: Callable[[], Client]
) -> None:
    """They are no missing permission."""
    github.data.issues_enabled = False
    github.data.add_pull(head_sha=sha(77), locked=True)
    disabled, locked = Job(), Job()

    disabled.run(connect(), push(5), CRITICAL)
    locked.run(connect(), pull(github, 1), JUDGEMENT)

    assert any("Issues are disabled" in sentence for sentence in disabled.result.degraded)
    assert any("issue is locked" in sentence for sentence in locked.result.degraded)


def test_a_reviewer_who_is_none_costs_a_notice(github: FakeGitHub, client: Client) -> None:
    """A name that is no collaborator is GitHub's to refuse."""
    github.data.add_pull(head_sha=sha(77))
    job = Job()

    job.run(client, pull(github, 1), JUDGEMENT, Preferences(reviewers=("outsider",)))

    assert any("only be requested from collaborators" in sentence for sentence in job.result.degraded)
    assert github.data.issues[0].labels == ["performance-regression"]


def test_an_enterprise_server_is_requested_under_its_own_prefix() -> None:
    """`GITHUB_API_URL` with /api/v3 is all it takes."""
    with FakeGitHub(GithubData(repository="corp/widgets"), prefix="/api/v3") as github, connected(github) as client:
        github.data.add_pull(head_sha=sha(77))
        job = Job()
        job.run(client, pull(github, 1, repository="corp/widgets"), JUDGEMENT)

        assert job.result.comment_url is not None
        assert {request.path.split("/repos")[0] for request in github.log} == {"/api/v3"}
        assert github.violations == []


def test_a_personal_token_knows_its_own_comments(github: FakeGitHub) -> None:
    """A person's token may ask who it is, so another person's comment with our mark is not taken for ours."""
    github.data.login = "octo"
    github.data.add_pull(head_sha=sha(77))
    preferences = Preferences(check_run=False)
    with connected(github, token="ghp_x") as client:  # noqa: S106 - opens nothing
        Job().run(client, pull(github, 1), JUDGEMENT, preferences)
    github.data.comments[0].user = "mallory"

    with connected(github, token="ghp_x") as client:  # noqa: S106 - opens nothing
        Job().run(client, pull(github, 1), JUDGEMENT, preferences)

    assert [comment.user for comment in github.data.comments] == ["mallory", "octo"]


def test_a_personal_token_that_cannot_write_checks_is_explained(github: FakeGitHub) -> None:
    """GitHub lets only apps do that; the token of the workflow is one."""
    github.data.login = "octo"
    job = Job()
    with connected(github, token="ghp_x") as client:  # noqa: S106 - opens nothing
        job.run(client, push(5), CRITICAL, Preferences(issues=False))

    assert "${{ github.token }}" in job.result.degraded[0]


def test_a_rate_limit_that_is_used_up_is_not_waited_for(github: FakeGitHub, client: Client) -> None:
    """The reset may be an hour away; the job says so and ends."""
    github.fail("403-primary", times=1000)
    job = Job()

    job.run(client, push(5), CRITICAL)

    assert len(job.result.degraded) == 2
    assert all("rate limit" in sentence for sentence in job.result.degraded)


@pytest.mark.parametrize("check_run", [True, False])
def test_a_comment_of_others_with_our_mark_is_not_edited(
    github: FakeGitHub, connect: Callable[[], Client], check_run: bool
) -> None:
    """Our mark in somebody else's comment is text, with and without a check run."""
    preferences = Preferences(check_run=check_run)
    github.data.add_pull(head_sha=sha(77))
    Job().run(connect(), pull(github, 1), JUDGEMENT, preferences)
    stolen = github.data.comments.pop()
    stolen.user = "mallory"
    github.data.comments.append(stolen)

    Job().run(connect(), pull(github, 1), JUDGEMENT, preferences)

    assert [comment.user for comment in github.data.comments] == ["mallory", "github-actions[bot]"]


@pytest.mark.parametrize("author", ["github-actions[bot]", "renovate[bot]", "mallory"])
def test_while_our_login_is_not_known_nobodys_comment_is_ours(
    github: FakeGitHub, connect: Callable[[], Client], author: str
) -> None:
    """Any app may quote a mark of ours, so being an app is not enough."""
    preferences = Preferences(check_run=False)
    github.data.tells_login = False
    github.data.add_pull(head_sha=sha(77))
    Job().run(connect(), pull(github, 1), JUDGEMENT, preferences)
    github.data.comments[0].user = author

    Job().run(connect(), pull(github, 1), JUDGEMENT, preferences)

    assert [comment.user for comment in github.data.comments] == [author, "github-actions[bot]"]


def test_without_a_check_run_an_apps_login_is_requested(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """The app's token may ask GraphQL who it is, so its comment is updated and another app's is not."""
    preferences = Preferences(check_run=False)
    github.data.add_pull(head_sha=sha(77))
    for _ in range(2):
        Job().run(connect(), pull(github, 1), JUDGEMENT, preferences)
    assert len(github.data.comments) == 1
    github.data.comments[0].user = "renovate[bot]"

    Job().run(connect(), pull(github, 1), JUDGEMENT, preferences)

    assert [comment.user for comment in github.data.comments] == ["renovate[bot]", "github-actions[bot]"]


def test_connecting_without_a_token_or_a_repository_is_an_error() -> None:
    """The error says what to do."""
    with pytest.raises(InfrastructureError, match="github-token"):
        connect("", {"GITHUB_REPOSITORY": "octo/widgets"})
    with pytest.raises(InfrastructureError):
        connect("ghs_x", {})
