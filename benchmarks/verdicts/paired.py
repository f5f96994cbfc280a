"""Same machine, ten pairs: how often identical code is called slower, how often a slowdown is found, and at what cost.

The real pairs are ten rounds of one side and then ten of the other, each round a process of its own, back to back
in one job. Round k of base and round k of head are taken as pair k. That is harder than what the program measures,
because a disturbance of a minute hits one side only; interleaving would spread it over both. Every pair is used in
both directions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from verdicts import peers
from verdicts.reports import side
from verdicts.tables import Table, Target

from regress_action import analysis
from regress_action.action.judge import rules_of
from regress_action.settings import Settings
from regress_action.settings.gate import GateFiles, Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from verdicts.sources import Pair, Real, Synthetic

FACTORS = (1.0, 1.03, 1.05, 1.1, 1.2, 1.5, 2.0)
SUITE, SUITES = 100, 200
PLAN = rules_of(Settings(runs=10), GateFiles(Thresholds())).plan_of([])


def tables(source: Real | Synthetic, *, quick: bool) -> list[Table]:
    """Return the tables of the paired design."""
    pairs = source.pairs[:60] if quick else source.pairs
    both = [direction for pair in pairs for direction in (pair, pair.swapped())]
    return [_alarms(both), _suites(both, 20 if quick else SUITES), _sampling(both)]


def slower(pair: Pair, factor: float, policy: analysis.Policy | None = None) -> bool:
    """Ask the program whether the head, made `factor` slower, is a regression."""
    base, head = (
        side({"b": pair.base}, session="s", commit="a"),
        side({"b": pair.head * factor}, session="s", commit="b"),
    )
    found = analysis.compare([base], [head], policy or analysis.Policy()).comparisons[0]
    return found.verdict == "regression" and found.confirmed is not False


def _alarms(both: Sequence[Pair]) -> Table:
    ours = [_percent(slower(pair, factor) for pair in both) for factor in FACTORS]
    rows = [("regress-action, paired", tuple(ours))]
    for name, rule in peers.on_rounds().items():
        rates = (_percent(rule(pair.base, pair.head * factor) for pair in both) for factor in FACTORS)
        rows.append((name, tuple(rates)))
    found = dict(zip(FACTORS, ours, strict=True))
    return Table(
        "Same machine, 10 pairs: called slower, %",
        f"{len(both)} pairs of identical code (both directions), the head multiplied by the factor above.",
        tuple(f"x{factor:g}" for factor in FACTORS),
        tuple(rows),
        (
            Target("identical code called slower", found[1.0], 0.3, at_most=True),
            Target("x1.05 found", found[1.05], 97.0, at_most=False),
            Target("x1.1 found", found[1.1], 99.5, at_most=False),
        ),
    )


def _suites(both: Sequence[Pair], count: int) -> Table:
    """Draw suites of benchmarks from the pairs: each shares no machine with the next, as in a matrix."""
    random = np.random.default_rng(7)
    size = min(SUITE, len(both) // 2)
    alarms: dict[str, list[bool]] = {}
    for _ in range(count):
        chosen = [both[2 * number + int(random.integers(2))] for number in random.permutation(len(both) // 2)[:size]]
        base = side({str(n): pair.base for n, pair in enumerate(chosen)}, session="s", commit="a")
        head = side({str(n): pair.head for n, pair in enumerate(chosen)}, session="s", commit="b")
        ours = any(row.verdict == "regression" for row in analysis.compare([base], [head]).comparisons)
        alarms.setdefault("regress-action, paired", []).append(ours)
        for name, rule in peers.on_rounds().items():
            alarms.setdefault(name, []).append(any(rule(pair.base, pair.head) for pair in chosen))
    ours_rate = _percent(alarms["regress-action, paired"])
    return Table(
        f"A suite of {size} identical benchmarks raises any alarm, %",
        f"{count} suites drawn without repetition from the same pairs.",
        ("suites with an alarm",),
        tuple((name, (_percent(raised),)) for name, raised in alarms.items()),
        (Target("suites of identical code with an alarm", ours_rate, 1.0, at_most=True),),
    )


def _sampling(both: Sequence[Pair]) -> Table:
    """Let the program decide at the looks of its own plan, as it does while it measures, and count what it used."""
    factors = (1.0, 1.05, 1.1, 1.2)
    rows, spent = [], []
    for factor in factors:
        outcomes = [_sampled(pair, factor) for pair in both]
        pairs = float(np.mean([used for used, _ in outcomes]))
        spent.append(10 * pairs)
        found = _percent(alarm for _, alarm in outcomes)
        rows.append((f"x{factor:g}", (_percent(slower(pair, factor) for pair in both), found, pairs, 10 * pairs)))
    return Table(
        "Decision-driven sampling against a fixed 10 pairs",
        f"Called slower by both, and the pairs that were measured; looked at after {_named(PLAN.looks[:-1])} of them.",
        ("fixed, % slower", "adaptive, % slower", "pairs used", "% of 10 pairs"),
        tuple(rows),
        (
            Target("runs spent on identical code", spent[0], 63.0, at_most=True),
            Target("runs spent over all four", float(np.mean(spent)), 60.0, at_most=True),
        ),
    )


def _sampled(pair: Pair, factor: float) -> tuple[int, bool]:
    used = next(count for count in PLAN.looks if not _goes_on(pair, factor, count))
    policy = analysis.Policy(plan=PLAN)
    row = analysis.compare(*_sides(pair, factor, used), policy).comparisons[0]
    return used, row.verdict == "regression"


def _goes_on(pair: Pair, factor: float, count: int) -> bool:
    return analysis.analyse_interim(*_sides(pair, factor, count), analysis.Policy(), PLAN).proceed


def _sides(pair: Pair, factor: float, count: int) -> tuple[list[analysis.Report], list[analysis.Report]]:
    base = side({"b": pair.base[:count]}, session="s", commit="a")
    return [base], [side({"b": pair.head[:count] * factor}, session="s", commit="b")]


def _named(counts: Sequence[int]) -> str:
    return ", ".join(map(str, counts))


def _percent(outcomes: Iterable[bool]) -> float:
    return 100 * float(np.mean(list(outcomes)))
