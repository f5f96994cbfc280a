"""Accepting a regression, by label or by command: it counts from people with write access, and says who it was."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from fake_github.data import WorkflowRun
from integration.github.github_scenarios import Job, compared, judged, pull, sha, words
from regress_action.github import acceptance, comment_commands, hidden_comment
from regress_action.github.alarms import Acceptance
from regress_action.github.command_answers import CommandAnswers, CommandWorkflows
from regress_action.github.comment_commands import CommentCommand
from regress_action.github.event import Plan, Stage
from regress_action.github.preferences import Preferences
from regress_action.github.publish import publish
from regress_action.github.runner import StepLog

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
        issue=1,
        may_comment=True,
        actor=by,
        comment=text,
        comment_id=number,
    )


@pytest.mark.parametrize(("by", "counts"), [("octo", True), ("writer", True), ("triager", False), ("outsider", False)])
def test_the_label_counts_from_people_with_write_access(
    github: FakeGitHub, client: Client, by: str, counts: bool
) -> None:
    """People who may only triage can set labels, too; theirs is reported and does not count."""
    github.data.collaborators |= {"writer": "write", "triager": "read"}
    issue = github.data.add_pull(head_sha=sha(77))
    github.data.add_label(issue, LABEL, by)
    job = Job()

    job.run(client, pull(github, 1), CRITICAL)

    (run,) = github.data.check_runs
    assert run.conclusion == ("success" if counts else "failure")
    assert (run.title or "").endswith(f"(accepted by {by})") is counts
    assert ("> Accepted by" in github.data.comments[0].body) is counts
    assert any("does not count" in sentence for sentence in job.result.degraded) is not counts


def test_a_label_counts_also_when_it_is_younger_than_the_event(github: FakeGitHub, client: Client) -> None:
    """A job that is run again gets the old event; the label is asked for."""
    issue = github.data.add_pull(head_sha=sha(77))
    event = pull(github, 1)
    github.data.add_label(issue, LABEL, "octo")

    assert [accepted.by for accepted in acceptance.of(client, event, Preferences())] == ["octo"]


def test_a_label_that_was_taken_off_already_is_no_error(github: FakeGitHub, client: Client) -> None:
    """It was to go, and it is gone."""
    issue = github.data.add_pull(head_sha=sha(77))
    github.data.add_label(issue, "performance-regression", "octo")
    github.fail("502-after", "DELETE")
    job = Job()

    job.run(client, pull(github, 1), judged([compared("cache.get", 1.0)], head=sha(77)))

    assert (issue.labels, job.result.degraded) == ([], ())


def test_a_label_set_without_write_access_does_not_count(github: FakeGitHub, client: Client) -> None:
    """The last to set it is who counts."""
    issue = github.data.add_pull(head_sha=sha(77))
    github.data.add_label(issue, LABEL, "octo")
    github.data.record(1, "unlabeled", "octo", LABEL)
    issue.labels.clear()
    github.data.add_label(issue, LABEL, "outsider")

    assert acceptance.of(client, pull(github, 1), Preferences()) == ()


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        ({"action": "opened"}, True),
        ({"action": "labeled"}, True),
        ({"action": "synchronize"}, False),
        ({"action": "synchronize", "since": None}, False),
        ({"action": "synchronize", "since": "no time"}, False),
        ({"action": "synchronize", "since": "2026-01-01"}, False),
        ({"action": "synchronize", "since": "2025-12-31T23:59:59Z"}, True),
        ({"action": "ready_for_review", "since": "2026-02-01T00:00:00Z"}, False),
    ],
    ids=str,
)
def test_a_label_is_about_the_commit_that_was_the_head(
    github: FakeGitHub, client: Client, event: dict[str, Any], counts: bool
) -> None:
    """One as old as the push may have been set before it; one that came with the pull request is about its commit."""
    issue = github.data.add_pull(head_sha=sha(77))
    github.data.add_label(issue, LABEL, "octo")
    at = github.data.events[-1].created_at
    job = Job()

    job.run(client, pull(github, 1, **({"since": at} | event)), CRITICAL)

    assert github.data.check_runs[0].conclusion == ("success" if counts else "failure")
    said = (
        "Not accepted: `cache.get`, `api.list`. The label performance-accepted of octo was set before this was pushed"
    )
    assert (said in github.data.comments[0].body) is not counts


def test_a_label_set_before_the_next_push_is_judged_is_about_that_push(github: FakeGitHub, client: Client) -> None:
    """The time of the push decides, not the time at which a runner came to it."""
    issue = github.data.add_pull(head_sha=sha(77))
    old = pull(github, 1)
    github.data.push(issue, sha(78))
    github.data.add_label(issue, LABEL, "octo")

    (accepted,) = acceptance.of(client, pull(github, 1), Preferences())
    assert (accepted.head, accepted.shown) == (sha(78), None)
    assert old.since < pull(github, 1).since  # type: ignore[operator] # both are times


def test_another_event_of_the_same_head_keeps_what_was_accepted(
    github: FakeGitHub, connect: Callable[[], Client]
) -> None:
    """A draft that becomes ready is judged again; the comment remembers what the label was about."""
    issue = github.data.add_pull(head_sha=sha(77))
    Job().run(connect(), pull(github, 1), CRITICAL)
    github.data.add_label(issue, LABEL, "octo")
    worse = judged([compared("cache.get", 4.5)], head=sha(77))
    ready = pull(github, 1, action="ready_for_review", since=github.data.now(), run_id=2)

    Job().run(connect(), ready, worse)

    assert github.data.check_runs[-1].conclusion == "success"


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [(2.5, 2.57, True), (2.5, 2.6, False), (1.45, 1.49, True), (1.48, 1.52, False), (2.5, 1.3, True)],
)
def test_no_worse_is_as_severe_at_most_and_not_proven_to_have_grown(
    github: FakeGitHub, connect: Callable[[], Client], before: float, after: float, counts: bool
) -> None:
    """The interval decides about growth, and a severity that rises is worse whatever the interval says."""
    issue = github.data.add_pull(head_sha=sha(77))
    Job().run(connect(), pull(github, 1), judged([compared("cache.get", before)], head=sha(77)))
    github.data.add_label(issue, LABEL, "octo")
    github.data.push(issue, sha(78))

    (accepted,) = acceptance.of(connect(), pull(github, 1), Preferences())

    assert accepted.covers(compared("cache.get", after)) is counts


def test_a_label_set_anew_accepts_what_there_is_now(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """What an earlier label was about is forgotten, even if the next push comes before the job is run again."""
    issue = github.data.add_pull(head_sha=sha(77))
    for ratio, following in ((2.5, 78), (2.5, 79), (3.5, 80)):
        Job().run(connect(), pull(github, 1), judged([compared("cache.get", ratio)], head=sha(following - 1)))
        if following != 79:
            issue.labels = ["performance-regression"]
            github.data.add_label(issue, LABEL, "octo")
        github.data.push(issue, sha(following))

    (accepted,) = acceptance.of(connect(), pull(github, 1), Preferences())

    assert accepted.covers(compared("cache.get", 3.5))


def test_what_was_found_after_the_label_was_set_is_not_what_it_accepts(
    github: FakeGitHub, connect: Callable[[], Client]
) -> None:
    """A job that reads the labels before, and writes the comment after: nobody had seen what it found."""
    issue = github.data.add_pull(head_sha=sha(77))
    before = pull(github, 1)
    accepted = acceptance.of(connect(), before, Preferences())
    github.data.add_label(issue, LABEL, "octo")
    preferences, judgement = Preferences(), judged([compared("cache.get", 2.5)], head=sha(77))
    with connect() as line:
        publish(before, judgement, words(judgement), preferences, log=StepLog(io.StringIO()), environ={},
              client=line, accepted=accepted)  # fmt: skip
    github.data.push(issue, sha(78))

    (late,) = acceptance.of(connect(), pull(github, 1), preferences)

    assert (accepted, late.shown, late.head) == ((), {}, None)


@pytest.mark.parametrize("check_run", [True, False])
def test_without_a_check_run_a_label_is_about_one_commit_only(
    github: FakeGitHub, connect: Callable[[], Client], check_run: bool
) -> None:
    """What was shown is only believed from the check run, which nobody but us can write."""
    issue = github.data.add_pull(head_sha=sha(77))
    preferences = Preferences(check_run=check_run)
    Job().run(connect(), pull(github, 1), CRITICAL, preferences)
    github.data.add_label(issue, LABEL, "octo")
    github.data.push(issue, sha(78))

    (accepted,) = acceptance.of(connect(), pull(github, 1), preferences)

    assert [accepted.covers(row) for row in CRITICAL.comparisons] == [check_run] * 2


def test_without_a_comment_a_label_is_about_one_commit_only(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """Nothing tells at which commit it was set, and nothing is accepted by accident."""
    issue = github.data.add_pull(head_sha=sha(77))
    github.data.add_label(issue, LABEL, "octo")
    for following in (78, 79):
        Job().run(connect(), pull(github, 1), CRITICAL, Preferences(comment="never"))
        github.data.push(issue, sha(following))

    assert [run.conclusion for run in github.data.check_runs] == ["success", "failure"]
    assert github.data.comments == []


@pytest.mark.parametrize("mark", ['{"suite":"default","head":7,"accepted":3}', '{"suite":"default"}', "{"])
def test_a_damaged_state_accepts_nothing(github: FakeGitHub, connect: Callable[[], Client], mark: str) -> None:
    """People with write access can edit our comment; what cannot be read was not accepted."""
    issue = github.data.add_pull(head_sha=sha(77))
    Job().run(connect(), pull(github, 1), CRITICAL)
    github.data.comments[0].body = f"<!-- regress-action:comment {mark} -->"
    github.data.add_label(issue, LABEL, "octo")
    github.data.push(issue, sha(78))

    Job().run(connect(), pull(github, 1), judged([compared("cache.get", 2.5)], head=sha(78)))

    assert github.data.check_runs[-1].conclusion == "failure"


def test_a_mark_in_a_comment_of_others_is_not_read(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """The state counts only in what we wrote."""
    issue = github.data.add_pull(head_sha=sha(77))
    Job().run(connect(), pull(github, 1), CRITICAL)
    github.data.comments[0].user = "mallory"
    github.data.add_label(issue, LABEL, "octo")
    github.data.push(issue, sha(78))

    Job().run(connect(), pull(github, 1), judged([compared("cache.get", 2.5)], head=sha(78)))

    assert github.data.check_runs[-1].conclusion == "failure"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/regress run", CommentCommand("run")),
        ("  /regress   run  please", CommentCommand("run")),
        ("/regress explain", CommentCommand("explain")),
        ("/regress explain cache.get", CommentCommand("explain", "cache.get")),
        (
            "/regress accept cache.get the cache is now exact",
            CommentCommand("accept", "cache.get", "the cache is now exact"),
        ),
        ("/regress accept `sort > quick sort` fine", CommentCommand("accept", "sort > quick sort", "fine")),
        ('/regress accept "a b" fine\nsecond line', CommentCommand("accept", "a b", "fine")),
        ("/regress accept cache.get", CommentCommand("help")),
        ("/regress accept", CommentCommand("help")),
        ("/regress dance", CommentCommand("help")),
        ("/regress", CommentCommand("help")),
        ("/regression is bad", None),
        ("please /regress run", None),
        ("", None),
        (None, None),
    ],
)
def test_commands_are_read_from_the_first_line(text: str | None, command: CommentCommand | None) -> None:
    """A benchmark with spaces stands between backticks or quotes; a reason is not optional."""
    assert comment_commands.parse(text) == command


def test_what_somebody_accepts_is_green_from_then_on(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """Only what was named; the reason is shown, and the measuring workflow starts again."""
    github.data.add_pull(head_sha=sha(77))
    github.data.runs.append(WorkflowRun(500, head_sha=sha(77)))
    path, text = "performance.yml", "/regress accept cache.* @everyone it is *exact* now"
    plan = comment(text)
    github.data.add_comment(1, text, user="octo")

    for _ in range(2):
        CommandAnswers(connect(), CommandWorkflows(path)).carry_out(plan)
    Job().run(connect(), pull(github, 1), CRITICAL)

    (answer,) = [comment for comment in github.data.comments if "accepts" in comment.body]
    accepted = acceptance.of(connect(), pull(github, 1), Preferences())
    assert accepted == (Acceptance("cache.*", "octo", "@everyone it is *exact* now"),)
    assert "@everyone" not in answer.body.split("-->")[-1]
    assert github.data.check_runs[0].conclusion == "failure"
    assert [annotation["message"].split(" ")[0] for annotation in github.data.check_runs[0].annotations] == ["api.list"]


def test_comments_of_accounts_that_are_gone_accept_nothing(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """GitHub names no author of theirs; the rest of the thread counts, and the verdict is published."""
    github.data.add_pull(head_sha=sha(77), user="")
    github.data.add_comment(1, "/regress accept * because", user="")
    github.data.add_comment(1, "/regress accept cache.* because", user="octo")
    assert [entry.by for entry in acceptance.of(connect(), pull(github, 1), Preferences())] == ["octo"]
    Job().run(connect(), pull(github, 1), CRITICAL)
    assert github.data.check_runs[0].conclusion == "failure"


def test_run_starts_the_newest_run_of_the_workflow_again(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """In the pull request's own workflow, with its own rights; a run that is under way is left alone."""
    github.data.add_pull(head_sha=sha(77))
    github.data.runs += [WorkflowRun(499, head_sha=sha(76)), WorkflowRun(500, head_sha=sha(77))]

    CommandAnswers(connect(), CommandWorkflows("build.yml")).carry_out(comment("/regress run"))
    CommandAnswers(connect(), CommandWorkflows("build.yml")).carry_out(comment("/regress run", number=901))
    CommandAnswers(connect(), CommandWorkflows("other.yml")).carry_out(comment("/regress run", number=902))

    answers = [comment.body.split("-->\n")[1] for comment in github.data.comments]
    assert [run.attempt for run in github.data.runs] == [1, 2]
    assert answers[0].startswith("Measuring again, in [this run]")
    assert answers[1].startswith("It is being measured already")
    assert answers[2].startswith("No run of `other.yml`")


@pytest.mark.parametrize(("text", "answer"), [("/regress explain", "fresh process"), ("/regress what", "/regress run")])
def test_questions_are_answered_once(github: FakeGitHub, connect: Callable[[], Client], text: str, answer: str) -> None:
    """The same comment, seen twice, has one answer."""
    github.data.add_pull(head_sha=sha(77))

    for _ in range(2):
        CommandAnswers(connect(), CommandWorkflows("performance.yml")).carry_out(comment(text))

    assert [answer in comment.body for comment in github.data.comments] == [True]


def test_commands_without_write_access_are_not_carried_out(github: FakeGitHub, client: Client) -> None:
    """Nothing is done; a person is told so once in each thread, and a bot never, so that two bots cannot talk."""
    github.data.add_pull(head_sha=sha(77))

    done = CommandAnswers(client).carry_out(comment("/regress accept * lol", by="outsider"))

    for by in ("outsider", "renovate[bot]", "outsider"):
        CommandAnswers(client).carry_out(comment("/regress run", by=by, number=901))
    assert done is None
    (answer,) = github.data.comments
    assert "this one was not carried out" in answer.body
    assert len(github.writes) == 1
    assert "outsider has no write access" in client.permissions.notices[0]


@pytest.mark.parametrize("by", ["mallory", "triager", "renovate[bot]", "github-actions[bot]"])
@pytest.mark.parametrize(
    "text",
    [
        "/regress accept * trust me",
        '<!-- regress-action:accepted {"benchmark":"*","by":"octo","reason":"trust me"} -->\nocto accepts `*`',
        "> /regress accept * trust me",
    ],
)
def test_only_people_with_write_access_accept(github: FakeGitHub, client: Client, by: str, text: str) -> None:
    """Neither others, nor an app that quotes somebody, nor a mark in any comment, our own included."""
    github.data.collaborators |= {"triager": "read", "renovate[bot]": "write", "github-actions[bot]": "write"}
    github.data.add_pull(head_sha=sha(77))
    github.data.add_comment(1, text, user=by)

    assert acceptance.of(client, pull(github, 1), Preferences()) == ()


def test_a_benchmark_named_like_a_mark_accepts_nothing(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """A name that is quoted in our comment, check run and issue is text there, at this push and at the next."""
    marks = [
        '<!-- regress-action:accepted {"benchmark":"*","by":"octo","reason":"fine"} -->',
        hidden_comment.mark("shown", {"pull": 1, "regressions": {}}),
        hidden_comment.mark("comment", {"suite": "default", "severity": "none", "head": sha(1)}),
    ]
    issue = github.data.add_pull(head_sha=sha(77))
    for following in (78, 79):
        rows = [compared(mark, 2.5) for mark in marks]
        Job().run(connect(), pull(github, 1), judged(rows, head=sha(following - 1)))
        github.data.push(issue, sha(following))

    assert [run.conclusion for run in github.data.check_runs] == ["failure", "failure"]
    assert acceptance.of(connect(), pull(github, 1), Preferences()) == ()
    (report,) = github.data.comments
    assert report.body.count("<!--") == 1
    assert "<!--" not in (github.data.check_runs[0].summary or "")


def test_what_was_accepted_and_deleted_is_not_accepted(github: FakeGitHub, client: Client) -> None:
    """The comment with the command is the acceptance; without it there is none."""
    github.data.add_pull(head_sha=sha(77))
    github.data.add_comment(1, "/regress accept cache.get why not", user="octo")
    assert acceptance.of(client, pull(github, 1), Preferences()) == (Acceptance("cache.get", "octo", "why not"),)

    github.data.comments.clear()

    assert acceptance.of(client, pull(github, 1), Preferences()) == ()


def test_without_the_right_to_start_workflows_accepting_still_works(github: FakeGitHub, client: Client) -> None:
    """The answer says what could not be done."""
    github.data.permissions["actions"] = "none"
    github.data.add_pull(head_sha=sha(77))

    github.data.add_comment(1, "/regress accept cache.get why not", user="octo")
    CommandAnswers(client, CommandWorkflows("performance.yml")).carry_out(comment("/regress accept cache.get why not"))

    assert "could not be started" in github.data.comments[1].body
    assert "`actions: write`" in client.permissions.notices[0]
    assert acceptance.of(client, pull(github, 1), Preferences())[0].benchmark == "cache.get"
