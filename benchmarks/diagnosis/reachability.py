"""Random mutations of examples/services: does a benchmark that counts as not reached ever execute one?

Each mutation writes a mark when it is executed: a statement in a random body, or around a random expression, those in
defaults, decorators, lambdas and comprehensions included. The benchmarks that count as not reached run in the mutated
tree; a mark is a wrong answer. They are judged by the trace of the base alone, so at least as many are checked as
`run --affected` would leave out.
"""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from diagnosis.figures import Figure

from regress_action.action.affected import _trace
from regress_action.advice.reachability import BenchmarkTrace, FileChange, reason

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "examples/services"
DRIVER = ROOT / "src/regress_action/measure/tracing/driver.py"
COMMAND = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-disable", "benchmarks"]
MARK = '__import__("os").close(__import__("os").open(__import__("os").environ["MUTATION_MARK"], 65, 384))'
"""Creates the file that the variable names, with no code of the repository but the place where it stands."""


def figures(*, quick: bool) -> list[Figure]:
    """Return how many answers were wrong, and how much is left out."""
    count = 20 if quick else 500
    with tempfile.TemporaryDirectory(prefix="reachability-") as folder:
        tree = Path(folder) / "services"
        shutil.copytree(SERVICES, tree, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
        traces = trace(tree)
        wrong = checked = 0
        for seed in range(count):
            path, before, after = mutation(tree, seed)
            change = FileChange(path, before, after)
            left_out = [name for name, seen in traces.items() if reason(seen, seen, [change]) is None]
            checked += len(left_out)
            if left_out and executes(tree, path, after, left_out):
                wrong += 1
                print(f"    mutation {seed} of {path} is executed by one of {left_out}")
            (tree / path).write_text(before)
    share = 100 * checked / (count * len(traces))
    print(f"    {count} mutations × {len(traces)} benchmarks: {checked} counted as not reached ({share:.0f} %)")
    return [
        Figure("mutations that a benchmark left out executes", wrong, ceiling=0),
        Figure("benchmarks left out for a random mutation, in %", share, floor=20, unit=" %"),
    ]


def trace(tree: Path, command: list[str] = COMMAND) -> dict[str, BenchmarkTrace]:
    """Return what every benchmark of the command executes in the tree."""
    out = tree.parent / "traces.json"
    words = json.dumps(command).encode().hex()
    subprocess.run([sys.executable, "-I", DRIVER, out, words], cwd=tree, check=True, stderr=subprocess.DEVNULL)
    traces = {name: _trace(content) for name, content in json.loads(out.read_text())["benchmarks"].items()}
    return {name: seen for name, seen in traces.items() if seen is not None}


def mutation(tree: Path, seed: int) -> tuple[str, str, str]:
    """Return a file of the tree and its text before and after a mutation that marks its execution."""
    chance = random.Random(seed)  # noqa: S311 - no secrets
    path = chance.choice(sorted([*tree.glob("services/[a-z]*.py"), *tree.glob("benchmarks/*.py")]))
    before = path.read_text()
    module = ast.parse(before)
    if chance.random() < 0.5:  # noqa: PLR2004 - one half each
        blocks = [node for node in ast.walk(module) if isinstance(getattr(node, "body", None), list)]
        body: list[ast.stmt] = getattr(chance.choice(blocks), "body")  # noqa: B009 - many kinds of nodes have one
        # A docstring and imports from __future__ have to stay first.
        is_future = [isinstance(part, ast.ImportFrom) and part.module == "__future__" for part in body]
        first = max((at + 1 for at, future in enumerate(is_future) if future), default=int(_is_docstring(body[0])))
        body.insert(chance.randint(first, len(body)), ast.parse(MARK).body[0])
    else:
        _Marking(chance, module).visit(module)
    return str(path.relative_to(tree)), before, ast.unparse(ast.fix_missing_locations(module))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class _Marking(ast.NodeTransformer):
    """Puts the mark around one expression that is chosen by chance, `(mark, expression)[1]`."""

    def __init__(self, chance: random.Random, module: ast.Module) -> None:
        nodes = list(ast.walk(module))
        fixed = [node for node in nodes if isinstance(node, ast.JoinedStr | ast.pattern) or _is_docstring(node)]
        left = {id(part) for node in fixed for part in ast.walk(node)}
        kinds = ast.Call | ast.Attribute | ast.Constant | ast.BinOp
        fitting = [node for node in nodes if isinstance(node, kinds) and id(node) not in left]
        self.chosen = chance.choice(
            [node for node in fitting if isinstance(getattr(node, "ctx", ast.Load()), ast.Load)]
        )

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Replace the chosen node, and go on below every other."""
        if node is self.chosen:
            marked = ast.Tuple([ast.parse(MARK, mode="eval").body, self.chosen], ast.Load())
            return ast.Subscript(marked, ast.Constant(1), ast.Load())
        return super().generic_visit(node)


def executes(tree: Path, path: str, after: str, names: list[str]) -> bool:
    """Whether one of the benchmarks executes the mutation."""
    mark = tree.parent / "mark"
    mark.unlink(missing_ok=True)
    (tree / path).write_text(after)
    subprocess.run(
        [*COMMAND[:-1], *names],
        cwd=tree,
        env={**os.environ, "MUTATION_MARK": str(mark), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
    )
    return mark.exists()
