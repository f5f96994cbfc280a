"""Accepting a regression, by label or by command: it counts from people with write access, and says who it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from github_scenes import Job, compared, judged, pull, sha

from fake_github.world import WorkflowRun
from regress_action.github import acceptance, commands
from regress_action.github.alarms import Acceptance
from regress_action.github.commands import Command
from regress_action.github.plan import Plan, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_github import FakeGitHub
    from regress_action.github.client import Client

LABEL = "performance-accepted"
CRITICAL = judged([compared("cache.get", 2.5), compared("api.list", 2.2)], head=sha(77))


def comment(text: str, *, by: str = "octo", number: int = 900) -> Plan:
    """Plan as an issue_comment event on pull request 1 would tell it."""
    return Plan(
        mode=Stage.COMMAND,
        why="a command",
        event="issue_comment",
        repository="octo/widgets",
        pull_request=1,
        may_comment=True,
        actor=by,
        comment=text,
        comment_id=number,
    )


@pytest.mark.parametrize(("by", "counts"), [("octo", True), ("writer", True), ("triager", False), ("stranger", False)])
def test_the_label_counts_from_people_with_write_access(
    github: FakeGitHub, client: Client, by: str, counts: bool
) -> None:
    """People who may only triage can set labels, too; theirs is reported and does not count."""
    github.world.collaborators |= {"writer": "write", "triager": "read"}
    issue = github.world.add_pull(head_sha=sha(77))
    github.world.add_label(issue, LABEL, by)
    job = Job()

    job.run(client, pull(github, 1), CRITICAL)

    (run,) = github.world.check_runs
    assert run.conclusion == ("success" if counts else "failure")
    assert (run.title or "").endswith(f"(accepted by {by})") is counts
    assert ("> Accepted by" in github.world.comments[0].body) is counts
    assert any("does not count" in sentence for sentence in job.spoken.degraded) is not counts


def test_a_label_counts_also_when_it_is_younger_than_the_event(github: FakeGitHub, client: Client) -> None:
    """A job that is run again gets the old event; the label is asked for."""
    issue = github.world.add_pull(head_sha=sha(77))
    event = pull(github, 1)
    github.world.add_label(issue, LABEL, "octo")

    assert [each.by for each in acceptance.of(client, event, LABEL)] == ["octo"]


def test_a_label_that_somebody_else_takes_off_first_is_no_trouble(github: FakeGitHub, client: Client) -> None:
    """It was to go, and it is gone."""
    issue = github.world.add_pull(head_sha=sha(77))
    github.world.add_label(issue, "performance-regression", "octo")
    github.fail("502-after", "DELETE")
    job = Job()

    job.run(client, pull(github, 1), judged([compared("cache.get", 1.0)], head=sha(77)))

    assert (issue.labels, job.spoken.degraded) == ([], ())


def test_a_label_that_was_taken_off_and_set_by_a_stranger_does_not_count(github: FakeGitHub, client: Client) -> None:
    """The last to set it is who counts."""
    issue = github.world.add_pull(head_sha=sha(77))
    github.world.add_label(issue, LABEL, "octo")
    github.world.record(1, "unlabeled", "octo", LABEL)
    issue.labels.clear()
    github.world.add_label(issue, LABEL, "stranger")

    assert acceptance.of(client, pull(github, 1), LABEL) == ()


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/regress run", Command("run")),
        ("  /regress   run  please", Command("run")),
        ("/regress explain", Command("explain")),
        ("/regress explain cache.get", Command("explain", "cache.get")),
        ("/regress accept cache.get the cache is now exact", Command("accept", "cache.get", "the cache is now exact")),
        ("/regress accept `sort > quick sort` fine", Command("accept", "sort > quick sort", "fine")),
        ('/regress accept "a b" fine\nsecond line', Command("accept", "a b", "fine")),
        ("/regress accept cache.get", Command("help")),
        ("/regress accept", Command("help")),
        ("/regress dance", Command("help")),
        ("/regress", Command("help")),
        ("/regression is bad", None),
        ("please /regress run", None),
        ("", None),
        (None, None),
    ],
)
def test_commands_are_read_from_the_first_line(text: str | None, command: Command | None) -> None:
    """A benchmark with spaces stands between backticks or quotes; a reason is not optional."""
    assert commands.parse(text) == command


def test_what_somebody_accepts_is_green_from_then_on(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """Only what was named; the reason is shown, and the measuring workflow starts again."""
    github.world.add_pull(head_sha=sha(77))
    github.world.runs.append(WorkflowRun(500, head_sha=sha(77)))
    path = "performance.yml"
    plan = comment("/regress accept cache.* @everyone it is *exact* now")

    for _ in range(2):
        commands.obey(connect(), plan, workflow=path)
    Job().run(connect(), pull(github, 1), CRITICAL)

    (answer,) = [each for each in github.world.comments if "accepts" in each.body]
    accepted = acceptance.of(connect(), pull(github, 1), LABEL)
    assert accepted == (Acceptance("cache.*", "octo", "@everyone it is *exact* now"),)
    assert "@everyone" not in answer.body.split("-->")[-1]
    assert github.world.check_runs[0].conclusion == "failure"
    assert [each["message"].split(" ")[0] for each in github.world.check_runs[0].annotations] == ["api.list"]


def test_run_starts_the_newest_run_of_the_workflow_again(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """In the pull request's own workflow, with its own rights; a run that is under way is left alone."""
    github.world.add_pull(head_sha=sha(77))
    github.world.runs += [WorkflowRun(499, head_sha=sha(76)), WorkflowRun(500, head_sha=sha(77))]

    commands.obey(connect(), comment("/regress run"), workflow="build.yml")
    commands.obey(connect(), comment("/regress run", number=901), workflow="build.yml")
    commands.obey(connect(), comment("/regress run", number=902), workflow="other.yml")

    answers = [each.body.split("-->\n")[1] for each in github.world.comments]
    assert [run.attempt for run in github.world.runs] == [1, 2]
    assert answers[0].startswith("Measuring again, in [this run]")
    assert answers[1].startswith("It is being measured already")
    assert answers[2].startswith("No run of `other.yml`")


@pytest.mark.parametrize(("text", "answer"), [("/regress explain", "fresh process"), ("/regress what", "/regress run")])
def test_questions_are_answered_once(github: FakeGitHub, connect: Callable[[], Client], text: str, answer: str) -> None:
    """The same comment, seen twice, has one answer."""
    github.world.add_pull(head_sha=sha(77))

    for _ in range(2):
        commands.obey(connect(), comment(text), workflow="performance.yml")

    assert [answer in each.body for each in github.world.comments] == [True]


def test_people_without_write_access_are_not_obeyed(github: FakeGitHub, client: Client) -> None:
    """Nothing is written, not even an answer."""
    github.world.add_pull(head_sha=sha(77))

    done = commands.obey(client, comment("/regress accept * lol", by="stranger"), workflow="performance.yml")

    assert done is None
    assert github.writes == []
    assert "stranger has no write access" in client.access.notices[0]


def test_a_mark_in_a_strangers_comment_accepts_nothing(github: FakeGitHub, client: Client) -> None:
    """The hidden mark only counts in what we wrote."""
    github.world.add_pull(head_sha=sha(77))
    github.world.add_comment(1, acceptance.record(Acceptance("*", "octo", "trust me")), user="mallory")

    assert acceptance.of(client, pull(github, 1), LABEL) == ()


def test_without_the_right_to_start_workflows_accepting_still_works(github: FakeGitHub, client: Client) -> None:
    """The answer says what could not be done."""
    github.world.permissions["actions"] = "none"
    github.world.add_pull(head_sha=sha(77))

    commands.obey(client, comment("/regress accept cache.get why not"), workflow="performance.yml")

    assert "could not be started" in github.world.comments[0].body
    assert "`actions: write`" in client.access.notices[0]
    assert acceptance.of(client, pull(github, 1), LABEL)[0].benchmark == "cache.get"
