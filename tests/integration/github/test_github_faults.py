"""Whatever goes wrong at whatever request: nothing is said twice, nothing is lost, and no job fails for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from fake_github import FakeGitHub
from integration.github.github_scenarios import Job, compared, connected, judged, pull, push, sha
from regress_action.github.client import Pace
from regress_action.github.preferences import Preferences

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_github.data import Issue

WRITES = "POST|PATCH|DELETE"
SURVIVABLE = ["502-before", "502-after", "403-secondary", "403-secondary-bare", "429", "slow", "truncated", "dropped"]
ASKING = Preferences(reviewers=("rev",))


def pull_request(github: FakeGitHub) -> None:
    """A pull request with a moderate regression: check run, comment, label, review request."""
    publish_ratio(github, lambda: pull(github, 1), 1.7, preferences=ASKING)


def regression(github: FakeGitHub) -> None:
    """A push with a critical regression: check run, label, issue."""
    publish_ratio(github, lambda: push(5), 2.5)


def life(github: FakeGitHub) -> None:
    """A regression that comes, worsens, recovers and relapses."""
    for number, ratio in ((5, 1.7), (6, 2.5), (7, 1.0), (8, 2.2)):
        publish_ratio(github, partial(push, number), ratio)


def publish_ratio(
    github: FakeGitHub, plan: Callable[[], Any], ratio: float, preferences: Preferences | None = None
) -> None:
    """Run one job, which waits a second for an answer."""
    planned = plan()
    with connected(github, pace=Pace(0, 0, 0, 0, timeout_s=1, repetitions=3)) as client:
        judgement = judged([compared("cache.get", ratio)], head=planned.head_sha, base=sha(1))
        Job().run(client, planned, judgement, preferences)


def again(github: FakeGitHub) -> None:
    """A pull request whose job is run again, with the same verdict and then with another one."""
    for attempt, ratio in ((1, 2.5), (2, 2.5), (3, 1.0)):
        publish_ratio(github, partial(pull, github, 1, attempt=attempt), ratio)


def accepted(github: FakeGitHub) -> None:
    """A pull request whose regression is accepted by label, and which then gets worse."""
    issue = github.data.issues[0]
    publish_ratio(github, lambda: pull(github, 1), 2.5)
    github.data.add_label(issue, Preferences().accept_label, "octo")
    publish_ratio(github, lambda: pull(github, 1, attempt=2), 2.5)
    for number, ratio in ((78, 2.5), (79, 4.0)):
        github.data.push(issue, sha(number))
        publish_ratio(github, lambda: pull(github, 1), ratio)


SCENES = [pull_request, regression, life, again, accepted]


@dataclass
class GithubData:
    """A fresh GitHub for each attempt."""

    lag: int = 0

    def __call__(self) -> FakeGitHub:
        """Return one with a pull request to talk about."""
        fake = FakeGitHub()
        fake.data.add_pull(head_sha=sha(77))
        fake.data.collaborators["rev"] = "write"
        fake.data.lag = self.lag
        return fake


def asked(issue: Issue) -> tuple[list[str], list[str]] | None:
    """Return who was asked to review."""
    return None if issue.pull is None else (issue.pull.reviewers, issue.pull.team_reviewers)


def seen(github: FakeGitHub) -> dict[str, Any]:
    """Return what people see, without times and numbers that count requests."""
    data = github.data
    return {
        "checks": [(run.name, run.head_sha, run.conclusion, len(run.annotations)) for run in data.check_runs],
        "issues": [(issue.title, issue.state, sorted(issue.labels), asked(issue)) for issue in data.issues],
        "comments": [(comment.issue, comment.body) for comment in data.comments],
        "labels": [label.name for label in data.labels],
    }


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, tuple[dict[str, Any], list[tuple[str, str]]]]:
    """What each scene leaves when nothing goes wrong, and its requests."""
    scenes = {}
    for scene in SCENES:
        with GithubData()() as github:
            scene(github)
            scenes[scene.__name__] = seen(github), [(request.method, request.path) for request in github.log]
            assert github.violations == []
    return scenes


@pytest.mark.parametrize(
    ("scene", "kind"),
    [
        *((scene, kind) for scene in (pull_request, regression) for kind in SURVIVABLE),
        *((scene, kind) for scene in (life, again, accepted) for kind in ("502-before", "502-after", "truncated")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_failing_write_neither_doubles_nor_loses_anything(
    scene: Callable[[FakeGitHub], None], kind: str, undisturbed: dict[str, Any]
) -> None:
    """Each write in turn goes wrong once; in the end people see what they would have seen."""
    expected, requests = undisturbed[scene.__name__]
    writes = [request for request in requests if request[0] != "GET"]

    for place, (method, path) in enumerate(writes):
        with GithubData()() as github:
            fault = github.fail(kind, WRITES, skip=place, delay_s=1.1)
            scene(github)
            assert fault.hits == 1
            assert seen(github) == expected, f"{kind} at {method} {path}"
            assert github.violations == []


@pytest.mark.parametrize("kind", ["502-before", "truncated"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_a_failing_read_changes_nothing(
    scene: Callable[[FakeGitHub], None], kind: str, undisturbed: dict[str, Any]
) -> None:
    """Each read in turn goes wrong once."""
    expected, requests = undisturbed[scene.__name__]

    for place in range(sum(method == "GET" for method, _ in requests)):
        with GithubData()() as github:
            github.fail(kind, "GET", skip=place)
            scene(github)
            assert seen(github) == expected, f"{kind} at question {place}"


@pytest.mark.parametrize("kind", ["502-after", "truncated", "dropped"])
@pytest.mark.parametrize("scene", [pull_request, regression], ids=lambda scene: scene.__name__)
def test_a_lost_answer_and_a_listing_that_lags_make_no_second_one(
    scene: Callable[[FakeGitHub], None], kind: str, undisturbed: dict[str, Any]
) -> None:
    """What was created shows up only in the second listing after; it is looked for long enough."""
    expected, requests = undisturbed[scene.__name__]

    for place in range(sum(method == "POST" for method, _ in requests)):
        with GithubData(lag=2)() as github:
            github.fail(kind, "POST", skip=place)
            scene(github)
            assert seen(github) == expected, f"{kind} at creation {place}"


def test_two_jobs_that_create_the_same_label_both_succeed(undisturbed: dict[str, Any]) -> None:
    """GitHub refuses the second label of a name; it exists, so all is well."""
    with GithubData()() as github:
        github.fail("422-after", "POST", "/labels$")
        regression(github)
        assert seen(github) == undisturbed["regression"][0]


def test_duplicates_of_two_jobs_at_once_are_merged_by_the_next() -> None:
    """Both listed before either created; the next push closes the younger and keeps the older up to date."""
    with GithubData()() as github:
        github.data.lag = 10
        regression(github)
        publish_ratio(github, lambda: push(6), 2.5)
        github.data.lag = 0
        for issue in github.data.issues:
            issue.hidden = 0
        publish_ratio(github, lambda: push(7), 2.5)

        states = [(issue.state, issue.state_reason) for issue in github.data.issues if issue.pull is None]
        assert states == [("open", None), ("closed", "duplicate")]
        publish_ratio(github, lambda: push(8), 1.0)
        assert [issue.state for issue in github.data.issues if issue.pull is None] == ["closed", "closed"]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_a_failing_server_costs_notices_and_no_verdict(scene: Callable[[FakeGitHub], None]) -> None:
    """Every request fails for good; the job goes on to its end."""
    with GithubData()() as github:
        github.fail("502-before", times=100_000)
        scene(github)
        assert github.data.check_runs == []


def test_a_check_run_that_cannot_be_completed_is_a_notice() -> None:
    """The check run opens, then GitHub goes down: the notice tells what is missing."""
    with GithubData()() as github, connected(github) as client:
        github.fail("502-before", "PATCH", times=100_000)
        job = Job()
        job.run(client, pull(github, 1), judged([compared("cache.get", 2.5)], head=sha(77)))

        assert any("check run" in sentence for sentence in job.result.degraded)
        assert "::notice title=Not everything could be published::" in job.out.getvalue()
        assert "::error " in job.out.getvalue()
