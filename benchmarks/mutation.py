"""Break the judge in small ways and count how many of them its tests notice.

    python benchmarks/mutation.py [--modules designs decision …] [--sample 200] [--seed 1] [--json]

Each mutant changes one operator, constant or choice of one module of `regress_action.judge` and lives in a forked
process that has only its test run to prove it wrong. A mutant that no test notices has survived; some survivors are
equivalent (a guess that Newton's method polishes anyway), the others are holes in the tests. POSIX only.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
JUDGE = ROOT / "src/regress_action/judge"
TESTS = ROOT / "tests/unit/judge"
COMPARING = [
    "arrays",
    "assembly",
    "baseline",
    "budgeting",
    "comparison",
    "confirmation",
    "decision",
    "designs",
    "evidence",
    "grading",
    "limits",
    "machine",
    "moderation",
    "multiplicity",
    "neighbours",
    "plan",
    "sampling",
    "scale",
    "student",
    "suite",
    "weighing",
    "wording",
]
"""The modules behind `compare`, `look` and `confirm`."""

LONGEST_S = 120
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
RENAMED = {"fmax": "fmin", "fmin": "fmax", "maximum": "minimum", "minimum": "maximum", "min": "max", "max": "min"} | {
    "any": "all",
    "all": "any",
}


@dataclass(frozen=True)
class Mutant:
    """One change: where, and what became what."""

    module: str
    line: int
    change: str
    source: str


def main() -> int:
    """Print the score and the survivors; return 0 whatever it is, 1 when nothing could be measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modules", nargs="+", default=COMPARING)
    parser.add_argument("--sample", type=int, default=200, help="mutants to try, drawn evenly; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    every = [mutant for module in options.modules for mutant in mutants(module)]
    chosen = random.Random(options.seed).sample(every, min(options.sample or len(every), len(every)))  # noqa: S311 - a draw
    _warm_up()
    if noticed(Mutant("plan", 0, "nothing", (JUDGE / "plan.py").read_text())):
        print("The tests fail without any mutation, so they can prove nothing.", file=sys.stderr)
        return 1
    survivors = []
    for number, mutant in enumerate(chosen, 1):
        started = time.monotonic()
        killed = noticed(mutant)
        if not killed:
            survivors.append(mutant)
        state = "killed" if killed else "SURVIVED"
        took = time.monotonic() - started
        print(
            f"{number}/{len(chosen)} {state} {mutant.module}.py:{mutant.line} {mutant.change} ({took:.0f} s)",
            file=sys.stderr,
        )
    _report(len(every), len(chosen), survivors, as_json=options.json)
    return 0


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    tree = ast.parse((JUDGE / f"{module}.py").read_text())
    for index, node in enumerate(_mutable(tree)):
        for variant, change in enumerate(_changes(node)):
            mutated = copy.deepcopy(tree)
            target = list(_mutable(mutated))[index]
            list(_changes(target))[variant][1]()
            yield Mutant(module, node.lineno, change[0], ast.unparse(mutated))


def noticed(mutant: Mutant) -> bool:
    """Run the judge's tests in a child in which the module is replaced, and say whether they fail."""
    child = os.fork()
    if child == 0:
        signal.alarm(LONGEST_S)
        os._exit(_child(mutant))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) != 0


def _child(mutant: Mutant) -> int:
    import pytest

    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    sys.meta_path.insert(0, _Replaced(mutant))
    tests = sorted(map(str, TESTS.glob("test_judge_*.py")), key=lambda path: ("calibration" in path, path))
    quiet = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "-o", "filterwarnings=default"]  # imported before pytest was
    return int(pytest.main([*quiet, *tests]))


class _Replaced(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Give the mutated source for one module."""

    def __init__(self, mutant: Mutant) -> None:
        self._name, self._source = f"regress_action.judge.{mutant.module}", mutant.source

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:  # noqa: ANN401, ARG002 - importlib's own
        """Answer for the one module only."""
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: Any) -> None:  # noqa: ANN401 - importlib's own
        """Run the mutated source as the module."""
        exec(compile(self._source, self._name, "exec"), module.__dict__)  # noqa: S102 - that is the point


def _mutable(tree: ast.AST) -> Iterator[Any]:
    """Walk what is executed: no annotations, no decorators, no type-checking imports, no texts of errors."""
    for node in _parts(tree):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            continue
        if hasattr(node, "lineno"):
            yield node
        yield from _mutable(node)


def _parts(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.ClassDef):
        return list(node.body)
    if isinstance(node, ast.FunctionDef):
        return [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value is not None else []
    return list(ast.iter_child_nodes(node))


def _changes(node: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any node, one case each
    """Yield what can be done to a node, as a description and an action."""
    match node:
        case ast.Compare(ops=[op, *_]) if type(op) in SWAPPED:
            yield _swap(op), lambda: node.ops.__setitem__(0, SWAPPED[type(op)]())
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in SWAPPED:
            if (
                not isinstance(node, ast.BinOp)
                or not isinstance(node.left, ast.Constant | ast.JoinedStr)
                or isinstance(getattr(node.left, "value", 0), int | float)
            ):
                yield _swap(op), lambda: setattr(node, "op", SWAPPED[type(op)]())
        case ast.UnaryOp(op=ast.Invert() | ast.Not()):
            yield "negation dropped", lambda: setattr(node, "op", ast.UAdd()) or _unwrap(node)
        case ast.Constant(value=bool(value)):
            yield f"{value} → {not value}", lambda: setattr(node, "value", not value)
        case ast.Constant(value=int(value)):
            yield f"{value} → {value + 1}", lambda: setattr(node, "value", value + 1)
        case ast.Constant(value=float(value)) if value:
            yield f"{value} → {value * 1.5:g}", lambda: setattr(node, "value", value * 1.5)
        case ast.Attribute(attr=name) if name in RENAMED:
            yield f"{name} → {RENAMED[name]}", lambda: setattr(node, "attr", RENAMED[name])
        case ast.Call(func=ast.Name(id=name)) if name in RENAMED:
            yield f"{name} → {RENAMED[name]}", lambda: setattr(node.func, "id", RENAMED[name])


def _swap(op: ast.AST) -> str:
    return f"{type(op).__name__} → {SWAPPED[type(op)].__name__}"


def _unwrap(node: ast.UnaryOp) -> None:
    """Make `~x` or `not x` into `x or x`, which works for arrays and truth values alike."""
    operand = node.operand
    node.__class__ = ast.Subscript  # type: ignore[assignment]
    node.value = ast.Tuple([operand], ast.Load())  # type: ignore[attr-defined]
    node.slice = ast.Constant(0)  # type: ignore[attr-defined]
    node.ctx = ast.Load()  # type: ignore[attr-defined]


def _warm_up() -> None:
    """Import what every child would import again."""
    sys.path[:0] = [str(ROOT / "src"), str(TESTS)]
    os.chdir(ROOT)
    for name in ("numpy", "scipy.stats", "hypothesis", "hypothesis.extra.numpy", "pytest"):
        importlib.import_module(name)


def _report(every: int, tried: int, survivors: list[Mutant], *, as_json: bool) -> None:
    score = 100 * (tried - len(survivors)) / tried
    if as_json:
        found = [{key: value for key, value in asdict(one).items() if key != "source"} for one in survivors]
        print(json.dumps({"mutants": every, "tried": tried, "score": score, "survivors": found}, indent=1))
        return
    print(f"{tried} of {every} mutants tried, {tried - len(survivors)} noticed: {score:.1f} %")
    for one in survivors:
        print(f"  survived: {one.module}.py:{one.line} {one.change}")


if __name__ == "__main__":
    sys.exit(main())
