"""A repository with two commits, and the measurer in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from measure_ground import Measurer, Repository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository whose file `version` says `old` at HEAD~1 and `new` at HEAD."""
    (tmp_path / "project").mkdir()
    made = Repository(tmp_path / "project")
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit(version="old")
    made.commit(version="new")
    return made


@pytest.fixture
def measure(repository: Repository, tmp_path: Path) -> Measurer:
    """Return the measurer, standing in the repository, with a folder of its own to write to."""
    return Measurer(repository.folder, tmp_path / "measurement")
