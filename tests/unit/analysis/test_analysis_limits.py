"""Which threshold and which budget is whose, and when a budget is exceeded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action import analysis
from regress_action.analysis.policy import budget_rules, threshold_asked, waiver_of
from regress_action.model.comparisons import (
    Budget,
    BudgetState,
    Note,
    NoteCode,
    Outcome,
    Severity,
    Verdict,
    WaiverApplied,
)
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series, snake_case_name
from unit.analysis.compared_sides import (
    HOSTED,
    OWN,
    RATE,
    TIME,
    budget_of,
    of,
    only_row,
    paired,
    pairs,
    reason_of,
    runs,
    session,
)

MEMORY = Metric("peak_memory", "B")
CPU = Metric("cpu_time", "s")
MS = analysis.BudgetRule("cache_get_ms", "cache_get", 0.005, "s")
MB = analysis.BudgetRule("memory_limit_mb", "memory_limit", 50e6, "B")
SESSIONS = analysis.BudgetRule("concurrent", "concurrent", 100.0, "count")
OPS = analysis.BudgetRule("throughput_ops_per_sec", "throughput", 1000.0, "1/s")


def test_the_last_limit_that_matches_wins() -> None:
    """General first, particular last, each for its service, benchmark and metric."""
    policy = analysis.Policy(
        limits=(
            analysis.Limit(regression_threshold=1.5),
            analysis.Limit(service="cache", regression_threshold=1.15),
            analysis.Limit(benchmark="*slow*", metric="time", regression_threshold=1.9),
            analysis.Limit(service="cache"),
        )
    )

    assert threshold_asked(Benchmark("x"), TIME, policy) == 1.5
    assert threshold_asked(Benchmark("x", "cache"), TIME, policy) == 1.15
    assert threshold_asked(Benchmark("a_slow_one", "cache"), TIME, policy) == 1.9
    assert threshold_asked(Benchmark("a_slow_one", "cache"), CPU, policy) == 1.15


def test_a_change_cannot_move_a_benchmark_to_a_service_without_limits() -> None:
    """The baseline decides the service of what it has; the head decides that of what is new."""
    policy = analysis.Policy(limits=(analysis.Limit(service="cache", regression_threshold=1.15),))
    moved = (
        runs({"get": [1.0, 1.001, 0.999]}, service="cache"),
        runs({"get": [2, 2.001, 2.0], "set": [1.0]}, service="x"),
    )

    judgement = analysis.compare(*moved, policy)

    assert of(judgement, "get").benchmark.service == "cache"
    assert of(judgement, "set").benchmark.service == "x"


def test_a_name_with_brackets_means_itself() -> None:
    """A parameterised benchmark can be named as its tool prints it, and as a pattern."""
    named = analysis.WaiverRule("test_add[1-2]", ceiling=1.5)
    limit = analysis.Limit(benchmark="test_add[1-2]", regression_threshold=1.4)
    policy = analysis.Policy(limits=(limit,), waivers=(named,))

    assert waiver_of(Benchmark("test_add[1-2]"), TIME, policy) == named
    assert threshold_asked(Benchmark("test_add[1-2]"), TIME, policy) == 1.4
    assert waiver_of(Benchmark("test_add[3-4]"), TIME, policy) is None


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("benchmarks/test_cache.py::test_cache_get[16-warm]", "cache_get"),
        ("cache.CacheGet", "cache_get"),
        ("BenchmarkCacheGet", "cache_get"),
        ("bench_cache-get(n=3)", "cache_get"),
        ("suite/cache_get", "cache_get"),
    ],
)
def test_a_benchmark_is_known_by_its_last_word(name: str, short: str) -> None:
    """Without its file, its parameters, its prefix and its spelling."""
    assert snake_case_name(name) == short


@pytest.mark.parametrize(
    ("name", "metric", "rule", "applies"),
    [
        ("t.py::test_cache_get[1]", TIME, MS, True),
        ("t.py::test_local_cache_get", TIME, MS, True),
        ("t.py::test_get", TIME, MS, True),
        ("t.py::test_cache_getter", TIME, MS, False),
        ("t.py::test_cache_get", MEMORY, MS, False),
        ("anything", MEMORY, MB, True),
        ("anything", TIME, MB, False),
        ("anything", RATE, OPS, True),
        ("anything", Metric("cache_get", "s"), MS, True),
        ("anything", Metric("concurrent", "sessions"), SESSIONS, True),
        ("anything", Metric("concurrent", "s"), SESSIONS, False),
    ],
)
def test_a_key_names_a_benchmark_or_a_metric_of_its_service(
    name: str, metric: Metric, rule: analysis.BudgetRule, applies: bool
) -> None:
    """`cache_get_ms` is the benchmark cache_get, or get of the service cache; `memory_limit_mb` is all peak memory."""
    policy = analysis.Policy(limits=(analysis.Limit(service="cache", budgets=(rule,)),))

    applied, idle = budget_rules([Benchmark(name, "cache")], [metric], policy)

    assert list(applied.values()) == ([rule] if applies else [])
    assert bool(idle) is not applies
    assert budget_rules([Benchmark(name, "other")], [metric], policy)[0] == {}


def test_of_several_times_the_plain_one_is_limited() -> None:
    """CPU time and percentiles are not what `cache_get_ms` means."""
    benchmark = Benchmark("cache_get", "cache")
    policy = analysis.Policy(limits=(analysis.Limit(service="cache", budgets=(MS,)),))

    applied, _ = budget_rules([benchmark, benchmark], [CPU, TIME], policy)

    assert list(applied) == [1]


def test_a_rule_for_nothing_is_said_aloud() -> None:
    """A budget that limits nothing is a gate that cannot fire."""
    policy = analysis.Policy(limits=(analysis.Limit(service="cache", budgets=(MS,)),))

    judgement = analysis.compare([pairs({"b": [1.0] * 5})], [pairs({"b": [1.0] * 5})], policy)

    (note,) = judgement.notes
    assert isinstance(note, Note)
    assert (note.code, note.names[0]) == (NoteCode.UNUSED_BUDGET, "cache_get_ms")


@pytest.mark.parametrize(
    ("level", "state"), [(0.003, BudgetState.WITHIN), (0.005, BudgetState.UNCLEAR), (0.007, BudgetState.OVER)]
)
def test_a_time_is_over_only_when_its_whole_interval_is(level: float, state: BudgetState) -> None:
    """Above, below, or across the limit."""
    assert judged_budget(level).state is state


def judged_budget(level: float, metric: Metric = TIME, rule: analysis.BudgetRule = MS) -> Budget:
    """Return the budget of six new runs around a level."""
    policy = analysis.Policy(limits=(analysis.Limit(service="cache", budgets=(rule,)),))
    head = runs({"cache_get": [level * by for by in (1, 1.01, 0.99, 1.02, 0.98, 1)]}, metric=metric, service="cache")
    return budget_of(only_row(analysis.compare([], head, policy)))


def test_a_budget_of_a_rate_is_a_lower_limit() -> None:
    """1000 operations a second are the least, not the most."""
    states = [judged_budget(level, RATE, OPS).state for level in (500.0, 1000.0, 2000.0)]

    assert states == [BudgetState.OVER, BudgetState.UNCLEAR, BudgetState.WITHIN]


def test_a_budget_is_an_upper_limit_where_nobody_says_which_way_is_better() -> None:
    """80 sessions of at most 100 are within, 120 are not."""
    sessions = Metric("sessions", "count", Direction.UNKNOWN)
    limit = analysis.BudgetRule(key="sessions", name="sessions", limit=100.0, unit="count")
    states = [judged_budget(level, sessions, limit).state for level in (80.0, 120.0)]

    assert states == [BudgetState.WITHIN, BudgetState.OVER]


def test_one_session_of_a_hosted_runner_is_given_the_spread_of_the_others() -> None:
    """The budget is about the program, not about the machine it met: 5 % beyond is not beyond the machines."""
    policy = analysis.Policy(limits=(analysis.Limit(service="cache", budgets=(MS,)),))
    level = [0.00525] * 6
    for environment, state in ((HOSTED, BudgetState.UNCLEAR), (OWN, BudgetState.OVER)):
        head = session({"cache_get": level}, service="cache", environment=environment)
        assert budget_of(only_row(analysis.compare([], [head], policy))).state is state


def test_the_interval_is_that_of_the_runs_and_of_the_machines_together() -> None:
    """Student's over six runs of one session, with the 3 % between sessions of a hosted runner on top."""
    policy = analysis.Policy(limits=(analysis.Limit(service="cache", budgets=(MS,)),))
    values = [0.004, 0.0041, 0.0039, 0.0042, 0.004, 0.0041]
    logs = np.log(values)
    sampling = logs.var(ddof=1) / 6
    df = 5 * ((sampling + 0.03**2) / sampling) ** 2
    reach = stats.t(df).isf(0.025) * np.sqrt(sampling + 0.03**2)

    head = session({"cache_get": values}, service="cache", environment=HOSTED)
    budget = budget_of(only_row(analysis.compare([], [head], policy)))

    assert (budget.low, budget.high) == pytest.approx((np.exp(logs.mean() - reach), np.exp(logs.mean() + reach)))


def test_an_exceeded_budget_fails_the_suite_unless_nothing_shall_fail() -> None:
    """Even of a benchmark that is new, and it stands first."""
    rules = (analysis.Limit(service="cache", budgets=(MS,)),)
    head = runs({"other": [1.0] * 5, "cache_get": [0.05] * 5}, service="cache")

    failed = analysis.compare([], head, analysis.Policy(limits=rules))
    warned = analysis.compare([], head, analysis.Policy(limits=rules, fail_on=Severity.NONE))

    assert (failed.summary.verdict, warned.summary.verdict) == (Outcome.FAIL, Outcome.WARN)
    assert failed.comparisons[0].benchmark.name == "cache_get"


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0001, 1.0))
def test_the_interval_of_a_budget_holds_the_median(level: float) -> None:
    """Whatever the level."""
    budget = judged_budget(level)

    assert budget.low <= level <= budget.high


def test_a_waiver_quietens_up_to_its_ceiling_and_no_further() -> None:
    """The accepted regression is shown as slight, with the reason for which it was accepted."""
    policy = analysis.Policy(waivers=(analysis.WaiverRule("b", ceiling=1.6, reason="safer hashing"),))

    waived, beyond = (paired([1.0] * 6, [ratio] * 6, policy) for ratio in (1.55, 1.7))

    assert (waived.verdict, waived.severity) == (Verdict.REGRESSION, Severity.SLIGHT)
    assert reason_of(waived).waiver == WaiverApplied(1.6, "safer hashing")
    assert beyond.severity is Severity.MODERATE


def test_a_waiver_is_for_what_it_names() -> None:
    """Another benchmark, or another metric, still alarms."""
    for waiver in (analysis.WaiverRule("other", ceiling=9.0), analysis.WaiverRule("b", "peak_memory", ceiling=9.0)):
        assert paired([1.0] * 6, [2.5] * 6, analysis.Policy(waivers=(waiver,))).severity is Severity.CRITICAL


def test_budgets_of_several_services_do_not_mix() -> None:
    """The same name in two services has two limits."""
    policy = analysis.Policy(
        limits=tuple(
            analysis.Limit(service=service, budgets=(analysis.BudgetRule("load_ms", "load", limit, "s"),))
            for service, limit in (("a", 1.0), ("b", 2.0))
        )
    )
    series = tuple(Series(Benchmark(f"{name}/load", name), TIME, (1.5,)) for name in ("a", "b"))

    judgement = analysis.compare([], [Report(series, (Run(),), environment=OWN)], policy)

    assert budget_of(of(judgement, "a/load")).state is BudgetState.OVER
    assert budget_of(of(judgement, "b/load")).state is BudgetState.WITHIN
