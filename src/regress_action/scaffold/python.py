"""Python projects: benchmarks with asv, pytest-benchmark, pytest-codspeed or pyperf, found by parsing."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.scaffold.project import Project
from regress_action.scaffold.python_first import first_benchmarks, toolchain
from regress_action.scaffold.python_uses import files_option, paths_to_collect, setting, uses
from regress_action.scaffold.requirement_groups import groups
from regress_action.scaffold.requirements import install_command, python_version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

    from regress_action.scaffold.python_uses import Uses
    from regress_action.scaffold.repository import Repository

_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_PYTHON = ".venv/bin/python"
_MOST_SCRIPTS = 8
_CODSPEED = "--codspeed --codspeed-mode=walltime --codspeed-warmup-time=0.1 --codspeed-max-time=0.3"
_BENCHMARK = "--benchmark-only --benchmark-max-time=0.3 --benchmark-json={out}"
"""Rounds are short: every run is a process of its own, and more processes say more than more rounds."""

_DISTURBING = re.compile(
    r"-n(?:\d+|auto|logical)?$|--numprocesses|--dist\b|--(?:no-)?cov\b|--benchmark-|--codspeed|--maxfail|-x$"
)
_PYPERF = "--processes=1 --values=5 --warmups=1"
_OWN_CONFIG = ".asv-regress.json"
_OWN_RESULTS = ".asv-regress"
_ASV_CONFIG = (
    'from asv.util import load_json, write_json; c = load_json("asv.conf.json", js_comments=True); '
    f'c.update(results_dir="{_OWN_RESULTS}", repo="%s", branches=["HEAD"]); write_json("{_OWN_CONFIG}", c)'
)
"""Writes a copy of asv's configuration. Its results lie apart, because many projects keep theirs under version control;
its repository is the one that is checked out, because others name an address or a branch that is not here."""


def projects(repository: Repository) -> list[Project]:
    """Return the ways to measure a Python project, the most likely one first; none for other projects."""
    if not any(map(repository.exists, _MARKS)):
        return []
    used = uses(repository)
    ways = [*_pytest(repository, used), *_asv(repository), *_pyperf(repository, used)]
    first = first_benchmarks(repository)
    if not any(map(repository.exists, _MARKS[:-1])):  # requirements alone may be those of a script beside other code
        first = [project for project in first if not project.missing]
    return ways + first


def _pytest(repository: Repository, used: Uses) -> list[Project]:
    """Return the ways to run benchmarks that pytest collects."""
    files = (*used.fixture, *used.marker)
    if not files:
        return []
    declared = [group for group in groups(repository) if group.names("pytest-codspeed")]
    codspeed = bool(declared) or not used.fixture
    paths = paths_to_collect(repository, files)
    version, version_source = python_version(repository)
    tool = "pytest-codspeed" if codspeed else "pytest-benchmark"
    flags, results = (_CODSPEED, ".codspeed/results_*.json") if codspeed else (_BENCHMARK, "")
    options = files_option(repository, files, paths) + _neutralised(repository)
    command = f"{_PYTHON} -m pytest {' '.join(paths)} {flags}{options}"
    helpers = [path for path in repository.matching(r"(?:.*/)?conftest\.py") if _is_above(path, files)]
    project = Project(
        kind=tool,
        why=f"{len(files)} file{'s use' if len(files) > 1 else ' uses'} "
        f"{'the fixture `benchmark`' if used.fixture else 'the marker `benchmark`'}, {files[0]} for one",
        command=command,
        results=results,
        carry=tuple(_carried(repository, paths, files)),
        toolchain=toolchain(version),
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


def _carried(repository: Repository, paths: Sequence[str], files: Sequence[PurePosixPath]) -> list[str]:
    """Return the paths that may replace the base's: folders with nothing but tests, else the files themselves.

    A folder that holds the package would make the base a copy of the head.
    """
    tests = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test|conftest|__init__|bench[^/]*)\.py")
    inside = [path for path in repository.matching(r".*\.py") if any(path.is_relative_to(folder) for folder in paths)]
    named = re.compile(r"(?:tests?|testing|bench\w*|perf\w*)")
    mixed = [path for path in inside if not tests.fullmatch(str(path)) and not any(map(named.fullmatch, path.parts))]
    return [str(path) for path in files] if mixed else list(paths)


def _is_above(path: PurePosixPath, files: Sequence[PurePosixPath]) -> bool:
    return any(file.is_relative_to(path.parent) for file in files)


def _neutralised(repository: Repository) -> str:
    """Return an option that leaves out what disturbs measurements of the project's own options for pytest."""
    words = shlex.split(setting(repository, "addopts"), comments=True)
    kept = [word for position, word in enumerate(words) if not _disturbs(word, words[position - 1] if position else "")]
    return "" if kept == words else f" -o {shlex.quote(f'addopts={shlex.join(kept)}')}"


def _disturbs(word: str, before: str) -> bool:
    """Whether an option, or the value of the option before it, is about parallel workers, coverage or other modes."""
    takes_value = _DISTURBING.match(before) and re.fullmatch(r"-n|--numprocesses|--dist|--cov(?:-\w+)?", before)
    return bool(_DISTURBING.match(word)) or (takes_value is not None and not word.startswith("-"))


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
                setup=f"{setup} && {enter}{python} -m asv machine --yes && {python} -c {_ASV_CONFIG % up!r}",
                command=f"{enter}{python} -m asv --config {_OWN_CONFIG} run -E existing:{python} --record-samples "
                "--quick --set-commit-hash $(git rev-parse HEAD)",
                results=posixpath.normpath(posixpath.join(str(folder), _OWN_RESULTS)),
                carry=(benchmarks,),
                toolchain=toolchain(version),
                sources=(
                    ("setup", source),
                    ("results", f"a copy of {path} with a results_dir of its own, which may be emptied before a run"),
                    ("carry", f"benchmark_dir of {path}"),
                    ("python-version", version_source),
                ),
            )
        )
    return projects


def _pyperf(repository: Repository, used: Uses) -> list[Project]:
    """Return the way to run scripts that use pyperf."""
    scripts = used.pyperf
    if not scripts:
        return []
    chosen = scripts[:_MOST_SCRIPTS]
    setup, source = install_command(repository, ["pyperf"], chosen, locked=False)
    version, version_source = python_version(repository)
    others = f"; {len(scripts) - len(chosen)} more scripts are left out" if len(scripts) > len(chosen) else ""
    named = f"{scripts[0]} uses" if len(chosen) == 1 else f"{len(chosen)} scripts use"
    return [
        Project(
            kind="pyperf",
            why=f"{named} pyperf{others}",
            setup=setup,
            command=" && ".join(f"{_PYTHON} {script} {_PYPERF} --append={{out}}" for script in chosen),
            carry=tuple(map(str, chosen)),
            toolchain=toolchain(version),
            sources=(("setup", source), ("python-version", version_source)),
        )
    ]
