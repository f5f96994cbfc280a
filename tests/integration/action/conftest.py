"""A workspace for every test that wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fake_github import FakeGitHub
from integration.action.action_workspace import SUITE, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Return a checkout whose GitHub checks every request against GitHub's own description."""
    with FakeGitHub() as github:
        checkout = Workspace(tmp_path / "widgets", github)
        checkout.folder.mkdir()
        checkout.git("init", "--quiet", "--initial-branch", "main")
        (checkout.folder / "suite.py").write_text(SUITE)
        yield checkout
        assert github.violations == []
