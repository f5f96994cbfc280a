"""A regression that the thresholds file allows while something else is proven to be better, and what allows nothing."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action import analysis
from regress_action.analysis import Limit, Policy, TradeOffRule
from regress_action.analysis.trade_offs import with_trade_offs
from regress_action.model.comparisons import Comparison, Judgement, NoteCode, Outcome, Severity, TradeOffState, Verdict
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from unit.analysis.compared_sides import RATE, TIME

MEMORY = Metric("peak_memory", "B")
RULE = TradeOffRule("memory +10 % allowed if time -5 %", "memory", 1.1, "time", 0.95)
LOW = Limit(regression_threshold=1.05)


def side(factors: dict[Metric, float], *, benchmarks: int = 1, spread: float = 0.004, seed: int = 0) -> Report:
    """Return a report of twelve pairs whose benchmarks are at these factors of their level, and differ by `spread`."""
    random = np.random.default_rng(seed)
    series = [
        Series(
            Benchmark(f"b{number}", service="cache"),
            metric,
            tuple((factor * np.exp(random.normal(0, spread, 12))).tolist()),
        )
        for number in range(benchmarks)
        for metric, factor in factors.items()
    ]
    return Report(runs=tuple(Run(session="s", pair=pair) for pair in range(12)), series=tuple(series), source="test")


def judged(
    memory: float,
    time: float,
    *rules: TradeOffRule,
    limits: tuple[Limit, ...] = (LOW,),
    benchmarks: int = 1,
    spread: float = 0.004,
    other: Metric = TIME,
) -> Judgement:
    """Judge a head whose memory and whose other metric are at these factors of the base."""
    base = side({MEMORY: 1.0, other: 1.0}, benchmarks=benchmarks, spread=spread)
    head = side({MEMORY: memory, other: time}, benchmarks=benchmarks, spread=spread, seed=1)
    policy = Policy(limits=limits, trade_offs=rules or (RULE,), fail_on=Severity.MINOR)
    return analysis.compare([base], [head], policy)


def memory_of(judgement: Judgement) -> Comparison:
    """Return the first comparison of memory."""
    return next(row for row in judgement.comparisons if row.metric == MEMORY)


def state_of(judgement: Judgement) -> TradeOffState | None:
    """Return what the trade-off says about the memory."""
    row = memory_of(judgement)
    assert row.verdict is Verdict.REGRESSION
    return row.trade_off.state if row.trade_off else None


def test_regression_is_allowed_for_a_proven_improvement() -> None:
    """Memory +8 % with time −10 % is shown and does not fail; without the rule it does."""
    allowed = judged(1.08, 0.9)
    row = memory_of(allowed)
    assert (state_of(allowed), row.severity, row.is_traded) == (TradeOffState.HOLDS, Severity.SLIGHT, True)
    assert allowed.summary.verdict is Outcome.PASS
    assert row.trade_off is not None
    assert row.trade_off.ratio == pytest.approx(0.9, rel=0.02)
    without = judged(1.08, 0.9, TradeOffRule("other", "other", 1.1, "time", 0.95))
    assert without.summary.verdict is Outcome.FAIL
    assert memory_of(without).trade_off is None


@pytest.mark.parametrize(
    ("memory", "time", "state"),
    [
        (1.15, 0.9, TradeOffState.TOO_LARGE),
        (1.08, 1.0, TradeOffState.NOT_PROVEN),
        (1.08, 0.965, TradeOffState.NOT_PROVEN),
        (1.08, 0.945, TradeOffState.NOT_PROVEN),
        (1.08, 1.1, TradeOffState.NOT_PROVEN),
    ],
)
def test_what_is_too_large_or_unproven_is_not_allowed(memory: float, time: float, state: TradeOffState) -> None:
    """An improvement of 5.5 % is estimated above 5 %, and its interval reaches below: that is no proof."""
    judgement = judged(memory, time)
    assert (state_of(judgement), memory_of(judgement).severity >= Severity.MINOR) == (state, True)
    assert judgement.summary.verdict is Outcome.FAIL


def test_metric_that_was_not_measured_allows_nothing() -> None:
    """The rule asks for a time, and there is none."""
    assert state_of(judged(1.08, 2.0, other=RATE)) is TradeOffState.NOT_COMPARED


def test_more_is_better_for_a_throughput() -> None:
    """`if throughput +20 %` asks for a larger value, which is a ratio of badness below 1."""
    rule = TradeOffRule("memory +10 % if throughput +20 %", "memory", 1.1, "throughput", 1.2)
    assert state_of(judged(1.08, 1.4, rule, other=RATE)) is TradeOffState.HOLDS
    assert state_of(judged(1.08, 1.1, rule, other=RATE)) is TradeOffState.NOT_PROVEN
    assert state_of(judged(1.08, 0.6, rule, other=RATE)) is TradeOffState.NOT_PROVEN


def test_loss_of_throughput_is_allowed_as_a_factor_of_the_value() -> None:
    """`throughput -20 %` is a badness ratio of 1.25."""
    rule = TradeOffRule("throughput -20 % if memory -5 %", "throughput", 0.8, "memory", 0.95)
    judgement = judged(0.8, 0.84, rule, other=RATE)
    row = next(row for row in judgement.comparisons if row.metric == RATE)
    assert row.is_traded
    assert row.trade_off is not None
    assert row.trade_off.ceiling == pytest.approx(1.25)


def test_time_of_the_whole_service_can_be_asked_for() -> None:
    """The benchmark itself is too noisy to be proven better; its service is not."""
    of_service = TradeOffRule("memory +10 % if service time -2 %", "memory", 1.1, "time", 0.98, of_service=True)
    judgement = judged(1.08, 0.9, of_service, benchmarks=8)
    assert state_of(judgement) is TradeOffState.HOLDS
    assert state_of(judged(1.08, 0.9, of_service, benchmarks=4)) is TradeOffState.NOT_COMPARED
    assert state_of(judged(1.08, 1.0, of_service, benchmarks=8)) is TradeOffState.NOT_PROVEN


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        (TradeOffRule("r", "memory", 1.1, "time", 0.95, benchmark="b0"), True),
        (TradeOffRule("r", "memory", 1.1, "time", 0.95, benchmark="b1"), False),
        (TradeOffRule("r", "memory", 1.1, "time", 0.95, service="cache"), True),
        (TradeOffRule("r", "memory", 1.1, "time", 0.95, service="session"), False),
    ],
)
def test_rule_is_about_a_service_and_a_benchmark(rule: TradeOffRule, *, applies: bool) -> None:
    """It says nothing about others."""
    assert (state_of(judged(1.08, 0.9, rule)) is TradeOffState.HOLDS) is applies


def test_first_rule_that_allows_it_counts() -> None:
    """One that does not is passed over, wherever it stands."""
    strict = TradeOffRule("strict", "memory", 1.01, "time", 0.95)
    for rules in ((strict, RULE), (RULE, strict)):
        trade_off = memory_of(judged(1.08, 0.9, *rules)).trade_off
        assert trade_off is not None
        assert trade_off.rule == RULE.rule


def test_improvement_that_is_only_suspected_allows_nothing() -> None:
    """With one session on each side nothing is proven, for better or for worse."""

    def once(factors: dict[Metric, float]) -> Report:
        series = [Series(Benchmark("b"), metric, (factor,) * 3) for metric, factor in factors.items()]
        return Report(runs=tuple(Run(session="s") for _ in range(3)), series=tuple(series), source="test")

    policy = Policy(trade_offs=(TradeOffRule("r", "memory", 9.0, "time", 0.95),))
    judgement = analysis.compare([once({MEMORY: 1.0, TIME: 1.0})], [once({MEMORY: 4.0, TIME: 0.1})], policy)
    assert state_of(judgement) is TradeOffState.NOT_PROVEN


def test_rule_that_can_allow_nothing_is_named() -> None:
    """`memory +10 %` says nothing where memory alarms from 20 % on, and a metric that is not there is misspelt."""

    def noted(*rules: TradeOffRule, limits: tuple[Limit, ...] = (LOW,)) -> list[str]:
        notes = [note for note in judged(1.0, 1.0, *rules, limits=limits).notes if not isinstance(note, str)]
        return [note.names[0] for note in notes if note.code is NoteCode.UNUSED_TRADE_OFF]

    assert noted(RULE) == []
    assert noted(RULE, limits=()) == [RULE.rule]
    assert noted(TradeOffRule("memroy +10 % if time -5 %", "memroy", 1.1, "time", 0.95)) == [
        "memroy +10 % if time -5 %"
    ]
    assert noted(TradeOffRule("memory -10 % if time -5 %", "memory", 0.9, "time", 0.95)) == [
        "memory -10 % if time -5 %"
    ]


def test_budget_stands_beside_a_trade_off() -> None:
    """What is allowed by comparison may still lie beyond an absolute limit."""
    limit = analysis.BudgetRule("memory_limit_bytes", "memory_limit", 0.5, "B")
    judgement = judged(1.08, 0.9, limits=(LOW, Limit(budgets=(limit,))))
    assert memory_of(judgement).is_traded
    assert judgement.summary.verdict is Outcome.FAIL


def test_nothing_is_traded_where_the_whole_suite_moved() -> None:
    """Measured apart, everything may be faster because the machine is."""
    judgement = judged(1.08, 0.9, TradeOffRule("other", "other", 1.1, "time", 0.95))
    policy = Policy(limits=(LOW,), trade_offs=(RULE,))
    for moved, state in ((True, TradeOffState.SUITE_MOVED), (False, TradeOffState.HOLDS)):
        rows = with_trade_offs(judgement.comparisons, (), policy, suite_moved=moved)
        (row,) = (row for row in rows if row.trade_off)
        assert row.trade_off is not None
        assert row.trade_off.state is state
