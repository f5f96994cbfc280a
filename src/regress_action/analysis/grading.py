"""Verdict and severity of every row: what stands in the way goes before what the numbers say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import distributions, noise
from regress_action.analysis.arrays import ROUNDING, Flags, Floats, Ints, moments, plain
from regress_action.analysis.policy import waiver_of
from regress_action.model.comparisons import Budget, BudgetState, Severity, Verdict, WaiverApplied
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.analysis.estimate import RowEstimates, RunMatrix
    from regress_action.analysis.policy import BudgetRule, Policy
    from regress_action.analysis.tests import TestResults
    from regress_action.model.comparisons import Note, Reason


WORST_FIRST = (
    Verdict.REGRESSION,
    Verdict.FAILED,
    Verdict.MISSING,
    Verdict.UNSTABLE_BASELINE,
    Verdict.INCOMPARABLE,
    Verdict.INCONCLUSIVE,
    Verdict.NEW,
    Verdict.IMPROVEMENT,
    Verdict.UNCHANGED,
)
_CODE = {verdict: code for code, verdict in enumerate(WORST_FIRST)}


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that is known about the rows of one comparison.

    `moved` is the log ratio by which the whole suite moved, if it did, and `shift` the part of it in each row.
    `idle` are notes about budgets that apply to nothing.
    """

    matrix: RunMatrix
    estimates: RowEstimates
    results: TestResults
    thresholds: Floats
    budgets: dict[int, Budget]
    failures: dict[str, Reason]
    skipped: dict[str, str]
    moved: float | None
    shift: Floats
    idle: tuple[Note, ...]


def verdicts(analysis: Analysis) -> tuple[Ints, Flags]:
    """Return the code of each row's verdict, and which rows belong into the judgement at all.

    What stands in the way of a comparison goes before what the comparison would say. A benchmark that only old
    commits of a history know was removed long ago and is no news.
    """
    matrix, results, estimates = analysis.matrix, analysis.results, analysis.estimates
    rows = matrix.rows
    names = [benchmark.name for benchmark in rows.benchmarks]
    head = ~np.isnan(matrix.head.values).all(axis=1)
    base = ~np.isnan(matrix.base.values).all(axis=1)
    attempted = np.array([name in analysis.failures or "" in analysis.failures for name in names], dtype=bool)
    unusable = _marked(rows.invalid, len(rows)) & ~head | matrix.scale.stopped
    directed = np.array([metric.direction is not Direction.UNKNOWN for metric in rows.metrics], dtype=bool)
    clash = _marked(rows.clashes, len(rows)) & ~base
    proven = results.regression | results.improvement
    codes = np.select(
        [
            unusable | (~head & attempted),
            ~head,
            clash | (estimates.foreign & ~proven),
            ~base,
            estimates.unstable,
            results.regression & directed,
            results.improvement & directed,
            results.unchanged,
        ],
        [
            _CODE[verdict]
            for verdict in (
                Verdict.FAILED,
                Verdict.MISSING,
                Verdict.INCOMPARABLE,
                Verdict.NEW,
                Verdict.UNSTABLE_BASELINE,
                Verdict.REGRESSION,
                Verdict.IMPROVEMENT,
                Verdict.UNCHANGED,
            )
        ],
        _CODE[Verdict.INCONCLUSIVE],
    )
    return codes, head | matrix.base.newest | unusable | attempted


def _marked(rows: Mapping[int, object], count: int) -> Flags:
    flags = np.zeros(count, dtype=bool)
    flags[[row for row in rows if row >= 0]] = True
    return flags


def severities(analysis: Analysis, codes: Ints, policy: Policy) -> tuple[Ints, dict[int, WaiverApplied]]:
    """Return the rank of each row's severity, and the waivers that cover some of them.

    The bands are ratios; without a ratio a proven regression is minor. What the whole suite moved by is taken off.
    """
    moderate, critical = policy.severities
    own = np.exp(np.minimum(analysis.estimates.estimate.d - analysis.shift, 700.0))
    above, below = 1 + ROUNDING, 1 - ROUNDING
    graded = np.select(
        [own < analysis.thresholds * below, own < moderate * below, own <= critical * above],
        [Severity.SLIGHT.rank, Severity.MINOR.rank, Severity.MODERATE.rank],
        Severity.CRITICAL.rank,
    )
    graded = np.where(analysis.matrix.scale.linear, Severity.MINOR.rank, graded)
    graded[codes != _CODE[Verdict.REGRESSION]] = Severity.NONE.rank
    waived = {}
    if policy.waivers:
        for row in plain(np.flatnonzero(graded > Severity.SLIGHT.rank)):
            rows = analysis.matrix.rows
            waiver = waiver_of(rows.benchmarks[row], rows.metrics[row], policy)
            if waiver is not None and own[row] <= waiver.ceiling * above and not analysis.matrix.scale.linear[row]:
                graded[row] = Severity.SLIGHT.rank
                waived[row] = WaiverApplied(waiver.ceiling, waiver.reason)
    return graded, waived


def check_budgets(rules: Mapping[int, BudgetRule], matrix: RunMatrix, policy: Policy) -> dict[int, Budget]:
    """Return where each head stands against its limit, with the interval of its level in the metric's unit.

    The interval is Student's over the runs, widened by what separates two sessions on such a machine: a budget
    is about the program, not about the one machine it happened to meet.
    """
    rows = np.array(sorted(rules), dtype=int)
    low, high = _interval(rows, matrix, policy)
    metrics = matrix.rows.metrics
    return {
        row: _state(rules[row], metrics[row].direction, bottom, top)
        for row, bottom, top in zip(plain(rows), plain(low), plain(high), strict=True)
        if np.isfinite(bottom) and np.isfinite(top)
    }


def _interval(rows: Ints, matrix: RunMatrix, policy: Policy) -> tuple[Floats, Floats]:
    values, scale = matrix.head_values[rows], matrix.scale
    runs, level, squares = moments(values)
    sessions = max(matrix.head.session_count, 1)
    usual = noise.between_sessions(matrix.environment, policy.session_spread)
    tau2 = noise.per_row(scale, usual, policy.session_spread)[rows] ** 2 / sessions
    with np.errstate(invalid="ignore", divide="ignore"):
        sampling = np.where(runs > 1, squares / (runs - 1) / runs, 0.0)
        df = np.where(sampling > 0, (runs - 1) * ((sampling + tau2) / sampling) ** 2, np.inf)
    half = distributions.t_quantile(policy.alpha / 2, df) * np.sqrt(sampling + tau2)
    sign, linear = scale.sign[rows], scale.linear[rows]
    ends = np.sort(np.stack([sign * (level - half), sign * (level + half)]), axis=0)
    with np.errstate(over="ignore"):
        return np.where(linear, ends[0], np.exp(ends[0])), np.where(linear, ends[1], np.exp(ends[1]))


def _state(rule: BudgetRule, direction: Direction, low: float, high: float) -> Budget:
    # A limit is an upper one unless more is better: also for a metric of which nobody says which way is better.
    worst, best = (high, low) if direction != Direction.HIGHER else (-low, -high)
    limit = rule.limit if direction != Direction.HIGHER else -rule.limit
    at_most = limit + ROUNDING * abs(limit)
    state = BudgetState.OVER if best > at_most else BudgetState.WITHIN if worst <= at_most else BudgetState.UNCLEAR
    return Budget(rule.key, rule.limit, low, high, state)
