"""A machine for every attack: an ordinary user, the action, a workspace, a fake GitHub and a git server."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.attacks.attack_runner import UID, Runner, download, make_virtualenv
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


@pytest.fixture(scope="session")
def virtualenv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtualenv as the action makes it, once for all jobs; each of them gets a copy."""
    shared = (
        tmp_path_factory.getbasetemp().parent
        if "PYTEST_XDIST_WORKER" in os.environ
        else tmp_path_factory.mktemp("shared")
    )
    folder = shared / "attack-virtualenv"
    with (shared / "attack-virtualenv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            download(folder / "action")
            make_virtualenv(folder / "action", folder / "temp")
            (folder / "complete").touch()
    return folder / "temp/regress-action"


@pytest.fixture
def runner(tools: Path, virtualenv: Path) -> Iterator[Runner]:
    """A machine whose workspace has one commit on main, which was pushed."""
    folder = Path(tempfile.mkdtemp(prefix="regress-attack-"))
    folder.chmod(0o755)
    with FakeGitHub() as github:
        bare_repository(folder / "served" / f"{REPOSITORY}.git")
        with serving(folder / "served") as (url, backend):
            backend.token = TOKEN
            machine = Runner(folder, github, url, backend, tools, virtualenv)
            download(machine.action)
            machine.loot.mkdir()
            machine.workspace.parent.mkdir()
            checked("git", "init", "--quiet", "--initial-branch", "main", machine.workspace)
            machine.commit({"suite.py": SUITE, "costs.py": f"COSTS = {COSTS!r}\n", ".gitignore": ".regress/\n"})
            machine.push()
            yield machine
    shutil.rmtree(folder, ignore_errors=True)
