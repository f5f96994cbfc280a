"""The measurer's command line, parsed and written."""

from __future__ import annotations

from pathlib import Path

import pytest

from regress_action.measure.errors import MeasureUsageError
from regress_action.measure.options import measurer_argv, parse, source_root


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--out m", "no command"),
        ("--out m --", "no command"),
        ("-- true", "--out"),
        ("--out m --nonsense -- true", "--nonsense"),
        ("--out m --pairs 3 -- true", "--pairs needs --base"),
        ("--out m --base x --runs 3 -- true", "--runs is for one side"),
        ("--out m --carry bench -- true", "--carry needs --base"),
        ("--out m --runs 0 -- true", "0 is below 1"),
        ("--out m --runs many -- true", "not a whole number"),
        ("--out m --timeout -1 -- true", "not a positive"),
        ("--out m --timeout nan -- true", "not a positive"),
        ("--out m --budget-minutes inf -- true", "not a positive"),
        ("--out m --cpus 0;1 -- true", "list of numbers"),
        ("--out m --select-style java -- true", "invalid choice"),
    ],
)
def test_wrong_option_is_named_in_the_error(line: str, words: str) -> None:
    """Every mistake ends in one sentence that holds the mistake."""
    with pytest.raises(MeasureUsageError, match=words):
        parse(line.split())


def test_command_begins_after_the_first_double_dash() -> None:
    """What follows is the suite's, options and further dashes included."""
    assert parse(["--out", "m", "--", "pytest", "--out", "x", "--", "y"]).command == ("pytest", "--out", "x", "--", "y")


def test_measurer_argv_is_parsed_into_the_same_options() -> None:
    """The keywords of `measurer_argv` are what `parse` returns, values with leading dashes included."""
    argv = measurer_argv(
        ["pytest", "-x"],
        out=Path("m"),
        base="main",
        budget_minutes=1.5,
        carry=["bench", "data"],
        select=["-a"],
        clean_env=True,
        env_pass=["HF_TOKEN"],
        show_output=False,
        setup=None,
        timeout=3,
        cpus="0,1",
    )
    options = parse(argv[3:])
    assert (options.command, options.out, options.base, options.budget_s) == (("pytest", "-x"), Path("m"), "main", 90)
    assert (options.carry, options.select, options.clean_env) == (("bench", "data"), ("-a",), True)
    assert (options.show_output, options.setup, options.timeout_s, options.cpus) == (False, None, 3, (0, 1))
    assert argv[1:3] == ["-m", "regress_action.measure"]


def test_source_root_contains_the_package() -> None:
    """The folder for PYTHONPATH is the one that has the package in it."""
    assert (source_root() / "regress_action" / "measure" / "__main__.py").is_file()
