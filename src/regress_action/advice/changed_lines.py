"""What a change changed: the hunks of `git diff --unified=0`, with their lines on both sides.

Also here: what the lines of a source file belong to: functions and statements of Python, bare lines of anything else.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_HUNK = re.compile(r"@@ -(\d{1,8})(?:,(\d{1,8}))? \+(\d{1,8})(?:,(\d{1,8}))? @@")
_MOST_HUNKS = 50_000
_LONGEST_LINE = 2_000
DIFF_OPTIONS = (
    *("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "--no-relative"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules"),
)
"""The options of `git diff` whose output `parse` reads."""

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
class Hunk:
    """Lines that were replaced: `removed` began at line `base_start`, `added` begins at `head_start`.

    Where nothing was added, `head_start` is the line before the place from which lines were removed.
    """

    base_start: int
    head_start: int
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    @property
    def base_lines(self) -> range:
        """The numbers of the removed lines."""
        return range(self.base_start, self.base_start + len(self.removed))

    @property
    def head_lines(self) -> range:
        """The numbers of the added lines."""
        return range(self.head_start, self.head_start + len(self.added))


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that differs; a path is empty on the side that does not have it."""

    base_path: str
    head_path: str
    hunks: tuple[Hunk, ...] = ()

    def line_of_head(self, line: int) -> int:
        """Return the number in the head of a line of the base; of one that was removed, that of what came instead."""
        shift = 0
        for hunk in self.hunks:
            if line in hunk.base_lines:
                place = min(line - hunk.base_start, max(0, len(hunk.added) - 1))
                return hunk.head_start + place
            if (hunk.base_lines.stop if hunk.removed else hunk.base_start + 1) > line:
                break
            shift += len(hunk.added) - len(hunk.removed)
        return line + shift


@dataclass(slots=True)
class _OpenFile:
    base_path: str = ""
    head_path: str = ""
    hunks: list[Hunk] = field(default_factory=list)


def parse(diff: str) -> tuple[ChangedFile, ...]:
    """Return the files of a diff that was made with `DIFF_OPTIONS`; what it says of binary files is left out."""
    files: list[_OpenFile] = []
    hunks, lines = 0, iter(diff.split("\n"))
    for line in lines:
        if line.startswith("diff --git "):
            files.append(_OpenFile())
        elif files and line.startswith("--- "):
            files[-1].base_path = _path(line[4:], "a/")
        elif files and line.startswith("+++ "):
            files[-1].head_path = _path(line[4:], "b/")
        elif files and (match := _HUNK.match(line)):
            hunks += 1
            if hunks > _MOST_HUNKS:
                break
            before, after = (int(match[2] or 1), int(match[4] or 1))
            body = [next(lines, "") for _ in range(before + after)]
            removed = tuple(text[1:_LONGEST_LINE] for text in body[:before])
            if body[before:] and body[before].startswith("\\"):  # "\ No newline at end of file" between both
                body = [*body[:before], *body[before + 1 :], next(lines, "")]
            added = tuple(text[1:_LONGEST_LINE] for text in body[before:])
            files[-1].hunks.append(Hunk(int(match[1]), int(match[3]), removed, added))
    return tuple(ChangedFile(file.base_path, file.head_path, tuple(file.hunks)) for file in files if file.hunks)


def _path(text: str, prefix: str) -> str:
    """Return the path in a line of a diff, empty for /dev/null; git quotes unusual names as C does."""
    text = text.rstrip("\t\r")
    if text.startswith('"') and text.endswith('"'):
        text = text[1:-1].encode("latin-1", "replace").decode("unicode_escape", "replace")
        text = text.encode("latin-1", "replace").decode("utf-8", "replace")
    return "" if text == "/dev/null" else text.removeprefix(prefix)


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
