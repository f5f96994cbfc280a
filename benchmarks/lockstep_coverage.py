"""How often the interval of a comparison holds the truth, where two processes of the same code differ.

Simulated pairs have what moments do to both sides alike, what a process adds of its own, and, where there are two
builds, what a build adds to every process. They are judged by the analysis of regress-action.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regress_action import analysis
from unit.analysis.compared_sides import pairs

MOMENTS = 0.2
BUILD = analysis.Policy().session_spread.paired
_AT_ONCE = 20


def coverage(trials: int) -> list[dict[str, Any]]:
    """Return, for spreads of a process and numbers of pairs, the share of intervals that hold the true ratio of 1."""
    chance = np.random.default_rng(1)
    return [
        {
            "builds": builds, "spread of a process": process, "pairs": number, "comparisons": trials,
            "covered": covered(simulated(chance, trials, number, process, BUILD if builds == "two" else 0.0)),
        }
        for builds in ("two", "one")
        for process in (0.002, 0.01, 0.03)
        for number in (5, 8, 12, 30)
    ]  # fmt: skip


def simulated(chance: np.random.Generator, trials: int, number: int, process: float, build: float) -> np.ndarray:
    """Return log times, `trials × 2 sides × number of pairs`, of identical code; the arguments are log spreads."""
    moments = chance.normal(0, MOMENTS, (trials, 1, number))
    times: np.ndarray = moments + chance.normal(0, process, (trials, 2, number))
    times[:, 1] += chance.normal(0, build, (trials, 1))
    return times


def covered(log_times: np.ndarray) -> float:
    """Return the share of comparisons, `comparisons × 2 × pairs`, whose interval holds 1."""
    inside = 0
    for part in np.split(log_times, range(_AT_ONCE, len(log_times), _AT_ONCE)):
        sides = [pairs({str(at): np.exp(one[side]) for at, one in enumerate(part)}) for side in (0, 1)]
        for row in analysis.compare([sides[0]], [sides[1]]).comparisons:
            inside += (row.ratio_low or np.inf) <= 1 <= (row.ratio_high or 0)
    return inside / len(log_times)
