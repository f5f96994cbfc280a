"""Whether a change can reach a benchmark: never no where it may be yes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.advice.reachability import BenchmarkTrace, FileChange, changed_units, reason, units_of

SOURCE = """\
import functools

LIMIT = 3


@functools.cache
def used(value):
    return value * LIMIT


class Cart:
    size = 4

    def add(self, item):
        def inner():
            return item

        return inner()

    def drop(self):
        return None


def unused(value):
    return [value for _ in range(2)]
"""
TRACE = BenchmarkTrace({"shop.py": frozenset({0, 6, 11, 14}), "bench/test_a.py": frozenset({0, 3})})


def edited(old: str, new: str) -> FileChange:
    """Return a change of the source."""
    assert old in SOURCE
    return FileChange("shop.py", SOURCE, SOURCE.replace(old, new))


def test_units_are_named_by_where_they_are_defined() -> None:
    """Module, classes and functions, inner ones too; a decorator's line belongs to its function."""
    units = units_of(SOURCE)
    assert units is not None
    assert set(units.trees) == {"<module>", "used", "Cart", "Cart.add", "Cart.add.inner", "Cart.drop", "unused"}
    lines = (0, 3, 6, 7, 11, 14, 15, 20, 24)
    assert [units.unit_at(line) for line in lines] == [
        "<module>",
        "<module>",
        "used",
        "used",
        "Cart",
        "Cart.add",
        "Cart.add.inner",
        "Cart.drop",
        "unused",
    ]


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("return value * LIMIT", "return value * LIMIT + 1", {"used"}),
        ("LIMIT = 3", "LIMIT = 4", {"<module>"}),
        ("LIMIT = 3", "# a comment\n\nLIMIT = 3", set()),
        ("return item\n", "return item, 1\n", {"Cart.add.inner"}),
        ("return inner()", "return inner()()", {"Cart.add"}),
        ("size = 4", "size = 5", {"Cart"}),
        ("def unused(value)", "def unused(value=1)", {"<module>", "unused"}),
        ("def unused(value):", "def more():\n    pass\n\n\ndef unused(value):", {"<module>", "more"}),
        ("@functools.cache\n", "", {"<module>", "used"}),
    ],
)
def test_a_change_is_one_of_the_units_that_execute_it(old: str, new: str, names: set[str]) -> None:
    """What a definition executes belongs to the unit around it, what a call executes to the unit itself."""
    before, after = units_of(SOURCE), units_of(SOURCE.replace(old, new))
    assert before is not None
    assert after is not None
    assert changed_units(before, after) == names


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return value * LIMIT", "return value"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("size = 4", "size = 5"),
        ("return inner()", "return None"),
        ("def unused(value):", "def more():\n    pass\n\n\ndef unused(value):"),
    ],
)
def test_executed_code_that_changed_is_a_reason(old: str, new: str) -> None:
    """A benchmark that executes a changed function, class body or module may be reached."""
    assert "it executes" in (reason(TRACE, TRACE, [edited(old, new)]) or "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return [value for _ in range(2)]", "return [value for _ in range(9)]"),
        ("return None", "return self"),
        ("LIMIT = 3", "LIMIT = 3  # as ever"),
    ],
)
def test_code_that_is_not_executed_cannot_be_the_cause(old: str, new: str) -> None:
    """A change in a function that nobody calls, or in a comment, reaches no benchmark."""
    assert reason(TRACE, TRACE, [edited(old, new)]) is None


UNREACHED = edited("return None", "return self")


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (replace(TRACE, doubts=("it starts processes",)), "starts processes"),
        (replace(TRACE, opened=frozenset({"shop.py"})), "reads shop.py"),
        (replace(TRACE, late=frozenset({"shop.py"})), "imports shop.py while it runs"),
        (replace(TRACE, outside=frozenset({"/venv/site-packages/shop.py"})), "a copy of shop.py"),
        (replace(TRACE, status=1), "did not pass"),
        (replace(TRACE, executed={**TRACE.executed, "other.py": frozenset({3})}), "other code from run to run"),
        (replace(TRACE, executed={**TRACE.executed, "shop.py": frozenset({0, 6, 11, 14, 20})}), "executes Cart.drop"),
        (replace(TRACE, executed={**TRACE.executed, "shop.py": frozenset({0, 6, 11})}), "other code from run to run"),
        (None, "not traced on both sides"),
    ],
)
def test_everything_unknown_counts_as_reachable(trace: BenchmarkTrace | None, words: str) -> None:
    """On either side, a doubt is a reason."""
    assert words in (reason(TRACE, trace, [UNREACHED]) or "")
    assert words in (reason(trace, TRACE, [UNREACHED]) or "")


@pytest.mark.parametrize(
    ("change", "reaches"),
    [
        (FileChange("requirements.txt", "a==1", "a==2"), True),
        (FileChange("uv.lock", "", ""), True),
        (FileChange("regress.yml", None, "runs: 3"), True),
        (FileChange("shop.pyx", "", "x"), True),
        (FileChange("broken.py", "x = (", "x = 1"), True),
        (FileChange("README.md", "a", "b"), False),
        (FileChange(".github/workflows/a.yml", "a", "b"), False),
        (FileChange("new.py", None, "x = 1"), False),
    ],
)
def test_other_files_reach_every_benchmark_unless_nothing_reads_them(change: FileChange, reaches: bool) -> None:
    """Dependencies, configuration and native code reach all; documents and files that nobody imports do not."""
    assert (reason(TRACE, TRACE, [change]) is not None) == reaches
    read = replace(TRACE, opened=frozenset({change.path}))
    assert reason(TRACE, read, [change]) is not None


def test_a_new_file_reaches_a_benchmark_that_lists_its_folder() -> None:
    """Plug-ins are found by listing folders."""
    change = FileChange("plugins/new.py", None, "x = 1")
    assert reason(TRACE, TRACE, [change]) is None
    assert reason(TRACE, replace(TRACE, listed=frozenset({"plugins"})), [change]) is not None


def test_with_a_setup_a_file_that_no_benchmark_executes_may_run_there() -> None:
    """A generator of code runs in the setup and in no benchmark."""
    change = FileChange("tools/generate.py", "x = 1", "x = 2")
    assert reason(TRACE, TRACE, [change]) is None
    assert "setup" in (reason(TRACE, TRACE, [change], with_setup=True) or "")


@given(st.text(max_size=200))
def test_any_text_has_units_or_none(text: str) -> None:
    """Source is foreign text; what is no Python has no units."""
    units = units_of(text)
    assert units is None or "<module>" in units.trees
