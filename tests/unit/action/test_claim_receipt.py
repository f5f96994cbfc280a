"""Receipts: whole, canonical, and worthless after any change."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from regress_action.action.claims import (
    ClaimReceipt,
    _canonical,
    _digest,
    check_receipt,
    decode_receipt,
    evidence_of,
    parse_claim,
)
from regress_action.model.changes import ClaimEvidence, ClaimPair, ClaimVerdict, verdict_over
from regress_action.model.errors import InputError
from regress_action.model.measurements import Direction, Metric
from regress_action.report.claims import show


def receipt(text: str = "1.3x faster", factor: float = 0.5, metric: Metric | None = None) -> ClaimReceipt:
    """Return a receipt of ten pairs with a little noise."""
    claim = parse_claim(text)
    pairs = tuple(ClaimPair(at, 1 + at % 3 / 100, factor * (1 + at % 4 / 100)) for at in range(1, 11))
    entry = ClaimEvidence(
        "bench::parse", metric or Metric("time", "s"), pairs, None, None, None, ClaimVerdict.UNDECIDED
    )
    evidence = evidence_of(claim, [entry])
    how = {"command": ["x"], "setup": "", "results": "", "carry": [], "benchmark": "*", "pairs": 10}
    return ClaimReceipt(
        claim, "a" * 40, "b" * 40, how, {"cpu": "c"}, "2026-01-01T00:00:00Z", "1", evidence, verdict_over(evidence)
    )


WRITTEN = receipt().encode()


def shown(*pairs: tuple[float, float], ratio: tuple[float, float, float]) -> str:
    """Return what is printed of an undecided claim of at most 5 % more time."""
    claim = parse_claim("at most 5 % slower")
    measured = tuple(ClaimPair(number, *pair) for number, pair in enumerate(pairs, 1))
    entry = ClaimEvidence("parse", Metric("time", "s"), measured, *ratio, ClaimVerdict.UNDECIDED, runs_needed=285)
    console = Console(file=io.StringIO(), width=200)
    show(claim, ClaimVerdict.UNDECIDED, [entry], console, basis="x")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().replace("\xa0", " ")


def test_printed_values_agree_with_the_ratio() -> None:
    """Of two pairs in the middle one may be faster and the other slower."""
    assert "0.985 → 1.01 s" in shown((0.97, 1.0), (1.0, 1.02), ratio=(1.025, 0.98, 1.07))


def test_undecided_claim_says_how_many_pairs_would_decide_it() -> None:
    """Of this claim, not of the threshold of the settings; none where the ratio is the bound."""
    pairs = ((1.0, 1.0),) * 10
    assert "About 16 pairs would decide it if the ratio stays" in shown(*pairs, ratio=(0.985, 0.91, 1.067))
    assert "would decide it" not in shown(*pairs, ratio=(1.05, 0.9, 1.2))


def test_a_receipt_is_read_back_as_it_was_written() -> None:
    """What is decoded has the same content, and its verdict follows from its runs."""
    again = decode_receipt(WRITTEN)
    assert again == receipt()
    assert again.verdict is ClaimVerdict.PROVEN
    check_receipt(again)


@given(st.integers(0, len(WRITTEN) - 1), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_any_changed_byte_is_refused(at: int, by: int) -> None:
    """Whichever byte is changed, white space and the digest included, the receipt does not hold."""
    changed = bytearray(WRITTEN)
    changed[at] ^= by
    with pytest.raises(InputError, match="does not hold"):
        decode_receipt(bytes(changed))


@given(st.integers(0, len(WRITTEN) - 1))
@settings(max_examples=50, deadline=None)
def test_a_cut_receipt_is_refused(length: int) -> None:
    """The beginning of a receipt is none."""
    with pytest.raises(InputError):
        decode_receipt(WRITTEN[:length])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("schema", 9, "this version reads schema 1"),
        ("how", {}, "a field is missing or of another type"),
        ("how", {"command": "rm -rf"}, "a field is missing or of another type"),
        ("how", {"command": []}, "a field is missing or of another type"),
        ("how", {"pairs": "10"}, "a field is missing or of another type"),
        ("how", {"carry": [1]}, "a field is missing or of another type"),
        ("evidence", None, "a field is missing or of another type"),
    ],
)
def test_fields_of_another_type_are_refused_before_a_replay_uses_them(name: str, value: object, words: str) -> None:
    """With a digest that fits, too."""
    content = json.loads(WRITTEN)
    del content["digest"]
    content[name] = {**content[name], **value} if isinstance(value, dict) and value else value
    with pytest.raises(InputError, match=words):
        decode_receipt(_canonical({**content, "digest": _digest(content)}))


def test_a_verdict_that_does_not_follow_from_the_runs_is_refused() -> None:
    """A forged verdict with a digest of its own is found by computing it again."""
    refuted = receipt(factor=1.0)
    assert refuted.verdict is ClaimVerdict.REFUTED
    forged = replace(
        refuted, verdict=ClaimVerdict.PROVEN, evidence=(replace(refuted.evidence[0], verdict=ClaimVerdict.PROVEN),)
    )
    with pytest.raises(InputError, match="does not follow"):
        check_receipt(decode_receipt(forged.encode()))


def test_a_changed_run_with_a_new_digest_changes_the_numbers() -> None:
    """Another value gives another interval than the one that the receipt states."""
    content = json.loads(WRITTEN)
    del content["digest"]
    content["evidence"][0]["pairs"][3]["head"] *= 2
    with pytest.raises(InputError, match="does not follow"):
        check_receipt(decode_receipt(_canonical({**content, "digest": _digest(content)})))


@pytest.mark.parametrize(
    ("text", "factor", "verdict"),
    [
        ("1.3x faster", 0.5, ClaimVerdict.PROVEN),
        ("1.3x faster", 0.77, ClaimVerdict.UNDECIDED),
        ("1.3x faster", 0.9, ClaimVerdict.REFUTED),
        ("no slower than 5 %", 1.0, ClaimVerdict.PROVEN),
        ("no slower than 5 %", 1.2, ClaimVerdict.REFUTED),
        ("2x slower", 3.0, ClaimVerdict.PROVEN),
    ],
)
def test_the_verdict_is_that_of_the_interval(text: str, factor: float, verdict: ClaimVerdict) -> None:
    """Ten pairs with 1 % of noise prove, refute or leave open."""
    assert receipt(text, factor).verdict is verdict


def test_more_of_a_throughput_is_better() -> None:
    """The ratio of a metric of which more is better is that of its values, not of badness."""
    made = receipt("20 % more throughput", 1.5, Metric("throughput", "1/s", Direction.HIGHER))
    assert made.verdict is ClaimVerdict.PROVEN
    low, high = made.evidence[0].ratio_low, made.evidence[0].ratio_high
    assert low is not None
    assert high is not None
    assert 1.4 < low < high < 1.6
