"""From the caller's words to an argument vector."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.measure.suite_command import SuiteCommand, fill_in, shell

HERE = Path()
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)


def test_empty_selection_adds_no_argument() -> None:
    """An empty selection leaves no empty word behind."""
    assert SuiteCommand(("go", "test", "{select}", "./...")).argv(Path("o"), [], HERE) == ["go", "test", "./..."]


def test_single_word_is_run_by_the_shell() -> None:
    """Everything filled into a line is quoted, other braces are the shell's."""
    argv = SuiteCommand(("run {out} {select} {a,b}",)).argv(Path("/a b/o"), ["it's"], HERE)
    assert argv[-2:] == ["-c", """run '/a b/o' 'it'"'"'s' {a,b}"""]


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_several_words_are_passed_unchanged(names: list[str]) -> None:
    """No shell expands them."""
    argv = SuiteCommand(("program", "{out}", "{select}")).argv(Path("$o"), names, HERE)
    assert argv == ["program", "$o", *names]


@pytest.mark.parametrize(("text", "promises"), [("x {out}", True), ('x "$REGRESS_OUT"', True), ("x", False)])
def test_command_with_out_promises_a_result_file(text: str, promises: bool) -> None:
    """Only for a command that was given the path a missing result is a failure."""
    assert SuiteCommand((text,)).promises_result is promises


@pytest.mark.parametrize(
    "line",
    [
        "printf %s {out}",
        'printf %s "{out}"',
        "printf %s '{out}'",
        'printf %s "$(printf %s {out})"',
        "printf %s \"$(printf %s '{out}')\"",
        'printf %s \\"{out} | tail -c +2',
        "bash -c 'printf %s \"$1\"' x {out}",
    ],
)
@pytest.mark.parametrize("value", ["/a folder/o.json", '/it\'s/$HOME/`id`/"x"\\y'])
def test_placeholder_is_quoted_for_its_place(line: str, value: str) -> None:
    """Outside of quotes, inside single or double quotes, and in `$(…)`, the program gets exactly the value."""
    shown = subprocess.run([*shell(), fill_in(line, {"{out}": [value]})], capture_output=True, text=True, check=True)
    assert shown.stdout == value
