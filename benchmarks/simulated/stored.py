"""Stored history against new runs in worlds whose truth is known."""

from __future__ import annotations

import numpy as np
from simulated import noise
from simulated.paired import Outcome, outcome_of
from simulated.tables import Bound, Rates, WorldTable, percent
from verdicts.reports import DEDICATED, one_run

from regress_action import analysis

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
        null = [_compared(random, world, base, head, 1.0) for _ in range(trials)]
        margin = [_compared(random, world, base, head, AT_MARGIN)[0] for _ in range(trials)]
        rates[f"slower {shape}"] = percent([outcome.slower for outcome, _ in null])
        rates[f"coverage {shape}"] = percent([outcome.covers for outcome, _ in null])
        rates[f"unchanged ×1.05 {shape}"] = percent([outcome.unchanged for outcome in margin])
        if (base, head) in ((10, 1), (30, 5)):
            rates[f"suspected {shape}"] = percent([suspected for _, suspected in null])
            rates[f"withheld {shape}"] = percent([outcome.withheld for outcome, _ in null])
            found = [_compared(random, world, base, head, 1.1) for _ in range(trials)]
            rates[f"found ×1.1 {shape}"] = percent([outcome.slower for outcome, _ in found])
            rates[f"… or suspected {shape}"] = percent([outcome.slower or suspected for outcome, suspected in found])
    return rates


def _compared(
    random: np.random.Generator, world: noise.StoredWorld, base: int, head: int, factor: float
) -> tuple[Outcome, bool]:
    """Return what was said, and whether a slowdown was suspected."""
    before, after = world(random, base, head, factor)
    stored = [one_run("b", value, environment=DEDICATED) for value in before]
    row = analysis.compare(stored, [one_run("b", value, environment=DEDICATED) for value in after]).comparisons[0]
    return outcome_of(row, factor), row.verdict == "regression" and row.confirmed is False
