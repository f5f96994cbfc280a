"""A suite that takes too long is measured in part, and the part is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from regress_action.commands.init_mends import part_of, without_failed_functions
from regress_action.scaffold import Project, Repository, recognise
from unit.scaffold.scaffold_repositories import FIXTURE, write

if TYPE_CHECKING:
    from pathlib import Path

ASV = '{"version": 1, "benchmark_dir": "b"}'


@pytest.mark.parametrize(
    ("files", "part", "further"),
    [
        (
            {"setup.py": ""} | {f"b/test_{n}.py": FIXTURE for n in range(8)},
            "pytest b/test_0.py b/test_4.py --benchmark-only",
            "pytest b/test_0.py --benchmark-only",
        ),
        (
            {"setup.py": "", "t/test_a.py": "".join(FIXTURE.replace("add", f"n{n}") for n in range(5))},
            "pytest t/test_a.py::test_n0 t/test_a.py::test_n4 --benchmark-only",
            "pytest t/test_a.py::test_n0 --benchmark-only",
        ),
        (
            {"setup.py": "", "asv.conf.json": ASV}
            | {f"b/m{n}.py": "class A:\n    def time_a(self): 1" for n in range(5)},
            "run --bench '^(m0|m4)[.]' -E",
            "run --bench '^(m0)[.]' -E",
        ),
        (
            {"go.mod": "module x"}
            | {f"p{n}/a_test.go": "package x\nfunc BenchmarkA(b *testing.B) {}\n" for n in range(3)},
            "-benchtime 0.2s ./p0 |",
            None,
        ),
        (
            {"Cargo.toml": '[package]\nname = "a"'} | {f"benches/b{n}.rs": "use divan;" for n in range(5)},
            "cargo bench --bench b0 --bench b4 |",
            "cargo bench --bench b0 |",
        ),
    ],
)
def test_a_quarter_is_measured_and_named(tmp_path: Path, files: dict[str, str], part: str, further: str | None) -> None:
    """And a quarter of that, until a single file, module, package or target is left."""
    repository = Repository(write(tmp_path, files))

    first = part_of(recognise(tmp_path)[0], repository)

    assert first is not None
    assert part in first[0].command
    assert "so a part is measured" in first[1]
    second = part_of(first[0], repository)
    assert (second is None) == (further is None)
    assert second is None or (further or "") in second[0].command


def test_a_program_has_no_parts(tmp_path: Path) -> None:
    """It is measured as it is, or not at all."""
    assert part_of(Project(kind="node", why="x", command="node bench.js"), Repository(tmp_path)) is None


@pytest.mark.parametrize(
    "log",
    [
        "--- FAIL: BenchmarkB\n    a_test.go:5: no\nBenchmarkC-2 \t 1 \t 5 ns/op\nFAIL",
        (
            "BenchmarkA-2 \t 1 \t 5 ns/op\nfatal error: all goroutines are asleep - deadlock!\n\n"
            "goroutine 1 [chan receive]:\ntesting.(*B).run1(0xc0)\n\t/go/benchmark.go:235 +0xb2\n\n"
            "goroutine 19 [chan receive]:\nm.BenchmarkB.func1(0xc0?)\n\t/m/a_test.go:4 +0x2c\n"
        ),
        "goos: linux\nBenchmarkA-2 \t 1 \t 5 ns/op\nBenchmarkB-2 \t",
    ],
    ids=["fails", "deadlock", "stuck"],
)
def test_a_go_function_that_fails_is_left_out(tmp_path: Path, log: str) -> None:
    """The others are measured, instead of the tests of the module as a first benchmark."""
    functions = "".join(f"func Benchmark{name}(b *testing.B) {{}}\n" for name in "ABC")
    write(tmp_path, {"my m/go.mod": "module m", "my m/a_test.go": f"package m\n{functions}"})
    change = without_failed_functions(recognise(tmp_path)[0], log, Repository(tmp_path))
    assert change is not None
    assert change[0].command.startswith("cd 'my m' && go test -run '^$' -bench '^(BenchmarkA|BenchmarkC)$' -benchmem")
    assert change[1] == "left out BenchmarkB, which fails or never ends at this commit"
    assert without_failed_functions(change[0], log, Repository(tmp_path)) is None


def test_a_part_of_benchmarks_that_a_job_of_asv_chose_is_of_these(tmp_path: Path) -> None:
    """The command names them as a plain word, which needs no quotes."""
    modules = {f"b/m{n}.py": "def time_a(): pass\n" for n in range(9)}
    job = "jobs: {a: {runs-on: u, steps: [{run: asv run --bench m1}, {run: asv run}]}}"
    write(tmp_path, {"setup.py": "", "asv.conf.json": ASV, ".github/workflows/a.yml": job, **modules})
    way = recognise(tmp_path)[0]
    assert " run --bench m1 -E " in way.command
    way = replace(way, command=way.command.replace("--bench m1", "--bench m"))
    part = part_of(way, Repository(tmp_path))
    assert part is not None
    assert " run --bench '^(m0|m4|m8)[.]' -E " in part[0].command
