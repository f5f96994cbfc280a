"""Stored history against new runs in worlds whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from simulated import noise
from simulated.paired import in_batches
from simulated.tables import Bound, Rates, WorldTable, percent
from verdicts.reports import unrelated

from regress_action import analysis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulated.paired import Draw, Outcome

    from regress_action.model.comparisons import Judgement

NOT_HELD = {
    "drift 0.5 % a run": "ten stored runs hardly show that the level moves from run to run",
    "head 3× noisier": "the new runs are noisier than any stored one",
    "bimodal 80:20": "five stored runs may all be of one mode",
    "AR .8": "ten stored runs do not show it",
    "step 3 runs ago": "the verdict is unstable-baseline",
    "new: restless noise": "noise that changes from run to run",
    "new: Pareto tail": "a tail that few stored runs show",
    "new: two sticky machines": "nothing says which machine measured",
    "own: Cauchy 1 %": "a tail that few stored runs show",
}
"""Worlds that break an assumption which is stated, and which one."""
LEARNED, BASELINE = 60, 20
SHAPES = ((5, 1), (10, 1), (30, 1), (10, 3), (30, 3), (10, 5), (30, 5))
AT_MARGIN = 1.05


def tables(trials: int) -> list[WorldTable]:
    """Return the table of every shape: stored runs × new runs."""
    rates: Rates = {}
    for number, (name, world) in enumerate(noise.STORED.items()):
        random = np.random.default_rng(1000 + number)
        rates[name] = _rates(random, world, max(trials // 2, 20))
    shapes = [f"{base}×{head}" for base, head in SHAPES]
    return [
        WorldTable(
            "History",
            "Stored × new runs: proven slower (and suspected) at ×1, coverage at ×1, wrong `unchanged` at ×1.05.",
            rates,
            {
                **{f"slower {shape}": Bound(2.5) for shape in shapes},
                **{f"coverage {shape}": Bound(95.0, at_most=False) for shape in shapes},
                **{f"unchanged ×1.05 {shape}": Bound(3.75) for shape in shapes},
            },
            NOT_HELD,
            max(trials // 2, 20),
        ),
        WorldTable(
            "Learned noise",
            f"Learned from {LEARNED} stored runs, the last {BASELINE} of them the baseline of one new run.",
            {name: _learned_rates(draw, max(trials // 2, 20)) for name, draw in _LEARNED_WORLDS.items()},
            {"slower": Bound(2.5), "coverage": Bound(95.0, at_most=False), "unchanged ×1.05": Bound(3.75)},
            {
                "doubled 5 runs ago": "five runs hardly show yet how noisy it became",
                "AR .8": "a baseline of twenty hardly shows it",
                "drift 0.5 % a run": "a level that moves from run to run",
            },
            max(trials // 2, 20),
        ),
    ]


def _doubled(ago: int) -> Callable[[np.random.Generator], np.ndarray]:
    """Return noise of 2 % that became 4 % so many runs ago; the new run is the last."""
    deviations = np.where(np.arange(LEARNED + 1) >= LEARNED - ago, 0.04, 0.02)
    return lambda random: random.normal(0, 1, LEARNED + 1) * deviations


_LEARNED_WORLDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "normal 3 %": lambda random: random.normal(0, 0.03, LEARNED + 1),
    "t3": lambda random: 0.02 * random.standard_t(3, LEARNED + 1),
    **{f"doubled {ago} runs ago": _doubled(ago) for ago in (5, 10, 20)},
    "AR .5": lambda random: noise.autoregressive(random, LEARNED + 1, 0.5, 0.03),
    "AR .8": lambda random: noise.autoregressive(random, LEARNED + 1, 0.8, 0.03),
    "drift 0.5 % a run": lambda random: random.normal(0, 0.02, LEARNED + 1) + 0.005 * np.arange(LEARNED + 1),
}


def _learned_rates(draw: Callable[[np.random.Generator], np.ndarray], trials: int) -> dict[str, float | None]:
    random = np.random.default_rng(4)
    histories = [np.exp(draw(random)) for _ in range(trials)]
    null, margin, found = (
        in_batches([(values[:-1], factor * values[-1:]) for values in histories], [factor] * trials, _with_learned)
        for factor in (1.0, AT_MARGIN, 1.1)
    )
    return {
        "slower": percent([outcome.slower for outcome in null]),
        "suspected": percent([outcome.suspected for outcome in null]),
        "coverage": percent([outcome.covers for outcome in null]),
        "unchanged ×1.05": percent([outcome.unchanged for outcome in margin]),
        "withheld": percent([outcome.withheld for outcome in null]),
        "found ×1.1": percent([outcome.slower for outcome in found]),
        "… or suspected": percent([outcome.slower or outcome.suspected for outcome in found]),
    }


def _with_learned(draws: Sequence[Draw]) -> Judgement:
    stored, new = (
        [unrelated([[value] for value in run]) for run in np.transpose([draw[side] for draw in draws])]
        for side in range(2)
    )
    return analysis.compare(stored[-BASELINE:], new, analysis.Policy(noise=analysis.noise_between(stored)))


def _rates(random: np.random.Generator, world: noise.StoredWorld, trials: int) -> dict[str, float | None]:
    rates: dict[str, float | None] = {}
    for base, head in SHAPES:
        shape = f"{base}×{head}"
        null = compared(random, world, base, head, [1.0] * trials)
        margin = compared(random, world, base, head, [AT_MARGIN] * trials)
        rates[f"slower {shape}"] = percent([outcome.slower for outcome in null])
        rates[f"coverage {shape}"] = percent([outcome.covers for outcome in null])
        rates[f"unchanged ×1.05 {shape}"] = percent([outcome.unchanged for outcome in margin])
        if (base, head) in ((10, 1), (10, 5), (30, 5)):
            rates[f"suspected {shape}"] = percent([outcome.suspected for outcome in null])
            rates[f"withheld {shape}"] = percent([outcome.withheld for outcome in null])
            found = compared(random, world, base, head, [1.1] * trials)
            rates[f"found ×1.1 {shape}"] = percent([outcome.slower for outcome in found])
            rates[f"… or suspected {shape}"] = percent([outcome.slower or outcome.suspected for outcome in found])
    return rates


def compared(
    random: np.random.Generator, world: noise.StoredWorld, base: int, head: int, factors: Sequence[float]
) -> list[Outcome]:
    """Judge `head` new runs against `base` stored ones, once for each factor."""
    return in_batches([world(random, base, head, factor) for factor in factors], factors, _with_history)


def _with_history(draws: Sequence[Draw]) -> Judgement:
    stored, new = (
        [unrelated([[value] for value in run]) for run in np.transpose([draw[side] for draw in draws])]
        for side in range(2)
    )
    return analysis.compare(stored, new)
