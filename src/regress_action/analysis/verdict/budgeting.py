"""Absolute budgets: over only when the whole interval of the head lies beyond the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.evidence import machine
from regress_action.analysis.numeric import student
from regress_action.analysis.numeric.arrays import ROUNDING, Floats, Ints, moments, plain
from regress_action.model.comparisons import Budget, BudgetState
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.analysis.rules.policy import BudgetRule, Policy
    from regress_action.analysis.verdict.weighing import Evidence


def check(rules: Mapping[int, BudgetRule], evidence: Evidence, policy: Policy) -> dict[int, Budget]:
    """Return where each head stands against its limit, with the interval of its level in the metric's unit.

    The interval is Student's over the runs, widened by what separates two sessions on such a machine: a budget
    is about the program, not about the one machine it happened to meet.
    """
    rows = np.array(sorted(rules), dtype=int)
    low, high = _interval(rows, evidence, policy)
    metrics = evidence.rows.metrics
    return {
        row: _state(rules[row], metrics[row].direction, bottom, top)
        for row, bottom, top in zip(plain(rows), plain(low), plain(high), strict=True)
        if np.isfinite(bottom) and np.isfinite(top)
    }


def _interval(rows: Ints, evidence: Evidence, policy: Policy) -> tuple[Floats, Floats]:
    values, scale = evidence.head_values[rows], evidence.scale
    runs, level, squares = moments(values)
    sessions = max(evidence.head.session_count, 1)
    usual = machine.between_sessions(evidence.environment, policy.tau)
    tau2 = machine.per_row(scale, usual, policy.tau)[rows] ** 2 / sessions
    with np.errstate(invalid="ignore", divide="ignore"):
        sampling = np.where(runs > 1, squares / (runs - 1) / runs, 0.0)
        df = np.where(sampling > 0, (runs - 1) * ((sampling + tau2) / sampling) ** 2, np.inf)
    half = student.quantile(policy.alpha / 2, df) * np.sqrt(sampling + tau2)
    sign, linear = scale.sign[rows], scale.linear[rows]
    ends = np.sort(np.stack([sign * (level - half), sign * (level + half)]), axis=0)
    with np.errstate(over="ignore"):
        return np.where(linear, ends[0], np.exp(ends[0])), np.where(linear, ends[1], np.exp(ends[1]))


def _state(rule: BudgetRule, direction: Direction, low: float, high: float) -> Budget:
    worst, best = (high, low) if direction == Direction.LOWER else (-low, -high)
    limit = rule.limit if direction == Direction.LOWER else -rule.limit
    at_most = limit + ROUNDING * abs(limit)
    state = BudgetState.OVER if best > at_most else BudgetState.WITHIN if worst <= at_most else BudgetState.UNCLEAR
    return Budget(rule.key, rule.limit, low, high, state)
