"""The laws of throughput by concurrency: the Universal Scalability Law, and growth up to a fixed limit.

* The Universal Scalability Law (Gunther 1993, 2007), fitted to throughput at several levels of concurrency.
* Throughput that grows in proportion to the concurrency up to a fixed limit: a pool, a semaphore, a number of workers.
* Throughput at several levels of concurrency, as it was measured.

    X(N) = λ N / (1 + σ (N - 1) + κ N (N - 1))

λ is the throughput of one, σ the contention, κ the coherence. The fit is by least squares of the throughput, as in the
published fits. The intervals are those of the posterior under Jeffreys' prior, which does not depend on how the law is
written, with σ ≥ 0, κ ≥ 0 and an unknown scatter; in a linear model they are those of Student's t.

With a limit of K at a time, X(N) = x · min(N, K). By Little's law K is the throughput at the limit times the time of a
request that does not wait (the asymptotic bounds of operational analysis: Denning and Buzen 1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


PARAMETERS = 3
_DRAWS, _ROUNDS = 5_000, 3
_TAILS = (0.025, 0.975)
_WIDER = 1.3
_SMALLEST_RESIDUAL = 1e-7
_MOST_CONTENTION = 10.0


@dataclass(frozen=True, slots=True)
class ParameterEstimate:
    """A value with its 95 % interval; an end may be infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScalabilityFit:
    """The parameters, where the throughput is highest, and how well the law describes the measurements.

    `peak` is the concurrency of the highest throughput, infinite where κ is 0. `residual` is the standard deviation of
    the measurements around the curve, as a share of the highest throughput; `sum_of_squares` is in the same unit.
    """

    rate: ParameterEstimate
    contention: ParameterEstimate
    coherence: ParameterEstimate
    peak: ParameterEstimate
    r_squared: float
    residual: float
    sum_of_squares: float

    def throughput(self, concurrency: Floats) -> Floats:
        """Return the throughput at levels of concurrency."""
        return throughput(concurrency, self.rate.value, self.contention.value, self.coherence.value)

    def flat_range(self, share: float, highest: float) -> tuple[float, float]:
        """Return the concurrency, up to `highest`, between which `share` of the best throughput is reached.

        The best is that of the peak, or of `highest` where the peak lies beyond it.
        """
        rate, sigma, kappa = self.rate.value, self.contention.value, self.coherence.value
        best = min(self.peak.value, highest)
        wanted = share * float(self.throughput(np.array([best]))[0])
        # wanted × (1 + σ (N - 1) + κ N (N - 1)) = λ N is quadratic in N.
        square, linear, constant = kappa * wanted, (sigma - kappa) * wanted - rate, (1 - sigma) * wanted
        if square <= 0:
            return max(1.0, -constant / linear if linear else 1.0), highest
        root = math.sqrt(max(linear**2 - 4 * square * constant, 0.0))
        return max(1.0, (-linear - root) / (2 * square)), min(highest, (-linear + root) / (2 * square))


def throughput(concurrency: Floats, rate: Any, contention: Any, coherence: Any) -> Floats:  # noqa: ANN401 - or arrays
    """Return X(N) for numbers or for arrays that fit each other."""
    others = concurrency - 1
    return np.asarray(rate * concurrency / (1 + contention * others + coherence * concurrency * others), np.float64)


def fit(levels: LoadLevels, *, seed: int = 0) -> ScalabilityFit:
    """Return the law that describes the measurements best.

    Raises:
        ValueError: there are fewer than four different levels.
    """
    from scipy.optimize import least_squares

    if len(levels.distinct) <= PARAMETERS:
        raise ValueError("three parameters need at least four different levels")
    scale = float(levels.throughput.max())
    measured, users = levels.throughput / scale, levels.concurrency

    def residuals(parameters: Floats) -> Floats:
        return throughput(users, *parameters) - measured

    solution = least_squares(
        residuals,
        _start(users, measured),
        bounds=([0, 0, 0], [np.inf, _MOST_CONTENTION, np.inf]),
        x_scale="jac",
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    squares = max(float(np.sum(solution.fun**2)), len(users) * _SMALLEST_RESIDUAL**2)
    freedom = max(len(users) - PARAMETERS, 1)
    covariance = np.linalg.pinv(solution.jac.T @ solution.jac) * squares / freedom
    draws = _posterior(users, measured, solution.x, covariance, seed)
    variation = float(np.sum((measured - measured.mean()) ** 2))
    rate, contention, coherence = (
        ParameterEstimate(float(value), *map(float, np.quantile(draws[:, index], _TAILS)))
        for index, value in enumerate(solution.x)
    )
    return ScalabilityFit(
        rate=ParameterEstimate(rate.value * scale, rate.low * scale, rate.high * scale),
        contention=contention,
        coherence=coherence,
        peak=ParameterEstimate(
            float(_peak(solution.x[None, :])[0]),
            *(float(value) for value in np.quantile(_peak(draws), _TAILS, method="nearest")),
        ),
        r_squared=1 - squares / variation if variation else 1.0,
        residual=math.sqrt(squares / freedom),
        sum_of_squares=squares,
    )


def _start(users: Floats, measured: Floats) -> Floats:
    """Return parameters near the best: N / X is 1/λ + σ/λ (N - 1) + κ/λ N (N - 1), linear in its coefficients."""
    from scipy.optimize import nnls

    weights = measured / users
    columns = np.stack((np.ones_like(users), users - 1, users * (users - 1)), axis=1)
    (constant, linear, square), _ = nnls(columns * weights[:, None], np.ones_like(users))
    if constant <= 0:
        return np.array([float(weights.max()), 0.05, 1e-4])
    start = np.array([1 / constant, linear / constant, square / constant], np.float64)
    return np.asarray(np.clip(start, [1e-9, 1e-6, 1e-9], [np.inf, 0.99 * _MOST_CONTENTION, np.inf]), np.float64)


def _peak(parameters: Floats) -> Floats:
    """Return the concurrency of the highest throughput, at least 1, for rows of parameters."""
    sigma, kappa = parameters[:, 1], parameters[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(kappa > 0, np.sqrt(np.maximum(1 - sigma, kappa) / kappa), np.inf), np.float64)


def _posterior(users: Floats, measured: Floats, best: Floats, covariance: Floats, seed: int) -> Floats:
    """Return draws of the parameters, rows × 3, where none is negative.

    Their density is (sum of squares)^(-count/2) times Jeffreys' prior, the root of the determinant of the information.
    Importance sampling from a wider Student's t, whose centre and covariance are adapted twice to what was drawn.
    """
    chance, count = np.random.default_rng(seed), len(users)
    freedom = max(count - PARAMETERS, 2)
    lowest = max(float(_squares(best[None, :], users, measured)[0]), count * _SMALLEST_RESIDUAL**2)
    centre, draws = best, best[None, :]
    for _ in range(_ROUNDS):
        factor = _root(covariance) * _WIDER
        normal = chance.standard_normal((_DRAWS, PARAMETERS))
        tail = np.sqrt(freedom / chance.chisquare(freedom, _DRAWS))
        drawn = centre + (normal * tail[:, None]) @ factor.T
        inside = (drawn[:, 0] > 0) & (drawn[:, 1] >= 0) & (drawn[:, 1] <= _MOST_CONTENTION) & (drawn[:, 2] >= 0)
        drawn, distance = drawn[inside], np.sum((normal * tail[:, None])[inside] ** 2, axis=1)
        if not len(drawn):
            return best[None, :]
        target = -count / 2 * np.log(np.maximum(_squares(drawn, users, measured), lowest) / lowest)
        target += 0.5 * np.log(np.maximum(_information(drawn, users), 1e-300))
        logs = target + (freedom + PARAMETERS) / 2 * np.log1p(distance / freedom)
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        draws = drawn[chance.choice(len(drawn), _DRAWS, p=weights)]
        centre, covariance = draws.mean(axis=0), np.cov(draws.T)
    return draws


def _squares(parameters: Floats, users: Floats, measured: Floats) -> Floats:
    """Return the sum of squares of each row of parameters."""
    rate, contention, coherence = (parameters[:, [index]] for index in range(PARAMETERS))
    return np.asarray(np.sum((throughput(users, rate, contention, coherence) - measured) ** 2, axis=1), np.float64)


def _information(parameters: Floats, users: Floats) -> Floats:
    """Return the determinant of the information matrix, up to a factor, for each row of parameters."""
    rate, contention, coherence = (parameters[:, [index]] for index in range(PARAMETERS))
    by_rate = throughput(users, 1.0, contention, coherence)
    by_slope = -rate * by_rate**2 / users
    slopes = np.stack((by_rate, by_slope * (users - 1), by_slope * users * (users - 1)), axis=2)
    return np.asarray(np.linalg.det(np.einsum("rni,rnj->rij", slopes, slopes)), np.float64)


def _root(covariance: Floats) -> Floats:
    """Return a matrix whose product with its transpose is the covariance, in which nothing is quite certain."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-24))
    correlation = covariance / np.outer(deviation, deviation)
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    return np.asarray(deviation[:, None] * vectors * np.sqrt(np.maximum(values, 1e-9)), np.float64)


LIMIT_PARAMETERS = 2
_POINTS = 2000


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
    freedom = max(len(users) - LIMIT_PARAMETERS, 1)
    limit = squares[best] * (1 + float(f_distribution.ppf(0.95, 1, freedom)) / freedom)
    inside = knees[squares <= limit]
    return FixedLimitFit(
        knee=ParameterEstimate(float(knees[best]), float(inside[0]), float(inside[-1])),
        rate=float(rates[best]) * scale,
        residual=math.sqrt(float(squares[best]) / freedom),
        sum_of_squares=float(squares[best]),
        reached=bool(inside[-1] < levels.highest),
    )


@dataclass(frozen=True, slots=True)
class LoadLevels:
    """Measurements in the order of their concurrency; a level may occur several times.

    `concurrency` are users, threads or processes, `throughput` answers a second, `latency_s` their mean time (NaN where
    it is not known), `think_s` what a user waits between two requests. `failed` is the largest share of requests that
    ended in an error at any level.
    """

    concurrency: Floats
    throughput: Floats
    latency_s: Floats
    think_s: float = 0.0
    failed: float = 0.0

    @classmethod
    def of(cls, concurrency: Floats, throughput: Floats, latency_s: Floats | None = None) -> LoadLevels:
        """Return the measurements in the order of their concurrency."""
        order = np.argsort(concurrency, kind="stable")
        latency = np.full(len(order), np.nan) if latency_s is None else latency_s
        return cls(concurrency[order], throughput[order], latency[order])

    @property
    def distinct(self) -> Floats:
        """The levels, each once."""
        return np.unique(self.concurrency)

    @property
    def highest(self) -> float:
        """The highest level."""
        return float(self.concurrency[-1])

    @property
    def little(self) -> Floats:
        """The concurrency that Little's law gives (throughput times latency and think time) over that of the level."""
        return self.throughput * (self.latency_s + self.think_s) / self.concurrency
