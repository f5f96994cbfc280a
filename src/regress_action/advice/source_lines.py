"""What the lines of a source file belong to: functions and statements of Python, bare lines of anything else."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST_SOURCE = 2 * 2**20
_WORD = re.compile(r"[A-Za-z_]\w{2,60}")
_ASSIGNED = re.compile(r"""^\s*["']?([A-Za-z_][\w.-]{1,60})["']?\s*(?::[^=]*)?[:=]""")
_KEYWORDS = frozenset(
    re.split(
        r"\s+",
        """and as assert async await break class continue def del elif else except finally for from global import in is
        lambda nonlocal not or pass raise return try while with yield None True False self cls int str float bool list
        dict set tuple len range print the this var let const function func package public private static void new""",
    )
)
_COMPOUND = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith)
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class SourceFunction:
    """A function of a file: its qualified name, and the lines where it, `def` and its body begin, and its last."""

    name: str
    first: int
    definition: int
    body: int
    last: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of one side; `statements` gives for a line the first and last line of what is executed with it."""

    path: str
    lines: tuple[str, ...] = ()
    functions: tuple[SourceFunction, ...] = ()
    statements: dict[int, tuple[int, int]] = field(default_factory=dict)

    def function_at(self, line: int) -> SourceFunction | None:
        """Return the innermost function that a line belongs to."""
        inside = [function for function in self.functions if function.first <= line <= function.last]
        return max(inside, key=lambda function: function.first, default=None)

    def function(self, name: str) -> SourceFunction | None:
        """Return the function of a qualified name, or of its last part where a profile knows no more."""
        exact = next((function for function in self.functions if function.name == name), None)
        if exact is None and "." not in name:
            return next((function for function in self.functions if function.name.rpartition(".")[2] == name), None)
        return exact

    def executed_with(self, line: int) -> range:
        """Return the lines that are executed with a line: its statement, and the body where it is the head of one."""
        first, last = self.statements.get(line, (line, line))
        return range(first, last + 1)

    def text(self, line: int) -> str:
        """Return a line without its indentation, empty where there is none."""
        return self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""


def read_source(path: str, text: str | None) -> SourceFile:
    """Return what is known of a file; of one that is no Python, or damaged, only its lines."""
    if not text or len(text) > LARGEST_SOURCE:
        return SourceFile(path)
    lines = tuple(text.splitlines())
    if not path.endswith((".py", ".pyi", ".pyx")):
        return SourceFile(path, lines)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        functions = tuple(_functions(tree, ""))
        statements: dict[int, tuple[int, int]] = {}
        for node in ast.walk(tree):
            _note(node, statements)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return SourceFile(path, lines)
    return SourceFile(path, lines, functions, statements)


def is_code(line: str) -> bool:
    """Whether a line holds more than white space and a comment."""
    text = line.strip()
    return bool(text) and not text.startswith(("#", "//", "/*", "*", '"""', "'''", "--", ";"))


def changes_code(removed: Sequence[str], added: Sequence[str]) -> bool:
    """Whether lines that replace others differ in more than white space and comments."""
    before, after = ([_without_comment(line) for line in lines if is_code(line)] for lines in (removed, added))
    return before != after


def _without_comment(line: str) -> str:
    """Return a line without the comment at its end, unless a quote in it makes that uncertain."""
    code, _, comment = line.partition("  #")
    if {'"', "'"} & set(comment) or not code.strip():
        return line.strip()
    return code.strip()


def words(text: str) -> set[str]:
    """Return the names in a piece of source, without those that say nothing."""
    return set(_WORD.findall(text)) - _KEYWORDS


def assigned(line: str) -> str | None:
    """Return the name that a line gives a value: of a variable, or a key of a configuration."""
    match = _ASSIGNED.match(line)
    return match[1] if match and match[1] not in _KEYWORDS else None


def _functions(node: ast.AST, above: str) -> Iterator[SourceFunction]:
    """Yield the functions below a node with the names that `__qualname__` has."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _FUNCTION):
            name = above + child.name
            first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
            body = child.body[0].lineno
            yield SourceFunction(name, first, child.lineno, body, child.end_lineno or child.lineno)
            yield from _functions(child, f"{name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{above}{child.name}.")
        else:
            yield from _functions(child, above)


def _note(node: ast.AST, statements: dict[int, tuple[int, int]]) -> None:
    """Note the lines of a simple statement, and of the body for the head of a compound one; inner ones come later."""
    if not isinstance(node, ast.stmt) or isinstance(node, (*_FUNCTION, ast.ClassDef, ast.Try, ast.Match)):
        return
    last = node.end_lineno or node.lineno
    if isinstance(node, _COMPOUND):
        for line in range(node.lineno, max(node.lineno + 1, node.body[0].lineno)):
            statements[line] = (node.lineno, last)
    else:
        for line in range(node.lineno, last + 1):
            statements[line] = (node.lineno, last)
