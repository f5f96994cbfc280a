"""A benchmark's values along time: one history per benchmark × metric and environment, one point per report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from regress_action.samples import Benchmark, Direction, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regress_action.judge.arrays import Floats
    from regress_action.samples import Report, Series


@dataclass(frozen=True, slots=True)
class Point:
    """The median of a report's runs in the metric's unit, and where and when it was measured.

    `report` is the number of the report among all that were given, in order of time from 0.
    """

    value: float
    commit: str | None = None
    time: str | None = None
    report: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """The points of one benchmark × metric in one environment, oldest first.

    Points of another body of the benchmark (`Benchmark.version`) than the newest one's are left out: two bodies
    are never compared. `environment` is a fingerprint, None when the values came without one.
    """

    benchmark: Benchmark
    metric: Metric
    points: tuple[Point, ...]
    suite: str = "default"
    environment: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The names of benchmark and metric."""
        return self.benchmark.name, self.metric.name

    @property
    def values(self) -> Floats:
        """The values, as an array of float64."""
        return np.array([point.value for point in self.points], dtype=np.float64)

    @property
    def times(self) -> Floats | None:
        """Seconds since 1970 of every point, or None when one of them has no readable time."""
        seconds = [_seconds(point.time) for point in self.points]
        known = [second for second in seconds if second is not None]
        return np.array(known, dtype=np.float64) if len(known) == len(seconds) else None


def named(  # one argument per column of a table
    name: str,
    values: Iterable[float],
    *,
    unit: str = "s",
    direction: Direction = Direction.LOWER,
    commits: Sequence[str | None] = (),
    times: Sequence[str | None] = (),
) -> History:
    """Make a history of a bare column of values; `commits` and `times` (ISO 8601) are as long or empty."""
    values = list(values)
    commits = commits or [None] * len(values)
    times = times or [None] * len(values)
    points = (
        Point(float(value), commit, time, number)
        for number, (value, commit, time) in enumerate(zip(values, commits, times, strict=True))
    )
    return History(Benchmark(name), Metric("value", unit, direction), tuple(points))


def in_order(reports: Iterable[Report]) -> list[Report]:
    """Return the reports oldest first; those without a readable time come first, in the order given."""
    return sorted(reports, key=lambda report: _seconds(report.created) or 0.0)


def of(reports: Iterable[Report]) -> tuple[History, ...]:
    """Follow every benchmark × metric through reports given in any order; those without a time come first.

    Environments and suites are kept apart, and a report in which a series has no value gives it no point.
    """
    found: dict[tuple[str, str, str, str], list[tuple[Series, Point]]] = {}
    for number, report in enumerate(in_order(reports)):
        for series in report.series:
            if not series.measured:
                continue
            key = (report.suite, report.environment.fingerprint, *series.key)
            point = Point(float(np.median(series.measured)), report.commit, report.created, number)
            found.setdefault(key, []).append((series, point))
    return tuple(_history(suite, environment, seen) for (suite, environment, *_), seen in found.items())


def _history(suite: str, environment: str, seen: list[tuple[Series, Point]]) -> History:
    newest = seen[-1][0]
    points = tuple(point for series, point in seen if series.benchmark.version == newest.benchmark.version)
    return History(newest.benchmark, newest.metric, points, suite, environment)


def _seconds(time: str | None) -> float | None:
    if time is None:
        return None
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
