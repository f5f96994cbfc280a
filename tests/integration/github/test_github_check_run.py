"""The check run: opened at once, finished with the right conclusion, never left hanging."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration.github.github_scenarios import Job, compared, judged, pull, push, sha
from regress_action.github import check_run
from regress_action.github.preferences import Preferences
from regress_action.model.comparisons import Outcome, Severity, Summary
from regress_action.model.errors import UsageError
from regress_action.model.measurements import Location

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_github import FakeGitHub
    from regress_action.github.client import Client


def test_the_check_run_is_in_progress_until_the_verdict(github: FakeGitHub, client: Client) -> None:
    """People see that it runs, on the head of the pull request."""
    github.data.add_pull(head_sha=sha(77))
    with check_run.opened(client, pull(github, 1), Preferences(suite="api")) as check:
        (run,) = github.data.check_runs
        assert (run.status, run.name, run.head_sha) == ("in_progress", "Performance (api)", sha(77))
        assert check is not None
        assert check.url == f"https://github.com/octo/widgets/runs/{run.id}"


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(4)])
def test_a_crash_leaves_no_run_hanging(github: FakeGitHub, client: Client, error: BaseException) -> None:
    """It ends cancelled, which no branch protection takes for a pass, and the error goes its way."""
    with pytest.raises(type(error)), check_run.opened(client, push(5), Preferences()):
        raise error

    (run,) = github.data.check_runs
    assert (run.status, run.conclusion, run.title) == ("completed", "cancelled", "No verdict")


def test_a_cancelled_workflow_leaves_no_run_hanging(github: FakeGitHub, client: Client) -> None:
    """The runner terminates us; there is time to say so, and afterwards signals are what they were."""
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(SystemExit), check_run.opened(client, push(5), Preferences()):
        signal.raise_signal(signal.SIGTERM)

    assert github.data.check_runs[0].conclusion == "cancelled"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_block_that_ends_without_a_verdict_is_no_pass(github: FakeGitHub, client: Client) -> None:
    """Forgetting to finish is not success."""
    with check_run.opened(client, push(5), Preferences()):
        pass

    assert github.data.check_runs[0].conclusion == "cancelled"


@pytest.mark.parametrize(
    ("ratio", "preferences", "conclusion"),
    [
        (1.0, Preferences(), "success"),
        (1.1, Preferences(), "success"),
        (1.3, Preferences(), "success"),
        (1.7, Preferences(), "neutral"),
        (1.7, Preferences(block_moderate=True), "action_required"),
        (1.7, Preferences(fail_on=Severity.MODERATE), "failure"),
        (2.5, Preferences(), "failure"),
        (2.5, Preferences(fail_on=Severity.NONE), "neutral"),
    ],
)
def test_the_conclusion_follows_the_severity(
    github: FakeGitHub, client: Client, ratio: float, preferences: Preferences, conclusion: str
) -> None:
    """Critical fails, moderate is neutral or asks for action, minor passes with its annotation."""
    Job().run(client, push(5), judged([compared("cache.get", ratio)], head=sha(5)), preferences)

    (run,) = github.data.check_runs
    assert run.conclusion == conclusion
    assert len(run.annotations) == (ratio >= 1.2)


def test_measuring_nothing_is_a_failure_of_its_own(github: FakeGitHub, client: Client) -> None:
    """A gate that compared nothing must not be green."""
    Job().run(client, push(5), judged([], head=sha(5)))

    assert (github.data.check_runs[0].conclusion, github.data.issues) == ("failure", [])


def test_an_inconclusive_comparison_is_neutral_and_without_comment(github: FakeGitHub, client: Client) -> None:
    """Nobody is told what is not known."""
    github.data.add_pull(head_sha=sha(77))
    judgement = replace(
        judged([compared("x", 1.0)], head=sha(77)), summary=Summary(Outcome.INCONCLUSIVE, inconclusive=1)
    )

    Job().run(client, pull(github, 1), judgement)

    assert github.data.check_runs[0].conclusion == "neutral"
    assert github.data.comments == []


def test_what_measuring_again_refuted_does_not_alarm(github: FakeGitHub, client: Client) -> None:
    """A suspicion that was not confirmed is no regression."""
    Job().run(client, push(5), judged([compared("cache.get", 3.0, confirmed=False)], head=sha(5)))

    assert (github.data.check_runs[0].conclusion, github.data.issues) == ("success", [])


def test_one_bad_annotation_costs_none_of_the_others(github: FakeGitHub, client: Client) -> None:
    """GitHub refuses a whole batch for one; the rest of it arrives."""
    rows = [compared(f"bench.n{number}", 1.3) for number in range(60)]
    github.fail("422", "PATCH", "/check-runs/", times=1)
    with check_run.opened(client, push(5), Preferences()) as check:
        assert check is not None
        lines = [
            {
                "path": "a.py",
                "start_line": 1,
                "end_line": 1,
                "annotation_level": "warning",
                "message": row.benchmark.name,
            }
            for row in rows
        ]
        lines[17]["path"] = "/absolute"
        lines[59]["message"] = ""
        check.finish("neutral", "title", "summary", lines)

    (run,) = github.data.check_runs
    messages = [annotation["message"] for annotation in run.annotations]
    assert sorted(messages) == sorted(f"bench.n{number}" for number in range(59) if number != 17)
    assert run.conclusion == "neutral"
    assert "refused an annotation" in client.permissions.notices[0]


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x.py", "a\nb.py", "😀.py", "x" * 2000, "a/../../b.py"])
def test_an_invalid_location_becomes_no_annotation(github: FakeGitHub, client: Client, path: str) -> None:
    """Locations come from results files; GitHub is not even asked about impossible ones."""
    row = compared("cache.get", 2.5)
    row = replace(row, benchmark=replace(row.benchmark, location=Location(path, -3)))

    Job().run(client, push(5), judged([row], head=sha(5)), Preferences(issues=False))

    (run,) = github.data.check_runs
    assert (run.conclusion, run.annotations) == ("failure", [])
    assert sum(request.status == 422 for request in github.log) == 0


def shown(github: FakeGitHub) -> list[tuple[str, str | None, str | None, int]]:
    """Return what people see of the check runs: the newest of each name on a commit is the one that counts."""
    return [(run.status, run.conclusion, run.title, len(run.annotations)) for run in github.data.check_runs]


@pytest.mark.parametrize("final", ["", "ignored", "refused"])
def test_a_job_that_is_run_again_updates_its_check_run(
    github: FakeGitHub, connect: Callable[[], Client], final: str
) -> None:
    """Also as a second attempt, and whether or not GitHub lets a finished check run be opened again."""
    for attempt, measured in ((1, 2.5), (1, 2.5), (2, 2.53), (3, 2.47)):
        judgement = judged([compared("cache.get", measured), compared("api.list[10]", 1.3)], head=sha(5))
        Job().run(connect(), push(5, attempt=attempt), judgement, Preferences(issues=False))
        github.data.completed_is_final = final

    status, conclusion, _, annotations = shown(github)[-1]
    assert (status, conclusion, annotations) == ("completed", "failure", 2)
    assert len(shown(github)) == (4 if final == "refused" else 1)


@pytest.mark.parametrize(
    "later", [("cache.get", 1.7), ("cache.put", 2.5), ("cache.get[1]", 2.5)], ids=["graver", "another", "a parameter"]
)
def test_an_annotation_about_something_else_is_not_taken_for_this_one(
    github: FakeGitHub, connect: Callable[[], Client], later: tuple[str, float]
) -> None:
    """Of another benchmark on the same line, or of another severity."""
    for attempt, (name, ratio) in enumerate([("cache.get", 2.5), later], start=1):
        row = compared(name, ratio)
        row = replace(row, benchmark=replace(row.benchmark, location=Location("a.py", 1)))
        Job().run(connect(), push(5, attempt=attempt), judged([row], head=sha(5)), Preferences(issues=False))

    old, new = github.data.check_runs
    assert (old.title, len(new.annotations)) == ("Superseded", 1)
    assert new.annotations[0]["message"].startswith(f"{later[0]} ")


@pytest.mark.parametrize("final", ["", "ignored", "refused"])
def test_what_no_longer_holds_is_not_left_beside_what_does(
    github: FakeGitHub, connect: Callable[[], Client], final: str
) -> None:
    """An annotation cannot be taken back, nor every conclusion: then a newer check run takes the place of the old."""
    slow, fine = judged([compared("cache.get", 2.5)], head=sha(5)), judged([compared("cache.get", 1.0)], head=sha(5))
    Job().run(connect(), push(5), slow, Preferences(issues=False))
    github.data.completed_is_final = final
    for _ in range(2):
        Job().run(connect(), push(5, attempt=2), fine, Preferences(issues=False))

    old, new = github.data.check_runs[:2]
    assert (new.conclusion, new.annotations) == ("success", [])
    assert {run.name for run in github.data.check_runs} == {"Performance"}
    assert {run.status for run in github.data.check_runs} == {"completed"}
    assert old.conclusion == ("failure" if final else "neutral")
    assert (old.title == "Superseded") is (final != "refused")


@pytest.mark.parametrize("final", ["", "ignored", "refused"])
def test_the_newest_check_run_has_the_newest_verdict(
    github: FakeGitHub, connect: Callable[[], Client], final: str
) -> None:
    """Nothing was measured at first: also where GitHub holds that failure to be final, the pass is seen."""
    Job().run(connect(), push(5), judged([], head=sha(5)))
    github.data.completed_is_final = final
    Job().run(connect(), push(5, attempt=2), judged([compared("cache.get", 1.0)], head=sha(5)))

    assert [run.conclusion for run in github.data.check_runs] == (["failure", "success"] if final else ["success"])


def test_a_new_annotation_is_added_to_the_others(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """A second attempt that finds more adds the rest; nothing is there twice."""
    first = [compared("cache.get", 2.5)]
    Job().run(connect(), push(5), judged(first, head=sha(5)), Preferences(issues=False))
    Job().run(
        connect(),
        push(5, attempt=2),
        judged([*first, compared("api.list", 3.0)], head=sha(5)),
        Preferences(issues=False),
    )

    (run,) = github.data.check_runs
    assert sorted(annotation["message"].split(" ")[0] for annotation in run.annotations) == ["api.list", "cache.get"]


def test_while_it_is_judged_again_it_is_in_progress(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """Nobody merges on yesterday's verdict while today's is being found."""
    Job().run(connect(), push(5), judged([compared("cache.get", 1.0)], head=sha(5)))
    with check_run.opened(connect(), push(5, attempt=2), Preferences()):
        (run,) = github.data.check_runs
        assert (run.status, run.conclusion, run.title) == ("in_progress", None, "Judging")


def test_another_workflow_run_has_a_check_run_of_its_own(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """A push and a pull request of one commit compare it with different things."""
    judgement = judged([compared("cache.get", 1.0)], head=sha(5))
    Job().run(connect(), push(5), judgement)
    Job().run(connect(), replace(push(5), run_id=1), judgement)

    assert len(github.data.check_runs) == 2


def test_two_jobs_of_one_run_do_not_share_a_suite(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """The legs of a matrix, say: the second is told to name its suite, and the first one's verdict stands."""
    slow, fine = judged([compared("cache.get", 2.5)], head=sha(5)), judged([compared("cache.get", 1.0)], head=sha(5))
    linux, mac = replace(push(5), job="bench.1a2b3c4d"), replace(push(5), job="bench.5e6f7a8b")
    Job().run(connect(), linux, slow)
    with pytest.raises(UsageError, match="Another job of this workflow run") as refused:
        Job().run(connect(), mac, fine)
    Job().run(connect(), mac, fine, Preferences(suite="mac"))
    Job().run(connect(), replace(linux, attempt=2), slow)

    assert "suite: api-${{ matrix.os }}" in str(refused.value)
    assert [(run.name, run.conclusion) for run in github.data.check_runs] == [
        ("Performance", "failure"),
        ("Performance (mac)", "success"),
    ]
    assert len(github.data.issues) == 1


def test_two_jobs_of_one_run_without_check_run_do_not_share_a_comment(
    github: FakeGitHub, connect: Callable[[], Client]
) -> None:
    """The comment names the job that wrote it, so a pass of the second does not hide the failure of the first."""
    github.data.add_pull(head_sha=sha(77))
    preferences = Preferences(check_run=False)
    slow, fine = judged([compared("cache.get", 2.5)], head=sha(77)), judged([compared("cache.get", 1.0)], head=sha(77))
    linux, mac = pull(github, 1, job="bench.1a2b3c4d"), pull(github, 1, job="bench.5e6f7a8b")
    Job().run(connect(), linux, slow, preferences)
    with pytest.raises(UsageError, match="Another job of this workflow run"):
        Job().run(connect(), mac, fine, preferences)
    Job().run(connect(), replace(linux, attempt=2), slow, preferences)

    (comment,) = github.data.comments
    assert "2.5" in comment.body


def test_what_is_published_again_updates_the_same_check_run(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """A measuring run that is repeated is published by a new run each time."""
    github.data.add_pull(head_sha=sha(77))
    judgement = judged([compared("cache.get", 1.7)], head=sha(77))
    for run in (601, 602):
        plan = replace(pull(github, 1, event="workflow_run"), run_id=run, measured_run_id=500, may_comment=True)
        Job().run(connect(), plan, judgement)

    (check,) = github.data.check_runs
    assert (check.conclusion, len(check.annotations)) == ("neutral", 1)
    assert (check.details_url or "").endswith("/602")
    assert len(github.data.comments) == 1


def test_a_huge_report_fits(github: FakeGitHub, client: Client) -> None:
    """A thousand long names stay below the byte limits of summary, title and comment."""
    github.data.add_pull(head_sha=sha(77))
    rows = [compared(f"é{number}" * 60, 1.3 + number / 10_000) for number in range(1000)]

    Job().run(client, pull(github, 1), judged(rows, head=sha(77)))

    (run,) = github.data.check_runs
    assert run.conclusion == "success"
    assert len((run.summary or "").encode()) <= 65_535
    assert len(github.data.comments[0].body.encode()) <= 65_536
    assert len(run.annotations) == 500
