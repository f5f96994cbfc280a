"""A benchmark's values along time: one history per benchmark × metric and environment, one value per report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import change_points, trend
from regress_action.analysis.arrays import medians, plain, stacked
from regress_action.analysis.trend import Tendency
from regress_action.model.measurements import Benchmark, Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from regress_action.analysis.arrays import Floats, Ints
    from regress_action.analysis.change_points import ChangePoint
    from regress_action.analysis.trend import Trend
    from regress_action.model.measurements import Report, Series


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a history in the metric's unit, and the commit and time it is from."""

    value: float
    commit: str | None
    time: str | None


@dataclass(frozen=True, slots=True)
class Moment:
    """The commit and time of one report; `seconds` since 1970 is None where the time cannot be read."""

    commit: str | None
    time: str | None
    seconds: float | None

    @classmethod
    def of(cls, commit: str | None, time: str | None) -> Moment:
        """Read the time, ISO 8601 and UTC where it does not say."""
        return cls(commit, time, _seconds(time))


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkHistory:
    """The values of one benchmark × metric in one environment, oldest first.

    `values` holds the median of each report's runs, in the metric's unit; `reports` the number of the report that
    each is from, counted in order of time over all that were given; `moments` has one entry per report. Values of
    another body of the benchmark (`Benchmark.version`) than the newest one's are left out: two bodies are never
    compared. `environment` is a fingerprint, None when the values came without one.
    """

    benchmark: Benchmark
    metric: Metric
    values: Floats
    reports: Ints
    moments: Sequence[Moment]
    suite: str = "default"
    environment: str | None = None

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self.values)

    @property
    def key(self) -> tuple[str, str]:
        """The names of benchmark and metric."""
        return self.benchmark.name, self.metric.name

    @property
    def identity(self) -> dict[str, str | None]:
        """What it is a history of, for a JSON object."""
        return {
            "name": self.benchmark.name,
            "service": self.benchmark.service,
            "metric": self.metric.name,
            "unit": self.metric.unit,
            "suite": self.suite,
            "environment": self.environment,
        }

    @property
    def times(self) -> Floats | None:
        """Seconds since 1970 of every value, or None when one of them has no readable time."""
        return _times([self])[0]

    def point(self, index: int) -> Point:
        """Return one value with its commit and time."""
        moment = self.moments[self.reports[index]]
        return Point(float(self.values[index]), moment.commit, moment.time)


def named(
    name: str,
    values: Iterable[float],
    *,
    unit: str = "s",
    direction: Direction = Direction.LOWER,
    commits: Sequence[str | None] = (),
    times: Sequence[str | None] = (),
) -> BenchmarkHistory:
    """Make a history of a bare column of values; `commits` and `times` (ISO 8601) are as long or empty."""
    column = np.array(list(values), dtype=np.float64)
    commits = commits or [None] * len(column)
    times = times or [None] * len(column)
    moments = [Moment.of(commit, time) for commit, time in zip(commits, times, strict=True)]
    return BenchmarkHistory(Benchmark(name), Metric("value", unit, direction), column, np.arange(len(column)), moments)


def in_order(reports: Iterable[Report]) -> list[Report]:
    """Return the reports oldest first; those without a readable time come first, in the order given."""
    return sorted(reports, key=lambda report: _seconds(report.created) or 0.0)


def of(reports: Iterable[Report]) -> tuple[BenchmarkHistory, ...]:
    """Follow every benchmark × metric through reports given in any order; those without a time come first.

    Environments and suites are kept apart, and a report in which a series has no value gives it no point.
    """
    ordered = in_order(reports)
    moments = [Moment.of(report.commit, report.created) for report in ordered]
    groups: dict[tuple[str, str], _Group] = {}
    for number, report in enumerate(ordered):
        key = report.suite, report.environment.fingerprint
        groups.setdefault(key, _Group(*key)).add(number, report)
    return tuple(history for group in groups.values() for history in group.histories(moments))


@dataclass(slots=True)
class _Group:
    """The reports of one suite and environment; every row is a benchmark × metric, every column a report.

    Reports of one suite nearly always list the same series in the same order, so their rows are looked up once.
    """

    suite: str
    environment: str
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    newest: list[Series] = field(default_factory=list)
    began: list[int] = field(default_factory=list)
    described: tuple[Sequence[Benchmark], Sequence[Metric]] = ((), ())
    block: Ints = field(default_factory=lambda: np.zeros(0, np.intp))
    columns: list[tuple[int, Ints, Floats]] = field(default_factory=list)

    def add(self, number: int, report: Report) -> None:
        described = [series.benchmark for series in report.series], [series.metric for series in report.series]
        if described != self.described:
            self.described = described
            self.block = np.array([self._row(series) for series in report.series], np.intp)
        self.columns.append((number, self.block, medians(_values(report))))

    def _row(self, series: Series) -> int:
        row = self.rows.setdefault(series.key, len(self.newest))
        if row == len(self.newest):
            self.newest.append(series)
            self.began.append(0)
        elif self.newest[row].benchmark.version != series.benchmark.version:
            self.began[row] = len(self.columns)
        self.newest[row] = series
        return row

    def histories(self, moments: Sequence[Moment]) -> Iterator[BenchmarkHistory]:
        values = np.full((len(self.newest), len(self.columns)), np.nan)
        for column, (_, block, of_report) in enumerate(self.columns):
            values[block, column] = of_report
        numbers = np.array([number for number, _, _ in self.columns], np.intp)
        present = np.isfinite(values) & (np.arange(len(self.columns)) >= np.array(self.began, np.intp)[:, None])
        ends = plain(np.cumsum(np.count_nonzero(present, axis=1)))
        values, numbers = values[present], np.broadcast_to(numbers, present.shape)[present]
        for series, start, end in zip(self.newest, [0, *ends], ends, strict=False):
            if end > start:
                yield BenchmarkHistory(
                    series.benchmark,
                    series.metric,
                    values[start:end],
                    numbers[start:end],
                    moments,
                    self.suite,
                    self.environment,
                )


def _values(report: Report) -> Floats:
    rows = [series.values for series in report.series]
    width = max(map(len, rows), default=0)
    return stacked([row + (math.nan,) * (width - len(row)) for row in rows], width)


def _seconds(time: str | None) -> float | None:
    if time is None:
        return None
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


SCHEMA = 1

RECENT = 60
"""The newest values of a series that the object of `trend --json` holds."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A history, where it goes, and where its level changed."""

    history: BenchmarkHistory
    trend: Trend
    change_points: tuple[ChangePoint, ...]


def follow(
    histories: Sequence[BenchmarkHistory],
    *,
    trends: trend.TrendRule = trend.DEFAULT,
    changes: change_points.ChangePointRule = change_points.DEFAULT,
    search: Callable[[Sequence[Floats], Sequence[Direction]], list[tuple[ChangePoint, ...]]] | None = None,
) -> tuple[Followed, ...]:
    """Follow every history; `search` finds change points in another way than anew, and must find the same.

    A change point needs less matrix to be seen in a whole history than in its last runs, so runs that are
    stable but for a change point among them are called a step.
    """
    values = [history.values for history in histories]
    directions = [history.metric.direction for history in histories]
    change_lists = search(values, directions) if search else change_points.find_all(values, changes, directions)
    since = [points[-1].index if points else 0 for points in change_lists]
    going = trend.follow_all(values, _times(histories), directions, trends, since)
    return tuple(
        Followed(history, _with_steps(_directed(tendency, history), points, len(history)), points)
        for history, tendency, points in zip(histories, going, change_lists, strict=True)
    )


def _times(histories: Sequence[BenchmarkHistory]) -> list[Floats | None]:
    """Return the times of every history; those that share their moments read them once."""
    read: dict[int, Floats] = {}
    times: list[Floats | None] = []
    for history in histories:
        seconds = read.get(id(history.moments))
        if seconds is None:
            listed = [math.nan if moment.seconds is None else moment.seconds for moment in history.moments]
            seconds = read[id(history.moments)] = np.array(listed, dtype=np.float64)
        own = seconds[history.reports]
        times.append(None if np.isnan(own).any() else own)
    return times


def _directed(followed: Trend, history: BenchmarkHistory) -> Trend:
    """Return the trend, which neither degrades nor improves where nobody knows which way is better."""
    drifts = followed.direction in (Tendency.DEGRADING, Tendency.IMPROVING)
    if drifts and history.metric.direction is Direction.UNKNOWN:
        return replace(followed, direction=Tendency.UNKNOWN)
    return followed


def _with_steps(followed: Trend, points: tuple[ChangePoint, ...], runs: int) -> Trend:
    inside = [point for point in points if point.index >= runs - followed.points + trend.SHORTEST_LEVEL]
    if followed.direction is not Tendency.STABLE or not inside:
        return followed
    largest = max(inside, key=lambda point: abs(point.difference))
    height = followed.drift if largest.ratio is None else largest.ratio - 1
    return replace(followed, direction=Tendency.STEP, drift=height)


def as_object(followed: Sequence[Followed]) -> dict[str, object]:
    """Return the JSON object of `trend --json`."""
    return {"schema": SCHEMA, "series": [_series(trend) for trend in followed]}


def _series(followed: Followed) -> dict[str, object]:
    history, going = followed.history, followed.trend
    return {
        **history.identity,
        "points": len(history),
        "direction": going.direction.value,
        "correlation": going.correlation,
        "p_value": going.p_value,
        "drift": going.drift,
        "recent": history.values[-RECENT:].tolist(),
        "change_points": [
            {
                "index": point.index,
                "commit": history.point(point.index).commit,
                "time": history.point(point.index).time,
                "ratio": point.ratio,
                "difference": point.difference,
                "p_value": point.p_value,
                "settled": point.settled,
                "clear": point.clear,
            }
            for point in followed.change_points
        ],
    }
