"""Cumulative drift: what many small changes add up to, since the last release and since the best sustained level.

A drift is the ratio of today's level to an earlier one. The part that change points explain is listed by commit; the
rest is drift too slow, or steps too small, to be attributed to one commit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regress_action.analysis import change_points, histories, noise
from regress_action.analysis.autocorrelation import serial_correlation, variance_of_mean
from regress_action.model import normal
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regress_action.analysis.arrays import Floats
    from regress_action.analysis.change_points import ChangePoint
    from regress_action.analysis.histories import BenchmarkHistory, Point
    from regress_action.model.measurements import Report

SUSTAINED = 10
LONGEST = 40  # a longer level is looked at in parts, so that a drift within it is seen
NEAR = 10


@dataclass(frozen=True, slots=True)
class LevelChange:
    """One change of level and the point with which it began; `ratio` is a badness ratio."""

    point: Point
    ratio: float
    p_value: float
    settled: bool
    clear: bool


@dataclass(frozen=True, slots=True)
class DriftSince:
    """From one level to today's.

    `ratio` is the badness ratio of the two, `low` and `high` its 95 % interval; `changes` are the changes between
    them, oldest first, and `unexplained` is the ratio that they leave over.
    """

    start: Point
    start_level: float
    level: float
    ratio: float
    low: float
    high: float
    changes: tuple[LevelChange, ...]
    unexplained: float


@dataclass(frozen=True, slots=True)
class CumulativeDrift:
    """The drifts of one history: since the release, and since the best level that lasted ten runs."""

    history: BenchmarkHistory
    since_release: DriftSince | None
    since_best: DriftSince | None


@dataclass(frozen=True, slots=True)
class ReleaseDrifts:
    """One history at its end, against several releases; None where a release did not measure it.

    `level` is in the metric's unit.
    """

    history: BenchmarkHistory
    level: float
    since: tuple[DriftSince | None, ...]


def measure(reports: Iterable[Report], since: str | None = None) -> tuple[CumulativeDrift, ...]:
    """Measure the drift of every benchmark × metric that has a ratio, largest first.

    `since` is the commit of the last release, or the first digits of it; without it, or where it was not
    measured, there is no drift since the release. There is none since the best level where no level lasted ten runs.
    """
    drifts = [_drift_for(levels, since) for levels in _levels_of(reports)]
    return tuple(sorted(drifts, key=_worst, reverse=True))


def since_releases(reports: Iterable[Report], commits: Sequence[str]) -> tuple[ReleaseDrifts, ...]:
    """Measure the drift of every benchmark × metric that the newest report of its environment has, since each commit.

    Histories without a ratio are left out.
    """
    return tuple(
        ReleaseDrifts(levels.history, levels.level_now(), tuple(levels.since(commit) for commit in commits))
        for levels in _levels_of(reports)
        if levels.history.reports[-1] == levels.newest
    )


def _levels_of(reports: Iterable[Report]) -> list[_Levels]:
    """Return the levels of every history that has a ratio."""
    every = histories.of(reports)
    newest: dict[tuple[str, str | None], int] = {}
    for history in every:
        key = history.suite, history.environment
        newest[key] = max(newest.get(key, 0), int(history.reports[-1]))
    followed = [
        history for history in every if (history.values > 0).all() and history.metric.direction is not Direction.UNKNOWN
    ]
    directions = [history.metric.direction for history in followed]
    change_lists = change_points.find_all([history.values for history in followed], directions=directions)
    return [
        _Levels.of(history, changes, newest[history.suite, history.environment])
        for history, changes in zip(followed, change_lists, strict=True)
    ]


def _worst(drift: CumulativeDrift) -> float:
    return max((drift.ratio for drift in (drift.since_release, drift.since_best) if drift), default=0.0)


def _drift_for(levels: _Levels, since: str | None) -> CumulativeDrift:
    best = levels.best()
    return CumulativeDrift(
        levels.history, levels.since(since), None if best is None else levels.drift(best, best.first)
    )


def _is(point: Point, commit: str | None) -> bool:
    return bool(commit) and point.commit is not None and point.commit.startswith(str(commit))


class _Stretch(NamedTuple):
    first: int
    stop: int


_STANDS_OUT = 4.0  # robust deviations by which a change is larger than what correlated noise wanders by


def _stands_out(badness: Floats, edges: tuple[int, ...], edge: int) -> bool:
    """Whether the levels on both sides of an edge lie far apart for the noise around them."""
    place = edges.index(edge)
    before, after = badness[edges[place - 1] : edge], badness[edge : edges[place + 1]]
    deviation = max(float(noise.robust_deviations(side[None])[0]) for side in (before, after))
    return abs(float(np.median(after) - np.median(before))) > _STANDS_OUT * deviation


@dataclass(frozen=True, slots=True)
class _Levels:
    """The stretches between change points, on the scale of log badness; `newest` is the last report of all series.

    `residuals` are how far the runs lie from the level between the changes that stand out, in order, and
    `correlation` is that of neighbouring ones.
    """

    history: BenchmarkHistory
    changes: Sequence[ChangePoint]
    badness: Floats
    edges: tuple[int, ...]
    newest: int
    residuals: Floats
    correlation: Floats

    @classmethod
    def of(cls, history: BenchmarkHistory, changes: Sequence[ChangePoint], newest: int) -> _Levels:
        badness = np.log(history.values)
        if history.metric.direction is Direction.HIGHER:
            badness = -badness
        edges = (0, *(change.index for change in changes), len(badness))
        parts = np.split(badness, [edge for edge in edges[1:-1] if _stands_out(badness, edges, edge)])
        residuals = np.concatenate([part - np.median(part) for part in parts])
        correlation = serial_correlation(residuals[None])
        return cls(history, changes, badness, edges, newest, np.sort(residuals), correlation)

    def around(self, index: int) -> _Stretch:
        """Return the runs near one, on its own level: a single run says little."""
        first, stop = next(edges for edges in self._stretches() if index < edges.stop)
        return _Stretch(max(first, index - NEAR // 2), min(stop, index + NEAR // 2 + 1))

    def since(self, commit: str | None) -> DriftSince | None:
        """Return the drift since the report of a commit; None where the commit was not measured."""
        released = next((i for i in range(len(self.history)) if _is(self.history.point(i), commit)), None)
        return None if released is None else self.drift(self.around(released), released)

    def level_now(self) -> float:
        """Return the level of the newest runs in the metric's unit."""
        sign = -1 if self.history.metric.direction is Direction.HIGHER else 1
        return math.exp(sign * self._level(self.now()))

    def now(self) -> _Stretch:
        first, stop = self.edges[-2:]
        return _Stretch(max(first, stop - NEAR), stop)

    def best(self) -> _Stretch | None:
        """Return the stretch of at least ten and at most forty runs with the lowest median; the newest of equals."""
        candidates = [
            _Stretch(part, min(part + LONGEST, stop))
            for first, stop in self._stretches()
            for part in range(first, stop, LONGEST)
            if min(part + LONGEST, stop) - part >= SUSTAINED
        ]
        return min(reversed(candidates), key=self._level, default=None)

    def drift(self, start: _Stretch, opened: int) -> DriftSince:
        """Return the drift from the level of `start`, beginning with run `opened`, to the level of the newest runs."""
        now = self.now()
        total = self._level(now) - self._level(start)
        error = math.hypot(self._reach(now), self._reach(start))
        changes = tuple(
            LevelChange(self.history.point(change.index), change.ratio, change.p_value, change.settled, change.clear)
            for change in self.changes
            if change.index > opened and change.ratio is not None
        )
        explained = math.fsum(math.log(change.ratio) for change in changes)
        sign = -1 if self.history.metric.direction is Direction.HIGHER else 1
        return DriftSince(
            start=self.history.point(opened),
            start_level=math.exp(sign * self._level(start)),
            level=math.exp(sign * self._level(now)),
            ratio=math.exp(total),
            low=math.exp(total - error),
            high=math.exp(total + error),
            changes=changes,
            unexplained=math.exp(total - explained),
        )

    def _stretches(self) -> Iterator[_Stretch]:
        return map(_Stretch, self.edges, self.edges[1:])

    def _level(self, stretch: _Stretch) -> float:
        return float(np.median(self.badness[stretch.first : stretch.stop]))

    def _reach(self, stretch: _Stretch) -> float:
        """Return how far the median of a stretch may lie from its level, with 95 % confidence.

        The larger of what the runs of the stretch say, as if they were independent, and of what all runs do: the
        quantiles between which the median of so many lies (order statistics), which need no shape of the noise, of as
        many independent runs as those of a first-order autoregressive series are worth.
        """
        values = self.badness[stretch.first : stretch.stop]
        count = np.array([float(len(values))])
        own = normal.Z_95 * normal.MEDIAN_ERROR * float(noise.robust_deviations(values[None])[0]) / math.sqrt(count[0])
        share = normal.Z_95 / 2 * math.sqrt(float(variance_of_mean(self.correlation, count)[0]))
        low, high = np.quantile(self.residuals, [max(0.5 - share, 0.0), min(0.5 + share, 1.0)])
        return max(own, -float(low), float(high))
