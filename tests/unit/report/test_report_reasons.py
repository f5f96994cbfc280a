"""The sentence of reason: what was measured, how sure it is, and what would have been seen."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import pytest

from judgements import MEMORY, THROUGHPUT, row
from regress_action.model.comparisons import (
    Comparison,
    Mode,
    Note,
    NoteCode,
    Reason,
    ReasonCode,
    Severity,
    Side,
    Verdict,
    WaiverApplied,
)
from regress_action.model.measurements import Metric
from regress_action.report import notes, numbers, phrases, reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typed_fields import ComparisonFields

PROVEN = Reason(ReasonCode.PROVEN, Mode.PAIRED)
UNDECIDED = Reason(ReasonCode.UNDECIDED, Mode.PAIRED, margin=1.03)
COUNT = Metric("allocations", "count", exact=True)


def worse(ratio: float, reason: Reason = PROVEN, /, **other: Unpack[ComparisonFields]) -> Comparison:
    """Return a proven regression of ten pairs."""
    minor = row("a", Verdict.REGRESSION, ratio, severity=Severity.MINOR, q_value=1e-6, reason=reason)
    return replace(minor, **other)


def test_regression_says_how_much_how_sure_and_from_what() -> None:
    """The size has the same form as in the table, with the ends of its interval."""
    assert reasons.sentence(worse(1.25)) == (
        "25 % slower (95 % interval +20 to +30 %), from 10 interleaved pairs; q < 0.001."
    )


@pytest.mark.parametrize("ratio", [1.042, 1.25, 1.9, 2.5, 7.0, 123.0])
def test_reason_prints_a_ratio_as_the_table_does(ratio: float) -> None:
    """One 2.5× change is 2.5× everywhere, and not 150 % in the reason."""
    assert numbers.change(ratio).lstrip("+") in reasons.sentence(worse(ratio))


def test_slight_regression_says_why_it_does_not_alarm() -> None:
    """Its threshold is named."""
    slight = worse(1.1, severity=Severity.SLIGHT, threshold=1.2)
    assert reasons.sentence(slight).endswith("; below its threshold of +20 %, so it does not alarm.")


def test_waived_regression_names_ceiling_and_reason() -> None:
    """A waiver is quoted instead of the threshold."""
    waived = worse(1.5, replace(PROVEN, waiver=WaiverApplied(1.6, "safer hashing")), severity=Severity.SLIGHT)
    assert reasons.sentence(waived).endswith("q < 0.001. Waived up to +60 %: safer hashing.")
    assert "no reason given" in reasons.sentence(worse(1.5, replace(PROVEN, waiver=WaiverApplied(1.6))))


@pytest.mark.parametrize(
    ("metric", "ratio", "words"),
    [(MEMORY, 1.5, "50 % larger"), (THROUGHPUT, 2.0, "2.0× slower"), (COUNT, 1.5, "50 % more")],
)
def test_word_fits_the_metric(metric: Metric, ratio: float, words: str) -> None:
    """Memory grows, a rate gets slower, counts become more."""
    assert reasons.sentence(worse(ratio, metric=metric)).startswith(words)


def test_difference_without_a_ratio_is_worded_in_its_unit() -> None:
    """Zero to three allocations are three more, not 3 count worse."""
    no_ratio = worse(1.0, replace(PROVEN, design=Mode.HISTORY), metric=COUNT)
    no_ratio = replace(no_ratio, ratio=None, ratio_low=None, ratio_high=None, difference=3.0)
    assert reasons.sentence(no_ratio).startswith("3 more, 10 against 10 stored runs; q")
    from_zero = replace(no_ratio, baseline=Side(10, 0.0), head=Side(10, 3.0))
    assert "from zero there is no ratio, so it is minor: set a budget" in reasons.sentence(from_zero)


def test_ruled_out_change_names_interval_or_pairs() -> None:
    """Unchanged means that a change of some size is ruled out, by an interval or by counting pairs."""
    unchanged = row("a", reason=Reason(ReasonCode.RULED_OUT, Mode.PAIRED, ruled_out=1.03))
    counted = replace(unchanged, reason=Reason(ReasonCode.RULED_OUT, Mode.PAIRED, ruled_out=1.03, pairs_beyond=1))
    assert reasons.sentence(unchanged).startswith(
        "A change of +3 % or more for the worse is ruled out: it lies between −3.6"
    )
    assert reasons.sentence(counted).endswith("ruled out: only 1 of 10 interleaved pairs differs so much.")
    for seen in (unchanged, counted):
        assert isinstance(seen.reason, Reason)
        missed = replace(seen, reason=replace(seen.reason, missed_share=0.394))
        expected = reasons.sentence(seen) + " Extra work that fewer than 40 % of its runs do may have been missed."
        assert reasons.sentence(missed) == expected


def undecided(detectable: float, needed: int | None = 24, *, reason: Reason = UNDECIDED) -> str:
    """Return the sentence of an undecided comparison."""
    undecided_row = row(
        "a", Verdict.INCONCLUSIVE, 1.1, minimum_detectable_ratio=detectable, runs_needed=needed, reason=reason
    )
    return reasons.sentence(undecided_row)


def test_undecided_comparison_says_what_would_decide_it() -> None:
    """In the unit of evidence: pairs, or runs per side."""
    assert undecided(1.2).endswith(
        ": a change of +20 % would have been found, and about 24 pairs would rule out +3 % if nothing changed."
    )
    assert "no number of further runs would rule out +3 %" in undecided(1.2, None)


def test_no_more_runs_are_asked_for_than_were_measured() -> None:
    """Where ten pairs decide unchanged code mostly and did not decide this, fewer would not; a repetition tells."""
    assert undecided(1.2, 6).endswith(
        "found, and so many pairs mostly rule out +3 % where nothing changed, so measure again."
    )
    rows = [row("a", Verdict.INCONCLUSIVE, 1.1, runs_needed=needed) for needed in (6, 24)]
    assert [phrases.runs_needed(undecided_row, Mode.PAIRED) for undecided_row in rows] == ["measure again", "24 pairs"]


@pytest.mark.parametrize(
    ("needed", "said"),
    [
        (
            (24, 30, 558),
            "About 30 pairs would rule out the thresholds of 2 of them if nothing changed, 558 those of 3.",
        ),
        ((24, 24), "About 24 pairs would rule out the thresholds of 2 of them if nothing changed."),
        ((6, 24, None), "About 24 pairs would rule out the thresholds of 1 of them if nothing changed."),
        ((6, None), ""),
    ],
)
def test_one_sentence_says_how_many_runs_would_decide_a_table(needed: Sequence[int | None], said: str) -> None:
    """Where there are too many rows for a reason each; what no number of runs decides is left out."""
    rows = [row("a", Verdict.INCONCLUSIVE, 1.1, runs_needed=count) for count in needed]
    assert phrases.all_runs_needed(rows, Mode.PAIRED) == said
    assert not phrases.all_runs_needed(rows, Mode.SINGLE)  # one session shows nothing of how far runs lie apart


@pytest.mark.parametrize("detectable", [10.0, 4527388.0, math.inf])
def test_absurd_detectable_ratio_is_not_quoted(detectable: float) -> None:
    """Two pairs cannot claim that a change of 4527388.0× would have been found."""
    assert "even a change of 10× could have been missed" in undecided(detectable)


def test_one_session_says_what_is_missing() -> None:
    """A single session does not pretend that more rounds would help."""
    single = Reason(ReasonCode.UNDECIDED, Mode.SINGLE, margin=1.03, weak=True)
    assert "one session cannot show how far runs of the same code lie apart" in undecided(1.2, reason=single)


def test_one_pair_is_a_suspicion_in_the_singular() -> None:
    """A change that one pair shows is only suspected."""
    reason = Reason(ReasonCode.SUSPECTED, Mode.PAIRED)
    suspected = worse(1.3, reason, confirmed=False, baseline=Side(1, 1.0), head=Side(1, 1.3))
    assert reasons.sentence(suspected).startswith(
        "Suspected only: 30 % slower (95 % interval +25 to +35 %), from 1 inter"
    )
    assert "from 1 interleaved pair. So few runs" in reasons.sentence(suspected)


def test_second_measurement_quotes_both() -> None:
    """What did not repeat says what it looked like first, and what was measured then."""
    again = row("a", reason=Reason(ReasonCode.RULED_OUT, Mode.PAIRED, ruled_out=1.03, pairs_beyond=0))
    refuted = worse(2.5, Reason(ReasonCode.NOT_REPEATED, Mode.PAIRED, again=again))
    assert reasons.sentence(refuted) == (
        "It looked 2.5× slower, but that did not repeat when measured interleaved with the base: A change of +3 % or "
        "more for the worse is ruled out: none of 10 interleaved pairs differs so much."
    )
    confirmed = worse(2.5, Reason(ReasonCode.CONFIRMED, Mode.HISTORY, again=worse(2.5)))
    assert reasons.sentence(confirmed).startswith("Confirmed by measuring it once more: 2.5× slower")


@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_has_a_sentence(code: ReasonCode) -> None:
    """No code is left without words."""
    sentence = reasons.sentence(worse(1.2, Reason(code, Mode.PAIRED, again=row())))
    assert sentence.endswith(".")
    assert "None" not in sentence


@pytest.mark.parametrize("code", NoteCode)
def test_every_note_has_a_sentence(code: NoteCode) -> None:
    """No note is left without words, and every name of it is quoted."""
    counts = {NoteCode.LEARNED_NOISE: (3, 2), NoteCode.UNUSED_BUDGET: (0, 3), NoteCode.ENVIRONMENT_DIFFERS: (0, 3)}
    size = {NoteCode.SPEED_VARIES: (2, 0), NoteCode.CPU_STOLEN: (2, 0), NoteCode.CORRELATED_PAIRS: (2, 0)}
    size |= {NoteCode.UNREACHABLE: (2, 0), NoteCode.CONTROL_FLOOR: (3, 0), NoteCode.UNUSED_TRADE_OFF: (1, 2)}
    size |= {NoteCode.FAILED_RUNS: (3, 2)}
    length, names = (counts | size).get(code, (1, 1))
    note = Note(code, (1.25, 2.0, 3.0, 4.0, 5.0)[:length], ("first", "second", "third")[:names])
    assert notes.note_sentence(note).endswith(".")
    assert "None" not in notes.note_sentence(note)


def test_words_of_a_running_measurement() -> None:
    """A look says how many pairs there are, what is decided and what was given up."""
    words = reasons.interim_words
    assert words(0, 5, benchmarks=0, decided=0, given_up=0) == "Nothing was measured in pairs so far."
    assert words(3, 5, benchmarks=4, decided=0, given_up=0) == "3 of at least 5 pairs."
    assert words(5, 5, benchmarks=4, decided=4, given_up=0) == "After 5 pairs everything is decided."
    assert words(5, 5, benchmarks=1, decided=0, given_up=0) == "After 5 pairs nothing is decided."
    assert words(6, 5, benchmarks=4, decided=1, given_up=0) == "After 6 pairs 1 of 4 benchmarks is decided."
    assert words(8, 5, benchmarks=4, decided=2, given_up=1) == (
        "After 8 pairs 2 of 4 benchmarks are decided, 1 too noisy for the pairs that are left."
    )


def test_runs_that_failed_are_counted_with_what_helps() -> None:
    """How the command failed, on which side, whether its values count, and the setting for a status that is good."""
    exited = Note(NoteCode.FAILED_RUNS, (5, 5, 5), ("head", "exited with status 1"))
    assert notes.note_sentence(exited) == (
        "5 of 5 runs of the head failed: the run exited with status 1. What it had measured by then counts. "
        "Where that status is good, name it in ok-status."
    )
    unread = Note(NoteCode.FAILED_RUNS, (5, 5, 0), ("head", ".regress/runs/head-01.json is text in no known format."))
    assert notes.note_sentence(unread) == (
        "5 of 5 runs of the head failed: .regress/runs/head-01.json is text in no known format. "
        "`regress-action formats` lists what is read; without {out} the program is timed as a whole."
    )
    killed = Note(NoteCode.FAILED_RUNS, (1, 1, 0), ("base", "was killed by SIGTERM"))
    assert notes.note_sentence(killed) == "The one run of the base failed: the run was killed by SIGTERM."
