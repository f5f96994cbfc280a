"""Checks of `doctor`: that the gate fires, and the figures of the runs of a noisy benchmark, which `advice` explains.

Also here: on recorded runs, each benchmark × metric is made worse in turn and must be caught.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from regress_action.action.judge import JudgingRules
    from regress_action.advice.noise import Explanation
    from regress_action.formats import Measurement
    from regress_action.formats.measured_run import Execution
    from regress_action.model.comparisons import Comparison
    from regress_action.model.measurements import Report

    Values = npt.NDArray[np.float64]


_MARGIN = 1.5
"""How far beyond the ratio that fails a planted slowdown goes: half as much again."""

LIMIT_S = 60.0
"""Seconds that the proof may take; a suite of a thousand series would take longer."""

_FEWEST = 8
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class PlantedChange:
    """One benchmark × metric made worse by `factor`: whether it was caught, whether the gate failed, and why not."""

    benchmark: str
    metric: str
    factor: float
    caught: bool
    fails: bool
    why: str = ""


def planted_changes(
    base: Report, head: Report, rules: JudgingRules, *, limit_s: float = LIMIT_S
) -> tuple[list[PlantedChange], int]:
    """Return what became of every series of the head that was made worse alone, and how many were left untried.

    The quietest come first, because time may run out. Ratios are of badness: a throughput is made smaller.

    Raises:
        RegressError: the two reports hold nothing that can be judged.
    """
    from regress_action.action.judge import judge_reports

    began = time.monotonic()
    judged = judge_reports([base], [head], rules).judgement.comparisons
    rows = sorted(judged, key=lambda row: row.minimum_detectable_ratio or float("inf"))
    done: list[PlantedChange] = []
    for row in rows:
        if time.monotonic() - began > limit_s:
            break
        done.append(_planted(base, head, row, rules))
    return done, len(rows) - len(done)


def _planted(base: Report, head: Report, row: Comparison, rules: JudgingRules) -> PlantedChange:
    from regress_action.action.judge import judge_reports
    from regress_action.model.comparisons import Verdict

    factor = 1 + _MARGIN * (rules.ratio_that_fails(row) - 1)
    name = row.benchmark.name, row.metric.name
    if row.baseline.median == row.head.median == 0:
        return PlantedChange(*name, factor, caught=False, fails=False, why="it is 0, which no factor makes worse")
    if row.ratio is None or row.minimum_detectable_ratio is None:
        return PlantedChange(*name, factor, caught=False, fails=False, why=f"it has no ratio: {row.verdict.value}")
    again = judge_reports([base], [worsened(head, row, factor)], rules)
    after = next((other for other in again.judgement.comparisons if _key(other) == _key(row)), None)
    if after is None:
        return PlantedChange(*name, factor, caught=False, fails=False, why="it was left out of the verdict")
    caught = after.verdict is Verdict.REGRESSION
    fails = caught and again.exit_code == 1
    return PlantedChange(*name, factor, caught, fails, "" if fails else _why(after, factor, rules))


def worsened(report: Report, row: Comparison, factor: float) -> Report:
    """Return the report with one series made worse by a factor."""
    scale = factor if row.metric.direction == "lower" else 1 / factor
    return replace(
        report,
        series=tuple(
            replace(series, values=tuple(value * scale for value in series.values))
            if series.key == _key(row)
            else series
            for series in report.series
        ),
    )


def _key(row: Comparison) -> tuple[str, str]:
    return row.benchmark.name, row.metric.name


def _why(row: Comparison, factor: float, rules: JudgingRules) -> str:
    """Return why a planted slowdown did not fail."""
    from regress_action.model.comparisons import Severity

    if rules.policy.fail_on == Severity.NONE:
        return "fail-on is none"
    if row.severity and row.verdict == "regression":
        return f"it is {row.severity.value}, and fail-on is {rules.policy.fail_on}"
    needed = (
        f", and {row.runs_needed} pairs would decide" if row.runs_needed and row.runs_needed > row.head.runs else ""
    )
    visible = row.minimum_detectable_ratio
    if visible is not None and visible > factor:
        return f"its noise hides everything below {(visible - 1) * 100:.0f} %{needed}"
    return f"the verdict is {row.verdict.value}{needed}"


def summarised(done: Sequence[PlantedChange], untried: int) -> tuple[bool, str, list[str]]:
    """Return whether the gate works at all, one sentence, and a line for each series that could not fire."""
    from regress_action.report.numbers import count

    fired = [change for change in done if change.fails]
    silent = [change for change in done if not change.fails]
    names = len({change.benchmark for change in done})
    rest = f"; {untried} more were not tried in {LIMIT_S:.0f} s" if untried else ""
    said = (
        f"The gate fires for {len(fired)} of {len(done)} benchmark × metric pairs ({count(names, 'benchmark')}), "
        f"each made worse alone{rest}."
    )
    return (
        bool(fired),
        said,
        [f"{change.benchmark} ({change.metric}) × {change.factor:.2f}: {change.why}" for change in silent],
    )


def noise_causes(measured: Measurement, noisy: Sequence[str]) -> dict[str, Explanation]:
    """Return the likeliest cause of each of the benchmarks that are called noisy; none for those that show nothing."""
    import numpy as np

    from regress_action.advice.noise import Explanation, Option, explained_noise

    causes: dict[str, Explanation] = {}
    for name in noisy:
        times, figures, first = _runs_of(measured, name)
        if tick := tick_of(times):
            causes[name] = Explanation(
                "its clock is too coarse for its rounds",
                f"values are whole ticks of {tick * 1e3:.3g} ms" if tick < math.inf else "it reads zero",
                (Option("put more work into a round", "longer rounds"), Option("read a finer clock")),
                "longer rounds",
            )
        elif len(times) >= _FEWEST and float(np.std(times)) > 0 and (cause := explained_noise(times, figures, first)):
            causes[name] = cause
    return causes


def tick_of(times: Values) -> float:
    """Return the tick of the clock in seconds where times are whole ticks, infinity where half are zero, else 0."""
    import numpy as np

    from regress_action.analysis.resolution import ticks

    if not len(times):
        return 0.0
    if float(np.mean(times == 0)) >= _HALF:
        return math.inf
    return float(np.nan_to_num(ticks(times[None, :], times[None, :0])[0]))


def _runs_of(measured: Measurement, name: str) -> tuple[Values, dict[str, Values], Values]:
    """Return the times of the good runs of a benchmark, what was watched of the same runs, and which came first."""
    import numpy as np

    from regress_action.advice.noise import WATCHED

    executions = {(run.side, run.pair): run for run in measured.executions if run.failure is None}
    times: list[float] = []
    watched: list[Mapping[str, float]] = []
    first: list[float] = []
    for side, report in (("base", measured.base), ("head", measured.head)):
        series = next((row for row in (report.series if report else ()) if row.key == (name, "time")), None)
        if report is None or series is None:
            continue
        for run, value in zip(report.runs, series.values, strict=True):
            execution = executions.get((side, run.pair))
            if execution is not None and math.isfinite(value):
                times.append(value)
                watched.append(_figures(execution))
                first.append(float(run.pair == 1))
    names = (*WATCHED, "wall_s", "cpu_s")
    figures = {key: np.array([numbers.get(key, np.nan) for numbers in watched]) for key in names}
    return np.array(times), figures, np.array(first)


def _figures(execution: Execution) -> dict[str, float]:
    """Return what was watched of a run: what the kernel counted, and the seconds for which it waited for each thing."""
    from regress_action.model.resources import Doing

    figures = dict(execution.numbers)
    figures["cpu_s"] = figures.get("user_s", math.nan) + figures.get("system_s", math.nan)
    if run := execution.resources:
        kinds = (Doing.SOCKET, Doing.SLEEP, Doing.LOCK, Doing.PAGING, Doing.DISK)
        figures |= {f"{kind.value}_s": run.waiting_s(kind) for kind in kinds}
        figures["voluntary_switches"] = run.voluntary_switches
        figures["queue_s"] = max(0.0, run.waiting_s(Doing.RUNNING) - run.cpu_s)
    return figures
