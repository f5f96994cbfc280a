"""Whether the runs after a place are those before it, moved by one ratio: a likelihood that knows the noise's shape.

Runs on hosted machines fall into clusters, one per type of machine, and a change of the code moves all of them by the
same ratio. Classes of values see clusters appear and vanish; here the runs after the place are moved back, and the
density of all runs together, estimated from the other runs of the stretch (leave-one-out kernel estimate; Silverman,
Density Estimation, 1986, 3.4.4), says how much likelier every run becomes: the semiparametric model of a shift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.arrays import Flags, Floats, Ints, Stretches

REACH = 50  # runs on each side of the place
_NEAREST = 10  # neighbours that the kernel of a run reaches
_NARROWEST = 0.05  # width of a kernel, as a share of the smallest step
_BINS, _BIN = 128, (0.1, 0.5)  # their number, and their width as such a share
_PEAKS = 3  # of the differences between the two sides, tried beside the median
_ELSEWHERE = 0.002  # density that every run has, so that one run that is like no other decides nothing
_MOVES = 10
_ROWS = 32
CHANCE = 3.0  # p = CHANCE / likelihood ratio: what the search over shifts and places costs, see docs/statistics.md


class Shifts(NamedTuple):
    """For each row the place of its step, the shift there, and the p-value of it."""

    place: Ints
    shift: Floats
    p_value: Floats


class _Sides(NamedTuple):
    """Rows of runs before and after a place, nearest to it first, 0 where there is none, and which are runs."""

    before: Floats
    after: Floats
    is_before: Flags
    is_after: Flags


def best_shifts(flat: Floats, near: Stretches, place: Ints, shift: Floats, minimum: Floats) -> Shifts:
    """Find for every stretch the shift at `place`, or near it, that makes its runs most likely.

    `shift` is a first guess of it, and `minimum` the smallest that is tried.
    """
    start, stop, smallest = near.start, near.stop, near.smallest
    shifts = Shifts(place.copy(), shift.copy(), np.ones(len(place)))
    for first in range(0, len(place), _ROWS):
        rows = slice(first, first + _ROWS)
        low, high, least = start[rows], stop[rows], minimum[rows]
        best = _best(flat, *_around(place[rows], low, high), shift[rows], least, smallest)
        again = np.flatnonzero(best.place != place[rows])  # the runs that moved made the density of the others wrong
        if len(again):
            moved = _around(best.place[again], low[again], high[again])
            more = _best(flat, *moved, best.shift[again], least[again], smallest)
            for into, values in zip(best, more, strict=True):
                into[again] = np.where(more.p_value < best.p_value[again], values, into[again])
        for into, values in zip(shifts, best, strict=True):
            into[rows] = values
    return shifts


def _around(place: Ints, start: Ints, stop: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the first of the runs around each place that count, the first that no longer does, and the place."""
    return np.maximum(start, place - REACH), np.minimum(stop, place + REACH), place


def _best(flat: Floats, start: Ints, stop: Ints, place: Ints, shift: Floats, minimum: Floats, smallest: int) -> Shifts:
    sides = _sides(flat, start, stop, place)
    width = _widths(sides, minimum)
    inside_before = _kernel(sides.before[:, :, None] - sides.before[:, None, :], width, sides.is_before)
    inside_after = _kernel(sides.after[:, :, None] - sides.after[:, None, :], width, sides.is_after)
    runs = (stop - start)[:, None]
    own = [inside - 1 + _ELSEWHERE * runs for inside in (inside_before, inside_after)]  # without the run itself
    apart = sides.after[:, None, :] - sides.before[:, :, None]
    together = sides.is_before[:, :, None] & sides.is_after[:, None, :]
    guesses = [shift, *_peaks(apart, together, width, minimum)]
    logs = [_log_density(apart, together, own, guess, width, sides) for guess in (np.zeros(len(place)), *guesses)]
    gains = np.stack([log - logs[0] for log in logs[1:]])
    gains[np.abs(guesses) < minimum] = -np.inf
    chosen = gains.argmax(axis=0)
    rows = np.arange(len(place))
    moved = np.stack(guesses)[chosen, rows]
    place, more = _moved(flat, (start, stop, place), moved, (sides, width), smallest)
    with np.errstate(over="ignore"):
        return Shifts(place, moved, np.minimum(1.0, CHANCE * np.exp(-(gains[chosen, rows] + more))))


def _sides(flat: Floats, start: Ints, stop: Ints, place: Ints) -> _Sides:
    away = np.arange(REACH)
    before, after = place[:, None] - 1 - away, place[:, None] + away
    is_before, is_after = before >= start[:, None], after < stop[:, None]
    return _Sides(
        np.where(is_before, flat.take(before, mode="clip"), 0),
        np.where(is_after, flat.take(after, mode="clip"), 0),
        is_before,
        is_after,
    )


def _widths(sides: _Sides, minimum: Floats) -> Floats:
    """Return the width of the kernel of each row: half of what its nearest ten neighbours span, of the median run."""
    values = np.concatenate([sides.before, sides.after], axis=1)
    present = np.concatenate([sides.is_before, sides.is_after], axis=1)
    ordered = np.sort(np.where(present, values, np.inf), axis=1)
    with np.errstate(invalid="ignore"):
        spans = ordered[:, _NEAREST:] - ordered[:, :-_NEAREST]
    spans = np.sort(np.where(np.isfinite(spans), spans, np.inf), axis=1)
    middle = (present.sum(axis=1) - _NEAREST) // 2
    widths: Floats = np.maximum(spans[np.arange(len(spans)), middle] / 2, _NARROWEST * minimum)[:, None].astype(
        np.float32
    )
    return widths


def _kernel(apart: Floats, width: Floats, present: Flags) -> Floats:
    """Sum Student's kernel (3 degrees of freedom, scaled to 1 at 0) over the last axis, of the runs that are there."""
    kernel = np.reciprocal(1 + (apart / width[:, :, None]) ** 2) ** 2
    kernel *= present[:, None, :]
    total: Floats = kernel.sum(axis=2)
    return total


def _log_density(
    apart: Floats, together: Flags, own: Sequence[Floats], shift: Floats, width: Floats, sides: _Sides
) -> Floats:
    """Return the log likelihood of each row whose runs after the place are moved back by `shift`."""
    kernel = np.reciprocal(1 + ((apart - shift.astype(np.float32)[:, None, None]) / width[:, :, None]) ** 2) ** 2
    kernel *= together
    before = np.log(own[0] + kernel.sum(axis=2), where=sides.is_before, out=np.zeros_like(own[0]))
    after = np.log(own[1] + kernel.sum(axis=1), where=sides.is_after, out=np.zeros_like(own[1]))
    total: Floats = before.sum(axis=1) + after.sum(axis=1)
    return total


def _peaks(apart: Floats, together: Flags, width: Floats, minimum: Floats) -> list[Floats]:
    """Return the shifts that most pairs of runs of either side show: the peaks of the histogram of differences."""
    rows = len(apart)
    bin_width = np.clip(width[:, 0], _BIN[0] * minimum, _BIN[1] * minimum)
    number = np.rint(apart / bin_width[:, None, None]).astype(np.intp) + _BINS // 2
    used = together & (number > 0) & (number < _BINS - 1)
    of = (np.arange(rows)[:, None, None] * _BINS + number)[used]
    counts = np.bincount(of, minlength=rows * _BINS).reshape(rows, _BINS).astype(float)
    sums = np.bincount(of, weights=apart[used], minlength=rows * _BINS).reshape(rows, _BINS).astype(float)
    smooth, moments = (part.copy() for part in (counts, sums))
    for part, total in ((counts, smooth), (sums, moments)):
        total[:, 1:] += part[:, :-1]
        total[:, :-1] += part[:, 1:]
    centre = np.divide(moments, smooth, out=np.zeros_like(moments), where=smooth > 0)
    smooth[np.abs(centre) < minimum[:, None]] = 0
    peaks = []
    row = np.arange(rows)
    for _ in range(_PEAKS):
        best = smooth.argmax(axis=1)
        peaks.append(centre[row, best])
        for beside in (-1, 0, 1):
            smooth[row, np.clip(best + beside, 0, _BINS - 1)] = 0
    return peaks


def _moved(
    flat: Floats, bounds: tuple[Ints, Ints, Ints], shift: Floats, noise: tuple[_Sides, Floats], smallest: int
) -> tuple[Ints, Floats]:
    """Move each place to where every run is likeliest on its side; return the places and what that gains."""
    start, stop, place = bounds
    sides, width = noise
    split = place[:, None] + np.arange(-_MOVES, _MOVES + 1)
    run = flat.take(split[:, :-1], mode="clip")
    aligned = np.concatenate([sides.before, sides.after - shift[:, None]], axis=1)
    present = np.concatenate([sides.is_before, sides.is_after], axis=1)
    density = [
        np.log(_kernel(values[:, :, None] - aligned[:, None, :], width, present) + _ELSEWHERE * (stop - start)[:, None])
        for values in (run, run - shift[:, None])
    ]
    gain = np.zeros(split.shape)
    gain[:, 1:] = np.cumsum(density[0] - density[1], axis=1)
    gain -= gain[:, _MOVES, None]
    allowed = (split >= start[:, None] + smallest) & (split <= stop[:, None] - smallest)
    allowed[:, _MOVES] = True
    best = np.where(allowed, gain, -np.inf).argmax(axis=1)
    rows = np.arange(len(place))
    return split[rows, best], gain[rows, best]
