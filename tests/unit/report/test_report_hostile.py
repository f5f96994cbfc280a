"""Whatever strangers call things, terminal, log and trend pages show it as text and obey nothing."""

from __future__ import annotations

import io
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from judgements import HOSTILE, foreign, judgements
from regress_action.action import publish
from regress_action.model.changes import PackageChange
from regress_action.report import notes, terminal, trends

if TYPE_CHECKING:
    from regress_action.model.comparisons import Judgement

INVISIBLE = {"Cc", "Cf", "Cs"}
OBEYED = re.compile(r"^\s*::\w|##\[", re.MULTILINE)
LIVE = re.compile(r"(?<!\w)@\w|#\d|\bGH-\d|www\.\w|https?:\S", re.IGNORECASE)
TRENDS = "br code h2 li p strong table tbody td th thead tr ul"
EXPLAINED = TRENDS.replace("h2", "h3") + " blockquote details pre summary"


def harmless(text: str) -> bool:
    """Whether a terminal and a runner print it and do nothing else."""
    return not OBEYED.search(text) and not [
        character for character in text.replace("\n", "") if unicodedata.category(character) in INVISIBLE
    ]


def assert_inert(page: str, ours: str) -> None:
    """Look at Markdown as GitHub's dialect renders it, raw HTML included: only our elements, and nothing live."""
    html = cmarkgfm.github_flavored_markdown_to_html(page, options=Options.CMARK_OPT_UNSAFE)
    assert set(re.findall(r"<([a-z]\w*)", html)) <= set(ours.split())
    prose = re.sub(r"<(code|pre)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert not LIVE.search(prose.replace("\u200b", " "))


def content(*texts: str) -> dict[str, Any]:
    """Return a trend's object in which everything that can be foreign is."""
    name, metric, commit = (texts * 3)[:3]
    point = {
        "index": 3,
        "commit": commit,
        "time": name,
        "ratio": 1.4,
        "difference": 0.1,
        "p_value": 0.001,
        "settled": False,
    }
    going = {"points": 30, "correlation": 0.5, "p_value": 0.001, "drift": 0.2, "change_points": [point, point]}
    drift = {"commit": commit, "ratio": 1.5, "ratio_low": 1.2, "unexplained": 1.1}
    drift |= {"changes": [{"commit": commit, "ratio": 1.3}]}
    return {
        "series": [{"name": name, "metric": metric, "direction": "degrading", **going}],
        "creep": [{"name": name, "metric": metric, "since_release": drift, "since_best": None}],
        "alerts": [{"name": name, "metric": metric, "severity": "minor", "ratio": 1.3, "reason": commit}] * 3,
    }


@given(st.lists(foreign, min_size=3, max_size=3))
def test_trends_are_text_in_a_log_and_on_a_page(texts: list[str]) -> None:
    """Names, metrics, commits and times of records come from results files."""
    made = content(*texts)
    assert harmless(trends.text(made))
    assert_inert(trends.markdown(made), TRENDS)


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:20]))
def test_a_hostile_trend_is_short_enough(name: str) -> None:
    """Ten thousand characters of a name leave space for the rest, and the limit holds."""
    assert len(trends.markdown(content(name)).encode()) < 12_000
    for limit in (0, 10, 500):
        assert len(trends.markdown(content(name), limit_bytes=limit).encode()) <= limit


@given(judgements(), st.booleans(), st.sampled_from([40, 80, 160]))
def test_terminal_output_holds_no_escape_sequence(made: Judgement, verbose: bool, width: int) -> None:
    """No escape sequence, no markup, no order to the runner: also not in a log of CI, whose lines people can begin."""
    out = io.StringIO()
    terminal.show(made, Console(file=out, width=width, color_system=None, highlight=False), verbose=verbose)
    assert harmless(out.getvalue())


@given(judgements(), st.none() | foreign, foreign)
def test_an_explanation_is_text(made: Judgement, asked: str | None, command: str) -> None:
    """What was remembered may have been edited since, and what was asked for is anybody's."""
    page = publish.answer_of(publish.judgement_record(made, command, 100_000), asked)
    assert page is not None
    assert_inert(page, EXPLAINED)


def test_names_of_packages_are_one_short_line() -> None:
    """They come from a lock file that the change brings."""
    named = "\x1b[31m::error::\n" + "x" * 100_000
    packages = (PackageChange(named, None, named), PackageChange(named, named, "2"), PackageChange(named, named, None))

    sentence = notes.changed_packages(named, packages, paired=True)

    assert harmless(sentence)
    assert "\n" not in sentence
    assert len(sentence) < 1000
