"""How far values of one level spread, whatever single disturbed runs say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regress_action.analysis.arrays import medians, plain, quantiles
from regress_action.analysis.run_matrix import badness, by_session, lay_out
from regress_action.model import normal
from regress_action.model.measurements import Noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regress_action.analysis.arrays import Floats, Ints
    from regress_action.analysis.policy import SessionSpread
    from regress_action.analysis.run_matrix import Scale
    from regress_action.model.measurements import Environment, Report


_FACTORS = np.array([1.0, 1.0, 1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107])  # of few runs, by their number
_OWN_RUNNERS = ("self", "local", "dedicated", "bare")
_FEWEST_SESSIONS = 12  # whose eleven differences hold one real change below their outer decile
_FEWEST_BENCHMARKS = 10  # fewer benchmarks say too little about each other
_STRONGEST = 10.0  # a suite is never trusted beyond ten runs of the benchmark's own
_SMALLEST_VARIANCE = 1e-8  # (1e-4)²: no timer resolves less


def robust_deviations(values: Floats) -> Floats:
    """Estimate the standard deviation of each row, ignoring NaN, so that single disturbed runs do not move it.

    The larger of the median absolute deviation, with the finite-sample factors of Croux and Rousseeuw (1992), and
    the distance of the outer deciles: noise in clusters, where three of four runs agree to the digit, would look
    silent to the first alone.
    """
    runs = np.count_nonzero(~np.isnan(values), axis=1)
    deviation = normal.DEVIATION_PER_MAD * medians(np.abs(values - medians(values)[:, None]))
    factor = np.where(
        runs < len(_FACTORS), _FACTORS[np.minimum(runs, len(_FACTORS) - 1)], runs / np.maximum(runs - 0.8, 1)
    )
    ordered = np.sort(values, axis=1)
    low, high = (quantiles(ordered, share) for share in (0.1, 0.9))
    deviations: Floats = np.maximum(deviation * factor, (high - low) / normal.DEVIATIONS_BETWEEN_DECILES)
    return deviations


def is_own(environment: Environment) -> bool:
    """Whether the machine is known to be the same one every time."""
    return environment.is_known and any(word in environment.runner.lower() for word in _OWN_RUNNERS)


def between_sessions(environment: Environment, tau: SessionSpread) -> float:
    """Return the spread of log times between two sessions with this fingerprint."""
    if not environment.is_known:
        return tau.unknown
    return tau.dedicated if is_own(environment) else tau.hosted


def per_row(scale: Scale, timed: float, tau: SessionSpread) -> Floats:
    """Return the spread of each row: sizes and counts do not depend on the machine's speed, exact ones on nothing."""
    other = min(timed, tau.dedicated)
    return np.where(scale.exact | scale.linear, 0.0, np.where(scale.timed, timed, other))


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
    learned = (runs >= _FEWEST_SESSIONS) & ~scale.linear & np.isfinite(spread)
    return {
        (rows.benchmarks[row].name, rows.metrics[row].name): Noise(float(spread[row]), int(runs[row]))
        for row in plain(np.flatnonzero(learned))
    }


def fit(variances: Floats, df: Floats, strongest: float = _STRONGEST) -> tuple[float, float]:
    """Return (d0, s0²): the prior's degrees of freedom, `strongest` at most, and its variance.

    d0 = 0 where the suite is too small.
    """
    usable = (df >= 1) & np.isfinite(variances)
    if usable.sum() < _FEWEST_BENCHMARKS:
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
