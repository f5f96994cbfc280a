"""A machine for every attack: an ordinary user, the action, a workspace, a fake GitHub and a git server."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.attacks.attack_runner import UID, Runner, download
from e2e.e2e_repository import COSTS, REPOSITORY, SUITE, TOKEN, checked
from fake_github import FakeGitHub
from integration.history.smart_http import bare_repository, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def tools() -> Iterator[Path]:
    """The runner's tool cache, in which the venv engine keeps its virtualenv between jobs."""
    folder = Path(tempfile.mkdtemp(prefix="regress-tools-"))
    checked("chown", f"{UID}:{UID}", folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def runner(tools: Path) -> Iterator[Runner]:
    """A machine whose workspace has one commit on main, which was pushed."""
    folder = Path(tempfile.mkdtemp(prefix="regress-attack-"))
    folder.chmod(0o755)
    with FakeGitHub() as github:
        bare_repository(folder / "served" / f"{REPOSITORY}.git")
        with serving(folder / "served") as (url, backend):
            backend.token = TOKEN
            machine = Runner(folder, github, url, backend, tools)
            download(machine.action)
            machine.loot.mkdir()
            machine.workspace.parent.mkdir()
            checked("git", "init", "--quiet", "--initial-branch", "main", machine.workspace)
            machine.commit({"suite.py": SUITE, "costs.py": f"COSTS = {COSTS!r}\n", ".gitignore": ".regress/\n"})
            machine.push()
            yield machine
    shutil.rmtree(folder, ignore_errors=True)
