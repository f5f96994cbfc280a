"""The output log keeps the beginning and the end of what a suite printed."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from regress_action.measure.process import drain
from regress_action.measure.reporting import OutputLog


@given(st.lists(st.binary(max_size=40)), st.integers(min_value=2, max_value=64).map(lambda half: 2 * half))
def test_log_keeps_all_output_or_both_ends(chunks: list[bytes], limit: int) -> None:
    """What fits is kept as it came; of the rest the first and the last half of the limit, and how much is missing."""
    log, everything, half = OutputLog(limit), b"".join(chunks), limit // 2
    for chunk in chunks:
        log.add(chunk)
    if len(everything) <= limit:
        assert log.content == everything
    else:
        gap = f"\n… {len(everything) - limit} bytes left out …\n".encode()
        assert log.content == everything[:half] + gap + everything[-half:]


def test_reading_an_endless_stream_returns() -> None:
    """One call reads a bounded amount, so that the time limit is checked in between."""
    with Path("/dev/zero").open("rb") as endless:
        assert drain(endless.fileno(), OutputLog()) is True


def test_log_uses_bounded_memory() -> None:
    """However much is printed, little more than the limit is held."""
    log = OutputLog(limit=1000)
    for _ in range(1000):
        log.add(b"x" * 999)
    assert len(log._head) + len(log._tail) < 3000


def test_end_of_the_output_is_printable() -> None:
    """Terminal sequences and broken UTF-8 become replacement characters, and only the end is kept."""
    log = OutputLog()
    log.add(b"a" * 5000 + b"\n\x1b[31mred\xff\tend\n")
    assert log.last(40).endswith("a\n\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}\tend")
    assert len(log.last(40)) == 40
