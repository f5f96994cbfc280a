"""What a coarse clock hides: the error of values that stand on a lattice wider than their noise.

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

from regress_action.analysis.arrays import medians, moments

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats


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
