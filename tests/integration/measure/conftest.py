"""Fixtures: a repository with two commits, and the measurer in it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import Measurer, Repository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the repository that every test gets a copy of."""
    made = Repository(tmp_path_factory.mktemp("template"))
    made.git("init", "--quiet", "--initial-branch=main", "--template=")
    (made.folder / ".git/hooks").mkdir()
    made.commit(version="old")
    made.commit(version="new")
    return made.folder


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Repository:
    """Return a repository whose file `version` says `old` at HEAD~1 and `new` at HEAD."""
    shutil.copytree(template, tmp_path / "project")
    return Repository(tmp_path / "project")


@pytest.fixture
def measure(repository: Repository, tmp_path: Path) -> Measurer:
    """Return the measurer in the repository, with an output folder of its own."""
    return Measurer(repository.folder, tmp_path / "measurement")
