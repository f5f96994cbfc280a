"""The noise between neighbouring reports of a history: computed when a report is stored, and kept with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from regress_action import analysis
from regress_action.history import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.history import History
    from regress_action.model.measurements import Noise, Report

LEARNING_WINDOW = 60
"""Reports that noise is learned from at most: three times the baseline's window."""


def with_noise(report: Report, history: History) -> Report:
    """Return `report` with the noise that it and the older reports of its suite and machine show.

    Newer reports do not count, so that storing a report again stores the same.
    """
    created = datetime.fromisoformat(report.created) if report.created else None
    selection = Selection(
        suite=report.suite,
        branch=report.branch,
        environment=report.environment.fingerprint,
        until=created,
        last=LEARNING_WINDOW,
    )
    older = [stored for stored in history.load(selection) if stored.created != report.created]
    noise = analysis.noise_between([*older, report])
    return replace(report, series=tuple(replace(series, noise=noise.get(series.key)) for series in report.series))


def stored_noise(references: Sequence[Report], environment: str) -> dict[tuple[str, str], Noise]:
    """Return the newest noise stored with any of `references` (oldest first) from machines of one fingerprint."""
    return {
        series.key: series.noise
        for report in references
        if report.environment.fingerprint == environment
        for series in report.series
        if series.noise is not None
    }
