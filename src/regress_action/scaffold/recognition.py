"""Recognise how a repository's performance suite is run: every ecosystem looks, the most likely way comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.scaffold import compiled, python, scripts
from regress_action.scaffold.project import Project
from regress_action.scaffold.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = (
    python.projects,
    compiled.rust,
    compiled.go,
    scripts.javascript,
    compiled.cpp,
    compiled.java,
    compiled.dotnet,
    scripts.php,
    scripts.julia,
)


def recognise(root: Path) -> list[Project]:
    """Return the ways to measure the project under `root`, the most likely first; there is always one.

    Ways with a benchmark come before first benchmarks for projects that have none, and those before ways that a person
    has to complete.
    """
    repository = Repository(root)
    projects = [project for kind in _KINDS for project in kind(repository)]
    return sorted(projects, key=lambda project: (project.missing is not None, project.first)) or [
        Project(
            kind="command",
            why="no build file of a known kind was found",
            command="",
            missing="Name the program to measure as `command` in regress.yml.",
        )
    ]
