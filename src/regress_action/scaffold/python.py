"""Python projects: benchmarks with asv, pytest-benchmark, pytest-codspeed or pyperf, found by parsing."""

from __future__ import annotations

import ast
import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regress_action.scaffold.project import Project
from regress_action.scaffold.requirements import groups, install_command, python_version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_PYTHON = ".venv/bin/python"
_MOST_PATHS = 12
_OWN_CONFIG = ".asv-regress.json"
_OWN_RESULTS = ".asv-regress"
_ASV_CONFIG = (
    'from asv.util import load_json, write_json; c = load_json("asv.conf.json", js_comments=True); '
    f'c["results_dir"] = "{_OWN_RESULTS}"; write_json("{_OWN_CONFIG}", c)'
)
"""Writes a copy of asv's configuration whose results lie apart: many projects keep theirs under version control."""


@dataclass(frozen=True, slots=True)
class _Uses:
    """The files that use the `benchmark` fixture, a benchmark marker, or pyperf."""

    fixture: tuple[PurePosixPath, ...]
    marker: tuple[PurePosixPath, ...]
    pyperf: tuple[PurePosixPath, ...]


def projects(repository: Repository) -> list[Project]:
    """Return the ways to measure a Python project, the most likely one first; none for other projects."""
    if not any(map(repository.exists, _MARKS)):
        return []
    uses = _uses(repository)
    ways = [*_pytest(repository, uses), *_asv(repository), *_pyperf(repository, uses)]
    return ways or _first(repository)


def _uses(repository: Repository) -> _Uses:
    """Parse the Python files that mention benchmarks."""
    fixture, marker, pyperf = [], [], []
    for path in repository.matching(r".*\.py"):
        text = repository.text(path)
        if "benchmark" not in text and "pyperf" not in text and "codspeed" not in text:
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        if any(_takes_fixture(node) for node in ast.walk(tree)):
            fixture.append(path)
        elif "benchmark" in text and any(_is_marker(node) for node in ast.walk(tree)):
            marker.append(path)
        elif any(_is_runner(node) for node in ast.walk(tree)):
            pyperf.append(path)
    return _Uses(tuple(fixture), tuple(marker), tuple(pyperf))


def _takes_fixture(node: ast.AST) -> bool:
    return (
        isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith(("test", "bench"))
        and any(argument.arg == "benchmark" for argument in (*node.args.args, *node.args.kwonlyargs))
    )


def _is_marker(node: ast.AST) -> bool:
    """Whether a node is `pytest.mark.benchmark` or `pytest.mark.codspeed_benchmark`, called or not."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("benchmark", "codspeed_benchmark")
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "mark"
    )


def _is_runner(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "Runner"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("pyperf", "perf")
    )


def _pytest(repository: Repository, uses: _Uses) -> list[Project]:
    """Return the ways to run benchmarks that pytest collects."""
    files = (*uses.fixture, *uses.marker)
    if not files:
        return []
    declared = [group for group in groups(repository) if group.names("pytest-codspeed")]
    codspeed = bool(declared) or not uses.fixture
    paths = _paths(repository, files)
    version, version_source = python_version(repository)
    tool = "pytest-codspeed" if codspeed else "pytest-benchmark"
    flags, results = (
        ("--codspeed --codspeed-mode=walltime --codspeed-max-time=1", ".codspeed/results_*.json")
        if codspeed
        else ("--benchmark-only --benchmark-json={out}", "")
    )
    command = f"{_PYTHON} -m pytest {' '.join(paths)} {flags}{_neutralised(repository)}"
    helpers = [path for path in repository.matching(r"(?:.*/)?conftest\.py") if _is_above(path, files)]
    project = Project(
        kind=tool,
        why=f"{len(files)} file{'s use' if len(files) > 1 else ' uses'} "
        f"{'the fixture `benchmark`' if uses.fixture else 'the marker `benchmark`'}, {files[0]} for one",
        command=command,
        results=results,
        carry=tuple(paths),
        toolchain=_toolchain(version),
        sources=(
            ("command", f"{_PYTHON.partition('/')[0]} as `setup` makes it; {tool} by {_said(declared, tool)}"),
            ("carry", "the files with benchmarks"),
            ("python-version", version_source),
        ),
    )
    projects = []
    for locked in (True, False) if repository.exists("uv.lock") else (False,):
        setup, source = install_command(repository, ["pytest", tool], [*files, *helpers], locked=locked)
        projects.append(replace(project, setup=setup, sources=(*project.sources, ("setup", source))))
    return projects


def _said(declared: Sequence[object], tool: str) -> str:
    return f"{declared[0].source}" if declared else f"the way the benchmarks use {tool}"  # type: ignore[attr-defined]


def _paths(repository: Repository, files: Sequence[PurePosixPath]) -> list[str]:
    """Return what to give to pytest: the files, or their common folder where they are many."""
    if len(files) <= _MOST_PATHS:
        folders = {str(path.parent) for path in files}
        if len(folders) == 1 and len(files) > 1:
            (folder,) = folders
            tests = [path for path in repository.files if str(path.parent) == folder and path.name.startswith("test_")]
            if folder != "." and set(tests) <= set(files):
                return [folder]
        return [str(path) for path in files]
    return [posixpath.commonpath([str(path.parent) for path in files]) or "."]


def _is_above(path: PurePosixPath, files: Sequence[PurePosixPath]) -> bool:
    return any(file.is_relative_to(path.parent) for file in files)


def _neutralised(repository: Repository) -> str:
    """Return options that undo what the project's own options do to measurements: parallel workers and coverage."""
    pytest_options = repository.toml("pyproject.toml").get("tool", {}).get("pytest", {})
    written = (
        str(pytest_options) + repository.text("pytest.ini") + repository.text("setup.cfg") + repository.text("tox.ini")
    )
    addopts = next((line for line in written.replace("\\n", "\n").splitlines() if "addopts" in line), "")
    options = " -n 0" if " -n" in addopts or "numprocesses" in addopts else ""
    return options + (" --no-cov" if "--cov" in addopts else "")


def _asv(repository: Repository) -> list[Project]:
    """Return the ways to run the suites of airspeed velocity, in the environment that `setup` makes."""
    projects = []
    for path in repository.matching(r"(?:.*/)?asv\.conf\.json"):
        folder = path.parent
        config = repository.json(str(path))
        benchmarks = posixpath.normpath(posixpath.join(str(folder), str(config.get("benchmark_dir") or "benchmarks")))
        up = posixpath.relpath(".", str(folder))
        python = posixpath.normpath(posixpath.join(up, _PYTHON))
        enter = "" if str(folder) == "." else f"cd {folder} && "
        files = [file for file in repository.matching(r".*\.py") if str(file).startswith(f"{benchmarks}/")]
        setup, source = install_command(repository, ["asv"], files, locked=False)
        version, version_source = python_version(repository)
        projects.append(
            Project(
                kind="asv",
                why=f"{path} was found",
                setup=f"{setup} && {enter}{python} -m asv machine --yes && {python} -c {_ASV_CONFIG!r}",
                command=f"{enter}{python} -m asv --config {_OWN_CONFIG} run -E existing:{python} --record-samples "
                "--quick --set-commit-hash $(git rev-parse HEAD)",
                results=posixpath.normpath(posixpath.join(str(folder), _OWN_RESULTS)),
                carry=(benchmarks,),
                toolchain=_toolchain(version),
                sources=(
                    ("setup", source),
                    ("results", f"a copy of {path} with a results_dir of its own, which may be emptied before a run"),
                    ("carry", f"benchmark_dir of {path}"),
                    ("python-version", version_source),
                ),
            )
        )
    return projects


def _pyperf(repository: Repository, uses: _Uses) -> list[Project]:
    """Return the way to run scripts that use pyperf."""
    scripts = uses.pyperf
    if not scripts:
        return []
    setup, source = install_command(repository, ["pyperf"], scripts[:1], locked=False)
    version, version_source = python_version(repository)
    others = f"; {len(scripts) - 1} more scripts are left out" if len(scripts) > 1 else ""
    return [
        Project(
            kind="pyperf",
            why=f"{scripts[0]} uses pyperf{others}",
            setup=setup,
            command=f"{_PYTHON} {scripts[0]} --fast --output={{out}}",
            carry=(str(scripts[0]),),
            toolchain=_toolchain(version),
            sources=(("setup", source), ("python-version", version_source)),
        )
    ]


def _first(repository: Repository) -> list[Project]:
    """Return a first benchmark for a project that has none: the time of its import."""
    package = _package(repository)
    setup, source = install_command(repository, [], [], locked=False)
    version, version_source = python_version(repository)
    if package is None:
        return [
            Project(
                kind="python",
                why="no benchmark was found, and no package that could be imported",
                setup=setup,
                command="",
                toolchain=_toolchain(version),
                missing="Name a command in regress.yml that does something worth measuring.",
            )
        ]
    return [
        Project(
            kind="python",
            why=f"no benchmark was found, so the import of {package} is measured as a first one",
            setup=setup,
            command=f'{_PYTHON} -c "import {package}"',
            toolchain=_toolchain(version),
            sources=(("setup", source), ("command", f"the package {package}"), ("python-version", version_source)),
            first=True,
        )
    ]


def _package(repository: Repository) -> str | None:
    """Return the package of the project: below `src`, by its name, or the only one at the top."""
    tops = [
        path.parent
        for path in repository.matching(r"(?:src/)?[A-Za-z_]\w*/__init__\.py")
        if path.parent.name not in ("tests", "test", "docs", "examples", "benchmarks")
    ]
    name = str(repository.toml("pyproject.toml").get("project", {}).get("name", "")).replace("-", "_").lower()
    named = [path for path in tops if path.name.lower() == name]
    inside = [path for path in tops if path.parts[0] == "src"]
    modules = [path.stem for path in repository.matching(r"(?:src/)?[A-Za-z_]\w*\.py") if path.stem.lower() == name]
    chosen = [path.name for path in (named or inside or (tops if len(tops) == 1 else []))] or modules
    return chosen[0] if chosen else None


def _toolchain(version: str) -> tuple[str, ...]:
    return ("- uses: actions/setup-python@v6", f"  with: {{python-version: '{version}'}}")
