"""Interleaved pairs in worlds whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from simulated import noise
from simulated.tables import Bound, Rates, WorldTable, percent
from verdicts.reports import side

from regress_action import analysis
from regress_action.analysis.policy import SamplingPlan

if TYPE_CHECKING:
    from regress_action.model.comparisons import Comparison

SHAPES = (5, 10, 40)
AT_MARGIN = 1.03
FOUND = (1.05, 1.1, 1.2)
LOOKED = 10


class Outcome(NamedTuple):
    """What one comparison said: proven slower, unchanged, nothing; whether its interval holds the truth."""

    slower: bool
    unchanged: bool
    withheld: bool
    covers: bool
    detectable: float | None


def tables(trials: int) -> list[WorldTable]:
    """Return the tables of fixed numbers of pairs and of measurements that are looked at while they run."""
    fixed: Rates = {}
    looked: Rates = {}
    for number, (name, world) in enumerate(noise.PAIRED.items()):
        random = np.random.default_rng(number)
        fixed[name] = _fixed(random, world, trials)
        looked[name] = _looked(random, world, trials)
    return [
        WorldTable(
            "Pairs",
            "By 5/10/40 pairs: false slower and coverage at ×1, wrong `unchanged` at ×1.03; found at 10 pairs.",
            fixed,
            {
                **{f"slower {pairs}": Bound(2.5) for pairs in SHAPES},
                **{f"unchanged ×1.03 {pairs}": Bound(3.75) for pairs in SHAPES},
                **{f"coverage {pairs}": Bound(95.0, at_most=False) for pairs in SHAPES},
            },
        ),
        WorldTable(
            "Pairs, looked at while measured",
            f"At most {LOOKED} pairs, looked at from five on; stopped as the program stops.",
            looked,
            {"slower": Bound(2.5), "unchanged ×1.03": Bound(3.75)},
        ),
    ]


def _fixed(random: np.random.Generator, world: noise.PairedWorld, trials: int) -> dict[str, float | None]:
    rates: dict[str, float | None] = {}
    for pairs in SHAPES:
        null = [_compared(random, world, pairs, 1.0) for _ in range(trials)]
        margin = [_compared(random, world, pairs, AT_MARGIN) for _ in range(trials)]
        rates[f"slower {pairs}"] = percent([outcome.slower for outcome in null])
        rates[f"coverage {pairs}"] = percent([outcome.covers for outcome in null])
        rates[f"unchanged ×1.03 {pairs}"] = percent([outcome.unchanged for outcome in margin])
        rates[f"withheld {pairs}"] = percent([outcome.withheld for outcome in null])
        if pairs == LOOKED:
            rates["coverage ×1.03 10"] = percent([outcome.covers for outcome in margin])
            for factor in FOUND:
                rates[f"found ×{factor:g}"] = percent(
                    [_compared(random, world, pairs, factor).slower for _ in range(trials)]
                )
            stated = [outcome.detectable for outcome in null if outcome.detectable and outcome.detectable < 100]  # noqa: PLR2004
            again = [_compared(random, world, pairs, ratio).slower for ratio in stated]
            rates["found at MDR 10"] = percent(again)
    return rates


def _compared(random: np.random.Generator, world: noise.PairedWorld, pairs: int, factor: float) -> Outcome:
    base, head = world(random, pairs, factor)
    reports = side({"b": base}, session="s", commit="a"), side({"b": head}, session="s", commit="b")
    return outcome_of(analysis.compare([reports[0]], [reports[1]]).comparisons[0], factor)


def outcome_of(row: Comparison, truth: float) -> Outcome:
    """Return what a comparison said, beside the true ratio."""
    low, high = row.ratio_low, row.ratio_high
    slower = row.verdict == "regression" and row.confirmed is not False
    unchanged = row.verdict == "unchanged"
    better = row.verdict == "improvement" and row.confirmed is not False
    return Outcome(
        slower=slower,
        unchanged=unchanged,
        withheld=not (slower or unchanged or better),
        covers=low is not None and high is not None and low <= truth <= high,
        detectable=row.minimum_detectable_ratio,
    )


def _looked(random: np.random.Generator, world: noise.PairedWorld, trials: int) -> dict[str, float | None]:
    null = [_sampled(random, world, 1.0) for _ in range(trials)]
    margin = [_sampled(random, world, AT_MARGIN)[0].unchanged for _ in range(trials)]
    found = [_sampled(random, world, 1.1)[0].slower for _ in range(trials)]
    return {
        "slower": percent([outcome.slower for outcome, _ in null]),
        "coverage": percent([outcome.covers for outcome, _ in null]),
        "unchanged ×1.03": percent(margin),
        "found ×1.1": percent(found),
        "withheld": percent([outcome.withheld for outcome, _ in null]),
        "% of pairs used": 100 * float(np.mean([used for _, used in null])) / LOOKED,
    }


def _sampled(random: np.random.Generator, world: noise.PairedWorld, factor: float) -> tuple[Outcome, int]:
    """Measure pair by pair until the analysis says that more would change nothing."""
    plan = SamplingPlan(pairs=LOOKED)
    policy = analysis.Policy(plan=plan)
    base, head = world(random, LOOKED, factor)
    for used in plan.looks:
        sides = [side({"b": values[:used]}, session="s", commit=name) for values, name in ((base, "a"), (head, "b"))]
        if used == LOOKED or not analysis.analyse_interim(sides[:1], sides[1:], analysis.Policy(), plan).proceed:
            break
    return outcome_of(analysis.compare(sides[:1], sides[1:], policy).comparisons[0], factor), used
