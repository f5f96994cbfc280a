"""The page of a cache says what to do first, and its chart stays within its width."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from regress_action.advice.caching import KeyTrace, analyse
from regress_action.advice.caching.counters import CacheCounters
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


def test_reloads_and_what_stampedes_cost_are_said() -> None:
    """Values that never change are worth a longer life, and needless loads are worth their seconds."""
    trace = KeyTrace(
        np.zeros(40, np.uint64),
        times_s=np.arange(40.0),
        hits=np.zeros(40, np.bool_),
        ttl_s=np.full(40, 0.5),
        load_s=np.full(40, 1.25),
        values=np.array([7] * 39 + [8], np.uint64),
    )
    said = " ".join(page_of(trace).split())
    assert "39 loads replaced a value that had expired; 38 of them (97.4 %) brought the same value again." in said
    assert "A longer time to live" in said
    assert "39 of 40 loads were needless and took 48.8 s of the 50 s of all loads." in said


def test_every_state_of_counters_has_its_advice() -> None:
    """What to do follows from the counters, the most requested cache first."""
    rows = [
        CacheCounters("idle", 0, 0, 8, 0),
        CacheCounters("useless", 0, 50, 8, 8),
        CacheCounters("endless", 90, 10, None, 10),
        CacheCounters("roomy", 900, 12, 64, 10),
        CacheCounters("tight", 1000, 1000, 100, 100, 40),
        CacheCounters("fitting", 8, 2, 2, 2),
    ]
    written = io.StringIO()
    console = Console(file=written, width=160, highlight=False)
    content = {"schema": 1, "caches": [row.as_dict() for row in rows]}
    caching.show_counters(content, ConsolePage(console, verbose=False))
    said = written.getvalue()
    first = next(line for line in said.splitlines() if ": " in line)
    assert first.startswith("tight: 50 % of 2,000 requests missed. It is full, and 900 loads brought a value")
    assert "save at most 43 % of the requests" in said
    assert "useless: none of 50 requests was a hit. Remove it" in said
    assert "It has no limit and holds 10 entries" in said
    assert "it holds 10 of 64 entries, so a larger one would miss no less. 2 loads of 12 left nothing in it" in said
    assert "fitting: 20 % of 10 requests missed, each a first request" in said
    assert "idle: nothing was requested of it" in said


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
