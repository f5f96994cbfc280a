"""Measured again before anyone is told: what is a suspect, and what the second measurement changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from regress_action import analysis
from regress_action.model.comparisons import Comparison, Judgement, Mode, Outcome, Reason, ReasonCode, Severity, Verdict
from regress_action.model.measurements import Metric
from regress_action.report.reasons import sentence
from unit.analysis.compared_sides import of, pairs, reason_of, runs

NOISY = [1.0, 1.1, 0.92, 1.05, 0.95, 1.03, 0.98, 1.02]
STEADY = [1.0, 1.001, 0.999, 1.0, 1.001, 1.0, 0.999, 1.0]
WILD = [1.0, 1.4, 0.7, 1.3, 0.8, 1.2, 0.9, 1.1]


def first(**heads: float) -> Judgement:
    """Judge one new run of each benchmark; the name says how noisy its baseline is."""
    kinds = {"noisy": NOISY, "steady": STEADY, "wild": WILD}
    base = {name: kinds[name.split("_")[0]] for name in heads}
    return analysis.compare(runs(base), runs({name: [value] for name, value in heads.items()}))


def again(**ratios: float) -> Judgement:
    """Judge eight steady pairs of each benchmark."""
    base = dict.fromkeys(ratios, STEADY)
    return analysis.compare([pairs(base)], [pairs({name: [v * by for v in STEADY] for name, by in ratios.items()})])


def test_what_alarms_and_what_may_alarm_is_measured_again_worst_first() -> None:
    """Proven, merely leaning, and unstable; not what is unchanged, better, or certainly below its threshold."""
    judgement = first(steady_a=2.5, steady_b=1.0, steady_c=0.5, noisy_d=1.12, wild_e=1.6, steady_f=1.1)

    assert analysis.suspects(judgement) == ("steady_a", "wild_e", "noisy_d")


def test_the_screen_is_a_setting() -> None:
    """A stricter screen measures less again."""
    judgement = first(noisy_d=1.12, wild_e=1.6)

    assert analysis.suspects(judgement, analysis.Policy(screen=0.0)) == ()


def test_a_regression_that_repeats_is_confirmed_with_the_numbers_of_the_pairs() -> None:
    """The pairs know better how large it is."""
    confirmed = analysis.confirm(first(steady_a=2.5), again(steady_a=1.7))
    row = of(confirmed, "steady_a")

    assert (row.verdict, row.confirmed, row.severity) == (Verdict.REGRESSION, True, Severity.MODERATE)
    assert row.ratio == pytest.approx(1.7)
    assert (reason_of(row).code, reason_of(row).design) == (ReasonCode.CONFIRMED, Mode.PAIRED)


def test_a_base_that_fails_when_it_is_measured_again_takes_no_regression_back() -> None:
    """It says nothing of the head, whatever made it fail."""
    alarmed = first(steady_a=2.5)
    base = pairs({"steady_b": STEADY})
    failing = replace(base, runs=tuple(replace(run, failure="exited with status 1") for run in base.runs))
    second = analysis.compare([failing], [pairs({"steady_a": [2.5 * v for v in STEADY], "steady_b": STEADY})])
    assert of(second, "steady_a").verdict is Verdict.INCOMPARABLE

    assert analysis.confirm(alarmed, second).comparisons == alarmed.comparisons


def test_a_regression_that_does_not_repeat_is_inconclusive_and_alarms_no_more() -> None:
    """It is remembered as seen once."""
    alarmed = first(steady_a=2.5)
    assert alarmed.summary.verdict is Outcome.FAIL

    calmed = analysis.confirm(alarmed, again(steady_a=1.0))
    row = of(calmed, "steady_a")

    assert (row.verdict, row.confirmed, row.severity) == (Verdict.INCONCLUSIVE, False, Severity.NONE)
    assert reason_of(row).code is ReasonCode.NOT_REPEATED
    assert calmed.summary.verdict is not Outcome.FAIL
    assert calmed.summary.regressions == 0


def test_what_was_seen_first_is_quoted_when_it_does_not_repeat() -> None:
    """The reader may have seen it."""
    reason = sentence(of(analysis.confirm(first(steady_a=2.5), again(steady_a=1.0)), "steady_a"))

    assert reason.startswith("It looked 2.5× slower, but that did not repeat when measured interleaved with the base")


def test_a_metric_without_a_ratio_is_a_suspect_only_when_it_alarms() -> None:
    """There is no saying how near it is to its threshold."""
    count = Metric("errors", "count")
    judgement = analysis.compare(
        runs({"quiet": [0.0, 1.0, 0.0, 2.0, 1.0, 0.0], "loud": [0.0] * 6}, metric=count),
        runs({"quiet": [2.0], "loud": [9.0]}, metric=count),
    )

    assert analysis.suspects(judgement) == ("loud",)


def test_an_open_suspect_that_is_proven_by_the_pairs_becomes_a_confirmed_regression() -> None:
    """The baseline was too unstable to say; the pairs were not."""
    row = of(analysis.confirm(first(wild_e=1.6), again(wild_e=1.6)), "wild_e")

    assert (row.verdict, row.confirmed, row.severity) == (Verdict.REGRESSION, True, Severity.MODERATE)


def test_an_open_suspect_that_is_suspected_again_is_not_confirmed() -> None:
    """What the second measurement itself does not confirm is a regression that stays to be proven."""
    suspected = again(wild_e=1.6)
    doubtful = replace(suspected, comparisons=tuple(replace(row, confirmed=False) for row in suspected.comparisons))

    row = of(analysis.confirm(first(wild_e=1.6), doubtful), "wild_e")

    assert (row.verdict, row.confirmed) == (Verdict.REGRESSION, False)


def test_an_open_suspect_that_the_pairs_clear_is_unchanged() -> None:
    """And nothing about it is called confirmed."""
    row = of(analysis.confirm(first(noisy_d=1.12), again(noisy_d=1.0)), "noisy_d")

    assert (row.verdict, row.confirmed) == (Verdict.UNCHANGED, None)


def test_what_was_not_measured_again_stays_as_it_was() -> None:
    """Neither confirmed nor doubted."""
    judgement = first(steady_a=2.5, steady_b=1.0)

    after = analysis.confirm(judgement, again(other=1.0))

    assert after.comparisons == judgement.comparisons


def test_a_second_look_that_is_too_weak_confirms_nothing() -> None:
    """Three pairs are suspicion, not confirmation."""
    few = analysis.compare([pairs({"steady_a": [1.0] * 3})], [pairs({"steady_a": [2.5] * 3})])

    assert of(analysis.confirm(first(steady_a=2.5), few), "steady_a").confirmed is False


def test_a_shift_of_the_whole_suite_ends_when_the_pairs_have_decided_everything() -> None:
    """The environment event was the reason to measure again; afterwards the pairs speak."""
    names = [f"steady_{n}" for n in range(10)]
    shifted = first(**dict.fromkeys(names, 1.3))
    assert shifted.summary.environment_shift == pytest.approx(1.3, rel=0.01)
    assert shifted.summary.verdict is Outcome.WARN

    after = analysis.confirm(shifted, again(**dict.fromkeys(names, 1.0)))

    assert after.summary.verdict is Outcome.PASS


def test_the_worst_comes_first_after_confirming_as_before() -> None:
    """The order follows the corrected verdicts."""
    after = analysis.confirm(first(steady_a=2.5, wild_e=1.6), again(steady_a=1.0, wild_e=1.6))

    assert [row.benchmark.name for row in after.comparisons] == ["wild_e", "steady_a"]


def test_of_regressions_alike_the_larger_comes_first_after_confirming() -> None:
    """By the ratio of the second measurement, not of the first."""
    after = analysis.confirm(first(steady_a=2.9, steady_b=2.5), again(steady_a=2.2, steady_b=2.4))

    assert [row.benchmark.name for row in after.comparisons] == ["steady_b", "steady_a"]


def test_what_was_seen_on_another_machine_is_a_suspect_from_its_threshold_on() -> None:
    """The upper end must reach the threshold exactly; the screen is reached at its edge."""
    judgement = first(noisy_d=1.12)
    (row,) = judgement.comparisons
    assert row.verdict is Verdict.INCONCLUSIVE

    def suspected(edged: Comparison) -> bool:
        return analysis.suspects(replace(judgement, comparisons=(edged,))) == ("noisy_d",)

    assert suspected(replace(row, ratio_high=1.3, threshold=1.3))
    assert not suspected(replace(row, ratio_high=1.29, threshold=1.3))
    assert suspected(replace(row, p_value=0.2))
    assert not suspected(replace(row, p_value=0.21))
    assert not suspected(replace(row, ratio=1.0))


def test_a_second_measurement_apart_is_called_once_more_and_keeps_the_first_numbers() -> None:
    """Without pairs it may repeat the alarm and does not know better how large it is."""
    alarmed = first(steady_a=2.5)
    confirmed = of(analysis.confirm(alarmed, first(steady_a=2.2)), "steady_a")
    calmed = of(analysis.confirm(alarmed, first(steady_a=1.0)), "steady_a")

    assert confirmed.ratio == of(alarmed, "steady_a").ratio
    assert (reason_of(confirmed).code, reason_of(confirmed).design) == (ReasonCode.CONFIRMED, Mode.HISTORY)
    assert (reason_of(calmed).code, reason_of(calmed).design) == (ReasonCode.NOT_REPEATED, Mode.HISTORY)


def test_a_benchmark_that_could_not_be_measured_again_stays_as_it_was() -> None:
    """Missing or failed in the second measurement is no evidence for the first being wrong."""
    alarmed = first(steady_a=2.5)
    lost = analysis.compare([pairs({"steady_a": STEADY, "b": STEADY})], [pairs({"b": STEADY})])

    assert analysis.confirm(alarmed, lost).comparisons == alarmed.comparisons


def test_a_shift_of_the_suite_that_the_pairs_leave_open_stays_open() -> None:
    """Half of the suspects were measured again; of the others nobody knows more than before."""
    wild = {f"wild_{n}": 1.6 for n in range(10)}
    shifted = first(**{f"steady_{n}": 1.3 for n in range(10)}, **wild)
    assert shifted.summary.environment_shift is not None

    after = analysis.confirm(shifted, again(**{f"steady_{n}": 1.0 for n in range(10)}))

    assert after.summary.environment_shift == pytest.approx(shifted.summary.environment_shift)
    assert after.summary.verdict is Outcome.INCONCLUSIVE


def test_what_both_measurements_note_is_said_once() -> None:
    """The notes of the second follow those of the first."""
    alarmed, second = first(steady_a=2.5), again(steady_a=1.7)

    after = analysis.confirm(replace(alarmed, notes=("one", "both")), replace(second, notes=("both", "two")))

    assert after.notes == ("one", "both", "two")


@pytest.mark.parametrize("mode", [Mode.PAIRED, Mode.HISTORY])
@pytest.mark.parametrize("moved", [True, False])
def test_what_a_second_measurement_makes_of_each_verdict(*, moved: bool, mode: Mode) -> None:
    """Every verdict against every other, of rows that are suspects and rows that are not."""
    judged = replace(first(noisy_d=1.12), mode=mode)
    template = of(judged, "noisy_d")
    opened = {Verdict.INCONCLUSIVE, Verdict.UNSTABLE_BASELINE, Verdict.INCOMPARABLE}
    decided = {Verdict.REGRESSION, Verdict.IMPROVEMENT, Verdict.UNCHANGED}
    reason = Reason(ReasonCode.MOVED_WITH_SUITE if moved else ReasonCode.PROVEN)
    for verdict, second, confirmed, high in product(Verdict, Verdict, (None, False), (1.2, 1.19)):
        row = replace(
            template,
            verdict=verdict,
            ratio_high=high,
            p_value=0.2,
            threshold=1.2,
            reason=reason,
            severity=Severity.SLIGHT,
        )
        other = replace(template, verdict=second, confirmed=confirmed, ratio=1.7, runs_needed=7, budget=None)

        (found,) = analysis.confirm(
            replace(judged, comparisons=(row,)), replace(judged, comparisons=(other,))
        ).comparisons

        repeated, again_proven = second in decided | opened, second is Verdict.REGRESSION and confirmed is None
        if not repeated or (verdict not in {Verdict.REGRESSION, *opened} and not (moved and second in decided)):
            assert found == row
        elif verdict is Verdict.REGRESSION and not (moved and second in decided):
            if again_proven:
                assert (found.verdict, found.confirmed) == (Verdict.REGRESSION, True)
                assert found.ratio == (1.7 if mode is Mode.PAIRED else row.ratio)
            elif second is Verdict.REGRESSION and mode is Mode.PAIRED:
                assert found == other
            else:
                assert (found.verdict, found.severity, found.confirmed) == (Verdict.INCONCLUSIVE, Severity.NONE, False)
                assert (found.ratio, found.runs_needed, reason_of(found).again) == (row.ratio, 7, other)
        elif second in decided and (moved or high == 1.2):
            assert found == replace(other, confirmed=True if again_proven else confirmed)
        else:
            assert found == row
