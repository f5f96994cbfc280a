"""The files a suite writes: removed before a run, taken and checked after it."""

from __future__ import annotations

import glob
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.errors import CallError
from regress_action.measure.git import Git

if TYPE_CHECKING:
    from regress_action.measure.trees import Tree

LIMIT = 50 * 2**20
_MIB = 2**20


class BadResultError(Exception):
    """What a run left cannot be used; says why in words that complete `the run …`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run's result is found, `pattern` in the suite's tree if it has one, and kept, below `target`.

    `target` is the path `{out}` names, without its `suffix`. `promised` says that a missing result is a failure.
    """

    target: Path
    suffix: str
    pattern: str | None
    promised: bool

    @property
    def out(self) -> Path:
        """The file `{out}` and $REGRESS_OUT name."""
        return self.target.with_name(self.target.name + self.suffix)

    def clear(self, tree: Tree) -> None:
        """Remove what an earlier run left, so that it cannot pass for this one's."""
        for path in matches(self.pattern, tree):
            _remove(path)
        self.discard()

    def discard(self) -> None:
        """Remove what was kept of a run that failed."""
        _remove(self.out)
        _remove(self.target)

    def take(self, tree: Tree) -> Path | None:
        """Keep what this run wrote and return where, or None for a plain command.

        Raises:
            BadResultError: it wrote nothing, nothing but empty files, or too much.
        """
        found = matches(self.pattern, tree)
        if not found and _files(self.out):
            _check([self.out])
            return self.out
        if not found:
            if not self.promised:
                return None
            raise BadResultError(f"wrote no result file: there is no {self.pattern or self.out.name}")
        _check(found)
        if len(found) == 1 and found[0].is_file():
            return _copy(found[0], self.target.with_name(self.target.name + _suffix(found[0])))
        if len(found) == 1:
            return _copy(found[0], self.target)
        top = Path(os.path.commonpath([path.parent for path in found]))
        for path in found:
            _copy(path, self.target / path.relative_to(top))
        return self.target


def check_pattern(pattern: str | None, tree: Tree) -> None:
    """Make sure that removing stale results removes nothing else.

    Raises:
        CallError: the pattern matches the tree itself, files that git tracks in the user's own tree, or more than one
            file outside of the tree.
    """
    for path in matches(pattern, tree):
        if what := _not_a_result(path, tree, single=path == tree.folder / str(pattern)):
            raise CallError(
                f"--results {pattern!r} matches {path.name or path}, which is {what}.",
                meaning="Stale results are removed before every run, so measuring would delete it.",
                remedy="Name a file or folder that the suite alone writes.",
            )


def _not_a_result(path: Path, tree: Tree, *, single: bool) -> str | None:
    root, real = tree.root.resolve(), path.resolve()
    if root.is_relative_to(real):
        return "the tree itself"
    if not real.is_relative_to(root):
        return None if single and real.is_file() else "outside of the tree"
    tracked = tree.borrowed and Git(tree.folder).ask("ls-files", "--", str(path))
    return "under version control" if tracked else None


def matches(pattern: str | None, tree: Tree) -> list[Path]:
    """Return the files and folders a pattern names in a tree, sorted."""
    if pattern is None:
        return []
    names = glob.glob(pattern, root_dir=tree.folder, recursive=True)  # noqa: PTH207 - the pattern may be absolute
    found = [tree.folder / name for name in sorted(names)]
    return [path for path in found if not set(path.parents) & set(found)]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in sorted(path.rglob("*")) if file.is_file()]
    return [path] if path.is_file() else []


def _check(paths: list[Path]) -> None:
    sizes = [file.stat().st_size for path in paths for file in _files(path)]
    if not any(sizes):
        raise BadResultError(f"wrote an empty result file: {paths[0].name} has 0 bytes")
    if sum(sizes) > LIMIT:
        raise BadResultError(
            f"wrote {sum(sizes) / _MIB:.0f} MiB of results, more than the {LIMIT // _MIB} MiB that are read"
        )


def _suffix(path: Path) -> str:
    return "".join(path.suffixes[-2:]) if path.suffix in {".gz", ".bz2", ".xz", ".zst"} else path.suffix


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source == target:
        return target
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)
    return target


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
