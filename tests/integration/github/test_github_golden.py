"""Every text that reaches GitHub, as it stands there: looked at by a person, compared ever since."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fake_github.data import WorkflowRun
from integration.github.github_scenarios import Job, compared, connected, judged, pull, push, sha
from integration.github.test_github_acceptance import comment
from regress_action.action.claims import misread
from regress_action.github.command_answers import CommandAnswers, CommandWorkflows
from regress_action.github.preferences import Preferences

if TYPE_CHECKING:
    from fake_github import FakeGitHub

GOLDEN = Path(__file__).parents[2] / "golden" / "github"


def check(name: str, text: str) -> None:
    """Compare with the golden file, or write it when UPDATE_GOLDEN is set."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.fixture
def life(github: FakeGitHub) -> FakeGitHub:
    """A regression that comes with a merged pull request, worsens, recovers and relapses; then many at once."""
    github.data.comparisons[f"{sha(4)}...{sha(5)}"] = [sha(105), sha(5)]
    for number in (1, 2):
        issue = github.data.add_pull(head_sha=sha(200 + number))
        assert issue.pull is not None
        issue.state = "closed"
        issue.pull.merge_commit_sha = sha(5) if number == 1 else sha(8)
    story = [(5, {"cache.get": 1.7}), (6, {"cache.get": 1.75}), (7, {"cache.get": 2.5}), (8, {"cache.get": 1.0})]
    story += [(9, {"cache.get": 2.1}), (10, {"cache.get": 2.1, **{f"api.list[{n}]": 1.6 + n / 10 for n in range(6)}})]
    for number, ratios in story:
        with connected(github) as client:
            rows = [compared(name, ratio) for name, ratio in ratios.items()]
            Job().run(client, push(number), judged(rows, head=sha(number), base=sha(number - 1)))
        if number == 5:
            opened = github.data.issues[-1]
            check("issue-opened.md", f"# {opened.title}\n\n{opened.body}\n")
    return github


def test_issues(life: FakeGitHub) -> None:
    """An issue at the end of its life so far, and an umbrella."""
    single, umbrella = [issue for issue in life.data.issues if issue.pull is None]

    check("issue.md", f"# {single.title}\n\n{single.body}\n")
    check("umbrella.md", f"# {umbrella.title}\n\n{umbrella.body}\n")


def test_the_comments_of_an_issue(life: FakeGitHub) -> None:
    """Regraded, recovered, relapsed."""
    check("issue-comments.md", "\n\n---\n\n".join(comment.body for comment in life.data.comments) + "\n")


def test_the_log_of_a_read_only_job(github: FakeGitHub) -> None:
    """Annotations, and each missing permission once."""
    github.data.permissions = dict.fromkeys(github.data.permissions, "read")
    github.data.add_pull(head_sha=sha(77))
    job = Job()
    rows = [compared("cache.get", 2.5), compared("api.list[3]", 1.3, line=None)]
    with connected(github) as client:
        job.run(client, pull(github, 1), judged(rows, head=sha(77)), Preferences(reviewers=("rev",)))

    check("read-only.log", job.out.getvalue())


def test_the_pull_requests_comment_and_check_run(github: FakeGitHub) -> None:
    """The comment with its hidden mark, the title of the check run and its annotations."""
    github.data.add_pull(head_sha=sha(77))
    rows = [compared("cache.get", 2.5), compared("api.list[3]", 1.3), compared("api.get", 1.0)]
    with connected(github) as client:
        Job().run(client, pull(github, 1), judged(rows, head=sha(77)))

    (run,) = github.data.check_runs
    lines = [
        "{path}:{start_line} {annotation_level}: {title}\n{message}\n".format_map(annotation)
        for annotation in run.annotations
    ]
    check("comment.md", github.data.comments[0].body + "\n")
    check("check-run.txt", f"{run.conclusion}: {run.title}\n\n" + "\n".join(lines))


def test_a_pull_request_that_outgrew_its_label(github: FakeGitHub) -> None:
    """What is still accepted, by whom, and what is not, and why."""
    issue = github.data.add_pull(head_sha=sha(77))
    for head, ratios in (
        (77, {"cache.get": 2.5, "api.get": 1.3}),
        (78, {"cache.get": 2.5, "api.get": 1.8, "new": 1.4}),
    ):
        rows = [compared(name, ratio) for name, ratio in ratios.items()]
        with connected(github) as client:
            Job().run(client, pull(github, 1), judged(rows, head=sha(head)))
        github.data.add_label(issue, Preferences().accept_label, "octo")
        github.data.push(issue, sha(78))

    check("outgrown.md", f"{github.data.check_runs[-1].title}\n\n{github.data.comments[0].body}\n")


def test_answers_to_commands(github: FakeGitHub) -> None:
    """What each command is answered with."""
    github.data.add_pull(head_sha=sha(77))
    github.data.runs.append(WorkflowRun(500, head_sha=sha(77)))
    asked = [
        "/regress accept `cache.get` exact now, @team agreed in #12",
        "/regress run",
        "/regress explain",
        "/regress bisect `sort a list`",
        '/regress verify "1.3x faster"',
        "/regress verify a lot",
        "/regress",
    ]
    for number, text in enumerate(asked):
        with connected(github) as client:
            CommandAnswers(client, CommandWorkflows("build.yml"), misread=misread).carry_out(
                comment(text, number=number)
            )

    check("answers.md", "\n\n---\n\n".join(comment.body for comment in github.data.comments) + "\n")
