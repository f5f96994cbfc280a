"""The HTML page holds everything, needs nothing, and stays a page whatever the names say."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from judgements import EXAMPLES, TIME, foreign, judgement, judgements, regression, row
from regress_action.model.comparisons import Mode, Outcome, Severity
from regress_action.model.measurements import Benchmark, Report, Run, Series
from regress_action.report import html, plots
from regress_action.report.chart import Axis
from regress_action.report.findings import Context
from unit.report.test_report_escape import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.model.comparisons import Judgement

TAGS = "html head meta title style body header h1 h2 p code strong small details summary div table thead tbody tr th td"
TAGS += " svg path text circle wbr span ul li pre dl dt dd"


def test_html_page_matches_its_golden_file(golden: Callable[[str, str], None]) -> None:
    """Every kind of row, as a person looked at it."""
    page = html.render(EXAMPLES["everything"], context=Context(suite="services", reproduce="regress-action run"))
    golden("html/everything.html", page)
    names = page.replace("<wbr>", "")
    assert all(comparison.benchmark.name in names for comparison in EXAMPLES["everything"].comparisons)


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


def measured(values: Sequence[float], name: str = "cache.evict", *, paired: bool = True) -> Report:
    """Return a report of one benchmark."""
    runs = tuple(Run("s", pair) if paired else Run() for pair in range(len(values)))
    return Report((Series(Benchmark(name), TIME, tuple(values), (1,) * len(values)),), runs)


def test_runs_of_pairs_are_joined_by_lines() -> None:
    """The plot shows every pair from baseline to head, its medians, and the change of each pair beside it."""
    rows = html.render(EXAMPLES["one-regression"], baseline=[measured([1, 1.1, 1])], head=[measured([3, 3.2, 3.1])])
    assert (rows.count('<path class="pair"'), rows.count("<circle"), rows.count('<path class="median"')) == (3, 9, 2)
    assert 'aria-label="Baseline: 3 runs, median 1.23 ms. Head: 3 runs, median 3.86 ms."' in rows
    assert rows.count('class="band"') == 1


def test_runs_without_pairs_are_dots_in_their_order() -> None:
    """Stored runs come first, then those of the head."""
    sides = [measured([1, 1.1, 1, 1.05], paired=False)], [measured([3, 3.2], paired=False)]
    page = html.render(EXAMPLES["one-regression"], baseline=sides[0], head=sides[1])
    assert (page.count('<circle class="base"'), page.count('<circle class="head"')) == (4, 2)
    assert '<path class="pair"' not in page


def test_long_name_breaks_after_its_separators_only() -> None:
    """No name is torn in the middle of a word."""
    page = html.render(EXAMPLES["everything"])
    assert "benchmarks/<wbr>test_<wbr>orchestration.<wbr>py::<wbr>TestWorkflow" in page


def test_scale_is_labelled_with_no_change_and_what_fits() -> None:
    """The labels keep apart, and the place of no change is always among them."""
    labels = plots.scale(Axis.over([row("a", ratio=3.14, ratio_low=2.9, ratio_high=3.4)], 1000))
    places = [place for place, _ in labels]
    assert "0" in [label for _, label in labels]
    assert all(later - earlier >= 10 for earlier, later in pairwise(places))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=6),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=6),
    foreign,
    st.booleans(),
)
def test_any_values_make_a_plot_or_none(before: list[float], after: list[float], name: str, paired: bool) -> None:
    """Huge, tiny, equal and missing values neither crash the page nor break its elements."""
    made = judgement(Outcome.FAIL, regression(name, 3.0, Severity.CRITICAL))
    sides = [measured(before, name, paired=paired)], [measured(after, name, paired=paired)]
    page = Page(html.render(made, baseline=sides[0], head=sides[1]))
    assert set(page.tags) <= set(TAGS.split())
    assert page.tags.count("svg") <= 3


def test_what_was_planned_and_when_it_was_judged_is_said() -> None:
    """For pairs alone: nothing else is judged while it is measured."""
    paired, history = (replace(EXAMPLES["everything"], mode=mode) for mode in (Mode.PAIRED, Mode.HISTORY))

    looked = html.render(paired, context=Context(looks=(5, 6, 10)))
    at_once = html.render(paired)

    assert "<dt>Planned</dt><dd>at most 10 pairs, judged after 5, 6 and 10; p-values and intervals account" in looked
    assert "<dt>Planned</dt><dd>nothing was judged before all runs were measured</dd>" in at_once
    assert "<dt>Planned</dt>" not in html.render(history)
