"""Several new runs against a baseline whose level moves along a line, and what is not known of it.

Held to the mean of a baseline that drifts, new runs look changed although nothing did: the drift goes on. Held to where
its line leads, they look changed where it ended, and a change hides in it where it only began. So there are three
readings of a baseline that drifts: the line through all of its runs, the line through the newest ten, and the level of
these. The interval holds those of all three, and what only some of them prove is not proven.

A slope that may as well be noise widens nothing. A change that is not proven along its line is suspected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import designs, distributions
from regress_action.analysis.arrays import SMALLEST_DEVIATION, medians, moments
from regress_action.analysis.autocorrelation import MOST_CORRELATED, lag_one

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats
    from regress_action.analysis.designs import Estimate, Prior

_FEWEST = 8  # stored runs through which a line is drawn
_CERTAIN = 0.01  # significance of a slope from which a baseline drifts
_POSSIBLE, _POSSIBLE_OF_MANY = 0.1, 0.05  # … from which it may, of few stored runs and of twenty or more
_MANY = 20
_SHORTEST = 3  # runs on either side of a step
_NEWEST = 10  # stored runs that show where a level is now
_INTERVAL = 0.05  # the level of the intervals that are joined


@dataclass(frozen=True, slots=True)
class Drift:
    """A line through the stored runs of each row (oldest first): `slope` per run with its standard `error`.

    `middle` is how many runs before the next one the middle of the stored ones lies. `certain` rows drift, `possible`
    ones may; no row is both.
    """

    slope: Floats
    error: Floats
    middle: Floats
    certain: Flags
    possible: Flags

    def taken_off(self, base: Floats, head: Floats, rows: Flags) -> tuple[Floats, Floats]:
        """Return both sides (rows × runs) of the given rows as they would lie at the middle of the new runs."""
        slope = np.where(rows, self.slope, 0.0)[:, None]
        centre = _middle(head)[:, None]
        ahead = np.cumsum(~np.isnan(head), axis=1) - centre
        return base + slope * (_age(base) + centre), head - slope * ahead

    def forecast_error(self, head: Floats) -> Floats:
        """Return the standard error that the slope's gives to the level at the middle of the new runs."""
        return np.asarray(self.error * (self.middle - 1 + _middle(head)))


def of(values: Floats) -> Drift:
    """Draw a line through each row's runs (rows × runs, oldest first) by least squares.

    Neighbours may be correlated, as the residuals show: the variance of the slope and its degrees of freedom are those
    of an AR(1) series. What one step describes better (Schwarz's criterion for its place) does not drift for certain.
    What may drift is not asked how its neighbours are alike.
    """
    runs, mean, _ = moments(values)
    age = np.where(np.isnan(values), np.nan, _age(values))
    _, middle, spread = moments(age)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = -np.nansum((age - middle[:, None]) * (values - mean[:, None]), axis=1) / spread
        residuals = values - mean[:, None] + slope[:, None] * (age - middle[:, None])
        left = np.maximum(np.nansum(residuals**2, axis=1), SMALLEST_DEVIATION**2)
        correlation = np.clip(np.nan_to_num(lag_one(residuals)) + 2 / runs, 0.0, MOST_CORRELATED)
        inflation = (1 + correlation) / (1 - correlation)
        error = np.sqrt(left / (runs - 2) / spread)
        p = distributions.two_sided_p(slope / error / np.sqrt(inflation), np.maximum(runs / inflation - 2, 1.0))
        p_independent = distributions.two_sided_p(slope / error, np.maximum(runs - 2, 1.0))
        straight = left <= _around_two_levels(values) * runs ** (1 / runs)
    usable = runs >= _FEWEST
    certain = usable & straight & (p < _CERTAIN)
    return Drift(
        np.where(usable, slope, 0.0),
        np.where(usable, error * np.sqrt(inflation), 0.0),
        np.where(usable, middle + 1, 1.0),
        certain,
        usable & ~certain & (p_independent < np.where(runs < _MANY, _POSSIBLE, _POSSIBLE_OF_MANY)),
    )


def _age(values: Floats) -> Floats:
    """Return how many values of its row come after each."""
    present = ~np.isnan(values)
    return np.asarray(present.sum(axis=1)[:, None] - np.cumsum(present, axis=1))


def _middle(head: Floats) -> Floats:
    """Return how many runs after the newest stored one the middle of the new ones lies."""
    return np.asarray(((~np.isnan(head)).sum(axis=1) + 1) / 2)


def _around_two_levels(values: Floats) -> Floats:
    """Return the sum of squares around the best two levels of each row, infinite where it is too short for two."""
    present = ~np.isnan(values)
    filled = np.where(present, values - medians(values)[:, None], 0.0)
    n, sums, squares = (np.cumsum(part, axis=1) for part in (present.astype(float), filled, filled**2))
    rest = n[:, -1:] - n
    with np.errstate(invalid="ignore", divide="ignore"):
        left = squares[:, -1:] - sums**2 / n - (sums[:, -1:] - sums) ** 2 / rest
    allowed = present & (n >= _SHORTEST) & (rest >= _SHORTEST)
    return np.asarray(np.where(allowed, left, np.inf).min(axis=1, initial=np.inf))


def history(drift: Drift, base: Floats, head: Floats, prior: Prior, minimum: int) -> tuple[Estimate, Floats]:
    """Estimate as `designs.history` does, and of a baseline that drifts by all of its readings.

    `prior` is that of runs from which a certain drift was taken off. Returned besides is the p-value of each row whose
    baseline may drift, were it held to where its line leads; NaN for all others.
    """
    estimate = designs.history(base, head, prior, minimum)
    p = np.full(len(base), np.nan)
    if drift.certain.any():
        newest = np.where(_age(base) < _NEWEST, base, np.nan)
        readings = [
            _along(drift, base, head, prior, minimum),
            _along(of(newest), newest, head, prior, minimum),
            designs.history(newest, head, prior, minimum),
        ]
        estimate.take(drift.certain, _joined(readings))
    if drift.possible.any():
        line = _along(drift, base, head, prior, minimum)
        with np.errstate(invalid="ignore", divide="ignore"):
            p_line = distributions.two_sided_p(line.d / line.se, line.df)
        p = np.where(drift.possible, np.where(np.sign(line.d) == np.sign(estimate.d), p_line, 1.0), np.nan)
    return estimate, p


def _along(drift: Drift, base: Floats, head: Floats, prior: Prior, minimum: int) -> Estimate:
    """Estimate from a baseline that is held to where its line leads."""
    every = np.ones(len(base), dtype=bool)
    estimate = designs.history(*drift.taken_off(base, head, every), prior, minimum)
    return replace(estimate, se=np.hypot(estimate.se, drift.forecast_error(head)))


def _joined(readings: list[Estimate]) -> Estimate:
    """Return the estimate whose interval holds those of all readings; the first gives the rest."""
    reach = [distributions.t_quantile(_INTERVAL / 2, reading.df) * reading.se for reading in readings]
    low = np.min([reading.d - half for reading, half in zip(readings, reach, strict=True)], axis=0)
    high = np.max([reading.d + half for reading, half in zip(readings, reach, strict=True)], axis=0)
    first = readings[0]
    df = np.min([reading.df for reading in readings], axis=0)
    se = (high - low) / 2 / distributions.t_quantile(_INTERVAL / 2, df)
    return replace(first, d=(low + high) / 2, se=se, df=df)
