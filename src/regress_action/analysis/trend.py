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

from regress_action.analysis import distributions, shapes, splits
from regress_action.analysis.arrays import Stretches, plain
from regress_action.analysis.autocorrelation import lag_one, taken_high
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from regress_action.analysis.arrays import Flags, Floats, Ints

FEWEST = 10
LAST = 20
STEP_COST = 1.05  # a step has one parameter more than a line, its place, and so must fit 5 % better
STEP_P = 0.001
LONGEST = 100
SLOW = (70, 50, 40)
"""Of the runs of one level, up to a hundred, how many of the newest are looked at for a slow drift besides."""
_SLOW_P = 0.001
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
class TrendRule:
    """What counts as a trend, and how many of the last runs are looked at."""

    p: float = 0.01
    correlation: float = 0.3
    drift: float = 0.05
    last: int = LAST


DEFAULT = TrendRule()


def follow(
    values: ArrayLike,
    times: ArrayLike | None = None,
    *,
    direction: Direction = Direction.LOWER,
    rule: TrendRule = DEFAULT,
    since: int = 0,
) -> Trend:
    """Say where the last run values go; `since` is the index of the last change of level.

    `times` are in any unit, as long as `values`; without them runs count as equally spaced. Values that are not
    finite are left out. Where one is not positive, drift is a share of the median magnitude, not a ratio.
    """
    return follow_all([values], [times], [direction], rule, [since])[0]


def follow_all(
    series: Sequence[ArrayLike],
    times: Sequence[ArrayLike | None],
    directions: Sequence[Direction],
    rule: TrendRule = DEFAULT,
    since: Sequence[int] | None = None,
) -> list[Trend]:
    """Follow many series, each with its times or None.

    What the last runs do not show may be too slow for them. Where all runs since the last change of level, up to a
    hundred, or the newest 70, 50 or 40 of them rise or fall along a line, by more than noise as correlated as theirs
    does, and a line fits better than a step, they drift as well.
    """
    windows = [_Window.of(*fields, rule.last) for fields in zip(series, times, directions, strict=True)]
    correlations = [correlation(window.times, window.levels) for window in windows]
    runs = np.array([len(window.levels) for window in windows], dtype=np.intp)
    chances = plain(significance(np.array(correlations, dtype=np.float64), runs))
    steps = plain(_differ([window.levels for window in windows]))
    followed = [_trend(*fields, rule) for fields in zip(windows, correlations, chances, steps, strict=True)]
    for row, (values, when, direction) in enumerate(zip(series, times, directions, strict=True)):
        if followed[row].direction in (Tendency.STABLE, Tendency.STEP):
            level = slice(since[row] if since else 0, None)
            of_level = np.asarray(values, float)[level], None if when is None else np.asarray(when, float)[level]
            followed[row] = _slow_drift(*of_level, direction, rule) or followed[row]
    return followed


def _slow_drift(values: ArrayLike, times: ArrayLike | None, direction: Direction, rule: TrendRule) -> Trend | None:
    """Return the trend of runs that drift along a line, else None."""
    everything = _Window.of(values, times, direction, LONGEST)
    lengths = [runs for runs in SLOW if runs < len(everything.levels)]
    for runs in (len(everything.levels), *lengths) if len(everything.levels) >= SLOW[-1] else ():
        slow = _along_line(everything.last(runs), rule)
        if slow:
            return slow
    return None


def _along_line(window: _Window, rule: TrendRule) -> Trend | None:
    levels = window.levels
    order = np.arange(len(levels)) - (len(levels) - 1) / 2
    fitted = float(order @ levels) / float(order @ order) * (len(levels) - 1)
    if abs(fitted) < window.level_of(rule.drift) or slope_p(levels) >= _SLOW_P or not shapes.is_line(levels):
        return None
    drift = _theil_sen(window.times, levels) * float(window.times[-1] - window.times[0])
    r = correlation(window.times, levels)
    (p,) = plain(significance(np.array([r]), np.array([len(levels)])))
    tendency = Tendency.DEGRADING if fitted > 0 else Tendency.IMPROVING
    return Trend(tendency, r, p, window.share_of(drift), len(levels))


def _trend(window: _Window, correlation: float, p: float, step_p: float, rule: TrendRule) -> Trend:
    points = len(window.levels)
    if points < FEWEST:
        return Trend(Tendency.UNKNOWN, points=points)
    drift = _theil_sen(window.times, window.levels) * float(window.times[-1] - window.times[0])
    monotone = p < rule.p and abs(correlation) > rule.correlation
    tendency, change = _named(window, drift, rule, monotone=monotone, stepped=step_p < STEP_P)
    return Trend(tendency, correlation, p, window.share_of(change), points)


def _named(window: _Window, drift: float, rule: TrendRule, *, monotone: bool, stepped: bool) -> tuple[Tendency, float]:
    """Name the tendency and the change that it is about."""
    smallest = window.level_of(rule.drift)
    if monotone or stepped:  # a step near an end hardly correlates with time
        step = _best_step(window.levels)
        line = _misfit(window.levels - drift * (window.times - window.times[0]) / np.ptp(window.times))
        if not monotone or line >= STEP_COST * step.misfit:
            return (Tendency.STEP if abs(step.height) >= smallest else Tendency.STABLE), step.height
    if not monotone or abs(drift) < smallest:
        return Tendency.STABLE, drift
    return (Tendency.DEGRADING if drift > 0 else Tendency.IMPROVING), drift


class _Window(NamedTuple):
    """The last finite values as badness: logarithms, or shares of the median magnitude; larger is worse."""

    times: Floats
    levels: Floats
    logarithmic: bool

    @classmethod
    def of(cls, series: ArrayLike, times: ArrayLike | None, direction: Direction, last: int) -> _Window:
        values = np.asarray(series, float).ravel()
        when = np.arange(len(values), dtype=float) if times is None else np.asarray(times, float).ravel()
        usable = np.flatnonzero(np.isfinite(values) & np.isfinite(when))
        usable = usable[np.argsort(when[usable], kind="stable")][-last:]
        if len(usable) and when[usable[0]] == when[usable[-1]]:
            when = np.arange(len(values), dtype=float)
        chosen, sign = values[usable], -1.0 if direction is Direction.HIGHER else 1.0
        if (chosen > 0).all():
            return cls(when[usable], sign * np.log(chosen), logarithmic=True)
        return cls(when[usable], sign * chosen / (np.median(np.abs(chosen)) or 1.0), logarithmic=False)

    def last(self, runs: int) -> _Window:
        """Return the newest runs."""
        return _Window(self.times[-runs:], self.levels[-runs:], self.logarithmic)

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


def slope_p(levels: Floats) -> float:
    """Return the two-sided p-value of the slope of a straight line through the levels, in their order.

    Neighbours may be correlated, by one standard error more than the residuals show: the variance of the slope and the
    degrees of freedom are those of an AR(1) series. 1 for fewer than ten levels, and for constant ones.
    """
    runs = len(levels)
    if runs < FEWEST or np.ptp(levels) == 0:
        return 1.0
    time = np.arange(runs) - (runs - 1) / 2
    slope = float(time @ levels) / float(time @ time)
    residuals = levels - levels.mean() - slope * time
    estimated = np.nan_to_num(lag_one(residuals[None])) + 4 / runs  # two coefficients were fitted
    correlation = float(taken_high(estimated, np.array([float(runs)]))[0])
    inflation = (1 + correlation) / (1 - correlation)
    error = math.sqrt(max(float(residuals @ residuals) / (runs - 2) * inflation / float(time @ time), 1e-300))
    return float(distributions.two_sided_p(slope / error, max(runs / inflation - 2, 1.0)))


def _misfit(residuals: Floats) -> float:
    return float(np.abs(residuals - np.median(residuals)).sum())


def _differ(levels: Sequence[Floats]) -> Floats:
    """Return for each series the p-value of the split at which the runs before and after differ most (`candidates`).

    1 for a series that is too short to be split.
    """
    windows = [window[-splits.MOST_VALUES :] for window in levels]
    sizes = np.array([len(window) for window in windows], dtype=np.intp)
    results = np.ones(len(windows))
    usable = np.flatnonzero(sizes >= 2 * SHORTEST_LEVEL)
    if len(usable):
        ends = np.cumsum(sizes[usable])
        start = ends - sizes[usable]
        places = np.arange(SHORTEST_LEVEL, int(sizes.max()) - SHORTEST_LEVEL + 1)
        flat = np.concatenate([windows[row] for row in usable])
        _, results[usable] = splits.best_splits(flat, Stretches(start, ends, start, places, SHORTEST_LEVEL))
    return results


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


_FEWEST_RANKED = 3  # two points always correlate


def ranks(values: Floats) -> Floats:
    """Rank from 1; equal values share the mean of their ranks."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    shared: Floats = (last - (count - 1) / 2)[inverse]
    return shared


def correlation(first: Floats, second: Floats) -> float:
    """Compute Spearman's rank correlation; where one side is constant nothing correlates, and it is 0."""
    if len(first) < _FEWEST_RANKED:
        return 0.0
    x, y = ranks(first), ranks(second)
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / spread, -1, 1)) if spread else 0.0


def significance(correlations: Floats, runs: Ints) -> Floats:
    """Compute the two-sided p-values of rank correlations: Student's t with n - 2 degrees of freedom."""
    freedom = np.maximum(runs - 2, 1)
    t = np.abs(correlations) * np.sqrt(freedom / np.maximum(1 - correlations**2, 1e-300))
    return np.where(runs >= _FEWEST_RANKED, distributions.two_sided_p(t, freedom), 1.0)
