"""Throughput that grows in proportion to the concurrency up to a fixed limit: a pool, a semaphore, a number of workers.

With a limit of K at a time, X(N) = x · min(N, K). By Little's law K is the throughput at the limit times the time of a
request that does not wait (the asymptotic bounds of operational analysis: Denning and Buzen 1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.advice.scalability.usl import ParameterEstimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regress_action.advice.scalability.levels import LoadLevels

    Floats = NDArray[np.float64]

PARAMETERS = 2
_POINTS = 2000
_SMALLEST_RESIDUAL = 1e-7


@dataclass(frozen=True, slots=True)
class FixedLimitFit:
    """The limit with its 95 % interval, the throughput of one request at a time, and the scatter around both lines.

    `knee` is the highest level where no limit was reached. `sum_of_squares` is in shares of the highest throughput.
    """

    knee: ParameterEstimate
    rate: float
    residual: float
    sum_of_squares: float
    reached: bool

    def throughput(self, concurrency: Floats) -> Floats:
        """Return the throughput at levels of concurrency."""
        return self.rate * np.minimum(concurrency, self.knee.value)


def fit_fixed_limit(levels: LoadLevels) -> FixedLimitFit:
    """Return the limit that describes the measurements best; the interval is that of the likelihood ratio (F)."""
    from scipy.stats import f as f_distribution

    scale = float(levels.throughput.max())
    measured, users = levels.throughput / scale, levels.concurrency
    knees = np.geomspace(float(users[0]), levels.highest, _POINTS)
    shapes = np.minimum(users[None, :], knees[:, None])
    rates = shapes @ measured / np.sum(shapes**2, axis=1)
    squares = np.sum((rates[:, None] * shapes - measured) ** 2, axis=1)
    squares = np.maximum(squares, len(users) * _SMALLEST_RESIDUAL**2)
    best = int(np.argmin(squares))
    freedom = max(len(users) - PARAMETERS, 1)
    limit = squares[best] * (1 + float(f_distribution.ppf(0.95, 1, freedom)) / freedom)
    inside = knees[squares <= limit]
    return FixedLimitFit(
        knee=ParameterEstimate(float(knees[best]), float(inside[0]), float(inside[-1])),
        rate=float(rates[best]) * scale,
        residual=math.sqrt(float(squares[best]) / freedom),
        sum_of_squares=float(squares[best]),
        reached=bool(inside[-1] < levels.highest),
    )
