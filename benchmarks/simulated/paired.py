"""Interleaved pairs in worlds whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from simulated import noise
from simulated.tables import Bound, Rates, WorldTable, percent
from verdicts.reports import UNRELATED, unrelated

from regress_action import analysis
from regress_action.analysis.policy import SamplingPlan
from regress_action.model.comparisons import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.model.comparisons import Comparison, Judgement

    Draw = tuple[np.ndarray, np.ndarray]

SHAPES = (5, 10, 12, 40)
NOT_HELD = {
    "mode fixed per build": "two builds differ by more than τ",
    "build effect 2τ": "two builds differ by more than τ",
    "AR .5, per side": "so few pairs of one benchmark do not show it",
    "AR .8, per side": "so few pairs of one benchmark do not show it",
    "order 2 %, AB": "the order of every pair is the same",
    "new: moving average 4 %, per side": "so few pairs of one benchmark do not show it",
    "new: wandering 1 % a run, per side": "so few pairs of one benchmark do not show it",
}
"""Worlds that break an assumption which is stated, and which one."""
TYPICAL = {"10:30 %, equal mean": float(np.exp(-(0.3**2 - 0.1**2) / 2))}
"""The ratio of the typical runs (medians) at ×1 in worlds where it is not that of the means."""
AT_MARGIN = 1.03
PATHS = (5, 10, 20, 30, 40, 60)
_SEEN_FROM = 40  # pairs from which fewer than three slow runs of 15 % are rare
SLOW, SLOW_SHARE, STALLS = 1.5, 0.15, (0.01, 0.02, 0.05, 0.1, 0.2)
FOUND = (1.05, 1.1, 1.2)
LOOKED = 10
PLAN = SamplingPlan()


class Outcome(NamedTuple):
    """What one comparison said: slower, suspected, unchanged or nothing, and whether its interval holds the truth.

    `qualified` is a proven change that says that it is not proven if neighbouring pairs are alike.
    """

    slower: bool
    suspected: bool
    unchanged: bool
    withheld: bool
    covers: bool
    detectable: float | None
    needed: int | None
    qualified: bool
    slow_path: bool


def tables(trials: int) -> list[WorldTable]:
    """Return the tables of fixed numbers of pairs and of measurements that are looked at while they run."""
    fixed: Rates = {}
    looked: Rates = {}
    for number, (name, world) in enumerate(noise.PAIRED.items()):
        random = np.random.default_rng(number)
        fixed[name] = _fixed(random, world, trials, TYPICAL.get(name, 1.0))
        looked[name] = _looked(random, world, trials, TYPICAL.get(name, 1.0))
    return [
        WorldTable(
            "Pairs",
            "By 5/10/12/40 pairs: false slower and coverage of the typical ratio at ×1, wrong `unchanged` at ×1.03; "
            "found at 10 pairs. "
            "Unqualified: without the sentence that it is not proven if neighbouring pairs are alike.",
            fixed,
            {
                **{f"slower {pairs}": Bound(2.5) for pairs in SHAPES},
                **{f"unchanged ×1.03 {pairs}": Bound(3.75) for pairs in SHAPES},
                **{f"coverage {pairs}": Bound(95.0, at_most=False) for pairs in SHAPES},
            },
            NOT_HELD,
        ),
        WorldTable(
            "Pairs, looked at while measured",
            f"At most {LOOKED} pairs, looked at from five on; stopped as the program stops.",
            looked,
            {"slower": Bound(2.5), "unchanged ×1.03": Bound(3.75)},
            NOT_HELD,
        ),
        _slow_paths(trials),
    ]


def _slow_paths(trials: int) -> WorldTable:
    """Return how often a path that only the head takes is missed, and how often stalls of both sides look like one."""
    random = np.random.default_rng(11)
    rates: Rates = {f"{SLOW_SHARE:.0%} of the head": {}, **{f"{share:.0%} of both sides": {} for share in STALLS}}
    for pairs in PATHS:
        of_head, *of_both = (
            compared_in_pairs(random, noise.slow_path(*shares, SLOW), pairs, [1.0] * trials)
            for shares in ((0.0, SLOW_SHARE), *((share, share) for share in STALLS))
        )
        said = [percent([outcome.slow_path for outcome in outcomes]) for outcomes in (of_head, *of_both)]
        for (name, of_world), rate in zip(rates.items(), said, strict=True):
            asked = "found" if name.endswith("head") else "withheld"
            of_world[f"{asked} {pairs}"] = rate
        rates[f"{SLOW_SHARE:.0%} of the head"][f"unchanged {pairs}"] = percent([one.unchanged for one in of_head])
    return WorldTable(
        "A path that some runs take",
        f"1 % noise, the given share of the runs ×{SLOW:g}, by pairs. Of the head alone: called `unchanged`, and found "
        "(open, with this reason). Of both sides alike: withheld with this reason.",
        rates,
        {
            **{f"unchanged {pairs}": Bound(5.0) for pairs in PATHS if pairs >= _SEEN_FROM},
            **{f"withheld {pairs}": Bound(10.0) for pairs in PATHS},
            "withheld 40": Bound(5.0),
            "withheld 60": Bound(5.0),
        },
    )


def _fixed(
    random: np.random.Generator, world: noise.PairedWorld, trials: int, typical: float
) -> dict[str, float | None]:
    rates: dict[str, float | None] = {}
    for pairs in SHAPES:
        null = compared_in_pairs(random, world, pairs, [1.0] * trials, typical)
        margin = compared_in_pairs(random, world, pairs, [AT_MARGIN / typical] * trials, typical)
        rates[f"slower {pairs}"] = percent([outcome.slower for outcome in null])
        rates[f"… unqualified {pairs}"] = percent([outcome.slower and not outcome.qualified for outcome in null])
        rates[f"coverage {pairs}"] = percent([outcome.covers for outcome in null])
        rates[f"unchanged ×1.03 {pairs}"] = percent([outcome.unchanged for outcome in margin])
        rates[f"withheld {pairs}"] = percent([outcome.withheld for outcome in null])
        if pairs == LOOKED:
            rates["coverage ×1.03 10"] = percent([outcome.covers for outcome in margin])
            for factor in FOUND:
                found = compared_in_pairs(random, world, pairs, [factor] * trials)
                rates[f"found ×{factor:g}"] = percent([outcome.slower for outcome in found])
                unqualified = [outcome.slower and not outcome.qualified for outcome in found]
                rates[f"… unqualified ×{factor:g}"] = percent(unqualified)
    return rates


def compared_in_pairs(
    random: np.random.Generator, world: noise.PairedWorld, pairs: int, factors: Sequence[float], typical: float = 1.0
) -> list[Outcome]:
    """Judge one comparison for each factor, where the typical run of the head is `typical` times as slow besides."""
    truths = [factor * typical for factor in factors]
    return in_batches([world(random, pairs, factor) for factor in factors], truths, _in_pairs)


def in_batches(
    draws: Sequence[Draw], factors: Sequence[float], judge: Callable[[Sequence[Draw]], Judgement]
) -> list[Outcome]:
    """Judge every draw, several at once that say nothing of each other; return what was said, in their order."""
    outcomes = []
    for first in range(0, len(draws), UNRELATED):
        rows = {row.benchmark.name: row for row in judge(draws[first : first + UNRELATED]).comparisons}
        outcomes += [
            outcome_of(rows[f"b{number}"], factor) for number, factor in enumerate(factors[first : first + UNRELATED])
        ]
    return outcomes


def _in_pairs(draws: Sequence[Draw], policy: analysis.Policy | None = None) -> Judgement:
    base, head = (unrelated([draw[side] for draw in draws], paired=commit) for side, commit in enumerate("ab"))
    return analysis.compare([base], [head], policy or analysis.Policy())


def outcome_of(row: Comparison, truth: float) -> Outcome:
    """Return what a comparison said, beside the true ratio."""
    low, high = row.ratio_low, row.ratio_high
    regression = row.verdict == "regression"
    slower = regression and row.confirmed is not False
    unchanged = row.verdict == "unchanged"
    better = row.verdict == "improvement" and row.confirmed is not False
    return Outcome(
        slower=slower,
        suspected=regression and not slower,
        unchanged=unchanged,
        withheld=not (slower or unchanged or better),
        covers=low is not None and high is not None and low <= truth <= high,
        detectable=row.minimum_detectable_ratio,
        needed=row.runs_needed,
        qualified=isinstance(row.reason, Reason) and row.reason.independent,
        slow_path=isinstance(row.reason, Reason) and row.reason.code is ReasonCode.SLOW_PATH,
    )


def _looked(
    random: np.random.Generator, world: noise.PairedWorld, trials: int, typical: float
) -> dict[str, float | None]:
    null = looked_at(random, world, [1.0] * trials, typical=typical)
    margin = looked_at(random, world, [AT_MARGIN / typical] * trials, typical=typical)
    rates: dict[str, float | None] = {
        "slower": percent([outcome.slower for outcome, _ in null]),
        "coverage": percent([outcome.covers for outcome, _ in null]),
        "unchanged ×1.03": percent([outcome.unchanged for outcome, _ in margin]),
    }
    for factor in FOUND[:2]:
        found = looked_at(random, world, [factor] * trials)
        rates[f"found ×{factor:g}"] = percent([outcome.slower for outcome, _ in found])
    return rates | {
        "withheld": percent([outcome.withheld for outcome, _ in null]),
        "% of pairs used": 100 * float(np.mean([used for _, used in null])) / LOOKED,
    }


def looked_at(
    random: np.random.Generator,
    world: noise.PairedWorld,
    factors: Sequence[float],
    plan: SamplingPlan = PLAN,
    typical: float = 1.0,
) -> list[tuple[Outcome, int]]:
    """Measure pair by pair until the analysis says that more would change nothing; return what is said then.

    The typical run of the head is `typical` times as slow besides, as in `compared_in_pairs`.
    """
    draws = [world(random, plan.pairs, factor) for factor in factors]
    used = np.concatenate(
        [_pairs_used(draws[first : first + UNRELATED], plan) for first in range(0, len(draws), UNRELATED)]
    )
    measured = [(base[:pairs], head[:pairs]) for (base, head), pairs in zip(draws, used, strict=True)]
    truths = [factor * typical for factor in factors]
    said = in_batches(measured, truths, lambda some: _in_pairs(some, analysis.Policy(plan=plan)))
    return list(zip(said, map(int, used), strict=True))


def _pairs_used(draws: Sequence[Draw], plan: SamplingPlan) -> np.ndarray:
    """Return after how many pairs each of these comparisons is stopped."""
    used = np.full(len(draws), plan.pairs)
    for pairs in plan.looks[:-1]:
        base, head = (
            unrelated([draw[side][: min(pairs, most)] for draw, most in zip(draws, used, strict=True)], paired=commit)
            for side, commit in enumerate("ab")
        )
        undecided = analysis.analyse_interim([base], [head], analysis.Policy(), plan).undecided
        stopped = [f"b{number}" not in undecided for number in range(len(draws))]
        used = np.where(stopped & (used == plan.pairs), pairs, used)
        if not undecided:
            break
    return used
