"""The trends of a history as the object of `trend --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.analysis import cumulative_drift, histories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.measurements import Report

WINDOW = 200
"""Reports of a history that trends look back at, at most."""

Content = dict[str, Any]


def of_reports(reports: Sequence[Report], *, since: str | None = None) -> Content:
    """Follow every benchmark of `reports`, and measure what crept in."""
    return as_content(histories.follow(histories.of(reports)), cumulative_drift.measure(reports, since))


def as_content(followed: Sequence[histories.Followed], drifts: Sequence[cumulative_drift.CumulativeDrift]) -> Content:
    """Return the object of `trend --json`."""
    return {**histories.as_object(followed), "creep": [_drift_for(drift) for drift in drifts]}


def _drift_for(drift: cumulative_drift.CumulativeDrift) -> Content:
    return {
        "name": drift.history.benchmark.name,
        "metric": drift.history.metric.name,
        "since_release": _drift_since(drift.since_release),
        "since_best": _drift_since(drift.since_best),
    }


def _drift_since(drift: cumulative_drift.DriftSince | None) -> Content | None:
    if drift is None:
        return None
    return {
        "commit": drift.start.commit,
        "time": drift.start.time,
        "ratio": drift.ratio,
        "ratio_low": drift.low,
        "ratio_high": drift.high,
        "unexplained": drift.unexplained,
        "changes": [{"commit": change.point.commit, "ratio": change.ratio} for change in drift.changes],
    }
