"""Stage 4: the judgement as text, in the files of the job, in the outputs of the step, and in notifications.

Also here: what a later job is asked about a verdict: the judgement as data, and the answer made of it.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.action import affected, hotspots
from regress_action.action.dashboard import write_dashboard
from regress_action.action.job import FOLDER, MEASUREMENT
from regress_action.action.plan import pages
from regress_action.advice import elsewhere, recommend
from regress_action.github import runner
from regress_action.github.event import Stage
from regress_action.github.preferences import Preferences, Texts
from regress_action.model.comparisons import Outcome, Severity
from regress_action.model.errors import HistoryError, InfrastructureError, InputError
from regress_action.model.records import slug
from regress_action.notifications import send
from regress_action.report import explanation, markdown, reasons, structured, text
from regress_action.report.findings import Context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.job import Job
    from regress_action.action.judge import Judged
    from regress_action.github.client import Client
    from regress_action.github.publish import PublishResult
    from regress_action.github.runner import StepLog
    from regress_action.model.comparisons import Comparison, Judgement
    from regress_action.model.measurements import Report


ANSWER_BYTES = 30_000
COMMAND_LIMIT = 2_000


def judgement_record(judgement: Judgement, reproduce: str | None, limit: int) -> bytes:
    """Return the judgement as JSON in about `limit` bytes: as many comparisons as fit, worst first."""
    kept = len(judgement.comparisons)
    while True:
        content: dict[str, Any] = {
            "judgement": structured.as_object(replace(judgement, comparisons=judgement.comparisons[:kept])),
            "left_out": len(judgement.comparisons) - kept,
            "reproduce": (reproduce or "").encode(errors="replace").decode()[:COMMAND_LIMIT],  # no lone surrogates
        }
        data = orjson.dumps(content)
        if len(data) <= limit or not kept:
            return data
        kept = min(kept - 1, kept * limit // len(data))


def answer_from_github(
    client: Client, pull_request: int | None, preferences: Preferences, benchmark: str | None
) -> str | None:
    """Return why the last verdict about the pull request is what it is, in Markdown; None where none is known."""
    from regress_action.github import hidden_state

    data = hidden_state.load(client, pull_request, preferences) if pull_request is not None else None
    return None if data is None else answer_of(data, benchmark)


def answer_of(data: bytes, benchmark: str | None) -> str | None:
    """Return the answer from a record that anybody may have changed; None where it is no whole record."""
    try:
        content = orjson.loads(data)
        judgement = structured.as_judgement(content["judgement"])
    except (ValueError, KeyError, TypeError, InputError):
        return None
    left_out, reproduce = content.get("left_out"), content.get("reproduce")
    return explanation.render(
        judgement,
        benchmark,
        left_out=left_out if isinstance(left_out, int) else 0,
        reproduce=reproduce[:COMMAND_LIMIT] if isinstance(reproduce, str) else "",
        limit_bytes=ANSWER_BYTES,
    )


def preferences_of(job: Job) -> Preferences:
    """Return what the settings ask to be published, and where."""
    settings = job.settings
    return Preferences(
        suite=settings.suite,
        comment=settings.comment,
        check_run=settings.check_run,
        issues=settings.issues,
        fail_on=settings.fail_on,
        block_moderate=settings.block_moderate,
        reviewers=settings.reviewers,
        team_reviewers=settings.team_reviewers,
        accept_label=settings.accept_label,
    )


def context_of(job: Job, judgement: Judgement) -> Context:
    """Return the links, the advice, and the one command that repeats this comparison on a laptop."""
    plan, settings = job.plan, job.settings
    return Context(
        suite=settings.suite,
        repository_url=f"{plan.server_url}/{plan.repository}" if plan.repository else None,
        run_url=plan.run_url if plan.run_id else None,
        summary_url=plan.run_url if plan.run_id else None,
        reproduce=_reproduction(job),
        accept=_acceptance(job),
        advice=recommend(judgement),
        elsewhere=elsewhere(judgement),
        waivers=job.rules.waivers,
    )


def texts_of(job: Job, judged: Judged, past: Sequence[Report] = ()) -> Texts:
    """Return the judgement in every form that GitHub shows; `past` are the reports that an issue's chart shows."""
    judgement = judged.judgement
    context = replace(context_of(job, judgement), looks=judged.looks)
    return Texts(
        headline=text.headline(judgement),
        comment=lambda limit: markdown.render(judgement, audience="comment", limit_bytes=limit, context=context),
        summary=lambda limit: markdown.render(judgement, audience="summary", limit_bytes=limit, context=context),
        finding=text.finding,
        reason=reasons.sentence,
        details=lambda comparison, limit: markdown.detail(
            judgement, comparison, limit_bytes=limit, context=context, history=_history(past, comparison)
        ),
        advice=(*filter(None, [context.elsewhere]), *context.advice),
        record=lambda limit: judgement_record(judgement, context.reproduce, limit),
    )


def _history(past: Sequence[Report], comparison: Comparison) -> list[tuple[str, float]]:
    """Return a label and the median of each earlier report that measured this, oldest first, and the head last."""
    key = (comparison.benchmark.name, comparison.metric.name)
    points = [
        ((report.commit or "?")[:7], median(series.measured))
        for report in past
        for series in report.series
        if series.key == key and series.measured
    ]
    return [*points, ("head", comparison.head.median)] if points and comparison.head.median is not None else []


def located(job: Job, judged: Judged) -> Judged:
    """Return the judgement with the source lines that define its benchmarks, as far as they are found."""
    from regress_action.github import locations

    return replace(judged, judgement=locations.located(judged.judgement, job.root))


def noted(job: Job, judged: Judged) -> Judged:
    """Return the judgement with what the change tries to change about its own gate, before all other notes."""
    notes = (*job.trusted.notes, *judged.judgement.notes)
    return replace(judged, judgement=replace(judged.judgement, notes=notes)) if job.trusted.notes else judged


def explained(job: Job, judged: Judged) -> Judged:
    """Return the judgement with what profiles and the monitor show, or with why an asked-for cause is missing."""
    seen = _explained(job, judged)
    if job.settings.profile == "never":
        return seen
    measured = (job.root / MEASUREMENT / "measurement.json").exists()
    with_reason = hotspots.with_reason(seen.judgement, in_container=bool(job.settings.suite_image), profiled=measured)
    return replace(seen, judgement=with_reason)


def _explained(job: Job, judged: Judged) -> Judged:
    """Return the judgement with what profiles and the monitor of the measurement show; flame graphs are written.

    Profiles come from the suite: what cannot be read of them is a warning, and the verdict stands.
    """
    if not (job.root / MEASUREMENT / "measurement.json").exists():
        return judged
    try:
        judged = affected.labelled(judged, job.root / MEASUREMENT, job.root, job.settings, job.rules.policy)
        judged = replace(judged, judgement=hotspots.with_resources(judged.judgement, job.root / MEASUREMENT))
        if job.settings.profile == "never":
            return judged
        memory = hotspots.memory_causes(job.root / MEASUREMENT, job.root, job.environ)
        judged = replace(judged, judgement=hotspots.with_memory(judged.judgement, memory))
        causes = [cause for cause, _ in hotspots.causes(job.root / MEASUREMENT, job.root, job.environ)]
    except (InputError, HistoryError) as error:
        job.step_log.warning(f"The profiles were not used. {error.what}")
        return judged
    graphs = hotspots.GraphFolder(lambda name, content: job.write_copy(FOLDER / name, content), FOLDER.as_posix())
    return replace(judged, judgement=hotspots.with_causes(judged.judgement, causes, graphs))


def write_files(job: Job, judged: Judged) -> None:
    """Write the judgement as JSON and as Markdown into the job's folder."""
    context = context_of(job, judged.judgement)
    content = structured.as_object(judged.judgement, suite=judged.suite, elsewhere=context.elsewhere)
    report, markdown_page = pages(slug(job.settings.suite))
    job.write_copy(report, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    page = markdown.render(judged.judgement, audience="file", limit_bytes=10_000_000, context=context)
    job.write_copy(markdown_page, page.encode())


def write_outputs(
    job: Job, judged: Judged | None, published: PublishResult | None, *, otherwise: Outcome = Outcome.INCONCLUSIVE
) -> None:
    """Set every output of the step; without a judgement the verdict is `otherwise`."""
    summary = judged.judgement.summary if judged else None
    report, markdown_page = pages(slug(job.settings.suite))
    outputs = {
        "verdict": summary.verdict.value if summary else otherwise.value,
        "severity": _worst(judged).value,
        "regressions": summary.regressions if summary else 0,
        "improvements": summary.improvements if summary else 0,
        "report": report.as_posix() if judged else None,
        "markdown": markdown_page.as_posix() if judged else None,
        "dashboard": _dashboard(job) if judged and job.plan.mode is Stage.BASELINE else None,
        "check-run-url": published.check_run_url if published else None,
    }
    try:
        runner.write_outputs(job.environ, outputs)
    except OSError as error:
        job.step_log.warning(
            f"The outputs of the step could not be written: {error.strerror}. The exit status is right."
        )


def _dashboard(job: Job) -> str | None:
    """Write the dashboard where one is asked for; a disk that cannot be written costs the dashboard only."""
    try:
        return write_dashboard(job)
    except InfrastructureError as error:
        job.step_log.warning(f"The dashboard was not written. {error.what}")
        return None


def notify(job: Job, published: PublishResult, log: StepLog) -> None:
    """Notify the stakeholders of what changed; a notifier that fails is a warning."""
    urls = [url.get_secret_value() for url in job.settings.notify_urls]
    title = f"{job.plan.repository}: performance of {job.settings.suite}"
    lines = [(change.sentence, change.url) for change in published.changes]
    for warning in send(urls, title, lines):
        log.warning(warning)


def _worst(judged: Judged | None) -> Severity:
    compared = (*judged.judgement.comparisons, *judged.judgement.services) if judged else ()
    return max((row.severity for row in compared if row.is_proven_regression), default=Severity.NONE)


def _reproduction(job: Job) -> str | None:
    settings, plan = job.settings, job.plan
    if not settings.command or not plan.head_sha:
        return None
    base = plan.base_sha or plan.base_ref or "HEAD~1"
    words = ["regress-action", "run", "--base", base]
    words += ["--setup", settings.setup] if settings.setup else []
    words += [part for path in settings.carry for part in ("--carry", path)]
    words += ["--results", settings.results] if settings.results else []
    return shlex.join([*words, "--", settings.command])


def _acceptance(job: Job) -> str | None:
    if job.plan.pull_request is None:
        return None
    label = job.settings.accept_label
    return (
        f"Somebody with write access sets the label {label}, which accepts what is shown here and nothing worse, "
        "or comments: /regress accept <benchmark> <reason>"
    )
