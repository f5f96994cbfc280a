"""Learned noise: how far runs of unchanged code lie apart, and whether a history is steady enough to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.judge import change_points
from regress_action.judge.policy import Noise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from regress_action.judge.arrays import Floats
    from regress_action.judge.change_points import ChangePoint
    from regress_action.judge.histories import History

FEWEST = 5
LARGEST_SPREAD = 0.10
LAST = 50
_NORMAL_MAD = 1.4826
_NORMAL_DECILES = 2.5631
_SMALL = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}


@dataclass(frozen=True, slots=True)
class Learned:
    """What a history teaches about a benchmark's noise.

    `spread` is the robust standard deviation of log values between runs since the last change of level, None
    where there are too few runs or no logarithms; `runs` is how many it rests on, and `since` the index of the
    first of them. `why` is a sentence on why the history is stable, or is not.
    """

    spread: float | None
    runs: int
    since: int
    stable: bool
    why: str

    @property
    def noise(self) -> Noise | None:
        """The noise as the comparison takes it; None while the history is not stable."""
        return Noise(self.spread, self.runs) if self.stable and self.spread is not None else None


def learn(values: ArrayLike, *, changes: Sequence[ChangePoint] | None = None) -> Learned:
    """Learn from the run values of one benchmark in one environment, oldest first.

    Only the last fifty runs since the last change point count. `changes` saves finding the change points again.
    """
    values = np.asarray(values, float).ravel()
    found = change_points.find(values) if changes is None else changes
    since = found[-1].index if found else 0
    finite = np.flatnonzero(np.isfinite(values[since:])) + since
    used = finite[-LAST:]
    runs, first = len(used), int(used[0]) if len(used) else since
    if runs < FEWEST:
        return Learned(None, runs, first, stable=False, why=_too_few(runs, changed=bool(found)))
    if (values[used] <= 0).any():
        why = "Values of zero or less have no relative spread; differences are judged as they are."
        return Learned(None, runs, first, stable=False, why=why)
    spread = robust_deviation(np.log(values[used]))
    stable = spread <= LARGEST_SPREAD
    return Learned(spread, runs, first, stable=stable, why=_verdict(spread, runs, stable=stable))


def learn_all(histories: Iterable[History]) -> dict[tuple[str, str, str | None], Learned]:
    """Learn from every history, by benchmark, metric and fingerprint of the environment."""
    histories = list(histories)
    found = change_points.find_all([history.values for history in histories])
    return {
        (history.benchmark.name, history.metric.name, history.environment): learn(history.values, changes=changes)
        for history, changes in zip(histories, found, strict=True)
    }


def for_environment(
    learned: Mapping[tuple[str, str, str | None], Learned], environment: str | None
) -> dict[tuple[str, str], Noise]:
    """Return what `Policy.noise` takes: the noise of every stable history of one environment."""
    return {
        (benchmark, metric): noise
        for (benchmark, metric, where), one in learned.items()
        if where == environment and (noise := one.noise) is not None
    }


def robust_deviation(values: Floats) -> float:
    """Estimate a standard deviation that single disturbed runs do not move.

    The larger of the median absolute deviation, with the finite-sample factors of Croux and Rousseeuw (1992), and
    the distance of the outer deciles: noise in clusters, where three of four runs agree to the digit, would look
    silent to the first alone.
    """
    runs = len(values)
    deviation = _NORMAL_MAD * float(np.median(np.abs(values - np.median(values))))
    low, high = np.quantile(values, (0.1, 0.9))
    return max(deviation * _SMALL.get(runs, runs / (runs - 0.8)), float(high - low) / _NORMAL_DECILES)


def _too_few(runs: int, *, changed: bool) -> str:
    count = {0: "is no run", 1: "is one run"}.get(runs, f"are {runs} runs")
    return f"There {count}{' since its level last changed' if changed else ''}; {FEWEST} are needed."


def _verdict(spread: float, runs: int, *, stable: bool) -> str:
    if stable:
        return f"Its last {runs} runs at one level differ by {spread:.1%}."
    return f"Its last {runs} runs differ by {spread:.1%}, more than the {LARGEST_SPREAD:.0%} that allow a verdict."
