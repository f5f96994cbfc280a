"""Trends in words: every page says the same of a series, and which series it is."""

from __future__ import annotations

from typing import Any

import pytest

from regress_action.analysis import trend
from regress_action.report import trends
from regress_action.report.trends import FEWEST


def point(ratio: float | None = 1.3, **other: Any) -> dict[str, Any]:
    """Return a change of level."""
    fields = {"index": 20, "commit": "c" * 40, "time": "2026-03-01T00:00:00Z", "ratio": ratio, "difference": 0.3}
    return {**fields, "p_value": 1e-6, "settled": True, **other}


def series(name: str = "parse", direction: str = "stable", *points: dict[str, Any], **other: Any) -> dict[str, Any]:
    """Return a series of forty runs."""
    fields = {"name": name, "metric": "time", "unit": "s", "suite": "default", "environment": "f" * 12, "points": 40}
    trend = {"direction": direction, "correlation": 0.5, "p_value": 0.11, "drift": 0.3, "change_points": list(points)}
    return {**fields, **trend, **other}


def content(*entries: dict[str, Any]) -> dict[str, Any]:
    """Return the object of `trend --json`."""
    return {"schema": 1, "series": list(entries)}


def test_both_pages_list_the_same_changes() -> None:
    """The newest three are listed and the earlier ones counted, in a terminal as in Markdown."""
    made = content(series("parse", "step", *(point(1 + number / 10) for number in range(1, 6))))
    listed = ["30 % slower since cccccccc", "40 % slower since cccccccc", "50 % slower since cccccccc"]
    for page in (trends.text(made), trends.markdown(made)):
        assert "2 earlier changes of level" in page
        assert all(words in page for words in listed)
        assert "20 % slower since" not in page


def test_step_has_no_p_value_of_a_trend() -> None:
    """The p-value of a straight line says nothing about a step."""
    page = trends.text(content(series("parse", "step", point())))
    assert "stepped   parse  30 % slower in one step, 40 runs in all" in page
    assert "p = " not in page
    assert "30 % slower over the last runs, p = 0.11" in trends.text(content(series("parse", "degrading")))


def test_series_of_one_name_are_distinguished_by_their_environment() -> None:
    """Two machines are two series, and each line says whose it is."""
    made = content(series("parse", "step", point()), series("parse", "step", point(), environment="a" * 12))
    for page in (trends.text(made), trends.markdown(made)):
        assert "parse (environment ffffffffffff)" in page
        assert "parse (environment aaaaaaaaaaaa)" in page
    assert "environment" not in trends.text(content(series("parse", "step", point()), series("load")))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            [series(direction="unknown")] * 5,
            f"Nothing to tell yet: 5 series have too few records; each needs {FEWEST}.",
        ),
        ([series(), series(direction="unknown")], "Nothing moves in 1 series; 1 more has too few runs."),
        ([series(), series("load")], "Nothing moves in 2 series."),
        (
            [series(), series("b", "stable", point())],
            "Nothing moves in 2 series; 1 of them stepped before and stays there.",
        ),
        (
            [series("a", "stable", point()), series("b", "stable", point()), series(direction="unknown")],
            "Nothing moves in 2 series; 2 of them stepped before and stay there; 1 more has too few runs.",
        ),
        ([series(), series("load", "step", point())], "Of 2 series: 1 stepped."),
    ],
)
def test_headline_counts_what_could_be_followed(entries: list[dict[str, Any]], expected: str) -> None:
    """What has too few runs is not said to be still."""
    assert trends.headline(content(*entries)) == expected


def test_change_without_a_ratio_has_the_unit_of_its_series() -> None:
    """A growth that may be zero changes by an amount."""
    page = trends.text(content(series("leak", "step", point(None, difference=2048.0), unit="B", metric="rss_growth")))
    assert "+2 KiB since cccccccc, 2026-03-01" in page


def test_better_rate_is_faster() -> None:
    """Ratios are badness ratios, whichever direction the metric has."""
    assert "2.0× faster since" in trends.text(content(series("rate", "improving", point(0.5), unit="1/s")))


def test_series_that_are_all_short_are_counted_once() -> None:
    """With how many records a trend needs."""
    assert trend.FEWEST == FEWEST
    said = trends.text(content(series(direction="unknown"), series("load", direction="unknown")))
    assert said.split("\n")[0] == "Nothing to tell yet: 2 series have too few records; each needs 10."
    assert "too few runs to tell" not in said


def test_level_that_lasts_after_a_step_is_not_called_stable() -> None:
    """In the headline beside what moves, and in its row."""
    made = content(series(direction="degrading"), series("b", "degrading"), series("c", "stable", point()))
    assert trends.headline(made) == "Of 3 series: 2 degrade; 1 more stepped before and stays there."
    assert "stepped   c " in trends.text(made)
    assert "| stepped | `c` |" in trends.markdown(made)
