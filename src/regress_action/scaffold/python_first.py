"""First benchmarks of a Python project that has none: its benchmark scripts, its command line, its import."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regress_action.scaffold.project import Project
from regress_action.scaffold.python_uses import parsed
from regress_action.scaffold.requirements import install_command, is_installable, python_version

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

_PYTHON = ".venv/bin/python"
_SCRIPT = re.compile(
    r"(?:.*/)?(?:bench(?:marks?)?/(?:run|main|all)|(?:[\w-]+_)?(?:bench|benchmarks?|perf)(?:_[\w-]+)?)\.py"
)
_NOT_A_PACKAGE = ("tests", "test", "docs", "doc", "examples", "example", "benchmarks", "benchmark", "bench", "scripts")
_MOST_SCRIPTS = 2


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
            command=f"{_PYTHON} {script}",
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
    return projects or [
        Project(
            **shared,
            why="no benchmark was found, and no package that could be imported",
            command="",
            missing="Name a command in regress.yml that does something worth measuring.",
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
    return sorted(scripts, key=lambda path: (len(path.parts), str(path)))[:_MOST_SCRIPTS]


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
    """Return the package of the project: below `src`, by its name, or the only one at the top."""
    tops = [
        path.parent
        for path in repository.matching(r"(?:src/|lib/|python/)?[A-Za-z_]\w*/__init__\.py")
        if path.parent.name not in _NOT_A_PACKAGE
    ]
    name = _name(repository)
    named = [path for path in tops if path.name.lower() == name]
    inside = [path for path in tops if len(path.parts) > 1]
    modules = [path.stem for path in repository.matching(r"(?:src/)?[A-Za-z_]\w*\.py") if path.stem.lower() == name]
    chosen = [path.name for path in (named or inside or (tops if len(tops) == 1 else []))] or modules
    compiled = [name] if re.fullmatch(r"[a-z_]\w*", name) and is_installable(repository) else []  # such as maturin's
    return next(iter(chosen or compiled), None)


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
