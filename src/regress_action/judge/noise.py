"""Learned noise: how far runs of unchanged code lie apart, and whether a history is steady enough to tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.judge import change_points
from regress_action.judge.arrays import end_to_end, medians, plain, quantiles
from regress_action.judge.policy import Noise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from regress_action.judge.arrays import Floats, Ints
    from regress_action.judge.histories import History

FEWEST = 5
LARGEST_SPREAD = 0.10
LAST = 50
_NORMAL_MAD = 1.4826
_NORMAL_DECILES = 2.5631
_SMALL = np.array([1.0, 1.0, 1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107])  # by the number of runs


@dataclass(frozen=True, slots=True)
class Learned:
    """What a history teaches about a benchmark's noise.

    `spread` is the robust standard deviation of log values between runs since the last change of level, None
    where there are too few runs or no logarithms; `runs` is how many it rests on, and `since` the index of the
    first of them. `changed` says that the level changed before it.
    """

    spread: float | None
    runs: int
    since: int
    changed: bool = False

    @property
    def stable(self) -> bool:
        """Whether the history is steady enough to tell a change from noise."""
        return self.spread is not None and self.spread <= LARGEST_SPREAD

    @property
    def why(self) -> str:
        """A sentence on why the history is stable, or is not."""
        if self.runs < FEWEST:
            return _too_few(self.runs, changed=self.changed)
        if self.spread is None:
            return "Values of zero or less have no relative spread; differences are judged as they are."
        if self.stable:
            return f"Its last {self.runs} runs at one level differ by {self.spread:.1%}."
        limit = f"{LARGEST_SPREAD:.0%} that allow a verdict"
        return f"Its last {self.runs} runs differ by {self.spread:.1%}, more than the {limit}."

    @property
    def noise(self) -> Noise | None:
        """The noise as the comparison takes it; None while the history is not stable."""
        return Noise(self.spread, self.runs) if self.stable and self.spread is not None else None


def learn(values: ArrayLike) -> Learned:
    """Learn from the run values of one benchmark in one environment, oldest first.

    Only the last fifty runs since the last change point count.
    """
    return _learn([np.asarray(values, float).ravel()])[0]


def learn_all(histories: Iterable[History]) -> dict[tuple[str, str, str | None], Learned]:
    """Learn from every history, by benchmark, metric and fingerprint of the environment."""
    histories = list(histories)
    learned = _learn([history.values for history in histories])
    return {(*history.key, history.environment): one for history, one in zip(histories, learned, strict=True)}


def _learn(series: Sequence[Floats]) -> list[Learned]:
    found = change_points.find_all(series)
    changed = [bool(changes) for changes in found]
    values, since = _last(series, np.array([changes[-1].index if changes else 0 for changes in found], np.intp))
    runs = np.count_nonzero(~np.isnan(values), axis=1)
    levels = np.log(np.where(values > 0, values, np.nan))
    levels[(values <= 0).any(axis=1) | (runs < FEWEST)] = np.nan
    spreads = (None if math.isnan(spread) else spread for spread in plain(robust_deviations(levels)))
    return [Learned(*one) for one in zip(spreads, plain(runs), plain(since), changed, strict=True)]


def _last(series: Sequence[Floats], since: Ints) -> tuple[Floats, Ints]:
    """Return, newest first, the last finite values of each series from the index `since` on, and the oldest's index."""
    flat, owner, index = end_to_end(series)
    used = index >= since[owner]
    flat, owner, index = flat[used], owner[used], index[used]
    runs = np.bincount(owner, minlength=len(series))
    newer = np.cumsum(runs)[owner] - np.arange(len(flat)) - 1
    oldest = newer == np.minimum(runs, LAST)[owner] - 1
    first = since.copy()
    first[owner[oldest]] = index[oldest]
    values = np.full((len(series), LAST), np.nan)
    kept = newer < LAST
    values[owner[kept], newer[kept]] = flat[kept]
    return values, first


def for_environment(
    learned: Mapping[tuple[str, str, str | None], Learned], environment: str | None
) -> dict[tuple[str, str], Noise]:
    """Return what `Policy.noise` takes: the noise of every stable history of one environment."""
    return {
        (benchmark, metric): noise
        for (benchmark, metric, where), one in learned.items()
        if where == environment and (noise := one.noise) is not None
    }


def robust_deviations(values: Floats) -> Floats:
    """Estimate the standard deviation of each row, ignoring NaN, so that single disturbed runs do not move it.

    The larger of the median absolute deviation, with the finite-sample factors of Croux and Rousseeuw (1992), and
    the distance of the outer deciles: noise in clusters, where three of four runs agree to the digit, would look
    silent to the first alone.
    """
    runs = np.count_nonzero(~np.isnan(values), axis=1)
    deviation = _NORMAL_MAD * medians(np.abs(values - medians(values)[:, None]))
    factor = np.where(runs < len(_SMALL), _SMALL[np.minimum(runs, len(_SMALL) - 1)], runs / np.maximum(runs - 0.8, 1))
    ordered = np.sort(values, axis=1)
    low, high = (quantiles(ordered, share) for share in (0.1, 0.9))
    deviations: Floats = np.maximum(deviation * factor, (high - low) / _NORMAL_DECILES)
    return deviations


def _too_few(runs: int, *, changed: bool) -> str:
    count = {0: "is no run", 1: "is one run"}.get(runs, f"are {runs} runs")
    return f"There {count}{' since its level last changed' if changed else ''}; {FEWEST} are needed."
