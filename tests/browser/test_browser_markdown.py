"""Comments and summaries in a browser: everything is there, in sight, and nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.chromium import github_page
from judgements import EXAMPLES, HOSTILE, judgement, regression, row
from regress_action.model.comparisons import Outcome, Severity, Verdict
from regress_action.report import markdown
from regress_action.report.findings import Context

if TYPE_CHECKING:
    from browser.chromium import Browser

COMMENTS = Path(__file__).parents[1] / "golden" / "report" / "comment"
LAYOUT = """
const top = element => element.getBoundingClientRect().top, wide = document.documentElement;
const before = document.querySelectorAll('details[open]').length;
document.querySelectorAll('details').forEach(one => one.open = true);
return {
  headline: document.querySelector('h3').innerText, headlineTop: top(document.querySelector('h3')),
  tables: [...document.querySelectorAll('table')].map(one => one.rows.length - 1),
  overflow: wide.scrollWidth - wide.clientWidth, openAtFirst: before,
  nested: document.querySelectorAll('details details').length,
  hiddenNumbers: [...document.querySelectorAll('table')].filter(one => one.scrollWidth > one.clientWidth + 1).length,
};
"""
EFFECTS = """
return {
  ran: window.hacked === 1,
  elements: [...new Set([...document.body.querySelectorAll('*')].map(one => one.tagName))],
  links: [...document.links].length, names: [...document.querySelectorAll('td code')].length,
};
"""


@pytest.mark.parametrize(("example", "width"), [*((example, 820) for example in EXAMPLES), ("everything", 500)])
def test_a_comment_fits_its_column(browser: Browser, example: str, width: int) -> None:
    """The headline is the first thing seen, sections unfold side by side, and the page never scrolls sideways."""
    seen = browser.ask(github_page((COMMENTS / f"{example}.md").read_text(encoding="utf-8")), LAYOUT, width=width)
    assert seen["headline"]
    assert seen["headlineTop"] < 60
    assert (seen["overflow"], seen["nested"]) == (0, 0)


@pytest.mark.parametrize("page", ["explanation/everything", "explanation/inconclusive", "detail/regression"])
def test_other_pages_fit_their_column(browser: Browser, page: str) -> None:
    """What is answered in a comment or stands in an issue never scrolls sideways, and all numbers are in sight."""
    text = (COMMENTS.parent / f"{page}.md").read_text(encoding="utf-8")
    seen = browser.ask(github_page(f"### Headline\n\n{text}"), LAYOUT, width=820)
    assert (seen["overflow"], seen["nested"], seen["hiddenNumbers"]) == (0, 0, 0)
    assert min(seen["tables"]) >= 2


def test_numbers_stay_visible_beside_long_names(browser: Browser) -> None:
    """At the width of a pull request's comment no table has to be scrolled."""
    seen = browser.ask(github_page((COMMENTS / "everything.md").read_text(encoding="utf-8")), LAYOUT, width=820)
    assert seen["tables"] == [2, 1, 1, 1, 2]
    assert seen["hiddenNumbers"] == 0


def test_what_is_open_is_unfolded_when_it_is_the_news(browser: Browser) -> None:
    """Inconclusive rows are folded beside regressions, and open when they are the verdict."""
    pages = {name: github_page((COMMENTS / f"{name}.md").read_text(encoding="utf-8")) for name in EXAMPLES}
    assert [browser.ask(pages[name], LAYOUT)["openAtFirst"] for name in ("everything", "inconclusive")] == [0, 1]


def test_hostile_names_do_nothing_in_a_browser(browser: Browser) -> None:
    """No script runs, no element and no link appears that is not ours, even before GitHub sanitises."""
    attack = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script><svg onload='window.hacked=1'>"
    names = (*HOSTILE, attack, f"`{attack}`", f"|{attack}|", f"</code></summary></details>{attack}")
    rows = [regression(name, 3.0, Severity.CRITICAL, reason=name) for name in names]
    rows += [row(name, verdict, reason=name) for name in names for verdict in (Verdict.INCONCLUSIVE, Verdict.MISSING)]
    made = judgement(Outcome.FAIL, *rows, notes=names)
    context = Context(suite=attack, reproduce=attack, accept=attack, advice=names, waivers=names)
    seen = browser.ask(github_page(markdown.render(made, limit_bytes=500_000, context=context)), EFFECTS)
    ours = "BLOCKQUOTE BR CODE DETAILS H3 LI P PRE STRONG SUB SUMMARY TABLE TBODY TD TH THEAD TR UL SCRIPT"
    assert set(seen["elements"]) <= set(ours.split())
    assert seen["ran"] is False
    assert seen["links"] == 0
    assert seen["names"] >= 2 * len(names)
