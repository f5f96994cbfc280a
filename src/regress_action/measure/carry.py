"""Lay files of one tree over another: the head's benchmarks over the base, uncommitted changes over a commit."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from regress_action.measure.errors import CallError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def carry(paths: Iterable[str], head: Path, base: Path) -> None:
    """Replace each path below `base` by the one below `head`; what the head deleted vanishes.

    Raises:
        CallError: a path leaves the tree, or neither side has it.
    """
    paths = [path.rstrip("/") for path in paths]
    for path in paths:
        _check(path, head, base)
    lay(paths, head, base)


def lay(paths: Iterable[str], source: Path, target: Path) -> None:
    """Make each path below `target` what it is below `source`, absence included.

    A submodule's files are laid over, without what ties them to git; a repository inside the tree that is none of its
    submodules, which git lists with a slash at its end, stays out.
    """
    for path in paths:
        if path.endswith("/"):
            continue
        _remove(target / path)
        if _exists(source / path):
            _copy(source / path, target / path)
        else:
            _prune(target, path)


def _check(path: str, head: Path, base: Path) -> None:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise CallError(
            f"--carry {path!r} is not a path inside the repository.",
            meaning="It is taken from the head's tree and laid over the base's.",
            remedy="Give it relative to the folder in which the command runs.",
        )
    if not any(_exists(side / path) for side in (head, base)):
        raise CallError(
            f"--carry {path!r} names nothing.",
            meaning="Neither the head nor the base has such a file or folder.",
            remedy="Correct the path; an uncommitted file that .gitignore names is not carried.",
        )


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _prune(root: Path, path: str) -> None:
    """Remove the folders that a removed file leaves empty, as git would."""
    with contextlib.suppress(OSError):
        for parent in PurePosixPath(path).parents[:-1]:
            (root / parent).rmdir()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    else:
        shutil.copy2(source, target, follow_symlinks=False)
