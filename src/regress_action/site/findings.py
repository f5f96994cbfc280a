"""The states of the series of a table, from its values and from what people decided about them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import histories
from regress_action.analysis.series_state import SeriesState, Status, states_of
from regress_action.model.measurements import matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.analysis.series_state import SeriesLimits
    from regress_action.history.events import Event
    from regress_action.model.measurements import Series
    from regress_action.site.tables import Table


def findings_of(table: Table, limits: Sequence[SeriesLimits], events: Sequence[Event]) -> list[SeriesState]:
    """Return the state of every row of the table; `limits` has one entry per row, `events` are the decisions."""
    columns = {column.commit: number for number, column in enumerate(table.columns)}
    rows = table.measured_rows()
    numbers = np.array(rows, np.intp)
    followed = histories.follow(
        histories_of(table, rows), search=lambda values, ways: table.searcher.find_all(values, numbers, ways)
    )
    accepted = [_accepted(table.series[row], table.suite, events, columns) for row in rows]
    states = states_of(followed, [limits[row] for row in rows], accepted, len(table.columns))
    results = [SeriesState(Status.NEW)] * len(table.series)
    for row, state in zip(rows, states, strict=True):
        results[row] = state
    return results


def histories_of(table: Table, rows: Sequence[int]) -> list[histories.BenchmarkHistory]:
    """Return the rows of a table as histories, whose reports are its columns."""
    present = np.isfinite(table.medians)
    moments = [histories.Moment(None, None, None if math.isnan(c.time) else c.time) for c in table.columns]
    places = [np.flatnonzero(present[row]) for row in rows]
    return [
        histories.BenchmarkHistory(
            table.series[row].benchmark, table.series[row].metric, table.medians[row, place], place, moments
        )
        for row, place in zip(rows, places, strict=True)
    ]


def _accepted(series: Series, suite: str, events: Sequence[Event], columns: Mapping[str, int]) -> list[int]:
    """Return the columns of the reports whose level of this series somebody accepted, and nobody took back later."""
    ours = [
        event
        for event in events
        if event.kind.value in {"accepted", "withdrawn"}
        and event.suite in (None, suite)
        and any(
            matches(series.benchmark.name, pattern.benchmark) and matches(series.metric.name, pattern.metric)
            for pattern in event.patterns
        )
    ]
    withdrawn = max((event.time for event in ours if event.kind.value == "withdrawn"), default=None)
    return [
        columns[event.commit]
        for event in ours
        if event.kind.value == "accepted"
        and event.commit is not None
        and event.commit in columns
        and (withdrawn is None or event.time > withdrawn)
    ]
