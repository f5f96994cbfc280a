"""How much is asked of GitHub: stated here, request by request, and paced below its limits."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from github_scenes import Job, compared, connected, judged, pull, push, sha

from regress_action.github.client import Pace
from regress_action.github.preferences import Preferences

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_github import FakeGitHub
    from regress_action.github.client import Client

SECONDARY_LIMIT_PER_MINUTE = 80


def requests(github: FakeGitHub) -> list[str]:
    """Return the requests in order, shortened."""
    return [f"{each.method} {each.path.removeprefix('/repos/octo/widgets/')}" for each in github.log]


def test_a_quiet_pull_request_takes_six_requests(github: FakeGitHub, client: Client) -> None:
    """The check run, opened and finished, and a look for what was accepted and for a comment to bring up to date."""
    github.world.add_pull(head_sha=sha(77))

    Job().run(client, pull(github, 1), judged([compared("cache.get", 1.0)], head=sha(77)))

    assert requests(github) == [
        f"GET commits/{sha(77)}/check-runs",
        "POST check-runs",
        "GET issues/1/comments",
        "GET issues/1/labels",
        "PATCH check-runs/1001",
        "GET issues/1/comments",
    ]


def test_a_pull_request_with_a_moderate_regression_takes_eleven(github: FakeGitHub, client: Client) -> None:
    """Comment, label and review request come on top; below the twelve that were promised."""
    github.world.add_pull(head_sha=sha(77), user="author")

    Job().run(
        client,
        pull(github, 1),
        judged([compared("cache.get", 1.7)], head=sha(77)),
        Preferences(reviewers=("octo",)),
    )

    assert len(requests(github)) == 11
    assert len(requests(github)) <= 12


def test_a_quiet_push_takes_four(github: FakeGitHub, client: Client) -> None:
    """The check run, and one listing of our issues."""
    Job().run(client, push(5), judged([compared("cache.get", 1.0)], head=sha(5)))

    assert len(requests(github)) == 4


def test_five_hundred_annotations_go_in_ten_batches_worst_first(github: FakeGitHub, client: Client) -> None:
    """Fifty with each request, the conclusion with the last, none twice."""
    rows = [compared(f"bench.n{number}", 1.3 + number / 1000) for number in range(500)]

    Job().run(client, push(5), judged(rows, head=sha(5)), Preferences(issues=False))

    (run,) = github.world.check_runs
    batches = [each for each in github.log if each.method == "PATCH"]
    titles = [each["message"].split(" is ")[0] for each in run.annotations]
    assert [len(each.body["output"]["annotations"]) for each in batches] == [50] * 10
    assert titles[0] == "bench.n499"
    assert len(set(titles)) == len(titles) == 500
    assert [each.body.get("conclusion") for each in batches] == [None] * 9 + ["neutral"]


def test_writes_keep_their_distance(github: FakeGitHub) -> None:
    """The pace that is set is the pace that is kept; the default one stays below GitHub's limit."""
    rows = [compared(f"bench.n{number}", 1.3) for number in range(200)]
    with connected(github, pace=Pace(0, 0.1, 0, 0, timeout_s=5)) as client:
        Job().run(client, push(5), judged(rows, head=sha(5)), Preferences(issues=False))

    moments = [each.at for each in github.writes]
    assert len(moments) == 5
    assert min(after - before for before, after in itertools.pairwise(moments)) > 0.08
    assert 60 / Pace().between_writes_s < SECONDARY_LIMIT_PER_MINUTE


def test_the_comment_is_found_on_any_page(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """A long discussion before it does not make a second comment."""
    github.world.add_pull(head_sha=sha(77))
    for number in range(250):
        github.world.add_comment(1, f"comment {number}")

    for _ in range(2):
        Job().run(connect(), pull(github, 1), judged([compared("cache.get", 1.7)], head=sha(77)))

    assert sum("regress-action:comment" in comment.body for comment in github.world.comments) == 1
