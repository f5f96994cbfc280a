"""Charts of characters show where values lie."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from judgements import comparisons, foreign, regression, row
from regress_action.model.comparisons import Comparison, Severity
from regress_action.report import chart


def test_a_bar_shows_interval_threshold_and_no_change() -> None:
    """The interval lies on a scale on which no change and the threshold are marked."""
    worse = regression("a", 1.5, Severity.MINOR, ratio_low=1.4, ratio_high=1.61)
    same = row("b", ratio=1.0, ratio_low=0.95, ratio_high=1.05)
    axis = chart.Axis.over([worse, same], 24)
    assert axis.bar(worse) == "   │     ┊      ├──●──┤ "
    assert axis.bar(same) == " ├─●─┤   ┊              "


@settings(max_examples=40)
@given(st.lists(comparisons(), min_size=1, max_size=5), st.integers(5, 60))
def test_every_bar_is_as_wide_as_its_axis(rows: list[Comparison], cells: int) -> None:
    """Whatever the numbers, no bar leaves its column."""
    axis = chart.Axis.over(rows, cells)
    for comparison in rows:
        assert len(axis.bar(comparison)) == (cells if comparison.ratio is not None else 0)


def test_a_mermaid_chart_holds_the_series() -> None:
    """Values, labels and a scale, in Mermaid's words."""
    made = chart.mermaid("cache.evict", "ms", [1.2, 1.3, 3.9], ["a1", "b2", "c3"])
    assert made.splitlines()[1:] == [
        "xychart-beta",
        '  title "cache.evict"',
        '  x-axis "a1 to c3" 1 --> 3',
        '  y-axis "ms" 0 --> 4.29',
        "  line [1.2, 1.3, 3.9]",
    ]


def test_two_points_are_no_chart() -> None:
    """A line needs three points to say anything."""
    assert chart.mermaid("a", "ms", [1.0, 2.0, math.nan]) == ""


@given(foreign, st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=100))
def test_no_name_escapes_a_mermaid_chart(name: str, values: list[float]) -> None:
    """Quotes, brackets and line breaks of a name stay out of the diagram's syntax."""
    lines = chart.mermaid(name, name, values, [name] * len(values)).splitlines()
    if sum(abs(value) < 1e100 for value in values) < 3:
        assert lines == []
        return
    assert [line.split()[0] for line in lines[1:]] == ["xychart-beta", "title", "x-axis", "y-axis", "line"]
    assert [line.count('"') for line in lines[1:]] == [0, 2, 2, 2, 0]
