"""Stage 3 in CI: the history of the default branch is followed, and what is worse for good becomes an alert."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from regress_action.action import publish, trend_content
from regress_action.action.dashboard import write_dashboard
from regress_action.action.job import FOLDER
from regress_action.analysis import cumulative_drift, histories, sustained_changes
from regress_action.github import alarms
from regress_action.github import publish as github_publish
from regress_action.github.preferences import Texts
from regress_action.github.runner import write_outputs
from regress_action.model.comparisons import Judgement, Mode, Outcome, Severity, Subject, Summary, Verdict
from regress_action.model.errors import ExitCode, IncompleteError, UsageError
from regress_action.report import markdown, reasons, release, text, trends

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regress_action.action.job import Job
    from regress_action.analysis.sustained_changes import SustainedChange
    from regress_action.github.alarms import Acceptance
    from regress_action.github.client import Client
    from regress_action.github.runner import StepLog
    from regress_action.history import Event
    from regress_action.model.comparisons import Comparison
    from regress_action.model.measurements import Report

RELEASE_WINDOW = 1000
"""Reports among which a release and the three before it are looked for."""


def report(job: Job, client: Client | None, log: StepLog) -> ExitCode:
    """Follow the suite on the default branch; put what moves into the job summary, and what lasts into issues."""
    from regress_action.history import Selection

    history = job.history()
    selection = Selection(suite=job.settings.suite, branch=job.plan.default_branch, last=trend_content.WINDOW)
    reports = history.load(selection) if history else ()
    if not reports:
        log.notice("There is no history to follow yet; pushes to the default branch record it.")
        return ExitCode.OK
    followed = histories.follow(histories.of(reports))
    drifts = cumulative_drift.measure(reports, _released(job))
    changes = sustained_changes.find_sustained(followed, drifts, job.rules.policy)
    events = [event for event in history.events() if event.suite in {None, job.settings.suite}] if history else []
    accepted = _accepted(changes, reports, events)
    judgement = _located(job, _judgement(job, changes, histories.in_order(reports)[-1], accepted))
    content = trend_content.as_content(followed, drifts) | {"alerts": trends.alerts(judgement)}
    job.write_copy(FOLDER / "trend.json", orjson.dumps(content, option=orjson.OPT_INDENT_2))
    job.write_copy(FOLDER / "trend.md", trends.markdown(content).encode())
    job.write_copy(FOLDER / "trend.html", trends.page(content).encode())
    released = _release_pages(job, log)
    sys.stdout.write(trends.text(content))
    texts = _texts(job, judgement, content, changes)
    if released:
        texts = replace(texts, summary=lambda limit: f"{released}\n{trends.markdown(content, limit_bytes=limit // 2)}")
    return _alert(job, client, log, judgement, texts, accepted, page="release.md" if released else "trend.md")


def _release_pages(job: Job, log: StepLog) -> str:
    """Write the report of the release where this run is for a tag; return it as Markdown, empty where there is none."""
    from regress_action.action.release_report import of_release
    from regress_action.history import Selection

    history = job.history()
    if not job.plan.tag or history is None:
        return ""
    selection = Selection(suite=job.settings.suite, branch=job.plan.default_branch, last=RELEASE_WINDOW)
    try:
        content = of_release(
            history.load(selection), job.plan.tag, job.rules.policy, root=job.root, environ=job.environ
        )
    except (IncompleteError, UsageError) as error:
        log.notice(f"There is no report of the release. {error.what} {error.remedy}")
        return ""
    page = release.markdown(content, limit_bytes=trends.LIMIT_BYTES // 2)
    job.write_copy(FOLDER / "release.json", orjson.dumps(content, option=orjson.OPT_INDENT_2))
    job.write_copy(FOLDER / "release.md", page.encode())
    job.write_copy(FOLDER / "release.html", release.page(content).encode())
    return page


def _alert(
    job: Job,
    client: Client | None,
    log: StepLog,
    judgement: Judgement,
    texts: Texts,
    accepted: Sequence[Acceptance],
    *,
    page: str,
) -> ExitCode:
    """Say it, by the commit that was measured last: a night without a new one repeats nothing."""
    plan = replace(job.plan, head_sha=judgement.head.commit)
    preferences = publish.preferences_of(job)
    published = github_publish.publish(
        plan, judgement, texts, preferences, log=log, environ=job.environ, client=client, accepted=accepted
    )
    summary = judgement.summary
    values: dict[str, str | int | None] = {
        "verdict": summary.verdict.value,
        "severity": alarms.worst(alarms.alarming(judgement, accepted)).value,
        "regressions": summary.regressions,
        "report": ".regress/trend.json",
        "markdown": f".regress/{page}",
        "dashboard": write_dashboard(job),
    }
    write_outputs(job.environ, values)
    publish.notify(job, published, log)
    return ExitCode.REGRESSION if summary.verdict is Outcome.FAIL else ExitCode.OK


def _accepted(
    changes: Sequence[SustainedChange], reports: Sequence[Report], events: Iterable[Event]
) -> tuple[Acceptance, ...]:
    """Return what `history accept` accepted of the changes: those that were there when somebody accepted the series.

    A change that began, or still went on, after that is not accepted.
    """
    from regress_action.history import EventKind

    decided = sorted(events, key=lambda event: event.time)
    since = {report.commit: report.created or "" for report in reversed(histories.in_order(reports))}
    accepted = []
    for row, bad in ((change.comparison, change.bad) for change in changes if change.comparison.alarms):
        key = (row.benchmark.name, row.metric.name)
        ours = [event for event in decided if any(pattern.fits(key) for pattern in event.patterns)]
        kinds = {EventKind.ACCEPTED, EventKind.WITHDRAWN}
        last = next((event for event in reversed(ours) if event.kind in kinds), None)
        if (
            last is not None
            and last.kind is EventKind.ACCEPTED
            and since.get(bad, "~") <= f"{last.time:%Y-%m-%dT%H:%M:%SZ}"
        ):
            shown = {alarms.regression_id(row): (row.severity, row.ratio)}
            accepted.append(alarms.Acceptance("*", last.who, last.why, head=last.commit, shown=shown))
    return tuple(accepted)


def _judgement(
    job: Job, changes: Sequence[SustainedChange], newest: Report, accepted: Sequence[Acceptance]
) -> Judgement:
    rows = tuple(change.comparison for change in changes)
    bad = [row for row in rows if row.alarms and not any(given.covers(row) for given in accepted)]
    limit, worst = job.settings.fail_on, alarms.worst(bad)
    fails = limit is not Severity.NONE and worst >= limit
    verdict = Outcome.FAIL if fails else Outcome.WARN if bad else Outcome.PASS
    undecided = sum(row.verdict is Verdict.INCONCLUSIVE for row in rows)
    summary = Summary(verdict, regressions=len(bad), inconclusive=undecided)
    head = Subject(newest.commit, job.plan.default_branch, environment=newest.environment)
    return Judgement(Mode.HISTORY, summary, rows, Subject(label=f"history of {job.plan.default_branch}"), head)


def _located(job: Job, judgement: Judgement) -> Judgement:
    """Look into the sources only where there is something to point at."""
    from regress_action.github import locations

    return locations.located(judgement, job.root) if judgement.summary.regressions else judgement


def _texts(job: Job, judgement: Judgement, content: trend_content.Content, changes: Sequence[SustainedChange]) -> Texts:
    context = publish.context_of(job, judgement)
    origins = {change.history.key: change for change in changes}

    def of(row: Comparison) -> SustainedChange:
        return origins[row.benchmark.name, row.metric.name]

    def details(row: Comparison, limit: int) -> str:
        past = _points(of(row))
        return markdown.detail(
            judgement, row, limit_bytes=limit, context=replace(context, reproduce=None), history=past
        )

    def span(rows: Sequence[Comparison]) -> tuple[str | None, str | None]:
        return (of(rows[0]).good, of(rows[0]).bad) if len(rows) == 1 else (None, None)

    return Texts(
        headline=trends.headline(content),
        comment=lambda limit: trends.markdown(content, limit_bytes=limit),
        summary=lambda limit: trends.markdown(content, limit_bytes=limit),
        finding=text.finding,
        reason=reasons.sentence,
        details=details,
        advice=context.advice,
        span=span,
    )


def _points(change: SustainedChange) -> list[tuple[str, float]]:
    """Return commit and value of every run, oldest first."""
    points = [change.history.point(index) for index in range(len(change.history))]
    return [((point.commit or "?")[:7], point.value) for point in points]


def _released(job: Job) -> str | None:
    """Return the commit of the newest release before this one, by its tag; None where there is none."""
    from regress_action.history import Checkout
    from regress_action.model.errors import HistoryError

    try:
        return Checkout(job.root, job.environ).newest_tag("HEAD^" if job.plan.tag else "HEAD")
    except HistoryError:
        return None
