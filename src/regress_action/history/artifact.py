"""Records in an artifact of the workflow, for repositories that want no branch.

Artifacts cannot be added to: each holds the records before it and the new ones. They expire (after 90 days unless the
repository says otherwise), and of two jobs that end together the later one wins; the branch has neither weakness.
Reading takes the newest artifact that a run of the default branch made in this very repository, because anybody may
upload one of the same name from a pull request. Writing leaves the files in a folder for the workflow's upload step.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from regress_action.history.store import Children
from regress_action.model import archives
from regress_action.model.errors import HistoryError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from regress_action.history.folder import FolderStore
    from regress_action.history.store import CommitRecord

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
