"""A plain folder of records, for a laptop, a shared disk, or the artifact of a workflow."""

from __future__ import annotations

import errno
import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from regress_action.history.store import Children, CommitRecord
from regress_action.model.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

_UNFINISHED: Final = ".unfinished-"
_STALE_S: Final = 3600.0  # no writer needs an hour for one record, so what is older was left by one that died
_NO_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES}


class FolderStore:
    """Records as files below `root`; the folder is made by the first record."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def where(self) -> str:
        """The folder's path."""
        return str(self.root)

    def children(self, folders: Sequence[str]) -> dict[str, Children]:
        """List several folders; hidden names (unfinished files among them) are left out."""
        return {folder: self._children(self.root / folder) for folder in folders}

    def read(self, paths: Sequence[str]) -> list[bytes]:
        """Return the contents of `paths`, in their order."""
        try:
            return [(self.root / path).read_bytes() for path in paths]
        except OSError as error:
            raise self._failed("read", error) from error

    def write(self, files: Mapping[str, bytes], message: str, *, remove: Collection[str] = ()) -> str:  # noqa: ARG002
        """Write each file whole or not at all, and flush it to the disk before it gets its name."""
        try:
            targets = {self.root / path: data for path, data in files.items()}
            folders = {target.parent for target in targets}
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
                _sweep(folder)
            for target, data in targets.items():
                self._put(target, data)
            for folder in folders:
                _sync_folder(folder)
            for path in remove:
                (self.root / path).unlink(missing_ok=True)
        except OSError as error:
            raise self._failed("write", error) from error
        return self.where

    def log(self) -> Iterator[CommitRecord]:
        """Yield nothing: a folder does not remember who wrote into it."""
        return iter(())

    def _children(self, folder: Path) -> Children:
        try:
            with os.scandir(folder) as entries:
                names = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
        except FileNotFoundError:
            return Children()
        except OSError as error:
            raise self._failed("read", error) from error
        return Children(
            tuple(name for name, is_folder in names if is_folder),
            tuple(name for name, is_folder in names if not is_folder),
        )

    def _put(self, target: Path, data: bytes) -> None:
        unfinished = target.parent / f"{_UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            with unfinished.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._name(unfinished, target, data)
        finally:
            unfinished.unlink(missing_ok=True)

    def _name(self, unfinished: Path, target: Path, data: bytes) -> None:
        """Give the finished file its name, unless that name is taken."""
        try:
            os.link(unfinished, target)
        except FileExistsError:
            if target.read_bytes() != data:
                raise HistoryError(
                    f"{target} exists with another content.",
                    meaning="Records are never rewritten and their names follow from their contents: it was changed.",
                    remedy="Run `regress-action history verify`, and restore the file from a backup.",
                ) from None
        except OSError as error:
            if error.errno not in _NO_LINKS or target.exists():
                raise
            unfinished.rename(target)

    def _failed(self, what: str, error: OSError) -> HistoryError:
        remedies = {
            errno.ENOSPC: "Free some space, or keep the history elsewhere.",
            errno.EDQUOT: "Free some space, or keep the history elsewhere.",
            errno.EACCES: "Allow this user to use the folder, or name another one.",
            errno.EPERM: "Allow this user to use the folder, or name another one.",
            errno.EROFS: "Name a folder that can be written.",
        }
        return HistoryError(
            f"The history in {self.root} could not be {'read' if what == 'read' else 'written'}: {error}.",
            meaning="Nothing was stored." if what == "write" else "Past results are not known.",
            remedy=remedies.get(error.errno or 0, "Check the folder, and try again."),
        )


def _sweep(folder: Path) -> None:
    """Remove what writers that died an hour ago left behind."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):  # another writer may sweep as well
            if time.time() - left.stat().st_mtime > _STALE_S:
                left.unlink()


def _sync_folder(folder: Path) -> None:
    """Flush the names in `folder`, so that a record survives a power cut as a whole."""
    with suppress(OSError):  # some file systems cannot flush folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
