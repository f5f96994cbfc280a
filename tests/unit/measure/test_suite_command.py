"""From the caller's words to an argument vector."""

from __future__ import annotations

import re

import pytest
from _pytest.mark.expression import Expression
from hypothesis import given
from hypothesis import strategies as st

from regress_action.measure.suite_command import STYLES, SuiteCommand

WORDS = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("style", "names", "expected"),
    [
        ("pytest", ["bench/t.py::TestX::test_a[1-b]", "test_b"], ["-k", "test_a[1-b] or test_b"]),
        ("pytest", ["t.py::test_a[x y]", "t.py::test_a[z,w]"], ["-k", "test_a"]),
        ("go", ["BenchmarkA/size=1-8", "BenchmarkA/size=2-8", "BenchmarkB-8"], ["-bench=^(BenchmarkA|BenchmarkB)$"]),
        ("regex", ["BM_a<int>/8", "b"], ["^(BM_a<int>/8|b)$"]),
        ("plain", ["a b", "c"], ["a b", "c"]),
    ],
)
def test_selection_is_written_in_the_style_of_the_test_runner(
    style: str, names: list[str], expected: list[str]
) -> None:
    """Each runner has its own way of naming benchmarks; where it cannot spell one, it gets more rather than fewer."""
    assert STYLES[style](names) == expected


@given(WORDS)
def test_regex_matches_what_was_selected(names: list[str]) -> None:
    """Whatever is in a name, the expression finds it and takes it literally."""
    (expression,) = STYLES["regex"](names)
    assert all(re.fullmatch(expression, name) for name in names)


@pytest.mark.parametrize("name", ["test_a[1-2]", "test_a[a.b/c]", "test-x", "test_a[x\\y]"])
def test_pytest_accepts_its_own_style(name: str) -> None:
    """What is given to -k is an expression that pytest can parse."""
    flag, expression = STYLES["pytest"]([name])
    assert flag == "-k"
    assert Expression.compile(expression).evaluate(lambda word, **_: word == name)


def test_empty_selection_adds_no_argument() -> None:
    """An empty selection leaves no empty word behind."""
    assert SuiteCommand(("go", "test", "{select}", "./...")).argv("o") == ["go", "test", "./..."]


def test_single_word_is_run_by_the_shell() -> None:
    """Everything filled into a line is quoted, other braces are the shell's."""
    argv = SuiteCommand(("run {out} {select} {a,b}",)).argv("/a b/o", ["it's"])
    assert argv[-2:] == ["-c", """run '/a b/o' 'it'"'"'s' {a,b}"""]


@given(WORDS)
def test_several_words_are_passed_unchanged(names: list[str]) -> None:
    """No shell expands them."""
    assert SuiteCommand(("program", "{out}", "{select}")).argv("$o", names) == ["program", "$o", *names]


@pytest.mark.parametrize(("text", "promises"), [("x {out}", True), ('x "$REGRESS_OUT"', True), ("x", False)])
def test_command_with_out_promises_a_result_file(text: str, promises: bool) -> None:
    """Only for a command that was given the path a missing result is a failure."""
    assert SuiteCommand((text,)).promises_result is promises
