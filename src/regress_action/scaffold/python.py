"""Python projects: benchmarks with asv, pytest-benchmark, pytest-codspeed or pyperf, found by parsing.

Also here: first benchmarks of a Python project that has none: its benchmark scripts, its command line, its import.
"""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from regress_action.scaffold import asv
from regress_action.scaffold.python_uses import (
    common_folder,
    configuration,
    files_option,
    functions_option,
    parsed,
    paths_to_collect,
    setting,
    uses,
)
from regress_action.scaffold.repository import Project, shell_word
from regress_action.scaffold.requirements import (
    compiled_modules,
    entry,
    groups,
    install_command,
    is_installable,
    python_version,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.scaffold.python_uses import Uses
    from regress_action.scaffold.repository import Repository


_PYTHON = ".venv/bin/python"
_SCRIPT = re.compile(
    r"(?:.*/)?(?:bench(?:marks?)?/(?:run|main|all)|(?:[\w-]+_)?(?:bench|benchmarks?|perf)(?:_[\w-]+)?)\.py"
)
_NOT_A_PACKAGE = ("tests", "test", "docs", "doc", "examples", "example", "benchmarks", "benchmark", "bench", "scripts")
_MOST_FIRST_SCRIPTS = 2

JUNIT = "--junitxml={out} -o junit_duration_report=call"
"""Asks pytest for the time of every test, its fixtures aside."""

_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_MOST_SCRIPTS = 8
_CODSPEED = "--codspeed --codspeed-mode=walltime --codspeed-warmup-time=0.1 --codspeed-max-time=0.3"
_BENCHMARK = "--benchmark-only --benchmark-max-time=0.3 --benchmark-json={out}"
"""Rounds are short: every run is a process of its own, and more processes say more than more rounds."""

_DISTURBING = re.compile(
    r"-n(?:\d+|auto|logical)?$|--numprocesses|--dist\b|--(?:no-)?cov\b|--benchmark-|--codspeed|--maxfail|-x$"
)
_UNLOADED = re.compile(r"(?<!\S)-p\s*no:(?:pytest[-_])?(?:benchmark|codspeed)(?!\S)")
"""The plugin that measures, left out of all other runs of the project's tests."""

_PYPERF = "--processes=1 --values=5 --warmups=1 --min-time=0.02"
"""A value lasts 20 ms instead of 100: there are few in each run, and many runs."""


def first_benchmarks(repository: Repository) -> list[Project]:
    """Return first benchmarks for a project that has none which a known tool runs; there is always at least one."""
    package = _package(repository)
    setup, source = install_command(repository, [], [], locked=False)
    version, version_source = python_version(repository)
    shared: dict[str, Any] = {"kind": "python", "setup": setup, "toolchain": toolchain(version)}
    sources = (("setup", source), ("python-version", version_source))
    projects = [
        Project(
            **shared,
            why=f"no benchmark of a known tool was found, so the script {script} is timed as a whole, as a first one",
            command=f"{_PYTHON} {shell_word(script)}",
            carry=(str(script),),
            sources=(*sources, ("command", f"the script {script}")),
            first=True,
        )
        for script in _scripts(repository)
    ]
    projects = [_with_imports(repository, project) for project in projects]
    if package:
        projects.append(
            Project(
                **shared,
                why=f"no benchmark was found, so the import of {package} is measured as a first one",
                command=f'{_PYTHON} -c "import {package}"',
                sources=(*sources, ("command", f"the package {package}")),
                first=True,
            )
        )
    if program := _program(repository):
        projects.append(
            Project(
                **shared,
                why=f"no benchmark was found, so the start of {program} is measured as a first one",
                command=f".venv/bin/{program} --help",
                sources=(*sources, ("command", f"the program {program} of pyproject.toml")),
                first=True,
            )
        )
    projects += _tests(repository)
    return projects or [
        Project(
            **shared,
            why="no benchmark was found, and no package that could be imported",
            command="",
            missing="Name a command in regress.yml that does something worth measuring.",
        )
    ]


def _tests(repository: Repository) -> list[Project]:
    """Return the way to time the project's own tests, of which a trial keeps the slowest."""
    named = [*setting(repository, "testpaths").split(), "tests", "test"]
    file = r"/(?:.*/)?(?:test_[^/]*|[^/]*_test)\.py"
    folder = next((path for path in named if repository.matching(re.escape(path) + file)), None)
    if folder is None:
        return []
    neutral = _neutralised(repository, PurePosixPath(folder))
    helpers = [path for path in repository.matching(r"(?:.*/)?conftest\.py") if not path.is_relative_to("docs")]
    setup, source = install_command(repository, ["pytest"], helpers, locked=False)
    version, version_source = python_version(repository)
    return [
        Project(
            kind="pytest",
            why=f"no benchmark was found, so the slowest tests of {folder} are timed, as first ones",
            setup=setup,
            command=f"{_PYTHON} -m pytest {shell_word(folder)} -q -p no:cacheprovider {JUNIT}{neutral}",
            toolchain=toolchain(version),
            place=folder,
            sources=(
                ("setup", source),
                ("python-version", version_source),
                ("command", f"the slowest tests in {folder}, timed without their fixtures"),
            ),
            first=True,
        )
    ]


def toolchain(version: str) -> tuple[str, ...]:
    """Return the steps of a workflow that install a version of Python."""
    return ("- uses: actions/setup-python@v6", f"  with: {{python-version: '{version}'}}")


def _with_imports(repository: Repository, project: Project) -> Project:
    """Return the project with a setup that installs what its script imports."""
    paths = [path for path in repository.files if str(path) in project.carry]
    return replace(project, setup=install_command(repository, [], paths, locked=False)[0])


def _scripts(repository: Repository) -> list[PurePosixPath]:
    """Return scripts that are called like a benchmark, run without arguments and do not time themselves at length."""
    scripts = [
        path
        for path in repository.matching(_SCRIPT.pattern)
        if not path.name.startswith(("test_", "_", "conftest", "setup")) and _runs_alone(repository.text(path))
    ]
    return sorted(scripts, key=lambda path: (len(path.parts), str(path)))[:_MOST_FIRST_SCRIPTS]


def _runs_alone(text: str) -> bool:
    """Whether a file does something when it is started, and asks for no arguments and no profiler of its own."""
    tree = parsed(text)
    if tree is None or re.search(
        r"add_argument\(\s*[\"'][^-]|sys\.argv\[|input\(|argument\(|pyperf|autorange|socket", text
    ):
        return False
    return any(
        (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test))
        or isinstance(node, (ast.For, ast.With))
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        for node in tree.body
    )


def _package(repository: Repository) -> str | None:
    """Return the package of the project: by its name, below `src`, or the only one at the top."""
    name = _name(repository)
    if spaced := _in_namespace(repository, name):
        return spaced
    tops = [
        path.parent
        for path in repository.matching(r"(?:src/|lib/|python/)?[A-Za-z_]\w*/__init__\.py")
        if path.parent.name not in _NOT_A_PACKAGE
    ]
    named = [path for path in tops if path.name.lower() == name]
    inside = [path for path in tops if len(path.parts) > 1]
    modules = [path.stem for path in repository.matching(r"(?:src/)?[A-Za-z_]\w*\.py") if path.stem.lower() == name]
    chosen = [path.name for path in (named or inside or (tops if len(tops) == 1 else []))] or modules
    built = list(compiled_modules(repository))
    # such as one that maturin builds; the root of a workspace often makes no package
    own = (
        [name]
        if re.fullmatch(r"[a-z_]\w*", name) and is_installable(repository) and not _is_virtual(repository)
        else []
    )
    return next(iter(chosen or built or own), None)


def _is_virtual(repository: Repository) -> bool:
    """Whether the project at the root only lists requirements: uv, poetry and pdm call that no package."""
    tools = repository.toml("pyproject.toml").get("tool", {})
    settings = (("uv", "package"), ("poetry", "package-mode"), ("pdm", "distribution"))
    return any(entry(tools, tool, name) is False for tool, name in settings)


def _in_namespace(repository: Repository, name: str) -> str | None:
    """Return the package `zope.interface` of the project zope.interface, below a folder that is no package itself."""
    for file in repository.matching(r"(?:src/|lib/)?[A-Za-z_]\w*(?:/[A-Za-z_]\w*){1,2}/__init__\.py"):
        parts = file.parent.parts[1:] if file.parts[0] in ("src", "lib") else file.parent.parts
        if len(parts) > 1 and "_".join(parts).lower() == name:
            return ".".join(parts)
    return None


def _name(repository: Repository) -> str:
    """Return the name of the project as its package would be called."""
    document = repository.toml("pyproject.toml")
    poetry = document.get("tool", {}).get("poetry", {})
    name = document.get("project", {}).get("name") or (poetry.get("name") if isinstance(poetry, dict) else "")
    if not name:
        match = re.search(r"\bname\s*=\s*[\"']?([\w.-]+)", repository.text("setup.cfg") + repository.text("setup.py"))
        name = match[1] if match else ""
    return re.sub(r"[-.]+", "_", str(name)).lower()


def _program(repository: Repository) -> str | None:
    """Return a program that the project installs."""
    document = repository.toml("pyproject.toml")
    scripts = document.get("project", {}).get("scripts") or document.get("tool", {}).get("poetry", {}).get("scripts")
    names = list(scripts) if isinstance(scripts, dict) else []
    return next((name for name in names if re.fullmatch(r"[\w.-]+", name)), None)


def projects(repository: Repository) -> list[Project]:
    """Return the ways to measure a Python project, the most likely one first; none for other projects."""
    if not any(map(repository.exists, _MARKS)):
        return []
    used = uses(repository)
    ways = [*_pytest(repository, used), *asv.suites(repository), *_pyperf(repository, used)]
    first = first_benchmarks(repository)
    if not any(map(repository.exists, _MARKS[:-1])):  # requirements alone may be those of a script beside other code
        first = [project for project in first if not project.missing]
    return ways + first


def _pytest(repository: Repository, used: Uses) -> list[Project]:
    """Return the ways to run benchmarks that pytest collects."""
    files = (*used.fixture, *used.marker)
    if not files:
        return []
    codspeed = not used.fixture or any(group.names("pytest-codspeed") for group in groups(repository))
    paths = paths_to_collect(repository, files)
    version, version_source = python_version(repository)
    tool = "pytest-codspeed" if codspeed else "pytest-benchmark"
    flags, results = (_CODSPEED, ".codspeed/results_*.json") if codspeed else (_BENCHMARK, "")
    folder = common_folder(files)
    options = files_option(repository, files, paths) + functions_option(repository, files)
    options += _neutralised(repository, folder)
    if configuration(repository, folder)[0] != PurePosixPath():  # names and results are those of the root
        options += " --rootdir=."
    command = f"{_PYTHON} -m pytest {' '.join(map(shell_word, paths))} {flags}{options}"
    helpers = [path for path in repository.matching(r"(?:.*/)?conftest\.py") if _is_above(path, files)]
    carried = _carried(repository, paths, files)
    project = Project(
        kind=tool,
        why=f"{len(files)} file{'s use' if len(files) > 1 else ' uses'} "
        f"{'the fixture `benchmark`' if used.fixture else 'the marker `benchmark`'}, {files[0]} for one",
        command=command,
        results=results,
        carry=(*carried, *(path for path in map(str, helpers) if not _is_inside(path, carried))),
        toolchain=toolchain(version),
        sources=(
            ("command", f"{_PYTHON.partition('/')[0]} as `setup` makes it; {tool} by {_said(repository, tool)}"),
            ("carry", "the files with benchmarks"),
            ("python-version", version_source),
        ),
    )
    tools, used_files = ["pytest", tool], [*files, *helpers]
    setups = [
        install_command(repository, tools, used_files, locked=locked)
        for locked in ((True, False) if repository.exists("uv.lock") else (False,))
    ]
    # the last one is for a set of requirements of which something cannot be installed
    setups.append(install_command(repository, tools, used_files, locked=False, grouped=False))
    return [
        replace(project, setup=setup, sources=(*project.sources, ("setup", source)))
        for setup, source in dict(setups).items()
    ]


def _said(repository: Repository, tool: str) -> str:
    """Return where the project names its tool."""
    declared = [group.source for group in groups(repository) if group.names(tool)]
    return next(iter(declared), "what the files with benchmarks use")


def _carried(repository: Repository, paths: Sequence[str], files: Sequence[PurePosixPath]) -> list[str]:
    """Return the paths that may replace the base's: folders with nothing but tests, else the files themselves.

    A folder that holds the package would make the base a copy of the head.
    """
    tests = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test|conftest|__init__|bench[^/]*)\.py")
    inside = [path for path in repository.matching(r".*\.py") if any(path.is_relative_to(folder) for folder in paths)]
    named = re.compile(r"(?:tests?|testing|bench\w*|perf\w*)")
    mixed = [path for path in inside if not tests.fullmatch(str(path)) and not any(map(named.fullmatch, path.parts))]
    return [str(path) for path in files] if mixed else list(paths)


def _is_inside(path: str, folders: Sequence[str]) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)


def _is_above(path: PurePosixPath, files: Sequence[PurePosixPath]) -> bool:
    return any(file.is_relative_to(path.parent) for file in files)


def _neutralised(repository: Repository, folder: PurePosixPath) -> str:
    """Return an option that leaves out what disturbs measurements of the project's own options for pytest."""
    added = setting(repository, "addopts", folder)
    words = shlex.split(added, comments=True)
    loaded = shlex.split(_UNLOADED.sub("", added), comments=True)
    kept = [word for at, word in enumerate(loaded) if not _disturbs(word, loaded[at - 1] if at else "")]
    return "" if kept == words else f" -o {shlex.quote(f'addopts={shlex.join(kept)}')}"


def _disturbs(word: str, before: str) -> bool:
    """Whether an option, or the value of the option before it, is about parallel workers, coverage or other modes."""
    takes_value = _DISTURBING.match(before) and re.fullmatch(r"-n|--numprocesses|--dist|--cov(?:-\w+)?", before)
    return bool(_DISTURBING.match(word)) or (takes_value is not None and not word.startswith("-"))


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
            command=" && ".join(f"{_PYTHON} {shell_word(script)} {_PYPERF} --append={{out}}" for script in chosen),
            carry=tuple(map(str, chosen)),
            toolchain=toolchain(version),
            sources=(("setup", source), ("python-version", version_source)),
        )
    ]
