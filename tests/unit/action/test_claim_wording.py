"""Claims in people's words, read as bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.action.claims import parse_claim
from regress_action.model.changes import Claim, ClaimVerdict
from regress_action.model.errors import UsageError


@pytest.mark.parametrize(
    ("text", "metric", "bound", "at_most"),
    [
        ("1.3x faster", "time", 1 / 1.3, True),
        ("1.3× faster", "time", 1 / 1.3, True),
        ("2 times faster", "time", 0.5, True),
        ("twice as fast", "time", 0.5, True),
        ("30 % faster", "time", 1 / 1.3, True),
        ("30 percent faster", "time", 1 / 1.3, True),
        ("2x slower", "time", 2, False),
        ("no slower than 2 %", "time", 1.02, True),
        ("not slower than 2%", "time", 1.02, True),
        ("not slower by more than 2 %", "time", 1.02, True),
        ("at most 5 % slower", "time", 1.05, True),
        ("30 % less memory", "peak_memory", 0.7, True),
        ("uses 30 % less memory.", "peak_memory", 0.7, True),
        ("2x less memory", "peak_memory", 0.5, True),
        ("half the memory", "peak_memory", 0.5, True),
        ("10 % less cpu time", "cpu_time", 0.9, True),
        ("20 % more throughput", "throughput", 1.2, False),
        ("1.5x the throughput", "throughput", 1.5, False),
        ("at most 5 % more memory", "peak_memory", 1.05, True),
        ("no more than 5 % more memory", "peak_memory", 1.05, True),
        ("no more memory than 5 %", "peak_memory", 1.05, True),
        ("no less throughput than 5 %", "throughput", 0.95, False),
        ("15 % fewer instructions", "instructions", 0.85, True),
    ],
)
def test_a_claim_is_a_bound_on_the_ratio_of_head_to_base(text: str, metric: str, bound: float, at_most: bool) -> None:
    """Each wording has one reading."""
    claim = parse_claim(text)
    assert (claim.text, claim.metric, claim.at_most) == (text, metric, at_most)
    assert claim.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    "text",
    ["", "faster", "much faster", "0.5x faster", "100 % less memory", "-3 % faster", "2x", f"{'9' * 400}x slower"],
)
def test_what_says_no_number_is_refused_with_examples(text: str) -> None:
    """A claim that cannot be measured ends with how to write one."""
    with pytest.raises(UsageError, match="not understood") as refused:
        parse_claim(text)
    assert "1.3x faster" in refused.value.remedy


@given(st.text(max_size=60))
def test_any_text_is_a_claim_or_a_clear_error(text: str) -> None:
    """Foreign text never raises anything else."""
    try:
        claim = parse_claim(text)
    except UsageError:
        return
    assert claim.bound > 0


@given(st.floats(0.5, 2), st.floats(0, 0.5), st.floats(0.5, 2), st.booleans())
def test_the_interval_decides(bound: float, width: float, low: float, at_most: bool) -> None:
    """Proven only where the whole interval keeps the bound, refuted only where none of it does."""
    claim = Claim("", "time", bound, at_most=at_most)
    ends = (low, low + width)
    keeps = [end <= bound if at_most else end >= bound for end in ends]
    verdict = claim.verdict(*ends)
    assert (verdict is ClaimVerdict.PROVEN) == all(keeps)
    assert (verdict is ClaimVerdict.REFUTED) == (not any(keeps))
    assert claim.verdict(None, None) is ClaimVerdict.UNDECIDED
