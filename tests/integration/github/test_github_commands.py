"""`/regress bisect` and `/regress verify`: which workflow is started, with which inputs, once, and what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fake_github.data import WorkflowRun
from integration.github.github_scenarios import Job, compared, judged, push, sha
from regress_action.action.claims import misread
from regress_action.github.command_answers import CommandAnswers
from regress_action.github.event import Plan, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_github import FakeGitHub
    from regress_action.github.client import Client
    from regress_action.github.comment_commands import CommentCommand


def ask(
    github: FakeGitHub, connect: Callable[[], Client], text: str, number: int, *, by: str = "octo", times: int = 1
) -> list[str]:
    """Comment on an issue or pull request; return the answers, without their marks."""
    plan = asked_by(github, text, number, by=by)
    before = len(github.data.comments)
    for _ in range(times):
        done(connect(), plan)
    return [comment.body.partition("-->\n")[2] for comment in github.data.comments[before:]]


def asked_by(github: FakeGitHub, text: str, number: int, *, by: str = "octo") -> Plan:
    """Comment, and return the plan that the event leads to."""
    asked, issue = github.data.add_comment(number, text, user=by), github.data.issue(number)
    return Plan(
        mode=Stage.COMMAND,
        why="a command",
        event="issue_comment",
        repository="octo/widgets",
        pull_request=number if issue is not None and issue.pull else None,
        issue=number,
        actor=by,
        comment=text,
        comment_id=asked.id,
    )


def done(client: Client, plan: Plan) -> CommentCommand | None:
    """Carry out the command of a plan, as the action does."""
    return CommandAnswers(client, misread=misread).carry_out(plan)


@pytest.fixture
def reported(github: FakeGitHub, connect: Callable[[], Client]) -> int:
    """The number of our issue about a regression between commits 1 and 2."""
    Job().run(connect(), push(2), judged([compared("cache.get[a]", 1.7)], head=sha(2), base=sha(1)))
    return github.data.issues[-1].number


def test_an_issue_is_bisected_between_the_commits_that_it_knows(
    github: FakeGitHub, connect: Callable[[], Client], reported: int
) -> None:
    """The workflow gets commits, benchmark and metric of the issue; running the job again adds nothing."""
    (answer,) = ask(github, connect, "/regress bisect", reported, times=2)
    (run,) = github.data.runs
    assert (run.workflow, run.head_branch) == ("bisect.yml", "main")
    comment = github.data.comments[0]
    assert run.inputs == {
        "good": sha(1),
        "bad": sha(2),
        "benchmark": "cache.get[a]",
        "metric": "time",
        "issue": str(reported),
        "comment": str(comment.id),
    }
    assert answer == (
        f"Searching from {sha(1)} to {sha(2)} for the commit that changed `cache.get[a]`, in "
        f"[this run](https://github.com/octo/widgets/actions/runs/{run.id}). The answer will stand here."
    )
    assert comment.reactions == ["eyes"]


def test_two_bisections_of_one_issue_do_not_run_at_once(
    github: FakeGitHub, connect: Callable[[], Client], reported: int
) -> None:
    """A second command points at the run that is under way; when that has finished, another is started."""
    ask(github, connect, "/regress bisect", reported)
    (answer,) = ask(github, connect, "/regress bisect `other name`", reported)
    assert len(github.data.runs) == 1
    assert f"/actions/runs/{github.data.runs[0].id})" in answer
    github.data.runs[0].status = "completed"
    ask(github, connect, "/regress bisect `other name`", reported)
    assert [run.inputs["benchmark"] for run in github.data.runs] == ["cache.get[a]", "other name"]
    assert github.data.runs[1].inputs["metric"] == ""


@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize("kind", ["502-after", "dropped", "502-before"])
def test_a_lost_answer_starts_no_second_run(
    github: FakeGitHub, connect: Callable[[], Client], reported: int, kind: str, lag: int
) -> None:
    """The run is found by its name, also where the listing shows it late."""
    github.data.lag = lag
    github.fail(kind, "POST", "/dispatches")
    (answer,) = ask(github, connect, "/regress bisect", reported)
    assert len(github.data.runs) == 1
    assert "in [this run]" in answer


def test_a_pull_request_is_bisected_and_verified(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """From where it left its base to its head; the claim and the benchmark are passed on as they were written."""
    number = github.data.add_pull(head_sha=sha(9), base_sha=sha(4)).number
    ask(github, connect, "/regress bisect", number)
    (answer,) = ask(github, connect, '/regress verify "1.3x faster" `sort a list`', number)
    bisected, verified = github.data.runs
    assert (bisected.inputs["good"], bisected.inputs["bad"], bisected.inputs["benchmark"]) == (sha(4), sha(9), "*")
    assert verified.workflow == "verify-claim.yml"
    assert {name: verified.inputs[name] for name in ("claim", "base", "head", "benchmark", "issue")} == {
        "claim": "1.3x faster",
        "base": sha(4),
        "head": sha(9),
        "benchmark": "sort a list",
        "issue": str(number),
    }
    assert answer.startswith(f"Measuring `1.3x faster`: {sha(9)} against {sha(4)}, in [this run]")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/regress bisect --base=--upload-pack", "The name of the benchmark begins with a dash"),
        ('/regress verify "a lot faster"', "is not understood"),
        ('/regress verify "@octo <!-- x --> #1 faster"', "is not understood"),
    ],
)
def test_a_refusal_is_one_line(github: FakeGitHub, connect: Callable[[], Client], text: str, words: str) -> None:
    """Nothing is started, the comment gets a thumbs down, and the reason stands in one inert line."""
    number = github.data.add_pull(head_sha=sha(9), base_sha=sha(4)).number
    (answer,) = ask(github, connect, text, number)
    assert words in answer
    assert "\n" not in answer
    assert "@octo" not in answer
    assert "<!--" not in answer
    assert github.data.runs == []
    assert github.data.comments[0].reactions == ["-1"]


def test_code_of_a_fork_is_not_run(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """Whoever asks: a workflow of this repository would run it with the rights of this repository."""
    number = github.data.add_pull(head_sha=sha(9), head_repository="mallory/widgets").number
    for text in ("/regress bisect", '/regress verify "1.3x faster"'):
        (answer,) = ask(github, connect, text, number)
        assert "comes from a fork" in answer
    gone = github.data.add_pull(head_sha=sha(9))
    assert gone.pull is not None
    gone.pull.head_repository = None
    (answer,) = ask(github, connect, "/regress bisect", gone.number)
    assert "comes from a fork" in answer
    github.violations.clear()  # GitHub's description does not know of forks that are gone
    assert github.data.runs == []


def test_issues_that_say_no_commits_are_refused(
    github: FakeGitHub, connect: Callable[[], Client], reported: int
) -> None:
    """A person's issue with a copied mark, an issue that was closed, one whose commits were changed to options."""
    ours = github.data.issue(reported)
    assert ours is not None
    copied = github.data.add_issue("Slow", ours.body, user="mallory")
    assert "not about a regression that I reported" in ask(github, connect, "/regress bisect", copied.number)[0]
    assert "is for pull requests" in ask(github, connect, '/regress verify "1.3x faster"', reported)[0]
    good = ours.body
    ours.body = good.replace(sha(1), "--upload-pack=x", 1)
    assert "does not know the last good commit" in ask(github, connect, "/regress bisect", reported)[0]
    ours.body, ours.state = good, "closed"
    assert "This issue is closed" in ask(github, connect, "/regress bisect", reported)[0]
    assert github.data.runs == []


def test_a_workflow_that_is_not_there_is_said(github: FakeGitHub, connect: Callable[[], Client], reported: int) -> None:
    """In the thread, with what may be missing."""
    github.data.dispatchable.clear()
    (answer,) = ask(github, connect, "/regress bisect", reported)
    assert answer == "There is no workflow `bisect.yml` on `main`, or the token lacks `actions: write`."


def test_a_comment_that_was_deleted_is_answered_without_a_reaction(
    github: FakeGitHub, connect: Callable[[], Client], reported: int
) -> None:
    """What was started is said in the thread; that there is nothing to react to is no missing permission."""
    plan = asked_by(github, "/regress bisect", reported)
    github.data.comments.pop()
    client = connect()
    done(client, plan)
    assert "Searching" in github.data.comments[-1].body
    assert client.permissions.missing == {}


@pytest.mark.parametrize("by", ["stranger", "triager", "renovate[bot]"])
def test_people_without_write_access_start_nothing(
    github: FakeGitHub, connect: Callable[[], Client], reported: int, by: str
) -> None:
    """Who may write is asked of GitHub for each command."""
    github.data.collaborators["triager"] = "triage"
    answers = ask(github, connect, "/regress bisect", reported, by=by, times=2)
    assert github.data.runs == []
    assert len(answers) == (0 if by.endswith("[bot]") else 1)


def test_a_job_that_runs_again_measures_once(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """The answer in the thread says that the command was carried out; it is looked for before anything is started."""
    number = github.data.add_pull(head_sha=sha(9)).number
    github.data.runs.append(WorkflowRun(500, head_sha=sha(9), workflow="performance.yml"))
    plan = asked_by(github, "/regress run", number)
    for _ in range(3):
        done(connect(), plan)
        github.data.runs[0].status = "completed"
    (answer,) = [comment.body.partition("-->\n")[2] for comment in github.data.comments[1:]]
    assert github.data.runs[0].attempt == 2
    assert answer.startswith("Measuring again")
