"""Python source as units: the module, and every class and function in it, each without the bodies of those inside.

A unit is what is executed together. Where two versions of a unit have equal syntax trees, executing it does the same;
the position of a function in its file and comments are no part of that.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass

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
