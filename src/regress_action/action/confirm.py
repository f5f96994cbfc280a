"""Confirm before alerting: suspects against the history are measured again, paired with the baseline's commit.

The container runs none of the user's code, so the runner makes the second measurement. The first pass writes its plan
and publishes nothing. The second pass reads the second measurement and judges by both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action import analysis, formats
from regress_action.action.job import CONFIRMATION, FOLDER
from regress_action.action.judge import Judged, judge_reports
from regress_action.action.measure import MeasurementSpec, measurer_command
from regress_action.action.plan import PAIRED, MeasurementRequest, write_request
from regress_action.measure.selection import style_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.job import Job
    from regress_action.model.comparisons import Judgement

ENDED = FOLDER / "measure-ended.json"
"""Where the measurer notes its end; the next measurement has to write it anew."""

REQUESTED = FOLDER / "confirming"
"""Exists between the two passes, so that a measurement that failed is not requested again."""

PENDING = (
    "Suspects are measured again, paired with the baseline's commit on this machine, before anything is published."
)


def confirmed(job: Job, judged: Judged) -> Judged | None:
    """Return the judgement that may be published, or None when the runner has to measure the suspects again."""
    if (job.root / CONFIRMATION / "measurement.json").exists():
        (job.root / REQUESTED).unlink(missing_ok=True)
        return replace(judged, judgement=_combined(job, judged.judgement))
    requested = (job.root / REQUESTED).exists()
    (job.root / REQUESTED).unlink(missing_ok=True)
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
    again = judge_reports([measured.base], [measured.head], job.rules)
    return analysis.confirm(first, again.judgement, job.rules.policy)


def _request(job: Job, suspects: Sequence[str], base: str) -> None:
    """Request the measurement: only of the suspects where the command takes a selection, on the same machine."""
    settings = job.settings.model_copy(update={"base": base})
    spec = MeasurementSpec(
        command=(settings.command,),
        out=FOLDER,
        adaptive=False,
        select=suspects if "{select}" in settings.command else (),
        select_style=style_of(settings.command),
    )
    line = measurer_command(settings, spec, CONFIRMATION)
    why = f"Measuring {len(suspects)} suspects again, against {base[:12]}."
    (job.root / REQUESTED).touch()
    (job.root / ENDED).unlink(missing_ok=True)
    write_request(
        MeasurementRequest((*PAIRED, *line[line.index("--out") :]), why, settings.suite_image), job.root, job.environ
    )
