"""The terminal shows the verdict first, the worst next, and the same without colours."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from judgements import EXAMPLES, UNCHANGED, judgement, judgements, regression, row
from regress_action.model.comparisons import Judgement, Outcome, Severity, Verdict
from regress_action.report import markdown, terminal, text

if TYPE_CHECKING:
    from collections.abc import Callable


def shown(made: Judgement, width: int, *, verbose: bool = False) -> str:
    """Print to a file, as a CI log does."""
    out = io.StringIO()
    terminal.show(made, Console(file=out, width=width), verbose=verbose)
    return out.getvalue()


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("width", [80, 120])
def test_terminal_pages_match_their_golden_files(example: str, width: int, golden: Callable[[str, str], None]) -> None:
    """Every kind of judgement, as a person looked at it."""
    golden(f"terminal/{example}-{width}.txt", shown(EXAMPLES[example], width))


def test_verbose_shows_every_row_and_every_name_in_full(golden: Callable[[str, str], None]) -> None:
    """Nothing is folded, nothing is cut."""
    page = shown(EXAMPLES["everything"], 120, verbose=True)
    golden("terminal/everything-verbose.txt", page)
    assert all(comparison.benchmark.name in page for comparison in EXAMPLES["everything"].comparisons)


def test_another_machine_is_suggested_before_the_rows() -> None:
    """Whoever reads the head of the report knows what to do about a doubtful machine."""
    out = io.StringIO()
    made = EXAMPLES["inconclusive"]
    terminal.show(made, Console(file=out, width=120), elsewhere="Measure it elsewhere.")
    assert out.getvalue().index("\nMeasure it elsewhere.\n") < out.getvalue().index("\nInconclusive:")


def test_the_first_line_is_the_headline() -> None:
    """Whoever reads one line knows the verdict."""
    for made in EXAMPLES.values():
        assert text.headline(made) == shown(made, 200).splitlines()[0]


@settings(max_examples=50)
@given(judgements(), st.integers(40, 200), st.booleans())
def test_a_log_holds_no_control_character_and_no_command(made: Judgement, width: int, verbose: bool) -> None:
    """Hostile names reach a CI log as inert text."""
    page = shown(made, width, verbose=verbose)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    assert not [line for line in page.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert not [line for line in page.splitlines() if line != line.rstrip()]


@settings(max_examples=30)
@given(st.integers(40, 200))
def test_lines_fit_the_console(width: int) -> None:
    """At any usable width nothing but the numbers of a very narrow table runs over."""
    page = shown(EXAMPLES["everything"], width)
    assert max(len(line) for line in page.splitlines()) <= max(width, 80)


def test_many_rows_are_cut_and_counted() -> None:
    """A log stays readable when everything is slow."""
    rows = [regression(f"b{index}", 3.0, Severity.CRITICAL) for index in range(100)]
    page = shown(judgement(Outcome.FAIL, *rows), 80)
    assert "… and 75 more (--verbose shows all)" in page
    assert len(page.splitlines()) < 150
    assert "b99 " in shown(judgement(Outcome.FAIL, *rows), 80, verbose=True)


def test_unchanged_rows_are_only_counted() -> None:
    """A hundred benchmarks without news are one line."""
    page = shown(judgement(Outcome.PASS, *(row(f"b{index}") for index in range(100))), 120)
    assert "100 benchmarks unchanged." in page
    assert "b7" not in page


def test_a_console_without_unicode_gets_ascii() -> None:
    """A Windows runner with a legacy code page prints the same report."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    terminal.show(EXAMPLES["everything"], Console(file=out, width=120))
    out.flush()
    assert "1.23 -> 3.86 ms   3.1x" in raw.getvalue().decode("ascii")


def test_colours_repeat_the_words() -> None:
    """With and without colours the text is the same."""
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system="truecolor")
    terminal.show(judgement(Outcome.FAIL, regression("a", 3.0, Severity.CRITICAL), *UNCHANGED), console)
    assert "\x1b[1;31m" in out.getvalue()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert plain == shown(judgement(Outcome.FAIL, regression("a", 3.0, Severity.CRITICAL), *UNCHANGED), 80)


def test_the_terminal_imports_nothing_heavy() -> None:
    """A verdict must not wait for a template engine or a validator."""
    heavy = {"jinja2", "pydantic", "numpy", "scipy", "markdown_it", "pygments"}
    program = f"import sys, regress_action.report.terminal, rich.console; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_common_beginning_of_names_is_said_once() -> None:
    """The table has space for what differs; verbose shows every name in full."""
    rows = [row(f"benchmarks/test_cache.py::test_{name}", Verdict.IMPROVEMENT, 0.7) for name in ("get", "set", "clear")]
    made = judgement(Outcome.PASS, *rows)
    page = shown(made, 100)
    assert page.count("benchmarks/test_cache.py::test_") == 1
    assert "\n  clear" in page
    assert shown(made, 100, verbose=True).count("benchmarks/test_cache.py::test_") == 3


def test_names_are_left_out_of_tables_only() -> None:
    """A list of new benchmarks has whole names, so nothing may say that a part of them is left out."""
    names = [f"tests/performance/test_areas.py::test_{name}" for name in "abcd"]
    new = judgement(Outcome.PASS, *(row(name, Verdict.NEW, None) for name in names))
    slower = judgement(Outcome.WARN, *(regression(name, 1.4, Severity.MINOR) for name in names))
    assert "Tables leave out" not in shown(new, 120)
    assert "Tables leave out" not in markdown.render(new)
    assert "Tables leave out" in shown(slower, 120)
    assert "Tables leave out" in markdown.render(slower)
