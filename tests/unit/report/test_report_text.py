"""The sentences say what happened, compared with what, and how small a change could have been seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from judgements import (
    BASE,
    EXAMPLES,
    HEAD,
    MACHINE,
    MEMORY,
    THROUGHPUT,
    TIME,
    UNCHANGED,
    judgement,
    judgements,
    regression,
    row,
    whole_service,
)
from regress_action.model.comparisons import (
    Budget,
    BudgetState,
    Comparison,
    Judgement,
    Mode,
    Outcome,
    Severity,
    Side,
    Subject,
    Verdict,
)
from regress_action.model.measurements import Metric
from regress_action.report import phrases, text
from regress_action.report.findings import Findings, detectability

if TYPE_CHECKING:
    from collections.abc import Sequence

CRITICAL = regression("cache.evict", 3.1, Severity.CRITICAL, ratio_low=2.9)
SUSPECTED = regression("cache.evict", 3.1, Severity.CRITICAL, confirmed=False)
MINOR = regression("cache.get", 1.31, Severity.MINOR, ratio_low=1.26)


@pytest.mark.parametrize(
    ("rows", "outcome", "expected"),
    [
        ([CRITICAL], Outcome.FAIL, "1 critical regression: cache.evict is 3.1× slower (at least 2.9×)"),
        (
            [SUSPECTED],
            Outcome.WARN,
            "1 suspected critical regression: cache.evict is 3.1× slower (at least 3.0×)",
        ),
        (
            [row("a", Verdict.NEW, None), row("b", Verdict.NEW, None)],
            Outcome.INCOMPLETE,
            "Nothing to compare with yet: 2 benchmarks measured for the first time",
        ),
        (
            [row("a", Verdict.NEW, None), row("b", Verdict.INCOMPARABLE, None)],
            Outcome.INCOMPLETE,
            "Nothing was compared: 1 benchmark could not be measured on the base",
        ),
        (
            [CRITICAL, row("a", Verdict.MISSING, None)],
            Outcome.FAIL,
            "1 critical regression: cache.evict is 3.1× slower (at least 2.9×); 1 benchmark is missing",
        ),
        ([MINOR], Outcome.WARN, "1 minor regression: cache.get is 31 % slower (at least 26 %)"),
        (
            [CRITICAL, MINOR, MINOR],
            Outcome.FAIL,
            "3 regressions (1 critical, 2 minor); the worst: cache.evict is 3.1× slower (at least 2.9×)",
        ),
        (
            [SUSPECTED, MINOR, SUSPECTED],
            Outcome.WARN,
            (
                "1 minor regression and 2 suspected critical regressions; the worst: "
                "cache.get is 31 % slower (at least 26 %)"
            ),
        ),
        ([MINOR, MINOR], Outcome.WARN, "2 minor regressions; the worst: cache.get is 31 % slower (at least 26 %)"),
        (
            [row("a", Verdict.MISSING, None), *UNCHANGED],
            Outcome.INCOMPLETE,
            "The comparison is incomplete: 1 benchmark is missing (a)",
        ),
        (
            [row("f", Verdict.FAILED, None), row("a", Verdict.MISSING, None), row("b", Verdict.MISSING, None)],
            Outcome.INCOMPLETE,
            "The comparison is incomplete: 1 benchmark failed and 2 benchmarks are missing (f and others)",
        ),
        ([], Outcome.INCOMPLETE, "Nothing was compared: the two sides have no benchmark in common"),
        (
            [row("a", Verdict.INCONCLUSIVE), *UNCHANGED],
            Outcome.INCONCLUSIVE,
            "No verdict yet: 1 of 5 benchmarks could not be decided",
        ),
        (
            list(UNCHANGED),
            Outcome.PASS,
            "No regression. Anything above +2.8 % would have been seen (80 % power) in all 4 benchmarks.",
        ),
        ([regression("a", 1.06, Severity.SLIGHT, minimum_detectable_ratio=None)], Outcome.PASS, "No regression"),
    ],
)
def test_the_headline_is_the_verdict_in_plain_words(rows: list[Comparison], outcome: Outcome, expected: str) -> None:
    """The first line alone tells what happened, and names the worst."""
    assert expected == text.headline(judgement(outcome, *rows))


def test_a_proven_service_is_named_before_a_suspected_benchmark() -> None:
    """What fails the check stands in the headline, not what is only suspected."""
    judged = judgement(Outcome.FAIL, SUSPECTED, services=(whole_service("cache", 1.13, Severity.MINOR),))
    assert text.headline(judged).startswith("Minor regression: service cache is 13 % slower")
    missing = replace(judged, comparisons=(*judged.comparisons, row("a", Verdict.MISSING, None)))
    assert text.headline(missing).startswith("Minor regression: service cache is 13 % slower")
    assert text.headline(missing).endswith("; 1 benchmark is missing")


@pytest.mark.parametrize(
    ("metric", "ratio", "expected"),
    [
        (TIME, 1.25, "25 % slower"),
        (TIME, 0.9, "10 % faster"),
        (TIME, 0.25, "4.0× faster"),
        (MEMORY, 2.5, "2.5× larger"),
        (MEMORY, 0.9, "10 % smaller"),
        (THROUGHPUT, 1.31, "31 % slower"),
        (Metric("allocations", "count"), 1.02, "2 % more"),
        (Metric("hit_rate", "ratio"), 1.5, "50 % worse"),
    ],
)
def test_changes_are_worded_for_their_metric(metric: Metric, ratio: float, expected: str) -> None:
    """Time is slower, memory larger, counts more."""
    assert expected == phrases.comparative(row("a", Verdict.REGRESSION, ratio, metric=metric))


def test_metrics_without_a_ratio_change_by_a_difference() -> None:
    """A growth that may be zero is worded in its unit."""
    growth = Metric("rss_growth", "B", signed=True)
    grown = row("leak", Verdict.REGRESSION, None, metric=growth, difference=3 * 2**20, severity=Severity.MINOR)
    assert text.headline(judgement(Outcome.WARN, grown)) == "1 minor regression: leak (rss_growth) is 3 MiB larger"


def test_a_finding_is_short_enough_for_a_title() -> None:
    """Issues and annotations name one change, and both numbers in one form."""
    assert text.finding(replace(CRITICAL, ratio_low=1.984)) == "cache.evict is 3.1× slower (at least 1.98×)"
    assert text.finding(CRITICAL) == "cache.evict is 3.1× slower (at least 2.9×)"
    assert text.finding(row("a", Verdict.IMPROVEMENT, 0.5)) == "a is 2.0× faster"


def test_an_exceeded_budget_is_named_with_its_limit() -> None:
    """Without a regression, the budget makes the headline."""
    assert (
        text.headline(EXAMPLES["budget"])
        == "1 budget exceeded: cache.get is at 7.30 ms, its limit cache_get_ms is 5 ms"
    )


@pytest.mark.parametrize(
    ("mode", "runs", "expected"),
    [
        (Mode.PAIRED, (10, 10), "10 pairs of runs, measured in turns on one machine"),
        (Mode.HISTORY, (20, 1), "1 run against 20 earlier ones"),
        (Mode.HISTORY, (20, 3), "3 runs against 20 earlier ones"),
        (Mode.SINGLE, (1, 1), "one session on each side, so changes are at most suspected; measure five times or more"),
    ],
)
def test_second_line_names_commits_and_design(mode: Mode, runs: tuple[int, int], expected: str) -> None:
    """Which commit against which, measured how and how often."""
    compared = row("a", baseline=Side(runs[0], 1.0), head=Side(runs[1], 1.0))
    made = judgement(Outcome.PASS, compared, mode=mode)
    assert f"b8e2d4f (lru-cache) against 3f1c9a7 (main): {expected}" == text.against(made)


def test_sides_without_a_commit_go_by_their_label_or_none() -> None:
    """Files may come from anywhere."""
    made = replace(EXAMPLES["empty"], baseline=Subject(label="a/*.json"), head=Subject())
    assert text.against(made) == "the head against a/*.json"


def test_different_machines_are_both_named() -> None:
    """A reader sees at once that unlike was compared with unlike."""
    other = replace(MACHINE, cpu="Intel Xeon 8370C")
    made = replace(EXAMPLES["pass"], head=replace(HEAD, environment=other), baseline=BASE)
    assert text.environments(made).startswith("different machines: Intel Xeon 8370C, 4 cores")


def test_detectable_ratio_covers_nine_in_ten_comparisons() -> None:
    """One noisy benchmark does not blur the statement about the others."""
    rows = [row(f"b{index}", minimum_detectable_ratio=1.01 + index / 1000) for index in range(14)]
    smallest = detectability(judgement(Outcome.PASS, *rows, row("noisy", minimum_detectable_ratio=1.5)))
    assert smallest is not None
    assert (smallest.ratio, smallest.rows, smallest.compared) == (1.023, 14, 15)


def test_the_time_of_a_command_is_no_exception() -> None:
    """Of time, CPU time and memory the first is the noisiest, and the one that matters."""
    rows = [row(metric, minimum_detectable_ratio=ratio) for metric, ratio in (("t", 1.5), ("c", 1.04), ("m", 1.03))]
    smallest = detectability(judgement(Outcome.PASS, *rows))
    assert smallest is not None
    assert (smallest.ratio, smallest.at_threshold, smallest.covers_alarms) == (1.5, 2, False)


def test_detectable_ratio_leaves_out_proven_changes() -> None:
    """A regression is proven before little else could be seen; it does not blur the statement about the rest."""
    proven = row("proven", verdict=Verdict.REGRESSION, minimum_detectable_ratio=3.0)
    smallest = detectability(judgement(Outcome.FAIL, proven, row("a", minimum_detectable_ratio=1.04)))
    alone = detectability(judgement(Outcome.FAIL, proven))
    assert smallest is not None
    assert alone is not None
    assert (smallest.ratio, smallest.compared, alone.ratio) == (1.04, 1, 3.0)


def test_comparison_without_detectable_ratio_counts_as_not_covered() -> None:
    """What could not be tested was not seen either."""
    smallest = detectability(judgement(Outcome.PASS, row("a"), row("b", minimum_detectable_ratio=None)))
    assert smallest is not None
    assert (smallest.rows, smallest.compared) == (1, 2)


@settings(max_examples=40)
@given(judgements())
def test_every_comparison_is_in_exactly_one_kind(made: Judgement) -> None:
    """Sorting loses and doubles nothing; only budgets are named a second time."""
    findings = Findings.of(made)
    assert len(made.comparisons) == len(findings) - len(findings.over_budget)
    assert [len(findings.first(rows)) for rows in (0, 1, 10_000)] == [0, min(1, len(findings)), len(findings)]


@settings(max_examples=40)
@given(judgements())
def test_any_judgement_has_short_first_lines(made: Judgement) -> None:
    """However long the names, the two first lines stay readable, on one line each."""
    for line in (text.headline(made), text.against(made)):
        assert line
        assert len(line) < 400
        assert "\n" not in line


def test_suite_that_moved_as_one_is_a_suspicion_of_that_size() -> None:
    """Nobody reads that 0 of 20 could not be decided while everything is seven times slower."""
    rows = [row(f"b{index}", ratio=7.0) for index in range(9)]
    made = judgement(Outcome.INCONCLUSIVE, *rows, mode=Mode.HISTORY, environment_shift=7.0)
    assert text.headline(made) == "Suspected: the whole suite is 7.0× slower, measured apart and not in pairs"
    assert text.visible(made) == ()


def test_exceeded_budget_is_counted_beside_a_regression() -> None:
    """What fails the run is in the headline, also where a regression is named."""
    over = row("cache.get", budget=Budget("cache_get_ms", 0.005, 0.0071, 0.0075, BudgetState.OVER))
    made = judgement(Outcome.FAIL, regression("a.b", 1.3, Severity.MINOR), over)
    assert text.headline(made).startswith("1 budget exceeded and 1 minor regression; the worst: a.b is 30 % slower")


def test_one_session_on_each_side_is_never_called_free_of_regressions() -> None:
    """A single pair can raise a suspicion and rule out nothing."""
    made = judgement(Outcome.PASS, *UNCHANGED, mode=Mode.SINGLE)
    assert text.headline(made).startswith("No alarm, but one session on each side can rule out nothing")


@pytest.mark.parametrize(
    ("smallest", "said"),
    [
        ((2.9, 2.9, 2.9, 2.9), "in 0 of 4 other benchmarks, anything above 2.9× in 4."),
        ((1.1, 1.2, 1.3, 4.0), "in 2 of 4 other benchmarks, anything above 4.0× in 4."),
        ((1.1, 73964.0, 73964.0, 73964.0), "in 1 of 4 other benchmarks, anything above 10× in 1: it needs more pairs."),
    ],
)
def test_what_could_be_missed_is_counted_at_the_threshold(smallest: Sequence[float], said: str) -> None:
    """Rows that are proven unchanged are not said to hide a change of 10×, and an absurd ratio is not quoted."""
    pairs = zip(UNCHANGED, smallest, strict=True)
    rows = [replace(row, threshold=1.2, minimum_detectable_ratio=ratio) for row, ratio in pairs]
    expected = f"No regression proven. A change as large as its threshold would have been seen (80 % power) {said}"
    slight = regression("slight", 1.06, Severity.SLIGHT)
    assert text.headline(judgement(Outcome.PASS, slight, *rows)) == expected


def test_what_is_ruled_out_for_every_benchmark_is_no_open_question() -> None:
    """Each interval lies below its threshold, so it does not matter what few pairs could have been expected to show."""
    rows = [replace(row, threshold=1.2, minimum_detectable_ratio=1.4) for row in UNCHANGED]
    assert text.headline(judgement(Outcome.PASS, *rows)) == (
        "No regression. A change as large as its threshold is ruled out in all 4 benchmarks; "
        "anything above +40 % would have been proven (80 % power) in 4."
    )
    undecided = replace(rows[0], verdict=Verdict.INCONCLUSIVE)
    assert text.headline(judgement(Outcome.PASS, undecided, *rows[1:])).startswith("No regression proven.")


def test_counts_show_every_change() -> None:
    """A count without noise, or nothing at all, has no smallest change, and is among the rows in which all is seen."""
    exact = replace(UNCHANGED[0], metric=replace(UNCHANGED[0].metric, exact=True), minimum_detectable_ratio=None)
    zero = replace(UNCHANGED[1], baseline=Side(10, 0.0), head=Side(10, 0.0), minimum_detectable_ratio=None)
    said = text.headline(judgement(Outcome.PASS, exact, zero, *UNCHANGED[2:]))
    assert said.endswith("would have been seen (80 % power) in all 4 benchmarks.")


def test_first_report_is_not_called_a_comparison() -> None:
    """Where the baseline holds none of the benchmarks, nothing is suspected and no number of runs is asked for."""
    first = judgement(Outcome.PASS, *(row(name, Verdict.NEW, None, baseline=Side(0, None)) for name in "abc"))
    assert text.design(first) == "the baseline holds none of these benchmarks"


def test_medians_that_contradict_the_pairs_are_marked() -> None:
    """The change of a pair may have another sign than that of the medians, and the page says so."""
    odd = row("a", Verdict.INCONCLUSIVE, 0.987, baseline=Side(5, 21.5e-6), head=Side(5, 23.4e-6))
    assert phrases.moved(odd) == "21.5 → 23.4 µs*"
    assert phrases.moved(row("a", ratio=1.03)) == "1.23 → 1.27 ms"


def test_runtime_that_is_only_a_version_is_called_a_runtime() -> None:
    """A bare number after the processor would say nothing."""
    machine = replace(MACHINE, runtime="3.11.7")
    assert text.machine(machine).endswith("ubuntu-24.04, runtime 3.11.7")
    assert text.machine(replace(machine, toolchain="go1.25.1")).endswith("ubuntu-24.04, go1.25.1")


@pytest.mark.parametrize(
    ("names", "beginning"),
    [
        (
            ["benchmarks/test_cache.py::test_get", "benchmarks/test_io.py::test_read", "benchmarks/test_a.py::b"],
            "benchmarks/test_",
        ),
        (["pkg.cache.bench_get", "pkg.cache.bench_set", "pkg.cache.bench_clear"], "pkg.cache.bench_"),
        (["cache.get", "cache.set", "cache.clear"], ""),
        (["benchmarks/a", "benchmarks/b"], ""),
        (
            ["github.com/name/project/v2.BenchmarkA", "github.com/name/project/v2.BenchmarkB"],
            "github.com/name/project/v2.",
        ),
        (["github.com/name/project/v2.BenchmarkA"], ""),
        (["benchmarks/", "benchmarks/a", "benchmarks/b"], ""),
    ],
)
def test_common_beginning_of_names_is_left_out_where_it_is_long(names: list[str], beginning: str) -> None:
    """It ends at a separator, leaves something of every name, and a short one is not worth a remark."""
    assert phrases.common_beginning([row(name) for name in names]) == beginning
