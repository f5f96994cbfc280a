"""Which benchmarks a change can reach: by the code they execute before and after it; what is unknown can be reached.

* Whether a change can reach a benchmark: a reason why it may, or None where it cannot.
* Python source as units: the module, and every class and function in it, each without the bodies of those inside.

A change cannot reach a benchmark when, before and after it, the benchmark executes the same code of the repository and
none that the change touches. Everything that makes this uncertain is a reason: another kind of file, a process or
thread that was not followed, a file read as data, an import while it runs, a copy of the code elsewhere, a failure.

A unit is what is executed together. Where two versions of a unit have equal syntax trees, executing it does the same;
the position of a function in its file and comments are no part of that.
"""

from __future__ import annotations

import ast
import copy
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MODULE = "<module>"
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class SourceUnits:
    """The units of one file: their syntax trees as text by name, and the lines each one spans, outer before inner."""

    trees: dict[str, str]
    spans: tuple[tuple[int, int, str], ...]

    def unit_at(self, line: int) -> str:
        """Return the innermost unit that holds a line; a function's decorators belong to its span."""
        name = MODULE
        for start, end, unit in self.spans:
            if start <= line <= end:
                name = unit
        return name


def units_of(source: str) -> SourceUnits | None:
    """Return the units of a source text, None where it is no Python of this version."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    trees: dict[str, str] = {}
    spans: list[tuple[int, int, str]] = []
    try:
        _collect(tree, MODULE, trees, spans)
    except RecursionError:
        return None
    return SourceUnits(trees, tuple(spans))


def changed_units(before: SourceUnits, after: SourceUnits) -> frozenset[str]:
    """Return the names of the units that differ or that only one of two versions has."""
    names = before.trees.keys() | after.trees.keys()
    return frozenset(name for name in names if before.trees.get(name) != after.trees.get(name))


def _collect(node: ast.Module | _Scope, name: str, trees: dict[str, str], spans: list[tuple[int, int, str]]) -> None:
    """Add a unit and those inside it."""
    inner = _scopes_in(node)
    for scope in inner:
        qualified = scope.name if name == MODULE else f"{name}.{scope.name}"
        number = sum(unit == qualified or unit.startswith(f"{qualified}#") for _, _, unit in spans)
        unit = f"{qualified}#{number}" if number else qualified
        start = min([scope.lineno, *(decorator.lineno for decorator in scope.decorator_list)])
        spans.append((start, scope.end_lineno or scope.lineno, unit))
        _collect(scope, unit, trees, spans)
    trees[name] = ast.dump(_WithoutInnerBodies().visit_outer(copy.deepcopy(node)))


def _scopes_in(node: ast.AST) -> list[_Scope]:
    """Return the classes and functions directly inside a node, in the order of the text."""
    scopes: list[_Scope] = []
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        child = waiting.pop(0)
        if isinstance(child, _Scope):
            scopes.append(child)
        else:
            waiting[:0] = ast.iter_child_nodes(child)
    return scopes


class _WithoutInnerBodies(ast.NodeTransformer):
    """Replaces the bodies of classes and functions inside a unit; what their definition executes stays."""

    def visit_outer(self, node: ast.Module | _Scope) -> ast.AST:
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._without_body(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._without_body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._without_body(node)

    def _without_body(self, node: _Scope) -> ast.AST:
        node.body = [ast.Pass()]
        return node


_INERT = re.compile(
    r"(^|/)(docs?/|\.github/|\.gitlab/)|(^|/)\.git(ignore|attributes)$|\.(md|rst)$|(^|/)LICEN[CS]E", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class BenchmarkTrace:
    """What one benchmark executed at one commit, by paths from the top of the tree.

    `executed` has the first lines of code objects (0 for a module), `late` modules imported by a running function,
    `opened` files and `listed` folders read as data, `outside` files of code elsewhere, `doubts` sentences about what
    was not followed. `status` is pytest's.
    """

    executed: Mapping[str, frozenset[int]]
    late: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()
    status: int | None = 0
    elapsed_s: float = 0.0


@dataclass(frozen=True)
class FileChange:
    """A changed file with its text before and after; None where there is none, or it is no text."""

    path: str
    before: str | None
    after: str | None

    @property
    def is_python(self) -> bool:
        """Whether it is Python source."""
        return self.path.endswith(".py")

    @cached_property
    def units(self) -> tuple[SourceUnits, SourceUnits] | None:
        """The units before and after; None where a side is no Python of this version."""
        sides = [units_of(text or "") for text in (self.before, self.after)]
        return (sides[0], sides[1]) if sides[0] and sides[1] else None

    @cached_property
    def changed(self) -> frozenset[str] | None:
        """The names of the units that changed; None where that is not known."""
        if self.units is None:
            return None
        only_one = self.before is None or self.after is None
        names = changed_units(*self.units)
        return names | {"<module>"} if only_one else names


def reason(
    base: BenchmarkTrace | None, head: BenchmarkTrace | None, changes: Sequence[FileChange], *, with_setup: bool = False
) -> str | None:
    """Return why the change may reach a benchmark, None where it cannot.

    `with_setup` says that a setup ran before, which may execute any Python file that no benchmark executes.
    """
    if base is None or head is None:
        return "it was not traced on both sides"
    for trace in (base, head):
        if trace.doubts:
            return trace.doubts[0]
        if trace.status != 0:
            return "it did not pass while it was traced"
    for change in changes:
        if why := _reason_of_file(base, head, change, with_setup=with_setup):
            return why
    if _differs_elsewhere(base, head, {change.path: change for change in changes}):
        return "it executes other code from run to run"
    return None


def _reason_of_file(base: BenchmarkTrace, head: BenchmarkTrace, change: FileChange, *, with_setup: bool) -> str | None:
    if why := _read_as_data(base, head, change):
        return why
    if not change.is_python:
        return None if _INERT.search(change.path) else f"{change.path} is no Python source"
    if change.changed is None:
        return f"{change.path} cannot be parsed"
    return _execution(base, head, change, change.changed, with_setup=with_setup) if change.changed else None


def _read_as_data(base: BenchmarkTrace, head: BenchmarkTrace, change: FileChange) -> str | None:
    """Return why the content or the existence of a file may matter though it is not executed."""
    path, folder = change.path, change.path.rpartition("/")[0]
    if any(path in trace.opened for trace in (base, head)):
        return f"it reads {path}"
    if (change.before is None or change.after is None) and any(folder in trace.listed for trace in (base, head)):
        return f"it lists the folder of {path}"
    return None


def _execution(
    base: BenchmarkTrace, head: BenchmarkTrace, change: FileChange, changed: frozenset[str], *, with_setup: bool
) -> str | None:
    """Return why a benchmark may execute the changed units of a Python file."""
    path = change.path
    if any(path in trace.late for trace in (base, head)):
        return f"it imports {path} while it runs"
    if any(_is_copy(other, path) for trace in (base, head) for other in trace.outside):
        return f"it executes a copy of {path}"
    executed = _units(base, change, 0) | _units(head, change, 1)
    if hit := executed & changed:
        return f"it executes {min(hit)} in {path}"
    return f"{path} may run in the setup" if with_setup and not executed else None


def _units(trace: BenchmarkTrace, change: FileChange, side: int) -> frozenset[str]:
    """Return the units of a changed file that a benchmark executed."""
    lines = trace.executed.get(change.path, frozenset())
    assert change.units is not None  # noqa: S101 - asked before
    return frozenset(change.units[side].unit_at(line) for line in lines)


def _differs_elsewhere(base: BenchmarkTrace, head: BenchmarkTrace, changes: Mapping[str, FileChange]) -> bool:
    for path in base.executed.keys() | head.executed.keys():
        change = changes.get(path)
        if change is None or change.units is None:
            if base.executed.get(path) != head.executed.get(path):
                return True
        elif _units(base, change, 0) != _units(head, change, 1):
            return True
    return False


def _is_copy(other: str, path: str) -> bool:
    """Whether a file outside of the tree may be an installed copy of one in it, by the ends of their paths."""
    there, here = other.replace("\\", "/").split("/"), path.split("/")
    if there[-1] != here[-1]:
        return False
    if len(here) == 1 or len(there) == 1:
        return True
    return there[-2] in (here[-2], "site-packages", "dist-packages")
