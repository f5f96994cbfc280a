"""Rules that name the direction of twenty runs: ours, and what is usually done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import trend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from history_noise import Floats, Stretch

RUNS = 20
SHORTEST_LEVEL = 3
_ORDER = np.arange(RUNS, dtype=float)


def hosted_windows(stretches: Sequence[Stretch], windows: int, seed: int) -> list[Floats]:
    """Draw windows of twenty neighbouring runs and shuffle each, so that nothing trends."""
    draw = np.random.default_rng(seed)
    chosen = []
    for _ in range(windows):
        values = stretches[int(draw.integers(len(stretches)))].values
        first = draw.integers(0, len(values) - RUNS + 1)
        chosen.append(draw.permutation(values[first : first + RUNS]))
    return chosen


def _step(number: int) -> Floats:
    """Step by 20 % at one of the middle twelve runs."""
    return np.where(np.arange(RUNS) < 4 + number % 13, 1.0, 1.2)


CASES: dict[str, Callable[[int], Floats]] = {
    "stationary": lambda _: np.ones(RUNS),
    "10 % drift": lambda _: np.geomspace(1, 1.1, RUNS),
    "20 % drift": lambda _: np.geomspace(1, 1.2, RUNS),
    "20 % step": _step,
}


def ours(values: Floats) -> str:
    """Ask the program."""
    return trend.follow(values).direction.value


def correlation_only(values: Floats) -> str:
    """Call a Pearson correlation above 0.3 a direction."""
    if not values.std():
        return "stable"
    r = float(np.corrcoef(_ORDER, values)[0, 1])
    return "degrading" if r > 0.3 else "improving" if r < -0.3 else "stable"  # noqa: PLR2004 - the rule


def significant_drift(values: Floats) -> str:
    """Ask for Spearman's p < .01 and a Theil-Sen drift of 5 % as well."""
    r = trend.correlation(_ORDER, np.log(values))
    (p,) = trend.significance(np.array([r]), np.array([RUNS]))
    drift = _slope(np.log(values)) * (RUNS - 1)
    if p >= 0.01 or abs(r) <= 0.3 or abs(drift) < math.log(1.05):  # noqa: PLR2004 - the rule
        return "stable"
    return "degrading" if drift > 0 else "improving"


def line_beats_step(values: Floats) -> str:
    """Ask further that a least-squares line fits better than the best single step does."""
    called = significant_drift(values)
    if called == "stable":
        return called
    levels = np.log(values)
    line = np.polynomial.Polynomial.fit(_ORDER, levels, 1)
    errors = [
        ((levels[:at] - levels[:at].mean()) ** 2).sum() + ((levels[at:] - levels[at:].mean()) ** 2).sum()
        for at in range(SHORTEST_LEVEL, RUNS - SHORTEST_LEVEL + 1)
    ]
    return called if ((levels - line(_ORDER)) ** 2).sum() < min(errors) else "step"


def _slope(values: Floats) -> float:
    first, second = np.triu_indices(len(values), 1)
    return float(np.median((values[second] - values[first]) / (second - first)))


RULES: dict[str, Callable[[Floats], str]] = {
    "regress-action": ours,
    "r > 0.3": correlation_only,
    "Spearman p < .01, drift ≥ 5 %": significant_drift,
    "… and line beats step (squares)": line_beats_step,
}
