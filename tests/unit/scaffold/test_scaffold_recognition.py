"""How `init` recognises the suite of a project."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from regress_action.commands.run import recognised
from regress_action.model.errors import UsageError
from regress_action.scaffold import Repository, other_tools, recognise
from regress_action.settings import Settings
from unit.scaffold.scaffold_repositories import FIXTURE, MARKER, write

if TYPE_CHECKING:
    from pathlib import Path

PIP = "python -m venv .venv && .venv/bin/python -m pip install --quiet"
GO = "package x\n\nfunc BenchmarkAdd(b *testing.B) {}\n"
ASV = '{\n  // the project\n  "version": 1, "benchmark_dir": "asv/suite", "results_dir": "kept",\n}\n'


@pytest.mark.parametrize(
    ("files", "kind", "command"),
    [
        (
            {"pyproject.toml": "", "testing/benchmark.py": FIXTURE},
            "pytest-benchmark",
            ".venv/bin/python -m pytest testing/benchmark.py --benchmark-only --benchmark-json={out}",
        ),
        (
            {
                "setup.py": "",
                "bench/test_a.py": FIXTURE,
                "bench/test_b.py": FIXTURE,
                "tests/test_c.py": "def test(): 1",
            },
            "pytest-benchmark",
            ".venv/bin/python -m pytest bench --benchmark-only --benchmark-json={out}",
        ),
        (
            {"pyproject.toml": "", "bench/test_a.py": MARKER},
            "pytest-codspeed",
            ".venv/bin/python -m pytest bench/test_a.py --codspeed --codspeed-mode=walltime --codspeed-max-time=1",
        ),
        (
            {"pyproject.toml": '[dependency-groups]\nbench = ["pytest-codspeed"]', "tests/test_a.py": FIXTURE},
            "pytest-codspeed",
            ".venv/bin/python -m pytest tests/test_a.py --codspeed --codspeed-mode=walltime --codspeed-max-time=1",
        ),
        (
            {"pyproject.toml": "", "perf.py": "import pyperf\nrunner = pyperf.Runner()\n"},
            "pyperf",
            ".venv/bin/python perf.py --fast --output={out}",
        ),
        (
            {"pyproject.toml": '[project]\nname = "my-lib"', "src/my_lib/__init__.py": ""},
            "python",
            '.venv/bin/python -c "import my_lib"',
        ),
        (
            {"Cargo.toml": '[package]\nname = "a"\n[dev-dependencies]\ncriterion = "0.5"', "benches/x.rs": ""},
            "criterion",
            "cargo bench --benches -- --output-format bencher | tee {out}",
        ),
        (
            {"Cargo.toml": "[workspace]", "crates/a/Cargo.toml": '[package]\nname = "a"', "crates/a/benches/x.rs": ""},
            "libtest",
            "cargo bench --package a --benches -- --output-format bencher | tee {out}",
        ),
        (
            {"Cargo.toml": '[package]\nname = "tool"', "src/main.rs": "fn main() {}"},
            "cargo",
            "./target/release/tool --help",
        ),
        (
            {"go.mod": "module x", "a/a_test.go": GO, "b/b_test.go": "package b"},
            "go",
            "go test -run '^$' -bench . -benchmem -benchtime 0.2s ./a | tee {out}",
        ),
        (
            {"README.md": "", "server/go.mod": "module x", "server/a_test.go": GO},
            "go",
            "cd server && go test -run '^$' -bench . -benchmem -benchtime 0.2s . | tee {out}",
        ),
        (
            {"package.json": '{"devDependencies": {"vitest": "^4.1"}}', "src/a.bench.ts": "", "pnpm-lock.yaml": ""},
            "vitest",
            "pnpm exec vitest bench --run --outputJson={out}",
        ),
        (
            {
                "package.json": '{"devDependencies": {"vitest": "5.0.0"}}',
                "src/a.bench.ts": "",
                "package-lock.json": "{}",
            },
            "vitest",
            "npx vitest bench --run --reporter=json --outputFile={out}",
        ),
        (
            {"package.json": '{"scripts": {"bench": "node bench.js"}}', "yarn.lock": ""},
            "node",
            "yarn run --silent bench | tee {out}",
        ),
        (
            {
                "CMakeLists.txt": "add_subdirectory(perf)",
                "perf/CMakeLists.txt": "add_executable(speed a.cc)\ntarget_link_libraries(speed benchmark::benchmark)",
            },
            "google-benchmark",
            "./build/perf/speed --benchmark_out={out} --benchmark_out_format=json",
        ),
        (
            {"pom.xml": "<dependency>jmh-core</dependency>"},
            "jmh",
            "java -jar target/benchmarks.jar -f 1 -rf json -rff {out}",
        ),
        ({"phpbench.json": "{}"}, "phpbench", "vendor/bin/phpbench run --dump-file={out}"),
    ],
)
def test_the_command_fits_what_was_found(tmp_path: Path, files: dict[str, str], kind: str, command: str) -> None:
    """Each ecosystem is recognised by its benchmarks, wherever they lie."""
    project = recognise(write(tmp_path, files))[0]

    assert (project.kind, project.command, project.missing) == (kind, command, None)


@pytest.mark.parametrize(
    "files", [{"go.mod": "module x"}, {"CMakeLists.txt": "project(x)"}, {"Cargo.toml": "[package]"}, {"README": ""}]
)
def test_a_project_without_a_benchmark_is_named_as_such(tmp_path: Path, files: dict[str, str]) -> None:
    """No command is made up for it."""
    project = recognise(write(tmp_path, files))[0]

    assert project.command == ""
    assert project.missing


@pytest.mark.parametrize(
    ("files", "setup"),
    [
        (
            {"pyproject.toml": "[project]\nname='x'", "uv.lock": "", "tests/test_a.py": FIXTURE},
            (
                f"{PIP} uv && .venv/bin/uv sync --quiet --frozen --inexact --python .venv/bin/python"
                " && .venv/bin/uv pip install --quiet --python .venv/bin/python pytest pytest-benchmark"
            ),
        ),
        (
            {
                "pyproject.toml": '[project.optional-dependencies]\nperf = ["pytest-benchmark>=4", "pytest"]',
                "tests/test_a.py": "import numpy\n" + FIXTURE,
            },
            f"{PIP} -e '.[perf]' numpy",
        ),
        (
            {
                "pyproject.toml": '[dependency-groups]\nperf = ["pytest_benchmark", {include-group = "x"}]',
                "tests/test_a.py": FIXTURE,
            },
            f"{PIP} --upgrade pip && .venv/bin/python -m pip install --quiet -e . --group perf pytest",
        ),
        (
            {"setup.py": "", "requirements/test.txt": "pytest\npytest-benchmark==5\n", "tests/test_a.py": FIXTURE},
            f"{PIP} -e . -r requirements/test.txt",
        ),
        (
            {"requirements.txt": "numpy\n", "tests/test_a.py": "import yaml\n" + FIXTURE},
            f"{PIP} -r requirements.txt pytest pytest-benchmark PyYAML",
        ),
        (
            {
                "setup.py": "",
                "tox.ini": "[testenv:bench]\ndeps=\n  pytest-benchmark\n  attrs>=20\n",
                "t/test_a.py": FIXTURE,
            },
            f"{PIP} -e . pytest pytest-benchmark attrs",
        ),
    ],
)
def test_the_setup_installs_what_the_project_declares(tmp_path: Path, files: dict[str, str], setup: str) -> None:
    """Extras, groups, requirement files, tox and locks that name the tool, and what the benchmarks import."""
    assert recognise(write(tmp_path, files))[0].setup == setup


def test_an_asv_suite_writes_results_of_its_own(tmp_path: Path) -> None:
    """The results that a project keeps under version control are never emptied."""
    project = recognise(write(tmp_path, {"setup.py": "", "asv.conf.json": ASV, "asv/suite/a.py": "class A: pass"}))[0]

    assert project.kind == "asv"
    assert project.results == ".asv-regress"
    assert "asv machine --yes" in project.setup
    assert project.carry == ("asv/suite",)


def test_options_of_the_project_that_disturb_measurements_are_undone(tmp_path: Path) -> None:
    """Parallel workers and coverage."""
    files = {"setup.cfg": "[tool:pytest]\naddopts = -n auto --cov=x", "pyproject.toml": "", "tests/test_a.py": FIXTURE}

    assert recognise(write(tmp_path, files))[0].command.endswith(" -n 0 --no-cov")


def test_every_line_says_where_it_comes_from(tmp_path: Path) -> None:
    """The fields of regress.yml that were found have a source."""
    project = recognise(write(tmp_path, {"pyproject.toml": "", "testing/benchmark.py": FIXTURE}))[0]

    assert {"setup", "command", "carry"} <= set(dict(project.sources))


def test_files_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    """A pipe, a link to a device, broken Python, TOML and JSON do not stop the search."""
    write(
        tmp_path, {"pyproject.toml": "= broken", "package.json": "{", "tests/test_a.py": FIXTURE, "b.py": "benchmark ("}
    )
    os.mkfifo(tmp_path / "benchmark_pipe.py")
    (tmp_path / "benchmark_zero.py").symlink_to("/dev/zero")

    assert recognise(tmp_path)[0].kind == "pytest-benchmark"


def test_workflows_of_other_tools_are_named(tmp_path: Path) -> None:
    """So that they can be removed once the new one is trusted."""
    write(
        tmp_path,
        {
            ".github/workflows/a.yml": "steps:\n- uses: CodSpeedHQ/action@v4\n",
            ".github/workflows/b.yaml": "run: asv continuous main HEAD\n",
            ".github/workflows/c.yml": "uses: actions/checkout@v6",
        },
    )

    assert list(other_tools(Repository(tmp_path))) == [
        (".github/workflows/a.yml", "CodSpeed"),
        (".github/workflows/b.yaml", "asv"),
    ]


def test_run_measures_what_init_would_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command and without regress.yml; what was given on the command line stays."""
    write(tmp_path, {"pyproject.toml": "", "testing/benchmark.py": FIXTURE})

    settings = recognised(Settings(setup="true", base="HEAD~1"), tmp_path)

    assert settings.command.startswith(".venv/bin/python -m pytest testing/benchmark.py")
    assert (settings.setup, settings.carry) == ("true", ("testing/benchmark.py",))
    assert "Measuring what init would write for this project" in capsys.readouterr().err


def test_run_says_what_is_missing(tmp_path: Path) -> None:
    """Where nothing can be measured, with the command to type."""
    with pytest.raises(UsageError, match="There is no command to measure: no build file"):
        recognised(Settings(), tmp_path)
