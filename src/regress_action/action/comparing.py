"""Stage 2 from files: reports against files, or against the baselines of a history."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action import formats
from regress_action.action.judging import Judged, judge_against_history, judge_reports
from regress_action.model.comparisons import Mode
from regress_action.model.errors import IncompleteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.settings import Settings


def compare_files(
    baseline: Sequence[str],
    head: Sequence[str],
    settings: Settings,
    *,
    hint: str | None = None,
    mode: str | None = None,
) -> Judged:
    """Judge the files of `head` against the files of `baseline`."""
    return judge_reports(
        formats.gather(baseline, hint=hint),
        formats.gather(head, hint=hint),
        settings,
        mode=Mode(mode) if mode else None,
    )


def detect(
    reports: Sequence[str],
    where: str,
    settings: Settings,
    *,
    suite: str | None = None,
    branch: str | None = None,
    last: int = 20,
) -> Judged:
    """Judge the head reports against the newest `last` reports that the history at `where` holds for the suite."""
    from regress_action.history import Selection, open_history

    head = formats.gather(reports)
    name = suite or head[0].suite
    history = open_history(where, repository=Path.cwd(), environ=os.environ)
    stored = history.load(Selection(suite=name, branch=branch, last=last))
    own = {(report.commit, report.created) for report in head}
    baseline = [report for report in stored if (report.commit, report.created) not in own]
    if not baseline:
        raise IncompleteError(
            f"The history {where} holds no baseline for the suite {name!r}.",
            meaning="There is nothing to compare the reports with, so nothing can be said.",
            remedy=f"Record one first: regress-action record REPORT... --history {where}",
        )
    return judge_against_history(baseline, head, settings)
