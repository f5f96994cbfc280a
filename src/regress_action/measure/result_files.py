"""The result files of a suite: removed before a run, checked and copied after it."""

from __future__ import annotations

import glob
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.errors import MeasureUsageError
from regress_action.measure.git import GitRepository

if TYPE_CHECKING:
    from regress_action.measure.trees import SideTree

LIMIT = 50 * 2**20
_MIB = 2**20


class UnusableResultError(Exception):
    """The result of a run cannot be used; the message completes `the run …`."""


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """Where one run writes its result and where it is kept.

    `pattern` names the files in the suite's tree, if the options have one. The result is kept below `target`, which
    is the path that `{out}` names without its `suffix`. With `promised` a missing result is a failure.
    """

    target: Path
    suffix: str
    pattern: str | None
    promised: bool

    @property
    def out(self) -> Path:
        """The file `{out}` and $REGRESS_OUT name."""
        return self.target.with_name(self.target.name + self.suffix)

    def clear(self, tree: SideTree) -> None:
        """Remove the results of an earlier run, so that they are not taken for this one's."""
        for path in matches(self.pattern, tree):
            _remove(path)
        self.discard()

    def discard(self) -> None:
        """Remove what was kept of a run that failed."""
        _remove(self.out)
        _remove(self.target)

    def take(self, tree: SideTree) -> Path | None:
        """Copy what this run wrote and return its path, or None for a plain command.

        Raises:
            UnusableResultError: it wrote nothing, nothing but empty files, or too much.
        """
        paths = matches(self.pattern, tree)
        if not paths and _files(self.out):
            _check([self.out])
            return self.out
        if not paths:
            if not self.promised:
                return None
            raise UnusableResultError(f"wrote no result file: there is no {self.pattern or self.out.name}")
        _check(paths)
        if len(paths) == 1 and paths[0].is_file():
            return _copy(paths[0], self.target.with_name(self.target.name + _suffix(paths[0])))
        if len(paths) == 1:
            return _copy(paths[0], self.target)
        top = Path(os.path.commonpath([path.parent for path in paths]))
        for path in paths:
            _copy(path, self.target / path.relative_to(top))
        return self.target


def check_pattern(pattern: str | None, tree: SideTree) -> None:
    """Check that removing old results removes nothing else.

    Raises:
        MeasureUsageError: the pattern matches the tree itself, files that git tracks in the user's own tree, or more
            than one file outside of the tree.
    """
    for path in matches(pattern, tree):
        if description := _not_a_result(path, tree, single=path == tree.folder / str(pattern)):
            raise MeasureUsageError(
                f"--results {pattern!r} matches {path.name or path}, which is {description}.",
                meaning="Old results are removed before every run, so measuring would delete it.",
                remedy="Name a file or folder that only the suite writes.",
            )


def _not_a_result(path: Path, tree: SideTree, *, single: bool) -> str | None:
    root, real = tree.root.resolve(), path.resolve()
    if root.is_relative_to(real):
        return "the tree itself"
    if not real.is_relative_to(root):
        return None if single and real.is_file() else "outside of the tree"
    tracked = tree.users_own and GitRepository(tree.folder).query("ls-files", "--", str(path))
    return "under version control" if tracked else None


def matches(pattern: str | None, tree: SideTree) -> list[Path]:
    """Return the files and folders a pattern names in a tree, sorted."""
    if pattern is None:
        return []
    names = glob.glob(pattern, root_dir=tree.folder, recursive=True)  # noqa: PTH207 - the pattern may be absolute
    paths = [tree.folder / name for name in sorted(names)]
    return [path for path in paths if not set(path.parents) & set(paths)]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in sorted(path.rglob("*")) if file.is_file()]
    return [path] if path.is_file() else []


def _check(paths: list[Path]) -> None:
    sizes = [file.stat().st_size for path in paths for file in _files(path)]
    if not any(sizes):
        raise UnusableResultError(f"wrote an empty result file: {paths[0].name} has 0 bytes")
    if sum(sizes) > LIMIT:
        raise UnusableResultError(
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
