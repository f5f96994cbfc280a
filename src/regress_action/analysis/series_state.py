"""The state of a series along its history: what it needs, with the numbers that it follows from.

A level is the median of the reports between two change points. The reference is the best level since the newest
decision that accepted another one. A series is `regressed` while its level is worse than the reference by its threshold
or more, and `slightly worse` while it is worse by less: that is shown, and never alarms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from regress_action.analysis import noise, trend
from regress_action.analysis import policy as rules
from regress_action.model import normal
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.change_points import ChangePoint
    from regress_action.analysis.histories import Followed
    from regress_action.analysis.policy import Policy
    from regress_action.model.measurements import Benchmark, Metric

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
_DRIFT_ENDS = 10  # runs at either end of a slow drift whose median stands for the level there
_CREEP_STEPS = 3  # steps for the worse in a row, from which on they count as one slow drift


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
class SeriesLimits:
    """What the thresholds file says of a series: a regression threshold (a ratio) and a budget in the metric's unit."""

    threshold: float
    budget: float | None = None
    budget_key: str | None = None


@dataclass(frozen=True, slots=True)
class LevelStep:
    """A change of level at the report in column `column`; `ratio` is a badness ratio, None without a ratio.

    `clear` says that it is more than noise makes in the life of a history.
    """

    column: int
    ratio: float | None
    settled: bool
    accepted: bool
    clear: bool


@dataclass(frozen=True, slots=True)
class SeriesState:
    """The state of one series.

    `level` and `reference` are in the metric's unit, `ratio` is their badness ratio. `since` is the column of the
    report with which the state began. `noise` is the spread between neighbouring reports, as a share. `days_to_budget`
    is when a drift, or several steps in a row that are one slow drift, reaches the budget, were it to go on.
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
    changes: tuple[LevelStep, ...] = ()
    days_to_budget: float | None = None


def states_of(
    followed: Sequence[Followed], limits: Sequence[SeriesLimits], accepted: Sequence[Sequence[int]], reports: int
) -> list[SeriesState]:
    """Return the state of every followed series.

    `reports` is the number of reports that its histories count through: the columns of the results. `limits` and
    `accepted` have an entry for each series; the latter holds the columns of the reports whose level was accepted.
    """
    noises = _noises(followed)
    return [
        _Judged(series, rule, columns, reports).state(spread)
        for series, rule, columns, spread in zip(followed, limits, accepted, noises, strict=True)
    ]


def limits_of(benchmarks: Sequence[Benchmark], metrics: Sequence[Metric], policy: Policy) -> list[SeriesLimits]:
    """Return the threshold and the budget of every series, given by its benchmark and its metric."""
    alarms = rules.row_thresholds(benchmarks, metrics, policy).alarm.tolist()
    budgets, _ = rules.budget_rules(benchmarks, metrics, policy)
    results = []
    for row, alarm in enumerate(alarms):
        budget = budgets.get(row)
        results.append(SeriesLimits(alarm, budget.limit, budget.key) if budget else SeriesLimits(alarm))
    return results


def visible(spread: float | None) -> float:
    """Return the ratio that one report shows against twenty with 80 % power at 5 % (normal noise), ∞ where unknown."""
    if spread is None:
        return math.inf
    return math.exp((normal.Z_95 + normal.Z_POWER_80) * spread * math.sqrt(1 + 1 / 20))


def badness(before: float, after: float, direction: Direction) -> float | None:
    """Return how many times worse `after` is than `before`, None where there is no ratio."""
    if before <= 0 or after <= 0:
        return None
    return before / after if direction is Direction.HIGHER else after / before


def _noises(followed: Sequence[Followed]) -> list[float | None]:
    """Return the spread between neighbouring reports of each series as a share, None where it cannot be known."""
    usable = [
        number
        for number, series in enumerate(followed)
        if len(series.history) >= FEWEST and (series.history.values > 0).all()
    ]
    newest = np.full((len(usable), _NOISE_REPORTS), np.nan)
    for row, number in enumerate(usable):
        values = followed[number].history.values[-_NOISE_REPORTS:]
        newest[row, -len(values) :] = np.log(values)
    spreads: list[float | None] = [None] * len(followed)
    for number, spread in zip(usable, noise.recent_spread(newest, _NOISE_REPORTS)[0].tolist(), strict=True):
        spreads[number] = spread
    return spreads


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """One series with what decides its state."""

    followed: Followed
    limits: SeriesLimits
    accepted: Sequence[int]
    reports: int

    def state(self, spread: float | None) -> SeriesState:
        """Return the state of the series; `spread` is its noise."""
        values, places = self.followed.history.values, self.followed.history.reports
        starts = [0, *(point.index for point in self.followed.change_points), *self._drifting()]
        ends = [*starts[1:], len(values)]
        levels = [float(np.median(values[start:end])) for start, end in zip(starts, ends, strict=True)]
        newest = max((int(np.searchsorted(places, column)) for column in self.accepted), default=0)
        first = max(number for number, start in enumerate(starts) if start <= newest)
        higher = self._direction is Direction.HIGHER
        reference = min(range(first, len(levels)), key=lambda n: -levels[n] if higher else levels[n])
        state = SeriesState(
            Status.STEADY,
            levels[-1],
            levels[reference],
            self._badness(levels[reference], levels[-1]) if self._has_direction else None,
            None,
            self.followed.trend.direction,
            self.followed.trend.drift,
            self._window_days(),
            spread,
            tuple(self._change(point) for point in self.followed.change_points),
            self._days_to_budget(float(np.median(values[-_NOW:])), self._rate(starts, ends, levels)),
        )
        return replace(state, **self._status(state, starts, reference, self._gain(levels)))

    def _drifting(self) -> tuple[int, ...]:
        """Return where a slow drift stops to be near its first level, and where it begins to be near its last."""
        going, runs = self.followed.trend, len(self.followed.history)
        drifts = going.direction in (trend.Tendency.DEGRADING, trend.Tendency.IMPROVING)
        if not drifts or going.points < trend.SLOW[-1]:
            return ()
        return runs - going.points + _DRIFT_ENDS, runs - _DRIFT_ENDS

    def _gain(self, levels: Sequence[float]) -> float:
        """Return how much better the newest level is than every earlier one, as a ratio above 1."""
        earlier = [self._badness(levels[-1], level) or 0.0 for level in levels[:-1]]
        return min(earlier, default=1.0) if self._has_direction else 1.0

    def _status(  # noqa: PLR0911 - one return per status
        self, state: SeriesState, starts: Sequence[int], reference: int, gain: float
    ) -> _Since:
        """Return the most urgent status that holds, and the column with which it began."""
        places = self.followed.history.reports
        level, budget = state.level, self.limits.budget
        used = None if budget is None or level is None else self._badness(budget, level)
        began = int(places[starts[-1]]) if len(starts) > 1 else None
        if used is not None and used > 1:
            return {"status": Status.OVER_BUDGET, "since": began}
        worse = state.ratio or 1.0
        since = int(places[starts[reference + 1]]) if worse >= WORSE else None
        if worse >= max(self.limits.threshold, WORSE):
            return {"status": Status.REGRESSED, "since": since}
        if places[-1] < self.reports - 1:
            return {"status": Status.MISSING, "since": int(places[-1])}
        if len(places) < FEWEST:
            return {"status": Status.NEW, "since": None}
        if state.direction is trend.Tendency.DEGRADING:
            return {"status": Status.DRIFTING, "since": None}
        if used is not None and used > NEAR:
            return {"status": Status.NEAR_BUDGET, "since": began}
        if worse >= WORSE:
            return {"status": Status.SLIGHTLY_WORSE, "since": since}
        if state.noise is not None and state.noise > NOISY:
            return {"status": Status.NOISY, "since": None}
        if gain >= WORSE or state.direction is trend.Tendency.IMPROVING:
            return {"status": Status.IMPROVED, "since": began}
        return {"status": Status.STEADY, "since": None}

    @property
    def _direction(self) -> Direction:
        return self.followed.history.metric.direction

    @property
    def _has_direction(self) -> bool:
        """Whether anybody says which way is better; without that, nothing is called worse or better."""
        return self._direction is not Direction.UNKNOWN

    def _badness(self, before: float, after: float) -> float | None:
        return badness(before, after, self._direction)

    def _change(self, point: ChangePoint) -> LevelStep:
        """Return a change point by the column of its report."""
        column = int(self.followed.history.reports[point.index])
        accepted = any(other >= column for other in self.accepted)
        return LevelStep(column, point.ratio, point.settled, accepted, point.clear)

    def _window_days(self) -> float | None:
        """Return how many days the window of the trend spans, None where times are unknown."""
        history = self.followed.history
        ends = history.reports[-max(self.followed.trend.points, 1)], history.reports[-1]
        first, last = (history.moments[end].seconds for end in ends)
        return (last - first) / _DAY_S if first is not None and last is not None and last > first else None

    def _rate(self, starts: Sequence[int], ends: Sequence[int], levels: Sequence[float]) -> float | None:
        """Return by how much the logarithm of the badness grows in a day; None where nothing drifts.

        That is the slope of the trend, or, where a slow drift was found as several steps in a row for the worse, the
        slope from the middle of the first of these levels to the middle of the newest.
        """
        going, days = self.followed.trend, self._window_days()
        if going.direction is trend.Tendency.DEGRADING and days is not None and going.drift:
            return math.log1p(going.drift) / days
        steps = [self._badness(before, after) or 0.0 for before, after in pairwise(levels)]
        worse = next((n for n, step in enumerate(reversed(steps)) if step <= 1), len(steps))
        if worse < _CREEP_STEPS or max(steps[-worse:]) >= self.limits.threshold:
            return None
        growth = math.fsum(map(math.log, steps[1 - worse :]))
        moments, places = self.followed.history.moments, self.followed.history.reports
        first = moments[int(places[(starts[-worse] + ends[-worse] - 1) // 2])].seconds
        last = moments[int(places[(starts[-1] + ends[-1] - 1) // 2])].seconds
        return growth / (last - first) * _DAY_S if first is not None and last is not None and last > first else None

    def _days_to_budget(self, level: float, rate: float | None) -> float | None:
        """Return in how many days a level that grows at `rate` a day reaches the budget."""
        if self.limits.budget is None or rate is None or rate <= 0:
            return None
        left = self._badness(level, self.limits.budget)
        return None if left is None or left <= 1 else math.log(left) / rate
