"""What levels of load say about concurrency, as one value and as the object of `scalability --json`."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from regress_action.advice.scalability import laws
from regress_action.advice.scalability.laws import FixedLimitFit, ParameterEstimate, ScalabilityFit, fit_fixed_limit

if TYPE_CHECKING:
    from regress_action.advice.scalability.laws import LoadLevels

_SCHEMA = 1
FLAT = 0.95
"""The share of the best throughput from which the curve counts as flat."""
FEWEST = 4
"""Different levels without which nothing is fitted."""
_FEW = 6
_BEYOND = 1.25
"""How far beyond the highest level a peak is believed."""
_DECIDED = 2.0
_POOR = 0.1
_LITTLE = 0.1
_ERRORS = 0.01


class LimitedBy(StrEnum):
    """What keeps the throughput from growing with the concurrency."""

    CONTENTION = "contention"
    COHERENCE = "coherence"
    FIXED_LIMIT = "fixed limit"
    NOTHING = "nothing seen"


class ScalabilityDoubt(StrEnum):
    """Why the answer is not certain."""

    FEW_LEVELS = "few levels"
    STILL_RISING = "still rising"
    UNCERTAIN = "uncertain"
    POOR_FIT = "poor fit"
    LITTLE = "little's law"
    ERRORS = "errors"


@dataclass(frozen=True, slots=True)
class ScalabilityAnalysis:
    """Two models of the measurements, which of them is the better one, and the concurrency to use.

    `optimal` is the concurrency with the highest throughput; `flat` the range in which 95 % of it are reached. Both are
    None where there are not enough levels to fit anything.
    """

    levels: LoadLevels
    law: ScalabilityFit | None
    limit: FixedLimitFit | None
    limited_by: LimitedBy | None
    optimal: ParameterEstimate | None
    flat: tuple[float, float] | None
    doubts: tuple[ScalabilityDoubt, ...]

    @property
    def best(self) -> ScalabilityFit | FixedLimitFit | None:
        """The model that describes the measurements better."""
        return self.limit if self.limited_by in (LimitedBy.FIXED_LIMIT, LimitedBy.NOTHING) else self.law

    @property
    def suggested(self) -> tuple[int, ...]:
        """Levels to measure besides, for a certain answer."""
        distinct, highest = self.levels.distinct, round(self.levels.highest)
        if ScalabilityDoubt.STILL_RISING in self.doubts:
            return (2 * highest, 4 * highest)
        if ScalabilityDoubt.FEW_LEVELS in self.doubts or ScalabilityDoubt.UNCERTAIN in self.doubts:
            present = {round(float(level)) for level in distinct}
            between = {round(math.sqrt(low * high)) for low, high in itertools.pairwise(distinct)}
            return tuple(sorted({*between, 2 * highest} - present))
        return ()

    def as_dict(self) -> dict[str, Any]:
        """Return the analysis for a program; throughput in answers a second, times in seconds."""
        levels, best = self.levels, self.best
        fitted = best.throughput(levels.concurrency).tolist() if best else [None] * len(levels.concurrency)
        rows = zip(levels.concurrency, levels.throughput, levels.latency_s, fitted, levels.little, strict=True)
        return {
            "schema": _SCHEMA,
            "levels": [
                {
                    "concurrency": float(users),
                    "throughput": float(rate),
                    "latency": _finite(latency),
                    "fitted": model,
                    "little": _finite(little),
                }
                for users, rate, latency, model, little in rows
            ],
            "limited_by": self.limited_by,
            "optimal": None if self.optimal is None or best is None else self._optimal(self.optimal, best),
            "enough_levels": not self.doubts,
            "doubts": list(self.doubts),
            "suggested_levels": list(self.suggested),
            "usl": None if self.law is None else _as_dict(self.law),
            "fixed_limit": None if self.limit is None else _as_dict(self.limit),
        }

    def _optimal(self, optimal: ParameterEstimate, best: ScalabilityFit | FixedLimitFit) -> dict[str, Any]:
        flat = self.flat or (optimal.value, optimal.value)
        users = np.array([optimal.value, math.ceil(flat[0])])
        at_best, at_flat = best.throughput(users).tolist()
        return {
            "concurrency": optimal.value,
            "low": optimal.low,
            "high": _finite(optimal.high),
            "throughput": at_best,
            "flat_from": flat[0],
            "flat_to": flat[1],
            "use": math.ceil(flat[0]),
            "throughput_there": at_flat,
            "latency": optimal.value / at_best,
            "latency_there": math.ceil(flat[0]) / at_flat,
        }


def analyse(levels: LoadLevels) -> ScalabilityAnalysis:
    """Return what measurements at one or more levels say."""
    if len(levels.distinct) < FEWEST:
        return ScalabilityAnalysis(
            levels, None, None, None, None, None, (ScalabilityDoubt.FEW_LEVELS, *_doubtful(levels))
        )
    law, limit = laws.fit(levels), fit_fixed_limit(levels)
    count = len(levels.concurrency)
    by_law = _criterion(law.sum_of_squares, laws.PARAMETERS, count)
    by_limit = _criterion(limit.sum_of_squares, laws.LIMIT_PARAMETERS, count)
    if by_limit <= by_law:
        limited = LimitedBy.FIXED_LIMIT if limit.reached else LimitedBy.NOTHING
        optimal, flat = limit.knee, (FLAT * limit.knee.value, levels.highest)
    else:
        limited = _limited_by(law, levels.highest)
        optimal = _within(law.peak, _BEYOND * levels.highest)
        flat = law.flat_range(FLAT, max(levels.highest, optimal.value))
    residual = min(law.residual, limit.residual)
    return ScalabilityAnalysis(
        levels, law, limit, limited, optimal, flat, (*_doubts(levels, law, limit, limited, residual),)
    )


def _criterion(squares: float, parameters: int, count: int) -> float:
    """Return the Bayesian information criterion (Schwarz 1978): of two models, the lower one describes better."""
    return count * math.log(squares / count) + parameters * math.log(count)


def _limited_by(law: ScalabilityFit, highest: float) -> LimitedBy:
    """Return which of contention and coherence costs more at the peak, or at the highest level before it."""
    users = min(law.peak.value, highest)
    contention, coherence = law.contention.value, law.coherence.value * users
    return LimitedBy.COHERENCE if coherence > contention else LimitedBy.CONTENTION


def _within(peak: ParameterEstimate, highest: float) -> ParameterEstimate:
    """Return the peak, or the highest concurrency that is believed where the peak lies beyond it."""
    return ParameterEstimate(min(peak.value, highest), min(peak.low, highest), peak.high)


def _doubts(
    levels: LoadLevels, law: ScalabilityFit, limit: FixedLimitFit, limited: LimitedBy, residual: float
) -> list[ScalabilityDoubt]:
    doubts = []
    if len(levels.distinct) < _FEW:
        doubts.append(ScalabilityDoubt.FEW_LEVELS)
    by_law = limited in (LimitedBy.CONTENTION, LimitedBy.COHERENCE)
    if limited is LimitedBy.NOTHING or (by_law and law.peak.value > _BEYOND * levels.highest):
        doubts.append(ScalabilityDoubt.STILL_RISING)
    elif (law.peak.high / law.peak.low if by_law else limit.knee.high / limit.knee.low) > _DECIDED:
        doubts.append(ScalabilityDoubt.UNCERTAIN)
    if residual > _POOR:
        doubts.append(ScalabilityDoubt.POOR_FIT)
    return doubts + _doubtful(levels)


def _doubtful(levels: LoadLevels) -> list[ScalabilityDoubt]:
    """Return whether requests failed, and whether throughput, latency and concurrency do not belong together."""
    ratios = levels.little[np.isfinite(levels.little)]
    unlike = len(ratios) > 0 and bool(np.abs(ratios - 1).max() > _LITTLE)
    doubts = ((ScalabilityDoubt.ERRORS, levels.failed > _ERRORS), (ScalabilityDoubt.LITTLE, unlike))
    return [doubt for doubt, present in doubts if present]


def _as_dict(model: ScalabilityFit | FixedLimitFit) -> dict[str, Any]:
    return {
        name: {key: _finite(number) for key, number in value.items()} if isinstance(value, dict) else value
        for name, value in asdict(model).items()
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
