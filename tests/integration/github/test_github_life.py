"""A scripted life of a repository: what comes, persists, worsens, recovers and relapses is told once, and only once."""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from github_scenes import Job, compared, judged, pull, push, sha

from regress_action.github import markers
from regress_action.github.preferences import Preferences

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_github import FakeGitHub
    from regress_action.github.client import Client

PUSHES = 30
STORY: dict[str, dict[int, float]] = {
    "cache.get": {5: 1.7, 6: 1.7, 7: 1.7, 8: 1.7, 9: 2.4, 10: 2.4, 11: 2.4, 12: 1.7, 20: 2.6, 21: 2.6},
    "session.create": dict.fromkeys(range(10, 15), 3.0),
    "api.list": {7: 1.3, 8: 1.3, 9: 1.3},
    "muted.one": dict.fromkeys(range(3, 31), 1.6),
    "doubtful.one": {16: 2.2},
    **{f"bulk.n{number}": dict.fromkeys(range(25, 27 + number // 4), 2.5) for number in range(8)},
}
UNCONFIRMED = {("doubtful.one", 16)}


def state(github: FakeGitHub) -> dict[str, Any]:
    """Return what people see: everything but times."""
    world = copy.deepcopy(github.world.as_json())
    for kind in ("issues", "comments"):
        for record in world[kind]:
            record.pop("updated_at")
    return {kind: world[kind] for kind in ("issues", "comments", "labels", "check_runs", "events")}


def rows(number: int) -> list[Any]:
    """Return what is measured of a push."""
    return [
        compared(name, ratios.get(number, 1.0), confirmed=(name, number) not in UNCONFIRMED)
        for name, ratios in STORY.items()
    ]


@pytest.fixture
def lived(github: FakeGitHub, connect: Callable[[], Client]) -> FakeGitHub:
    """Push thirty commits, each job run again once, and close one issue as not planned after the sixth."""
    for number in range(1, PUSHES + 1):
        judgement = judged(rows(number), head=sha(number), base=sha(number - 1))
        Job().run(connect(), push(number), judgement)
        before = state(github)
        Job().run(connect(), push(number), judgement)
        assert state(github) == before, f"running push {number} again changed something"
        if number == 6:
            muted = next(issue for issue in github.world.issues if "muted.one" in issue.title)
            muted.state, muted.state_reason = "closed", "not_planned"
    return github


def told(github: FakeGitHub, issue: int) -> list[str]:
    """Return what the comments on an issue announce."""
    events = [markers.found("event", comment.body) for comment in github.world.comments if comment.issue == issue]
    return [next(iter(event)) for event in events if event]


def test_thirty_pushes_leave_exactly_these_issues(lived: FakeGitHub) -> None:
    """One issue for each regression, with its life told in comments; unconfirmed and minor ones leave none."""
    issues = {
        issue.title.split(" is ")[0].removeprefix("Performance: "): (
            issue.state,
            issue.state_reason,
            told(lived, issue.number),
        )
        for issue in lived.world.issues
    }

    assert issues == {
        "muted.one": ("closed", "not_planned", []),
        "cache.get": ("closed", "completed", ["regraded", "regraded", "recovered", "relapsed", "recovered"]),
        "session.create": ("closed", "completed", ["recovered"]),
        "4 regressions at once": ("closed", "completed", ["recovered"]),
    }
    assert [label.name for label in lived.world.labels] == ["performance-regression"]


def test_thirty_pushes_leave_one_check_run_each_with_the_right_conclusion(lived: FakeGitHub) -> None:
    """Every check run is finished, and its conclusion follows from the worst severity."""
    runs = lived.world.check_runs
    expected = []
    for number in range(1, PUSHES + 1):
        ratios = [row.ratio for row in rows(number) if row.confirmed]
        worst = max(ratios, default=1.0)
        expected.append("failure" if worst >= 2 else "neutral" if worst >= 1.5 else "success")

    assert [run.head_sha for run in runs] == [sha(number) for number in range(1, PUSHES + 1)]
    assert [run.conclusion for run in runs] == expected
    assert {run.status for run in runs} == {"completed"}


def test_an_old_job_run_again_opens_nothing(lived: FakeGitHub, connect: Callable[[], Client]) -> None:
    """Commit 9 was critical and was said to be; saying it again after its recovery would be false."""
    before = [issue.state for issue in lived.world.issues], len(lived.world.comments)

    Job().run(connect(), push(9, attempt=2), judged(rows(9), head=sha(9), base=sha(8)))

    assert ([issue.state for issue in lived.world.issues], len(lived.world.comments)) == before


def test_fifteen_pull_requests(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """Each has at most one comment, from the first thing worth saying on; labels and reviews follow the severity."""
    first = [1.0, 1.3, 1.7, 2.5, 1.1]
    preferences = Preferences(reviewers=("octo", "rev"), team_reviewers=("perf",))
    github.world.collaborators["rev"] = "write"
    for number in range(1, 16):
        github.world.add_pull(head_sha=sha(100 + number), head_ref=f"feature-{number}", user="octo")
        ratio = first[(number - 1) % 5]
        for later in (ratio, 1.0 if number > 5 else ratio):
            judgement = judged([compared("cache.get", later), compared("api.list", 1.0)], head=sha(100 + number))
            for _ in range(2):
                Job().run(connect(), pull(github, number), judgement, preferences)

    world = github.world
    comments = Counter(comment.issue for comment in world.comments)
    labelled = [issue.number for issue in world.issues if issue.labels]
    asked = [issue.number for issue in world.issues if issue.pull and issue.pull.reviewers]

    assert comments == dict.fromkeys([2, 3, 4, 7, 8, 9, 12, 13, 14], 1)
    assert labelled == [3, 4]
    assert asked == [3, 4, 8, 9, 13, 14]
    assert {tuple(issue.pull.reviewers) for issue in world.issues if issue.pull} == {(), ("rev",)}
    assert all("No regression" in comment.body for comment in world.comments if comment.issue > 5)
    assert Counter(run.head_sha for run in world.check_runs).most_common(1)[0][1] == 1
