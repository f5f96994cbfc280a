"""What was measured so far: log ratios of commits to the good commit, summarised for a Gaussian likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.analysis.arrays import Floats, Ints

_MAD_TO_SD = 1.4826
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
    deviation = _MAD_TO_SD * float(np.median(np.abs(residuals))) * (len(residuals) / freedom) ** 0.5
    if deviation == 0:
        return rows
    return {
        commit: np.clip(row, np.median(row) - _FENCE * deviation, np.median(row) + _FENCE * deviation)
        for commit, row in rows.items()
    }
