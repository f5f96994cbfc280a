"""The stages: baseline and detect judge what was measured, publish judges what another run measured.

Also here: confirm before alerting: suspects against the history are measured again, paired with the baseline's
commit.

The container runs none of the user's code, so the runner makes the second measurement. The first pass writes its plan
and publishes nothing. The second pass reads the second measurement and judges by both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regress_action import analysis, formats
from regress_action.action.job import CONFIRMATION, FOLDER, encode_plan
from regress_action.action.judge import (
    Judged,
    judge_against_history,
    judge_reports,
    with_changed_packages,
    with_stored_builds,
)
from regress_action.action.measure import MeasurementSpec, measurer_command
from regress_action.action.merge import sides
from regress_action.action.plan import PAIRED, MeasurementRequest, early_options, write_request
from regress_action.github.event import Stage
from regress_action.model import records
from regress_action.model.errors import HistoryError, InputError
from regress_action.model.measurements import COMPILED
from regress_action.model.records import slug

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.job import Job
    from regress_action.action.judge import JudgingRules
    from regress_action.github.client import Client
    from regress_action.history import History
    from regress_action.model.comparisons import Judgement
    from regress_action.model.measurements import Report
    from regress_action.settings import Settings


CONFIRMATION_ENDED = FOLDER / "measure-ended.json"
"""Where the measurer notes its end; the next measurement has to write it anew."""

CONFIRMATION_REQUESTED = FOLDER / "confirming"
"""Exists between the two passes, so that a measurement that failed is not requested again."""

CONFIRMATION_PENDING = (
    "Suspects are measured again, paired with the baseline's commit on this machine, before anything is published."
)


def confirmed_judgement(job: Job, judged: Judged) -> Judged | None:
    """Return the judgement that may be published, or None when the runner has to measure the suspects again."""
    if (job.root / CONFIRMATION / "measurement.json").exists():
        (job.root / CONFIRMATION_REQUESTED).unlink(missing_ok=True)
        return replace(judged, judgement=_combined(job, judged.judgement))
    requested = (job.root / CONFIRMATION_REQUESTED).exists()
    (job.root / CONFIRMATION_REQUESTED).unlink(missing_ok=True)
    suspects = analysis.suspects(judged.judgement, job.rules.policy)
    base = judged.judgement.baseline.commit
    if requested or not suspects or not base or not job.settings.confirm or not job.settings.command:
        return judged
    _request(job, suspects, base)
    return None


def _combined(job: Job, first: Judgement) -> Judgement:
    measured = formats.read_measurement(job.root / CONFIRMATION)
    if measured.base is None:
        return first
    rules = _rules_of_pairs(job, measured.head, measured.base)
    looked_at = bool(_early_options(job, _paired(job, first.baseline.commit or "")))
    again = judge_reports([measured.base], [measured.head], rules, interim=looked_at)
    return analysis.confirm(first, again.judgement, job.rules.policy)


def _paired(job: Job, base: str) -> Settings:
    return job.settings.model_copy(update={"base": base})


def _early_options(job: Job, settings: Settings) -> tuple[str, ...]:
    return early_options(settings, job.launch, selected="{select}" in settings.command)


def _request(job: Job, suspects: Sequence[str], base: str) -> None:
    """Request the measurement: only of the suspects where the command takes a selection, on the same machine."""
    settings = _paired(job, base)
    spec = MeasurementSpec(
        command=(settings.command,),
        out=FOLDER,
        adaptive=False,
        select=suspects if "{select}" in settings.command else (),
    )
    line = measurer_command(settings, spec, CONFIRMATION)
    why = f"Measuring {len(suspects)} suspects again, against {base[:12]}."
    (job.root / CONFIRMATION_REQUESTED).touch()
    (job.root / CONFIRMATION_ENDED).unlink(missing_ok=True)
    words = (*PAIRED, *_early_options(job, settings), *line[line.index("--out") :])
    planned = encode_plan(job.trusted, job.environ)
    write_request(MeasurementRequest(words, why, settings.suite_image, planned=planned), job.root, job.environ)


ARTIFACT = "regress-report"
"""Name of the artifact in which a run without a token leaves its reports for `mode: publish`."""


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a stage returned: no judgement where there is nothing to compare with, and a sentence about that."""

    judged: Judged | None
    head: Report | None = None
    remark: str = ""
    references: Sequence[Report] = ()


def baseline(job: Job) -> StageResult:
    """Judge a commit of the default branch against the history, and store its report there."""
    head, _ = job.sides()
    history = job.history()
    references = _references(job, history, head)
    _write_reports(job, head, None)
    if not references:
        _store(job, history, head, None)
        return StageResult(None, head, "This is the first record of this suite; the next run has a baseline.")
    judged = judge_against_history(references, [head], job.rules)
    confirmed = confirmed_judgement(job, judged)
    if confirmed is None:
        return StageResult(None, head, CONFIRMATION_PENDING)
    _store(job, history, head, confirmed)
    return StageResult(confirmed, head, references=references)


def detect(job: Job) -> StageResult:
    """Judge a pull request: paired where the base was measured too, else against the history; nothing is stored."""
    from regress_action.history import Checkout

    head, base = job.sides()
    checkout = Checkout(job.root, job.environ)
    _write_reports(job, head, base)
    if base is not None:
        judged = judge_reports([base], [head], _rules_of_pairs(job, head, base), interim=job.settings.adaptive)
        return StageResult(with_changed_packages(judged, checkout, job.settings.carry), head)
    references = _references(job, job.history(), head)
    if not references:
        return StageResult(None, head, "There is no baseline yet: nothing is known to be worse.")
    judged = judge_against_history(references, [head], job.rules)
    confirmed = confirmed_judgement(job, judged)
    if confirmed is None:
        return StageResult(None, head, CONFIRMATION_PENDING)
    return StageResult(with_changed_packages(confirmed, checkout, job.settings.carry), head, references=references)


def shard(job: Job) -> str:
    """Write the reports of one shard of a matrix for the job that merges them; return a sentence about it."""
    head, base = job.sides()
    _write_reports(job, head, base)
    series = f"its {len(head.series)} series are in .regress for the job that merges"
    return f"Shard {job.settings.shard} is measured; {series}."


def publish(job: Job, client: Client) -> StageResult:
    """Judge what a run without a token measured; its artifact is data, of which only the numbers are used."""
    from regress_action.github import artifacts

    plan = job.plan
    if plan.measured_run_id is None:
        raise InputError("The event names no run whose measurement could be published.")
    archive = artifacts.download(client, plan.measured_run_id, ARTIFACT)
    files = {name.rsplit("/", 1)[-1]: data for name, data in artifacts.files(archive)}
    head_file, base_file = sides(slug(job.settings.suite))
    if head_file not in files:
        raise InputError(
            f"The artifact {ARTIFACT} of run {plan.measured_run_id} holds no {head_file}.",
            meaning=f"Nothing of the suite {job.settings.suite} was measured, or it was measured under another name.",
            remedy="Let the measuring workflow upload .regress/*.jsonl under that name; give both the same  suite:",
        )
    head = _numbers(job, records.decode(files[head_file], f"{head_file} of the artifact"))
    if head.commit != plan.head_sha:
        raise InputError(
            f"The artifact is about commit {head.commit}, the run about {plan.head_sha}.",
            meaning="A report about another commit is not published under this one's name.",
        )
    if base_file in files:
        base = _numbers(job, records.decode(files[base_file], f"{base_file} of the artifact"))
        return StageResult(
            judge_reports([base], [head], _rules_of_pairs(job, head), interim=job.settings.adaptive), head
        )
    references = _references(job, job.history(), head)
    if not references:
        return StageResult(None, head, "There is no baseline yet: nothing is known to be worse.")
    return StageResult(judge_against_history(references, [head], job.rules), head)


def _numbers(job: Job, report: Report) -> Report:
    """Return a report from an artifact without what it claims about anything but the measurement.

    The suite is that of the job, not of the file. Sentences for the user, provenance and what a history is said to have
    taught are left out.
    """
    series = tuple(replace(series, noise=None) for series in report.series)
    return replace(
        report,
        series=series,
        suite=job.settings.suite,
        branch=None,
        origin=None,
        warnings=(),
        provenance=(),
        saved_s=None,
    )


def _rules_of_pairs(job: Job, head: Report, base: Report | None = None) -> JudgingRules:
    """Return the rules for pairs: of compiled code with what the layout of the stored builds did.

    Of an artifact, whose word is not taken for what was compiled, there is no `base`: the history is asked.
    """
    if base is not None and COMPILED not in base.provenance:
        return job.rules
    history = job.history()
    return job.rules if history is None else with_stored_builds(job.rules, history, head, job.plan.default_branch)


def _references(job: Job, history: History | None, head: Report) -> Sequence[Report]:
    """Return the reports that the head is compared with: those nearest to it on its own line that were adopted."""
    from regress_action.history import BASELINE_WINDOW, Selection, reference_window

    if history is None:
        return ()
    selection = Selection(suite=head.suite, branch=job.plan.default_branch, last=BASELINE_WINDOW)
    line = _line(job)
    references = reference_window(history, selection, line) if line else ()
    return [report for report in references or reference_window(history, selection) if report.commit != head.commit]


def _line(job: Job) -> Sequence[str]:
    """Return the commits from where the head left its base back in time; empty where they are not checked out."""
    from regress_action.history import Checkout

    plan = job.plan
    if plan.mode is Stage.PUBLISH or plan.head_sha is None:  # nothing is checked out
        return ()
    try:
        checkout = Checkout(job.root, job.environ)
        return checkout.ancestors(checkout.merge_base(plan.base_sha, "HEAD") if plan.base_sha else plan.head_sha)
    except HistoryError:
        return ()


def _store(job: Job, history: History | None, head: Report, judged: Judged | None) -> None:
    """Add the head to the history, held back as a reference while it shows a regression that has not lasted."""
    from regress_action.action import baseline

    if history is None or not job.plan.may_write_history:
        return
    slow = baseline.slow_series(judged.judgement) if judged else ()
    baseline.store(history, head, slow, who=job.plan.actor or "unknown", at=datetime.now(UTC))


def _write_reports(job: Job, head: Report, base: Report | None) -> None:
    """Write the reports into the job's folder, for an upload, for `merge` and for a second workflow."""
    head_file, base_file = sides(slug(job.settings.suite))
    write = job.write if job.settings.shard else job.write_copy  # a shard is nothing but its reports
    write(FOLDER / head_file, records.encode(head))
    if base is not None:
        write(FOLDER / base_file, records.encode(base))
