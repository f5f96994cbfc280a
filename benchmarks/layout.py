"""What another code layout does to the verdict: inert edits of small C programs, compiled and measured in pairs.

    python benchmarks/layout.py [--edits 30] [--pairs 10] [--history N ...] [--json OUT]
    python benchmarks/layout.py --interpreted --edits 60 --pairs 30

An inert edit changes no executed statement: it reorders the functions of `layout_programs/*.c`, and adds functions that
nothing calls. Base and head are then two builds of the same program whose functions lie elsewhere. Their CPU times go
through `analysis.compare`, once with what the measurer recognises about the program and once without. Beside them, the
same programs made slower by 30 %. With `--history`, every comparison is also made with the bound that so many earlier
builds of the program teach, drawn for each from twice as many others, and those are compared with one another
(`--edits 0`: nothing else). Needs a C compiler. `--interpreted` is about Python programs: `layout_interpreted.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import layout_interpreted

from regress_action import analysis
from regress_action.measure.compiled_programs import holds_compiled_program
from regress_action.model.comparisons import Comparison, Severity, Verdict
from regress_action.model.measurements import COMPILED, Benchmark, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIME = Metric("cpu_time", "s")
_SLOWER = 1.3
_PROGRAMS = sorted((Path(__file__).parent / "layout_programs").glob("*.c"))
_FUNCTION = "// function\n"
_STORED_RUNS = 3
_DRAWS = 1000
_HERE = Environment(runner="local", os="linux", cpu="this one", cores=os.cpu_count() or 1)
_NOT_MARKED, _ASSUMED = "not marked", "assumed bound"
_PADDING = """
static volatile unsigned long padding_{number}_state;
void padding_{number}(void) {{ for (unsigned long i = 0; i < {count}; i++) padding_{number}_state += i * {number}UL; }}
"""


def main() -> int:
    """Print how many comparisons of identical code are called slower, and how many of ×1.3; return 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edits", type=int, default=30, help="inert edits, spread over six programs")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--history", type=int, nargs="*", default=[], metavar="N", help="stored builds")
    parser.add_argument("--interpreted", action="store_true", help="measure Python programs instead")
    parser.add_argument(
        "--starts", type=int, default=3, help="of Python programs: so many ways to start, the last first"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.interpreted:
        return layout_interpreted.report(options.edits, options.pairs, options.seed, options.starts)
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        print("There is no C compiler here (Debian: apt-get install gcc).", file=sys.stderr)
        return 2
    rows: dict[str, list[dict[str, Comparison]]] = {"inert": [], "slower": []}
    with tempfile.TemporaryDirectory() as folder:
        stored = _stored(compiler, Path(folder), options.seed, 2 * max(options.history, default=0))
        for edit in range(options.edits):
            shuffle = random.Random(options.seed * 10_000 + edit)  # noqa: S311 - reproducible edits
            program = _PROGRAMS[edit % len(_PROGRAMS)]
            histories = [shuffle.sample(stored, builds) for builds in options.history]
            base = _built(compiler, program.read_text(), 1.0, Path(folder) / "base")
            for kind, factor in (("inert", 1.0), ("slower", _SLOWER)):
                head = _built(compiler, _edited(program.read_text(), shuffle), factor, Path(folder) / kind)
                rows[kind].append(_compared(program.stem, base, head, options.pairs, histories))
    for builds in options.history:
        print(_among_stored(stored, builds, options.seed))
    if options.edits:
        text = {kind: _counts(compared) for kind, compared in rows.items()}
        print(f"{options.edits} inert edits of {len(_PROGRAMS)} C programs, {options.pairs} pairs, {compiler} -O2")
        _print(text, rows)
        if options.json:
            options.json.write_text(json.dumps(text, indent=1))
    return 0


def _print(text: dict[str, dict[str, dict[str, float]]], rows: dict[str, list[dict[str, Comparison]]]) -> None:
    print(f"{'':34}{'slower':>8}{'alarming':>10}{'suspected':>11}{'largest ratio':>15}")
    for kind, title in (("inert", "identical code"), ("slower", f"×{_SLOWER}")):
        for form, counts in text[kind].items():
            cells = f"{counts['slower']:8}{counts['alarming']:10}{counts['suspected']:11}{counts['largest']:15.3f}"
            print(f"{title + ', ' + form:34}{cells}")
    print(f"\n{'proven slower, of':34}{'':8}identical code / ×{_SLOWER}, by program")
    for name in (program.stem for program in _PROGRAMS):
        found = {kind: [row for row in rows[kind] if row[_ASSUMED].benchmark.name == name] for kind in rows}
        proven = [
            f"{form}: {_proven(found['inert'], form)} / {_proven(found['slower'], form)}" for form in text["inert"]
        ]
        print(f"{name:12}{len(found['inert']):4}   {'   '.join(proven)}")


def _stored(compiler: str, folder: Path, seed: int, number_of_builds: int) -> list[Report]:
    """Return one report for each build, with three runs of every program, all builds in turn."""
    shuffle = random.Random(seed)  # noqa: S311 - reproducible edits
    builds = [
        {
            program.stem: _built(
                compiler, _edited(program.read_text(), shuffle), 1.0, folder / f"{program.stem}-{number}"
            )
            for program in _PROGRAMS
        }
        for number in range(number_of_builds)
    ]
    seconds: list[dict[str, list[float]]] = [{name: [] for name in build} for build in builds]
    for _ in range(_STORED_RUNS):
        for number, build in enumerate(builds):
            for name, program in build.items():
                seconds[number][name].append(_seconds(program))
    return [
        Report(
            tuple(Series(Benchmark(name), _TIME, tuple(values)) for name, values in measured.items()),
            tuple(Run(session=f"stored-{number}") for _ in range(_STORED_RUNS)),
            commit=f"{number:040x}",
            environment=_HERE,
            provenance=(COMPILED,),
        )
        for number, measured in enumerate(seconds)
    ]


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


def _among_stored(stored: Sequence[Report], builds: int, seed: int) -> str:
    """Return how often two stored builds lie further apart than the bounds, and how often with ×1.3 between them.

    Both are drawn with the history that the bound is learned from, and compared by their medians alone.
    """
    shuffle = random.Random(seed)  # noqa: S311 - reproducible draws
    policy = analysis.Policy()
    beyond: dict[str, list[float]] = {program.stem: [0, 0, 0, 0] for program in _PROGRAMS}
    for _ in range(_DRAWS):
        base, head, *history = shuffle.sample(stored, builds + 2)
        bounds = analysis.layout_bounds(history, policy)
        for before, after in zip(base.series, head.series, strict=True):
            name = before.benchmark.name
            ratio = statistics.median(after.values) / statistics.median(before.values)
            learned = bounds[_HERE.fingerprint, name, _TIME.name].ratio
            held = (ratio, policy.layout_bound), (ratio, learned), (ratio * _SLOWER, policy.layout_bound)
            for place, (change, bound) in enumerate((*held, (ratio * _SLOWER, learned))):
                beyond[name][place] += change >= bound
    lines = [
        f"{_DRAWS} draws of two of {len(stored)} stored builds, with {builds} others as history; beyond the bound, %",
        f"{'':12}{'identical, assumed':>20}{'learned':>10}{f'×{_SLOWER}, assumed':>16}{'learned':>10}",
    ]
    beyond["all"] = [sum(column) / len(beyond) for column in zip(*beyond.values(), strict=True)]
    for name, counts in beyond.items():
        one, two, three, four = (100 * count / _DRAWS for count in counts)
        lines.append(f"{name:12}{one:20.2f}{two:10.2f}{three:16.1f}{four:10.1f}")
    return "\n".join(lines) + "\n"


def _seconds(program: Path) -> float:
    """Return the CPU time of one run."""
    _, _, used = os.wait4(os.posix_spawn(program, [str(program)], os.environ), 0)
    return used.ru_utime + used.ru_stime


def _compared(
    name: str, base: Path, head: Path, pairs: int, histories: Sequence[Sequence[Report]]
) -> dict[str, Comparison]:
    """Measure in pairs, the order turned in every other one; return the comparison by what is known of the program."""
    seconds: dict[Path, list[float]] = {base: [], head: []}
    for pair in range(pairs):
        for program in (base, head) if pair % 2 == 0 else (head, base):
            seconds[program].append(_seconds(program))
    sides = [
        Report(
            (Series(Benchmark(name), _TIME, tuple(seconds[program])),),
            tuple(Run(session="s", pair=pair) for pair in range(pairs)),
            commit=program.name,
            environment=_HERE,
        )
        for program in (base, head)
    ]
    compiled = holds_compiled_program(head.parent, head.parent, (str(head),), ())
    marked = [replace(side, provenance=(COMPILED,) if compiled else ()) for side in sides]
    known = {_NOT_MARKED: (sides, analysis.Policy()), _ASSUMED: (marked, analysis.Policy())}
    for builds in histories:
        policy = analysis.Policy()
        learned = replace(policy, layout=analysis.layout_bounds(builds, policy))
        known[f"{len(builds)} stored builds"] = (marked, learned)
    return {
        form: analysis.compare([before], [after], policy).comparisons[0]
        for form, ((before, after), policy) in known.items()
    }


def _is_proven(row: Comparison) -> bool:
    return row.verdict is Verdict.REGRESSION and row.confirmed is not False


def _proven(compared: Sequence[dict[str, Comparison]], form: str) -> int:
    return sum(_is_proven(rows[form]) for rows in compared)


def _counts(compared: list[dict[str, Comparison]]) -> dict[str, dict[str, float]]:
    """Count the regressions that are proven, those of them that alarm, and those that are suspected only."""
    counts = {}
    for form in compared[0]:
        rows = [of_edit[form] for of_edit in compared]
        proven = [row for row in rows if _is_proven(row)]
        counts[form] = {
            "comparisons": len(rows),
            "slower": len(proven),
            "alarming": sum(row.severity > Severity.SLIGHT for row in proven),
            "suspected": sum(row.verdict is Verdict.REGRESSION for row in rows) - len(proven),
            "largest": max((row.ratio or 0.0 for row in rows), default=0.0),
        }
    return counts


if __name__ == "__main__":
    sys.exit(main())
