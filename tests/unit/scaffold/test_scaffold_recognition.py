"""How `init` recognises the suite of a project."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from regress_action.commands.unconfigured import recognised
from regress_action.model.errors import UsageError
from regress_action.scaffold import Repository, Suite, drafts, other_tools, python_minors, recognise
from regress_action.settings import Settings
from unit.scaffold.scaffold_repositories import FIXTURE, MARKER, write

if TYPE_CHECKING:
    from pathlib import Path

PIP = "python -m venv .venv && .venv/bin/python -m pip install --quiet"
CODSPEED = "--codspeed --codspeed-mode=walltime --codspeed-warmup-time=0.1 --codspeed-max-time=0.3"
BENCHMARK = "--benchmark-only --benchmark-max-time=0.3 --benchmark-json={out}"
PYPERF = "--processes=1 --values=5 --warmups=1 --min-time=0.02 --append={out}"
SHORT = "--warm-up-time 0.5 --measurement-time 1"
PYPERF_SCRIPT = 'from pyperf import Runner\nif __name__ == "__main__":\n    Runner().timeit("x", "1")\n'
PYPERF_MODULE = "import pyperf\n\nclass Shared:\n    def __init__(self): self.runner = pyperf.Runner()\n"
TESTS_OF_A_CRATE = "cargo test --release --quiet --lib --bins --tests"
CMAKE = "cmake -S . -B build -DCMAKE_BUILD_TYPE=Release"
OUTPUT_NAME = "set_target_properties(A_TESTS PROPERTIES OUTPUT_NAME tests)"
MESON = (
    "BENCHMARK_FORMAT=json meson test -C build --benchmark --no-rebuild --timeout-multiplier 0 --num-processes 1 "
    "--logbase regress"
)
GO = "package x\n\nfunc BenchmarkAdd(b *testing.B) {}\n"
ASV = '{\n  // the project\n  "version": 1, "benchmark_dir": "asv/suite", "results_dir": "kept",\n}\n'


@pytest.mark.parametrize(
    ("files", "kind", "command"),
    [
        (
            {"pyproject.toml": "", "testing/benchmark.py": FIXTURE},
            "pytest-benchmark",
            f".venv/bin/python -m pytest testing/benchmark.py {BENCHMARK}",
        ),
        (
            {
                "setup.py": "",
                "bench/test_a.py": FIXTURE,
                "bench/test_b.py": FIXTURE,
                "tests/test_c.py": "def test(): 1",
            },
            "pytest-benchmark",
            ".venv/bin/python -m pytest bench --benchmark-only --benchmark-max-time=0.3 --benchmark-json={out}",
        ),
        (
            {"pyproject.toml": "", "bench/test_a.py": MARKER},
            "pytest-codspeed",
            f".venv/bin/python -m pytest bench/test_a.py {CODSPEED}",
        ),
        (
            {"pyproject.toml": '[dependency-groups]\nbench = ["pytest-codspeed"]', "tests/test_a.py": FIXTURE},
            "pytest-codspeed",
            f".venv/bin/python -m pytest tests/test_a.py {CODSPEED}",
        ),
        (
            {"pyproject.toml": "", "perf.py": "import pyperf\nrunner = pyperf.Runner()\n"},
            "pyperf",
            f".venv/bin/python perf.py {PYPERF}",
        ),
        (
            {"pyproject.toml": '[project]\nname = "my-lib"', "src/my_lib/__init__.py": ""},
            "python",
            '.venv/bin/python -c "import my_lib"',
        ),
        (
            {
                "Cargo.toml": '[package]\nname = "a"\n[dev-dependencies]\ncriterion = "0.5"',
                "benches/x.rs": "use criterion::Criterion;",
            },
            "criterion",
            f"cargo bench --bench x -- --output-format bencher {SHORT} | tee {{out}}",
        ),
        (
            {
                "Cargo.toml": "[workspace]",
                "crates/a/Cargo.toml": '[package]\nname = "a"',
                "crates/a/benches/x.rs": "#![feature(test)]",
            },
            "libtest",
            "RUSTC_BOOTSTRAP=1 cargo bench --package a --bench x | tee {out}",
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
            "npx vitest bench --run --outputJson={out}",
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
            "npm run --silent bench | tee {out}",
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
        (
            {
                "pyproject.toml": "[tool.uv.workspace]",
                "packages/a/pyproject.toml": "[project]",
                "packages/a/t/test_a.py": FIXTURE,
            },
            "pytest-benchmark",
            f"cd packages/a && .venv/bin/python -m pytest t/test_a.py {BENCHMARK}",
        ),
        (
            {"setup.py": "", "b/a.py": PYPERF_SCRIPT, "b/c.py": PYPERF_SCRIPT, "b/shared.py": PYPERF_MODULE},
            "pyperf",
            f".venv/bin/python b/a.py {PYPERF} && .venv/bin/python b/c.py {PYPERF}",
        ),
        (
            {"setup.py": "", "noxfile.py": "def benchmark(session, benchmark): 1", "thing/__init__.py": ""},
            "python",
            '.venv/bin/python -c "import thing"',
        ),
        (
            {"pyproject.toml": '[project]\nname = "outer.inner"', "src/outer/inner/__init__.py": ""},
            "python",
            '.venv/bin/python -c "import outer.inner"',
        ),
        (
            {"setup.py": "setup(name='python-quick', ext_modules=[Extension('quick', sources)])", "quick.c": ""},
            "python",
            '.venv/bin/python -c "import quick"',
        ),
        (
            {
                "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--cov'",
                "perf/pytest.ini": "[pytest]\npython_files = speed_*.py\npython_functions = speed_*",
                "perf/speed_a.py": FIXTURE.replace("test_add", "speed_add"),
            },
            "pytest-benchmark",
            f".venv/bin/python -m pytest perf/speed_a.py {BENCHMARK} --rootdir=.",
        ),
        (
            {"setup.py": "", "benchmark/run.py": "for n in range(9): work(n)"},
            "python",
            ".venv/bin/python benchmark/run.py",
        ),
        ({"Cargo.toml": '[package]\nname = "a"', "src/lib.rs": ""}, "cargo", TESTS_OF_A_CRATE),
        (
            {"package.json": "{}", "bench/index.js": "", "bench/package.json": "{}"},
            "node",
            "node bench/index.js | tee {out}",
        ),
        (
            {"CMakeLists.txt": "add_executable(quick a.cc)", "a.cc": "#include <benchmark/benchmark.h>"},
            "google-benchmark",
            "./build/quick --benchmark_out={out} --benchmark_out_format=json",
        ),
        (
            {
                "CMakeLists.txt": 'add_executable(nb "")\nadd_subdirectory(src)',
                "src/CMakeLists.txt": "target_sources(nb PRIVATE a.cc)",
                "src/a.cc": "#include <nanobench.h>",
            },
            "nanobench",
            "./build/nb | tee {out}",
        ),
        ({"CMakeLists.txt": "add_test(NAME a COMMAND a)"}, "ctest", "ctest --test-dir build --output-junit {out}"),
        (
            {
                "CMakeLists.txt": "option(A_BUILD_TESTS x)\nadd_subdirectory(t)",
                "t/CMakeLists.txt": "add_executable(tests a.c)",
            },
            "cmake",
            "./build/t/tests",
        ),
        (
            {"CMakeLists.txt": f"add_executable(A_TESTS a.c)\n{OUTPUT_NAME}"},
            "cmake",
            "./build/tests",
        ),
        (
            {"CMakeLists.txt": "add_our_test(benchmark a.c)\nadd_our_test(other a.c)", "a.c": "int main() {}"},
            "cmake",
            "./build/benchmark",
        ),
        ({"go.mod": "module x", "a_test.go": "package x"}, "go", "go test -count 1 ./..."),
        ({"Makefile": "bench:\n\t./speed\n"}, "make", "make bench | tee {out}"),
        ({"Makefile": "perf: perf.c\n\tcc -O2 -o perf ./perf.c -lm\n\ntest:\n\t./a"}, "make", "./perf | tee {out}"),
        ({"Makefile": "bench: b.c\n\tcc b.c -o $@\n\t./$@\n"}, "make", "make bench | tee {out}"),
        ({"Makefile": "all: a\ncheck: all\n\t./a", "a.c": ""}, "make", "make check"),
        (
            {"configure.ac": "LT_INIT", "b/Makefile.am": "noinst_PROGRAMS = a \\\n b_bench"},
            "autotools",
            "./b/b_bench | tee {out}",
        ),
        (
            {"lib/configure.ac": "", "lib/src/Makefile.am": "bin_PROGRAMS = $(X) tool\nTESTS = t"},
            "autotools",
            "cd lib && ./src/tool --help",
        ),
        ({"configure.ac": "", "Makefile.am": "check_PROGRAMS = perform\n"}, "autotools", "make check"),
        (
            {"pom.xml": "<module>perf</module>", "perf/pom.xml": "jmh-core <finalName>micro</finalName>"},
            "jmh",
            "java -jar perf/target/micro.jar -f 1 -rf json -rff {out}",
        ),
        (
            {"build.gradle": "plugins {}", "perf/build.gradle.kts": 'id("me.champeau.jmh") version "0.7"'},
            "jmh",
            "java -jar perf/build/libs/*-jmh.jar -f 1 -rf json -rff {out}",
        ),
        (
            {"pyproject.toml": "[project]\nname='x'", "Makefile": "bench:\n\tpython speed.py\n"},
            "make",
            ". .venv/bin/activate && make bench | tee {out}",
        ),
        ({"meson.build": "subdir('b')", "b/meson.build": "  benchmark('a', a)"}, "meson", MESON),
        (
            {"meson.build": "# benchmark('a', a)\ntest('a', a)"},
            "meson",
            MESON.replace("BENCHMARK_FORMAT=json ", "").replace(" --benchmark", ""),
        ),
        ({"phpbench.json": "{}"}, "phpbench", "vendor/bin/phpbench run --dump-file={out}"),
    ],
)
def test_the_command_fits_what_was_found(tmp_path: Path, files: dict[str, str], kind: str, command: str) -> None:
    """Each ecosystem is recognised by its benchmarks, wherever they lie."""
    project = recognise(write(tmp_path, files))[0]

    assert (project.kind, project.command, project.missing) == (kind, command, None)


@pytest.mark.parametrize("files", [{"go.mod": "module x"}, {"CMakeLists.txt": "project(x)"}, {"README": ""}])
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
                "pyproject.toml": '[project]\n[dependency-groups]\nperf = ["pytest_benchmark", {include-group = "x"}]',
                "tests/test_a.py": FIXTURE,
            },
            f"{PIP} --upgrade pip && .venv/bin/python -m pip install --quiet -e . --group perf pytest",
        ),
        (
            {"setup.py": "", "requirements/test.txt": "pytest\npytest-benchmark==5\n", "tests/test_a.py": FIXTURE},
            f"{PIP} -e . -r requirements/test.txt",
        ),
        (
            {
                "setup.py": "",
                "requirements-bench.in": "pytest-codspeed",
                "requirements-bench.txt": "pytest==9\npytest-codspeed==5\nsix\n",
                "requirements-test.txt": "pytest==8\nmypy==1\n",
                "tests/test_a.py": MARKER,
            },
            f"{PIP} -e . -r requirements-bench.txt",
        ),
        (
            {
                "setup.py": "",
                "bench.in": "",
                "requirements/perf.in": "pytest\npytest-benchmark",
                "t/test_a.py": FIXTURE,
            },
            f"{PIP} -e . -r requirements/perf.in",
        ),
        (
            {
                "pyproject.toml": "[project]\ndependencies = ['pytest']\n[dependency-groups]\ndev = ['hypothesis']",
                "tests/test_a.py": FIXTURE,
            },
            (
                f"{PIP} --upgrade pip && .venv/bin/python -m pip install --quiet -e . --group dev"
                " pytest pytest-benchmark"
            ),
        ),
        (
            {"requirements.txt": "numpy\n", "tests/test_a.py": "import yaml\n" + FIXTURE},
            f"{PIP} -r requirements.txt pytest pytest-benchmark PyYAML",
        ),
        (
            {
                "pyproject.toml": '[project.optional-dependencies]\nt = ["pytest", "pytest-benchmark", "PyHamcrest"]',
                "t/test_a.py": "import hamcrest\nimport pkg_resources\n" + FIXTURE,
            },
            f"{PIP} -e '.[t]' 'setuptools<81'",
        ),
        (
            {"setup.py": "Extension('quick')", "t/test_a.py": "import quick\nfrom _pytest import mark\n" + FIXTURE},
            f"{PIP} -e . pytest pytest-benchmark",
        ),
        (
            {
                "pyproject.toml": "[project]\nname='x'\n[tool.uv]\npackage = false\n[tool.uv.workspace]",
                "uv.lock": "",
                "a/bench/requirements.txt": "pytest-benchmark==5\npytest\n",
                "a/bench/test_a.py": FIXTURE,
            },
            (
                f"{PIP} uv && .venv/bin/uv sync --quiet --frozen --inexact --python .venv/bin/python --all-packages"
                " && .venv/bin/uv pip install --quiet --python .venv/bin/python -r a/bench/requirements.txt"
            ),
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


@pytest.mark.parametrize(
    "disturbing",
    ["-n auto --cov=x --cov-report term", "-p no:benchmark", "-pno:codspeed", "-p no:pytest-benchmark -n auto"],
)
def test_options_of_the_project_that_disturb_measurements_are_undone(tmp_path: Path, disturbing: str) -> None:
    """Parallel workers, coverage, modes of the benchmark plugin or its absence; the other options stay."""
    files = {
        "setup.cfg": f"[tool:pytest]\naddopts = {disturbing} -ra -p no:randomly",
        "pyproject.toml": "",
        "tests/test_a.py": FIXTURE,
    }

    assert recognise(write(tmp_path, files))[0].command.endswith(" -o 'addopts=-ra -p no:randomly'")


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


def test_a_folder_with_the_package_is_never_laid_over_the_base(tmp_path: Path) -> None:
    """The base would become a copy of the head; the files themselves are carried instead."""
    write(tmp_path, {"setup.py": "", "thing/engine.py": ""} | {f"thing/test_{n}.py": FIXTURE for n in range(2)})

    assert recognise(tmp_path)[0].carry == ("thing/test_0.py", "thing/test_1.py")


def test_the_fixtures_of_the_benchmarks_are_carried_with_them(tmp_path: Path) -> None:
    """A benchmark of the head may use a fixture, or a value of one, that the base's conftest.py does not know."""
    files = {
        "setup.py": "",
        "tests/conftest.py": "",
        "tests/a/conftest.py": "",
        "tests/test_a.py": "",
        "conftest.py": "",
    }
    write(tmp_path, files | {"tests/test_speed.py": FIXTURE})

    assert recognise(tmp_path)[0].carry == ("tests/test_speed.py", "conftest.py", "tests/conftest.py")


def test_many_files_in_several_folders_are_named_by_their_folders(tmp_path: Path) -> None:
    """Never by the root, which would collect and carry everything."""
    names = [f"bench/b{n}/test_{n}.py" for n in range(8)] + [f"tests/benchmarks/t{n}/test_{n}.py" for n in range(8)]
    write(tmp_path, {"setup.py": ""} | dict.fromkeys(names, FIXTURE))

    assert all(path.startswith(("bench/", "tests/benchmarks")) for path in recognise(tmp_path)[0].carry)


def test_what_the_project_requires_is_not_installed_by_the_name_of_its_import(tmp_path: Path) -> None:
    """The package rpds on the index is not the one that is imported as rpds."""
    manifest = '[project]\nname = "x"\ndependencies = ["rpds-py"]'
    write(tmp_path, {"pyproject.toml": manifest, "tests/test_a.py": "import rpds, numpy\n" + FIXTURE})

    assert recognise(tmp_path)[0].setup == f"{PIP} -e . pytest pytest-benchmark numpy"


@pytest.mark.parametrize(
    ("files", "setup"),
    [
        ({"pnpm-lock.yaml": "lockfileVersion: '9.0'"}, "npx --yes pnpm@10 install --frozen-lockfile"),
        (
            {"pnpm-lock.yaml": "", "package.json": '{"packageManager": "pnpm@11.2.0+ab", "scripts": {"bench": "x"}}'},
            "npx --yes pnpm@11.2.0 install --frozen-lockfile --config.pm-on-fail=ignore",
        ),
        ({"pnpm-lock.yaml": "lockfileVersion: '6.0'"}, "npx --yes pnpm@8 install --frozen-lockfile"),
        ({"yarn.lock": ""}, "npx --yes yarn@1 install --frozen-lockfile"),
        ({"yarn.lock": "", ".yarnrc.yml": "yarnPath: .yarn/y.cjs"}, "node .yarn/y.cjs install --immutable"),
        ({"bun.lock": ""}, "npx --yes bun@1 install --frozen-lockfile"),
        ({"package-lock.json": "{}"}, "npm ci"),
        ({}, "npm install --no-audit --no-fund"),
    ],
)
def test_the_manager_of_node_packages_is_fetched_in_its_version(
    tmp_path: Path, files: dict[str, str], setup: str
) -> None:
    """Through npx, which comes with Node."""
    write(tmp_path, {"package.json": '{"scripts": {"bench": "x"}}'} | files)

    assert recognise(tmp_path)[0].setup == setup


def test_the_versions_of_python_that_a_project_allows(tmp_path: Path) -> None:
    """From every place that pip or poetry reads."""
    manifest = '[project]\nname = "x"\nrequires-python = ">=3.10,<3.13"'

    assert python_minors(Repository(write(tmp_path, {"pyproject.toml": manifest})))[0] == range(10, 13)
    poetry = '[tool.poetry.dependencies]\npython = "^3.11"'
    assert python_minors(Repository(write(tmp_path, {"pyproject.toml": poetry})))[0] == range(11, 14)
    setup = {"pyproject.toml": "", "setup.py": 'setup(python_requires=">=3.15")'}
    assert python_minors(Repository(write(tmp_path, setup)))[0] == range(15, 16)


def test_files_that_pytest_would_pass_over_in_a_folder_are_named_to_it(tmp_path: Path) -> None:
    """It collects them where they are given one by one, and by a pattern only in folders."""
    write(tmp_path, {"setup.py": "", "perf/bench_a.py": FIXTURE, "perf/bench_b.py": FIXTURE})

    option = " -o 'python_files=test_*.py *_test.py bench_a.py bench_b.py'"
    assert recognise(tmp_path)[0].command == f".venv/bin/python -m pytest perf {BENCHMARK}{option}"


def test_a_folder_of_benchmarks_with_packages_of_its_own_is_installed_beside_the_root(tmp_path: Path) -> None:
    """And what follows runs at the root again."""
    build = '{"scripts": {"build": "x"}, "main": "index.js"}'
    write(tmp_path, {"package.json": build, "bench/index.js": "", "bench/package.json": "{}"})

    install = "npm install --no-audit --no-fund"
    assert recognise(tmp_path)[0].setup == f"{install} && (cd bench && {install}) && npm run build"


def test_a_script_that_calls_its_manager_finds_it(tmp_path: Path) -> None:
    """The program npx puts the manager on the path of what it starts."""
    scripts = {"package.json": '{"scripts": {"bench": "pnpm build && node b.js"}}', "pnpm-lock.yaml": ""}

    assert recognise(write(tmp_path, scripts))[0].command == "npx --yes pnpm@10 run --silent bench | tee {out}"


def test_other_modules_and_a_first_benchmark_follow_a_module_that_may_not_build(tmp_path: Path) -> None:
    """A module of comparisons needs other modules, which are often out of reach; the next ways need less."""
    compared = {"_benchmark/go.mod": "module b", "_benchmark/a/a_test.go": GO, "_benchmark/b/b_test.go": GO}
    ways = recognise(write(tmp_path, {"go.mod": "module x", "a_test.go": GO} | compared))

    assert [way.command.split(" | ")[0] for way in ways] == [
        "cd _benchmark && go test -run '^$' -bench . -benchmem -benchtime 0.2s ./a ./b",
        "go test -run '^$' -bench . -benchmem -benchtime 0.2s .",
        "go test -count 1 ./...",
    ]
    assert "no function" not in ways[2].why


def test_a_variable_called_bencher_is_no_harness(tmp_path: Path) -> None:
    """The harness of the compiler passes its `Bencher` to a function."""
    bench = "#![feature(test)]\nextern crate test;\n#[bench] fn a(bencher: &mut test::Bencher) {}"
    root = write(tmp_path, {"Cargo.toml": '[package]\nname = "a"', "benches/x.rs": bench})

    assert recognise(root)[0].kind == "libtest"


WORKFLOW = """
on: push
jobs:
  speed:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - run: |
          pip install -e .
          pip install pytest-benchmark
      - if: github.event_name == 'push'
        run: echo secret
      - STEP
"""


@pytest.mark.parametrize(
    ("step", "command", "results"),
    [
        (
            """run: pytest bench --benchmark-json output.json
      - uses: benchmark-action/github-action-benchmark@v1
        with: {tool: pytest, output-file-path: output.json, alert-threshold: '150%', fail-on-alert: true}""",
            ". .venv/bin/activate && pytest bench --benchmark-json {out}",
            "",
        ),
        (
            "uses: CodSpeedHQ/action@v4\n        with: {run: pytest bench --codspeed}",
            f". .venv/bin/activate && pytest bench {CODSPEED}",
            ".codspeed/results_*.json",
        ),
        (
            "run: bencher run --project x --adapter python_pytest --file r.json 'pytest --benchmark-json r.json bench'",
            ". .venv/bin/activate && pytest --benchmark-json {out} bench",
            "",
        ),
    ],
)
def test_a_job_of_another_tool_is_translated(tmp_path: Path, step: str, command: str, results: str) -> None:
    """The project's people chose that command; conditions and uploads are left out, and the job is named."""
    text = WORKFLOW.replace("STEP", step)
    project = recognise(write(tmp_path, {".github/workflows/speed.yml": text, "pyproject.toml": ""}))[0]

    assert (project.command, project.results) == (command, results)
    assert project.setup == (
        "python -m venv .venv && . .venv/bin/activate && pip install -e . && pip install pytest-benchmark"
    )
    assert project.toolchain == ("- uses: actions/setup-python@v5", '  with: {python-version: "3.12"}')
    assert dict(project.sources)["command"] == "the job speed of .github/workflows/speed.yml"


def test_thresholds_of_another_tool_go_into_the_files(tmp_path: Path) -> None:
    """`alert-threshold` is a ratio, `fail-on-alert` the lowest severity that fails; the workflow names the old one."""
    step = """run: pytest bench --benchmark-json output.json
      - uses: benchmark-action/github-action-benchmark@v1
        with: {output-file-path: output.json, alert-threshold: '150%', fail-on-alert: true}"""
    write(tmp_path, {".github/workflows/speed.yml": WORKFLOW.replace("STEP", step), "pyproject.toml": ""})
    replaced = [(".github/workflows/speed.yml", "github-action-benchmark")]
    made = drafts([Suite("s", recognise(tmp_path)[0])], branch="main", action="a/b@v1", replaced=replaced)
    workflow, config, thresholds = (draft.text for draft in made)

    assert "# .github/workflows/speed.yml runs github-action-benchmark as well." in workflow
    assert "fail-on: minor" in config
    assert "default: {regression_threshold: 1.5}" in thresholds


@pytest.mark.parametrize("script", ["pip install ${{ matrix.wheel }}", "if true; then pip install .; fi", ""])
def test_a_job_whose_steps_do_not_show_what_runs_is_not_translated(tmp_path: Path, script: str) -> None:
    """An expression, a compound command, or an installation that a condition hides is never guessed."""
    before = f"run: {script}\n      - " if script else ""
    step = f"{before}uses: CodSpeedHQ/action@v4\n        with: {{run: pytest bench --codspeed}}"
    text = "jobs: {a: {steps: [X]}}".replace("{a: {steps: [X]}}", f"\n  a:\n    steps:\n      - {step}\n")
    write(tmp_path, {".github/workflows/speed.yml": text, "pyproject.toml": "", "bench/test_a.py": MARKER})

    assert recognise(tmp_path)[0].kind == "pytest-codspeed"


def test_what_a_job_changes_on_its_machine_is_a_step_of_the_workflow(tmp_path: Path) -> None:
    """And no part of the setup, which a trial and `run` execute on the machine of a person."""
    step = """run: |
          apt-get update && pip install numpy
          git config --global core.x y
          uv tool install --quiet poetry
      - uses: CodSpeedHQ/action@v4
        with: {run: poetry run pytest bench --codspeed}"""
    write(tmp_path, {".github/workflows/speed.yml": WORKFLOW.replace("STEP", step), "pyproject.toml": ""})

    project = recognise(tmp_path)[0]

    assert project.setup.endswith("pip install pytest-benchmark && pip install numpy && pip install poetry")
    assert project.toolchain[2:] == ("- run: sudo apt-get update", "- run: git config --global core.x y")


@pytest.mark.parametrize(
    ("step", "added"),
    [
        ("if: steps.cache.outputs.cache-hit != 'true'\n        run: pip install rich", " && pip install rich"),
        (
            "uses: py-actions/py-dependency-install@v4\n        with: {path: requirements/test.txt}",
            " && pip install -r requirements/test.txt",
        ),
    ],
)
def test_steps_that_install_in_other_words_are_part_of_the_setup(tmp_path: Path, step: str, added: str) -> None:
    """A condition on a cache, and an action that does what pip does."""
    step = f"{step}\n      - uses: CodSpeedHQ/action@v4\n        with: {{run: pytest bench --codspeed}}"
    write(tmp_path, {".github/workflows/speed.yml": WORKFLOW.replace("STEP", step), "pyproject.toml": ""})

    assert recognise(tmp_path)[0].setup.endswith(f"pip install pytest-benchmark{added}")


def test_an_action_of_the_repository_hides_what_a_job_runs(tmp_path: Path) -> None:
    """It may be the installation, so the benchmarks that were found are measured in another way."""
    step = """uses: ./.github/actions/install
      - uses: CodSpeedHQ/action@v4
        with: {run: pytest bench --codspeed}"""
    files = {".github/workflows/speed.yml": WORKFLOW.replace("STEP", step), "bench/test_a.py": MARKER}

    assert recognise(write(tmp_path, files | {"pyproject.toml": ""}))[0].kind == "pytest-codspeed"


def test_the_last_setup_installs_nothing_but_what_the_benchmarks_use(tmp_path: Path) -> None:
    """A group often holds something that cannot be installed everywhere."""
    group = '[project]\nname = "x"\n[tool.poetry.group.dev]\ndependencies = {pytest = "8", pycairo = "*"}'
    write(tmp_path, {"pyproject.toml": group, "t/test_a.py": "import numpy\n" + FIXTURE})

    assert [way.setup for way in recognise(tmp_path) if way.kind == "pytest-benchmark"] == [
        f"{PIP} -e . pytest-benchmark numpy pytest pycairo",
        f"{PIP} -e . pytest pytest-benchmark numpy",
    ]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", "[tool.tox.env.speed]\ndeps = ['pytest', 'pytest-benchmark', 'rich']"),
        ("tox.toml", "[env.speed]\ndeps = ['pytest', 'pytest-benchmark', 'rich']"),
        ("hatch.toml", "[envs.speed]\ndependencies = ['pytest']\nextra-dependencies = ['pytest-benchmark', 'rich']"),
        (
            "pyproject.toml",
            (
                "[tool.poetry.group.dev.dependencies]\npytest = '8'\npytest-benchmark = '*'\nrich = '13'\n"
                "mine = {path = '.'}\nforked = {git = 'x'}\npywin32 = {version = '1', platform = 'win32'}"
            ),
        ),
        (
            "pyproject.toml",
            "[tool.pdm.dev-dependencies]\na = ['pytest','pytest-benchmark','rich','x; os_name == \"nt\"']",
        ),
    ],
)
def test_the_tables_of_tools_are_read(tmp_path: Path, file: str, text: str) -> None:
    """What they take from no index, or install on other systems only, is left out."""
    write(tmp_path, {"setup.py": "", file: text, "t/test_a.py": FIXTURE})

    assert recognise(tmp_path)[0].setup == f"{PIP} -e . pytest pytest-benchmark rich"


def test_tests_called_by_their_end_are_found(tmp_path: Path) -> None:
    """Their names are those that pytest collects, too."""
    write(tmp_path, {"setup.py": "", "thing/__init__.py": "", "tests/map_test.py": "def test(): pass"})

    assert "pytest" in [way.kind for way in recognise(tmp_path)]


def test_requirements_beside_other_code_make_no_python_project(tmp_path: Path) -> None:
    """What is missing is said about the program that is built, not about a script's list of packages."""
    write(tmp_path, {"CMakeLists.txt": "project(x)", "requirements.txt": "conan"})

    assert recognise(tmp_path)[0].kind == "cmake"


def test_a_package_of_a_workspace_is_built_by_the_root(tmp_path: Path) -> None:
    """Where only the root's manifest says how to build, loading a package begins with that."""
    root = '{"packageManager": "pnpm@10.1.0", "scripts": {"build": "x"}}'
    write(tmp_path, {"package.json": root, "pnpm-lock.yaml": "", ".nvmrc": "22"})
    write(tmp_path, {"packages/core/package.json": '{"name": "core", "main": "dist/core.js"}'})

    project = recognise(tmp_path)[0]

    assert (project.setup, project.missing) == (
        "npx --yes pnpm@10.1.0 install --frozen-lockfile && npm run build",
        None,
    )
    assert project.command == "cd packages/core && node --eval 'import(process.cwd() + \"/dist/core.js\")'"
    assert project.toolchain == ("- uses: actions/setup-node@v6", "  with: {node-version-file: .nvmrc}")


def test_a_release_of_yarn_in_the_repository_is_found_from_a_folder(tmp_path: Path) -> None:
    """Its path is relative to the folder in which the benchmarks run."""
    write(tmp_path, {"package.json": "{}", "yarn.lock": "", ".yarnrc.yml": "yarnPath: .yarn/releases/yarn-4.cjs\n"})
    write(tmp_path, {"perf/package.json": '{"devDependencies": {"vitest": "3"}}', "perf/a.bench.ts": ""})

    project = recognise(tmp_path)[0]

    assert project.setup == "node .yarn/releases/yarn-4.cjs install --immutable"
    assert project.command == "cd perf && node ../.yarn/releases/yarn-4.cjs vitest bench --run --outputJson={out}"


def test_lines_that_only_print_are_no_part_of_a_setup(tmp_path: Path) -> None:
    """One that writes somewhere is."""
    step = """run: |
          echo "$GITHUB_CONTEXT"
          echo settings > made
      - uses: CodSpeedHQ/action@v4
        with: {run: pytest bench --codspeed}"""
    write(tmp_path, {".github/workflows/speed.yml": WORKFLOW.replace("STEP", step), "pyproject.toml": ""})

    setup = recognise(tmp_path)[0].setup

    assert setup.endswith("pip install pytest-benchmark && echo settings > made")


def test_the_options_of_meson_that_build_benchmarks_are_set(tmp_path: Path) -> None:
    """An option that is called like benchmarks is set as its type allows; a library of Debian is installed."""
    options = "option('benchmarks', type: 'feature', value: 'disabled')\noption('docs', type: 'boolean')\n"
    options += "option(\n  'micro-bench',\n  type : 'boolean',\n)\n# option('old_bench', type: 'boolean')\n"
    build = "dependency('benchmark')\nbenchmark('a', a)\ntest('a', a)\n"
    (project,) = recognise(write(tmp_path, {"meson.build": build, "meson_options.txt": options}))

    assert project.setup == (
        "meson setup build --buildtype=release -Dbenchmarks=enabled -Dmicro-bench=true "
        "&& ninja -C build meson-benchmark-prereq"
    )
    assert project.results == "build/meson-logs/regress.junit.xml"
    install = "- run: sudo apt-get install --yes ninja-build libbenchmark-dev"
    assert project.toolchain == ("- run: pipx install meson", install)  # newer than the one of Debian


@pytest.mark.parametrize(
    ("files", "setup"),
    [
        (
            {"pom.xml": "<module>perf</module>", "perf/pom.xml": "jmh-core"},
            "mvn --batch-mode --quiet package -DskipTests --projects perf --also-make",
        ),
        ({"perf/build.gradle": "id 'me.champeau.jmh'", "gradlew": ""}, "./gradlew --no-daemon --quiet :perf:jmhJar"),
        (
            {
                "CMakeLists.txt": "CMAKE_DEPENDENT_OPTION(a.benchmark x)\nadd_executable(a.bench a.cc)",
                "a.cc": "#include <benchmark/benchmark.h>",
            },
            f"{CMAKE} -Da.benchmark=ON && cmake --build build --parallel 4 --target a.bench",
        ),
        (
            {"CMakeLists.txt": "option(A_BUILD_TESTS x)\nadd_executable(a_tests a.c)"},
            f"{CMAKE} -DA_BUILD_TESTS=ON && cmake --build build --parallel 4 --target a_tests",
        ),
    ],
)
def test_what_the_benchmarks_need_is_built_with_them(tmp_path: Path, files: dict[str, str], setup: str) -> None:
    """Modules beside it, and options whose names may hold dots."""
    assert recognise(write(tmp_path, files))[0].setup == setup


@pytest.mark.parametrize(
    ("files", "setup"),
    [
        ({"Makefile.am": "bin_PROGRAMS = a"}, "autoreconf --force --install && ./configure && make -j4"),
        ({"Makefile.am": "bin_PROGRAMS = a", "configure": ""}, "./configure && make -j4"),
        ({"Makefile.am": "TESTS = a", "configure": ""}, "./configure && make -j4 && make check TESTS="),
        (
            {"Makefile.am": "bin_PROGRAMS = a", "autogen.sh": "", "configure.ac": "  LT_INIT([shared])"},
            "NOCONFIGURE=1 sh ./autogen.sh && ./configure --disable-shared && make -j4",
        ),
        (
            {"t/Makefile.am": "EXTRA_PROGRAMS = bench", "configure": ""},
            "./configure && make -j4 && make -C t bench",
        ),
    ],
)
def test_autotools_make_configure_where_it_is_not_there(tmp_path: Path, files: dict[str, str], setup: str) -> None:
    """By the project's own script where it has one; libtool would make a script of a program with a shared library."""
    assert recognise(write(tmp_path, {"configure.ac": "", **files}))[0].setup == setup


def test_a_project_of_autotools_without_anything_to_run_is_named(tmp_path: Path) -> None:
    """A library without tests needs a person."""
    assert recognise(write(tmp_path, {"configure.ac": "", "Makefile.am": "lib_LIBRARIES = a"}))[0].missing


def test_the_package_that_others_install_is_loaded(tmp_path: Path) -> None:
    """Private packages of a workspace are its tools; a script that calls the manager is run by it."""
    files = {
        "package.json": '{"private": true, "packageManager": "pnpm@10.1.0", "scripts": {"build": "pnpm -r build"}}',
        "pnpm-lock.yaml": "lockfileVersion: '9.0'",
        "packages/aid/package.json": '{"private": true, "main": "x.js"}',
        "packages/main/package.json": '{"name": "main", "main": "dist/x.js"}',
    }
    way = recognise(write(tmp_path, files))[0]
    assert way.why == "no benchmark was found, so loading main is measured as a first one"
    assert way.setup.endswith(" && npx --yes pnpm@10.1.0 run build")


def test_a_makefile_without_a_target_that_measures_is_named(tmp_path: Path) -> None:
    """It is a build file of a known kind; only in a project that nothing else builds does it count."""
    write(tmp_path, {"Makefile": "all: a\n", "a.c": ""})
    assert recognise(tmp_path)[0].why == "Makefile was found, but no target `bench` or `test`"
    write(tmp_path, {"Makefile": "test: a.c\n\tcc -o $@ a.c\n"})
    assert recognise(tmp_path)[0].missing
    write(tmp_path, {"Makefile": ".PHONY: all test\ntest: a\n"})
    assert recognise(tmp_path)[0].command == "make test"

    write(tmp_path, {"package.json": "{}", "Makefile": "test: a\n"})
    assert [project.kind for project in recognise(tmp_path)] == ["node"]


@pytest.mark.parametrize("prefix", ["bench", "test"])
def test_benchmarks_inside_of_the_package_are_recognised(tmp_path: Path, prefix: str) -> None:
    """Their functions may be called as pytest would not collect them, so the command says it."""
    text = f"def {prefix}_a(benchmark):\n    benchmark(sum, [1])\n"
    write(tmp_path, {"pyproject.toml": "[project]\nname = 'pkg'\n", "src/pkg/tests/bench_a.py": text})
    way = recognise(tmp_path)[0]
    assert way.kind == "pytest-benchmark"
    assert ("-o 'python_functions=test* bench_*'" in way.command) is (prefix == "bench")
    assert "-m pytest src/pkg/tests/bench_a.py " in way.command
