"""A scripted life of a repository: what comes, persists, worsens, recovers and relapses is announced once."""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from integration.github.github_scenarios import Job, compared, judged, pull, push, sha
from regress_action.github import hidden_comment, issues
from regress_action.github.event import Stage
from regress_action.github.preferences import Preferences
from regress_action.model.comparisons import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fake_github import FakeGitHub
    from regress_action.github.client import Client
    from regress_action.github.issues import AlertChange

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
    """Return what people see: everything but the times at which it was judged."""
    data = copy.deepcopy(github.data.as_json())
    for kind in ("issues", "comments", "check_runs"):
        for record in data[kind]:
            for moment in ("updated_at", "started_at", "completed_at"):
                record.pop(moment, None)
    return {kind: data[kind] for kind in ("issues", "comments", "labels", "check_runs", "events")}


def rows(number: int) -> list[Any]:
    """Return what is measured of a push."""
    return [
        compared(name, ratios.get(number, 1.0), confirmed=(name, number) not in UNCONFIRMED)
        for name, ratios in STORY.items()
    ]


def live(github: FakeGitHub, connect: Callable[[], Client], attempts: Sequence[int]) -> list[AlertChange]:
    """Push thirty commits, with these attempts at each job, and close one issue as not planned after the sixth.

    Returns what the people who are notified were announced.
    """
    changes: list[AlertChange] = []
    for number in range(1, PUSHES + 1):
        judgement = judged(rows(number), head=sha(number), base=sha(number - 1))
        for attempt in attempts:
            changes += Job().run(connect(), push(number, attempt=attempt), judgement).changes
        if number == 6:
            muted = next(issue for issue in github.data.issues if "muted.one" in issue.title)
            muted.state, muted.state_reason = "closed", "not_planned"
    return changes


@pytest.fixture
def lived(github: FakeGitHub, connect: Callable[[], Client]) -> FakeGitHub:
    """The life, once."""
    live(github, connect, [1])
    return github


def test_running_every_job_again_changes_nothing(
    lived: FakeGitHub, another: tuple[FakeGitHub, Callable[[], Client]]
) -> None:
    """Twice as the same attempt and once as the next: the same issues, comments, checks, labels and notifications."""
    twice, reconnect = another

    changes_seen = live(twice, reconnect, [1, 1, 2])

    assert state(twice) == state(lived)
    kinds = Counter(change.kind for change in changes_seen)
    assert kinds == {"opened": 4, "regraded": 2, "relapsed": 1, "recovered": 4}


def announced(github: FakeGitHub, issue: int) -> list[str]:
    """Return what the comments on an issue announce."""
    events = [hidden_comment.read("event", comment.body) for comment in github.data.comments if comment.issue == issue]
    return [next(iter(event)) for event in events if event]


def test_thirty_pushes_leave_exactly_these_issues(lived: FakeGitHub) -> None:
    """One issue for each regression, with its life announced in comments; unconfirmed and minor ones leave none."""
    issues = {
        issue.title.split(" is ")[0].removeprefix("Performance: "): (
            issue.state,
            issue.state_reason,
            announced(lived, issue.number),
        )
        for issue in lived.data.issues
    }

    assert issues == {
        "muted.one": ("closed", "not_planned", []),
        "cache.get": ("closed", "completed", ["regraded", "regraded", "recovered", "relapsed", "recovered"]),
        "session.create": ("closed", "completed", ["recovered"]),
        "4 regressions at once": ("closed", "completed", ["recovered"]),
    }
    assert [label.name for label in lived.data.labels] == ["performance-regression"]


def test_thirty_pushes_leave_one_check_run_each_with_the_right_conclusion(lived: FakeGitHub) -> None:
    """Every check run is finished, and its conclusion follows from the worst severity."""
    runs = lived.data.check_runs
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
    before = [issue.state for issue in lived.data.issues], len(lived.data.comments)

    Job().run(connect(), push(9, attempt=2), judged(rows(9), head=sha(9), base=sha(8)))

    assert ([issue.state for issue in lived.data.issues], len(lived.data.comments)) == before


def pull_requests(github: FakeGitHub, connect: Callable[[], Client], attempts: Sequence[int]) -> list[AlertChange]:
    """Open fifteen pull requests; those after the fifth get a second push, which is fine, and some get a label."""
    first = [1.0, 1.3, 1.7, 2.5, 1.1]
    preferences = Preferences(reviewers=("octo", "rev"), team_reviewers=("perf",))
    github.data.collaborators["rev"] = "write"
    changes: list[AlertChange] = []
    for number in range(1, 16):
        issue = github.data.add_pull(head_sha=sha(100 + number), head_ref=f"feature-{number}", user="octo")
        for later in (first[(number - 1) % 5], *([1.0] if number > 5 else [])):
            assert issue.pull is not None
            judgement = judged(
                [compared("cache.get", later), compared("api.list", 1.0)], head=sha(int(issue.pull.head_sha, 16))
            )
            for attempt in attempts:
                changes += Job().run(connect(), pull(github, number, attempt=attempt), judgement, preferences).changes
            github.data.push(issue, sha(200 + number))
    return changes


def test_pushes_and_trends_update_the_same_issues(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """Each regression has one issue, and neither closes nor repeats what the other follows."""
    stepped, creeping = dict.fromkeys(range(3, 7), 1.7), dict.fromkeys(range(4, 9), 1.3)

    def looked(number: int) -> list[Any]:
        step, creep = compared("cache.get", stepped.get(number, 1.0)), compared("api.list", creeping.get(number, 1.0))
        return [replace(step, verdict=Verdict.INCONCLUSIVE) if number in {7, 8} else step, creep]

    for number in range(1, 13):
        pushed = [compared("cache.get", stepped.get(number, 1.0)), compared("api.list", 2.5 if number == 7 else 1.0)]
        for _ in range(2):
            Job().run(connect(), push(number), judged(pushed, head=sha(number)))
            night = replace(push(number), mode=Stage.TREND, event="schedule")
            Job().run(connect(), night, judged(looked(number), head=sha(number)), Preferences(check_run=False))

    issues = {issue.title.split(" ")[1]: (issue.number, issue.state) for issue in github.data.issues}
    assert {name: state for name, (_, state) in issues.items()} == {"cache.get": "closed", "api.list": "closed"}
    assert announced(github, issues["cache.get"][0]) == ["recovered"]
    assert announced(github, issues["api.list"][0]) == ["regraded", "recovered"]


def test_fifteen_pull_requests(
    github: FakeGitHub, connect: Callable[[], Client], another: tuple[FakeGitHub, Callable[[], Client]]
) -> None:
    """Each has at most one comment, from the first thing worth saying on; labels and reviews follow the severity."""
    changes = pull_requests(github, connect, [1])

    data = github.data
    comments = Counter(comment.issue for comment in data.comments)
    labelled = [issue.number for issue in data.issues if issue.labels]
    asked = [issue.number for issue in data.issues if issue.pull and issue.pull.reviewers]

    assert comments == dict.fromkeys([2, 3, 4, 7, 8, 9, 12, 13, 14], 1)
    assert labelled == [3, 4]
    assert asked == [3, 4, 8, 9, 13, 14]
    assert {tuple(issue.pull.reviewers) for issue in data.issues if issue.pull} == {(), ("rev",)}
    assert all("No regression" in comment.body for comment in data.comments if comment.issue > 5)
    assert Counter(run.head_sha for run in data.check_runs).most_common(1)[0][1] == 1
    assert Counter(change.kind for change in changes) == {"opened": 9, "recovered": 6}

    twice, reconnect = another
    assert [change.kind for change in pull_requests(twice, reconnect, [1, 2])] == [change.kind for change in changes]
    assert state(twice) == state(github)
    assert asking(twice) == asking(github) == 6


def asking(github: FakeGitHub) -> int:
    """Return how often somebody was asked for a review, and so got a mail."""
    return sum(request.path.endswith("/requested_reviewers") and request.method == "POST" for request in github.log)


def test_a_label_accepts_the_regressions_that_were_shown(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """It holds on the head where it was set, and later for the same while it gets no worse; each job is run twice."""
    slow, more, worse = {"cache.get": 2.5}, {"cache.get": 2.5, "api.list": 2.2}, {"cache.get": 3.5}
    nearly = {"cache.get": 2.55}
    issue = github.data.add_pull(head_sha=sha(100))
    label = Preferences().accept_label
    story: list[tuple[str, dict[str, float], str]] = [
        ("push", slow, "failure"),
        ("label", slow, "success"),
        ("push", slow, "success"),
        ("push", nearly, "success"),
        ("push", more, "failure"),
        ("push", slow, "success"),
        ("push", worse, "failure"),
        ("label", worse, "success"),
        ("push", worse, "success"),
        ("push", {"cache.get": 1.0}, "success"),
        ("push", slow, "success"),
    ]
    for number, (what, ratios, conclusion) in enumerate(story, start=101):
        if what == "push":
            github.data.push(issue, sha(number))
        else:
            issue.labels = [name for name in issue.labels if name != label]
            github.data.add_label(issue, label, "octo")
        assert issue.pull is not None
        judgement = judged([compared(name, ratio) for name, ratio in ratios.items()], head=issue.pull.head_sha)
        before: Any = None
        for attempt in (1, 2):
            Job().run(connect(), pull(github, issue.number, attempt=attempt), judgement)
            run = next(run for run in reversed(github.data.check_runs) if run.head_sha == issue.pull.head_sha)
            assert run.conclusion == conclusion, (number, what, attempt)
            assert before in {None, json.dumps(state(github))}
            before = json.dumps(state(github))
        (comment,) = github.data.comments
        missed = [name for name in ratios if f"Not accepted: `{name}`" in comment.body]
        assert missed == ([] if conclusion == "success" or number < 103 else [list(ratios)[-1]]), number


@pytest.mark.parametrize("check_run", [True, False])
def test_an_issue_whose_label_somebody_took_off_is_still_ours(
    github: FakeGitHub, connect: Callable[[], Client], check_run: bool
) -> None:
    """It is followed, closed and opened again, also where we do not know our own name."""
    preferences = Preferences(check_run=check_run)
    for number, ratio in ((5, 1.7), (6, 2.5), (7, 1.0), (8, 2.2)):
        Job().run(connect(), push(number), judged([compared("cache.get", ratio)], head=sha(number)), preferences)
        github.data.issues[0].labels.clear()

    assert [issue.state for issue in github.data.issues] == ["open"]
    assert announced(github, 1) == ["regraded", "recovered", "relapsed"]


def test_our_issue_is_found_behind_more_than_we_look_at(
    github: FakeGitHub, connect: Callable[[], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another workflow opens issues under the same name by the hundred: then the label tells ours from theirs."""
    monkeypatch.setattr(issues, "LISTED", 100)
    Job().run(connect(), push(5), judged([compared("cache.get", 2.5)], head=sha(5)))
    for number in range(250):
        github.data.add_issue(f"Another {number}", user=github.data.login)
    github.log.clear()
    Job().run(connect(), push(6), judged([compared("cache.get", 1.0)], head=sha(6)))

    assert github.data.issues[0].state == "closed"
    assert [request.query.get("labels") for request in github.log if request.path.endswith("/issues")] == [
        None,
        "performance-regression",
    ]


def test_a_persons_issue_with_our_mark_is_not_ours(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """Who copies the text of an issue, label and all, gets an issue that is left alone."""
    Job().run(connect(), push(5), judged([compared("cache.get", 2.5)], head=sha(5)))
    ours = github.data.issues[0]
    copied = github.data.add_issue(ours.title, ours.body, "mallory", labels=list(ours.labels))
    Job().run(connect(), push(6), judged([compared("cache.get", 1.0)], head=sha(6)))

    assert (ours.state, copied.state) == ("closed", "open")
