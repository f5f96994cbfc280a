"""How much is asked of GitHub: stated here, request by request, and paced below its limits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.github.github_scenarios import Job, compared, connected, judged, pull, push, sha
from regress_action.github.client import Pace
from regress_action.github.preferences import Preferences

if TYPE_CHECKING:
    from fake_github import FakeGitHub
    from regress_action.github.client import Client
    from regress_action.github.event import Plan

Run = Callable[["Plan", float], None]
SECONDARY_LIMIT_PER_MINUTE = 80
DOCS = Path(__file__).parents[3] / "docs" / "action.md"
PUBLISHED = {
    name: int(count) for name, count in re.findall(r"(?m)^\| (.+?) \| (\d+) requests? \|$", DOCS.read_text("utf-8"))
}


def requests(github: FakeGitHub) -> list[str]:
    """Return the requests in order, shortened."""
    return [f"{request.method} {request.path.removeprefix('/repos/octo/widgets/')}" for request in github.log]


def test_a_quiet_pull_request_takes_six_requests(github: FakeGitHub, client: Client) -> None:
    """The check run, opened and finished, and a look for what was accepted and for a comment to bring up to date."""
    github.data.add_pull(head_sha=sha(77))

    Job().run(client, pull(github, 1), judged([compared("cache.get", 1.0)], head=sha(77)))

    assert requests(github) == [
        f"GET commits/{sha(77)}/check-runs",
        "POST check-runs",
        "GET issues/1/comments",
        "GET issues/1/labels",
        "PATCH check-runs/1001",
        "GET issues/1/comments",
    ]


def quiet_pull(github: FakeGitHub, run: Run) -> None:
    """Nothing to say."""
    run(pull(github, 1), 1.0)


def minor_pull(github: FakeGitHub, run: Run) -> None:
    """An annotation and a comment."""
    run(pull(github, 1), 1.3)


def moderate_pull(github: FakeGitHub, run: Run) -> None:
    """Comment, label and review request."""
    run(pull(github, 1), 1.7)


def next_push(github: FakeGitHub, run: Run) -> None:
    """The comment is brought up to date."""
    run(pull(github, 1), 1.7)
    github.data.push(github.data.issues[0], sha(78))
    github.log.clear()
    run(pull(github, 1), 1.7)


def accepted_pull(github: FakeGitHub, run: Run) -> None:
    """Who set the label, when, and whether they may; what it accepts stands in the comment that was read anyway."""
    github.data.add_label(github.data.issues[0], Preferences().accept_label, "octo")
    run(pull(github, 1), 2.5)


def quiet_push(_: FakeGitHub, run: Run) -> None:
    """The check run, and one listing of our open issues."""
    run(push(5), 1.0)


def opening_push(_: FakeGitHub, run: Run) -> None:
    """The closed issues are asked for as well; label and issue are created, the culprit is looked for."""
    run(push(5), 2.5)


def persisting_push(github: FakeGitHub, run: Run) -> None:
    """The open issue is brought up to date."""
    run(push(5), 2.5)
    github.log.clear()
    run(push(6), 2.5)


def recovering_push(github: FakeGitHub, run: Run) -> None:
    """It is said and closed."""
    run(push(5), 2.5)
    github.log.clear()
    run(push(6), 1.0)


def quiet_push_again(github: FakeGitHub, run: Run) -> None:
    """The check run is found and used again."""
    run(push(5), 1.0)
    github.log.clear()
    run(push(5, attempt=2), 1.0)


def slow_push_again(github: FakeGitHub, run: Run) -> None:
    """Its annotations are read, so that none is made twice."""
    run(push(5), 2.5)
    github.log.clear()
    run(push(5, attempt=2), 2.5)


SCENES: dict[str, Callable[[FakeGitHub, Run], None]] = {
    "a quiet pull request": quiet_pull,
    "a pull request with a minor regression": minor_pull,
    "… with a moderate one: comment, label, review request": moderate_pull,
    "… at its next push": next_push,
    "… whose regression somebody accepted by label": accepted_pull,
    "a quiet push to the default branch": quiet_push,
    "a push that opens an issue": opening_push,
    "a push at which it persists": persisting_push,
    "a push with which it recovers": recovering_push,
    "a quiet push, run again": quiet_push_again,
    "a push with a regression, run again": slow_push_again,
}


@pytest.mark.parametrize("name", SCENES)
def test_a_job_takes_as_many_requests_as_are_published(
    name: str, github: FakeGitHub, connect: Callable[[], Client]
) -> None:
    """The table in docs/action.md is what happens; a typical pull request takes no more than twelve."""
    github.data.add_pull(head_sha=sha(77), user="author")
    github.data.comparisons[f"{sha(4)}...{sha(5)}"] = [sha(5)]

    def run(plan: Plan, ratio: float) -> None:
        judgement = judged([compared("cache.get", ratio)], head=plan.head_sha or "", base=plan.base_sha)
        Job().run(connect(), plan, judgement, Preferences(reviewers=("octo",)))

    SCENES[name](github, run)

    taken = len(requests(github))
    print(f"{name}: {taken}", *requests(github), sep="\n  ")  # noqa: T201 - `pytest -rP` shows what is asked
    assert PUBLISHED[name] == taken
    assert taken <= 12


def test_every_published_figure_is_measured() -> None:
    """No row of the table without a scene."""
    assert PUBLISHED.keys() == SCENES.keys()


def test_five_hundred_annotations_go_in_ten_batches_worst_first(github: FakeGitHub, client: Client) -> None:
    """Fifty with each request, the conclusion with the last, none twice."""
    rows = [compared(f"bench.n{number}", 1.3 + number / 1000) for number in range(500)]

    Job().run(client, push(5), judged(rows, head=sha(5)), Preferences(issues=False))

    (run,) = github.data.check_runs
    batches = [request for request in github.log if request.method == "PATCH"]
    titles = [annotation["message"].split(" is ")[0] for annotation in run.annotations]
    assert [len(request.body["output"]["annotations"]) for request in batches] == [50] * 10
    assert titles[0] == "bench.n499"
    assert len(set(titles)) == len(titles) == 500
    assert [request.body.get("conclusion") for request in batches] == [None] * 9 + ["neutral"]


def test_writes_are_paced(github: FakeGitHub) -> None:
    """The pace that is set is the pace that is kept; the default one stays below GitHub's limit."""
    rows = [compared(f"bench.n{number}", 1.3) for number in range(200)]
    with connected(github, pace=Pace(0, 0.1, 0, 0, timeout_s=5)) as client:
        Job().run(client, push(5), judged(rows, head=sha(5)), Preferences(issues=False))

    moments = [request.at for request in github.writes]
    assert len(moments) == 5
    assert min(after - before for before, after in itertools.pairwise(moments)) > 0.08
    assert 60 / Pace().between_writes_s < SECONDARY_LIMIT_PER_MINUTE


def test_the_comment_is_found_on_any_page(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """A long discussion before it does not make a second comment."""
    github.data.add_pull(head_sha=sha(77))
    for number in range(250):
        github.data.add_comment(1, f"comment {number}")

    for _ in range(2):
        Job().run(connect(), pull(github, 1), judged([compared("cache.get", 1.7)], head=sha(77)))

    assert sum("regress-action:comment" in comment.body for comment in github.data.comments) == 1
