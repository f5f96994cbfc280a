"""Zeros and counts: metrics without a ratio, or whose ratio rests on a few events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from simulated.tables import Bound, Rates, WorldTable, percent
from verdicts.reports import DEDICATED, one_run, side

from regress_action import analysis
from regress_action.model.measurements import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.model.comparisons import Comparison

COUNT = Metric("events", "count")
LEAK = Metric("growth", "B", signed=True)
PAIRS, STORED, NEW = 20, 20, 5


def tables(trials: int) -> list[WorldTable]:
    """Return the table of counts, zeros and signed metrics."""
    rates: Rates = {}
    for name, (metric, before, after) in _WORLDS.items():
        rates[name] = _rates(metric, before, before, trials, "same") | _rates(metric, before, after, trials, "worse")
    questions = {f"{design}: same, called worse": Bound(2.5) for design in ("pairs", "history")}
    questions |= {f"{design}: worse, called unchanged": Bound(3.75) for design in ("pairs", "history")}
    return [
        WorldTable(
            "Counts and zeros",
            f"{PAIRS} pairs; {STORED} stored runs against {NEW}.",
            rates,
            questions,
        )
    ]


def _poisson(mean: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda random, count: random.poisson(mean, count).astype(float)


def _half_zeros(factor: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda random, count: factor * (random.random(count) < 0.5) * np.exp(random.normal(0, 0.1, count))  # noqa: PLR2004 - half


def _growth(mean: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda random, count: random.normal(mean, 1000.0, count)


_WORLDS = {
    "Poisson 1 → 2": (COUNT, _poisson(1), _poisson(2)),
    "Poisson 0.2 → 1": (COUNT, _poisson(0.2), _poisson(1)),
    "Poisson 10 → 15": (COUNT, _poisson(10), _poisson(15)),
    "Poisson 200 → 220": (COUNT, _poisson(200), _poisson(220)),
    "half zeros ×1.5": (COUNT, _half_zeros(1.0), _half_zeros(1.5)),
    "growth 0 → 1 kB, sd 1 kB": (LEAK, _growth(0.0), _growth(1000.0)),
}


def _rates(
    metric: Metric,
    before: Callable[[np.random.Generator, int], np.ndarray],
    after: Callable[[np.random.Generator, int], np.ndarray],
    trials: int,
    name: str,
) -> dict[str, float | None]:
    random = np.random.default_rng(3)
    rates: dict[str, float | None] = {}
    for design, compared in (("pairs", _in_pairs), ("history", _with_history)):
        rows = [compared(metric, before, after, random) for _ in range(trials)]
        rates[f"{design}: {name}, called worse"] = percent([row.verdict == "regression" for row in rows])
        rates[f"{design}: {name}, called unchanged"] = percent([row.verdict == "unchanged" for row in rows])
    return rates


def _in_pairs(
    metric: Metric,
    before: Callable[[np.random.Generator, int], np.ndarray],
    after: Callable[[np.random.Generator, int], np.ndarray],
    random: np.random.Generator,
) -> Comparison:
    base = side({"b": before(random, PAIRS)}, session="s", commit="a", metric=metric)
    head = side({"b": after(random, PAIRS)}, session="s", commit="b", metric=metric)
    return analysis.compare([base], [head]).comparisons[0]


def _with_history(
    metric: Metric,
    before: Callable[[np.random.Generator, int], np.ndarray],
    after: Callable[[np.random.Generator, int], np.ndarray],
    random: np.random.Generator,
) -> Comparison:
    stored, new = (
        [one_run("b", value, metric, DEDICATED) for value in draw(random, count)]
        for draw, count in ((before, STORED), (after, NEW))
    )
    return analysis.compare(stored, new).comparisons[0]
