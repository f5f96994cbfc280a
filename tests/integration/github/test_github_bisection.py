"""The answer of a bisection on the issue about the regression, and the receipt of a claim: once, and as data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration.github.github_scenarios import Job, compared, judged, push, sha
from regress_action.action.claims import ClaimReceipt, evidence_of, parse_claim
from regress_action.github import hidden_comment
from regress_action.github.issue_tracking import fingerprint_of
from regress_action.github.issues import comment_in_thread, comment_on_regression
from regress_action.model.changes import (
    BisectionResult,
    ClaimEvidence,
    ClaimPair,
    ClaimVerdict,
    Ending,
    Suspect,
    verdict_over,
)
from regress_action.model.measurements import Direction, Metric
from regress_action.report import bisections

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


@pytest.mark.parametrize("theirs_is_older", [True, False])
def test_two_answers_at_the_same_moment_leave_one_comment(
    github: FakeGitHub, connect: Callable[[], Client], *, theirs_is_older: bool
) -> None:
    """Two jobs look, find nothing and write: the older comment stays, whoever wrote it."""
    number = github.data.add_issue().number
    comment_in_thread(connect(), {"other": 1}, "Something else.", number)
    body = f"{hidden_comment.mark('event', KEY)}\nIt was this one."
    theirs = github.data.add_comment(number, body, github.data.comments[0].user)
    theirs.hidden = 1  # it was not there yet at our first look
    if not theirs_is_older:
        theirs.id = 10**9
    assert comment_in_thread(connect(), KEY, "It was this one.", number)
    mine = [comment for comment in github.data.comments if comment is not theirs][1:]
    assert [comment.body.endswith("It was this one.") for comment in mine] == ([] if theirs_is_older else [True])
    assert theirs in github.data.comments  # each takes back its own only


def test_an_issue_about_several_says_that_one_was_searched(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """An answer is about one benchmark, and an umbrella issue about more."""
    rows = [compared(f"cache.get{number}", 1.7) for number in range(12)]
    Job().run(connect(), push(2), judged(rows, head=sha(2), base=sha(1)))
    (issue,) = github.data.issues
    member = fingerprint_of("default", push(2).default_branch, ("cache.get3", "time"))
    assert comment_on_regression(connect(), KEY, "It was this one.", member=member, label="performance-regression")
    assert comment_in_thread(connect(), {**KEY, "of": "x"}, "It was this one.", issue.number)
    remark = "about 11 other regressions as well, for which no commit was searched. `/regress bisect BENCHMARK`"
    assert [remark in comment.body for comment in github.data.comments] == [True, True]


def test_without_an_issue_nothing_is_written(github: FakeGitHub, connect: Callable[[], Client]) -> None:
    """A regression that nobody filed gets no comment anywhere."""
    assert comment_on_regression(connect(), KEY, "x", member="0" * 16, label="performance-regression") == ()
    assert github.data.comments == []


EVIL = "@octo <!-- regress-action:event {} --> ](http://x) ``` #1 </details>"
CULPRIT = Suspect(sha(3), EVIL, EVIL, "2026-01-02", (EVIL,), 0.9996, 1.5, 8)
ANSWER = BisectionResult(
    good=sha(1),
    bad=sha(2),
    commits=6,
    ending=Ending.FOUND,
    target=0.99,
    suspects=(CULPRIT,),
    unchanged=0.0,
    builds=3,
    pairs=12,
    ratio=1.5,
    ratio_low=1.4,
    ratio_high=1.6,
    benchmark="cache.get",
    metric="time",
)


def run(github: FakeGitHub, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours as a job with a token does, in an empty folder."""
    environ = {
        **os.environ,
        "GITHUB_API_URL": github.url,
        "GITHUB_REPOSITORY": "octo/widgets",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "77",
        "GITHUB_TOKEN": "ghs_test",
    }
    line = [sys.executable, "-m", "regress_action", *words]
    return subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=110)


def receipt_of(claim: str, ratio: float, benchmark: str = "cache.get") -> ClaimReceipt:
    """Return a receipt over ten pairs of that ratio."""
    parsed = parse_claim(claim)
    pairs = tuple(ClaimPair(number, 1 + number / 1000, ratio * (1 + number / 999)) for number in range(1, 11))
    metric = Metric("time", "s", Direction.LOWER)
    bare = ClaimEvidence(benchmark, metric, pairs, None, None, None, ClaimVerdict.UNDECIDED)
    evidence = evidence_of(parsed, [bare])
    how = {"command": ["true"], "setup": "", "results": "", "carry": [], "benchmark": "*", "pairs": 10}
    return ClaimReceipt(parsed, sha(4), sha(9), how, {}, "2026-01-01T00:00:00Z", "1", evidence, verdict_over(evidence))


@pytest.mark.parametrize("fault", [None, "502-after", "502-before", "dropped"])
def test_the_culprit_stands_in_the_thread_that_asked(github: FakeGitHub, tmp_path: Path, fault: str | None) -> None:
    """Once, whatever becomes of the answer to the write; commit, author, probability, ratio and builds are said."""
    number = github.data.add_pull(head_sha=sha(2)).number
    (tmp_path / "bisect.json").write_text(json.dumps(bisections.as_object(ANSWER)))
    if fault:
        github.fail(fault, "POST", "/comments")
    for _ in range(2):
        ended = run(github, tmp_path, "post-bisect", "bisect.json", "--issue", str(number))
        assert ended.returncode == 0, ended.stderr
        assert f"The answer stands in https://github.com/octo/widgets/pull/{number}." in ended.stdout
        if fault:
            break
    (comment,) = github.data.comments
    assert f"**First bad commit: {sha(3)}** (probability 99.9 %)" in comment.body
    assert "+50 %" in comment.body
    assert "3 builds between them" in comment.body
    assert " by " in comment.body
    assert comment.body.count("<!--") == 1


@pytest.mark.parametrize(("ratio", "verdict"), [(0.7, "Proven"), (0.9, "Refuted")])
def test_a_receipt_is_posted_once_and_can_be_checked(
    github: FakeGitHub, tmp_path: Path, ratio: float, verdict: str
) -> None:
    """What the comment holds is the file, byte for byte, whatever the names of the benchmarks are."""
    number = github.data.add_pull(head_sha=sha(9)).number
    made = receipt_of("1.3x faster", ratio, benchmark="sort `a` ``` list @octo")
    (tmp_path / "claim.json").write_bytes(made.encode())
    words = ("--issue", str(number), "--claim", "1.3x faster", "--base", sha(4), "--head", sha(9))
    for _ in range(2):
        ended = run(github, tmp_path, "post-claim", "claim.json", *words)
        assert ended.returncode == 0, ended.stderr
    (comment,) = github.data.comments
    assert f"**{verdict}: 1.3x faster**" in comment.body
    assert "measured in [this run](https://github.com/octo/widgets/actions/runs/77)" in comment.body
    _, _, rest = comment.body.partition("json\n")
    assert (rest.partition("\n````")[0] + "\n").encode() == made.encode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"claim": "2x faster"}, "about another claim"),
        ({"head": sha(8), "base": sha(7)}, "about another base and another head"),
    ],
)
def test_a_receipt_of_something_else_is_not_posted(
    github: FakeGitHub, tmp_path: Path, change: dict[str, str], words: str
) -> None:
    """The code that was measured ran beside the receipt and may have written it."""
    number = github.data.add_pull(head_sha=sha(9)).number
    (tmp_path / "claim.json").write_bytes(receipt_of("1.3x faster", 0.7).encode())
    asked = {"claim": "1.3x faster", "base": sha(4), "head": sha(9)} | change
    options = [part for name, value in asked.items() for part in (f"--{name}", value)]
    ended = run(github, tmp_path, "post-claim", "claim.json", "--issue", str(number), *options)
    assert ended.returncode == 2
    assert words in " ".join(ended.stderr.split())
    assert github.data.comments == []


def test_a_verdict_that_does_not_follow_is_not_posted(github: FakeGitHub, tmp_path: Path) -> None:
    """With a digest that fits, too: the numbers are computed again from the runs."""
    number = github.data.add_pull(head_sha=sha(9)).number
    forged = replace(receipt_of("1.3x faster", 0.9), verdict=ClaimVerdict.PROVEN)
    (tmp_path / "claim.json").write_bytes(forged.encode())
    words = ("--issue", str(number), "--claim", "1.3x faster", "--base", sha(4), "--head", sha(9))
    ended = run(github, tmp_path, "post-claim", "claim.json", *words)
    assert ended.returncode == 2
    assert "its verdict does not follow from its runs" in ended.stderr
    assert github.data.comments == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 2}', b"\xff\x00", b"{}" * 3_000_000])
@pytest.mark.parametrize("command", ["post-bisect", "post-claim"])
def test_damaged_files_are_one_clear_error(github: FakeGitHub, tmp_path: Path, command: str, content: bytes) -> None:
    """Empty, cut, of another schema, binary or huge: status 2, no traceback, nothing posted."""
    number = github.data.add_pull(head_sha=sha(9)).number
    (tmp_path / "file.json").write_bytes(content)
    words = ["--issue", str(number)]
    words += ["--claim", "1.3x faster", "--base", "a", "--head", "b"] if command == "post-claim" else []
    ended = run(github, tmp_path, command, "file.json", *words)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert github.data.comments == []
