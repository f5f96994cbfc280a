"""Lines: as SVG that stands alone, as blocks in a table, and in a terminal."""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from regress_action.report import chart, line_chart, trends

HOSTILE = "<script>alert(1)</script>&\"'"
SVG = "{http://www.w3.org/2000/svg}"


def content(name: str = "parse") -> dict[str, Any]:
    """Return the object of `trend --json` for one series that stepped by half."""
    point = {
        "index": 20,
        "commit": "a" * 40,
        "time": "2026-01-21T00:00:00Z",
        "ratio": 1.5,
        "difference": 0.5,
        "p_value": 1e-9,
        "settled": True,
    }
    series = {
        "name": name,
        "metric": "time",
        "unit": "s",
        "suite": "default",
        "environment": "0" * 12,
        "points": 40,
        "direction": "step",
        "correlation": 0.5,
        "p_value": 0.1,
        "drift": 0.5,
        "change_points": [point],
        "recent": [1.0] * 20 + [1.5] * 20,
    }
    return {"schema": 1, "series": [series], "creep": []}


@given(st.lists(st.floats(), max_size=30), st.text(max_size=20))
def test_a_chart_is_well_formed_whatever_it_draws(values: list[float], title: str) -> None:
    """Names and values of any kind leave an SVG that a parser accepts, or none."""
    drawn = line_chart.render(title, values, "s", marks=[line_chart.Mark(0, title)], ends=(title, title), limit=1.0)

    assert not drawn or ET.fromstring(drawn).tag == f"{SVG}svg"  # noqa: S314 - our own document


def test_a_chart_shows_its_changes_and_its_limit() -> None:
    """A vertical line for a change of level, a dashed one for the budget."""
    drawn = line_chart.render("parse", [1.0, 1.0, 2.0], "s", marks=[line_chart.Mark(2, "+100 %")], limit=1.5)

    classes = [path.get("class") for path in ET.fromstring(drawn).iter(f"{SVG}path")]  # noqa: S314 - our own document
    assert {"mark", "limit", "series"} <= set(classes)
    assert "+100 %" in drawn


def test_a_sparkline_goes_from_the_smallest_to_the_largest() -> None:
    """As wide as asked for at most, with a gap where there is no value."""
    assert chart.sparkline([1, 3, math.nan, 8]) == "▁▃ █"
    assert chart.sparkline([2.0, 2.0]) == "▄▄"
    assert chart.sparkline([]) == ""
    assert len(chart.sparkline(range(1000), 20)) == 20


def test_a_chart_in_a_terminal_has_its_scale_at_the_left() -> None:
    """The largest at the top, the smallest at the bottom."""
    assert chart.lines([1.0, 2.0], str, height=2) == ["2.0 ┤ █", "1.0 ┤▁█"]
    assert chart.lines([1.0], str) == []


def test_the_page_of_trends_has_a_chart_of_what_moves() -> None:
    """As part of the page, and as a file of its own."""
    page, files = trends.page(content()), trends.svg_charts(content())

    assert page.count("<svg") == 1
    assert "+50 %" in page.replace("\u00a0", " ")
    assert list(files) == ["01-parse.svg"]
    assert "```mermaid" in trends.markdown(content())
    assert "▁" in trends.text(content())
    assert "1.50 s ┤" in trends.terminal_charts(content())


def test_hostile_names_stay_text() -> None:
    """On the page, in the SVG and in the name of its file."""
    made = content(HOSTILE)

    assert "<script" not in trends.page(made)
    assert list(trends.svg_charts(made)) == ["01-script-alert-1-script.svg"]
    assert "<script" not in trends.svg_charts(made)["01-script-alert-1-script.svg"]
