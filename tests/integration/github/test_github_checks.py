"""The check run: opened at once, finished with the right conclusion, never left hanging."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from github_scenes import Job, compared, judged, pull, push, sha

from regress_action.github import checks
from regress_action.github.preferences import Preferences
from regress_action.samples import Location
from regress_action.verdicts import Outcome, Severity, Summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_github import FakeGitHub
    from regress_action.github.client import Client


def test_it_is_in_progress_while_we_work(github: FakeGitHub, client: Client) -> None:
    """People see that it runs, on the head of the pull request."""
    github.world.add_pull(head_sha=sha(77))
    with checks.opened(client, pull(github, 1), Preferences(suite="api")) as check:
        (run,) = github.world.check_runs
        assert (run.status, run.name, run.head_sha) == ("in_progress", "Performance (api)", sha(77))
        assert check is not None
        assert check.url == f"https://github.com/octo/widgets/runs/{run.id}"


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(4)])
def test_a_crash_leaves_no_run_hanging(github: FakeGitHub, client: Client, error: BaseException) -> None:
    """It ends cancelled, which no branch protection takes for a pass, and the error goes its way."""
    with pytest.raises(type(error)), checks.opened(client, push(5), Preferences()):
        raise error

    (run,) = github.world.check_runs
    assert (run.status, run.conclusion, run.title) == ("completed", "cancelled", "No verdict")


def test_a_cancelled_workflow_leaves_no_run_hanging(github: FakeGitHub, client: Client) -> None:
    """The runner terminates us; there is time to say so, and afterwards signals are what they were."""
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(SystemExit), checks.opened(client, push(5), Preferences()):
        signal.raise_signal(signal.SIGTERM)

    assert github.world.check_runs[0].conclusion == "cancelled"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_block_that_ends_without_a_verdict_is_no_pass(github: FakeGitHub, client: Client) -> None:
    """Forgetting to finish is not success."""
    with checks.opened(client, push(5), Preferences()):
        pass

    assert github.world.check_runs[0].conclusion == "cancelled"


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

    (run,) = github.world.check_runs
    assert run.conclusion == conclusion
    assert len(run.annotations) == (ratio >= 1.2)


def test_measuring_nothing_is_a_failure_of_its_own(github: FakeGitHub, client: Client) -> None:
    """A gate that compared nothing must not be green."""
    Job().run(client, push(5), judged([], head=sha(5)))

    assert (github.world.check_runs[0].conclusion, github.world.issues) == ("failure", [])


def test_an_undecided_comparison_is_neutral_and_quiet(github: FakeGitHub, client: Client) -> None:
    """Nobody is told what is not known."""
    github.world.add_pull(head_sha=sha(77))
    judgement = replace(
        judged([compared("x", 1.0)], head=sha(77)), summary=Summary(Outcome.INCONCLUSIVE, inconclusive=1)
    )

    Job().run(client, pull(github, 1), judgement)

    assert github.world.check_runs[0].conclusion == "neutral"
    assert github.world.comments == []


def test_what_measuring_again_refuted_alarms_nobody(github: FakeGitHub, client: Client) -> None:
    """A suspicion that was not confirmed is no regression."""
    Job().run(client, push(5), judged([compared("cache.get", 3.0, confirmed=False)], head=sha(5)))

    assert (github.world.check_runs[0].conclusion, github.world.issues) == ("success", [])


def test_one_bad_annotation_costs_none_of_the_others(github: FakeGitHub, client: Client) -> None:
    """GitHub refuses a whole batch for one; the rest of it arrives."""
    rows = [compared(f"bench.n{number}", 1.3) for number in range(60)]
    github.fail("422", "PATCH", "/check-runs/", times=1)
    with checks.opened(client, push(5), Preferences()) as check:
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

    (run,) = github.world.check_runs
    messages = [each["message"] for each in run.annotations]
    assert sorted(messages) == sorted(f"bench.n{number}" for number in range(59) if number != 17)
    assert run.conclusion == "neutral"
    assert "refused an annotation" in client.access.notices[0]


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x.py", "a\nb.py", "😀.py", "x" * 2000, "a/../../b.py"])
def test_a_place_that_is_none_becomes_no_annotation(github: FakeGitHub, client: Client, path: str) -> None:
    """Locations come from results files; GitHub is not even asked about impossible ones."""
    row = compared("cache.get", 2.5)
    row = replace(row, benchmark=replace(row.benchmark, location=Location(path, -3)))

    Job().run(client, push(5), judged([row], head=sha(5)), Preferences(issues=False))

    (run,) = github.world.check_runs
    assert (run.conclusion, run.annotations) == ("failure", [])
    assert sum(each.status == 422 for each in github.log) == 0


def test_a_second_attempt_is_a_run_of_its_own_and_the_same_attempt_is_not(
    github: FakeGitHub, connect: Callable[[], Client]
) -> None:
    """Running a job again supersedes its check run by name, as the runner's own do."""
    judgement = judged([compared("cache.get", 2.5)], head=sha(5))
    for attempt in (1, 1, 2):
        Job().run(connect(), push(5, attempt=attempt), judgement, Preferences(issues=False))

    assert [run.external_id for run in github.world.check_runs] == ["Performance/9005.1", "Performance/9005.2"]
    assert [len(run.annotations) for run in github.world.check_runs] == [1, 1]


def test_a_huge_report_fits(github: FakeGitHub, client: Client) -> None:
    """A thousand long names stay below the byte limits of summary, title and comment."""
    github.world.add_pull(head_sha=sha(77))
    rows = [compared(f"é{number}" * 60, 1.3 + number / 10_000) for number in range(1000)]

    Job().run(client, pull(github, 1), judged(rows, head=sha(77)))

    (run,) = github.world.check_runs
    assert run.conclusion == "success"
    assert len((run.summary or "").encode()) <= 65_535
    assert len(github.world.comments[0].body.encode()) <= 65_536
    assert len(run.annotations) == 500
