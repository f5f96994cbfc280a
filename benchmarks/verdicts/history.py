"""Stored history against one new run on hosted machines, with and without measuring the suspects again.

The baseline are ten consecutive runs of a series whose code never changed, the head is the run after them. The
second measurement of a suspect is paired: a same-machine pair drawn at random from the real ones, made slower by the
same factor as the head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from verdicts import peers
from verdicts.reports import one_run, side
from verdicts.tables import Table, Target

from regress_action import analysis
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verdicts.sources import History, Pair, Real, Synthetic

FACTORS = (1.0, 1.05, 1.1, 1.2, 1.3, 1.5, 2.0)
BASELINE, LEARNED = 10, 40


def tables(source: Real | Synthetic, *, quick: bool) -> list[Table]:
    """Return the tables of the history design: with ten stored runs alone, and with the noise of forty."""
    step = 40 if quick else 8
    windows = [
        (series, start)
        for number, series in enumerate(source.histories)
        for start in range(number % step, len(series.values) - BASELINE, step)
    ]
    older = [(series, start) for series, start in windows if start + BASELINE >= LEARNED]
    return [
        _table("10 stored runs against 1", windows, source, peers.on_runs()),
        _table(f"10 stored runs against 1, noise learned from {LEARNED}", older, source, {}, learned=True),
    ]


def _table(
    name: str,
    windows: list[tuple[History, int]],
    source: Real | Synthetic,
    rules: Mapping[str, peers.Rule],
    *,
    learned: bool = False,
) -> Table:
    random = np.random.default_rng(11)
    rows: dict[str, list[float]] = {"regress-action, history": [], "regress-action, confirmed": []}
    remeasured = []
    for factor in FACTORS:
        outcomes = [
            _judged(
                series, start, factor, source.pairs, random, _policy(series, start) if learned else analysis.Policy()
            )
            for series, start in windows
        ]
        alone, confirmed, suspected = (100 * float(np.mean(column)) for column in zip(*outcomes, strict=True))
        rows["regress-action, history"].append(alone)
        rows["regress-action, confirmed"].append(confirmed)
        remeasured.append(suspected)
        for rule_name, rule in rules.items():
            calls = [rule(*_plain(series, start, factor)) for series, start in windows]
            rows.setdefault(rule_name, []).append(100 * float(np.mean(calls)))
    rows["(measured again)"] = remeasured
    found = dict(zip(FACTORS, rows["regress-action, confirmed"], strict=True))
    return Table(
        f"Hosted history, {name}: called slower, %",
        f"{len(windows)} windows of {len(source.histories)} series, another machine each run, CPU unknown. "
        "The last line says how often the suspect was measured again.",
        tuple(f"x{factor:g}" for factor in FACTORS),
        tuple((row, tuple(values)) for row, values in rows.items()),
        (
            Target("identical code called slower, confirmed", found[1.0], 0.5, at_most=True),
            Target("x1.2 found, confirmed", found[1.2], 70.0, at_most=False),
        ),
    )


def _policy(series: History, start: int) -> analysis.Policy:
    """Return the policy with the noise learned from the runs up to the end of the window."""
    end = start + BASELINE
    runs = [one_run(series.name, run, series.metric) for run in series.values[end - LEARNED : end]]
    return analysis.Policy(noise=analysis.noise_between(runs))


def _judged(
    series: History,
    start: int,
    factor: float,
    pairs: list[Pair],
    random: np.random.Generator,
    policy: analysis.Policy,
) -> tuple[bool, bool, bool]:
    """Return whether the history alone alarms, whether it does once confirmed, and whether that was needed."""
    base, value = _window(series, start)
    slowed = value * factor if series.metric.direction is Direction.LOWER else value / factor
    first = analysis.compare(
        [one_run(series.name, run, series.metric) for run in base],
        [one_run(series.name, slowed, series.metric)],
        policy,
    )
    alone = first.comparisons[0].verdict == "regression"
    if not analysis.suspects(first):
        return alone, False, False
    again = _measured_again(series, factor, pairs[int(random.integers(len(pairs)))], swap=bool(random.integers(2)))
    row = analysis.confirm(first, again).comparisons[0]
    return alone, row.verdict == "regression" and row.confirmed is True, True


def _measured_again(series: History, factor: float, pair: Pair, *, swap: bool) -> analysis.Judgement:
    base, head = (pair.head, pair.base) if swap else (pair.base, pair.head)
    if series.metric.direction is Direction.HIGHER:
        base, head = 1 / base, 1 / head
        factor = 1 / factor
    sides = [
        side({series.name: values}, session="again", commit=commit, metric=series.metric)
        for values, commit in ((base, "a"), (head * factor, "b"))
    ]
    return analysis.compare(sides[:1], sides[1:])


def _window(series: History, start: int) -> tuple[np.ndarray, float]:
    return series.values[start : start + BASELINE], float(series.values[start + BASELINE])


def _plain(series: History, start: int, factor: float) -> tuple[list[float], list[float]]:
    """Return the window as times, for rules that know no other direction."""
    base, value = _window(series, start)
    if series.metric.direction is Direction.HIGHER:
        base, value = 1 / base, 1 / value
    return list(base), [value * factor]
