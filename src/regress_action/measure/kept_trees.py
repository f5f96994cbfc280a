"""Trees that the setup prepared, kept for later measurements of the same commit.

A kept tree has the same path every time, because what a setup builds often holds its own path. It is used again only
for the same repository, side, commit, uncommitted content, setup command, search paths and carried lock files, and by
one measurement at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure import untrusted_files
from regress_action.measure.git import GitFolder

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEPT = 6
_NAME_LENGTH = 24  # as long as the name of a session's folder
_READY, _LOCK = "ready", "lock"
_SEARCH_PATHS = ("PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "JAVA_HOME", "RUSTUP_TOOLCHAIN")
_LOCK_FILE_NAMES = """
    pyproject.toml setup.py setup.cfg uv.lock poetry.lock pdm.lock Pipfile.lock environment.yml package.json
    package-lock.json yarn.lock pnpm-lock.yaml Cargo.toml Cargo.lock go.mod go.sum Gemfile.lock composer.lock pom.xml
    build.gradle gradle.lockfile CMakeLists.txt conanfile.txt
"""
_LOCK_FILES = frozenset(_LOCK_FILE_NAMES.split())
_PINNING_NAMES = """
    uv.lock poetry.lock pdm.lock Pipfile.lock package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock
    Cargo.lock go.mod go.sum Gemfile.lock composer.lock gradle.lockfile
"""
_PINNING = frozenset(_PINNING_NAMES.split())
_PINNING_TEXT = re.compile(
    r"[\w.-]*(requirements|constraints)[\w.-]*\.(txt|lock)|pylock[\w.-]*\.(txt|toml)", re.IGNORECASE
)
_STATING = frozenset(
    {"pyproject.toml", "setup.cfg", "package.json", "Cargo.toml", "Pipfile", "Gemfile", "composer.json"}
)


def pins_packages(name: str) -> bool:
    """Whether a file of this name says which versions of packages a setup installs."""
    return name in _PINNING or _PINNING_TEXT.fullmatch(name) is not None


def states_packages(name: str) -> bool:
    """Whether a file of this name says what a lock file beside it then pins."""
    return name in _STATING or (name.startswith("requirements") and name.endswith(".in"))


@dataclass(slots=True)
class KeptTree:
    """A folder with the tree of one side; `descriptor` holds its lock for as long as this process lives."""

    folder: Path
    root: Path
    descriptor: int

    @property
    def is_ready(self) -> bool:
        """Whether the setup has succeeded in it."""
        return (self.folder / _READY).is_file()

    def mark_ready(self) -> None:
        """Note that the setup has succeeded; a disk that refuses only makes the next setup run again."""
        with contextlib.suppress(OSError):
            (self.folder / _READY).touch()

    def refresh(self, commit: str) -> bool:
        """Bring tracked files back to the commit and remove new ones; return whether the tree can be used again."""
        git = GitFolder(self.root)
        if not self.is_ready or git.query("rev-parse", "HEAD") != commit:
            return False
        cleaned = git.query("checkout", "--quiet", "--force", "--detach", commit), git.query("clean", "-ffdq")
        if None in cleaned:
            return False
        # Compiled modules would make the first run faster than that of a fresh tree on the other side.
        for path, names, _ in os.walk(self.root):
            names[:] = [name for name in names if not name.startswith(".")]
            if "__pycache__" in names and "site-packages" not in path:
                shutil.rmtree(Path(path) / "__pycache__", ignore_errors=True)
        self.mark_ready()
        return True

    def mark_unready(self) -> None:
        """Note that the setup has to run, and that the tree is removed if it is not marked as ready again."""
        (self.folder / _READY).unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the tree and git's record of it, so that another can be made in its place."""
        with contextlib.suppress(OSError, ValueError):
            record = Path((self.root / ".git").read_text(encoding="utf-8").removeprefix("gitdir:").strip())
            points_here = (record / "gitdir").read_text(encoding="utf-8").strip() == str(self.root / ".git")
            if record.parent.name == "worktrees" and points_here:
                shutil.rmtree(record)
        untrusted_files.remove_tree(self.root)
        self.mark_unready()

    def close(self) -> None:
        """Give the tree free for other measurements; remove it if the setup has not succeeded in it."""
        if not self.is_ready:
            self.discard()
            untrusted_files.remove_tree(self.folder)
        os.close(self.descriptor)


def keep_tree(
    parent: Path, repository: Path, side: str, commit: str, setup: str, carried: Iterable[Path], uncommitted: str = ""
) -> KeptTree | None:
    """Return the kept tree of a side, new or used before; None where another measurement uses it or it cannot be made.

    `carried` are the files and folders that are copied over the tree before the setup, `uncommitted` is the `digest_of`
    what is copied on top of the commit.
    """
    digest = hashlib.sha256()
    paths = (os.environ.get(name, "") for name in _SEARCH_PATHS)
    for text in (str(repository), side, commit, uncommitted, setup, *paths):
        digest.update(text.encode("utf-8", "surrogateescape") + b"\0")
    for file in sorted(file for path in carried for file in _lock_files(path)):
        digest.update(file.read_bytes() + b"\0")
    try:
        tree = _locked(parent / digest.hexdigest()[:_NAME_LENGTH], side)
    except OSError:
        return None
    with contextlib.suppress(OSError):  # another measurement removes the same ones
        _remove_old(parent)
    return tree


def digest_of(paths: Iterable[str], top: Path) -> str:
    """Return a digest of what stands at each path below `top`: file, link or nothing; empty without paths.

    Raises:
        OSError: something cannot be read.
    """
    digest = hashlib.sha256()
    names = sorted(paths)
    for name in names:
        file = top / name
        digest.update(f"{name}\0".encode("utf-8", "surrogateescape"))
        if file.is_symlink():
            digest.update(b"link\0" + os.fsencode(file.readlink()) + b"\0")
        elif file.is_file():
            is_program = os.access(file, os.X_OK)
            digest.update(b"program\0" if is_program else b"file\0")
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest() if names else ""


def _lock_files(path: Path) -> list[Path]:
    files = path.rglob("*") if path.is_dir() else [path]
    return [file for file in files if _is_lock_file(file.name) and file.is_file() and not file.is_symlink()]


def _is_lock_file(name: str) -> bool:
    return name in _LOCK_FILES or (name.startswith("requirements") and name.endswith((".txt", ".in", ".lock")))


def _locked(folder: Path, side: str) -> KeptTree | None:
    """Return the tree in `folder` if no other measurement has its lock."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.path.samestat(os.fstat(descriptor), (folder / _LOCK).lstat())  # not removed by another one since
    except OSError:
        is_ours = False
    if not is_ours:
        os.close(descriptor)
        return None
    return KeptTree(folder, folder / side, descriptor)


def _remove_old(parent: Path) -> None:
    """Remove the trees that were not used for longest, and those of setups that were killed; none that is in use."""
    ready = sorted(parent.glob(f"*/{_READY}"), key=lambda path: path.stat().st_mtime, reverse=True)
    unfinished = {lock.parent for lock in parent.glob(f"*/{_LOCK}")} - {marker.parent for marker in ready}
    for folder in (*(marker.parent for marker in ready[_KEPT:]), *sorted(unfinished)):
        side = next((path.name for path in folder.iterdir() if path.is_dir()), "head")
        if tree := _locked(folder, side):
            tree.discard()
            tree.close()
