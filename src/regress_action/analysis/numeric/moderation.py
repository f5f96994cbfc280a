"""What the whole suite says about the spread of one benchmark: the moderated variance of Smyth's limma.

Source: G. K. Smyth, "Linear models and empirical Bayes methods", SAGMB 3 (2004), section 6.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from regress_action.analysis.numeric.arrays import Floats

_ENOUGH = 10  # fewer benchmarks say too little about each other
_STRONGEST = 10.0  # a suite is never trusted beyond ten runs of the benchmark's own
_FLOOR = 1e-8  # (1e-4)²: no timer resolves less


def fit(variances: Floats, df: Floats) -> tuple[float, float]:
    """Return (d0, s0²): the prior's degrees of freedom and variance; d0 = 0 where the suite is too small."""
    usable = (df >= 1) & np.isfinite(variances)
    if usable.sum() < _ENOUGH:
        return 0.0, 0.0
    half = df[usable] / 2
    logs = np.log(np.maximum(variances[usable], _FLOOR)) - _digamma(half) + np.log(half)
    center = float(logs.mean())
    excess = float(logs.var(ddof=1) - _trigamma(half).mean())
    d0 = min(2 * _inverse_trigamma(excess), _STRONGEST) if excess > 0 else _STRONGEST
    prior = np.exp(center + _digamma(np.array([d0 / 2]))[0] - np.log(d0 / 2))
    return d0, float(prior)


def _digamma(x: Floats) -> Floats:
    """Return ψ(x): the recurrence up to 6, then the asymptotic series (Abramowitz and Stegun 6.3.18)."""
    shifted, total = x.astype(float), np.zeros_like(x, dtype=float)
    for _ in range(6):
        small = shifted < 6  # noqa: PLR2004 - where the series reaches ten digits
        total = total - np.where(small, 1 / shifted, 0)
        shifted = np.where(small, shifted + 1, shifted)
    w = 1 / shifted**2
    series = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w / 132))))
    return np.asarray(total + np.log(shifted) - 0.5 / shifted - series)


def _trigamma(x: Floats) -> Floats:
    """Return ψ'(x) likewise (Abramowitz and Stegun 6.4.12)."""
    shifted, total = x.astype(float), np.zeros_like(x, dtype=float)
    for _ in range(6):
        small = shifted < 6  # noqa: PLR2004 - as above
        total = total + np.where(small, 1 / shifted**2, 0)
        shifted = np.where(small, shifted + 1, shifted)
    w = 1 / shifted**2
    series = w * (1 / 6 - w * (1 / 30 - w * (1 / 42 - w / 30)))
    return np.asarray(total + 1 / shifted + w / 2 + series / shifted)


def _inverse_trigamma(y: float) -> float:
    """Return the x with ψ'(x) = y, by bisection on the logarithm; ψ' falls monotonically."""
    low, high = 1e-4, 1e8
    for _ in range(80):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if _trigamma(np.array([middle]))[0] > y else (low, middle)
    return low
