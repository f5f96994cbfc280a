"""What a trial adds to a setup."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from regress_action import formats
from regress_action.commands import init_mends
from regress_action.commands.init_mends import (
    mended,
    missing_packages,
    part_of,
    slowest_tests,
    times_all_tests,
    with_package,
    without_fast_tests,
)
from regress_action.commands.init_trial import absent_here, out_of_reach
from regress_action.scaffold import Project, Repository, recognise
from unit.scaffold.scaffold_repositories import write

if TYPE_CHECKING:
    from pathlib import Path

NOT_HERE = ", which this machine does not have. Install it here, and in a step of the workflow"
PIP = ".venv/bin/python -m pip install --quiet"


@pytest.mark.parametrize(
    ("log", "package"),
    [
        ("ModuleNotFoundError: No module named 'yaml'", "PyYAML"),
        ("ImportError: No module named 'my_pkg.sub'", "my-pkg"),
        ("error: unrecognized arguments: --cov=src -n auto", "pytest-cov"),
        ("E       fixture 'mocker' not found", "pytest-mock"),
        ("async def functions are not natively supported.", "pytest-asyncio"),
        ("AssertionError: 1 == 2", None),
        ("error: unrecognized arguments: --my-own", None),
    ],
)
def test_a_package_is_added_only_where_the_log_shows_that_it_is_missing(log: str, package: str | None) -> None:
    """Other failures are told as they are."""
    assert missing_packages(log) == ([package] if package else [])


@pytest.mark.parametrize(
    ("setup", "longer"),
    [
        (f"python -m venv .venv && {PIP} -e . pytest", f"python -m venv .venv && {PIP} -e . pytest numpy"),
        (
            "python -m venv .venv && .venv/bin/uv sync",
            (
                "python -m venv .venv && .venv/bin/uv sync"
                " && .venv/bin/uv pip install --quiet --python .venv/bin/python numpy"
            ),
        ),
        (f"{PIP} -e . asv && x/asv machine", f"{PIP} -e . asv && x/asv machine && {PIP} numpy"),
    ],
)
def test_a_package_joins_the_last_install(setup: str, longer: str) -> None:
    """Or becomes an install of its own at the end."""
    assert with_package(setup, "numpy") == longer


@pytest.mark.parametrize(
    ("command", "selecting"),
    [
        (
            "p -m pytest b --benchmark-only --benchmark-json={out}",
            "p -m pytest b {select} --benchmark-only --benchmark-json={out}",
        ),
        ("p -m pytest b --codspeed -o addopts=", "p -m pytest b {select} --codspeed -o addopts="),
        (
            "cd m && go test -bench . -benchmem ./... | tee {out}",
            "cd m && go test -bench . {select} -benchmem ./... | tee {out}",
        ),
        ("go test -bench '^(A|B)$' . | tee {out}", "go test -bench '^(A|B)$' {select} . | tee {out}"),
        ("npx vitest bench --run --outputJson={out}", "npx vitest bench --run {select} --outputJson={out}"),
        ("cd b && p -m asv --config c run -E existing:p", "cd b && p -m asv --config c run {select} -E existing:p"),
        ("cargo bench --bench a | tee {out}", "cargo bench --bench a -- {select} | tee {out}"),
        ("cargo bench --bench a -- --quick | tee {out}", "cargo bench --bench a -- --quick {select} | tee {out}"),
        (
            "./x --benchmark_out={out} --benchmark_out_format=json",
            "./x --benchmark_out={out} --benchmark_out_format=json {select}",
        ),
        ("p -m pytest t -q --junitxml={out}", None),
        ("./x | tee {out}", None),
    ],
)
def test_a_selection_stands_where_the_runner_takes_names(command: str, selecting: str | None) -> None:
    """Of other runners it is not known how they are given names."""
    assert init_mends.selecting(command) == selecting


def _pytest(**changes: str) -> Project:
    fields = {"kind": "pytest-benchmark", "why": "x", "setup": f"{PIP} -e .", "command": "p -m pytest t"} | changes
    return Project(**fields)  # type: ignore[arg-type]


def test_a_module_of_the_repository_itself_is_never_installed() -> None:
    """A package of that name elsewhere would be measured on both sides instead of the change."""
    log = "ModuleNotFoundError: No module named 'mine.inner'"

    assert mended(_pytest(), log, {"mine"}) is None
    assert mended(_pytest(), log, {"other"}) is not None


def test_tests_that_fail_at_this_commit_are_left_out_by_name() -> None:
    """As long as they are few; the others are measured."""
    log = "FAILED t/test_a.py::test_x[1] - assert 0\nERROR t/test_b.py - ImportError\n"

    change = mended(_pytest(), log, set())

    assert change is not None
    assert change[0].command == "p -m pytest t '--deselect=t/test_a.py::test_x[1]' --ignore=t/test_b.py"
    assert "left out 2 that fail" in change[1]
    assert mended(_pytest(), "".join(f"FAILED t/a.py::t{n}\n" for n in range(30)), set()) is None


def test_benchmarks_of_asv_that_fail_are_left_out_by_name() -> None:
    """What a job chose before stays chosen; a parameter in brackets belongs to the name."""
    log = "[ 50.00%] ··· mod.Suite.time_a    1/3 failed\n[100.00%] ··· time_b failed\n[100.00%] ··· time_c 3.1±0ms\n"
    project = replace(_pytest(), kind="asv", command="p -m asv run -E existing:p --record-samples")
    change = mended(project, log, set())
    again = mended(change[0], "[ 50.00%] ··· time_d failed\n", set()) if change else None

    assert change is not None
    assert again is not None
    first, second = (
        re.compile(shlex.split(way.command)[shlex.split(way.command).index("--bench") + 1])
        for way in (change[0], again[0])
    )
    names = ["mod.Suite.time_a", "time_b", "time_c", "time_d", "time_b2", "mod.Suite.time_a(1)"]
    assert [name for name in names if first.search(name)] == ["time_c", "time_d", "time_b2"]
    assert [name for name in names if second.search(name)] == ["time_c", "time_b2"]


def test_program_that_fails_is_not_called_one_with_an_unknown_format() -> None:
    """Timed as a whole it fails as well, and what it says is the cause."""
    project = replace(_pytest(), kind="node", command="node b.js | tee {out}")
    log = "run 1/1 · head · exited with status 1\nSyntaxError: mitata\nThe last run wrote an empty result file: a"

    assert mended(project, log, set()) is None
    assert mended(project, log.replace("exited with status 1", "1.2 s"), set()) is not None


@pytest.mark.parametrize(
    ("unknown", "reason"),
    [
        ("--mine --benchmark-only --benchmark-json=/tmp/x", "because nothing here knows --mine"),
        ("--benchmark-only --benchmark-json=/tmp/x", "because they leave out the plugin that measures"),
    ],
)
def test_our_own_options_are_never_called_unknown(unknown: str, reason: str) -> None:
    """A project that unloads the plugin makes pytest name the options that we gave."""
    command = "p -m pytest t --benchmark-only --benchmark-json={out}"
    project = replace(_pytest(), setup=f"{PIP} pytest-benchmark", command=command)

    change = mended(project, f"error: unrecognized arguments: {unknown}", set())

    assert change is not None
    assert change[1].endswith(reason)


@pytest.mark.parametrize(
    ("fields", "log", "field", "after"),
    [
        (
            {"command": "p --codspeed --codspeed-warmup-time=0.1"},
            "error: unrecognized arguments: --codspeed-warmup-time=0.1",
            "command",
            "p --codspeed",
        ),
        (
            {"setup": "npm ci"},
            "npm error `npm ci` can only install packages when your package.json and lock file are in sync",
            "setup",
            "npm install --no-audit --no-fund",
        ),
        (
            {"setup": "npm ci"},
            'npm error aliases: clean-install, ic\nnpm error\nnpm error Run "npm help ci" for more info',
            "setup",
            "npm install --no-audit --no-fund",
        ),
        (
            {"kind": "node", "setup": "npm ci"},
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find module 'dist/index.js'",
            "setup",
            "npm ci && npm run build",
        ),
        (
            {"setup": f"{PIP} -e . numpy pycairo"},
            "ERROR: Failed building wheel for pycairo\nERROR: No module named 'x' could be used",
            "setup",
            f"{PIP} -e . numpy",
        ),
        (
            {"setup": f"{PIP} py_cairo rich"},
            "error: metadata-generation-failed\n\n× An error occurred while generating metadata.\n╰─> py-cairo\n",
            "setup",
            f"{PIP} rich",
        ),
        (
            {"command": "p -m pytest t -o 'addopts=--mine -ra' -q"},
            "error: unrecognized arguments: --mine",
            "command",
            "p -m pytest t -q -o addopts=",
        ),
        (
            {"setup": f"{PIP} -e ."},
            "No module named 'yaml'\nNo module named 'rich.text'\nNo module named 'yaml'",
            "setup",
            f"{PIP} -e . && {PIP} PyYAML rich",
        ),
        (
            {"setup": f"{PIP} -e . guessed rich"},
            "ERROR: No matching distribution found for guessed",
            "setup",
            f"{PIP} -e . rich",
        ),
        ({"command": "make b | tee {out}"}, "The last run wrote an empty result file: a", "command", "make b"),
        ({"command": "node b.js | tee {out}"}, "Measured 0 series in 1 runs", "command", "node b.js"),
    ],
)
def test_what_a_log_shows_is_mended(fields: dict[str, str], log: str, field: str, after: str) -> None:
    """One change at a time, and it is said."""
    change = mended(_pytest(**fields), log, set())

    assert change is not None
    assert getattr(change[0], field) == after


@pytest.mark.parametrize(
    ("log", "absent"),
    [
        ("go: go.mod requires go >= 1.24 (running go 1.19)", "Go 1.24. The workflow installs it"),
        (
            "Error [ERR_UNKNOWN_BUILTIN_MODULE]: No such built-in module: node:sqlite",
            "a newer Node.js, which the project's tools need. The workflow installs it",
        ),
        ('meson.build:7:0: ERROR: Dependency "glib-2.0" not found, tried pkgconfig', f"the library glib-2.0{NOT_HERE}"),
        ('a package configuration file provided by\n  "fmt" with any', f"the library fmt{NOT_HERE}"),
        ("Could NOT find Boost (missing: Boost_INCLUDE_DIR)", f"the library Boost{NOT_HERE}"),
        ("ERROR: Meson version is 1.0.1 but project requires >= 1.4.0", "Meson 1.4.0. The workflow installs it"),
        ("meson.build:3:8: ERROR: Program 'bison win_bison' not found or", f"the program bison{NOT_HERE}"),
        ('autoreconf: error: Can\'t exec "libtoolize": No such file', f"the program libtoolize{NOT_HERE}"),
        ("sh: 1: pnpm: not found", f"the program pnpm{NOT_HERE}"),
        ("sh: 1: tsc: not found", None),
        (
            "context.go:6:2: package slices is not in GOROOT (/usr/lib/go-1.19/src/slices)",
            "a newer Go, which has the package slices. The workflow installs it",
        ),
        ("error: no matching package found", None),
    ],
)
def test_a_toolchain_or_a_library_that_is_not_here_is_named(log: str, absent: str | None) -> None:
    """The files are right all the same: the workflow installs the version that the project asks for."""
    assert absent_here(log) == absent


JUNIT = """<testsuite name="pytest">
<testcase classname="tests.io.test_read.TestAll" name="test_big[1.5-x]" time="0.5"/>
<testcase classname="tests.io.test_read" name="test_small" time="0.2"/>
<testcase classname="tests.io.test_read" name="test_tiny" time="0.001"/>
<testcase classname="elsewhere.test_x" name="test_other" time="0.9"/>
</testsuite>"""


def test_the_slowest_tests_are_kept_as_first_benchmarks(tmp_path: Path) -> None:
    """By the names that pytest takes; those that are too short, or of a file that is not there, are left out."""
    write(tmp_path, {"pyproject.toml": "[project]\nname = 'x'", "tests/io/test_read.py": "", "x.xml": JUNIT})
    project = next(way for way in recognise(tmp_path) if way.kind == "pytest")
    report = formats.gather([str(tmp_path / "x.xml")])[0]

    failing = replace(project, command=f"{project.command} --deselect=tests/a.py::test_x '--deselect=tests/a.py::y[ ]'")

    changed = slowest_tests(failing, report, Repository(tmp_path))

    assert changed is not None
    assert "deselect" not in changed[0].command
    assert times_all_tests(project)
    assert not times_all_tests(changed[0])
    assert changed[0].command.startswith(
        ".venv/bin/python -m pytest 'tests/io/test_read.py::TestAll::test_big[1.5-x]' "
        "tests/io/test_read.py::test_small -q -p no:cacheprovider --junitxml={out} "
    )
    assert changed[0].carry == ("tests/io/test_read.py",)
    assert changed[1] == "kept the 2 slowest of 4 tests"


def test_tests_that_were_slow_only_once_are_left_out(tmp_path: Path) -> None:
    """The machine was busy when all of them ran; a test that takes no measurable time has no ratio."""
    case = '<testcase classname="tests.test_a" name="{}" time="{}"/>'
    text = f"<testsuite>{case.format('test_slow', 0.02)}{case.format('test_fast', 0.001)}</testsuite>"
    write(tmp_path, {"pyproject.toml": "[project]\nname = 'x'", "tests/test_a.py": "", "x.xml": text})
    project = next(way for way in recognise(tmp_path) if way.kind == "pytest")
    names = "tests/test_a.py::test_slow tests/test_a.py::test_fast"
    chosen = replace(project, command=project.command.replace(" tests ", f" {names} "))
    report = formats.gather([str(tmp_path / "x.xml")])[0]

    kept, shown = without_fast_tests(chosen, report, Repository(tmp_path))

    assert kept.command.startswith(".venv/bin/python -m pytest tests/test_a.py::test_slow -q ")
    assert [series.benchmark.name for series in shown.series] == ["tests.test_a.test_slow"]
    (tmp_path / "x.xml").write_text(text.replace("0.02", "0.006"))
    none = formats.gather([str(tmp_path / "x.xml")])[0]
    assert without_fast_tests(chosen, none, Repository(tmp_path))[1].series == ()
    other = replace(project, command="python -m pytest tests/test_a.py --benchmark-only")
    assert without_fast_tests(other, report, Repository(tmp_path)) == (other, report)


def test_fast_tests_make_no_benchmark(tmp_path: Path) -> None:
    """One round of a millisecond says nothing."""
    text = '<testsuite><testcase classname="tests.test_a" name="test_a" time="0.009"/></testsuite>'
    write(tmp_path, {"pyproject.toml": "[project]\nname = 'x'", "tests/test_a.py": "", "x.xml": text})
    project = next(way for way in recognise(tmp_path) if way.kind == "pytest")

    assert slowest_tests(project, formats.gather([str(tmp_path / "x.xml")])[0], Repository(tmp_path)) is None


GO = "package x\n\n" + "".join(f"func Benchmark{name}(b *testing.B) {{}}\n" for name in "ABCDEF")


@pytest.mark.parametrize(
    ("folders", "part", "said"),
    [
        (["."], "-bench '^(BenchmarkA|BenchmarkE)$' -benchmem -benchtime 0.2s . |", "2 of 6 functions"),
        (["a", "b"], "-bench . -benchmem -benchtime 0.2s ./a |", "./a"),
        ([f"p{n:02}" for n in range(14)], "-bench . -benchmem -benchtime 0.2s ./p00 ./p04 ./p08 ./p12 |", "./p00"),
    ],
)
def test_a_long_go_suite_is_measured_in_part(tmp_path: Path, folders: list[str], part: str, said: str) -> None:
    """A quarter of the packages, also where they are too many to name; of one package a quarter of its functions."""
    write(tmp_path, {"go.mod": "module x", "other/go.mod": "module y", "other/a_test.go": GO})
    write(tmp_path, {f"{folder}/a_test.go": GO for folder in folders})
    project = next(way for way in recognise(tmp_path) if way.kind == "go" and way.place == ".")

    changed = part_of(project, Repository(tmp_path))

    assert changed is not None
    assert part in changed[0].command
    assert said in changed[1]


def test_a_part_of_functions_has_parts_of_its_own(tmp_path: Path) -> None:
    """Until one function is left, of which there is no part."""
    write(tmp_path, {"go.mod": "module x", "a_test.go": GO})
    once = part_of(recognise(tmp_path)[0], Repository(tmp_path))
    twice = part_of(once[0], Repository(tmp_path)) if once else None

    assert twice is not None
    assert "-bench '^(BenchmarkA)$'" in twice[0].command
    assert part_of(twice[0], Repository(tmp_path)) is None


def test_a_part_of_files_of_vitest_is_a_dozen_at_most(tmp_path: Path) -> None:
    """Hundreds of files are not tried by the quarter, because each try takes as long as a run may."""
    manifest = {"package.json": '{"devDependencies": {"vitest": "3"}}'}
    write(tmp_path, manifest | {f"perf/{number:03}.bench.ts": "" for number in range(200)})
    once = part_of(recognise(tmp_path)[0], Repository(tmp_path))
    twice = part_of(once[0], Repository(tmp_path)) if once else None

    assert once is not None
    assert once[1].endswith("10 of 200 files")
    assert "vitest bench --run perf/000.bench.ts perf/020.bench.ts " in once[0].command
    assert once[0].command.endswith(" perf/180.bench.ts --outputJson={out}")
    assert twice is not None
    assert "bench --run perf/000.bench.ts perf/080.bench.ts perf/160.bench.ts --out" in twice[0].command


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("npm error notarget No matching version found for bench-node@^0.14.0.\n", "the package bench-node@^0.14.0,"),
        ("npm error 404 Not Found - GET https://r/top-sites/-/top-sites-1.1.tgz\n", "the package top-sites-1.1.tgz,"),
        ("ERR_PNPM_FETCH_404\u2009 GET https://r/a/-/a-2.tgz: Not Found - 404", "the package a-2.tgz,"),
        ("ERROR: No matching distribution found for numpy==9\n", "the package numpy==9,"),
        ('go: example.org/x@v1.2: Get "https://p": dial tcp: no such host', "the module example.org/x,"),
        ('a/x.go:19:2: example.org/x@v1.2: Get "https://p": dial tcp: no such host', "the module example.org/x,"),
        (
            "[6] Could not resolve hostname (Could not resolve host: index.example.org)",
            "what lies at index.example.org,",
        ),
        ("fatal: unable to access 'https://example.org/x/': no", "what lies at https://example.org/x/,"),
        (
            "meson.build:5:2: ERROR: could not get https://example.org/g.tgz is the internet",
            "what lies at example.org,",
        ),
        (
            "Could not transfer artifact org.x:y:pom:5.1 from/to central (https://e.org)",
            "the artifact org.x:y:pom:5.1,",
        ),
        ("Exception in thread main java.net.UnknownHostException: e.org", "what lies at e.org,"),
        ("AssertionError: 404", None),
    ],
)
def test_what_could_not_be_fetched_is_named(log: str, said: str | None) -> None:
    """A person behind a mirror or without a network sees which package it is about."""
    assert (out_of_reach(log) or "").partition(" which")[0] == (said or "")
