"""Badge, feed, summary and recommendations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # our own output

import pytest

from regress_action.analysis.series_state import SeriesLimits
from regress_action.site import content, feeds
from regress_action.site.inputs import Page, Site
from regress_action.site.recommendations import ahead, findings_of, recommendations_of
from regress_action.site.tables import tables_of
from unit.site.site_reports import MACHINE, START, history, report

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTILE = "<script>alert(1)</script>|`](javascript:x) @everyone"
ATOM = "{http://www.w3.org/2005/Atom}"


def site_of(
    values: Sequence[float | None], name: str = "a", limits: SeriesLimits | None = None
) -> tuple[Site, list[content.Row]]:
    """Return a site of one benchmark, seen on the day after its last report."""
    tables = tables_of(history({name: values, "other": [1.0] * len(values)}))
    all_limits = [[limits or SeriesLimits(1.2), SeriesLimits(1.2)]]
    rows = content.rows_of(tables, all_limits, [findings_of(tables[0], all_limits[0], ())])
    return Site(tables, all_limits, (), Page(now=START + timedelta(days=len(values)))), rows


STEP = [*[1.0, 1.001, 0.999] * 10, *[1.5, 1.501, 1.499] * 4]


@pytest.mark.parametrize(("values", "expected"), [([1.0] * 20, ("good", "steady")), (STEP, ("bad", "1 regressed"))])
def test_the_badge_says_the_worst_state(values: list[float], expected: tuple[str, str]) -> None:
    """What is over budget or regressed is red."""
    assert feeds.state(site_of(values)[1]) == expected


def test_the_badge_is_an_image_of_its_own() -> None:
    """Well-formed SVG with the words as its name."""
    root = ET.fromstring(feeds.badge("bad", "2 <regressed>"))  # noqa: S314 - our own output

    assert root.attrib["aria-label"] == "performance: 2 <regressed>"


def test_the_feed_has_an_entry_for_every_settled_change() -> None:
    """Its identity stays the same when the feed is written again."""
    first, second = (ET.fromstring(feeds.feed(*site_of(STEP, HOSTILE))) for _ in range(2))  # noqa: S314

    (entry,) = first.findall(f"{ATOM}entry")
    assert "<script>" in (entry.findtext(f"{ATOM}title") or "")  # as text, not as an element
    assert entry.findtext(f"{ATOM}updated") == "2026-01-31T00:00:00+00:00"
    assert [node.text for node in first.iter(f"{ATOM}id")] == [node.text for node in second.iter(f"{ATOM}id")]


def test_names_of_result_files_are_text_in_the_summary() -> None:
    """Markdown and mail hold no markup of a name."""
    site, rows = site_of([*[1.0] * 30, *[1.5] * 6], HOSTILE)
    advice = recommendations_of(site.tables, rows)

    assert "<script>" not in feeds.summary_html(site, rows, advice)
    markdown = feeds.summary(site, rows, advice)
    assert "<script>" not in markdown.replace("`<script>", "").replace("&lt;", "")
    assert "@everyone" not in markdown.replace("@everyone`", "").replace("@everyone, time`", "")


def test_the_summary_lists_the_changes_of_the_last_seven_days() -> None:
    """A change of nine days ago is not news."""
    recent, rows_recent = site_of([*[1.0, 1.001, 0.999] * 10, *[1.5] * 5])
    old, rows_old = site_of(STEP)

    assert "| +50 % | a | time |" in feeds.summary(recent, rows_recent, []).replace("\\", "")
    assert "No level changed in the last seven days." in feeds.summary(old, rows_old, [])


@pytest.mark.parametrize(
    ("values", "limits", "title", "evidence"),
    [
        (STEP, SeriesLimits(1.2), "Find the cause in that commit, or accept the level.", "1.00 → 1.50 s (+50 %)"),
        (
            [6.0] * 20,
            SeriesLimits(1.2, 5.0, "a_s"),
            "Bring it back below its budget, or change the budget.",
            "a_s allows 5",
        ),
        (
            [*[1.0] * 20, None],
            SeriesLimits(1.2),
            "Restore the benchmark, or remove it on purpose.",
            "last value is from",
        ),
        (
            [1.0, 1.5, 0.8, 1.3, 0.9] * 6,
            SeriesLimits(9.0),
            "Use longer rounds or more runs",
            "Neighbouring reports differ by",
        ),
    ],
)
def test_a_recommendation_cites_its_numbers(
    values: list[float | None], limits: SeriesLimits, title: str, evidence: str
) -> None:
    """What to do, and why."""
    site, rows = site_of(values, limits=limits)

    advice = recommendations_of(site.tables, rows)[0]

    assert advice.title.startswith(title)
    assert evidence in advice.evidence


def test_recommendations_of_a_kind_come_by_the_time_they_save() -> None:
    """A small slowdown of what takes long is worth more than a large one of what takes no time."""
    short, long = [0.001] * 30 + [0.003] * 12, [10.0] * 30 + [15.0] * 12
    noise = [1.0, 1.001, 0.999] * 14
    values = {
        "short": [a * b for a, b in zip(short, noise, strict=True)],
        "long": [a * b for a, b in zip(long, noise, strict=True)],
    }
    tables = tables_of(history(values))
    limits = [[SeriesLimits(1.2), SeriesLimits(1.2)]]
    rows = content.rows_of(tables, limits, [findings_of(tables[0], limits[0], ())])

    advice = recommendations_of(tables, rows)

    assert [rows[row.series].series.benchmark.name for row in advice[:2]] == ["long", "short"]
    assert "Going back saves 5 s a run: 155 s in as many as the 31 runs of the last 30 days." in advice[0].evidence


def test_nothing_is_recommended_where_nothing_happened() -> None:
    """Silence is the right answer to a steady history."""
    site, rows = site_of([1.0, 1.001, 0.999] * 10)

    assert recommendations_of(site.tables, rows) == []


@pytest.mark.parametrize(
    ("days", "words"), [(0.2, "about 1 day"), (5, "about 5 days"), (21, "about 3 weeks"), (400, "about 13 months")]
)
def test_a_time_ahead_is_given_in_the_unit_that_people_use(days: float, words: str) -> None:
    """Days, weeks, months, years."""
    assert ahead(days) == words


def test_the_summary_names_the_machine_where_there_are_several() -> None:
    """Two rows of one benchmark say on which machine each is."""
    reports = [report(n, {"a": [1.0 if n < 30 else 1.5]}) for n in range(42)]
    others = [replace(entry, environment=replace(MACHINE, runtime="pypy")) for entry in reports]
    tables = tables_of([*reports, *others])
    limits = [[SeriesLimits(1.2)]] * 2
    rows = content.rows_of(tables, limits, [findings_of(table, limits[0], ()) for table in tables])
    site = Site(tables, limits, (), Page(now=START + timedelta(days=42)))

    summary = feeds.summary(site, rows, recommendations_of(tables, rows))

    assert "`a, time, python`" in summary
    assert "`a, time, pypy`" in summary
