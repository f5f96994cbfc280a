"""How well the gate can see: noise, false alarms, what a planted slowdown does, and the minutes spent and saved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import distributions
from regress_action.analysis.series_state import visible
from regress_action.model.measurements import Direction
from regress_action.site.content import short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from regress_action.history.events import Event
    from regress_action.site.content import Content, Row
    from regress_action.site.tables import Table

PLANTED = (1.0, 1.05, 1.1, 1.2, 1.5, 2.0)
"""By what newest reports are made worse to see whether that is noticed; 1 plants nothing."""

_BEFORE = 20  # reports that a newest one is judged against
_TRIED = 100  # newest reports of a series that are judged


def health(tables: Sequence[Table], rows: Sequence[Row], events: Sequence[Event]) -> Content:
    """Return how well the gate can see: noise and conditions per machine, and what became of its alarms."""
    kinds = [event.kind.value for event in events]
    return {
        "machines": [_condition(table, [row for row in rows if row.table == n]) for n, table in enumerate(tables)],
        "classes": _classes(tables, rows),
        "planted": list(PLANTED),
        "alarms": {kind: kinds.count(kind) for kind in ("held", "accepted", "adopted")},
        "blind": [
            [number, short(row.finding.noise), short(visible(row.finding.noise)), short(row.limits.threshold)]
            for number, row in enumerate(rows)
            if row.finding.noise is not None and visible(row.finding.noise) > row.limits.threshold
        ],
    }


def _condition(table: Table, rows: Sequence[Row]) -> Content:
    """Return how one machine behaved over the reports of its suite."""
    noises = sorted(row.finding.noise for row in rows if row.finding.noise is not None)
    steals = [column.steal for column in table.columns if column.steal is not None]
    variations = [column.speed_variation for column in table.columns if column.speed_variation is not None]
    neighbours, crossed = _neighbours(table, rows)
    repeated, differed = _repeated(table, rows)
    judged, caught = _caught(table, rows)
    return {
        "neighbours": neighbours,
        "crossed": crossed,
        "repeated": repeated,
        "differed": differed,
        "judged": judged,
        "caught": caught,
        "noise": [short(_quantile(noises, share)) for share in (0.1, 0.5, 0.9)],
        "visible": short(visible(_quantile(noises, 0.5))) if noises else None,
        "steal": short(float(np.median(steals))) if steals else None,
        "speed_variation": short(float(np.median(variations))) if variations else None,
        "minutes": short(sum(column.seconds for column in table.columns) / 60),
        "saved": short(sum(column.saved for column in table.columns) / 60),
    }


def _neighbours(table: Table, rows: Sequence[Row]) -> tuple[int, int]:
    """Return how many reports follow another one on the same level, and how many of them are worse by the threshold.

    Nobody knows of a change between the two, so the latter are false alarms of a gate that compares single reports.
    """
    neighbours = crossed = 0
    for row in rows:
        values = table.medians[row.row]
        at = np.flatnonzero(values > 0)
        steps = np.diff(np.log(values[at])) * (-1 if row.series.metric.direction is Direction.HIGHER else 1)
        steps = steps[~np.isin(at[1:], [change.column for change in row.finding.changes])]
        neighbours += len(steps)
        crossed += int(np.count_nonzero(steps >= math.log(row.limits.threshold)))
    return neighbours, crossed


def _repeated(table: Table, rows: Sequence[Row]) -> tuple[int, int]:
    """Return how many values follow one of the same commit, and how many of them are worse by the threshold.

    Two measurements of one commit are an A/A comparison: whatever differs is no change of the program.
    """
    commits = np.array([column.commit for column in table.columns])
    second = 1 + np.flatnonzero((commits[1:] == commits[:-1]) & (commits[1:] != ""))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(table.medians > 0, table.medians, np.nan))
    steps = (logs[:, second] - logs[:, second - 1])[[row.row for row in rows]]
    signs = np.array([-1 if row.series.metric.direction is Direction.HIGHER else 1 for row in rows])
    limits = np.log([row.limits.threshold for row in rows])
    measured = ~np.isnan(steps)
    return int(measured.sum()), int(np.count_nonzero(measured & (steps * signs[:, None] >= limits[:, None])))


def _caught(table: Table, rows: Sequence[Row]) -> tuple[int, list[int]]:
    """Return how many newest reports could be judged, and how many alarm when made worse by each of `PLANTED`.

    A report is judged against the twenty before it on the same level: it alarms where it is worse than their mean by
    the threshold, and by more than the 95 % prediction interval of a single value (Student's t, logarithms).
    """
    width = _BEFORE + _TRIED
    logs, levels = np.full((len(rows), width), np.nan), np.full((len(rows), width), -1)
    for number, row in enumerate(rows):
        values = table.medians[row.row]
        at = np.flatnonzero(values > 0)[-width:]
        if not len(at):
            continue
        sign = -1.0 if row.series.metric.direction is Direction.HIGHER else 1.0
        own = np.log(values[at]) * sign
        logs[number, -len(at) :] = own - own[-1]
        levels[number, -len(at) :] = np.searchsorted([c.column for c in row.finding.changes], at, side="right")
    sums, squares = (np.cumsum(np.nan_to_num(block), axis=1) for block in (logs, logs**2))
    before, squared = (block[:, _BEFORE - 1 : -1].copy() for block in (sums, squares))
    before[:, 1:] -= sums[:, : -_BEFORE - 1]
    squared[:, 1:] -= squares[:, : -_BEFORE - 1]
    spread = np.sqrt(np.maximum(squared - before**2 / _BEFORE, 0) / (_BEFORE - 1) * (1 + 1 / _BEFORE))
    differences = logs[:, _BEFORE:] - before / _BEFORE
    same = (levels[:, _BEFORE:] == levels[:, :-_BEFORE]) & (levels[:, :-_BEFORE] >= 0)
    reach = np.maximum(
        spread * float(distributions.t_quantile(0.025, _BEFORE - 1)),
        np.log([row.limits.threshold for row in rows])[:, None],
    )
    return int(same.sum()), [int((same & (differences + math.log(f) >= reach)).sum()) for f in PLANTED]


def _classes(tables: Sequence[Table], rows: Sequence[Row]) -> list[list[Any]]:
    """Return, for each runner class: its name, machines, kinds of processor, and the quantiles of its series' noise."""
    results = []
    for runner in dict.fromkeys(table.environment.runner for table in tables):
        numbers = {number for number, table in enumerate(tables) if table.environment.runner == runner}
        noises = sorted(row.finding.noise for row in rows if row.table in numbers and row.finding.noise is not None)
        processors = {tables[number].environment.cpu for number in numbers}
        quantiles = [short(_quantile(noises, share)) for share in (0.1, 0.5, 0.9)]
        results.append([runner, len(numbers), len(processors), quantiles])
    return results


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return float(np.quantile(ordered, share)) if len(ordered) else None
