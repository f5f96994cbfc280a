"""What a place for records can do; a folder, a git branch and an artifact are such places.

A store knows paths and bytes. What the bytes mean, and which of them are wanted, is the business of `History`.
Paths are posix, relative to the store's root. Nothing is ever rewritten: a path is written once, and only `prune`
removes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

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
