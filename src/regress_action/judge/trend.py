"""Trend: whether a benchmark's last runs degrade, improve, are stable, or stepped once.

A correlation alone names nothing: at 0.3 it flags every fifth stationary series of ten runs. A direction therefore
needs Spearman's correlation *and* its significance *and* a smallest drift (Theil-Sen) *and* a straight line that
describes the runs better than the best single step does. Everything is measured in medians and absolute
deviations, so that one disturbed run decides nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regress_action.judge import splits
from regress_action.judge.ranks import spearman
from regress_action.samples import Direction

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from regress_action.judge.arrays import Flags, Floats


FEWEST = 10
LAST = 20
STEP_COST = 1.05  # a step has one parameter more than a line, its place, and so must fit 5 % better
STEP_P = 0.001
SHORTEST_LEVEL = 3


class Tendency(StrEnum):
    """Where a benchmark is going."""

    DEGRADING = "degrading"
    IMPROVING = "improving"
    STABLE = "stable"
    STEP = "step"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trend:
    """Where the last runs of a benchmark go, and the evidence.

    `correlation` is Spearman's, of badness with time: positive is degrading. `drift` is the change over the
    window as a share of the level, 0.07 for 7 % worse; for a step its height. All are None when unknown.
    """

    direction: Tendency
    correlation: float | None = None
    p_value: float | None = None
    drift: float | None = None
    points: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts as a trend, and how many of the last runs are looked at."""

    p: float = 0.01
    correlation: float = 0.3
    drift: float = 0.05
    last: int = LAST


DEFAULT = Rule()


def follow(
    values: ArrayLike,
    times: ArrayLike | None = None,
    *,
    direction: Direction = Direction.LOWER,
    rule: Rule = DEFAULT,
) -> Trend:
    """Say where the last run values go.

    `times` are in any unit, as long as `values`; without them runs count as equally spaced. Values that are not
    finite are left out. Where one is not positive, drift is a share of the median magnitude, not a ratio.
    """
    window = _Window.of(np.asarray(values, float).ravel(), times, rule.last)
    points = len(window.levels)
    if points < FEWEST:
        return Trend(Tendency.UNKNOWN, points=points)
    badness = -window.levels if direction is Direction.HIGHER else window.levels
    correlation, p = spearman(window.times, badness)
    slope = _theil_sen(window.times, badness)
    step = _best_step(badness)
    monotone = p < rule.p and abs(correlation) > rule.correlation
    stepped = (
        _misfit(badness - slope * window.times) >= STEP_COST * step.misfit
        if monotone
        else _differs(badness) < STEP_P  # one that is near an end, where ranks hardly correlate with time
    )
    change = step.height if stepped else slope * float(window.times[-1] - window.times[0])
    if not (monotone or stepped) or abs(change) < window.level_of(rule.drift):
        tendency = Tendency.STABLE
    elif stepped:
        tendency = Tendency.STEP
    else:
        tendency = Tendency.DEGRADING if change > 0 else Tendency.IMPROVING
    return Trend(tendency, correlation, p, window.share_of(change), points)


class _Window(NamedTuple):
    """The last finite values on the scale of levels: logarithms, or shares of the median magnitude."""

    times: Floats
    levels: Floats
    logarithmic: bool

    @classmethod
    def of(cls, values: Floats, times: ArrayLike | None, last: int) -> _Window:
        when = np.arange(len(values), dtype=float) if times is None else np.asarray(times, float).ravel()
        known = np.flatnonzero(np.isfinite(values) & np.isfinite(when))
        known = known[np.argsort(when[known], kind="stable")][-last:]
        if len(known) and when[known[0]] == when[known[-1]]:
            when = np.arange(len(values), dtype=float)
        chosen = values[known]
        if (chosen > 0).all():
            return cls(when[known], np.log(chosen), logarithmic=True)
        return cls(when[known], chosen / (np.median(np.abs(chosen)) or 1.0), logarithmic=False)

    def share_of(self, change: float) -> float:
        return math.expm1(change) if self.logarithmic else change

    def level_of(self, share: float) -> float:
        return math.log1p(share) if self.logarithmic else share


def _theil_sen(times: Floats, values: Floats) -> float:
    """Compute the median slope over all pairs of different times (Theil 1950, Sen 1968)."""
    first, second = np.triu_indices(len(values), 1)
    apart = times[second] - times[first]
    usable = apart > 0
    slopes = (values[second] - values[first])[usable] / apart[usable]
    return float(np.median(slopes)) if len(slopes) else 0.0


def _misfit(residuals: Floats) -> float:
    return float(np.abs(residuals - np.median(residuals)).sum())


def _differs(values: Floats) -> float:
    """Return the p-value of the split at which the runs before and after differ most (see `splits`)."""
    values = values[-splits.LARGEST :]
    start = np.zeros(1, dtype=np.intp)
    places = np.arange(SHORTEST_LEVEL, len(values) - SHORTEST_LEVEL + 1)
    _, p = splits.best(values, splits.Stretches(start, start + len(values), start, places, SHORTEST_LEVEL))
    return float(p[0])


class _Step(NamedTuple):
    height: float
    misfit: float


def _best_step(values: Floats) -> _Step:
    """Fit two levels by least absolute deviations, at the best of all places."""
    places = np.arange(SHORTEST_LEVEL, len(values) - SHORTEST_LEVEL + 1)[:, None]
    before = np.arange(len(values)) < places
    low, high = _medians(values, before), _medians(values, ~before)
    misfit = np.abs(values - np.where(before, low[:, None], high[:, None])).sum(axis=1)
    best = int(misfit.argmin())
    return _Step(float(high[best] - low[best]), float(misfit[best]))


def _medians(values: Floats, chosen: Flags) -> Floats:
    """Compute the median of the chosen values of each row."""
    ordered = np.sort(np.where(chosen, values, np.inf), axis=1)
    count = np.count_nonzero(chosen, axis=1)
    rows = np.arange(len(count))
    medians: Floats = (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2
    return medians
