"""What another code layout does to the verdict: inert edits of small C programs, compiled and measured in pairs.

    python benchmarks/layout.py [--edits 30] [--pairs 10] [--json OUT]

An inert edit changes no executed statement: it reorders the functions of `layout_programs/*.c`, and adds functions that
nothing calls. Base and head are then two builds of the same program whose functions lie elsewhere. Their CPU times go
through `analysis.compare`, once with what the measurer recognises about the program and once without. Beside them, the
same programs made slower by 30 %. Needs a C compiler.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from regress_action import analysis
from regress_action.measure.run_executor import holds_compiled_program
from regress_action.model.comparisons import Comparison, Severity, Verdict
from regress_action.model.measurements import COMPILED, Benchmark, Metric, Report, Run, Series

_TIME = Metric("cpu_time", "s")
_SLOWER = 1.3
_PROGRAMS = sorted((Path(__file__).parent / "layout_programs").glob("*.c"))
_FUNCTION = "// function\n"
_PADDING = """
static volatile unsigned long padding_{number}_state;
void padding_{number}(void) {{ for (unsigned long i = 0; i < {count}; i++) padding_{number}_state += i * {number}UL; }}
"""


def main() -> int:
    """Print how many comparisons of identical code are called slower, and how many of ×1.3; return 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edits", type=int, default=30, help="inert edits, spread over six programs")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        print("There is no C compiler here (Debian: apt-get install gcc).", file=sys.stderr)
        return 2
    rows: dict[str, list[tuple[Comparison, Comparison]]] = {"inert": [], "slower": []}
    with tempfile.TemporaryDirectory() as folder:
        for edit in range(options.edits):
            shuffle = random.Random(options.seed * 10_000 + edit)  # noqa: S311 - reproducible edits
            program = _PROGRAMS[edit % len(_PROGRAMS)]
            base = _built(compiler, program.read_text(), 1.0, Path(folder) / "base")
            for kind, factor in (("inert", 1.0), ("slower", _SLOWER)):
                head = _built(compiler, _edited(program.read_text(), shuffle), factor, Path(folder) / kind)
                rows[kind].append(_compared(program.stem, base, head, options.pairs))
    text = {kind: _counts(compared) for kind, compared in rows.items()}
    print(f"{options.edits} inert edits of {len(_PROGRAMS)} C programs, {options.pairs} pairs, {compiler} -O2")
    print(f"{'':34}{'slower':>8}{'alarming':>10}{'suspected':>11}{'largest ratio':>15}")
    for kind, title in (("inert", "identical code"), ("slower", f"×{_SLOWER}")):
        for form, counts in text[kind].items():
            cells = f"{counts['slower']:8}{counts['alarming']:10}{counts['suspected']:11}{counts['largest']:15.3f}"
            print(f"{title + ', ' + form:34}{cells}")
    if options.json:
        options.json.write_text(json.dumps(text, indent=1))
    return 0


def _edited(source: str, shuffle: random.Random) -> str:
    """Return the source with its functions in another order, and one to four more that nothing calls."""
    head, *functions = source.split(_FUNCTION)
    shuffle.shuffle(functions)
    for _ in range(shuffle.randint(1, 4)):
        padding = _PADDING.format(number=shuffle.randint(1, 10**6), count=shuffle.randint(3, 50))
        functions.insert(shuffle.randrange(len(functions) + 1), padding)
    return "".join([head, *functions])


def _built(compiler: str, source: str, factor: float, program: Path) -> Path:
    """Compile with -O2, for `factor` times as many repetitions, and return the program."""
    file = program.with_suffix(".c")
    file.write_text(source)
    subprocess.run([compiler, "-O2", f"-DFACTOR={factor}", "-o", program, file], check=True)
    return program


def _compared(name: str, base: Path, head: Path, pairs: int) -> tuple[Comparison, Comparison]:
    """Measure in pairs, the order turned in every other one; return the comparison without and with the mark."""
    seconds: dict[Path, list[float]] = {base: [], head: []}
    for pair in range(pairs):
        for program in (base, head) if pair % 2 == 0 else (head, base):
            _, _, used = os.wait4(os.posix_spawn(program, [str(program)], os.environ), 0)
            seconds[program].append(used.ru_utime + used.ru_stime)
    sides = [
        Report(
            (Series(Benchmark(name), _TIME, tuple(seconds[program])),),
            tuple(Run(session="s", pair=pair) for pair in range(pairs)),
            commit=program.name,
        )
        for program in (base, head)
    ]
    compiled = holds_compiled_program(head.parent, head.parent, (str(head),), ())
    marked = [replace(side, provenance=(COMPILED,) if compiled else ()) for side in sides]
    return tuple(analysis.compare([one], [other]).comparisons[0] for one, other in (sides, marked))  # type: ignore[return-value]


def _counts(compared: list[tuple[Comparison, Comparison]]) -> dict[str, dict[str, float]]:
    """Count the regressions that are proven, those of them that alarm, and those that are suspected only."""
    counts = {}
    for number, form in enumerate(("not marked", "marked as compiled")):
        rows = [pair[number] for pair in compared]
        worse = [row for row in rows if row.verdict is Verdict.REGRESSION]
        proven = [row for row in worse if row.confirmed is not False]
        counts[form] = {
            "comparisons": len(rows),
            "slower": len(proven),
            "alarming": sum(row.severity > Severity.SLIGHT for row in proven),
            "suspected": len(worse) - len(proven),
            "largest": max((row.ratio or 0.0 for row in rows), default=0.0),
        }
    return counts


if __name__ == "__main__":
    sys.exit(main())
