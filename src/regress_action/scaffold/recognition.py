"""Recognise how a repository's performance suite is run: every ecosystem looks, the most likely way comes first."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.scaffold import autotools, compiled, python, rust, scripts
from regress_action.scaffold.repository import Project, Repository, entering, tasks
from regress_action.scaffold.requirements import install_command, is_installable
from regress_action.scaffold.workflows import translated

if TYPE_CHECKING:
    from pathlib import Path

_MANIFESTS = r"(?:[^/]+/){1,3}(?:pyproject\.toml|setup\.py)"
_AUXILIARY = {"tests", "test", "docs", "doc", "examples", "example", "templates", "testing"}
_MOST_FOLDERS = 12
_WITHOUT = re.compile(r"^.*\bno (?:benchmark|function)\b.*?, so (?=.* as a first one)")
"""What a first benchmark says of the others, which is wrong where there are some that could not be run."""

_KINDS = (
    python.projects,
    rust.rust,
    compiled.go,
    scripts.javascript,
    compiled.cpp,
    compiled.meson,
    autotools.autotools,
    compiled.java,
    compiled.dotnet,
    scripts.php,
    scripts.julia,
    tasks,
)


def recognise(root: Path) -> list[Project]:
    """Return the ways to measure the project under `root`, the most likely first; there is always one.

    What a job of another benchmark tool runs comes first: the project's people chose it. Ways with a benchmark come
    before first benchmarks for projects that have none, and those before ways that a person has to complete.
    """
    repository = Repository(root)
    projects = [
        *translated(repository)[:1],
        *_below(repository),
        *(project for kind in _KINDS for project in kind(repository)),
    ]
    projects = [_in_environment(repository, project) for project in projects]
    if any(not project.first and project.missing is None for project in projects):
        projects = [replace(project, why=_WITHOUT.sub("", project.why)) for project in projects]
    return sorted(projects, key=lambda project: (project.missing is not None, project.first)) or [
        Project(
            kind="command",
            why="no build file of a known kind was found",
            command="",
            missing="Name the program to measure as `command` in regress.yml.",
        )
    ]


def _in_environment(repository: Repository, project: Project) -> Project:
    """Return a target of a Makefile or a justfile as it is run in the environment of a Python project."""
    if project.kind not in ("make", "just") or not is_installable(repository):
        return project
    setup, source = install_command(repository, ["pytest"], [], locked=False)
    built = f"{setup} && . .venv/bin/activate && {project.setup}" if project.setup else setup
    command = f". .venv/bin/activate && {project.command}"
    return replace(project, setup=built, command=command, sources=(*project.sources, ("setup", source)))


def _below(repository: Repository) -> list[Project]:
    """Return the ways of the Python projects in folders, where there is none at the root."""
    if is_installable(repository):
        return []
    folders = dict.fromkeys(path.parent for path in repository.matching(_MANIFESTS))
    inside = [folder for folder in folders if not _AUXILIARY.intersection(folder.parts)][:_MOST_FOLDERS]
    ways = [(str(folder), python.projects(Repository(repository.root / folder))) for folder in inside]
    return [_placed(project, folder) for folder, projects in ways for project in projects]


def _placed(project: Project, folder: str) -> Project:
    """Return the way as it is run from the root, for a project in a folder."""
    return replace(
        project,
        place=folder,
        why=f"in {folder}, {project.why}",
        setup=f"{entering(folder)}{project.setup}" if project.setup else "",
        command=f"{entering(folder)}{project.command}" if project.command else "",
        results=posixpath.join(folder, project.results) if project.results else "",
        carry=tuple(posixpath.join(folder, path) for path in project.carry),
    )
