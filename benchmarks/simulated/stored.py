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
    from collections.abc import Sequence

    from simulated.paired import Draw, Outcome

    from regress_action.model.comparisons import Judgement

SHAPES = ((5, 1), (10, 1), (30, 1), (10, 3), (30, 3), (30, 5))
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
        )
    ]


def _rates(random: np.random.Generator, world: noise.StoredWorld, trials: int) -> dict[str, float | None]:
    rates: dict[str, float | None] = {}
    for base, head in SHAPES:
        shape = f"{base}×{head}"
        null = compared(random, world, base, head, [1.0] * trials)
        margin = compared(random, world, base, head, [AT_MARGIN] * trials)
        rates[f"slower {shape}"] = percent([outcome.slower for outcome in null])
        rates[f"coverage {shape}"] = percent([outcome.covers for outcome in null])
        rates[f"unchanged ×1.05 {shape}"] = percent([outcome.unchanged for outcome in margin])
        if (base, head) in ((10, 1), (30, 5)):
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
