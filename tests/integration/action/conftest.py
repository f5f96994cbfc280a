"""A workspace for every test that wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pipeline_workspace import SUITE, Workspace

from fake_github import FakeGitHub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Return a checkout whose GitHub checks every request against GitHub's own description."""
    with FakeGitHub() as github:
        found = Workspace(tmp_path / "widgets", github)
        found.folder.mkdir()
        found.git("init", "--quiet", "--initial-branch", "main")
        (found.folder / "suite.py").write_text(SUITE)
        yield found
        assert github.violations == []
