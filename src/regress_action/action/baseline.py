"""Which stored reports a new one is compared with, and what of it must not be compared with later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.action import noise_model
from regress_action.history import BASELINE_WINDOW, SeriesPattern, quarantine_events, reference_window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from regress_action.history import History, Selection
    from regress_action.model.comparisons import Judgement
    from regress_action.model.measurements import Report


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
    return history.append(noise_model.with_noise(report, history), events=events)
