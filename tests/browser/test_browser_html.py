"""The HTML page and the README's picture in a browser: they load nothing, fit, and follow the reader's colours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from judgements import EXAMPLES, TIME
from regress_action.model.measurements import Report, Run, Series
from regress_action.report import html, structured

if TYPE_CHECKING:
    from browser.chromium import Browser

PICTURE = Path(__file__).parents[2] / "docs" / "picture.py"
LAYOUT = """
const wide = document.documentElement;
document.querySelectorAll('details').forEach(one => one.open = true);
return {
  headline: document.querySelector('h1').innerText, overflow: wide.scrollWidth - wide.clientWidth,
  bars: [...document.querySelectorAll('svg')].filter(one => one.getBoundingClientRect().width > 60).length,
  page: getComputedStyle(document.body).backgroundColor, loaded: performance.getEntriesByType('resource').length,
};
"""

PLOTS = """
const plots = [...document.querySelectorAll('svg.runs')], wide = document.documentElement;
const box = element => element.getBoundingClientRect();
const inside = (part, plot) => box(part).left >= box(plot).left - 1 && box(part).right <= box(plot).right + 1;
return {
  plots: plots.length, overflow: wide.scrollWidth - wide.clientWidth,
  outside: plots.flatMap(plot => [...plot.querySelectorAll('text')].filter(part => !inside(part, plot))).length,
};
"""


def allowed(page: str) -> str:
    """Let the test's own question run on a page whose policy allows no script."""
    return page.replace("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';")


@pytest.mark.parametrize("width", [1200, 500])
def test_the_page_fits_and_draws_every_interval(browser: Browser, width: int) -> None:
    """On a desktop and on a telephone, with a bar for every row that has a ratio."""
    seen = browser.ask(allowed(html.render(EXAMPLES["everything"])), LAYOUT, width=width)
    assert (seen["overflow"], seen["loaded"]) == (0, 0)
    assert seen["headline"].startswith("1 budget exceeded, 2 regressions (1 critical, 1 moderate) and 1 suspected")
    assert seen["bars"] == 11


@pytest.mark.parametrize("width", [1200, 500])
def test_plots_of_runs_fit_the_page(browser: Browser, width: int) -> None:
    """The runs of pairs and their changes are drawn, and no label leaves its plot."""
    sides = [
        Report(
            (Series(EXAMPLES["one-regression"].comparisons[0].benchmark, TIME, values, (1,) * 3),),
            tuple(Run("s", pair) for pair in range(3)),
        )
        for values in ((1.2e-3, 1.25e-3, 1.22e-3), (3.8e-3, 3.9e-3, 3.85e-3))
    ]
    page = html.render(EXAMPLES["one-regression"], baseline=sides[:1], head=sides[1:])
    drawn = browser.ask(allowed(page), PLOTS, width=width)
    assert (drawn["plots"], drawn["outside"], drawn["overflow"]) == (2, 0, 0)


def test_the_page_is_dark_for_those_who_read_in_the_dark(browser: Browser) -> None:
    """The colours follow the system."""
    page = allowed(html.render(EXAMPLES["pass"]))
    dark = browser.ask(page, LAYOUT, flags=("--force-dark-mode", "--blink-settings=preferredColorScheme=0"))
    light = browser.ask(page, LAYOUT, flags=("--blink-settings=preferredColorScheme=1",))
    assert [dark["page"], light["page"]] == ["rgb(13, 17, 23)", "rgb(255, 255, 255)"]


def test_the_demo_of_the_readme_is_an_image(browser: Browser, tmp_path: Path) -> None:
    """It draws as an image, where nothing may be loaded, at the width of a README."""
    judgement, svg = tmp_path / "judgement.json", tmp_path / "demo.svg"
    judgement.write_text(json.dumps(structured.as_object(EXAMPLES["everything"])), encoding="utf-8")
    subprocess.run([sys.executable, PICTURE, judgement, svg], check=True)
    assert "@font-face" not in svg.read_text(encoding="utf-8")
    page = f"<!doctype html><body style='margin:0'>{svg.read_text(encoding='utf-8')}"
    question = """
    const svg = document.querySelector('svg'), box = svg.getBoundingClientRect();
    const words = [...svg.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect().right]);
    return {
      width: Math.round(box.width), headline: words.filter(one => one[0].includes('2\u00a0regressions')).length,
      outside: words.filter(one => one[1] > box.right).length, loaded: performance.getEntriesByType('resource').length,
    };
    """
    seen = browser.ask(page, question)
    assert seen == {"width": 900, "headline": 1, "outside": 0, "loaded": 0}
