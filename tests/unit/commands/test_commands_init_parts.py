"""A suite that takes too long is measured in part, and the part is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from regress_action.commands.init_mends import part_of
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
