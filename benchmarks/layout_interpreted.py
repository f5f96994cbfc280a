"""Inert edits of small Python programs: how far they lie apart beyond the noise of their pairs.

An inert edit changes no executed statement: functions and imports in another order, functions and constants that nobody
uses, other names of locals, longer docstrings. Base and head are two such edits of one program, measured in pairs of
fresh processes: as Python starts by itself, with places that each process draws for what it allocates, and as the
measurer starts a pair, of which both sides get the same draw and fixed addresses. A third side is the base's source in
another folder, which shows what the same comparison says where there is nothing to find.
"""

from __future__ import annotations

import ast
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize, special

from regress_action import analysis
from regress_action.measure import python_start
from regress_action.measure.suite_environment import layout_of_pair, layout_variables
from regress_action.model.comparisons import Verdict
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAMS = sorted((Path(__file__).parent / "interpreted_programs").glob("*.py"))
SIDES = ("base", "copy", "head")
ALONE, OWN, COMMON = STARTS = ("as Python starts", "each process draws its own layout", "as the measurer starts a pair")
_HOOK = str(Path(python_start.__file__).parent)
_MODULE = "program"
_JUDGED = 10  # pairs, as many as are measured by default
_ROUNDS = """
import statistics, sys, time
sys.path.insert(0, sys.argv[1])
import program
used = []
for _ in range(3):
    start = time.process_time()
    program.work()
    used.append(time.process_time() - start)
print(statistics.median(used))
"""


class Spread(NamedTuple):
    """A standard deviation of log ratios between edits, with its interval of 95 %, and that of a single pair."""

    estimate: float
    low: float
    high: float
    of_pairs: float


class Row(NamedTuple):
    """The CPU seconds of every side of an edit of a program, pair by pair."""

    program: str
    start: str
    seconds: dict[str, list[float]]


def report(edits: int, pairs: int, seed: int, starts: int = len(STARTS)) -> int:
    """Print how far edits lie apart with the last `starts` ways to start, and what the judge says; return 0."""
    rows = list(measured(edits, pairs, seed, STARTS[-starts:]))
    for start in STARTS[-starts:]:
        print(f"\n{start}: {table([row for row in rows if row.start == start])}")
    return 0


def table(rows: Sequence[Row]) -> str:
    """Return the spread of all programs and of each, and how many edits ten of their pairs prove a change of."""
    pairs = len(rows[0].seconds["base"])
    lines = [
        f"{len(rows)} comparisons of two inert edits of {len(PROGRAMS)} Python programs, {pairs} pairs",
        f"{'spread between edits, %':26}{'same source':>22}{'edited':>22}{'one pair':>10}",
    ]
    for name in ("all", *(program.stem for program in PROGRAMS)):
        if chosen := [row.seconds for row in rows if name in ("all", row.program)]:
            same, other = spread(chosen, "copy"), spread(chosen, "head")
            lines.append(f"{name:26}{_cell(same):>22}{_cell(other):>22}{100 * other.of_pairs:10.1f}")
    for verdict in (Verdict.REGRESSION, Verdict.IMPROVEMENT):
        counts = [sum(_judged(row, side) is verdict for row in rows) for side in SIDES[1:]]
        lines.append(f"{verdict + f', {_JUDGED} pairs':26}{counts[0]:>22}{counts[1]:>22}")
    return "\n".join(lines)


def _judged(row: Row, side: str) -> Verdict:
    """Return the verdict on a side against the base, from the first ten pairs."""
    sides = (
        Report(
            (Series(Benchmark(row.program), Metric("cpu_time", "s"), tuple(row.seconds[of][:_JUDGED])),),
            tuple(Run(session="s", pair=pair) for pair in range(len(row.seconds[of][:_JUDGED]))),
            commit=of,
        )
        for of in ("base", side)
    )
    return analysis.compare([next(sides)], [next(sides)]).comparisons[0].verdict


def _cell(of: Spread) -> str:
    return f"{100 * of.estimate:.2f} ({100 * of.low:.2f} to {100 * of.high:.2f})"


def measured(edits: int, pairs: int, seed: int, starts: Sequence[str]) -> Iterator[Row]:
    """Yield a row for each edit and each start, measured in turn."""
    with tempfile.TemporaryDirectory() as folder:
        for edit in range(edits):
            shuffle = random.Random(seed * 10_000 + edit)  # noqa: S311 - reproducible edits
            program = PROGRAMS[edit % len(PROGRAMS)]
            base, head = (edited(program.read_text(), shuffle) for _ in range(2))
            if _bytecode(base) != _bytecode(head):
                raise ValueError(f"Edit {edit} of {program.stem} is not inert.")
            places = {side: Path(folder) / f"{side}-{edit}" for side in SIDES}
            for side, source in zip(SIDES, (base, base, head), strict=True):
                places[side].mkdir()
                (places[side] / f"{_MODULE}.py").write_text(source)
                _seconds(places[side], "")  # leaves the compiled module behind
            rows = [Row(program.stem, start, {side: [] for side in SIDES}) for start in starts]
            for pair in range(pairs):
                order = SIDES if pair % 2 == 0 else SIDES[::-1]
                for row in rows:
                    layout = layout_of_pair(f"{seed} {edit}", pair) if row.start is COMMON else None
                    for side in order:
                        row.seconds[side].append(_seconds(places[side], "" if row.start is ALONE else _HOOK, layout))
            yield from rows


def _bytecode(source: str) -> list[tuple[str, bytes]]:
    """Return the name and the instructions of every function that is used, sorted."""
    found = []
    waiting = [compile(source, _MODULE, "exec")]
    while waiting:
        codes = [constant for constant in waiting.pop().co_consts if isinstance(constant, CodeType)]
        used = [code for code in codes if not code.co_name.startswith("unused")]
        found += [(code.co_qualname, code.co_code) for code in used]
        waiting += used
    return sorted(found)


def _seconds(folder: Path, start: str, layout: int | None = None) -> float:
    """Return the median CPU time of three rounds in a fresh process, with the folder `start` on its PYTHONPATH.

    With a `layout` it is that of the pair, at fixed addresses.
    """
    words = [sys.executable, "-c", _ROUNDS, str(folder)]
    variables = {**os.environ, "PYTHONPATH": start}
    if layout is not None:
        words = ["setarch", "-R", *words]
        variables |= layout_variables(layout, variables, fixed_addresses=True)
    return float(subprocess.run(words, check=True, capture_output=True, text=True, env=variables).stdout)


def edited(source: str, shuffle: random.Random) -> str:
    """Return a program that executes the same statements of functions, but is written otherwise."""
    tree = ast.parse(source)
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    before = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    imports = [node for node in before if isinstance(node, ast.Import | ast.ImportFrom)]
    others = [node for node in before if node not in imports and not _is_text(node)]
    for function in defined:
        _rename_locals(function, shuffle)
        if shuffle.random() < 0.5:  # noqa: PLR2004 - a half
            function.body[0] = ast.parse(f'"""{_prose(shuffle)}"""').body[0]
    functions: list[ast.stmt] = [*defined]
    functions += [_unused_function(shuffle) for _ in range(shuffle.randint(1, 6))]
    shuffle.shuffle(functions)
    shuffle.shuffle(imports)
    constants = [
        ast.parse(f"UNUSED_{shuffle.randrange(10**6)} = {_prose(shuffle)!r}").body[0]
        for _ in range(shuffle.randint(0, 6))
    ]
    later = [node for node in functions if shuffle.random() < 0.5]  # noqa: PLR2004 - a half
    first = [node for node in functions if node not in later]
    body = [ast.parse(f'"""{_prose(shuffle)}"""').body[0], *imports, *others, *first, *constants, *later]
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, []))) + "\n"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _prose(shuffle: random.Random) -> str:
    return " ".join(
        shuffle.choice(("value", "of", "every", "part", "that", "holds")) for _ in range(shuffle.randint(3, 60))
    )


def _unused_function(shuffle: random.Random) -> ast.stmt:
    number = shuffle.randrange(10**6)
    lines = [f"    total += value * {shuffle.randrange(100)}" for _ in range(shuffle.randint(1, 20))]
    return ast.parse("\n".join([f"def unused_{number}(value):", "    total = 0", *lines, "    return total"])).body[0]


def _rename_locals(function: ast.FunctionDef, shuffle: random.Random) -> None:
    """Give what a function assigns other names; its parameters keep theirs."""
    assigned = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    names = {name: f"{name}_{shuffle.randrange(1000)}" for name in sorted(assigned) if shuffle.random() < 0.5}  # noqa: PLR2004 - a half
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)


def spread(rows: Sequence[dict[str, list[float]]], side: str) -> Spread:
    """Return the spread between edits of `side` against the base: a random-effects model whose mean is no change.

    The interval is the profile of Q (Viechtbauer, Stat. Med. 26 (2007) 37-52); the estimate is where Q equals its
    expectation (Paule and Mandel, J. Res. NBS 87 (1982) 377-385).
    """
    logs = np.array([np.log(np.array(row[side]) / np.array(row["base"])) for row in rows])
    edits, pairs = logs.shape
    means, variances = logs.mean(axis=1), logs.var(axis=1, ddof=1) / pairs
    shrinkage = (pairs - 3) / (pairs - 1)  # E[1/s²] is larger than 1/σ² by this

    def beyond(target: float) -> float:
        def excess(variance: float) -> float:
            return float((shrinkage * means**2 / (variances + variance)).sum() - target)

        return 0.0 if excess(0.0) <= 0 else float(optimize.brentq(excess, 0.0, 1.0) ** 0.5)

    low, high = (float(special.chdtri(edits, share)) for share in (0.025, 0.975))
    of_pairs = statistics.median(float(row.std(ddof=1)) for row in logs)
    return Spread(beyond(edits), beyond(low), beyond(high), of_pairs)
