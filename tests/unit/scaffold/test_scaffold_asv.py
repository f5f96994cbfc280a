"""How `init` translates the configuration and the jobs of airspeed velocity."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from regress_action.scaffold import Repository, Suite, drafts, other_tools, recognise
from unit.scaffold.scaffold_repositories import write

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.scaffold import Project

PIP = "python -m venv .venv && .venv/bin/python -m pip install --quiet"
PROJECT = "[project]\nname = 'x'\n"
JOB = """on: pull_request
env: {FACTOR: 1.5, OPENBLAS_NUM_THREADS: 1, TOKEN: '${{ secrets.token }}'}
jobs:
  speed:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
      - uses: actions/setup-python@v6
        with: {python-version: '3.12'}
      - uses: dtolnay/rust-toolchain@stable
      - run: |
          sudo apt-get install --yes libgeos-dev
          pip install asv
      - name: Compare
        if: github.event_name == 'pull_request'
        run: |
          asv machine --yes
          LINE
"""


def asv(root: Path, config: dict[str, object], workflow: str = "") -> list[Project]:
    """Write a project with a suite of asv and, where there is one, a job; return the ways that measure with asv."""
    files = {"pyproject.toml": PROJECT, "asv.conf.json": json.dumps(config), "benchmarks/bench_io.py": "import numpy\n"}
    write(root, files | ({".github/workflows/speed.yml": workflow} if workflow else {}))
    return [project for project in recognise(root) if project.kind == "asv"]


@pytest.mark.parametrize(
    ("config", "installed"),
    [
        ({"matrix": {"req": {"numpy": ["1.26", "2.1"], "six": [None]}}}, "-e . asv numpy numpy==2.1"),
        ({"matrix": {"pip+scipy": [], "numba": [">=0.60"]}}, "-e . asv numpy scipy 'numba>=0.60'"),
        ({"install_command": ["python -mpip install {wheel_file}[fast] cython"]}, "-e '.[fast]' asv numpy cython"),
        ({"build_command": ["python -m build --wheel -o {build_cache_dir} {build_dir}"]}, "-e . asv numpy"),
    ],
)
def test_the_setup_installs_what_asv_would_install(tmp_path: Path, config: dict[str, object], installed: str) -> None:
    """The last of the versions in the matrix, the extras and the packages of the commands."""
    assert f"{PIP} {installed} && .venv/bin/python -m asv machine --yes" in asv(tmp_path, config)[0].setup


def test_packages_of_conda_are_tried_and_then_left_out(tmp_path: Path) -> None:
    """There is no package of some names for pip, so a second way follows without them."""
    ways = asv(tmp_path, {"environment_type": "conda", "matrix": {"req": {"pytables": []}}})

    assert ["pytables" in way.setup for way in ways] == [True, False]


def test_the_variables_of_the_matrix_and_of_the_job_are_set_for_the_suite(tmp_path: Path) -> None:
    """A variable that an expression gives, or that is about the workflow itself, is not."""
    config: dict[str, object] = {"matrix": {"env_nobuild": {"PYTHONHASHSEED": ["0"]}, "env": {"UNSET": [None]}}}

    command = asv(tmp_path, config, JOB.replace("LINE", "asv continuous main HEAD"))[0].command

    assert command.startswith("OPENBLAS_NUM_THREADS=1 PYTHONHASHSEED=0 .venv/bin/python -m asv --config ")


@pytest.mark.parametrize(
    ("pythons", "version"), [(["3.8", "3.12", "pypy3"], "3.12"), (["3.8"], "3.13"), (["3.99"], "3.13"), ([], "3.13")]
)
def test_the_newest_python_of_the_suite_is_installed(tmp_path: Path, pythons: list[str], version: str) -> None:
    """Not one that nobody maintains any more, nor one that the project does not allow."""
    assert f"'{version}'" in "".join(asv(tmp_path, {"pythons": pythons})[0].toolchain)


@pytest.mark.parametrize(
    ("line", "threshold", "fails"),
    [
        ("asv continuous --factor 1.3 main HEAD", 1.3, True),
        ("asv continuous -f $FACTOR main HEAD | tee log", 1.5, False),
        ("asv --config asv.conf.json continuous main HEAD", 1.1, True),
        ("asv continuous --factor ${{ inputs.factor }} main HEAD || true", 1.1, False),
        ("asv run HEAD^!", None, False),
        (
            "asv continuous --factor=1.2 main HEAD | tee log\n          grep 'PERFORMANCE DECREASED' log && exit 1",
            1.2,
            True,
        ),
    ],
)
def test_a_job_says_which_ratio_alarms_and_whether_it_fails(
    tmp_path: Path, line: str, threshold: float | None, fails: bool
) -> None:
    """`--factor` of `asv continuous`, which is 1.1 where it is not given; asv exits with 1 where it alarms."""
    project = asv(tmp_path, {}, JOB.replace("LINE", line))[0]

    assert (project.threshold, project.fails) == (threshold, fails)


def test_a_job_brings_its_selection_and_its_toolchain(tmp_path: Path) -> None:
    """Packages of the system and other languages; Python itself and its packages come from the setup."""
    project = asv(tmp_path, {}, JOB.replace("LINE", "asv run --quick --bench 'bench_io.*' HEAD^!"))[0]

    assert " run --bench 'bench_io.*' -E existing:" in project.command
    assert project.toolchain[2:] == (
        "- uses: dtolnay/rust-toolchain@stable",
        "- run: sudo apt-get install --yes libgeos-dev",
    )


def test_thresholds_of_asv_become_ours(tmp_path: Path) -> None:
    """A pattern for everything is the default, one for a module that of its service; the files say so."""
    config: dict[str, object] = {"regressions_thresholds": {".*": 0.05, "^bench_io[.]": 0.5, "other": 0.1, "x": -1}}
    suite = Suite("s", asv(tmp_path, config, JOB.replace("LINE", "asv run HEAD^!"))[0])
    replaced = list(other_tools(Repository(tmp_path)))
    workflow, settings, thresholds = (
        draft.text for draft in drafts([suite], branch="main", action="a/b@v1", replaced=replaced)
    )

    assert yaml.safe_load(thresholds) == {
        "default": {"regression_threshold": 1.05},
        "bench_io": {"regression_threshold": 1.5},
    }
    assert "# From: regressions_thresholds of asv.conf.json." in thresholds
    assert "# .github/workflows/speed.yml runs asv as well." in workflow
    assert "From: asv.conf.json, the job speed of .github/workflows/speed.yml." in settings


def test_a_configuration_with_comments_behind_its_lines_is_read(tmp_path: Path) -> None:
    """Comments may stand everywhere; an address is none."""
    text = (
        '{ // first\n "repo": "https://example.org/x", /* "benchmark_dir": "no" */ "benchmark_dir": "perf", // last\n}'
    )
    write(tmp_path, {"pyproject.toml": PROJECT, "bench/asv.conf.jsonc": text, "bench/perf/a.py": ""})

    assert recognise(tmp_path)[0].carry == ("bench/perf",)


def test_each_suite_takes_the_job_that_names_its_folder(tmp_path: Path) -> None:
    """With several suites, a job of another one says nothing."""
    job = JOB.replace("LINE", "(cd one && asv continuous --factor 1.4 main HEAD)")
    write(tmp_path, {"pyproject.toml": PROJECT, "one/asv.conf.json": "{}", "two/asv.conf.json": "{}"})
    write(tmp_path, {".github/workflows/speed.yml": job})

    thresholds = {way.carry[0]: way.threshold for way in recognise(tmp_path) if way.kind == "asv"}

    assert thresholds == {"one/benchmarks": 1.4, "two/benchmarks": None}


def test_benchmarks_for_asv_without_its_configuration_are_recognised(tmp_path: Path) -> None:
    """A folder whose classes have methods like time_…: the setup writes what asv needs to run them."""
    text = "class Suite:\n    def setup(self): pass\n    def time_sum(self): sum([1])\n"
    write(tmp_path, {"pyproject.toml": PROJECT, "my benchmarks/notes.py": "", "benchmarks/bench_a.py": text})
    (way,) = (project for project in recognise(tmp_path) if project.kind == "asv")
    assert way.why == "benchmarks holds benchmarks for asv without its configuration, benchmarks/bench_a.py for one"
    assert '"benchmark_dir": "benchmarks"' in way.setup
    assert way.setup.startswith(f"{PIP} -e . asv && touch benchmarks/__init__.py && ")
    assert way.command.startswith(".venv/bin/python -m asv --config .asv-regress.json run -E existing:.venv/bin/python")
    assert (way.results, way.carry, recognise(tmp_path)[0].kind) == (".asv-regress", ("benchmarks",), "asv")


def test_the_innermost_folder_with_all_benchmarks_for_asv_is_theirs(tmp_path: Path) -> None:
    """Their names then have no folder that all share, as where the configuration lies in the outer one."""
    files = {f"benchmarks/benchmarks/{name}.py": "def time_a(): pass\n" for name in ("a", "b", "__init__")}
    write(tmp_path, {"pyproject.toml": PROJECT, "benchmarks/README.md": "", **files})
    assert recognise(tmp_path)[0].carry == ("benchmarks/benchmarks",)
    assert "touch" not in recognise(tmp_path)[0].setup


@pytest.mark.parametrize(
    ("path", "text"), [("shop/clock.py", "def time_left(): pass\n"), ("benchmarks/a.py", "x = 'def time_a'\n")]
)
def test_a_name_alone_is_no_benchmark_for_asv(tmp_path: Path, path: str, text: str) -> None:
    """A function like time_… counts in a folder for benchmarks, and as code."""
    write(tmp_path, {"pyproject.toml": PROJECT, path: text})
    assert all(project.kind != "asv" for project in recognise(tmp_path))
