"""Judgements and plans, and a job that publishes as the action does."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regress_action.github import acceptance, check_run
from regress_action.github.client import Client, Pace, connect
from regress_action.github.event import Plan, Stage
from regress_action.github.preferences import Preferences, Texts
from regress_action.github.publish import PublishResult, publish
from regress_action.github.runner import StepLog
from regress_action.model.comparisons import (
    Comparison,
    Judgement,
    Mode,
    Outcome,
    Severity,
    Side,
    Subject,
    Summary,
    Verdict,
)
from regress_action.model.measurements import Benchmark, Location, Metric
from regress_action.report import markdown, reasons, text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fake_github import FakeGitHub

HURRIED = Pace(0, 0, 0, 0, timeout_s=5, repetitions=3)
TOKEN = "ghs_test"  # noqa: S105 - opens nothing
BANDS = ((2.0, Severity.CRITICAL), (1.5, Severity.MODERATE), (1.2, Severity.MINOR), (1.05, Severity.SLIGHT))


def connected(github: FakeGitHub, *, token: str = TOKEN, pace: Pace = HURRIED, actor: str = "octo") -> Client:
    """Open a line to the fake."""
    environ = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": github.data.repository}
    return connect(token, environ, actor=actor, pace=pace, sleep=lambda _: None)


def sha(number: int) -> str:
    """Return a commit."""
    return f"{number:040x}"


def compared(name: str, ratio: float, *, confirmed: bool | None = True, line: int | None = 3) -> Comparison:
    """Return a comparison whose severity follows from its ratio."""
    severity = next((band for least, band in BANDS if ratio >= least), Severity.NONE)
    verdict = Verdict.REGRESSION if severity is not Severity.NONE else Verdict.UNCHANGED
    location = None if line is None else Location(f"benchmarks/{name.split('.', maxsplit=1)[0]}.py", line)
    return Comparison(
        benchmark=Benchmark(name, location=location),
        metric=Metric("time", "s"),
        baseline=Side(10, 0.1),
        head=Side(10, 0.1 * ratio),
        ratio=ratio,
        ratio_low=ratio * 0.97,
        ratio_high=ratio * 1.03,
        p_value=0.0001,
        q_value=0.001,
        threshold=1.2,
        minimum_detectable_ratio=1.03,
        verdict=verdict,
        severity=severity,
        reason=f"{ratio:.2f}×, threshold 1.2×",
        confirmed=confirmed if verdict is Verdict.REGRESSION else None,
    )


def judged(comparisons: Iterable[Comparison], *, head: str = sha(2), base: str | None = sha(1)) -> Judgement:
    """Return a judgement with the summary its comparisons call for."""
    rows = tuple(sorted(comparisons, key=lambda comparison: -(comparison.ratio or 0)))
    bad = [row for row in rows if row.severity.rank >= Severity.MINOR.rank]
    worst = max((row.severity for row in bad), key=lambda row: row.rank, default=Severity.NONE)
    verdict = Outcome.FAIL if worst is Severity.CRITICAL else Outcome.WARN if bad else Outcome.PASS
    return Judgement(
        Mode.PAIRED,
        Summary(verdict if rows else Outcome.INCOMPLETE, regressions=len(bad)),
        rows,
        Subject(base),
        Subject(head),
    )


def words(judgement: Judgement, suite: str = "default") -> Texts:
    """Render as the pipeline does."""
    context = markdown.Context(suite=suite)
    return Texts(
        headline=text.headline(judgement),
        comment=lambda limit: markdown.render(judgement, limit_bytes=limit, audience="comment", context=context),
        summary=lambda limit: markdown.render(judgement, limit_bytes=limit, audience="summary", context=context),
        finding=text.finding,
        reason=reasons.sentence,
        details=lambda comparison, limit: f"0.1 s before, {comparison.head.median:.3g} s now."[:limit],
        advice=("Look at what allocates in the loop.",),
    )


def push(number: int, *, attempt: int = 1, fork: bool = False) -> Plan:
    """Plan for a push of commit `number` to the default branch."""
    return Plan(
        mode=Stage.BASELINE,
        why="a push",
        event="push",
        repository="octo/widgets",
        head_sha=sha(number),
        base_sha=sha(number - 1),
        head_ref="main",
        is_fork=fork,
        run_id=9000 + number,
        attempt=attempt,
    )


def pull(github: FakeGitHub, number: int, *, event: str = "pull_request", **rest: object) -> Plan:
    """Plan for a pull request of the fake's data, as its event would tell it."""
    issue = github.data.issue(number)
    assert issue is not None
    assert issue.pull is not None
    fields: dict[str, object] = {
        "mode": Stage.DETECT,
        "why": "a pull request",
        "repository": "octo/widgets",
        "head_sha": issue.pull.head_sha,
        "base_sha": issue.pull.base_sha,
        "head_ref": issue.pull.head_ref,
        "base_ref": "main",
        "pull_request": number,
        "pull_request_author": issue.user,
        "is_fork": issue.pull.head_repository != github.data.repository,
        "is_draft": issue.pull.draft,
        "may_comment": issue.pull.head_repository == github.data.repository,
        "labels": tuple(issue.labels),
        "action": "synchronize",
        "since": issue.pull.pushed_at,
        "run_id": int(issue.pull.head_sha[-6:], 16) + 5000,
    }
    return Plan(event=event, **(fields | rest))  # type: ignore[arg-type]


@dataclass
class Job:
    """What a job of the action left behind on its runner."""

    out: io.StringIO = field(default_factory=io.StringIO)
    summary: Path | None = None
    result: PublishResult = field(default_factory=PublishResult)

    def run(
        self,
        client: Client | None,
        plan: Plan,
        judgement: Judgement,
        preferences: Preferences | None = None,
        texts: Texts | None = None,
    ) -> PublishResult:
        """Publish as the action does: open the check run, read what was accepted, publish everything."""
        preferences = preferences or Preferences()
        environ = {} if self.summary is None else {"GITHUB_STEP_SUMMARY": str(self.summary)}
        with check_run.opened(client, plan, preferences) as check:
            self.result = publish(
                plan,
                judgement,
                texts or words(judgement, preferences.suite),
                preferences,
                log=StepLog(self.out),
                environ=environ,
                client=client,
                check=check,
                accepted=acceptance.of(client, plan, preferences),
            )
        return self.result
