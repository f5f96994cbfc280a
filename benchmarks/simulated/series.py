"""Histories searched after every run: how often stationary noise ever shows a change, and how soon a step is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from simulated.noise import autoregressive
from simulated.tables import Bound, WorldTable, percent

from regress_action.analysis import change_points

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS, FIRST = 100, 20
STEP_AT, STEP = 60, 1.1
_MOVES = 0.1  # how often a job lands on the other machine


def tables(trials: int) -> list[WorldTable]:
    """Return the table of alarms over a history's life, and that of steps."""
    count = max(trials // 4, 10)
    return [
        WorldTable(
            f"Change points searched after every one of {RUNS} runs, stationary noise",
            "Histories that ever show a change point or a settled one, and points per 100 histories at the end.",
            {name: _alarms(draw, count) for name, draw in _NOISE.items()},
            {"ever settled": Bound(2.0)},
        ),
        WorldTable(
            f"A step of ×{STEP} after {STEP_AT} runs",
            "Runs until it is shown (median), and how often it is by the tenth run.",
            {f"{noise:.0%} noise": _delays(noise, count) for noise in (0.01, 0.03, 0.05)},
        ),
    ]


def _weekdays(random: np.random.Generator) -> np.ndarray:
    day = np.arange(RUNS) // 10 % 7
    return random.normal(0, 0.02, RUNS) + 0.04 * (day >= 5)  # noqa: PLR2004 - the weekend


def _sticky(random: np.random.Generator) -> np.ndarray:
    machine = np.cumsum(random.random(RUNS) < _MOVES) % 2
    return random.normal(0, 0.01, RUNS) + 0.06 * machine


_NOISE: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "iid 5 %": lambda random: random.normal(0, 0.05, RUNS),
    "t3": lambda random: 0.03 * random.standard_t(3, RUNS),
    "bimodal": lambda random: random.normal(0, 0.02, RUNS) + np.log(1.16) * (random.random(RUNS) < 0.3),  # noqa: PLR2004
    "AR .3": lambda random: autoregressive(random, RUNS, 0.3, 0.05),
    "AR .6": lambda random: autoregressive(random, RUNS, 0.6, 0.05),
    "weekend at ten runs a day": _weekdays,
    "two sticky machines": _sticky,
}


def _alarms(draw: Callable[[np.random.Generator], np.ndarray], count: int) -> dict[str, float | None]:
    random = np.random.default_rng(5)
    shown, settled, points = [], [], 0
    for _ in range(count):
        values = np.exp(draw(random))
        detector = change_points.Detector()
        detector.extend(values[: FIRST - 1])
        searches = [detector.extend(values[run : run + 1]) for run in range(FIRST - 1, RUNS)]
        shown.append(any(searches))
        settled.append(any(point.settled for search in searches for point in search))
        points += len(searches[-1])
    return {"ever shown": percent(shown), "ever settled": percent(settled), "points at the end": 100 * points / count}


def _delays(noise: float, count: int) -> dict[str, float | None]:
    random = np.random.default_rng(6)
    delays = []
    for _ in range(count):
        values = np.exp(random.normal(0, noise, RUNS))
        values[STEP_AT:] *= STEP
        detector = change_points.Detector()
        detector.extend(values[:STEP_AT])
        delays.append(
            next(
                (
                    run - STEP_AT + 1
                    for run in range(STEP_AT, RUNS)
                    if any(abs(point.index - STEP_AT) <= 3 for point in detector.extend(values[run : run + 1]))  # noqa: PLR2004
                ),
                RUNS,
            )
        )
    return {"runs": float(np.median(delays)), "by the tenth run": percent([delay <= 10 for delay in delays])}  # noqa: PLR2004
