"""What needs attention: the status of every series, with the numbers that it follows from.

A level is the median of the reports between two change points. The reference is the best level since the newest
decision that accepted another one. A series is `regressed` while its level is worse than the reference by its threshold
or more, and `slightly worse` while it is worse by less: that is shown, and never alarms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from regress_action.analysis import histories, trend
from regress_action.model import normal
from regress_action.model.measurements import Direction, matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from regress_action.analysis.arrays import Floats
    from regress_action.analysis.change_points import ChangePoint
    from regress_action.analysis.histories import Followed
    from regress_action.history.events import Event
    from regress_action.model.measurements import Series
    from regress_action.site.tables import Table

FEWEST = 5
"""Reports below which a series has no status."""

NOISY = 0.1
"""Spread between neighbouring reports, as a share, from which a series counts as noisy."""

NEAR = 0.9
"""Share of a budget from which a series counts as near it."""

WORSE = 1.04
"""Badness ratio from which a level counts as worse; the smallest that the change points look for."""

_DAY_S = 86_400.0
_NOISE_REPORTS = 60
_NOW = 5  # reports whose median is where a drifting series stands now


class _Since(TypedDict):
    """A status and the column with which it began."""

    status: Status
    since: int | None


class Status(StrEnum):
    """What a series needs, most urgent first."""

    OVER_BUDGET = "over budget"
    REGRESSED = "regressed"
    MISSING = "missing"
    DRIFTING = "drifting"
    NEAR_BUDGET = "near budget"
    SLIGHTLY_WORSE = "slightly worse"
    NOISY = "noisy"
    IMPROVED = "improved"
    STEADY = "steady"
    NEW = "too few reports"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the thresholds file says of a series: a regression threshold (a ratio) and a budget in the metric's unit."""

    threshold: float
    budget: float | None = None
    budget_key: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of level at the report in column `column`; `ratio` is a badness ratio, None without a ratio."""

    column: int
    ratio: float | None
    settled: bool
    accepted: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one series.

    `level` and `reference` are in the metric's unit, `ratio` is their badness ratio. `since` is the column of the
    report with which the state began. `noise` is the spread between neighbouring reports, as a share. `days_to_budget`
    is when a drift reaches the budget, were it to go on.
    """

    status: Status
    level: float | None = None
    reference: float | None = None
    ratio: float | None = None
    since: int | None = None
    direction: trend.Tendency = trend.Tendency.UNKNOWN
    drift: float | None = None
    drift_days: float | None = None
    noise: float | None = None
    changes: tuple[Change, ...] = ()
    days_to_budget: float | None = None


def findings_of(table: Table, limits: Sequence[Limits], events: Sequence[Event]) -> list[Finding]:
    """Return the state of every row of the table; `limits` has one entry per row, `events` are the decisions."""
    columns = {column.commit: number for number, column in enumerate(table.columns)}
    present = np.isfinite(table.medians)
    moments = [histories.Moment(None, None, None if math.isnan(c.time) else c.time) for c in table.columns]
    rows = [int(row) for row in np.flatnonzero(present.any(axis=1))]
    places = [np.flatnonzero(present[row]) for row in rows]
    followed = histories.follow(
        [
            histories.BenchmarkHistory(
                table.series[row].benchmark, table.series[row].metric, table.medians[row, place], place, moments
            )
            for row, place in zip(rows, places, strict=True)
        ]
    )
    findings = [Finding(Status.NEW)] * len(table.series)
    for row, place, state in zip(rows, places, followed, strict=True):
        accepted = _accepted(table.series[row], table.suite, events, columns)
        findings[row] = _Row(table, table.series[row], limits[row], place, state, accepted).finding()
    return findings


def _accepted(series: Series, suite: str, events: Sequence[Event], columns: Mapping[str, int]) -> list[int]:
    """Return the columns of the reports whose level of this series somebody accepted."""
    return [
        columns[event.commit]
        for event in events
        if event.kind.value == "accepted"
        and event.commit is not None
        and event.commit in columns
        and event.suite in (None, suite)
        and any(
            matches(series.benchmark.name, pattern.benchmark) and matches(series.metric.name, pattern.metric)
            for pattern in event.patterns
        )
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One series with what decides its state: `places` are the columns of its values, `accepted` those of decisions."""

    table: Table
    series: Series
    limits: Limits
    places: NDArray[np.intp]
    followed: Followed
    accepted: Sequence[int]

    def finding(self) -> Finding:
        """Return the state of the series."""
        values = self.followed.history.values
        starts = [0, *(point.index for point in self.followed.change_points)]
        ends = [*starts[1:], len(values)]
        levels = [float(np.median(values[start:end])) for start, end in zip(starts, ends, strict=True)]
        reference = self._reference(starts, levels)
        finding = Finding(
            Status.STEADY,
            levels[-1],
            levels[reference],
            self._badness(levels[reference], levels[-1]) if self._has_direction else None,
            None,
            self.followed.trend.direction,
            self.followed.trend.drift,
            self._window_days(),
            _noise(values),
            tuple(self._change(point) for point in self.followed.change_points),
            self._days_to_budget(float(np.median(values[-_NOW:]))),
        )
        return replace(finding, **self._status(finding, starts, reference, self._gain(levels)))

    def _reference(self, starts: Sequence[int], levels: Sequence[float]) -> int:
        """Return the number of the best level, counted from the one that somebody accepted last."""
        newest = max((int(np.searchsorted(self.places, column)) for column in self.accepted), default=-1)
        first = max((number for number, start in enumerate(starts) if start <= newest), default=0)
        return min(range(first, len(levels)), key=lambda number: levels[number] if self._lower else -levels[number])

    def _gain(self, levels: Sequence[float]) -> float:
        """Return how much better the newest level is than every earlier one, as a ratio above 1."""
        earlier = [self._badness(levels[-1], level) or 0.0 for level in levels[:-1]]
        return min(earlier, default=1.0) if self._has_direction else 1.0

    def _status(  # noqa: PLR0911 - one return per status
        self, finding: Finding, starts: Sequence[int], reference: int, gain: float
    ) -> _Since:
        """Return the most urgent status that holds, and the column with which it began."""
        level, budget = finding.level, self.limits.budget
        used = None if budget is None or level is None else self._badness(budget, level)
        began = int(self.places[starts[-1]]) if len(starts) > 1 else None
        if used is not None and used > 1:
            return {"status": Status.OVER_BUDGET, "since": began}
        worse = (finding.ratio or 1.0) if reference < len(starts) - 1 else 1.0
        since = int(self.places[starts[reference + 1]]) if worse >= WORSE else None
        if worse >= max(self.limits.threshold, WORSE):
            return {"status": Status.REGRESSED, "since": since}
        if self.places[-1] < len(self.table.columns) - 1:
            return {"status": Status.MISSING, "since": int(self.places[-1])}
        if len(self.places) < FEWEST:
            return {"status": Status.NEW, "since": None}
        if finding.direction is trend.Tendency.DEGRADING:
            return {"status": Status.DRIFTING, "since": None}
        if used is not None and used > NEAR:
            return {"status": Status.NEAR_BUDGET, "since": began}
        if worse >= WORSE:
            return {"status": Status.SLIGHTLY_WORSE, "since": since}
        if finding.noise is not None and finding.noise > NOISY:
            return {"status": Status.NOISY, "since": None}
        if gain >= WORSE or finding.direction is trend.Tendency.IMPROVING:
            return {"status": Status.IMPROVED, "since": began}
        return {"status": Status.STEADY, "since": None}

    @property
    def _lower(self) -> bool:
        return self.series.metric.direction is not Direction.HIGHER

    @property
    def _has_direction(self) -> bool:
        """Whether anybody says which way is better; without that, nothing is called worse or better."""
        return self.series.metric.direction is not Direction.UNKNOWN

    def _badness(self, before: float, after: float) -> float | None:
        """Return how many times worse `after` is than `before`, None where there is no ratio."""
        if before <= 0 or after <= 0:
            return None
        return after / before if self._lower else before / after

    def _change(self, point: ChangePoint) -> Change:
        """Return a change point by the column of its report."""
        column = int(self.places[point.index])
        return Change(column, point.ratio, point.settled, any(other >= column for other in self.accepted))

    def _window_days(self) -> float | None:
        """Return how many days the window of the trend spans, None where times are unknown."""
        times = self.table.times[self.places[-max(self.followed.trend.points, 1) :]]
        span = float(times[-1] - times[0]) / _DAY_S
        return span if math.isfinite(span) and span > 0 else None

    def _days_to_budget(self, level: float) -> float | None:
        """Return in how many days a degrading trend reaches the budget, were it to go on at its rate."""
        going, days = self.followed.trend, self._window_days()
        if self.limits.budget is None or days is None or not going.drift:
            return None
        left = self._badness(level, self.limits.budget)
        if going.direction is not trend.Tendency.DEGRADING or left is None or left <= 1:
            return None
        return math.log(left) / math.log1p(going.drift) * days


def _noise(values: Floats) -> float | None:
    """Return the spread between neighbouring reports as a share of the level, from the median of their differences."""
    if len(values) < FEWEST or (values <= 0).any():
        return None
    steps = np.abs(np.diff(np.log(values[-_NOISE_REPORTS:])))
    return float(np.median(steps)) / normal.MEDIAN_DIFFERENCE
