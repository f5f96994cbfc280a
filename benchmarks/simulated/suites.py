"""Whole suites in worlds whose truth is known: any alarm among many benchmarks, and shifts that many share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from simulated import noise
from simulated.paired import NOT_HELD, outcome_of
from simulated.tables import Bound, Rates, WorldTable, percent
from verdicts.reports import DEDICATED, TIME, side

from regress_action import analysis
from regress_action.model.measurements import Benchmark, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.model.comparisons import Judgement

    Sides = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

SUITE, PAIRS, STORED = 100, 10, 10
SHIFTED, SHIFT = 30, 1.1
SERVICE, OWN_NOISE = 23, 0.08
LEANINGS = (1.02, 1.05, 1.1)


def tables(trials: int) -> list[WorldTable]:
    """Return the tables of suites of identical code, and of suites of which most got slower together."""
    suites, many = max(trials // 10, 4), max(trials // 2, 4)
    rates: Rates = {name: {"pairs: any alarm": _paired(name, many)} for name in noise.PAIRED}
    rates |= {name: _stored(name, many) | rates.get(name, {}) for name in noise.STORED}
    return [
        WorldTable(
            f"Suites of {SUITE} identical benchmarks",
            f"{PAIRS} pairs, and {STORED} stored runs against one: the share of suites with any alarm.",
            rates,
            {"pairs: any alarm": Bound(5.0), "stored: any alarm": Bound(5.0), "confirmed: any alarm": Bound(1.0)},
            NOT_HELD,
            many,
        ),
        WorldTable(
            f"A shift that most of {SHIFTED} benchmarks share",
            f"{STORED} stored runs against one, 3 % noise; of all rows.",
            {f"{share:.0%} of them ×{SHIFT}": _shifted(share, suites) for share in (0.2, 0.5, 0.8, 1.0)},
            {"slow called unchanged": Bound(5.0), "others called better": Bound(5.0)},
        ),
        WorldTable(
            f"A service of {SERVICE} benchmarks as a whole",
            f"Each with {OWN_NOISE:.0%} noise of its own, by what they share; {PAIRS} pairs, and {STORED} stored runs "
            "against one. `alone` is the share of the benchmarks that are found by themselves.",
            {name: _of_service(world, trials) for name, world in SHARED.items()},
            {"pairs: slower": Bound(1.0), "stored: suspected": Bound(5.0)},
        ),
        _correlated(trials),
    ]


def _correlated(trials: int) -> WorldTable:
    """Return what benchmarks of one suite tell of how neighbouring pairs are alike, beside one by itself."""
    rates: Rates = {}
    for name, sides in SIDES.items():
        for rows in TOGETHER:
            suites = max(trials // min(rows, 10), 4)
            rates[f"{name}, {rows} benchmark{'s' if rows > 1 else ''}"] = {
                f"{question} {pairs}": rate
                for pairs in (5, PAIRS)
                for question, rate in _alike(sides, rows, pairs, suites).items()
            }
    return WorldTable(
        "Suites whose sides drift by themselves",
        f"Each benchmark with noise of 2 to 6 %; 5 and {PAIRS} pairs. At ×1: suites with any slower one, and how many "
        "intervals hold the truth. One benchmark in five made slower: how many of these are found.",
        rates,
    )


def _alike(sides: Sides, rows: int, pairs: int, suites: int) -> dict[str, float | None]:
    random = np.random.default_rng(12)
    said: dict[str, list[bool]] = {}
    for factor in (1.0, *LEANINGS[1:]):
        for _ in range(suites):
            values = random.uniform(0.02, 0.06, (rows, 1, 1)) * sides(random, (rows, 2, pairs))
            values[::5, 1] += np.log(factor)
            base, head = ({str(n): np.exp(row[at]) for n, row in enumerate(values)} for at in (0, 1))
            judgement = analysis.compare([side(base, session="s", commit="a")], [side(head, session="s", commit="b")])
            if factor == 1:
                said.setdefault("any slower", []).append(_any(judgement))
                outcomes = [outcome_of(row, 1.0) for row in judgement.comparisons]
                said.setdefault("coverage", []).extend(outcome.covers for outcome in outcomes)
            else:
                slow = [row for row in judgement.comparisons if not int(row.benchmark.name) % 5]
                found = [row.verdict == "regression" and row.confirmed is not False for row in slow]
                said.setdefault(f"×{factor:g} found", []).extend(found)
    return {question: percent(answers) for question, answers in said.items()}


def _autoregressive(random: np.random.Generator, shape: tuple[int, ...], correlation: float | np.ndarray) -> np.ndarray:
    """Draw stationary first-order series of variance one along the last axis."""
    values = random.normal(0, 1, shape)
    for index in range(1, shape[-1]):
        shock = np.sqrt(1 - np.square(correlation)) * values[..., index]
        values[..., index] = correlation * values[..., index - 1] + shock
    return values


def _stall(random: np.random.Generator, runs: int) -> np.ndarray:
    """Return one run of the head in which everything took half as long again."""
    shared = np.zeros((2, runs))
    shared[1, int(random.integers(runs))] = np.log(1.5)
    return shared


def _of_build(random: np.random.Generator, runs: int) -> np.ndarray:
    """Return what one build has over the other, the same in all benchmarks and all runs."""
    return np.stack([np.zeros(runs), np.full(runs, random.normal(0, noise.TAU))])


SHARED: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "nothing": lambda _, runs: np.zeros((2, runs)),
    "3 % a run": lambda random, runs: random.normal(0, 0.03, (2, runs)),
    "3 % a run, t3": lambda random, runs: 0.017 * random.standard_t(3, (2, runs)),
    "3 % a run, skewed": lambda random, runs: 0.03 * (random.exponential(1, (2, runs)) - 1),
    "3 %, AR .5 along runs": lambda random, runs: noise.autoregressive(random, 2 * runs, 0.5, 0.03).reshape(runs, 2).T,
    "one run of the head ×1.5": _stall,
    "a build, τ": _of_build,
}
"""What all benchmarks of a service share, base and head × runs, on the scale of logarithms."""
TOGETHER = (1, 10, 30)
SIDES: dict[str, Sides] = {
    "independent": lambda random, shape: random.normal(0, 1, shape),
    "AR .5, per side": lambda random, shape: _autoregressive(random, shape, 0.5),
    "AR .8, per side": lambda random, shape: _autoregressive(random, shape, 0.8),
    "AR .5 of half of them": lambda random, shape: _autoregressive(random, shape, np.resize([0.5, 0.0], (shape[0], 1))),
    "AR .5 that all share": lambda random, shape: (
        0.8 * _autoregressive(random, (1, *shape[1:]), 0.5) + 0.6 * random.normal(0, 1, shape)
    ),
}
"""Noise of variance one of benchmarks × sides × pairs."""


def _of_service(shared: Callable[[np.random.Generator, int], np.ndarray], trials: int) -> dict[str, float | None]:
    """Return how often a service of identical code is called slower, and how often it is found as a whole and alone."""
    random = np.random.default_rng(10)
    null = [_service(random, shared, 1.0)[0] for _ in range(trials)]
    rates: dict[str, float | None] = {"pairs: slower": percent(null)}
    for factor in LEANINGS:
        found = [_service(random, shared, factor) for _ in range(max(trials // 4, 4))]
        rates[f"×{factor:g} found"] = percent([whole for whole, _ in found])
        rates[f"×{factor:g} alone"] = percent([alone for _, alone in found])
    rates["stored: suspected"] = percent([_stored_service(random, shared, 1.0) for _ in range(trials)])
    rates["stored: ×1.1 found, one in two slower"] = percent(
        [_stored_service(random, shared, 1.1) for _ in range(max(trials // 4, 4))]
    )
    return rates


def _service(
    random: np.random.Generator, shared: Callable[[np.random.Generator, int], np.ndarray], factor: float
) -> tuple[bool, float]:
    """Judge a service in pairs; return whether it is slower as a whole, and the share of its benchmarks that are."""
    values = random.normal(0, OWN_NOISE / np.sqrt(2), (SERVICE, 2, PAIRS)) + shared(random, PAIRS)
    values[:, 1] += np.log(factor)
    base, head = ({str(n): np.exp(row[at]) for n, row in enumerate(values)} for at in (0, 1))
    judgement = analysis.compare([side(base, session="s", commit="a")], [side(head, session="s", commit="b")])
    alone = [row.verdict == "regression" for row in judgement.comparisons]
    return any(service.verdict == "regression" for service in judgement.services), sum(alone) / len(alone)


def _stored_service(
    random: np.random.Generator, shared: Callable[[np.random.Generator, int], np.ndarray], factor: float
) -> bool:
    """Judge one run against stored ones, every second benchmark slower by `factor`; return whether the service is."""
    together = shared(random, STORED + 1)[1]
    values = random.normal(0, OWN_NOISE / 2, (SERVICE, STORED + 1)) + together
    values[:: 2 if factor > 1 else 1, -1] += np.log(factor)
    judgement = analysis.compare(*_reports(list(np.exp(values[:, :-1])), list(np.exp(values[:, -1:]))))
    return any(service.verdict == "regression" for service in judgement.services)


def _paired(name: str, suites: int) -> float:
    random = np.random.default_rng(7)
    alarms = []
    for _ in range(suites):
        drawn = [noise.PAIRED[name](random, PAIRS, 1.0) for _ in range(SUITE)]
        base = side({str(n): pair[0] for n, pair in enumerate(drawn)}, session="s", commit="a")
        head = side({str(n): pair[1] for n, pair in enumerate(drawn)}, session="s", commit="b")
        alarms.append(_any(analysis.compare([base], [head])))
    return percent(alarms)


def _stored(name: str, suites: int) -> dict[str, float | None]:
    random = np.random.default_rng(8)
    alarms, suspected, confirmed = [], [], []
    for _ in range(suites):
        drawn = [noise.STORED[name](random, STORED, 1, 1.0) for _ in range(SUITE)]
        first = analysis.compare(*_reports([base for base, _ in drawn], [head for _, head in drawn]))
        again = _measured_again(random, analysis.suspects(first))
        alarms.append(_any(first))
        suspected.append(any(row.verdict == "regression" for row in first.comparisons))
        confirmed.append(again is not None and _any(analysis.confirm(first, again), confirmed=True))
    return {
        "stored: any alarm": percent(alarms),
        "stored: any suspicion": percent(suspected),
        "confirmed: any alarm": percent(confirmed),
    }


def _measured_again(random: np.random.Generator, names: Sequence[str]) -> Judgement | None:
    """Measure the suspects in pairs, with 2 % noise and the usual effect of a build."""
    if not names:
        return None
    base = {name: np.exp(random.normal(0, 0.02, PAIRS)) for name in names}
    head = {name: np.exp(random.normal(random.normal(0, noise.TAU), 0.02, PAIRS)) for name in names}
    return analysis.compare([side(base, session="s", commit="a")], [side(head, session="s", commit="b")])


def _any(judgement: Judgement, *, confirmed: bool = False) -> bool:
    """Whether any row alarms, or is a proven regression of any size."""
    return any(
        row.verdict == "regression" and (row.confirmed is True if confirmed else row.confirmed is not False)
        for row in judgement.comparisons
    )


def _reports(base: Sequence[np.ndarray], head: Sequence[np.ndarray]) -> tuple[list[Report], list[Report]]:
    return [_one(column) for column in np.transpose(base)], [_one(column) for column in np.transpose(head)]


def _one(values: np.ndarray) -> Report:
    series = tuple(Series(Benchmark(str(number)), TIME, (float(value),)) for number, value in enumerate(values))
    return Report(series, (Run(),), environment=DEDICATED)


def _shifted(share: float, suites: int) -> dict[str, float | None]:
    random = np.random.default_rng(9)
    slow = np.arange(SHIFTED) < share * SHIFTED
    said: dict[str, list[bool]] = {}
    for _ in range(suites):
        base = [np.exp(random.normal(0, 0.03, STORED)) for _ in range(SHIFTED)]
        head = [np.exp(random.normal(0, 0.03, 1)) * (SHIFT if slow[number] else 1.0) for number in range(SHIFTED)]
        judgement = analysis.compare(*_reports(base, head))
        verdicts = {row.benchmark.name: row for row in judgement.comparisons}
        suspects = set(analysis.suspects(judgement))
        for number in range(SHIFTED):
            row, which = verdicts[str(number)], "slow" if slow[number] else "others"
            said.setdefault(f"{which} called unchanged", []).append(row.verdict == "unchanged")
            said.setdefault(f"{which} called better", []).append(row.verdict == "improvement")
            said.setdefault(f"{which} called worse", []).append(row.verdict == "regression")
            said.setdefault(f"{which} to be measured again", []).append(str(number) in suspects)
    return {question: percent(answers) for question, answers in sorted(said.items(), reverse=True)}
