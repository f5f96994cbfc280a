"""The site on a branch: one commit, whatever was there before, and nobody else's files."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from regress_action.model.errors import HistoryError
from regress_action.site import pages_branch

if TYPE_CHECKING:
    from pathlib import Path

BRANCH = "branch:gh-pages"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty bare repository, and a checkout whose `origin` it is."""
    git(tmp_path, "init", "--quiet", "--bare", "bare.git")
    git(tmp_path, "init", "--quiet", "checkout")
    git(tmp_path / "checkout", "remote", "add", "origin", str(tmp_path / "bare.git"))
    return tmp_path / "bare.git"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder like a site, with a cache that is nobody's business."""
    folder = tmp_path / "site"
    (folder / "data").mkdir(parents=True)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "tables.npz").write_bytes(b"cache")
    (folder / "index.html").write_text("page", encoding="utf-8")
    (folder / "plotly-basic.min.js").write_bytes(os.urandom(50_000))
    (folder / "data" / "index.js").write_text("1", encoding="utf-8")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def publish(site: Path, checkout: Path) -> str:
    """Publish as the command does."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "REGRESS_"))}
    return pages_branch.publish(site, BRANCH, repository=checkout, environ=environ, message="Publish")


def test_a_publication_is_one_commit_with_the_files_of_the_site(bare: Path, site: Path, tmp_path: Path) -> None:
    """The cache stays behind, and pages are served as they are."""
    publish(site, tmp_path / "checkout")

    names = git(bare, "ls-tree", "-r", "--name-only", "gh-pages").splitlines()
    expected = [".nojekyll", "data/index.js", "index.html", "plotly-basic.min.js", "regress-action.site"]
    assert names == expected
    assert git(bare, "rev-list", "--count", "gh-pages") == "1"


def test_the_next_publication_replaces_the_commit_and_sends_only_what_changed(
    bare: Path, site: Path, tmp_path: Path
) -> None:
    """The library that never changes travels once."""
    first = publish(site, tmp_path / "checkout")
    before = disk(bare)
    (site / "data" / "index.js").write_text("2", encoding="utf-8")

    second = publish(site, tmp_path / "checkout")

    assert second != first
    assert git(bare, "rev-list", "--count", "gh-pages") == "1"
    assert git(bare, "show", "gh-pages:data/index.js") == "2"
    assert disk(bare) - before < 10_000


def test_an_equal_site_is_not_published_again(bare: Path, site: Path, tmp_path: Path) -> None:
    """The commit stays."""
    first = publish(site, tmp_path / "checkout")

    assert publish(site, tmp_path / "checkout") == first
    assert git(bare, "rev-parse", "gh-pages") == first


def test_the_pages_of_somebody_else_are_not_replaced(bare: Path, site: Path, tmp_path: Path) -> None:
    """A branch with other files is refused and stays."""
    checkout = tmp_path / "checkout"
    identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    (checkout / "docs.html").write_text("docs", encoding="utf-8")
    git(checkout, "add", "docs.html")
    git(checkout, *identity, "commit", "--quiet", "-m", "docs")
    git(checkout, "push", "--quiet", "origin", "HEAD:gh-pages")

    with pytest.raises(HistoryError, match=r"holds other files than a dashboard: docs\.html"):
        publish(site, checkout)
    assert git(bare, "ls-tree", "--name-only", "gh-pages") == "docs.html"


def disk(bare: Path) -> int:
    """Return the bytes of all objects of a repository."""
    return sum(path.stat().st_size for path in (bare / "objects").rglob("*") if path.is_file())
