"""The proof that the gate fires: on recorded runs, each benchmark × metric is made worse in turn and must be caught."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.judge import JudgingRules
    from regress_action.model.comparisons import Comparison
    from regress_action.model.measurements import Report

_MARGIN = 1.5
"""How far beyond the ratio that fails a planted slowdown goes: half as much again."""

LIMIT_S = 60.0
"""Seconds that the proof may take; a suite of a thousand series would take longer."""


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
    needed = f", and {row.runs_needed} pairs would decide" if row.runs_needed else ""
    visible = row.minimum_detectable_ratio
    if visible is not None and visible > factor:
        return f"its noise hides everything below {(visible - 1) * 100:.0f} %{needed}"
    return f"the verdict is {row.verdict.value}{needed}"


def summarised(done: Sequence[PlantedChange], untried: int) -> tuple[bool, str, list[str]]:
    """Return whether the gate works at all, one sentence, and a line for each series that could not fire."""
    fired = [change for change in done if change.fails]
    silent = [change for change in done if not change.fails]
    names = len({change.benchmark for change in done})
    rest = f"; {untried} more were not tried in {LIMIT_S:.0f} s" if untried else ""
    said = (
        f"The gate fires for {len(fired)} of {len(done)} benchmark × metric pairs ({names} benchmarks), "
        f"each made worse alone{rest}."
    )
    return (
        bool(fired),
        said,
        [f"{change.benchmark} ({change.metric}) × {change.factor:.2f}: {change.why}" for change in silent],
    )
