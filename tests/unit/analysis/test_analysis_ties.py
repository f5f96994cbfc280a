"""What stands exactly on a line: from where a severity, a threshold, a waiver or a budget begins."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action import analysis
from regress_action.analysis import histories, policy, sustained_changes, tests
from regress_action.model.comparisons import BudgetState, Reason, ReasonCode, Severity, Verdict, WaiverApplied
from regress_action.model.measurements import Benchmark, Metric
from regress_action.report.reasons import sentence
from unit.analysis.compared_sides import (
    EXACT,
    OWN,
    RATE,
    SIGNED,
    TIME,
    budget_of,
    number,
    only_row,
    paired,
    reason_of,
    runs,
    session,
    stored,
)

BASE, HEAD = [1.0] * 6, [1.37] * 6


def severity(policy: analysis.Policy) -> Severity:
    """Grade a slowdown of 37 % under a policy."""
    return paired(BASE, HEAD, policy).severity


def test_severities_begin_where_they_are_said_to() -> None:
    """An alarm and moderate from their ratio on, critical above its own."""
    ratio = number(paired(BASE, HEAD).ratio)
    just_above = ratio * (1 + 1e-9)

    assert severity(analysis.Policy(regression_threshold=ratio)) is Severity.MINOR
    assert severity(analysis.Policy(regression_threshold=just_above)) is Severity.SLIGHT
    assert severity(analysis.Policy(severities=(ratio, 2.0))) is Severity.MODERATE
    assert severity(analysis.Policy(severities=(just_above, 2.0))) is Severity.MINOR
    assert severity(analysis.Policy(severities=(1.1, ratio))) is Severity.MODERATE
    assert severity(analysis.Policy(severities=(1.1, 1.3))) is Severity.CRITICAL


def test_a_waiver_covers_its_ceiling() -> None:
    """Up to it, and not beyond; of several the highest counts, and what does not alarm needs none."""
    ratio = number(paired(BASE, HEAD).ratio)
    waiver, higher = analysis.WaiverRule("b", ceiling=ratio), analysis.WaiverRule("*", ceiling=9.0)

    assert severity(analysis.Policy(waivers=(waiver,))) is Severity.SLIGHT
    assert severity(analysis.Policy(waivers=(analysis.WaiverRule("b", ceiling=ratio * (1 - 1e-9)),))) is Severity.MINOR
    for order in ((waiver, higher), (higher, waiver)):
        assert policy.waiver_of(Benchmark("b"), TIME, analysis.Policy(waivers=order)) is higher
    slight = paired(BASE, [1.1] * 6, analysis.Policy(waivers=(higher,)))
    assert (slight.severity, reason_of(slight).waiver) == (Severity.SLIGHT, None)
    waived = paired(BASE, HEAD, analysis.Policy(waivers=(higher,)))
    assert reason_of(waived).waiver == WaiverApplied(higher.ceiling)


def test_a_discovery_at_exactly_alpha_is_one() -> None:
    """It counts for what the others need."""
    needed = tests.levels(np.array([0.05, 0.9]), ["time"] * 2, 0.05)

    assert needed == pytest.approx([0.025, 0.05])


def test_a_difference_that_matters_is_a_share_of_the_level() -> None:
    """A signed metric around 100: a proven 4 % is no change, a proven 6 % is one."""
    base = [100.0, 100.1, 99.9, 100.0, 100.05, 99.95]
    small, large = (stored(base, [value + more for value in base], metric=SIGNED) for more in (4.0, 6.0))

    assert number(small.p_value) < 0.001
    assert (small.verdict, large.verdict) == (Verdict.UNCHANGED, Verdict.REGRESSION)


def test_what_is_certain_is_said_to_be_certain() -> None:
    """A p-value that is zero to the last digit is no q of one."""
    row = stored([100.0], [150.0], metric=EXACT)

    assert row.p_value == 0
    assert sentence(row) == "50 % more (95 % interval +50 to +50 %), one session on each side; q < 0.001."


@pytest.mark.parametrize(
    ("metric", "level", "state"),
    [
        (EXACT, 100, BudgetState.WITHIN),
        (EXACT, 101, BudgetState.OVER),
        (EXACT, 99, BudgetState.WITHIN),
    ],
)
def test_a_budget_may_be_used_up(metric: Metric, level: float, state: BudgetState) -> None:
    """The limit itself is within it, and an exact metric has no doubt around it."""
    rule = analysis.BudgetRule("instructions", "instructions", 100.0, "count")
    policy = analysis.Policy(limits=(analysis.Limit(budgets=(rule,)),))
    head = session({"b": [level]}, metric=metric, environment=OWN)

    assert budget_of(only_row(analysis.compare([], [head], policy))).state is state


def test_a_budget_of_a_rate_is_its_least() -> None:
    """Its interval is given in the metric's unit, the lower end first."""
    rule = analysis.BudgetRule("throughput_ops_per_sec", "throughput", 1000.0, "1/s")
    policy = analysis.Policy(limits=(analysis.Limit(budgets=(rule,)),))

    head = runs({"b": [900.0, 905.0, 895.0, 900.0]}, metric=RATE)
    budget = budget_of(only_row(analysis.compare([], head, policy)))

    assert number(budget.low) < 900 < number(budget.high) < 1000
    assert (budget.state, budget.limit, budget.key) == (BudgetState.OVER, 1000.0, "throughput_ops_per_sec")


@pytest.mark.parametrize(
    ("base", "head", "severity"),
    [
        (100, 101, Severity.SLIGHT),
        (1000, 1010, Severity.SLIGHT),
        (100, 120, Severity.MINOR),
        (1000, 1200, Severity.MINOR),
        (100, 150, Severity.MODERATE),
        (10, 15, Severity.MODERATE),
        (100, 200, Severity.MODERATE),
        (50, 100, Severity.MODERATE),
    ],
)
def test_a_count_that_stands_exactly_on_a_line_is_graded_by_it(base: float, head: float, severity: Severity) -> None:
    """Whatever the logarithms of its two sides leave in the last digit."""
    row = stored([base], [head], metric=EXACT)
    better = stored([head], [base], metric=EXACT)

    assert (row.verdict, row.severity) == (Verdict.REGRESSION, severity)
    assert better.verdict is Verdict.IMPROVEMENT


def test_a_waiver_of_half_again_covers_half_again() -> None:
    """Of a count, to the last digit."""
    policy = analysis.Policy(waivers=(analysis.WaiverRule("b", ceiling=1.5),))

    for base in (10.0, 30.0, 49.0, 100.0, 1000.0):
        assert stored([base], [1.5 * base], policy, metric=EXACT).severity is Severity.SLIGHT


def test_a_typical_pair_at_the_margin_rules_nothing_out() -> None:
    """Only one below it does, and only pairs below it are not beyond it."""
    differences, margin = np.zeros((3, 9)), np.array([0.1, 0.1, 0.0])

    excluded = tests.ruled_out(differences, np.array([0.1, 0.099, -1.0]), margin, 0.05)

    assert excluded.tolist() == [False, True, False]
    assert tests.count_beyond(differences, margin).tolist() == [0, 0, 9]


@pytest.mark.parametrize(
    ("ratio", "drifts", "threshold", "severity"),
    [
        (2.1, False, 1.2, Severity.CRITICAL),
        (2.0, False, 1.2, Severity.MODERATE),
        (1.5, False, 1.2, Severity.MODERATE),
        (1.5, False, 1.6, Severity.SLIGHT),
        (1.2, False, 1.2, Severity.MINOR),
        (1.1, False, 1.2, Severity.SLIGHT),
        (1.1, True, 1.2, Severity.MINOR),
        (1.55, True, 1.6, Severity.MINOR),
    ],
)
def test_what_lasts_is_graded_by_the_same_bands(
    ratio: float, drifts: bool, threshold: float, severity: Severity
) -> None:
    """Drift is minor at least, for it will pass its limit."""
    claim = sustained_changes._Claim(ratio, Reason(ReasonCode.DRIFTING), drifts=drifts)

    assert sustained_changes._severity(claim, threshold, analysis.Policy()) is severity


def test_of_what_lasts_the_worst_comes_first() -> None:
    """By verdict, severity and ratio."""
    history = histories.named("b", [1.0])
    ratios = (1.0, 1.3, 1.6, 1.4, 2.5, 1.7)
    changes = [sustained_changes.SustainedChange(paired(BASE, [ratio] * 6), history) for ratio in ratios]

    ordered = [change.comparison.ratio for change in sorted(changes, key=sustained_changes._rank)]

    assert ordered == pytest.approx([2.5, 1.7, 1.6, 1.4, 1.3, 1.0])
