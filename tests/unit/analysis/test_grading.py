"""Verdict, severity and budget of a row, each by its rule in words."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from regress_action.analysis import BudgetRule, Policy, WaiverRule, grading
from regress_action.analysis.comparison import analyse
from regress_action.model.comparisons import BudgetState, Reason, ReasonCode, Severity, Verdict
from regress_action.model.measurements import Direction, Environment, Metric
from unit.analysis.compared_sides import HOSTED, OWN, TIME, pairs, session

NAMES = [f"b{number}" for number in range(300)]


def analysis_of(rows: int) -> grading.Analysis:
    """Return an analysis of so many benchmarks, whose arrays a test replaces."""
    values = {name: [1.0, 1.1] for name in NAMES[:rows]}
    return analyse([pairs(values)], [pairs(values)], Policy())


@pytest.mark.parametrize("failed_as_a_whole", [True, False])
def test_what_stands_in_the_way_goes_before_what_the_numbers_say(*, failed_as_a_whole: bool) -> None:
    """In this order; a row belongs into the judgement where the head has it, or was meant to."""
    random = np.random.default_rng(1)

    def some(share: float) -> np.ndarray:
        return np.asarray(random.random(300) < share)

    seen = analysis_of(300)
    matrix, estimates, results = seen.matrix, seen.estimates, seen.results
    matrix.head.values[some(0.4), :] = matrix.head.values[some(0.5), 1] = np.nan
    matrix.base.values[some(0.4), :] = matrix.base.values[some(0.5), 0] = np.nan
    head, base = (np.any(~np.isnan(side.values), axis=1).tolist() for side in (matrix.head, matrix.base))
    matrix.base.newest[:], matrix.scale.stopped[:] = some(0.5), some(0.1)
    invalid, clashes, failed, undirected = some(0.2), some(0.2), some(0.2), some(0.2)
    matrix.rows.invalid |= dict.fromkeys([*np.flatnonzero(invalid).tolist(), -1], Reason(ReasonCode.FAILED))
    matrix.rows.clashes |= dict.fromkeys(np.flatnonzero(clashes).tolist(), Reason(ReasonCode.FAILED))
    for row in np.flatnonzero(undirected).tolist():
        matrix.rows.metrics[row] = replace(TIME, direction=Direction.UNKNOWN)
    estimates.foreign, estimates.unstable = some(0.2), some(0.2)
    results.regression, results.improvement, results.unchanged = some(0.3), some(0.3), some(0.5)
    failures = [NAMES[row] for row in np.flatnonzero(failed)] + [""] * failed_as_a_whole
    seen = replace(seen, failures=dict.fromkeys(failures, Reason(ReasonCode.FAILED)))

    codes, judged = grading.verdicts(seen)

    for row, stopped in enumerate(matrix.scale.stopped.tolist()):
        attempted = failed_as_a_whole or failed[row]
        unusable = stopped or (invalid[row] and not head[row])
        proven = results.regression[row] or results.improvement[row]
        rules = {
            Verdict.FAILED: unusable or (not head[row] and attempted),
            Verdict.MISSING: not head[row],
            Verdict.INCOMPARABLE: (clashes[row] and not base[row]) or (estimates.foreign[row] and not proven),
            Verdict.NEW: not base[row],
            Verdict.UNSTABLE_BASELINE: estimates.unstable[row],
            Verdict.REGRESSION: results.regression[row] and not undirected[row],
            Verdict.IMPROVEMENT: results.improvement[row] and not undirected[row],
            Verdict.UNCHANGED: results.unchanged[row],
            Verdict.INCONCLUSIVE: True,
        }
        assert grading.WORST_FIRST[codes[row]] is next(verdict for verdict, holds in rules.items() if holds)
        assert judged[row] == (head[row] or matrix.base.newest[row] or unusable or attempted)
    assert len({*codes.tolist()}) == (9 if not failed_as_a_whole else 8)


def test_a_regression_is_graded_by_its_ratio_beyond_what_the_suite_moved_by() -> None:
    """The lower end of a band belongs to it, and twice the time to `moderate`; a ratio on a line is on it."""
    random = np.random.default_rng(2)
    seen = analysis_of(300)
    ratios = random.choice([1.02, 1.1, 1.2, 1.3, 1.5, 1.7, 2.0, 2.000001, 3.0, 1e300], 300)
    thresholds = random.choice([1.1, 1.2, 1.5, 1.7, 2.0], 300)
    shift = random.choice([0.0, 0.3], 300)
    seen.estimates.estimate.d = np.where(ratios == 1e300, 800.0, np.log(ratios)) + shift
    seen.matrix.scale.linear[:] = random.random(300) < 0.2
    codes = random.choice(len(grading.WORST_FIRST), 300, p=[0.76] + [0.03] * 8)
    waivers = (WaiverRule("b1*", ceiling=1.5, reason="r"), WaiverRule("b*", "memory", ceiling=9.0))

    for policy in (Policy(), Policy(waivers=waivers)):
        graded, waived = grading.severities(replace(seen, thresholds=thresholds, shift=shift), codes, policy)
        covered = {}
        for row, (ratio, threshold) in enumerate(zip(ratios, thresholds, strict=True)):
            linear = seen.matrix.scale.linear[row]
            if grading.WORST_FIRST[codes[row]] is not Verdict.REGRESSION:
                expected = Severity.NONE
            elif linear:
                expected = Severity.MINOR
            elif ratio < threshold:
                expected = Severity.SLIGHT
            elif ratio < 1.5:
                expected = Severity.MINOR
            else:
                expected = Severity.MODERATE if ratio <= 2.0 else Severity.CRITICAL
            if (
                policy.waivers
                and NAMES[row].startswith("b1")
                and ratio <= 1.5
                and not linear
                and expected > Severity.SLIGHT
            ):
                expected, covered[row] = Severity.SLIGHT, (1.5, "r")
            assert graded[row] == expected.rank
        assert {row: (one.ceiling, one.reason) for row, one in waived.items()} == covered
        assert bool(covered) == bool(policy.waivers)


@pytest.mark.parametrize("environment", [OWN, HOSTED])
@pytest.mark.parametrize("sessions", [1, 3])
def test_a_budget_is_checked_with_students_interval_and_what_separates_sessions(
    environment: Environment, sessions: int
) -> None:
    """Welch and Satterthwaite's degrees of freedom; one run has only the latter, and exact counts neither."""
    tau = {OWN: 0.015, HOSTED: 0.03}[environment]
    exact = Metric("instructions", "count", exact=True)
    rate = Metric("throughput", "1/s", Direction.HIGHER)
    signed = Metric("leak", "B", signed=True)
    values = {"a": [1.0, 1.2, 1.5], "single": [2.0], "steady": [3.0] * 3}
    for metric in (TIME, rate, exact, signed):
        reports = [session(values, metric=metric, environment=environment)]
        if sessions == 3:
            reports = [
                session({"a": [value]}, metric=metric, environment=environment, name=f"s{n}")
                for n, value in enumerate(values["a"])
            ]
        seen = analyse(reports, reports, Policy())
        names = [benchmark.name for benchmark in seen.matrix.rows.benchmarks]

        found = grading.check_budgets(
            {row: BudgetRule("k", "n", 1.25, "s") for row in range(len(names))}, seen.matrix, Policy()
        )

        for row, name in enumerate(names):
            numbers = np.array(values[name]) if metric.signed else np.log(values[name])
            n, between = len(numbers), 0.0 if metric in (exact, signed) else tau**2 / sessions
            sampling = numbers.var(ddof=1) / n if n > 1 else 0.0
            df = (n - 1) * ((sampling + between) / sampling) ** 2 if sampling else math.inf
            half = stats.t(df).isf(0.025) * math.sqrt(sampling + between)
            low, high = (numbers.mean() + side * half for side in (-1, 1))
            ends = (low, high) if metric.signed else (math.exp(low), math.exp(high))
            assert (found[row].low, found[row].high) == pytest.approx(ends)
            worse, better = (ends[0] < 1.25, ends[1] < 1.25) if metric is rate else (ends[1] > 1.25, ends[0] > 1.25)
            state = BudgetState.OVER if better else BudgetState.UNCLEAR if worse else BudgetState.WITHIN
            assert found[row].state is state


@pytest.mark.parametrize(
    ("direction", "limit", "low", "high", "state"),
    [
        (Direction.LOWER, 5.0, 4.0, 5.0, BudgetState.WITHIN),
        (Direction.LOWER, 5.0, 5.0, 6.0, BudgetState.UNCLEAR),
        (Direction.LOWER, 5.0, 5.001, 6.0, BudgetState.OVER),
        (Direction.LOWER, 0.0, 0.0, 0.0, BudgetState.WITHIN),
        (Direction.LOWER, 0.0, 1e-9, 1.0, BudgetState.OVER),
        (Direction.LOWER, -5.0, -6.0, -5.0, BudgetState.WITHIN),
        (Direction.UNKNOWN, 5.0, 5.001, 6.0, BudgetState.OVER),
        (Direction.HIGHER, 5.0, 5.0, 6.0, BudgetState.WITHIN),
        (Direction.HIGHER, 5.0, 4.0, 5.0, BudgetState.UNCLEAR),
        (Direction.HIGHER, 5.0, 4.0, 4.999, BudgetState.OVER),
    ],
)
def test_a_head_at_its_limit_is_within_it(
    direction: Direction, limit: float, low: float, high: float, state: BudgetState
) -> None:
    """But for rounding; where more is better the limit is a lower one, else an upper one."""
    rule = BudgetRule("key", "name", limit, "s")

    assert grading._state(rule, direction, low, high).state is state
    assert grading._state(rule, direction, low * (1 + 1e-13), high * (1 + 1e-13)).state is state
    assert grading._state(rule, direction, low * (1 - 1e-13), high * (1 - 1e-13)).state is state
