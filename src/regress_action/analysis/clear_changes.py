"""Which change points are clear: more than the noise before them ever makes, so that they may alarm.

What holds up between its neighbours is shown. It is searched for again after every run, and noise that is correlated
along time looks like a change of level now and then, so over the life of a history such a change appears sooner or
later. A clear one must be more than a stationary series with the correlation of the runs before it would ever show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import distributions
from regress_action.analysis.arrays import SMALLEST_DEVIATION, medians, moments
from regress_action.analysis.autocorrelation import lag_one, taken_high, variance_of_mean

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints
    from regress_action.analysis.candidates import Candidates

BEFORE, AFTER = 60, 30  # runs on either side that a clear change is judged by
_FEWEST_BEFORE, _FEWEST_AFTER = 8, 5
LEARNED = 40  # runs before a change that show what happens on such machines: weekends, another machine
CLEAR_RATIO, CLEAR_RATIO_UNLEARNED = 1.05, 1.15
_CLEAR_P = 1e-4
_SURELY = 2.0  # standard errors by which a clear change is larger than the smallest


def clear(flat: Floats, ends: Ints, candidates: Candidates, minimum: tuple[Floats, Floats]) -> Flags:
    """Return which change points are clear, in their order: those that a history may alarm for.

    The runs before (up to sixty, since the last clear change) are taken for a stationary AR(1) series, with all that
    is unclear among them. The difference of the levels must be significant at 0.0001 against it, and larger by two
    standard errors than `minimum`, per series: the first where forty runs came before it, else the second. The two
    levels are compared by mean and by median, and the nearer pair counts.
    """
    clears = np.zeros(len(candidates.place), dtype=bool)
    if not clears.size:
        return clears
    _, first = np.unique(candidates.owner, return_index=True)
    rank = np.arange(clears.size) - np.repeat(first, np.diff(np.append(first, clears.size)))
    stop = np.minimum(ends[candidates.owner + 1], np.concatenate([candidates.place[1:], ends[-1:]]))
    begins = ends[:-1].copy()
    for number in range(int(rank.max()) + 1):
        rows = np.flatnonzero(rank == number)
        place, owner = candidates.place[rows], candidates.owner[rows]
        before = _runs(flat, np.maximum(begins[owner], place - BEFORE), place, BEFORE)
        after = _runs(flat, place, np.minimum(stop[rows], place + AFTER), AFTER)
        smallest = np.where(place - begins[owner] >= LEARNED, minimum[0][owner], minimum[1][owner])
        clears[rows] = _is_clear(before, after, smallest)
        begins[owner[clears[rows]]] = place[clears[rows]]
    return clears


def _runs(flat: Floats, start: Ints, stop: Ints, width: int) -> Floats:
    """Return `flat[start:stop]` of each row in double precision, NaN behind it."""
    place = start[:, None] + np.arange(width)
    return np.where(place < stop[:, None], flat[np.minimum(place, len(flat) - 1)], np.nan).astype(float)


def _is_clear(before: Floats, after: Floats, smallest: Floats) -> Flags:
    """Test the rows of runs before and after a change point, NaN for none.

    The correlation is taken to be one standard error above its estimate, and counts in the variance of both means and
    in the degrees of freedom. The variance is that of the runs before, or of both sides where the later ones vary more.
    """
    runs_b, mean_b, squares_b = moments(before)
    runs_a, mean_a, squares_a = moments(after)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimated = np.nan_to_num((runs_b * lag_one(before) + 1) / (runs_b - 3))
        correlation = taken_high(estimated, runs_b)
        of_before, of_after = (variance_of_mean(correlation, runs) for runs in (runs_b, runs_a))
        seen = np.maximum(runs_b * (1 - of_before) / (runs_b - 1), 0.3)  # of the variance, by that of a sample
        variance = squares_b / (runs_b - 1) / seen
        pooled = (variance * (runs_b - 1) + squares_a) / (runs_b + runs_a - 2)
        error = np.sqrt(np.maximum(variance, pooled) * (of_before + of_after))
        df = np.maximum(runs_b * (1 - correlation) / (1 + correlation) - 1, 1.0)
    error = np.maximum(error, SMALLEST_DEVIATION)
    shifts = np.stack([mean_a - mean_b, medians(after) - medians(before)])
    shift = np.where(np.sign(shifts[0]) == np.sign(shifts[1]), np.abs(shifts).min(axis=0), 0.0)
    enough = (runs_b >= _FEWEST_BEFORE) & (runs_a >= _FEWEST_AFTER)
    significant = shift > distributions.t_quantile(_CLEAR_P / 2, df) * error
    return np.asarray(enough & significant & (shift - _SURELY * error >= smallest))
