"""Commits that exist for a measurement only: a commit with other content for some of its files.

They are written to the repository's object store, where no branch or tag names them, and change neither its files nor
its index. The same content gives the same id, so that a tree kept from an earlier measurement is found again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.errors import MeasureError
from regress_action.measure.git import GitFolder
from regress_action.model.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FIXED = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "regress-action"), ("EMAIL", "regress-action@localhost"), ("DATE", "@0 +0000"))
}


def with_paths_of(folder: Path, commit: str, source: str, paths: Sequence[str]) -> str:
    """Return a commit like `commit` in which the paths, relative to `folder`, are as in `source`, absence included.

    Raises:
        InfrastructureError: git failed.
    """
    git = GitFolder(folder)
    prefix = git.query("rev-parse", "--show-prefix") or ""
    full = [prefix + path.rstrip("/") for path in paths]
    try:
        listed = git.run("ls-tree", "-r", "-z", "--full-tree", source, "--", *full)
        entries = [entry.split("\t", 1) for entry in listed.split("\0") if entry]
        added = {path: (fields.split()[0], fields.split()[2]) for fields, path in entries}
        return _written(folder, commit, removed=full, added=added)
    except MeasureError as error:
        raise _failed(error) from error


def with_files(folder: Path, commit: str, files: Mapping[str, bytes | None]) -> str:
    """Return a commit like `commit` in which the files, by their path from the top, have this content; None is absence.

    Raises:
        InfrastructureError: git failed.
    """
    git = GitFolder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix="regress-bisect-") as scratch:
            added = {}
            for path, content in files.items():
                if content is None:
                    continue
                (file := Path(scratch) / "content").write_bytes(content)
                mode = (git.query("ls-tree", "--full-tree", commit, "--", path) or "100644").split()[0]
                added[path] = (mode, git.run("hash-object", "-w", "--no-filters", str(file)))
        return _written(folder, commit, removed=list(files), added=added)
    except MeasureError as error:
        raise _failed(error) from error


def file_at(folder: Path, commit: str, path: str) -> str | None:
    """Return the text of a file at a commit, by its path from the top; None where there is none."""
    return GitFolder(folder).query("cat-file", "blob", f"{commit}:{path}")


def _written(folder: Path, commit: str, *, removed: Sequence[str], added: Mapping[str, tuple[str, str]]) -> str:
    """Write the commit; `added` has mode and blob of each path."""
    with tempfile.TemporaryDirectory(prefix="regress-bisect-") as scratch:
        top = Path(GitFolder(folder).run("rev-parse", "--show-toplevel"))
        git = GitFolder(top, {**_FIXED, "GIT_INDEX_FILE": f"{scratch}/index"})
        git.run("read-tree", commit)
        git.run("rm", "--cached", "-r", "-f", "--quiet", "--ignore-unmatch", "--", *removed)
        for path, (mode, blob) in added.items():
            git.run("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")
        tree = git.run("write-tree")
        if tree == git.run("rev-parse", f"{commit}^{{tree}}"):
            return commit
        return git.run("commit-tree", tree, "-p", commit, "-m", "Content for a measurement")


def _failed(error: MeasureError) -> InfrastructureError:
    return InfrastructureError(error.what, meaning=error.meaning, remedy=error.remedy)
