"""A plain folder of records, for a laptop, a shared disk, or the artifact of a workflow."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from regress_action.history.store import Children, CommitRecord
from regress_action.model.errors import HistoryError, InputError
from regress_action.model.files import UNFINISHED, disk_remedy, read_bounded, write_new
from regress_action.model.records import LARGEST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

_STALE_S: Final = 3600.0  # no writer needs an hour for one record, so an older file was left by a writer that died


class FolderStore:
    """Records as files below `root`; the folder is made by the first record."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def where(self) -> str:
        """The folder's path."""
        return str(self.root)

    def exists(self) -> bool:
        """Whether the folder is there."""
        return self.root.is_dir()

    def children(self, folders: Sequence[str]) -> dict[str, Children]:
        """List several folders; links and hidden names are left out, and so are unfinished files."""
        return {folder: self._children(self.root / folder) for folder in folders}

    def read(self, paths: Sequence[str]) -> list[bytes]:
        """Return the contents of `paths`, in their order; links and what is no regular file are refused."""
        try:
            return [read_bounded(self.root / path, LARGEST, below=self.root) for path in paths]
        except InputError as error:
            raise HistoryError(
                error.what, meaning="Past results are not known.", remedy=f"{error.remedy} Or restore the folder."
            ) from error

    def write(self, files: Mapping[str, bytes], message: str, *, remove: Collection[str] = ()) -> str:  # noqa: ARG002
        """Write each file completely or not at all, and flush it to the disk before it gets its name."""
        try:
            for folder in {(self.root / path).parent for path in files}:
                _sweep(folder)
            for path, data in files.items():
                if not write_new(self.root / path, data, below=self.root):
                    self._compare(path, data)
            for path in remove:
                (self.root / path).unlink(missing_ok=True)
        except OSError as error:
            raise self._failed("written", error) from error
        return self.where

    def log(self) -> Iterator[CommitRecord]:
        """Yield nothing: a folder does not remember who wrote into it."""
        return iter(())

    def _children(self, folder: Path) -> Children:
        """Return the folders and files in a folder, both sorted; an absent folder is empty."""
        try:
            with os.scandir(folder) as entries:
                names = sorted(
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if not entry.name.startswith(".") and not entry.is_symlink()
                )
        except FileNotFoundError:
            return Children()
        except OSError as error:
            raise self._failed("read", error) from error
        return Children(
            tuple(name for name, is_folder in names if is_folder),
            tuple(name for name, is_folder in names if not is_folder),
        )

    def _compare(self, path: str, data: bytes) -> None:
        """Accept a record that is stored already, and refuse another content under its name."""
        if self.read([path]) != [data]:
            raise HistoryError(
                f"{self.root / path} exists with another content.",
                meaning="Records are never rewritten and their names follow from their contents: it was changed.",
                remedy="Run `regress-action history verify`, and restore the file from a backup.",
            )

    def _failed(self, what: str, error: OSError) -> HistoryError:
        return HistoryError(
            f"The history in {self.root} could not be {what}: {error}.",
            meaning="Nothing was stored." if what == "written" else "Past results are not known.",
            remedy=disk_remedy(error),
        )


def _sweep(folder: Path) -> None:
    """Remove what writers that died an hour ago left behind."""
    for unfinished in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):  # another writer may sweep as well
            if time.time() - unfinished.lstat().st_mtime > _STALE_S:
                unfinished.unlink()
