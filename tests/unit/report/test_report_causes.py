"""Causes in words, in a terminal, as JSON and as a flame graph; names come from a suite and stay inert."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regress_action.model.measurements import Location
from regress_action.model.profiles import (
    Cause,
    CostChange,
    CostMode,
    Culprit,
    Evidence,
    FunctionChange,
    FunctionKey,
    MovedCost,
    StackNode,
)
from regress_action.report import causes, hotspots
from regress_action.report.causes import as_plain, paragraph

CHECK, QUERY, OTHER = FunctionKey("check", "shop.py"), FunctionKey("query", "db.py"), FunctionKey("price", "shop.py")
HOSTILE = FunctionKey('<script>alert(1)</script>"', "a;b\x1b[31m.py")
CAUSE = Cause(
    benchmarks=("bench.py::test_check",),
    mode=CostMode.CPU,
    unit="s",
    pairs=5,
    total=CostChange(1.0, 2.0, 0.9, 1.1),
    functions=(
        FunctionChange(CHECK, 9, CostChange(0.1, 0.9, 0.7, 0.9), CostChange(0.2, 1.2, 0.9, 1.1), 0.8, 8, 8),
        FunctionChange(QUERY, 3, CostChange(0.1, 0.3, 0.1, 0.3), CostChange(0.1, 0.3, 0.1, 0.3), 0.2, 40, 2000),
    ),
    culprit=Culprit(Location("shop.py", 12), "if key in seen:", Evidence.EXECUTED, 0.94, 0.88, 0.99, CHECK),
    cpu_share=1.0,
    unexecuted=("docs/a.md",),
    counted=True,
    tree=StackNode(FunctionKey("all"), 1.0, 2.0, 0, (StackNode(CHECK, 0.2, 1.2, 9), StackNode(HOSTILE, 0.8, 0.8, 1))),
)


def test_one_paragraph_says_what_where_and_what_was_ruled_out() -> None:
    """What got slower, by how much, the line with its share, the calls, and what the figures exclude."""
    assert as_plain(paragraph(CAUSE)) == (
        "bench.py::test_check takes 2.0× the CPU time: 1 → 2 s a run (+900 ms to +1.10 s with 95 % confidence), "
        "5 profiled pairs. The changed line shop.py:12 in check takes 94 % (88 % to 99 %) of the difference. "
        "query is called 2,000 times a run, 40 times before. Ruled out: waiting, since the CPU time grew as the "
        "elapsed time did; the changes in docs/a.md, of which no line was seen running."
    )


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence.ENCLOSING, "The change at shop.py:12 is in check, which takes 94 %"),
        (Evidence.DEFINES, "The changed line shop.py:12 gives a value that check uses, which takes 94 %"),
        (Evidence.DEPENDENCY, "The changed line shop.py:12 brings another version of a package, which takes 94 %"),
    ],
)
def test_how_a_line_is_connected_is_said(evidence: Evidence, words: str) -> None:
    """Each kind of evidence has words of its own."""
    assert CAUSE.culprit is not None
    assert words in as_plain(paragraph(replace(CAUSE, culprit=replace(CAUSE.culprit, evidence=evidence))))


def test_without_a_difference_nothing_is_blamed() -> None:
    """An interval that holds zero is said to be chance, and nothing is ruled out from it."""
    words = as_plain(paragraph(replace(CAUSE, total=CostChange(1.0, 1.01, -0.1, 0.12), culprit=None)))
    assert "shows no more CPU time than chance explains" in words
    assert "Ruled out" not in words


def test_time_that_moved_is_named_as_no_regression() -> None:
    """Cost that only changed its place is said to be none."""
    moved = replace(CAUSE, moved=(MovedCost(OTHER, CHECK, 0.3),))
    assert "300 ms only moved from price to check: that is no regression." in as_plain(paragraph(moved))


def test_the_table_shows_costs_shares_and_calls() -> None:
    """One row for each function that matters."""
    lines = list(hotspots.lines(CAUSE))
    assert any(line.split() == ["12", "|", "if", "key", "in", "seen:"] for line in lines)
    row = next(line for line in lines if line.strip().startswith("query (db.py:3)"))
    assert "100 ms → 300 ms" in row
    assert "40 → 2,000" in row


def test_json_holds_the_figures() -> None:
    """A program gets the schema, the place, the share with its interval, and the paragraph."""
    content = hotspots.as_object([CAUSE], {0: "graph.html"})
    (cause,) = content["causes"]
    assert content["schema"] == 1
    assert (cause["culprit"]["path"], cause["culprit"]["line"], cause["culprit"]["share_low"]) == ("shop.py", 12, 0.88)
    assert cause["flame_graph"] == "graph.html"
    assert cause["total"]["difference"] == 1.0


def test_a_flame_graph_loads_nothing_and_escapes_names() -> None:
    """The page's only script is its own, and a function's name is no markup."""
    hostile = replace(CAUSE, culprit=replace(CAUSE.culprit, text="</pre><script>") if CAUSE.culprit else None)
    page = causes.flame_graph(hostile)
    assert page.count("<script") == 1
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    assert page.count('class="flames"') == 2


def test_a_removed_line_is_quoted() -> None:
    """The line that stands there now was not changed, so the one that is gone is named."""
    assert CAUSE.culprit is not None
    gone = replace(CAUSE.culprit, evidence=Evidence.ENCLOSING, removed="@lru_cache")
    assert causes.annotation(gone).startswith(
        "The line @lru_cache, removed before shop.py:12, belonged to check, which"
    )
    shown = list(hotspots.lines(replace(CAUSE, culprit=gone)))
    assert shown[shown.index("      - | @lru_cache") + 1] == "     12 | if key in seen:"


def test_a_share_that_may_be_anything_says_so() -> None:
    """Few pairs give an interval from nothing to everything, which is no share."""
    assert CAUSE.culprit is not None
    assert causes.share(replace(CAUSE.culprit, share_low=0.0, share_high=1.0)) == (
        "94 % (0 % to 100 %: too few pairs to be sure)"
    )
    assert causes.share(CAUSE.culprit) == "94 % (88 % to 99 %)"
    assert causes.share(replace(CAUSE.culprit, share=1.0, share_low=0.999, share_high=1.0)) == "100 %"
