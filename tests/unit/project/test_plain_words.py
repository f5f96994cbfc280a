"""Names and prose use the nouns of the field: no metaphors, and one class name means one thing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from regress_action.cli import COMMANDS, root

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
CODE = [path for folder in ("src", "tests", "benchmarks", "examples", "docs") for path in (ROOT / folder).rglob("*.py")]
PAGES = [
    *(path for path in ROOT.glob("*.md")),
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "action.yml",
    *(ROOT / "bin").iterdir(),
]

METAPHORS = frozenset(
    re.findall(
        r"\w+",
        "house room floor door bell ear hand voice say told heard family bearer bearers errand book account patience "
        "canary sight picture stranger bomb ledger lasting lend lent",
    )
)
"""Words of which a reader has to guess what they stand for."""

VARIABLES = frozenset({"told", "found", "one", "each", "known", "lone", "whole"})
"""Names that do not say what a variable holds."""

ALLOWED = {
    "family": "multiple tests are corrected within a family of tests",
    "bomb": "a zip bomb is the term of the field",
    "account": "a user of GitHub has an account",
    "floor": "math.floor",
    "lasting": "an ordinary adjective in the names of tests",
    "hand": "started by hand",
}
"""Words that are terms of the field in this package, and of what."""

PROSE = re.compile(
    r"\b(?:(?:our|the) voice|house|errands?|bearers?|heard|ledgers?|canary|canaries|strangers?|laid at|told apart"
    r"|goes? off|patience|picture of the|anyone is told|lend(?:s|ing)?|lent|in sight)\b",
    re.IGNORECASE,
)
PROSE_ALLOWED = re.compile(r"zip bomb", re.IGNORECASE)


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every name that a module gives to something, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno


def words(name: str) -> set[str]:
    """Return the lower-case words of a name in snake or camel case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name)}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_name_is_a_metaphor(path: Path) -> None:
    """A name says what a thing is; in the package, a variable says what it holds."""
    if path == Path(__file__):
        return
    in_package = path.is_relative_to(ROOT / "src")
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for name, line in names(ast.parse(path.read_text(encoding="utf-8")))
        if ((words(name) & METAPHORS) - set(ALLOWED) and not name.startswith("test_"))
        or (name.startswith("test_") and words(name) & METAPHORS - set(ALLOWED) - {"say"})
        or (in_package and name.strip("_") in VARIABLES)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_speaks_in_metaphors(path: Path) -> None:
    """README, docs, the action and its scripts use literal words."""
    lines = path.read_text(encoding="utf-8").splitlines()
    wrong = [f"{path.name}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if PROSE.search(line)]
    assert [line for line in wrong if not PROSE_ALLOWED.search(line)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_docstring_or_comment_speaks_in_metaphors(path: Path) -> None:
    """Docstrings, comments and messages of the package use literal words."""
    lines = path.read_text(encoding="utf-8").splitlines()
    wrong = [f"{path.name}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if PROSE.search(line)]
    assert [line for line in wrong if not PROSE_ALLOWED.search(line)] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_is_plain(name: str) -> None:
    """No help page speaks in metaphors or prints the mark that keeps lines unwrapped."""
    command = root.get_command(click.Context(root), name)
    assert command is not None
    page = command.get_help(click.Context(command, info_name=name))
    assert not PROSE.search(page)
    assert "\\b" not in page
    assert "\b" not in page


def test_a_class_name_means_one_thing() -> None:
    """No two public classes of the package have one name."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
