"""What was measured so far: log ratios of commits to the good commit, summarised for a Gaussian likelihood.

Also here: what a measurement of two commits says of one benchmark: a log ratio for each pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.model import normal
from regress_action.model.measurements import Direction, matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from regress_action.analysis.arrays import Floats, Ints
    from regress_action.model.measurements import Report, Series


_FENCE = 3.5
_ENOUGH_FOR_FENCES = 4


@dataclass(frozen=True, slots=True)
class Observations:
    """Sufficient statistics of each measured commit, all of shape (measured,).

    `commits` are positions among the candidates, `pairs` the numbers of log ratios, `means` their means, and `scatter`
    their sums of squared deviations from the mean.
    """

    commits: Ints
    pairs: Floats
    means: Floats
    scatter: Floats

    @classmethod
    def of(cls, measured: Mapping[int, Sequence[float]]) -> Observations:
        """Summarise the log ratios of each commit; values beyond 3.5 robust deviations are moved to that fence.

        The robust deviation is the median absolute deviation of all commits together, each from its own median, as in
        Huber's winsorised mean: a disturbed run cannot outweigh the others.
        """
        commits = sorted(commit for commit, values in measured.items() if len(values))
        tamed = _tamed(measured)
        values = [tamed[commit] for commit in commits]
        return cls(
            commits=np.array(commits, dtype=np.intp),
            pairs=np.array([len(row) for row in values], dtype=float),
            means=np.array([row.mean() for row in values], dtype=float),
            scatter=np.array([np.square(row - row.mean()).sum() for row in values], dtype=float),
        )


def _tamed(measured: Mapping[int, Sequence[float]]) -> dict[int, Floats]:
    """Return the log ratios with outliers moved to the fences around the median of their commit."""
    rows = {commit: np.asarray(values, dtype=float) for commit, values in measured.items() if len(values)}
    residuals = np.concatenate([row - np.median(row) for row in rows.values()]) if rows else np.empty(0)
    if len(residuals) < _ENOUGH_FOR_FENCES:
        return rows
    # Each median takes a degree of freedom, so the deviation of few pairs is scaled up.
    freedom = max(1, len(residuals) - len(rows))
    deviation = normal.DEVIATION_PER_MAD * float(np.median(np.abs(residuals))) * (len(residuals) / freedom) ** 0.5
    if deviation == 0:
        return rows
    return {
        commit: np.clip(row, np.median(row) - _FENCE * deviation, np.median(row) + _FENCE * deviation)
        for commit, row in rows.items()
    }


_FEWEST_PAIRS = 3
_SMALLEST_CHANGE = 0.01
_CHANCE = 0.001
_PREFERRED = ("time", "latency", "cpu_time", "peak_memory")


def log_ratios(base: Report, head: Report, key: tuple[str, str]) -> list[float]:
    """Return the log badness ratio, head to base, of each pair in which both sides have a positive value."""
    before, after = (_by_pair(report, key) for report in (base, head))
    sign = -1.0 if _series(head, key).metric.direction is Direction.HIGHER else 1.0
    return [
        sign * math.log(after[pair] / before[pair])
        for pair in sorted(before.keys() & after.keys())
        if before[pair] > 0 and after[pair] > 0
    ]


def keys_of(base: Report, head: Report, pattern: str, metric: str | None) -> list[tuple[str, str]]:
    """Return the benchmarks and metrics with a ratio that both sides have and that match.

    Without `metric` only the main metric of each benchmark counts: its time where it has one.
    """
    both = {series.key for series in base.series}
    return main_keys([series for series in head.series if series.key in both], pattern, metric)


def main_keys(series: Iterable[Series], pattern: str, metric: str | None) -> list[tuple[str, str]]:
    """Return the keys that match, of those metrics that have a ratio: the main metric of each benchmark by default."""
    fitting = [row.key for row in series if not row.metric.signed and matches(row.benchmark.name, pattern)]
    if metric is not None:
        return list(dict.fromkeys(key for key in fitting if matches(key[1], metric)))
    main: dict[str, tuple[str, str]] = {}
    for key in sorted(fitting, key=lambda key: _rank(key[1])):
        main.setdefault(key[0], key)
    return list(main.values())


def is_exact(report: Report, key: tuple[str, str]) -> bool:
    """Whether the metric of this series has no noise."""
    return _series(report, key).metric.exact


def change_size(ratios: list[float]) -> float:
    """Return how many standard errors the mean log ratio is away from no change; the larger, the clearer a change."""
    mean = math.fsum(ratios) / len(ratios)
    variance = math.fsum((ratio - mean) ** 2 for ratio in ratios) / max(1, len(ratios) - 1)
    return abs(mean) / math.sqrt(variance / len(ratios) + 1e-10)


def is_clear(ratios: list[float], *, exact: bool) -> bool:
    """Whether log ratios alone show a change: any of an exact metric, else 1 % and Student's p below 0.001."""
    if exact:
        return any(ratios)
    if len(ratios) < _FEWEST_PAIRS or abs(math.fsum(ratios) / len(ratios)) < _SMALLEST_CHANGE:
        return False
    from scipy import stats

    return change_size(ratios) > float(stats.t.isf(_CHANCE / 2, len(ratios) - 1))


def _rank(metric: str) -> int:
    return _PREFERRED.index(metric) if metric in _PREFERRED else len(_PREFERRED)


def _series(report: Report, key: tuple[str, str]) -> Series:
    return next(series for series in report.series if series.key == key)


def _by_pair(report: Report, key: tuple[str, str]) -> dict[int, float]:
    values = _series(report, key).values
    return {
        run.pair: value
        for run, value in zip(report.runs, values, strict=True)
        if run.pair is not None and math.isfinite(value)
    }
