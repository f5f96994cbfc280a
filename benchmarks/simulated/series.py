"""Histories searched after every run: how often stationary noise ever shows a change, and how soon a step is seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from simulated.noise import autoregressive
from simulated.tables import Bound, WorldTable, percent

from regress_action.analysis import change_points, cumulative_drift
from regress_action.analysis import histories as analysis_histories
from regress_action.analysis.policy import Limit, Policy
from regress_action.analysis.sustained_changes import find_sustained
from regress_action.analysis.trend import Tendency
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regress_action.analysis.change_points import ChangePoint

RUNS, FIRST = 100, 20
STEP_AT, STEP = 60, 1.1
TIGHT = 1.05
RELEASE = 30
_SOON = 10
_BESIDE = 3  # runs by which a change point may miss the step
_SHORT = 4
_MOVES = 0.1  # how often a job lands on the other machine


def tables(trials: int) -> list[WorldTable]:
    """Return the table of alarms over a history's life, that of steps, and that of drifts."""
    count = max(trials // 4, 10)
    return [
        WorldTable(
            f"Change points searched after every one of {RUNS} runs, stationary noise",
            "Histories that ever show a change point, a clear one, or an alarm at a threshold of 1.05; points per 100 "
            "histories at the end.",
            {name: _alarms(draw, count) for name, draw in _NOISE.items()},
            {"ever clear": Bound(2.0), "ever an alarm": Bound(2.0)},
            trials=count,
        ),
        WorldTable(
            f"A step of ×{STEP} after {STEP_AT} runs",
            "Runs until it is shown, until it is clear (medians), and how often it is clear by the tenth run.",
            {f"{noise:.0%} noise": _delays(noise, count) for noise in (0.01, 0.03, 0.05)},
        ),
        WorldTable(
            f"A level of four runs at ×{STEP}, and back",
            f"How often both of its ends are found in {RUNS} runs, within one run of their place.",
            {f"{noise:.0%} noise": _short_levels(noise, count) for noise in (0.01, 0.03, 0.05)},
            {"both ends": Bound(50.0, at_most=False)},
            not_held={"5% noise": "four runs show a step of twice their noise in one case of eight"},
            trials=count,
        ),
        WorldTable(
            f"A drift of ×{STEP}",
            f"What it is called at its end, of {RUNS} runs of which the last so many drift; and what a step there is.",
            {
                f"{runs} runs, {noise:.0%} noise": _drifts(runs, noise, count)
                for runs in (50, 100)
                for noise in (0.01, 0.03, 0.05)
            },
        ),
        WorldTable(
            f"What crept in {RUNS} runs of stationary noise",
            f"Intervals that hold the truth: no drift since run {RELEASE}, and since the best level.",
            {name: _creep(draw, count) for name, draw in _CREEP_NOISE.items()},
            {f"since the {start}": Bound(93.0, at_most=False) for start in ("release", "best level")},
            trials=count,
        ),
    ]


def _weekdays(random: np.random.Generator) -> np.ndarray:
    day = np.arange(RUNS) // 10 % 7
    return random.normal(0, 0.02, RUNS) + 0.04 * (day >= 5)  # noqa: PLR2004 - the weekend


def _sticky(random: np.random.Generator) -> np.ndarray:
    machine = np.cumsum(random.random(RUNS) < _MOVES) % 2
    return random.normal(0, 0.01, RUNS) + 0.06 * machine


_NOISE: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "iid 5 %": lambda random: random.normal(0, 0.05, RUNS),
    "t3": lambda random: 0.03 * random.standard_t(3, RUNS),
    "bimodal": lambda random: random.normal(0, 0.02, RUNS) + np.log(1.16) * (random.random(RUNS) < 0.3),  # noqa: PLR2004
    "AR .3": lambda random: autoregressive(random, RUNS, 0.3, 0.05),
    "AR .6": lambda random: autoregressive(random, RUNS, 0.6, 0.05),
    "weekend at ten runs a day": _weekdays,
    "two sticky machines": _sticky,
}


_CREEP_NOISE: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    **{name: _NOISE[name] for name in ("iid 5 %", "t3", "bimodal", "AR .3", "AR .6")},
    "bimodal, half each": lambda random: random.normal(0, 0.02, RUNS) + np.log(1.16) * (random.random(RUNS) < 0.5),  # noqa: PLR2004
}


def _creep(draw: Callable[[np.random.Generator], np.ndarray], count: int) -> dict[str, float | None]:
    random = np.random.default_rng(10)
    drifts = cumulative_drift.measure(_reports([np.exp(draw(random)) for _ in range(count)]), f"{RELEASE:040x}")
    since = {
        "since the release": [drift.since_release for drift in drifts],
        "since the best level": [drift.since_best for drift in drifts],
    }
    return {
        start: percent([drift.low <= 1 <= drift.high for drift in measured if drift is not None])
        for start, measured in since.items()
    }


def _alarms(draw: Callable[[np.random.Generator], np.ndarray], count: int) -> dict[str, float | None]:
    random = np.random.default_rng(5)
    histories = [np.exp(draw(random)) for _ in range(count)]
    searches = list(_searched(histories, FIRST))
    return {
        "ever shown": percent([any(found) for found in zip(*searches, strict=True)]),
        "ever clear": percent(
            [any(point.clear for points in found for point in points) for found in zip(*searches, strict=True)]
        ),
        "ever an alarm": percent(_ever_alarmed(histories)),
        "points at the end": 100 * sum(map(len, searches[-1])) / count,
    }


def _ever_alarmed(histories: list[np.ndarray]) -> list[bool]:
    """Return which histories the trend stage ever alarms for; it is asked after every fourth run."""
    reports = _reports(histories)
    policy = Policy(limits=(Limit(regression_threshold=TIGHT),))
    alarmed = set()
    for runs in range(FIRST, RUNS + 1, 4):
        followed = analysis_histories.follow(analysis_histories.of(reports[:runs]))
        changes = find_sustained(followed, cumulative_drift.measure(reports[:runs]), policy)
        alarmed |= {change.history.benchmark.name for change in changes if change.comparison.alarms}
    return [str(number) in alarmed for number in range(len(histories))]


def _reports(histories: list[np.ndarray]) -> list[Report]:
    """Return a report for every run, in which each history is a benchmark."""
    metric = Metric("time", "s")
    return [
        Report(
            tuple(Series(Benchmark(str(number)), metric, (float(value),)) for number, value in enumerate(values)),
            (Run(),),
            commit=f"{run:040x}",
            created=f"{datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=run):%Y-%m-%dT%H:%M:%SZ}",
        )
        for run, values in enumerate(np.transpose(histories))
    ]


def _searched(histories: list[np.ndarray], first: int) -> Iterator[list[tuple[ChangePoint, ...]]]:
    """Yield the change points of every history after each of its runs, from run `first` on."""
    searcher, numbers = change_points.Searcher(), np.arange(len(histories))
    for runs in range(first, RUNS + 1):
        yield searcher.find_all([history[:runs] for history in histories], numbers)


def _short_levels(noise: float, count: int) -> dict[str, float | None]:
    random = np.random.default_rng(11)
    begin, stop = RUNS // 2, RUNS // 2 + _SHORT
    level = np.log(STEP) * ((np.arange(RUNS) >= begin) & (np.arange(RUNS) < stop))
    found = change_points.find_all(
        [np.exp(random.choice((-1, 1)) * level + random.normal(0, noise, RUNS)) for _ in range(count)]
    )
    ends = [[any(abs(point.index - end) <= 1 for point in points) for end in (begin, stop)] for points in found]
    return {"both ends": percent([all(seen) for seen in ends])}


def _drifts(runs: int, noise: float, count: int) -> dict[str, float | None]:
    random = np.random.default_rng(12)
    shapes = {
        "drift": np.clip((np.arange(RUNS) - RUNS + runs) / (runs - 1), 0, 1),
        "step": (np.arange(RUNS) >= RUNS - runs // 2).astype(float),
    }
    rates: dict[str, float | None] = {}
    for name, shape in shapes.items():
        drawn = [np.exp(np.log(STEP) * shape + random.normal(0, noise, RUNS)) for _ in range(count)]
        followed = analysis_histories.follow([analysis_histories.named("x", values) for values in drawn])
        called = [one.trend.direction is Tendency.DEGRADING and not one.change_points for one in followed]
        rates[f"{name}: called a drift"] = percent(called)
        rates[f"{name}: shown as steps"] = percent([bool(one.change_points) for one in followed])
    return rates


def _delays(noise: float, count: int) -> dict[str, float | None]:
    random = np.random.default_rng(6)
    level = np.where(np.arange(RUNS) < STEP_AT, 1.0, STEP)
    histories = [level * np.exp(random.normal(0, noise, RUNS)) for _ in range(count)]
    shown, clear = np.full((2, count), float(RUNS))
    for waited, found in enumerate(_searched(histories, STEP_AT + 1), start=1):
        near = [[point for point in points if abs(point.index - STEP_AT) <= _BESIDE] for points in found]
        shown = np.where(list(map(bool, near)), np.minimum(shown, waited), shown)
        clear = np.where([any(point.clear for point in points) for points in near], np.minimum(clear, waited), clear)
    return {
        "runs until shown": float(np.median(shown)),
        "runs until clear": float(np.median(clear)),
        "clear by the tenth run": percent([delay <= _SOON for delay in clear]),
    }
