"""The page of a cache says what to do first, and its chart stays within its width."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from regress_action.advice.caching import KeyTrace, analyse
from regress_action.report import caching
from regress_action.report.chart import BrailleChart, powers
from regress_action.report.terminal import ConsolePage


def page_of(trace: KeyTrace, width: int = 80, *, encoding: str = "utf-8", current: int | None = None) -> str:
    """Return the page of a trace as it is printed."""
    written = io.BytesIO()
    file = io.TextIOWrapper(written, encoding=encoding)
    console = Console(file=file, width=width, highlight=False)
    caching.show(analyse(trace, current=current).as_dict(), ConsolePage(console, verbose=False))
    file.flush()
    return written.getvalue().decode(encoding)


def loop(keys: int, rounds: int) -> KeyTrace:
    """Return requests that go through all keys in turn."""
    return KeyTrace(np.array(list(range(keys)) * rounds, np.uint64))


def test_the_recommendation_comes_first_with_its_evidence() -> None:
    """A loop over 100 keys needs 100 entries, and the page says from how many requests that follows."""
    said = " ".join(page_of(loop(100, 20), current=50).split())
    assert said.startswith("Recommended size: 100 entries. It misses 5 % of the requests;")
    assert "The current size of 50 entries misses 100 %; doubling it saves 95 %" in said
    assert "Evidence: 2,000 requests of 100 keys." in said


def test_keys_that_never_come_again_need_no_cache() -> None:
    """Without a repeated key the page says only that."""
    said = " ".join(page_of(loop(100, 1)).split())
    assert said == "100 requests of 100 keys: no key was requested twice, so no cache can help with this trace."


def test_expiry_and_stampedes_are_said_where_they_were_seen() -> None:
    """Times, hits and loading times give their sections; without them there are none."""
    trace = loop(10, 10)
    timed = KeyTrace(
        trace.keys,
        times_s=np.arange(100.0) / 10,
        hits=np.arange(100) >= 10,
        ttl_s=np.full(100, 1.5),
        load_s=np.full(100, 5.0),
    )
    said = " ".join(page_of(timed).split())
    assert "With 10 entries and a time to live of 1.50 s" in said
    assert "None in 10 loads" in said
    assert "Stampedes" not in page_of(trace)


def test_the_page_fits_an_ascii_console() -> None:
    """A console that knows ASCII only gets ASCII only, in its width."""
    said = page_of(loop(100, 20), width=60, encoding="ascii", current=20)
    assert max(map(len, said.splitlines())) <= 60
    assert "*" in said


@given(
    st.lists(st.tuples(st.floats(1, 1e6), st.floats(-5, 5)), min_size=1, max_size=20),
    st.booleans(),
    st.integers(10, 80),
    st.integers(2, 20),
)
def test_any_curve_stays_in_its_frame(points: list[tuple[float, float]], log_x: bool, width: int, height: int) -> None:
    """Every line of a chart has the same frame, whatever is drawn in it."""
    chart = BrailleChart((1, 1e6), (-1, 1), width, height, log_x=log_x)
    points = sorted(points)
    chart.curve([x for x, _ in points], [y for _, y in points])
    chart.point(*points[0])
    lines = chart.lines(powers(1, 1e6, str), "{:.1f}".format)
    assert len(lines) == height + 2
    assert max(map(len, lines)) <= width + 6


def test_a_falling_line_falls() -> None:
    """The curve begins in the first row on the left and ends in the last one on the right."""
    chart = BrailleChart((0, 10), (0, 1), 20, 5)
    chart.curve([0, 10], [1, 0])
    rows = chart.lines([], "{:.0f}".format)
    assert rows[0].index("⠉") < 5
    assert rows[4].rstrip()[-1] not in " │┤"
    assert len(rows[4]) > 20
