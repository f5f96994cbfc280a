"""Which stored reports a new one is compared with, and what of it must not be compared with later.

Also here: the noise between neighbouring reports of a history: computed when a report is stored, and kept with it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from regress_action import analysis
from regress_action.history import BASELINE_WINDOW, Selection, SeriesPattern, quarantine_events, reference_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.history import History
    from regress_action.model.comparisons import Judgement
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


def baseline_of(history: History, head: Sequence[Report], selection: Selection) -> list[Report]:
    """Return the selected reports that are a reference, oldest first, without those of `head` themselves."""
    own = {(report.commit, report.created) for report in head}
    return [report for report in reference_window(history, selection) if (report.commit, report.created) not in own]


def slow_series(judgement: Judgement, *, suspected: bool = False) -> tuple[SeriesPattern, ...]:
    """Return the series that a judgement found slower than their baseline, the only suspected ones if wanted."""
    return tuple(
        SeriesPattern(row.benchmark.name, row.metric.name, row.ratio)
        for row in judgement.comparisons
        if row.alarms or (suspected and row.is_suspected)
    )


def store(history: History, report: Report, slow: Sequence[SeriesPattern], *, who: str, at: datetime) -> str:
    """Add a report with the noise that was learned by then; its slow series are no baseline. Return the path.

    Raises:
        HistoryError: the place cannot be read or written.
    """
    events = quarantine_events(history, report, slow, at=at, who=who, window=BASELINE_WINDOW)
    return history.append(with_noise(report, history), events=events)
