"""Judgements to render: one of every kind, and any at all for property tests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from hypothesis import strategies as st

from regress_action.model.comparisons import (
    Budget,
    BudgetState,
    Comparison,
    Doubt,
    Judgement,
    Machine,
    Mode,
    Outcome,
    Reason,
    ReasonCode,
    ResourceNote,
    ServiceComparison,
    Severity,
    Side,
    Subject,
    Summary,
    TradeOff,
    TradeOffState,
    Verdict,
)
from regress_action.model.measurements import Benchmark, Direction, Environment, Location, Metric

if TYPE_CHECKING:
    from regress_action.model.comparisons import Note
    from typed_fields import ComparisonFields, ProvenFields

TIME = Metric("time", "s")
MEMORY = Metric("peak_memory", "B")
THROUGHPUT = Metric("throughput", "1/s", Direction.HIGHER)
MACHINE = Environment("github-hosted", "ubuntu-24.04", "AMD EPYC 7763 64-Core Processor", 4, "16 GiB", "CPython 3.12.4")
BASE = Subject("3f1c9a7e5b2d4c6f8a0b1c2d3e4f5a6b7c8d9e0f", "main", None, MACHINE)
HEAD = Subject("b8e2d4f6a1c3e5079b8d7f6e5c4b3a2918273645", "lru-cache", None, MACHINE)
UNWATCHED = Machine()


def row(
    name: str = "cache.get",
    verdict: Verdict = Verdict.UNCHANGED,
    ratio: float | None = 1.003,
    **other: Unpack[ComparisonFields],
) -> Comparison:
    """Return a comparison of ten pairs whose interval is 4 % wide on each side."""
    before = 0.00123
    has_ratio = ratio is not None
    plain = Comparison(
        benchmark=Benchmark(name, "cache", (), Location("benchmarks/test_cache.py", 42)),
        metric=TIME,
        baseline=Side(10, before),
        head=Side(10, before * ratio if ratio is not None else None),
        ratio=ratio,
        ratio_low=ratio / 1.04 if ratio is not None else None,
        ratio_high=ratio * 1.04 if ratio is not None else None,
        p_value=0.2 if has_ratio else None,
        q_value=0.4 if has_ratio else None,
        threshold=1.15,
        minimum_detectable_ratio=1.028 if has_ratio else None,
        verdict=verdict,
        severity=Severity.NONE,
        reason="The interval lies within ±3 % of no change.",
    )
    return replace(plain, **other)


def regression(name: str, ratio: float, severity: Severity, **other: Unpack[ProvenFields]) -> Comparison:
    """Return a proven regression."""
    reason = "Every one of 10 pairs was slower, and the whole interval lies above the threshold."
    proven = row(name, Verdict.REGRESSION, ratio, p_value=2e-9, q_value=3e-8, severity=severity, reason=reason)
    return replace(proven, **other)


def judgement(  # noqa: PLR0913 - the parts of a judgement
    outcome: Outcome,
    *rows: Comparison,
    mode: Mode = Mode.PAIRED,
    environment_shift: float | None = None,
    notes: tuple[Note | str, ...] = (),
    machine: Machine = UNWATCHED,
    minutes_saved: float | None = None,
    services: tuple[ServiceComparison, ...] = (),
    resources: tuple[ResourceNote, ...] = (),
) -> Judgement:
    """Return a judgement over the rows, counted by verdict."""
    counted = {verdict: sum(comparison.verdict is verdict for comparison in rows) for verdict in Verdict}
    summary = Summary(
        outcome,
        counted[Verdict.REGRESSION],
        counted[Verdict.IMPROVEMENT],
        counted[Verdict.INCONCLUSIVE],
        counted[Verdict.MISSING],
        1.02 if rows else None,
        environment_shift,
        sum(comparison.is_suspected for comparison in rows),
    )
    return Judgement(mode, summary, rows, BASE, HEAD, notes, machine, minutes_saved, services, resources)


UNCHANGED = tuple(
    row(f"cache.{name}", ratio=1 + index / 500) for index, name in enumerate(("get", "set", "clear", "resize"))
)
NOISY = row("workflow.fan_out[64]", minimum_detectable_ratio=1.21)


def whole_service(
    name: str | None, ratio: float, severity: Severity, *, mode: Mode = Mode.PAIRED, confirmed: bool | None = None
) -> ServiceComparison:
    """Return a proven change of 23 benchmarks together, its interval 3 % wide on each side."""
    verdict = Verdict.REGRESSION if ratio > 1 else Verdict.IMPROVEMENT
    ends = ratio / 1.03, ratio * 1.03
    return ServiceComparison(name, mode, 23, 10, ratio, *ends, 1e-4, 1.1, verdict, severity, confirmed)


def trade_off(state: TradeOffState, *, of_service: bool = False) -> TradeOff:
    """Return what a rule says about a regression: time is 12 % faster, or was not compared."""
    compared = state is not TradeOffState.NOT_COMPARED
    bare = TradeOff("memory +10 % allowed if time -5 %", 1.1, Metric("time", ""), 0.95, state, of_service=of_service)
    return replace(bare, metric=TIME, ratio=0.88, ratio_low=0.86, ratio_high=0.9) if compared else bare


def larger(name: str, state: TradeOffState, *, of_service: bool = False) -> Comparison:
    """Return a regression of memory by 8 % with what a trade-off says about it, worded by the report."""
    severity = Severity.SLIGHT if state is TradeOffState.HOLDS else Severity.MINOR
    reason = Reason(ReasonCode.PROVEN, Mode.PAIRED)
    grown = replace(
        regression(name, 1.08, severity), metric=MEMORY, baseline=Side(10, 38e6), head=Side(10, 41e6), threshold=1.05
    )
    return replace(grown, reason=reason, trade_off=trade_off(state, of_service=of_service))


EXAMPLES = {
    "service": judgement(Outcome.WARN, NOISY, *UNCHANGED, services=(whole_service("cache", 1.13, Severity.MINOR),)),
    "services-slight": judgement(
        Outcome.PASS,
        *UNCHANGED,
        services=(
            whole_service("cache", 1.06, Severity.SLIGHT),
            whole_service("`a|b` <b>", 1.05, Severity.SLIGHT, mode=Mode.HISTORY, confirmed=False),
            whole_service(None, 0.9, Severity.NONE),
        ),
    ),
    "traded": judgement(
        Outcome.WARN,
        *(larger(f"cache.{state.value}", state) for state in TradeOffState),
        larger("cache.of_service", TradeOffState.HOLDS, of_service=True),
        *UNCHANGED,
        services=(
            replace(whole_service("cache", 1.04, Severity.MINOR), leaning=18, quorum=14),
            replace(whole_service("session", 1.03, Severity.SLIGHT), leaning=9, quorum=14),
        ),
    ),
    "pass": judgement(Outcome.PASS, *UNCHANGED, NOISY),
    "one-regression": judgement(
        Outcome.FAIL, regression("cache.evict", 3.14, Severity.CRITICAL, confirmed=True), *UNCHANGED
    ),
    "everything": judgement(
        Outcome.FAIL,
        regression("cache.evict", 3.14, Severity.CRITICAL, confirmed=True),
        regression(
            "benchmarks/test_orchestration.py::TestWorkflow::test_compose_agents_with_shared_memory[agents=64-depth=8]",
            1.66,
            Severity.MODERATE,
            metric=MEMORY,
            baseline=Side(10, 48.2 * 2**20),
            head=Side(10, 80.1 * 2**20),
            benchmark=Benchmark(
                "benchmarks/test_orchestration.py::TestWorkflow::test_compose_agents_with_shared_memory[agents=64-depth=8]",
                "orchestration",
            ),
        ),
        regression(
            "session.throughput",
            1.31,
            Severity.MINOR,
            metric=THROUGHPUT,
            baseline=Side(10, 15_300.0),
            head=Side(10, 15_300 / 1.31),
            confirmed=False,
        ),
        row(
            "cache.get",
            budget=Budget("cache_get_ms", 0.005, 0.0071, 0.0075, BudgetState.OVER),
            baseline=Side(10, 0.0072),
            head=Side(10, 0.0073),
        ),
        row("export.csv", Verdict.FAILED, None, reason="All 10 runs of the head ended with exit status 1."),
        row("export.json", Verdict.MISSING, None, reason="The baseline has it, the head does not."),
        row(
            "io.read_artifact",
            Verdict.INCONCLUSIVE,
            1.11,
            ratio_low=0.97,
            ratio_high=1.27,
            p_value=0.08,
            q_value=0.14,
            runs_needed=24,
            minimum_detectable_ratio=1.2,
            reason="The interval holds both no change and the threshold.",
        ),
        row("db.vacuum", Verdict.UNSTABLE_BASELINE, 1.4, reason="The baseline itself varies by 18 %, more than 10 %."),
        row("gpu.matmul", Verdict.INCOMPARABLE, None, reason="Measured on another CPU model."),
        regression("workflow.start", 1.06, Severity.SLIGHT, reason="Proven, and below its threshold of +15 %."),
        row("workflow.fan_out", Verdict.IMPROVEMENT, 0.62, q_value=1e-6, p_value=1e-7, reason="Every pair was faster."),
        row(
            "leak.after_1000_sessions",
            Verdict.IMPROVEMENT,
            None,
            metric=Metric("rss_growth", "B", signed=True),
            baseline=Side(10, 5.1 * 2**20),
            head=Side(10, -1024.0),
            difference=-5.101 * 2**20,
            q_value=1e-4,
            reason="Less growth.",
        ),
        row(
            "session.resume",
            Verdict.NEW,
            None,
            baseline=Side(0, None),
            head=Side(10, 0.0021),
            reason="Not in the baseline.",
        ),
        *UNCHANGED[1:],
        NOISY,
        notes=("The waiver for import.time (ceiling 1.3×, until 2027-01-31, issue 412) covers a regression of 1.2×.",),
        minutes_saved=3.2,
        resources=(
            ResourceNote(
                "lock",
                "A run takes 640 ms (570 ms to 720 ms) longer, 10 pairs. It spends 100 % of that waiting for locks.",
            ),
        ),
    ),
    "inconclusive": judgement(
        Outcome.INCONCLUSIVE,
        row(
            "io.read",
            Verdict.INCONCLUSIVE,
            1.09,
            ratio_low=0.9,
            ratio_high=1.32,
            runs_needed=31,
            reason="3 runs are too few.",
        ),
        row("io.write", Verdict.INCONCLUSIVE, 1.01, ratio_low=0.8, ratio_high=1.28, reason="3 runs are too few."),
        mode=Mode.HISTORY,
        environment_shift=1.14,
        notes=("The runner's CPU differs from the one of 8 of 10 earlier runs.",),
        machine=Machine(1.14, 1.31, 0.07, (Doubt.SPEED, Doubt.SWING, Doubt.STEAL)),
        minutes_saved=0.4,
    ),
    "empty": judgement(Outcome.INCOMPLETE),
    "missing": judgement(
        Outcome.INCOMPLETE, row("a.b", Verdict.MISSING, None, reason="The head does not have it."), *UNCHANGED[:2]
    ),
    "budget": judgement(
        Outcome.FAIL,
        row("cache.get", budget=Budget("cache_get_ms", 0.005, 0.0071, 0.0075, BudgetState.OVER), head=Side(10, 0.0073)),
        mode=Mode.SINGLE,
    ),
}

HOSTILE = (
    "</details><script>alert(1)</script>",
    "@everyone please look",
    "fixes #1, GH-2 and octo/repo#3",
    "a|b|c",
    "`` ` code",
    "![x](https://example.org/x.png) [y](javascript:alert(1)) https://example.org www.example.org a@example.org",
    "\u202egnp.exe\u2066 \u200b\ufeff",
    "x" * 10_240,
    "a\x00b\x07c\x08\r\n::error::boom",
    "::error file=a.py,line=1::boom ##[error]boom",
    "${{ secrets.GITHUB_TOKEN }} $x^2$ $$y$$",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "***",
    "<!-- regress-action:comment:default -->",
    "[bold]rich markup[/bold] :smile:",
    "\ud800 lone surrogate",
    "😀 \U0001d4b3 emoji",
    "עברית עם רווחים",
    "",
    "   ",
    "~~struck~~ *bold* __bold__ \\* &lt; &#64;everyone",
    "```\nfence\n```",
    "{{ 7*7 }} {% raw %}",
    "[!CAUTION]",
    "- [ ] task",
    "x\u0301" * 300,
)

foreign = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=80))
ratios = st.one_of(st.none(), st.floats(1e-9, 1e12), st.sampled_from([1.0, 1.2, 2.0, 0.5]))
numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1e4))
probabilities = st.one_of(st.none(), st.floats(0, 1))


trade_offs = st.builds(
    TradeOff,
    foreign,
    st.floats(1, 10),
    st.builds(Metric, foreign, st.sampled_from(["s", "B", ""]), st.sampled_from(Direction)),
    st.floats(0.1, 1),
    st.sampled_from(TradeOffState),
    ratios,
    ratios,
    ratios,
    st.booleans(),
)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Draw a comparison with any names, numbers and verdict."""
    low, ratio, high = sorted((draw(ratios) or 1.0, draw(ratios) or 1.0, draw(ratios) or 1.0))
    has_ratio = draw(st.booleans())
    unit = draw(st.sampled_from(["s", "B", "1/s", "B/s", "count", "ratio", "", "furlongs", "</td>"]))
    verdict = draw(st.sampled_from(Verdict))
    budget = st.builds(
        Budget, foreign, st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e9), st.sampled_from(BudgetState)
    )
    return Comparison(
        benchmark=Benchmark(
            draw(foreign), draw(st.none() | foreign), (), draw(st.none() | st.builds(Location, foreign))
        ),
        metric=Metric(draw(st.sampled_from(["time", "p99"]) | foreign), unit, draw(st.sampled_from(Direction))),
        baseline=Side(draw(st.integers(0, 99)), draw(numbers)),
        head=Side(draw(st.integers(0, 99)), draw(numbers)),
        ratio=ratio if has_ratio else None,
        ratio_low=low if has_ratio else None,
        ratio_high=high if has_ratio else None,
        p_value=draw(probabilities),
        q_value=draw(probabilities),
        threshold=draw(st.floats(1, 10)),
        minimum_detectable_ratio=draw(st.none() | st.floats(1, 100)),
        verdict=verdict,
        severity=draw(st.sampled_from(Severity)) if verdict is Verdict.REGRESSION else Severity.NONE,
        reason=draw(foreign),
        confirmed=draw(st.none() | st.booleans()),
        runs_needed=draw(st.none() | st.integers(1, 10_000)),
        difference=draw(st.none() | st.floats(-1e9, 1e9)),
        budget=draw(st.none() | budget),
        trade_off=draw(st.none() | trade_offs) if verdict is Verdict.REGRESSION else None,
    )


machines = st.builds(
    Machine,
    st.none() | st.floats(0.1, 10),
    st.none() | st.floats(1, 10),
    st.none() | st.floats(0, 1),
    st.lists(st.sampled_from(Doubt), unique=True, max_size=4).map(tuple),
)
subjects = st.builds(
    Subject, st.none() | foreign, st.none() | foreign, st.none() | foreign, st.none() | st.just(MACHINE)
)


@st.composite
def judgements(draw: st.DrawFn, *, max_size: int = 12) -> Judgement:
    """Draw a judgement of any size, with any text in it."""
    rows = draw(st.lists(comparisons(), max_size=max_size))
    shift = draw(st.none() | st.floats(0.5, 2))
    plain = judgement(
        draw(st.sampled_from(Outcome)),
        *rows,
        mode=draw(st.sampled_from(Mode)),
        environment_shift=shift,
        notes=tuple(draw(st.lists(foreign, max_size=4))),
        machine=draw(machines),
        minutes_saved=draw(st.none() | st.floats(1e-3, 1e6)),
        resources=tuple(ResourceNote(draw(foreign), draw(foreign)) for _ in range(draw(st.integers(0, 2)))),
    )
    return replace(plain, baseline=draw(subjects), head=draw(subjects))
