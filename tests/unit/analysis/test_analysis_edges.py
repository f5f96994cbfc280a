"""What naive code gets wrong: every case in which a plain t-test answers nonsense."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from regress_action import analysis
from regress_action.model.comparisons import Mode, Note, NoteCode, Outcome, Reason, ReasonCode, Severity, Verdict
from regress_action.model.errors import IncompleteError, InputError
from regress_action.model.measurements import Benchmark, Direction, Failure, Metric, Report, Run, Series
from unit.analysis.compared_sides import (
    COUNT,
    EXACT,
    NAN,
    OTHER,
    OWN,
    RATE,
    SIGNED,
    TIME,
    number,
    of,
    only_row,
    paired,
    pairs,
    reason_of,
    runs,
    session,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.model.comparisons import Comparison

STEADY = [1.0, 1.001, 0.999, 1.0, 1.0005, 0.9995]


def test_two_constant_sides_that_agree_are_unchanged() -> None:
    """Where scipy says nan: p is 1 and the verdict is no change."""
    row = stored([4.0] * 6, [4.0] * 6)

    assert (row.verdict, row.p_value, row.ratio) == (Verdict.UNCHANGED, 1.0, 1.0)


def test_two_constant_sides_of_a_timing_that_differ_are_a_regression_of_finite_certainty() -> None:
    """No clock is exact: the standard error has a floor, so the interval has a width."""
    row = stored([4.0] * 6, [5.0] * 6)

    assert row.verdict is Verdict.REGRESSION
    assert number(row.ratio_low) < 1.25 < number(row.ratio_high)


def test_a_ratio_beyond_every_number_stays_one() -> None:
    """It ends at the largest exponent that a double holds safely."""
    assert paired([1e-300] * 5, [1e300] * 5).ratio == pytest.approx(math.exp(700))
    assert paired([1e300] * 5, [1e-300] * 5).ratio == pytest.approx(math.exp(-700))


@pytest.mark.parametrize(("head", "verdict"), [(100.9, Verdict.UNCHANGED), (101.0, Verdict.REGRESSION)])
def test_an_exact_metric_is_held_to_its_threshold_alone(head: float, verdict: Verdict) -> None:
    """One run on each side is proof enough of a changed instruction count, from 1 % on."""
    row = stored([100.0], [head], metric=EXACT)

    assert row.verdict is verdict
    assert row.confirmed is None


def test_values_that_are_no_numbers_are_left_out() -> None:
    """NaN and infinity of single runs do not poison the others."""
    row = stored([*STEADY, NAN], [*STEADY, float("inf")])

    assert (row.baseline.runs, row.head.runs, row.verdict) == (6, 6, Verdict.UNCHANGED)


def test_a_run_that_lost_a_fifth_of_its_rounds_is_invalid() -> None:
    """What is left is not what was to be measured."""
    broken = Report(
        (Series(Benchmark("b"), TIME, (1.0,), (7,), (), dropped=3),),
        (Run(),),
        environment=runs({"b": [1]})[0].environment,
    )

    row = only_row(analysis.compare(runs({"b": STEADY}), [broken]))

    assert row.verdict is Verdict.FAILED
    assert row.reason == Reason(ReasonCode.UNUSABLE_ROUNDS, count=3)


def test_a_run_that_lost_a_round_or_two_still_counts() -> None:
    """Up to a fifth."""
    dented = Report((Series(Benchmark("b"), TIME, (1.0,), (8,), (), dropped=2),), (Run(),), environment=OWN)

    assert only_row(analysis.compare(runs({"b": STEADY}), [dented])).verdict is Verdict.UNCHANGED


def test_a_time_of_zero_fails_and_says_why() -> None:
    """The clock did not see it."""
    row = stored(STEADY, [0.0, 1.0, 1.0, 1.0, 1.0])

    assert row.verdict is Verdict.FAILED
    assert row.reason == Reason(ReasonCode.BELOW_CLOCK)


def test_a_count_that_may_be_zero_is_compared_by_difference() -> None:
    """No logarithm, no ratio; a proven difference is minor, since nothing says how large it is."""
    row = stored([0.0] * 6, [3.0] * 6, metric=COUNT)

    assert (row.verdict, row.severity, row.ratio, row.difference) == (
        Verdict.REGRESSION,
        Severity.MINOR,
        None,
        3.0,
    )
    assert stored([0.0] * 6, [0.0] * 6, metric=COUNT).verdict is Verdict.UNCHANGED


def test_a_signed_metric_is_compared_by_difference() -> None:
    """Noise around zero rules nothing out, for five per cent of zero is nothing; a leak beyond it is a regression."""
    quiet = [-1.0, 1.0, 0.5, -0.6, 0.1, 0.0]

    assert stored(quiet, quiet[::-1], metric=SIGNED).verdict is Verdict.INCONCLUSIVE
    assert stored(quiet, [100 + value for value in quiet], metric=SIGNED).verdict is Verdict.REGRESSION
    assert stored(quiet, [value - 100 for value in quiet], metric=SIGNED).verdict is Verdict.IMPROVEMENT


def test_metrics_with_and_without_a_ratio_stand_side_by_side() -> None:
    """A leak around zero beside a time: each on its own scale."""
    leak = [-1.0, 1.0, 0.5, -0.6, 0.1, 0.0]

    judgement = analysis.compare(
        [*runs({"t": STEADY}), *runs({"l": leak}, metric=SIGNED)],
        [*runs({"t": [1.3 * value for value in STEADY]}), *runs({"l": [9 + value for value in leak]}, metric=SIGNED)],
    )

    assert of(judgement, "t").ratio == pytest.approx(1.3)
    assert of(judgement, "l").difference == pytest.approx(9)


def test_one_signed_value_on_either_side_says_nothing() -> None:
    """There is no noise to hold the difference against."""
    assert stored([1.0], [50.0], metric=SIGNED).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("count", [2, 3, 4])
def test_fewer_than_five_runs_or_pairs_never_rule_a_change_out(count: int) -> None:
    """Identical values are inconclusive, and a clear change is suspected at most."""
    for compare in (paired, stored):
        assert compare([1.0] * count, [1.0] * count).verdict is Verdict.INCONCLUSIVE
        suspected = compare([1.0] * count, [3.0] * count)
        assert (suspected.verdict, suspected.confirmed) == (Verdict.REGRESSION, False)


def test_a_large_suite_lends_its_spread_to_short_baselines() -> None:
    """With the moderation of forty benchmarks, three runs are evidence."""
    base = {f"b{n}": [1.0 + 0.001 * n, 1.01, 0.99] for n in range(40)}
    head = {name: [2 * value for value in values] if name == "b7" else values for name, values in base.items()}

    row = of(analysis.compare(runs(base), runs(head)), "b7")

    assert (row.verdict, row.confirmed) == (Verdict.REGRESSION, None)


def test_seconds_against_milliseconds_is_refused() -> None:
    """Units are normalised when a file is read; what still differs cannot be compared."""
    row = only_row(analysis.compare(runs({"b": STEADY}, metric=Metric("time", "ticks")), runs({"b": STEADY})))

    assert row.verdict is Verdict.INCOMPARABLE
    assert row.reason == Reason(ReasonCode.UNIT_CHANGED, before="ticks", text="s")


def test_a_direction_that_turned_is_refused() -> None:
    """Lower is better on one side, higher on the other."""
    turned = Metric("time", "s", Direction.HIGHER)

    row = only_row(analysis.compare(runs({"b": STEADY}, metric=turned), runs({"b": STEADY})))

    assert row.verdict is Verdict.INCOMPARABLE
    assert reason_of(row).code is ReasonCode.DIRECTION_CHANGED


def test_half_the_throughput_is_twice_as_bad() -> None:
    """Higher is better: the ratio is of badness."""
    row = paired([100.0] * 6, [50.0] * 6, metric=RATE)

    assert row.ratio == pytest.approx(2)
    assert row.verdict is Verdict.REGRESSION
    assert paired([50.0] * 6, [100.0] * 6, metric=RATE).verdict is Verdict.IMPROVEMENT


def test_added_and_removed_benchmarks_are_named() -> None:
    """One is new, one is missing, and the suite is incomplete."""
    judgement = analysis.compare(runs({"old": STEADY, "both": STEADY}), runs({"both": STEADY, "young": STEADY}))

    assert of(judgement, "young").verdict is Verdict.NEW
    assert of(judgement, "old").verdict is Verdict.MISSING
    assert judgement.summary.verdict is Outcome.INCOMPLETE


def test_a_new_benchmark_shows_what_was_measured() -> None:
    """Its runs and their median, although nothing could be compared."""
    head = pairs({"both": STEADY, "young": [3.0, NAN, 5.0, NAN, 4.0, NAN]})

    row = of(analysis.compare([pairs({"both": STEADY})], [head]), "young")

    assert (row.head.runs, row.head.median) == (3, 4.0)
    assert (row.baseline.runs, row.baseline.median) == (0, None)


def test_what_only_old_commits_knew_is_no_news() -> None:
    """A benchmark that left the suite three commits ago is not missing today."""
    base = runs({"gone": [1.0] * 3, "here": STEADY})

    assert [row.benchmark.name for row in analysis.compare(base, runs({"here": [1.0]})).comparisons] == ["here"]


def test_a_changed_body_starts_a_new_baseline() -> None:
    """Runs of the old body are left out; without any of the new one there is nothing to compare."""
    old, new = runs({"b": STEADY}, version="v1"), runs({"b": STEADY}, version="v2")

    assert only_row(analysis.compare(old, new)).verdict is Verdict.INCOMPARABLE
    assert only_row(analysis.compare([*old, *new], new)).baseline.runs == len(STEADY)


def test_a_quantised_timer_has_no_certainty_of_its_own() -> None:
    """Ties of a coarse clock give no variance; the floor keeps a tiny step from being proven large."""
    row = stored([0.001] * 8, [0.00101] * 8)

    assert row.verdict is Verdict.UNCHANGED


def test_a_failed_benchmark_is_failed_and_not_missing() -> None:
    """With its reason, whether or not the baseline knew it."""
    head = [
        Report(runs({"fine": [1.0]})[0].series, (Run(),), failures=(Failure("old", "boom"), Failure("young", "bam")))
    ]

    judgement = analysis.compare(runs({"fine": STEADY, "old": STEADY}), head)

    assert (of(judgement, "old").verdict, reason_of(of(judgement, "old")).text) == (Verdict.FAILED, "boom")
    assert (of(judgement, "young").verdict, reason_of(of(judgement, "young")).text) == (Verdict.FAILED, "bam")


def test_a_benchmark_that_failed_once_and_was_measured_is_judged() -> None:
    """One failed run of several is a failure of the run, not of the benchmark."""
    head = [replace(report, failures=(Failure("b", "boom"),)) for report in runs({"b": STEADY})]

    assert only_row(analysis.compare(runs({"b": STEADY}), head)).verdict is Verdict.UNCHANGED


@pytest.mark.parametrize("compare", [paired, stored])
def test_five_runs_or_pairs_are_enough(compare: Callable[..., Comparison]) -> None:
    """To prove a change and to rule one out."""
    assert compare([1.0] * 5, [1.0] * 5).verdict is Verdict.UNCHANGED
    proven = compare([1.0] * 5, [1.3] * 5)
    assert (proven.verdict, proven.confirmed) == (Verdict.REGRESSION, None)


def test_a_head_that_failed_as_a_whole_fails_every_benchmark() -> None:
    """The run says why; nothing passes."""
    judgement = analysis.compare(runs({"a": STEADY, "b": STEADY}), [Report((), (Run(failure="exit status 1"),))])

    assert {row.verdict for row in judgement.comparisons} == {Verdict.FAILED}
    assert {reason_of(row).text for row in judgement.comparisons} == {"exit status 1"}
    assert judgement.summary.verdict is Outcome.INCOMPLETE


def _exited(reports: list[Report], failing: int) -> list[Report]:
    """Return the reports with a command that failed in the first `failing` of their runs."""
    failures = ["exited with status 1"] * failing + [None] * (len(reports) - failing)
    return [
        replace(report, runs=(replace(report.runs[0], failure=failure),))
        for report, failure in zip(reports, failures, strict=True)
    ]


def test_a_benchmark_that_a_failing_command_did_not_measure_failed() -> None:
    """The others are judged, the verdict is incomplete, and it is said of which side the command failed and how."""
    head = _exited(runs({"a": STEADY}), len(STEADY))

    judgement = analysis.compare(runs({"a": STEADY, "b": STEADY}), head)

    assert of(judgement, "a").verdict is Verdict.UNCHANGED
    assert of(judgement, "b").verdict is Verdict.FAILED
    assert reason_of(of(judgement, "b")) == Reason(ReasonCode.COMMAND_FAILED, text="exited with status 1")
    assert judgement.summary.verdict is Outcome.INCOMPLETE
    assert Note(NoteCode.FAILED_RUNS, (6, 6, 6), ("head", "exited with status 1")) in judgement.notes


def test_a_record_that_lists_benchmarks_and_no_run_is_no_crash() -> None:
    """Somebody's file may say so: nothing was measured of what it lists."""
    [empty] = [replace(report, runs=(), series=(Series(Benchmark("a"), TIME, ()),)) for report in runs({"a": [1.0]})]

    judgement = analysis.compare(runs({"a": STEADY}), [empty])

    assert [row.verdict for row in judgement.comparisons] == [Verdict.MISSING]


def test_what_failed_on_the_base_is_not_new() -> None:
    """A benchmark that only the head measured beside a base that failed is open; beside one that ran, it is new."""
    base, head = (_in_one_session(runs(values)) for values in ({"a": STEADY}, {"a": STEADY, "b": STEADY}))
    named = [replace(report, failures=(Failure("b", "raised ZeroDivisionError"),)) for report in base]

    for baseline, reason in ((_exited(base, len(STEADY)), "exited with status 1"), (named, "raised ZeroDivisionError")):
        judgement = analysis.compare(baseline, head)
        assert of(judgement, "b").verdict is Verdict.INCOMPARABLE
        assert reason_of(of(judgement, "b")) == Reason(ReasonCode.FAILED_ON_BASE, text=reason)
        assert judgement.summary.verdict is Outcome.INCONCLUSIVE
    nothing = [replace(report, series=()) for report in _exited(base, len(STEADY))]
    assert analysis.compare(nothing, head).summary.verdict is Outcome.INCOMPLETE
    other = [replace(report, failures=(Failure("c", "raised"),)) for report in _exited(base, len(STEADY))]
    for baseline in (base, _exited(base, 1), other, _exited(runs({"a": STEADY}), len(STEADY))):  # the last is stored
        assert of(analysis.compare(baseline, head), "b").verdict is Verdict.NEW


def _in_one_session(reports: list[Report]) -> list[Report]:
    return [
        replace(report, runs=(replace(report.runs[0], session="s", pair=pair),)) for pair, report in enumerate(reports)
    ]


def test_a_head_whose_command_always_fails_never_passes() -> None:
    """Also where every benchmark of the baseline has values: then the command itself failed."""
    judgement = analysis.compare(runs({"a": STEADY}), _exited(runs({"a": STEADY}), len(STEADY)))

    assert [(row.benchmark.name, row.verdict) for row in judgement.comparisons] == [
        ("the suite's command", Verdict.FAILED),
        ("a", Verdict.UNCHANGED),
    ]
    assert judgement.summary.verdict is Outcome.INCOMPLETE


def test_a_command_that_failed_once_is_a_note() -> None:
    """Its run has values like the others, and the command succeeded in them."""
    judgement = analysis.compare(runs({"a": STEADY}), _exited(runs({"a": STEADY}), 1))

    assert judgement.summary.verdict is Outcome.PASS
    assert Note(NoteCode.FAILED_RUNS, (1, 6, 1), ("head", "exited with status 1")) in judgement.notes


@pytest.mark.parametrize("head", [[], [Report((), ())]])
def test_measuring_nothing_is_an_error(head: list[Report]) -> None:
    """A gate that compared nothing must not pass."""
    with pytest.raises(IncompleteError, match="no measurement"):
        analysis.compare(runs({"b": STEADY}), head)


def test_sides_without_a_common_benchmark_are_an_error() -> None:
    """Another suite, or names that change with every commit."""
    with pytest.raises(IncompleteError, match="no benchmark in common"):
        analysis.compare(runs({"a": STEADY}), runs({"b": STEADY}))


def test_a_first_run_is_new() -> None:
    """With no baseline at all nothing was compared, which is no pass."""
    judgement = analysis.compare([], runs({"b": STEADY}))

    assert only_row(judgement).verdict is Verdict.NEW
    assert judgement.summary.verdict is Outcome.INCOMPLETE


def test_a_series_that_is_shorter_than_its_runs_is_an_error() -> None:
    """Which value belongs to which run?"""
    crooked = Report((Series(Benchmark("b"), TIME, (1.0,)),), (Run(), Run()), origin="crooked.json")

    with pytest.raises(InputError, match=r"crooked\.json"):
        analysis.compare(runs({"b": STEADY}), [crooked])


def test_another_cpu_model_cannot_be_compared() -> None:
    """13.8 % against 2.7 % on the same code: small changes are incomparable, large ones suspected."""
    base = runs({"small": STEADY, "large": STEADY})
    head = runs({"small": [1.1], "large": [3.0]}, environment=OTHER)

    judgement = analysis.compare(base, head)

    assert judgement.mode is Mode.SINGLE
    assert of(judgement, "small").verdict is Verdict.INCOMPARABLE
    assert "another model" in reason_of(of(judgement, "small")).text
    assert (of(judgement, "large").verdict, of(judgement, "large").confirmed) == (Verdict.REGRESSION, False)
    assert judgement.summary.verdict is not Outcome.FAIL


def test_runs_of_another_machine_are_left_out_of_a_mixed_baseline() -> None:
    """Only the six of this kind of machine count."""
    mixed = [*runs({"b": [5.0] * 4}, environment=OTHER), *runs({"b": STEADY})]

    row = only_row(analysis.compare(mixed, runs({"b": [1.0]})))

    assert (row.baseline.runs, row.baseline.median) == (6, 1.0)


def test_pairs_of_one_session_are_matched_by_number() -> None:
    """A pair of which one side failed is dropped, whatever the order of the runs."""
    base = pairs({"b": [1.0, 2.0, NAN, 4.0, 5.0, 6.0]})
    head = pairs({"b": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]})
    turned = Report(
        tuple(Series(row.benchmark, row.metric, row.values[::-1]) for row in head.series),
        head.runs[::-1],
        environment=head.environment,
    )

    forwards, backwards = only_row(analysis.compare([base], [head])), only_row(analysis.compare([base], [turned]))

    assert forwards.baseline.runs == 5
    assert forwards.p_value == pytest.approx(backwards.p_value)


def test_no_pair_in_common_falls_back_to_the_sessions() -> None:
    """Two measurements of one side each are compared as what they are."""
    base = session({"b": STEADY}, name="one")

    assert analysis.compare([base], [pairs({"b": STEADY})]).mode is Mode.SINGLE
