"""The answer of a bisection on the issue about the regression: once, and only on ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration.github.github_scenarios import Job, compared, judged, push, sha
from regress_action.github.issue_tracking import fingerprint_of
from regress_action.github.issues import comment_on_regression

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_github import FakeGitHub
    from regress_action.github.client import Client

KEY = {"bisect": sha(2), "ending": "found"}


def test_the_answer_is_posted_once_on_the_issue_about_the_benchmark(
    github: FakeGitHub, connect: Callable[[], Client]
) -> None:
    """Of two issues the one about the benchmark gets the comment; a job that runs again writes no second one."""
    judgement = judged([compared("cache.get", 1.7), compared("api.list", 2.5)], head=sha(2), base=sha(1))
    Job().run(connect(), push(2), judgement)
    assert len(github.data.issues) == 2
    before = len(github.data.comments)
    member = fingerprint_of("default", push(2).default_branch, ("cache.get", "time"))
    for _ in range(2):
        urls = comment_on_regression(connect(), KEY, "It was this one.", member=member, label="performance-regression")
        assert urls is not None
        assert len(urls) == 1
    written = github.data.comments[before:]
    assert [comment.body.endswith("It was this one.") for comment in written] == [True]
    about = next(issue for issue in github.data.issues if "cache.get" in issue.title)
    assert about.number == written[0].issue


def test_without_an_issue_nothing_is_written(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """A regression that nobody filed gets no comment anywhere."""
    assert comment_on_regression(connect(), KEY, "x", member="0" * 16, label="performance-regression") == ()
    assert github.data.comments == []
