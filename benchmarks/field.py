"""Run situations out of public bug reports and tell which come out right.

    python benchmarks/field.py FOLDER [--json] [--only F05] [--show]

FOLDER holds a folder per situation with a `run.sh` (which calls the program that `RA` names) and an `expected.txt` for
people. What has to stand in the output, and what must not, is written here per situation. Each runs in a copy.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_LONGEST_S = 120


@dataclass(frozen=True)
class Expected:
    """Patterns over the output with single spaces: all of `right` have to be found, none of `wrong` may be."""

    right: tuple[str, ...]
    wrong: tuple[str, ...] = ()


CASES = {
    "F01": Expected(
        (
            r"Regressions .*\(throughput_cols\).* 2\.0×",
            r"Improvements .*\(throughput\).* MiB/s",
            r"exit 0",
        ),
        (r"critical",),
    ),
    "F02": Expected(
        (
            r"Regressions .*\(ops/sec\) .*2\.0×",
            r"Regressions .*\(req/sec\) .*2\.0×",
            r"Regressions .*\(hits\) .*(2\.0×|\+100 %)",
            r"3 moderate regressions",
        ),
        (r"Improvements",),
    ),
    "F04": Expected((r"a\.B\.parse,,throughput,1/s,higher,1,100000\.0",), (r",lower,",)),
    "F05": Expected(
        (
            r"\./app run (is )?3\.0×",
            r"BM_sort is 3\.0×",
            r"bench_parse is 3\.0×",
            r"a\.bench\.ts > sort > same is 3\.0×",
            r"is the name of 2 benchmarks",
            r"bench_parse,,time,s,lower,1,1(\.0)?e-07.*bench_parse #2,,time,s,lower,1,1(\.0)?e-05",
        ),
        (r"3\.9 %",),
    ),
    "F06": Expected(
        (r"CPython 3\.13\.1\] .*2\.0×", r"CPython 3\.9\.1\] .*±0 %|1 benchmark unchanged"), (r"differ by 51 %",)
    ),
    "F07": Expected(
        (r"(whole suite|common|all).*7\.0", r"library_build_type|release.*debug|debug"),
        (r"0 of 20 comparisons could not be decided", r"suspects to be measured again: \(\)"),
    ),
    "F08": Expected((r"exit 0|benchmark-max-time",), (r"needs that much",)),
    "F10": Expected(
        (r"test_x is 2\.0× .*exit 0 .*test_x", r"rows_per_sec", r"rows_count"), (r"exit 2", r"edited by hand")
    ),
    "F12": Expected(
        (r"BenchmarkHit (is )?(2\.0×|100 % slower)", r"BenchmarkCopy (is )?(2\.9|3\.0)×", r"has no hit-ratio"),
        (r"No regression",),
    ),
    "F13": Expected((r"BenchmarkL .*(2\.0×|100 %)|BenchmarkL.*numbers were not found",), (r"No regression",)),
    "F14": Expected((r"exit 0", r"good runs: 1 of head"), (r"status 4", r"exit 3")),
    "F15": Expected(
        (r"3\.0× slower.*exit 1|submodules: false|submodule 'vendor/lib'",), (r"Run the same git command",)
    ),
    "F17": Expected(
        (r"test_x is .*2\.0×|test_x .*2\.0×", r"BenchmarkP .*(allocations|2\.0×)"), (r"no benchmark in common",)
    ),
    "F18": Expected((r"Imported 1 report", r"exit 0 .*parse .*exit 0"), (r"no known format",)),
    "F19": Expected(
        (
            r"(BenchmarkA .*exit 0|without -json).*(BM_a|-nan).*exit",
            r"decimal comma.*LC_ALL=C",
            r"--output-format bencher",
        ),
        (r"probably stopped", r"as JSON"),
    ),
    "F20": Expected((r"branches: \[trunk\]|--branch",), (r"branches: \[feature/x\]",)),
    "F21": Expected((r"fetch --unshallow|fetch-depth: 0",), (r"or add --fetch",)),
    "F22": Expected((r"BM_a .*exit 0", r"has no ratio"), (r"incomplete", r"exit 3")),
    "F23": Expected((r"lint src is 3\.0×", r"exit code 1"), (r"exit 3",)),
    "F25": Expected((r"plain: exit 0 .*head -1: exit 0 .*grep -q: exit 0",)),
}


@dataclass(frozen=True)
class Result:
    """What one situation gave: the patterns that were missing, and those that must not be there and were."""

    name: str
    missing: tuple[str, ...]
    unwanted: tuple[str, ...]
    output: str

    @property
    def is_right(self) -> bool:
        """Whether everything is as it should be."""
        return not self.missing and not self.unwanted


def run(folder: Path, program: str) -> Result:
    """Run the situation in `folder` with `program` and compare its output with what is expected."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in (folder.name, "lib"):
            shutil.copytree(
                folder.parent / name, Path(scratch, "field", name), ignore=shutil.ignore_patterns("before.txt", "hist")
            )
        _write_commands(Path(scratch, "field", "P03-hyperfine-parameters"))
        environment = os.environ | {"RA": program, "PY": sys.executable, "COLUMNS": "200"}
        done = subprocess.run(
            ["bash", str(Path(scratch, "field", folder.name, "run.sh"))],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
    output = " ".join(done.stdout.split())
    expected = CASES[folder.name[:3]]
    return Result(
        folder.name,
        tuple(pattern for pattern in expected.right if not re.search(pattern, output)),
        tuple(pattern for pattern in expected.wrong if re.search(pattern, output)),
        done.stdout,
    )


def _write_commands(folder: Path) -> None:
    """Write the five results of hyperfine that F25 compares, where the collection lacks them."""
    if folder.is_dir():
        return
    folder.mkdir()
    for run_number in range(5):
        times = [0.1 + 0.0001 * (run_number + position) for position in range(3)]
        results = [{"command": name, "mean": times[1], "median": times[1], "times": times} for name in ("a", "b")]
        (folder / f"b{run_number}.json").write_text(json.dumps({"results": results}))


def main() -> int:
    """Run every situation, print a table, and return 1 where one came out wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="beginning of the name of a situation")
    parser.add_argument("--json", action="store_true", help="print one object for machines")
    parser.add_argument("--show", action="store_true", help="print the output of what came out wrong")
    arguments = parser.parse_args()
    program = str(Path(sys.executable).parent / "regress-action")
    folders = sorted(path for path in arguments.folder.glob(f"{arguments.only}*") if path.name[:3] in CASES)
    results = [run(folder, program) for folder in folders]
    right = sum(result.is_right for result in results)
    if arguments.json:
        sys.stdout.write(json.dumps({"right": right, "of": len(results), "wrong": _wrong(results)}) + "\n")
        return 0 if right == len(results) else 1
    for result in results:
        sys.stdout.write(f"{'right' if result.is_right else 'WRONG'}  {result.name}\n")
        if not result.is_right:
            lines = [f"missing: {pattern}" for pattern in result.missing]
            lines += [f"unwanted: {pattern}" for pattern in result.unwanted]
            lines += result.output.splitlines() if arguments.show else []
            sys.stdout.writelines(f"         {line}\n" for line in lines)
    sys.stdout.write(f"{right} of {len(results)} right\n")
    return 0 if right == len(results) else 1


def _wrong(results: list[Result]) -> list[dict[str, object]]:
    return [
        {"name": result.name, "missing": result.missing, "unwanted": result.unwanted}
        for result in results
        if not result.is_right
    ]


if __name__ == "__main__":
    sys.exit(main())
