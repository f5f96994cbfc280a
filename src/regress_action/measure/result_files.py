"""The result files of a suite: removed before a run, checked and copied after it."""

from __future__ import annotations

import glob
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure import untrusted_files
from regress_action.measure.errors import MeasureUsageError
from regress_action.measure.git import GitFolder
from regress_action.measure.untrusted_files import UnsafeFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.measure.trees import SideTree
    from regress_action.measure.untrusted_files import RegularFile

LIMIT = 50 * 2**20
_MIB = 2**20


class UnusableResultError(Exception):
    """The result of a run cannot be used; the message completes `the run …`."""


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """Where one run writes its result and where it is kept.

    `pattern` names the files in the suite's tree, if the options have one. The result is kept in the folder `runs`, of
    which `descriptor` is open, under `name`; `{out}` stands for `name` with `suffix` there. With `promised` a missing
    result is a failure.
    """

    runs: Path
    descriptor: int
    name: str
    suffix: str
    pattern: str | None
    promised: bool

    @property
    def out(self) -> Path:
        """The file `{out}` and $REGRESS_OUT name."""
        return self.runs / self._out_name

    @property
    def _out_name(self) -> str:
        return self.name + self.suffix

    def clear(self, tree: SideTree) -> None:
        """Remove the results of an earlier run, so that they are not taken for this one's.

        Raises:
            OSError: one of them cannot be removed.
        """
        for path in matches(self.pattern, tree):
            with suppress(UnsafeFileError), _parent_folder(path, tree) as folder:
                untrusted_files.remove(folder, path.name)
        self.discard()

    def discard(self) -> None:
        """Remove what was kept of a run that failed."""
        untrusted_files.remove(self.descriptor, self._out_name)
        untrusted_files.remove(self.descriptor, self.name)

    def take(self, tree: SideTree) -> Path | None:
        """Copy what this run wrote and return its path, or None for a plain command.

        Raises:
            UnusableResultError: it wrote nothing, nothing but empty files, too much, or something that is no file.
            OSError: the disk is full.
        """
        try:
            paths = matches(self.pattern, tree)
            if paths and paths != [self.out]:
                return self._copy(paths, tree)
            if untrusted_files.exists(self.descriptor, self._out_name):
                _check(untrusted_files.regular_files(self.descriptor, self._out_name))
                return self.out
        except UnsafeFileError as error:
            raise UnusableResultError(f"wrote {error}") from error
        if not self.promised:
            return None
        raise UnusableResultError(f"wrote no result file: there is no {self.pattern or self._out_name}")

    def _copy(self, paths: list[Path], tree: SideTree) -> Path:
        """Copy the files that `paths` stand for: a single one as a file, else into a folder of the same shape.

        Raises:
            UnsafeFileError: something is no regular file, or lies outside of the tree.
            UnusableResultError: all are empty, or they are too large.
        """
        top = paths[0] if len(paths) == 1 else Path(os.path.commonpath([path.parent for path in paths]))
        listed = [(path, _listed(path, tree)) for path in paths]
        _check([file for _, files in listed for file in files])
        single = len(paths) == 1 and listed[0][1][0].parts == (paths[0].name,)
        name = self.name + _suffix(paths[0]) if single else self.name
        untrusted_files.remove(self.descriptor, name)
        left = LIMIT
        for path, files in listed:
            for file in files:
                inside = (path.parent.joinpath(*file.parts)).relative_to(top).parts
                with (
                    _parent_folder(path, tree) as parent,
                    untrusted_files.open_folder(parent, *file.parts[:-1]) as folder,
                ):
                    target = [name, *inside]
                    left -= untrusted_files.copy(folder, file.parts[-1], self.descriptor, target, left)
        return self.runs / name


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
    tracked = tree.users_own and GitFolder(tree.folder).query("ls-files", "--", str(path))
    return "under version control" if tracked else None


def matches(pattern: str | None, tree: SideTree) -> list[Path]:
    """Return the files and folders that a pattern names in a tree, sorted; `**` does not follow links.

    Where the suite made more levels of folders than can be searched, the pattern names nothing.
    """
    if pattern is None:
        return []
    try:
        paths = _matches(pattern, tree)
    except RecursionError:
        return []
    chosen = set(paths)
    return [path for path in paths if not set(path.parents) & chosen]


def _matches(pattern: str, tree: SideTree) -> list[Path]:
    if "**" in Path(pattern).parts:
        anchor = Path(pattern).anchor
        start = Path(anchor) if anchor else tree.folder
        hidden = any(part.startswith(".") for part in Path(pattern).parts)
        paths = sorted(start.glob(pattern.removeprefix(anchor)))
        return [path for path in paths if hidden or not _is_hidden(path.relative_to(start))]
    names = glob.glob(pattern, root_dir=tree.folder)  # noqa: PTH207 - the pattern may be absolute
    return [tree.folder / name for name in sorted(names)]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


@contextmanager
def _parent_folder(path: Path, tree: SideTree) -> Iterator[int]:
    """Open the folder that a result lies in: below the tree without a link on the way, or named outside of it.

    Raises:
        UnsafeFileError: a link leads to a folder outside of the tree.
    """
    root, real = tree.root.resolve(), path.parent.resolve()
    if real.is_relative_to(root):
        with untrusted_files.open_folder(root, *real.relative_to(root).parts) as folder:
            yield folder
    elif path.is_relative_to(tree.root):
        raise UnsafeFileError(f"{path.name!r} behind a link that leads out of its tree")
    else:
        with untrusted_files.open_folder(path.parent) as folder:
            yield folder


def _listed(path: Path, tree: SideTree) -> list[RegularFile]:
    with _parent_folder(path, tree) as folder:
        return untrusted_files.regular_files(folder, path.name)


def _check(files: list[RegularFile]) -> None:
    size = sum(file.size for file in files)
    if not size:
        name = files[0].parts[-1] if files else "the folder"
        raise UnusableResultError(f"wrote an empty result file: {name} has 0 bytes")
    if size > LIMIT:
        raise UnusableResultError(
            f"wrote {size / _MIB:.0f} MiB of results, more than the {LIMIT // _MIB} MiB that are read"
        )


def _suffix(path: Path) -> str:
    return "".join(path.suffixes[-2:]) if path.suffix in {".gz", ".bz2", ".xz", ".zst"} else path.suffix
