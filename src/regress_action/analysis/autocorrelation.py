"""How much neighbouring runs are alike, and what that makes of their mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.arrays import SMALLEST_DEVIATION, medians, moments
from regress_action.model import normal

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Floats

_LEAST_UNEXPLAINED = 0.05  # 1 - ρ² is taken to be at least so much: ρ is an estimate
_FEWEST_CORRELATED = 8  # stored runs from which serial correlation is estimated
MOST_CORRELATED = 0.95  # beyond, a series says nothing of its own mean


def serial_correlation(values: Floats) -> Floats:
    """Return the lag-one correlation of each row's runs, oldest first, 0 where it is negative or cannot be estimated.

    Its estimate is too small by about 1/n (Kendall, Biometrika 41 (1954) 403-404), which is added back.
    """
    runs = (~np.isnan(values)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimated = lag_one(values) + 1 / runs
    return np.where((runs >= _FEWEST_CORRELATED) & (estimated > 0), np.minimum(estimated, MOST_CORRELATED), 0.0)


def taken_high(correlation: Floats, runs: Floats) -> Floats:
    """Return lag-one correlations of so many runs, each one standard error above its estimate, and none negative."""
    error = np.sqrt(np.maximum(1 - correlation**2, _LEAST_UNEXPLAINED) / runs)
    return np.asarray(np.clip(np.maximum(correlation, 0.0) + error, 0.0, MOST_CORRELATED))


def lag_one(values: Floats) -> Floats:
    """Return the lag-one correlation of each row around its mean, NaN where nothing varies.

    Outliers are drawn in to three robust deviations first: one of them would hide the correlation of the rest.
    """
    present = ~np.isnan(values)
    middle = medians(values)[:, None]
    limit = 3 * normal.DEVIATION_PER_MAD * medians(np.abs(values - middle))[:, None]
    centred = np.clip(values - middle, -limit, limit)
    centred = np.where(present, centred - moments(centred)[1][:, None], np.nan)
    packed = np.take_along_axis(centred, np.argsort(~present, axis=1, kind="stable"), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.nansum(packed**2, axis=1)
        lag_one = np.nansum(packed[:, 1:] * packed[:, :-1], axis=1) / squares
    return np.where(squares > SMALLEST_DEVIATION**2, lag_one, np.nan)


def variance_of_mean(correlation: Floats, runs: Floats) -> Floats:
    """Return the variance of the mean of `runs` values of an AR(1) series as a share of one value's.

    (1 + 2 Σ (1 - k/n) ρᵏ) / n, in closed form.
    """
    rho, n = correlation, np.maximum(runs, 1)
    inflation = 1 + 2 * rho / (1 - rho) - 2 * rho * (1 - rho**n) / (n * (1 - rho) ** 2)
    return np.asarray(inflation / n)
