"""The suite as a whole: one environment event, the mean of all, the outcome, and the order of the rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random
from typing import Unpack

import numpy as np
import pytest

from regress_action import analysis
from regress_action.analysis import designs, suite
from regress_action.analysis.comparison import analyse
from regress_action.analysis.policy import severity_of
from regress_action.analysis.run_matrix import Scale
from regress_action.model.comparisons import (
    Budget,
    BudgetState,
    Comparison,
    Judgement,
    Note,
    NoteCode,
    Outcome,
    ReasonCode,
    Severity,
    Verdict,
)
from regress_action.model.measurements import Failure, Metric
from unit.analysis.compared_sides import (
    HOSTED,
    NAN,
    OTHER,
    TIME,
    SideFields,
    number,
    of,
    pairs,
    reason_of,
    runs,
    session,
)

STEADY = [1.0, 1.001, 0.999, 1.0, 1.001, 1.0]


def moved(ratios: list[float], **more: Unpack[SideFields]) -> Judgement:
    """Judge one new run per benchmark of a suite against six stored ones."""
    names = [f"b{n}" for n in range(len(ratios))]
    base = runs(dict.fromkeys(names, STEADY), **more)
    return analysis.compare(base, runs({name: [ratio] for name, ratio in zip(names, ratios, strict=True)}, **more))


def test_suite_that_moves_as_one_is_suspected_as_a_whole() -> None:
    """It is noted once, every benchmark is a suspect to measure again in pairs, and none of them fails the run."""
    judgement = moved([1.3, 1.31, 1.29, 1.3, 1.3, 1.32, 1.3, 1.28, 1.3, 1.3, 1.31, 1.3])

    assert judgement.summary.environment_shift == pytest.approx(1.3, rel=0.01)
    assert all(row.is_suspected and not row.alarms for row in judgement.comparisons)
    assert judgement.summary.suspected == judgement.summary.regressions == len(judgement.comparisons)
    assert {reason_of(row).code for row in judgement.comparisons} == {ReasonCode.MOVED_WITH_SUITE}
    assert judgement.summary.verdict is Outcome.WARN
    assert len(analysis.suspects(judgement)) == 12
    shifts = [note for note in judgement.notes if isinstance(note, Note) and note.code is NoteCode.SUITE_SHIFT]
    assert [round(shift.numbers[0], 2) for shift in shifts] == [1.3]


def test_fewer_than_eight_benchmarks_are_no_suite() -> None:
    """Whether the machine or the change moved seven of them cannot be told."""
    assert moved([1.3] * 8).summary.environment_shift == pytest.approx(1.3, rel=0.01)
    assert moved([1.3] * 7).summary.environment_shift is None


@pytest.mark.parametrize(("apart", "common"), [(0.08, True), (0.096, False)])
def test_suite_whose_benchmarks_differ_by_half_of_the_shift_was_changed_by_the_code(
    apart: float, *, common: bool
) -> None:
    """A machine slows everything about alike: the robust deviation is at most half of log 1.3."""
    judgement = moved([1.3 * np.exp(side * apart) for side in (1, -1) * 6])

    assert (judgement.summary.environment_shift is not None) is common


def test_suite_seven_times_slower_is_never_called_unchanged() -> None:
    """Another build of the whole suite is a critical suspicion."""
    judgement = moved([7.0] * 12)

    assert {(row.verdict, row.severity, row.confirmed) for row in judgement.comparisons} == {
        (Verdict.REGRESSION, Severity.CRITICAL, False)
    }


def test_shift_below_every_threshold_is_an_open_question() -> None:
    """A suite that is 10 % slower would not alarm: nothing is suspected and nothing passes."""
    judgement = moved([1.1] * 12)

    assert judgement.summary.environment_shift == pytest.approx(1.1, rel=0.01)
    assert not any(row.reaches_threshold for row in judgement.comparisons)
    assert judgement.summary.verdict is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("most", "other"), [(1.3, 1.0), (0.7, 1.0)])
def test_benchmark_that_stood_still_is_neither_better_nor_worse(most: float, other: float) -> None:
    """A change of +0 % is no improvement because everything else got slower, and no regression the other way round."""
    row = of(moved([most] * 11 + [other]), "b11")

    assert (row.verdict, reason_of(row).code) == (Verdict.INCONCLUSIVE, ReasonCode.APART_FROM_SUITE)


def test_half_of_a_suite_that_is_slower_is_no_shift() -> None:
    """Of 33 benchmarks, 17 that are three times slower are 17 regressions and not one event."""
    judgement = moved([3.0] * 17 + [1.002] * 16)

    assert judgement.summary.environment_shift is None
    assert (judgement.summary.regressions, judgement.summary.improvements) == (17, 0)


def test_what_moves_beyond_the_shift_is_a_regression_of_its_own() -> None:
    """Graded by what it did beyond the others, and proven; the others are suspected."""
    judgement = moved([1.3] * 11 + [2.1])

    row = of(judgement, "b11")
    assert (row.verdict, row.severity, row.alarms) == (Verdict.REGRESSION, Severity.MODERATE, True)
    assert sum(row.alarms for row in judgement.comparisons) == 1


@pytest.mark.parametrize(
    "ratios",
    [
        [1.3] * 7,
        [1.02] * 12,
        [1.3] * 5 + [1.0] * 7,
        [1.05, 1.4, 1.0, 1.6, 1.1, 1.9, 1.02, 1.3, 1.25, 1.01, 1.7, 1.5],
    ],
    ids=["too few", "too small", "fewer than half", "each by its own measure"],
)
def test_what_is_not_common_is_no_event(ratios: list[float]) -> None:
    """Code slows some things more than others; a machine slows everything alike."""
    assert moved(ratios).summary.environment_shift is None


def test_pairs_know_no_environment_event() -> None:
    """Both sides met the same machine: twelve regressions are twelve regressions."""
    base = {f"b{n}": STEADY for n in range(12)}

    judgement = analysis.compare([pairs(base)], [pairs({name: [1.3 * v for v in STEADY] for name in base})])

    assert judgement.summary.environment_shift is None
    assert judgement.summary.regressions == 12


def test_memory_does_not_move_with_the_clock() -> None:
    """A shift of all times leaves the judgement of bytes alone, and the other way round."""
    memory = Metric("peak_memory", "B")
    names = [f"b{n}" for n in range(12)]

    judgement = analysis.compare(
        runs(dict.fromkeys(names, STEADY), metric=memory), runs({key: [1.5] for key in names}, metric=memory)
    )

    assert judgement.summary.environment_shift is None
    assert judgement.summary.regressions == 12


def test_a_shift_of_times_is_not_taken_off_other_metrics() -> None:
    """The clock got slower by 30 %; peak memory that grew by 30 % still did so by itself."""
    memory = Metric("peak_memory", "B")
    names = [f"b{n}" for n in range(12)]
    grown = runs({"m": [1.3]}, metric=memory)

    judgement = analysis.compare(
        [*runs(dict.fromkeys(names, STEADY)), *runs({"m": STEADY, "n": STEADY}, metric=memory)],
        [*runs({name: [1.3] for name in names}), *grown, *runs({"n": [1.0]}, metric=memory)],
    )

    assert judgement.summary.environment_shift == pytest.approx(1.3, rel=0.01)
    assert (of(judgement, "m").verdict, of(judgement, "m").severity) == (Verdict.REGRESSION, Severity.MINOR)
    assert of(judgement, "n").verdict is Verdict.UNCHANGED


def test_the_mean_of_the_suite_is_geometric_and_of_times_only() -> None:
    """Twice and half cancel; memory does not count."""
    judgement = analysis.compare(
        [*runs({"a": STEADY, "b": STEADY}), *runs({"c": STEADY}, metric=Metric("peak_memory", "B"))],
        [*runs({"a": [2.0], "b": [0.5]}), *runs({"c": [9.0]}, metric=Metric("peak_memory", "B"))],
    )

    assert judgement.summary.geomean_ratio == pytest.approx(1, rel=0.001)


@pytest.mark.parametrize(
    ("ratio", "fail_on", "outcome"),
    [
        (1.0, Severity.CRITICAL, Outcome.PASS),
        (1.1, Severity.CRITICAL, Outcome.PASS),
        (1.3, Severity.CRITICAL, Outcome.WARN),
        (1.7, Severity.CRITICAL, Outcome.WARN),
        (2.5, Severity.CRITICAL, Outcome.FAIL),
        (1.7, Severity.MODERATE, Outcome.FAIL),
        (1.3, Severity.MINOR, Outcome.FAIL),
        (1.1, Severity.SLIGHT, Outcome.FAIL),
        (2.5, Severity.NONE, Outcome.WARN),
    ],
)
def test_the_outcome_follows_severity_and_setting(ratio: float, fail_on: Severity, outcome: Outcome) -> None:
    """Below `fail_on` an alarm warns; slight never does."""
    judgement = analysis.compare(
        [pairs({"b": STEADY})], [pairs({"b": [ratio * v for v in STEADY]})], analysis.Policy(fail_on=fail_on)
    )

    assert judgement.summary.verdict is outcome


def test_a_failure_outranks_what_is_missing_and_that_a_warning() -> None:
    """The exit code must show the gravest."""
    base = {"a": STEADY, "gone": STEADY}

    failing, warning = (
        analysis.compare([pairs(base)], [pairs({"a": [ratio * v for v in STEADY]})]).summary.verdict
        for ratio in (3.0, 1.3)
    )

    assert (failing, warning) == (Outcome.FAIL, Outcome.INCOMPLETE)


def test_one_session_on_each_side_never_fails() -> None:
    """Nine times slower is suspected, and warned of."""
    judgement = analysis.compare(runs({"b": [1.0]}), runs({"b": [9.0]}))

    assert judgement.summary.verdict is Outcome.WARN
    assert judgement.comparisons[0].severity is Severity.CRITICAL
    assert reason_of(judgement.comparisons[0]).code is ReasonCode.SUSPECTED


def test_what_may_hide_an_alarm_is_inconclusive_and_what_cannot_passes() -> None:
    """Not being able to see 5 % does not stop a gate of 20 %."""
    random = np.random.default_rng(4)
    small, large = (np.exp(random.normal(0, spread, 12)).tolist() for spread in (0.04, 0.4))

    seen = analysis.compare([pairs({"b": [1.0] * 6})], [pairs({"b": small[:6]})])
    blind = analysis.compare([pairs({"b": [1.0] * 6})], [pairs({"b": large[:6]})])

    assert {view.comparisons[0].verdict for view in (seen, blind)} == {Verdict.INCONCLUSIVE}
    assert (seen.summary.verdict, blind.summary.verdict) == (Outcome.PASS, Outcome.INCONCLUSIVE)


def test_the_worst_comes_first() -> None:
    """Regressions by severity and size, what could not be judged, then the rest."""
    ratios = {"better": 0.5, "same": 1.0, "minor": 1.3, "critical": 2.5, "worse": 2.9}
    base = {**dict.fromkeys(ratios, STEADY), "gone": STEADY}

    judgement = analysis.compare([pairs(base)], [pairs({n: [r * v for v in STEADY] for n, r in ratios.items()})])

    assert [row.benchmark.name for row in judgement.comparisons] == [
        "worse",
        "critical",
        "minor",
        "gone",
        "better",
        "same",
    ]


def test_every_verdict_is_counted_where_it_belongs() -> None:
    """What was not measured, what could not be judged, and what was found."""
    wild = [1.0, 1.4, 0.7, 1.3, 0.8, 1.2]
    base = runs({"worse": STEADY, "better": STEADY, "gone": STEADY, "broken": STEADY, "wild": wild, "other": STEADY})
    head = [
        replace(runs({"worse": [1.5], "better": [0.5], "wild": [1.0]})[0], failures=(Failure("broken", "boom"),)),
        *runs({"other": [1.1]}, environment=OTHER),
    ]

    summary = analysis.compare(base, head).summary

    assert (summary.regressions, summary.improvements, summary.inconclusive, summary.missing) == (1, 1, 2, 2)


def test_both_sides_are_described() -> None:
    """Commit, number of reports and environment, as far as they are known."""
    judgement = analysis.compare(
        runs({"b": STEADY}, environment=HOSTED), [session({"b": [1.0]}, commit="abc", environment=HOSTED)]
    )

    assert judgement.baseline.label == "6 reports"
    assert judgement.head.commit == "abc"
    assert judgement.head.environment == HOSTED


def test_false_discoveries_are_counted_per_metric() -> None:
    """One time among a thousand counters is not lost among them."""
    random = np.random.default_rng(8)
    counters = {f"c{n}": np.exp(random.normal(0, 0.02, 6)).tolist() for n in range(200)}
    head = {name: np.exp(random.normal(0, 0.02, 6)).tolist() for name in counters}
    count = Metric("calls", "count")

    judgement = analysis.compare(
        [*runs(counters, metric=count), *runs({"t": STEADY}, metric=TIME)],
        [*runs(head, metric=count), *runs({"t": [1.01 * v for v in STEADY]}, metric=TIME)],
    )

    row = of(judgement, "t")
    assert row.q_value == pytest.approx(row.p_value)


def test_rare_noise_of_a_large_suite_raises_no_alarm() -> None:
    """Five hundred identical benchmarks: uncorrected, a dozen would look slower."""
    random = np.random.default_rng(6)
    base, head = ({f"b{n}": np.exp(random.normal(0, 0.03, 7)).tolist() for n in range(500)} for _ in range(2))

    judgement = analysis.compare(
        [pairs(base)], [pairs(head)], analysis.Policy(session_spread=analysis.SessionSpread(paired=0.0))
    )

    assert sum(number(row.p_value) < 0.05 and number(row.ratio) > 1 for row in judgement.comparisons) > 5
    assert judgement.summary.regressions == 0


def test_eight_benchmarks_are_enough_to_tell_a_machine_from_the_code() -> None:
    """Seven are not; and only what was compared counts."""
    assert moved([1.3] * 8).summary.environment_shift == pytest.approx(1.3, rel=0.01)
    assert moved([1.3] * 7 + [float("nan")]).summary.environment_shift is None


ROW = analysis.compare([pairs({"b": STEADY})], [pairs({"b": STEADY})]).comparisons[0]
POLICY = analysis.Policy()


def shifted_by_definition(row: Comparison, moved: float) -> tuple[Verdict, ReasonCode | None]:
    """Return the verdict and the new reason: slower with the suite, on its other side, or as it was (None)."""
    low, high, decided = row.ratio_low, row.ratio_high, {Verdict.UNCHANGED, Verdict.INCONCLUSIVE}
    if row.ratio is None or low is None or high is None:
        return row.verdict, None
    if moved > 0:
        if row.verdict in {*decided, Verdict.IMPROVEMENT} and low > 1 and row.ratio >= 1.2:
            return Verdict.REGRESSION, ReasonCode.MOVED_WITH_SUITE
        apart = row.verdict in {*decided, Verdict.IMPROVEMENT} and high >= 1 and np.log(high) < moved
    else:
        apart = row.verdict in {*decided, Verdict.REGRESSION} and low <= 1 and np.log(low) > moved
    return (Verdict.INCONCLUSIVE, ReasonCode.APART_FROM_SUITE) if apart else (row.verdict, None)


@pytest.mark.parametrize("moved_by", [0.3, -0.3])
def test_what_a_shift_makes_of_a_comparison(moved_by: float) -> None:
    """Every verdict with intervals on either side of no change, of the shift and of the threshold, and at them."""
    places = [None, 0.5, 0.8, 1.0, 1.1, 1.2, 1.3, 1.6]
    for verdict, low, ratio, high in product(Verdict, places, places, places):
        if low is not None and high is not None and (low > high or ratio is None or not low <= ratio <= high):
            continue
        if (low is None) != (high is None):
            continue
        row = replace(ROW, verdict=verdict, ratio_low=low, ratio=ratio, ratio_high=high, threshold=1.2, confirmed=None)
        (found,) = suite.with_shift([row], moved_by, POLICY)
        expected, code = shifted_by_definition(row, moved_by)
        assert found.verdict is expected
        if code is None:
            assert found == row
        else:
            assert reason_of(found).code is code
            assert reason_of(found).design is reason_of(row).design
            assert found.confirmed is (False if code is ReasonCode.MOVED_WITH_SUITE else None)
            critical = code is ReasonCode.MOVED_WITH_SUITE
            assert found.severity is (severity_of(number(ratio), 0.0, POLICY) if critical else Severity.NONE)
        memory = replace(row, metric=Metric("peak_memory", "B"))
        assert suite.with_shift([memory], moved_by, POLICY) == (memory,)
        assert suite.with_shift([row], None, POLICY) == (row,)


def outcome_by_definition(rows: list[Comparison], fail_on: Severity, moved_by: float | None) -> Outcome:
    """Return the first that holds of the outcomes in the order of their weight."""
    verdicts = [row.verdict for row in rows]
    regressions = [row for row in rows if row.verdict is Verdict.REGRESSION]
    over = any(row.budget is not None and row.budget.state is BudgetState.OVER for row in rows)
    proven = [row.severity.rank for row in regressions if row.confirmed is not False]
    if fail_on is not Severity.NONE and (over or max(proven, default=-1) >= fail_on.rank):
        return Outcome.FAIL
    if not rows or Verdict.MISSING in verdicts or Verdict.FAILED in verdicts:
        return Outcome.INCOMPLETE
    if over or any(row.severity.rank >= Severity.MINOR.rank for row in regressions):
        return Outcome.WARN
    if all(row.verdict is Verdict.NEW and row.budget is None for row in rows):
        return Outcome.INCOMPLETE
    hides = [
        row for row in rows
        if row.verdict in {Verdict.UNSTABLE_BASELINE, Verdict.INCOMPARABLE}
        or (row.verdict is Verdict.INCONCLUSIVE and (row.ratio_high is None or row.ratio_high >= row.threshold))
    ]  # fmt: skip
    return Outcome.INCONCLUSIVE if hides or moved_by is not None else Outcome.PASS


def test_the_outcome_is_the_gravest_that_holds() -> None:
    """Random suites of no to three comparisons, with budgets, suspicions, and intervals that end at the threshold."""
    random = Random(3)  # noqa: S311 - no secret
    budgets = [None, None, None, *(Budget("k", 1.0, 0.5, 0.6, state) for state in BudgetState)]
    for _ in range(3000):
        rows = [
            replace(
                ROW,
                verdict=random.choice([*Verdict, Verdict.NEW, Verdict.INCONCLUSIVE]),
                severity=random.choice(list(Severity)),
                confirmed=random.choice([None, False, True]),
                budget=random.choice(budgets),
                ratio=random.choice([None, 0.5, 2.0]),
                ratio_high=random.choice([None, 1.1, 1.2, 1.3]),
                threshold=1.2,
                metric=random.choice([ROW.metric, Metric("peak_memory", "B")]),
            )
            for _ in range(random.choice([0, 1, 1, 2, 3]))
        ]
        fail_on, moved_by = random.choice(list(Severity)), random.choice([None, None, 0.2])
        summary = suite.summarise(rows, analysis.Policy(fail_on=fail_on), moved_by)
        assert summary.verdict is outcome_by_definition(rows, fail_on, moved_by)
        counts = Counter(row.verdict.value for row in rows)
        assert summary.regressions == counts["regression"]
        assert summary.improvements == counts["improvement"]
        assert summary.inconclusive == sum(
            counts[name.value] for name in (Verdict.INCONCLUSIVE, Verdict.UNSTABLE_BASELINE, Verdict.INCOMPARABLE)
        )
        assert summary.missing == counts["missing"] + counts["failed"]
        assert summary.environment_shift == (None if moved_by is None else pytest.approx(np.exp(0.2)))
        ratios = [row.ratio for row in rows if row.ratio is not None and row.metric.name == "time"]
        assert summary.geomean_ratio == (pytest.approx(np.prod(ratios) ** (1 / len(ratios))) if ratios else None)


@pytest.mark.parametrize(
    ("ratio", "p_value", "leans"),
    [
        (1.1, 0.2, True),
        (1.1, 0.21, False),
        (1.0, 0.1, False),
        (0.9, 0.1, False),
        (None, 0.1, False),
        (1.1, None, False),
    ],
)
def test_a_benchmark_leans_where_it_looks_slower_and_chance_seldom_does(
    ratio: float | None, p_value: float | None, *, leans: bool
) -> None:
    """At most one in five by chance."""
    assert suite.leans(replace(ROW, ratio=ratio, p_value=p_value), POLICY) is leans


@pytest.mark.parametrize(
    ("d", "usual", "common"),
    [
        ([0.2] * 8, 0.1, None),
        ([0.2] * 8, 0.09, 0.2),
        ([0.2] * 7, 0.01, None),
        ([0.025] * 8, 0.01, None),
        ([-0.026] * 8, 0.01, -0.026),
        ([0.2] * 8 + [NAN] * 3, 0.01, 0.2),
        ([1.0] * 6 + [0.5] * 2, 0.01, 1.0),
        ([1.0] * 6 + [0.4] * 3, 0.01, None),
        ([1.0] * 3 + [1.25] * 3 + [0.75] * 3, 0.01, 1.0),
        ([1.0] * 3 + [1.4] * 3 + [0.6] * 3, 0.01, None),
    ],
)
def test_a_common_shift_is_larger_than_machines_and_than_what_the_benchmarks_differ_by(
    d: list[float], usual: float, common: float | None
) -> None:
    """Of eight comparisons at least, three in four of which lie within half of it."""
    values = np.array(d)
    flags = np.zeros(len(d), dtype=bool)
    scale = Scale(flags, np.ones(len(d)), flags, ~flags, flags)

    def shift(design: int, scale: Scale) -> float | None:
        of_design = np.full(len(d), design)
        estimate = designs.Estimate(values, values, values, values, values, values, values, flags, of_design)
        return suite.common_shift(estimate, scale, usual)

    expected = None if common is None else pytest.approx(common)
    assert shift(designs.HISTORY, scale) == expected
    assert shift(designs.SINGLE, scale) == expected
    assert shift(designs.PAIRED, scale) is None
    assert shift(designs.SINGLE, replace(scale, linear=~flags)) is None
    assert shift(designs.SINGLE, replace(scale, timed=flags)) is None


def test_a_moved_suite_begins_with_the_worst() -> None:
    """Over budget, then by verdict, severity and ratio; what has no ratio comes last."""
    over = Budget("k", 1.0, 2.0, 3.0, BudgetState.OVER)
    regression, failed = Verdict.REGRESSION, Verdict.FAILED
    ordered = [
        replace(ROW, ratio=0.5, verdict=Verdict.UNCHANGED, budget=over),
        replace(ROW, ratio=1.3, verdict=regression, severity=Severity.CRITICAL),
        replace(ROW, ratio=1.4, verdict=regression, severity=Severity.MINOR),
        replace(ROW, ratio=1.3, verdict=regression, severity=Severity.MINOR),
        replace(ROW, ratio=0.9, verdict=failed, severity=Severity.NONE),
        replace(ROW, ratio=None, verdict=failed, severity=Severity.NONE),
        replace(ROW, ratio=0.9, verdict=Verdict.IMPROVEMENT, severity=Severity.NONE),
    ]
    rows = [replace(row, ratio_low=None, ratio_high=None) for row in ordered]
    assert list(suite.with_shift(rows[::-1], 0.3, POLICY)) == rows
    assert list(suite.with_shift(rows[3:] + rows[:3], 0.3, POLICY)) == rows


def test_notes_count_what_they_are_about() -> None:
    """Of two benchmarks one rests on what was learned, was measured elsewhere, or changed its level."""
    noises = {("a", "time"): analysis.Noise(0.01, 40), ("b", "time"): analysis.Noise(0.05, 30)}
    base, head = runs({"a": STEADY, "b": STEADY}), runs({"a": [1.0], "b": [1.0]})
    learned = analysis.compare(base, head, analysis.Policy(noise=noises))
    assert Note(NoteCode.LEARNED_NOISE, (2, 0.05, 30), ("time", "b")) in learned.notes

    elsewhere = analysis.compare([*runs({"a": STEADY}), *runs({"b": STEADY}, environment=OTHER)], head)
    assert Note(NoteCode.OTHER_MACHINE, (1,), ("one model",)) in elsewhere.notes

    cut = analysis.compare(runs({"a": [value * 2 for value in STEADY] + STEADY, "b": STEADY * 2}), head)
    assert Note(NoteCode.LEVEL_CHANGED, (1,)) in cut.notes


def test_the_strongest_correlation_of_neighbouring_pairs_is_named() -> None:
    """Of two benchmarks whose pairs wander, beside a third that does not."""
    random = np.random.default_rng(1)
    wander = [np.cumsum(random.normal(0, 0.02, 60)) for _ in range(2)]
    base = {name: np.ones(60) for name in "abc"}
    head = dict(zip("abc", np.exp([*wander, random.normal(0, 0.02, 60)]), strict=True))
    judgement = analysis.compare([pairs(base)], [pairs(head)])
    correlation = analyse([pairs(base)], [pairs(head)], POLICY).estimates.correlation
    shown = correlation[correlation > 0]
    assert len(shown) == 2
    assert shown[0] != shown[1]
    assert Note(NoteCode.CORRELATED_PAIRS, (max(shown), 2)) in judgement.notes
