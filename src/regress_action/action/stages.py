"""The stages: baseline and detect judge what was measured, publish judges what another run measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regress_action.action import learning, suspecting
from regress_action.action.judging import judge_against_history, judge_reports
from regress_action.github.plan import Stage
from regress_action.model import records
from regress_action.model.errors import HistoryError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.job import Job
    from regress_action.action.judging import Judged
    from regress_action.github.client import Client
    from regress_action.history import History
    from regress_action.model.measurements import Report

WINDOW = 20
"""Baseline reports that a head is compared with at most."""

ARTIFACT = "regress-report"
"""Name of the artifact in which a run without a token leaves its reports for `mode: publish`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a stage came to: no judgement where there is nothing to compare with, and a sentence about that."""

    judged: Judged | None
    head: Report | None = None
    remark: str = ""
    references: Sequence[Report] = ()


def baseline(job: Job) -> Finished:
    """Judge a commit of the default branch against the history, and store its report there."""
    head, _ = job.sides()
    history = job.history()
    references = _references(job, history, head)
    _keep(job, head, None)
    if not references:
        _store(job, history, head, None)
        return Finished(None, head, "This is the first record of this suite; the next run has a baseline.")
    judged = judge_against_history(references, [head], job.settings, root=job.root)
    confirmed = suspecting.resolved(job, judged)
    if confirmed is None:
        return Finished(None, head, suspecting.SENT)
    _store(job, history, head, confirmed)
    return Finished(confirmed, head, references=references)


def detect(job: Job) -> Finished:
    """Judge a pull request: paired where the base was measured too, else against the history; nothing is stored."""
    head, base = job.sides()
    _keep(job, head, base)
    if base is not None:
        return Finished(judge_reports([base], [head], job.settings, looked=job.settings.adaptive, root=job.root), head)
    references = _references(job, job.history(), head)
    if not references:
        return Finished(None, head, "There is no baseline yet: nothing is known to be worse.")
    judged = judge_against_history(references, [head], job.settings, root=job.root)
    confirmed = suspecting.resolved(job, judged)
    if confirmed is None:
        return Finished(None, head, suspecting.SENT)
    return Finished(confirmed, head, references=references)


def shard(job: Job) -> str:
    """Leave the reports of one leg of a matrix for the job that merges them; return what to say about it."""
    head, base = job.sides()
    _keep(job, head, base)
    left = f"its {len(head.series)} series are left in .regress for the job that merges"
    return f"Shard {job.settings.shard} is measured; {left}."


def publish(job: Job, client: Client) -> Finished:
    """Judge what a run without a token measured; its artifact is data, and nothing of it is believed but numbers."""
    from regress_action.github import artifacts

    plan = job.plan
    if plan.measured_run_id is None:
        raise InputError("The event names no run whose measurement could be published.")
    archive = artifacts.download(client, plan.measured_run_id, ARTIFACT)
    found = {name.rsplit("/", 1)[-1]: data for name, data in artifacts.files(archive)}
    if "head.jsonl" not in found:
        raise InputError(
            f"The artifact {ARTIFACT} of run {plan.measured_run_id} holds no head.jsonl.",
            remedy="Let the measuring workflow upload .regress/head.jsonl and .regress/base.jsonl under that name.",
        )
    head = records.decode(found["head.jsonl"], "head.jsonl of the artifact")
    if head.commit != plan.head_sha:
        raise InputError(
            f"The artifact is about commit {head.commit}, the run about {plan.head_sha}.",
            meaning="A report about another commit is not published under this one's name.",
        )
    if "base.jsonl" in found:
        base = records.decode(found["base.jsonl"], "base.jsonl of the artifact")
        return Finished(judge_reports([base], [head], job.settings, looked=job.settings.adaptive, root=job.root), head)
    references = _references(job, job.history(), head)
    if not references:
        return Finished(None, head, "There is no baseline yet: nothing is known to be worse.")
    return Finished(judge_against_history(references, [head], job.settings, root=job.root), head)


def _references(job: Job, history: History | None, head: Report) -> Sequence[Report]:
    """Return the reports that the head is compared with: those nearest to it on its own line that were adopted."""
    from regress_action.history import Selection, reference_window

    if history is None:
        return ()
    selection = Selection(suite=head.suite, branch=job.plan.default_branch, last=WINDOW)
    line = _line(job)
    found = reference_window(history, selection, line) if line else ()
    return [one for one in found or reference_window(history, selection) if one.commit != head.commit]


def _line(job: Job) -> Sequence[str]:
    """Return the commits from where the head left its base back in time; empty where they are not checked out."""
    from regress_action.history import ancestors, merge_base

    plan = job.plan
    if plan.mode is Stage.PUBLISH or plan.head_sha is None:  # nothing is checked out
        return ()
    try:
        start = merge_base(job.root, plan.base_sha, "HEAD", job.environ) if plan.base_sha else plan.head_sha
        return ancestors(job.root, start, job.environ)
    except HistoryError:
        return ()


def _store(job: Job, history: History | None, head: Report, judged: Judged | None) -> None:
    """Add the head to the history, held back as a reference while it shows a regression that has not lasted."""
    from regress_action.history import Selection, SeriesPattern, persisting, quarantine

    if history is None or not job.plan.may_write_history:
        return
    marks = tuple(
        SeriesPattern(found.benchmark.name, found.metric.name, found.ratio)
        for found in (judged.judgement.comparisons if judged else ())
        if found.alarms
    )
    now = datetime.now(UTC)
    why = "It shows a regression that nobody has accepted yet."
    events = [quarantine(head, marks, at=now, who=job.plan.actor or "unknown", why=why)] if marks else []
    if events:
        selection = Selection(suite=head.suite, branch=job.plan.default_branch, last=WINDOW)
        events += persisting([*history.load(selection), head], [*history.events(), *events], at=now)
    history.append(learning.taught(head, history), events=events)


def _keep(job: Job, head: Report, base: Report | None) -> None:
    """Leave the reports in the job's folder, for an upload, for `merge` and for a second workflow."""
    (job.folder / "head.jsonl").write_bytes(records.encode(head))
    if base is not None:
        (job.folder / "base.jsonl").write_bytes(records.encode(base))
