"""`init` names the default branch it found, and asks where nothing shows it."""

import subprocess
from pathlib import Path

import pytest

from regress_action.commands.init import initialise
from regress_action.model.errors import UsageError


def repository(root: Path, *branches: str) -> Path:
    """A repository with these branches, the last of them checked out."""
    subprocess.run(["git", "init", "-q", "-b", branches[0], str(root)], check=True)
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a"], check=True)
    for branch in branches[1:]:
        subprocess.run([*git, "checkout", "-q", "-b", branch], check=True)
    return root


def test_the_workflow_names_the_branch_that_is_not_checked_out(tmp_path: Path) -> None:
    """On a feature branch, the only other branch is the default one, and it is named."""
    root = repository(tmp_path / "r", "trunk", "feature/x")
    lines = list(initialise(root, suite="default", branch=None, action="OWNER/regress-action@v1"))
    assert any("The default branch is trunk. If it is another one" in line for line in lines)
    again = list(initialise(root, suite="default", branch="trunk", action="OWNER/regress-action@v1"))
    assert "The default branch is trunk." in again
    assert "regress.yml is there already and is kept. Delete it first to have it written anew." in again
    subprocess.run(["git", "clone", "-q", "--branch", "trunk", root, tmp_path / "clone"], check=True)
    cloned = list(initialise(tmp_path / "clone", suite="default", branch=None, action="OWNER/regress-action@v1"))
    assert "The default branch is feature/x." in cloned
    assert "branches: [trunk]" in (root / ".github/workflows/performance.yml").read_text()


def test_a_branch_that_nothing_shows_is_asked_for(tmp_path: Path) -> None:
    """Between two other branches, no file is written before `--branch` says which one it is."""
    root = repository(tmp_path / "r", "trunk", "release", "feature/x")
    with pytest.raises(UsageError, match="does not show") as caught:
        list(initialise(root, suite="default", branch=None, action="OWNER/regress-action@v1"))
    assert "--branch NAME" in caught.value.remedy
    assert [path.name for path in root.iterdir()] == [".git"]
