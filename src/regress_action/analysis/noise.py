"""How far values of one level spread, whatever single disturbed runs say.

* What a coarse clock hides: the error of values that stand on a lattice wider than their noise.

A clock that ticks every 15 ms rounds every value. Where the noise is wide, rounding averages out; where it is narrow,
all runs are rounded the same way, and no number of runs shows it. The error of a rounded mean is at most half a tick
and falls as exp(-2π² (σ/tick)²) with the noise σ before rounding (Widrow, Kollár and Liu, "Statistical theory of
quantization", IEEE Trans. Instrum. Meas. 45 (1996) 353-361).

Where no run differs from another, the values show no lattice. Real times are never that steady, so the clock is coarse;
which tick it has is recognised where all values are whole multiples of one that operating systems use.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regress_action.analysis.arrays import medians, moments, plain, quantiles
from regress_action.analysis.run_matrix import badness, by_session, lay_out
from regress_action.model import normal
from regress_action.model.measurements import Noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regress_action.analysis.arrays import Flags, Floats, Ints
    from regress_action.analysis.policy import SessionSpread
    from regress_action.analysis.run_matrix import Scale
    from regress_action.model.measurements import Environment, Report


_SMALL = np.array([1.0, 1.0, 1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107])  # by the number of runs


def robust_deviations(values: Floats) -> Floats:
    """Estimate the standard deviation of each row, ignoring NaN, so that single disturbed runs do not move it.

    The larger of the median absolute deviation, with the finite-sample factors of Croux and Rousseeuw (1992), and
    the distance of the outer deciles: noise in clusters, where three of four runs agree to the digit, would look
    silent to the first alone.
    """
    runs = np.count_nonzero(~np.isnan(values), axis=1)
    deviation = normal.DEVIATION_PER_MAD * medians(np.abs(values - medians(values)[:, None]))
    factor = np.where(runs < len(_SMALL), _SMALL[np.minimum(runs, len(_SMALL) - 1)], runs / np.maximum(runs - 0.8, 1))
    ordered = np.sort(values, axis=1)
    low, high = (quantiles(ordered, share) for share in (0.1, 0.9))
    deviations: Floats = np.maximum(deviation * factor, (high - low) / normal.DEVIATIONS_BETWEEN_DECILES)
    return deviations


_OWN = ("self", "local", "dedicated", "bare")


def is_own(environment: Environment) -> bool:
    """Whether the machine is known to be the same one every time."""
    return environment.is_known and any(word in environment.runner.lower() for word in _OWN)


def between_sessions(environment: Environment, tau: SessionSpread) -> float:
    """Return the spread of log times between two sessions with this fingerprint."""
    if not environment.is_known:
        return tau.unknown
    return tau.dedicated if is_own(environment) else tau.hosted


def per_row(scale: Scale, timed: float, tau: SessionSpread) -> Floats:
    """Return the spread of each row: sizes and counts do not depend on the machine's speed, exact ones on nothing."""
    other = min(timed, tau.dedicated)
    return np.where(scale.exact | scale.linear, 0.0, np.where(scale.timed, timed, other))


_FEWEST = 12  # sessions whose eleven differences hold one real change below their outer decile


def neighbour_spread(levels: Floats) -> Floats:
    """Return the spread of one value of each row (rows × sessions, oldest first), from neighbours in time.

    The larger of two estimates, from the median and from the outer decile of the differences.
    """
    steps = _steps(levels)
    usual, outer = medians(steps), quantiles(np.sort(steps, axis=1), 0.9)
    return np.asarray(np.maximum(usual / normal.MEDIAN_DIFFERENCE, outer / normal.OUTER_DIFFERENCE))


def recent_spread(levels: Floats, newest: int) -> tuple[Floats, Ints]:
    """Return the spread of the newest values of each row, and the number of differences behind it.

    From the median of the differences alone: among so few, one bad commit would set their outer decile.
    """
    steps = _steps(levels, newest)
    return medians(steps) / normal.MEDIAN_DIFFERENCE, (~np.isnan(steps)).sum(axis=1)


def _steps(levels: Floats, newest: int = 0) -> Floats:
    """Return how far each value of a row lies from the one before it, or only so many of the newest."""
    steps = np.full((len(levels), max(levels.shape[1] - 1, 0)), np.nan)
    for row, level in enumerate(levels):
        differences = np.diff(level[~np.isnan(level)][-newest:])
        steps[row, : len(differences)] = np.abs(differences)
    return steps


def noise_between(reports: Sequence[Report]) -> dict[tuple[str, str], Noise]:
    """Return the session-to-session spread of every benchmark × metric of reports from one kind of machine.

    From the differences between neighbours in time: a real change is one large difference among many and a slow
    drift is many small ones, so neither counts as noise. The larger of two estimates: their median and their outer
    decile, for a machine that is quiet most of the time and now and then far off looks silent to the median. A
    series with fewer than twelve sessions, or without a ratio, teaches nothing.
    """
    rows, _, side, _ = lay_out((), reports)
    scale, _, values = badness(rows, side, side)
    levels = by_session(values, side)
    spread = neighbour_spread(levels)
    runs = (~np.isnan(levels)).sum(axis=1)
    learned = (runs >= _FEWEST) & ~scale.linear & np.isfinite(spread)
    return {
        (rows.benchmarks[row].name, rows.metrics[row].name): Noise(float(spread[row]), int(runs[row]))
        for row in plain(np.flatnonzero(learned))
    }


_ENOUGH = 10  # fewer benchmarks say too little about each other
_STRONGEST = 10.0  # a suite is never trusted beyond ten runs of the benchmark's own
_SMALLEST_VARIANCE = 1e-8  # (1e-4)²: no timer resolves less


def fit(variances: Floats, df: Floats, strongest: float = _STRONGEST) -> tuple[float, float]:
    """Return (d0, s0²): the prior's degrees of freedom, `strongest` at most, and its variance.

    d0 = 0 where the suite is too small.
    """
    usable = (df >= 1) & np.isfinite(variances)
    if usable.sum() < _ENOUGH:
        return 0.0, 0.0
    half = df[usable] / 2
    logs = np.log(np.maximum(variances[usable], _SMALLEST_VARIANCE)) - special.digamma(half) + np.log(half)
    center = float(logs.mean())
    excess = float(logs.var(ddof=1) - _trigamma(half).mean())
    d0 = min(2 * _inverse_trigamma(excess), strongest) if excess > 0 else strongest
    prior = np.exp(center + special.digamma(d0 / 2) - np.log(d0 / 2))
    return d0, float(prior)


def _trigamma(x: npt.ArrayLike) -> Floats:
    """Return ψ'(x), which is Hurwitz's zeta function ζ(2, x) (DLMF 25.11.12)."""
    return np.asarray(special.zeta(2, x))


def _inverse_trigamma(y: float) -> float:
    """Return the x with ψ'(x) = y, by bisection on the logarithm; ψ' falls monotonically."""
    low, high = 1e-4, 1e8
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if special.zeta(2, middle) > y else (low, middle)
    return low


_TOLERANCE = 0.02  # of a tick, by which a value may stand beside the lattice
_VALUES_PER_TICK = 2.0  # a lattice is believed where each of its values was seen twice on average
_FEWEST_VALUES = 4
_CLOCKS_S = np.array([1 / 60, 0.016, 1 / 64, 0.015, 0.01, 0.004, 0.001])
"""Ticks of clocks that times are read from: frames, timers of Windows, and the kernel's 100, 250 and 1000 Hz."""
_MOST_TICKS = 50.5  # of more, a tick hides less than what two builds differ by
_WHOLE = 1e-6  # relative difference from a whole number of ticks, of values that were written with few digits
_SAME = 1e-9  # relative difference below which two values are one
_UNIFORM = math.sqrt(1 / 12)  # standard deviation of a rounding error, in ticks
_NEGLIGIBLE = 0.1  # of the largest error a tick can make


def rounding_error(base: Floats, head: Floats, linear: Flags, timed: Flags) -> Floats:
    """Return the standard deviation of the error that rounding leaves in head minus base (rows × runs each).

    Zero where the values stand on no lattice, where noise averages the rounding out, and for rows compared by their
    `linear` difference. Values are logarithms of badness; the tick is relative to the level, as they are. Only
    in `timed` rows, which are seconds, the tick of a known clock is recognised in values that never vary.
    """
    error = np.zeros(len(base))
    rows = np.flatnonzero(~linear)
    if not rows.size:
        return error
    sides = np.exp(base[rows]), np.exp(head[rows])
    tick = ticks(*sides)
    tick = np.where(np.isnan(tick) & timed[rows], _known_clock(*sides), tick)
    for values in sides:
        level = medians(values)
        runs, _, squares = moments(values)
        with np.errstate(invalid="ignore", divide="ignore"):
            before = np.maximum(squares / (runs - 1) - (_UNIFORM * tick) ** 2, 0.0)
            left = np.exp(-2 * math.pi**2 * np.nan_to_num(before / tick**2))  # a single run shows no noise
            relative = np.where(left > _NEGLIGIBLE, _UNIFORM * tick / level * left, 0.0)
        error[rows] = np.hypot(error[rows], np.nan_to_num(relative))
    return error


def ticks(base: Floats, head: Floats) -> Floats:
    """Return the distance of neighbouring points of each row's lattice, NaN for values that stand on none.

    The tick is the smallest distance within a side: between two steady sides lies the change, and no tick.
    """
    tick = np.fmin(_smallest_gap(base), _smallest_gap(head))
    values = np.concatenate([base, head], axis=1)
    ordered = np.sort(values, axis=1)
    gaps = np.diff(ordered, axis=1)
    count = (~np.isnan(values)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = gaps > _SAME * np.abs(ordered[:, 1:])
        steps = np.where(apart, gaps, 0.0) / tick[:, None]
        regular = (np.abs(steps - np.round(steps)) <= _TOLERANCE).all(axis=1)
    distinct = apart.sum(axis=1) + 1
    believed = np.isfinite(tick) & regular & (count >= _FEWEST_VALUES) & (count >= _VALUES_PER_TICK * distinct)
    return np.where(believed, tick, np.nan)


def _known_clock(base: Floats, head: Floats) -> Floats:
    """Return the tick of the slowest clock of which all values are whole multiples, of rows that vary on neither side.

    NaN for rows of fewer than four values, rows that vary, and values that no known clock gives.
    """
    values = np.concatenate([base, head], axis=1)
    steady = np.isnan(_smallest_gap(base)) & np.isnan(_smallest_gap(head))
    steady &= (~np.isnan(values)).sum(axis=1) >= _FEWEST_VALUES
    tick = np.full(len(values), np.nan)
    for clock in _CLOCKS_S:
        ticks = np.nan_to_num(values[steady] / clock, nan=1.0)
        integral = (ticks > _WHOLE) & (ticks < _MOST_TICKS) & (np.abs(ticks - np.round(ticks)) <= _WHOLE * ticks)
        tick[steady] = np.fmax(tick[steady], np.where(integral.all(axis=1), clock, np.nan))
    return tick


def _smallest_gap(values: Floats) -> Floats:
    """Return the smallest distance between two different values of each row, NaN where all are the same."""
    ordered = np.sort(values, axis=1)
    gaps = np.diff(ordered, axis=1)
    with np.errstate(invalid="ignore"):
        apart = gaps > _SAME * np.abs(ordered[:, 1:])
    smallest = np.where(apart, gaps, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isfinite(smallest), smallest, np.nan)
