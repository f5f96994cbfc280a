"""Every small way in which a module can be broken: one operator, constant or choice changed at a time.

What is never executed or only ever read by people stays as it is: annotations, type-checking blocks, texts, errors
that are raised, and assertions about our own code (`strict=True`).
"""

from __future__ import annotations

import ast
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {"fmax": "fmin", "maximum": "minimum", "min": "max", "any": "all", "median": "mean", "argmin": "argmax"}
NAMES |= {other: name for name, other in NAMES.items()}


class _Function(NamedTuple):
    """The outermost function around a node, or the module itself."""

    name: str
    lines: range
    cached: bool = False


_Located = ast.stmt | ast.expr | ast.excepthandler | ast.arg | ast.keyword | ast.alias | ast.pattern


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a node hangs in the tree."""

    owner: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.index] = node


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module.

    `key` names it without line numbers, so that it survives edits elsewhere. `lines` are those of the function it is
    in; empty where the change acts when the module is imported, or its effect is remembered between calls.
    """

    key: str
    module: str
    line: int
    lines: range
    source: str


def of(path: Path) -> list[Mutant]:
    """Return every mutant of the module in this file."""
    tree = ast.parse(path.read_text())
    module, seen, found = path.stem, Counter[str](), []
    for slot, node, function, context in _sites(tree):
        before = ast.unparse(context)
        for replacement in _replacements(node):
            with _swapped(slot, node, replacement):
                source, after = ast.unparse(tree), ast.unparse(replacement if context is node else context)
            key = f"{module}.{function.name}: {before} → {after}"
            seen[key] += 1
            number = f" (number {seen[key]})" if seen[key] > 1 else ""
            lines = range(0) if function.cached else function.lines
            found.append(Mutant(key + number, module, node.lineno, lines, source))
    return found


@contextmanager
def _swapped(slot: _Slot, node: ast.AST, replacement: ast.AST) -> Iterator[None]:
    slot.put(replacement)
    try:
        yield
    finally:
        slot.put(node)


def _sites(tree: ast.Module) -> Iterator[tuple[_Slot, _Located, _Function, ast.AST]]:
    """Yield what may be changed: where it hangs, the node, its function, and the expression that shows it."""
    yield from _within(tree, _Function("", range(0)), tree)


def _within(
    node: ast.AST, function: _Function, context: ast.AST
) -> Iterator[tuple[_Slot, _Located, _Function, ast.AST]]:
    for slot, child in _children(node):
        if isinstance(child, ast.Raise | ast.Assert) or _is_for_types(child):
            continue
        inner = function
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not function.lines:
            name = f"{function.name}.{child.name}".lstrip(".")
            cached = any("cache" in ast.unparse(one) for one in child.decorator_list)
            lines = (
                range(child.lineno, (child.end_lineno or child.lineno) + 1)
                if isinstance(child, ast.FunctionDef)
                else range(0)
            )
            inner = _Function(name, lines, cached)
        own = child if isinstance(child, ast.expr) and not isinstance(child, ast.Constant | ast.Name) else context
        shown = own if isinstance(own, ast.expr) else child
        if isinstance(child, _Located):
            yield slot, child, inner, shown
        yield from _within(child, inner, own)


def _children(node: ast.AST) -> Iterator[tuple[_Slot, ast.AST]]:
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "ctx"} or (field == "slice" and _is_type(node)):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not (isinstance(child, ast.keyword) and child.arg == "strict"):
                yield _Slot(node, field, index), child


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _is_type(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and ast.unparse(node.value).startswith(("npt.", "Sequence", "Mapping"))


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    for replacement in (*_other_operators(node), *_other_values(node)):
        yield ast.fix_missing_locations(ast.copy_location(replacement, node))


def _other_operators(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for index, op in enumerate(ops):
                for other in (table[type(op)] for table in (BOUNDARY, NEGATED) if type(op) in table):
                    yield ast.Compare(left, [*ops[:index], other(), *ops[index + 1 :]], comparators)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS and not (
            _is_text(left) or _is_text(right)
        ):
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(op)](), value)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Invert() | ast.Not() | ast.USub(), operand=operand):
            yield operand


def _other_values(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 1.5 if value else 1.0)
        case ast.Attribute(value=value, attr=name, ctx=ctx) if name in NAMES:
            yield ast.Attribute(value, NAMES[name], ctx)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in NAMES:
            yield ast.Call(ast.Name(NAMES[name], ast.Load()), args, keywords)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
