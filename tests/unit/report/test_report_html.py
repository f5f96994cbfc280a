"""The HTML page holds everything, needs nothing, and stays a page whatever the names say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given, settings
from test_report_escape import Page

from judgements import EXAMPLES, foreign, judgements
from regress_action.report import html
from regress_action.report.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.model.comparisons import Judgement

TAGS = "html head meta title style body header h1 h2 p code strong small details summary div table thead tbody tr th td"
TAGS += " svg path ul li pre"


def test_html_page_matches_its_golden_file(golden: Callable[[str, str], None]) -> None:
    """Every kind of row, as a person looked at it."""
    page = html.render(EXAMPLES["everything"], context=Context(suite="services", reproduce="regress-action run"))
    golden("html/everything.html", page)
    assert all(comparison.benchmark.name in page for comparison in EXAMPLES["everything"].comparisons)


def test_another_machine_is_suggested_on_the_page() -> None:
    """It stands with the notes, above the rows."""
    page = html.render(EXAMPLES["inconclusive"], context=Context(elsewhere="Measure it <elsewhere>."))
    assert page.index('<p class="note">Measure it &lt;elsewhere&gt;.</p>') < page.index("<table>")


def test_the_page_loads_nothing() -> None:
    """It opens from a disk, in a mail, behind any policy."""
    page = html.render(EXAMPLES["everything"])
    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", page)
    assert "default-src 'none'" in page


@settings(max_examples=40, deadline=None)
@given(judgements(), foreign)
def test_hostile_text_adds_no_element(made: Judgement, words: str) -> None:
    """Names, reasons and commands are text."""
    context = Context(suite=words, reproduce=words, accept=words, waivers=(words,))
    page = Page(html.render(made, context=context))
    assert set(page.tags) <= set(TAGS.split())
    assert page.tags.count("h1") == 1
    assert page.tags.count("svg") <= len(made.comparisons)
