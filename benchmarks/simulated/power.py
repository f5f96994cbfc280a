"""What is said about power: the ratio that would have been found, the runs that would be enough, and early looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from simulated import noise
from simulated.paired import compared_in_pairs, looked_at
from simulated.stored import compared
from simulated.tables import Bound, WorldTable, percent
from verdicts.reports import side

from regress_action import analysis
from regress_action.analysis.policy import SamplingPlan
from regress_action.measure.schedule import looks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulated.noise import PairedWorld
    from simulated.paired import Outcome

PAIRS, STORED = (5, 10, 20), ((5, 1), (10, 1), (30, 1))
MOST_PAIRS, MOST_RATIO = 200, 20.0
POWER = 80.0
LOOKED = 1.05
PLANS = (10, 40)
SUITE, SLOWER, SLOW = 30, 1.1, 3
PAIRED_WORLDS = ("normal 1 %", "normal 5 %", "normal 15 %", "t3", "own: skewed 5 %", "AR .5, machine")
STORED_WORLDS = ("normal 5 %", "t3", "AR .5")


def tables(trials: int) -> list[WorldTable]:
    """Return the tables of what is promised about power, of early looks, and of suites that share their noise."""
    paired = {name: _promised(name, trials) for name in PAIRED_WORLDS}
    stored = {f"{name}, stored": _promised_of_stored(name, trials) for name in STORED_WORLDS}
    questions = {question for answers in (*paired.values(), *stored.values()) for question in answers}
    return [
        WorldTable(
            "What is said about power",
            "A regression of the stated `minimum_detectable_ratio` is found in fresh runs; unchanged code is called "
            "unchanged after the stated `runs_needed`.",
            paired | stored,
            {question: Bound(POWER, at_most=False) for question in sorted(questions)},
            {
                "t3": "of five pairs with rare far ones the noise is hardly known",
                "own: skewed 5 %": "as above",
                "t3, stored": "as above",
            },
        ),
        WorldTable(
            f"Early looks and ×{LOOKED:g}",
            "Found by ten pairs, and by a plan of ten that is looked at from five on.",
            {f"normal {noise:.0%}": _looks(noise, trials) for noise in (0.01, 0.02, 0.03, 0.05)},
        ),
        WorldTable(
            "Plans of ten and of forty pairs",
            f"Identical code, and code slower by ×{LOOKED:g}: what is said, and after how many pairs.",
            {f"normal {noise:.0%}": _of_plans(noise, trials) for noise in (0.01, 0.02, 0.03, 0.05, 0.08)},
            {f"{pairs}: slower at ×1": Bound(2.5) for pairs in PLANS},
        ),
        WorldTable(
            f"A suite of {SUITE} that shares what it knows of noise",
            f"5 % noise, {SLOW} benchmarks slower by ×{SLOWER}: found, beside each judged without the others.",
            {f"{pairs} pairs": _in_a_suite(pairs, max(trials // SLOW, 10)) for pairs in (5, 7, 10)},
        ),
    ]


def _promised(name: str, trials: int) -> dict[str, float | None]:
    random = np.random.default_rng(20)
    world = noise.PAIRED[name]
    rates: dict[str, float | None] = {}
    for pairs in PAIRS:
        null = compared_in_pairs(random, world, pairs, [1.0] * trials)
        again = compared_in_pairs(random, world, pairs, _detectable(null))
        rates[f"ratio found, {pairs} pairs"] = _found(again)
        if pairs < PAIRS[-1]:
            rates[f"pairs enough, from {pairs}"] = _enough(random, world, [outcome.needed for outcome in null])
    null = [outcome for outcome, _ in looked_at(random, world, [1.0] * trials)]
    rates["ratio found, looked at"] = _found([outcome for outcome, _ in looked_at(random, world, _detectable(null))])
    return rates


def _enough(random: np.random.Generator, world: noise.PairedWorld, needed: Sequence[int | None]) -> float | None:
    """Return how often unchanged code is called so after the stated number of pairs; None where that is too many."""
    asked = [count for count in needed if count is not None]
    feasible = [count for count in asked if count <= MOST_PAIRS]
    if 2 * len(feasible) < len(asked) or not feasible:
        return None  # those that need few are the lucky ones
    return percent([compared_in_pairs(random, world, count, [1.0])[0].unchanged for count in feasible])


def _promised_of_stored(name: str, trials: int) -> dict[str, float | None]:
    """Return how often the stated ratio is found by one new run, suspicions included."""
    random = np.random.default_rng(21)
    world = noise.STORED[name]
    rates: dict[str, float | None] = {}
    for base, head in STORED:
        null = compared(random, world, base, head, [1.0] * trials)
        again = compared(random, world, base, head, _detectable(null))
        rates[f"ratio found, {base}×{head}"] = _found(again)
    return rates


def _detectable(outcomes: Sequence[Outcome]) -> list[float]:
    ratios = (outcome.detectable for outcome in outcomes)
    return [ratio for ratio in ratios if ratio is not None and math.isfinite(ratio) and ratio < MOST_RATIO]


def _found(outcomes: Sequence[Outcome]) -> float:
    return percent([outcome.slower or outcome.suspected for outcome in outcomes])


def _normal(deviation: float) -> PairedWorld:
    def world(random: np.random.Generator, pairs: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
        base, head = np.exp(random.normal(0, deviation, (2, pairs)))
        return base, factor * head

    return world


def _of_plans(deviation: float, trials: int) -> dict[str, float | None]:
    """Return what plans of ten and of forty pairs say, which are stopped as the program stops."""
    world = _normal(deviation)
    rates: dict[str, float | None] = {}
    for pairs in PLANS:
        plan = SamplingPlan(looks(pairs))
        same = looked_at(np.random.default_rng(24), world, [1.0] * trials, plan)
        slower = looked_at(np.random.default_rng(25), world, [LOOKED] * trials, plan)
        rates |= {
            f"{pairs}: slower at ×1": percent([outcome.slower for outcome, _ in same]),
            f"{pairs}: unchanged": percent([outcome.unchanged for outcome, _ in same]),
            f"{pairs}: pairs": float(np.mean([used for _, used in same])),
            f"{pairs}: found": percent([outcome.slower for outcome, _ in slower]),
            f"{pairs}: pairs at ×{LOOKED:g}": float(np.mean([used for _, used in slower])),
        }
    return rates


def _looks(deviation: float, trials: int) -> dict[str, float | None]:
    random, world = np.random.default_rng(22), _normal(deviation)
    fixed = compared_in_pairs(random, world, 10, [LOOKED] * trials)
    looked = looked_at(random, world, [LOOKED] * trials)
    return {
        "ten pairs": percent([outcome.slower for outcome in fixed]),
        "looked at": percent([outcome.slower for outcome, _ in looked]),
        "% of pairs used": 10 * float(np.mean([used for _, used in looked])),
    }


def _in_a_suite(pairs: int, trials: int) -> dict[str, float | None]:
    random = np.random.default_rng(23)
    draw: Callable[[], np.ndarray] = lambda: random.normal(0, 0.05, (SUITE, pairs))  # noqa: E731 - both sides alike
    together, alone = [], []
    for _ in range(trials):
        base, head = draw(), draw()
        head[:SLOW] += np.log(SLOWER)
        values = [{str(n): np.exp(row) for n, row in enumerate(of)} for of in (base, head)]
        reports = [side(of, session="s", commit=commit) for of, commit in zip(values, "ab", strict=True)]
        verdicts = {row.benchmark.name: row.verdict for row in analysis.compare([reports[0]], [reports[1]]).comparisons}
        together += [verdicts[str(n)] == "regression" for n in range(SLOW)]
        for n in range(SLOW):
            single = [
                side({"b": of[str(n)]}, session="s", commit=commit) for of, commit in zip(values, "ab", strict=True)
            ]
            alone.append(analysis.compare([single[0]], [single[1]]).comparisons[0].verdict == "regression")
    return {"in the suite": percent(together), "alone": percent(alone)}
