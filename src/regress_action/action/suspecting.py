"""Confirm before alerting: suspects against the history are measured again, paired with the baseline's commit.

The container runs none of the user's code, so the second measurement is an errand for the runner: the first pass leaves
its plan and says nothing; the second pass finds the measurement and decides on both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action import analysis, formats
from regress_action.action.job import CONFIRMATION
from regress_action.action.judging import Judged, judge_reports
from regress_action.action.measuring import Order, argv
from regress_action.action.planning import FOLDER, PAIRED, Errand, leave
from regress_action.action.policies import policy_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.job import Job
    from regress_action.model.comparisons import Judgement

ANSWERED = FOLDER / "confirming"
"""Exists between the two passes, so that a measurement that failed is not asked for again."""

SENT = "Suspects are measured again, paired with the baseline's commit on this machine, before anyone is told."


def resolved(job: Job, judged: Judged) -> Judged | None:
    """Return the judgement that may be told, or None when the runner was sent to measure the suspects again."""
    if (job.root / CONFIRMATION / "measurement.json").exists():
        (job.root / ANSWERED).unlink(missing_ok=True)
        return replace(judged, judgement=_confirmed(job, judged.judgement))
    asked = (job.root / ANSWERED).exists()
    (job.root / ANSWERED).unlink(missing_ok=True)
    suspects = analysis.suspects(judged.judgement, policy_of(job.settings, root=job.root))
    base = judged.judgement.baseline.commit
    if asked or not suspects or not base or not job.settings.confirm or not job.settings.command:
        return judged
    _send(job, suspects, base)
    return None


def _confirmed(job: Job, first: Judgement) -> Judgement:
    measured = formats.read_measurement(job.root / CONFIRMATION)
    if measured.base is None:
        return first
    again = judge_reports([measured.base], [measured.head], job.settings, root=job.root)
    return analysis.confirm(first, again.judgement, policy_of(job.settings, root=job.root))


def _send(job: Job, suspects: Sequence[str], base: str) -> None:
    """Leave the errand: only the suspects where the command takes a selection, on this very machine."""
    settings = job.settings.model_copy(update={"base": base})
    order = Order(
        command=(settings.command,),
        out=FOLDER,
        adaptive=False,
        select=suspects if "{select}" in settings.command else (),
        select_style=_style(settings.command),
    )
    line = argv(settings, order, CONFIRMATION)
    why = f"Measuring {len(suspects)} suspects again, against {base[:12]}."
    (job.root / ANSWERED).touch()
    leave(Errand((*PAIRED, *line[line.index("--out") :]), why, settings.suite_image), job.root, job.environ)


def _style(command: str) -> str:
    """Return how the suite's runner wants to be told names."""
    words = command.split()
    if "pytest" in command:
        return "pytest"
    return "go" if words[:2] == ["go", "test"] else "plain"
