"""What a place for records can do; a folder, a git branch and an artifact are such places.

* A plain folder of records, for a laptop, a shared disk, or the artifact of a workflow.
* Records in an artifact of the workflow, for repositories that want no branch.

A store knows paths and bytes. What the bytes mean, and which of them are wanted, is the business of `History`.
Paths are posix, relative to the store's root. Nothing is ever rewritten: a path is written once, and only `prune`
removes.

Artifacts cannot be added to: each holds the records before it and the new ones. They expire (after 90 days unless the
repository says otherwise), and of two jobs that end together the later one wins; the branch has neither weakness.
Reading takes the newest artifact that a run of the default branch made in this very repository, because anybody may
upload one of the same name from a pull request. Writing leaves the files in a folder for the workflow's upload step.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from regress_action.model import archives
from regress_action.model.errors import HistoryError, InputError
from regress_action.model.files import UNFINISHED, disk_remedy, read_bounded, write_new
from regress_action.model.records import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from github.Repository import Repository


@dataclass(frozen=True, slots=True)
class Children:
    """What lies directly in a folder: names, sorted."""

    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """One writing to a store: who did it, when, and what it did to which paths.

    `identity` is a commit where the store is a branch. `added`, `changed` and `removed` hold path → identity of the
    content (of the old content for `removed`), as the store names contents.
    """

    identity: str
    who: str
    when: str
    why: str
    added: Mapping[str, str]
    changed: Mapping[str, str]
    removed: Mapping[str, str]


class Store(Protocol):
    """A place that keeps bytes under paths.

    Every method raises `HistoryError` where the place cannot be read or written.
    """

    @property
    def where(self) -> str:
        """The place, as a person wrote it and may read it (no secrets)."""

    def exists(self) -> bool:
        """Whether anything was ever stored there."""

    def children(self, folders: Sequence[str]) -> dict[str, Children]:
        """List several folders at once; one that does not exist is empty."""

    def read(self, paths: Sequence[str]) -> list[bytes]:
        """Return the contents of `paths`, in their order."""

    def write(self, files: Mapping[str, bytes], message: str, *, remove: Collection[str] = ()) -> str:
        """Keep all `files`, and drop `remove`, or do nothing at all where the place can promise that.

        A path that is there already with the same content is fine; with another content it is an error.

        Returns:
            What proves the writing: a commit, or the place itself.
        """

    def log(self) -> Iterator[CommitRecord]:
        """Go through every writing, oldest first; a place that does not remember yields nothing."""


class GitHubAccess(Protocol):
    """What a history that lies on GitHub needs of it; the caller of `open_history` gives it."""

    def newest_artifact(self, name: str) -> bytes | None:
        """Return the newest archive of a name that a run of the default branch uploaded, or None where there is none.

        Raises:
            HistoryError: GitHub refuses or cannot be reached.
        """

    def repository(self, name: str) -> Repository:
        """Return the repository `owner/name`, for commits through the API."""


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


MAX_UNPACKED: Final = 200_000_000
MAX_FILES: Final = 20_000
_LIMITS: Final = archives.ArchiveLimits(MAX_FILES, MAX_UNPACKED, MAX_UNPACKED)


class ArtifactStore:
    """The records of the artifact that `fetch` returns (None: none yet), and new ones in the folder `outbox`."""

    def __init__(self, name: str, fetch: Callable[[], bytes | None], outbox: FolderStore) -> None:
        self._name = name
        self._fetch = fetch
        self._outbox = outbox

    @property
    def where(self) -> str:
        """The artifact's name."""
        return f"artifact:{self._name}"

    def exists(self) -> bool:
        """Whether a run of the default branch left an artifact of that name."""
        return bool(self._files)

    def children(self, folders: Sequence[str]) -> dict[str, Children]:
        """List several folders."""
        return {folder: self._children(folder.strip("/")) for folder in folders}

    def read(self, paths: Sequence[str]) -> list[bytes]:
        """Return the contents of `paths`."""
        try:
            return [self._files[path] for path in paths]
        except KeyError as error:
            raise HistoryError(
                f"{self.where}: there is no {error.args[0]}.", meaning="It was never recorded."
            ) from None

    def write(self, files: Mapping[str, bytes], message: str, *, remove: Collection[str] = ()) -> str:
        """Leave all records, old and new, in the folder that the workflow uploads; return that folder."""
        self._files.update(files)
        for path in remove:
            self._files.pop(path, None)
        return self._outbox.write(self._files, message, remove=remove)

    def log(self) -> Iterator[CommitRecord]:
        """Yield nothing: an artifact does not remember who wrote into it."""
        return iter(())

    @cached_property
    def _files(self) -> dict[str, bytes]:
        archive = self._fetch()
        return {} if archive is None else dict(unpack(archive, self.where))

    def _children(self, folder: str) -> Children:
        start = f"{folder}/" if folder else ""
        below = {path[len(start) :].partition("/")[::2] for path in self._files if path.startswith(start)}
        return Children(
            tuple(sorted({name for name, rest in below if rest})),
            tuple(sorted(name for name, rest in below if not rest)),
        )


def unpack(archive: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    """Yield the records and events of an archive, in memory; other names are left out.

    Raises:
        HistoryError: it is damaged, or unpacks to more than any history.
    """
    if not archive.startswith(archives.SIGNATURE):
        raise _unusable(where, "It is no archive.", "Upload the folder, not a single file.")
    try:
        yield from archives.unpack(archive, _LIMITS, lambda name: name.startswith(("runs/", "events/")))
    except InputError as error:
        raise _unusable(
            where, error.what, "Prune it, use a branch, or delete it: the next run makes a new one."
        ) from error


def _unusable(where: str, why: str, remedy: str) -> HistoryError:
    return HistoryError(f"{where} cannot be used. {why}", meaning="Nothing of it is used.", remedy=remedy)
