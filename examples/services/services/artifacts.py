"""Artifacts: files that are named after their content and never change."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ArtifactError(Exception):
    """An artifact is missing or not what it was."""


class Artifacts:
    """A folder of artifacts, two hexadecimal digits a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Keep `content` and return its name; the same content is kept once."""
        name = _name(content)
        path = self._path(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".draft")
            draft.write_bytes(content)
            draft.replace(path)
        return name

    def get(self, name: str) -> bytes:
        """Return the content called `name`.

        Raises:
            ArtifactError: There is none, or the file was changed since.
        """
        try:
            content = self._path(name).read_bytes()
        except FileNotFoundError as error:
            raise ArtifactError(f"There is no artifact {name}.") from error
        if _name(content) != name:
            raise ArtifactError(f"Artifact {name} was changed.")
        return content

    def remove(self, name: str) -> None:
        """Forget an artifact; one that is not there stays so."""
        self._path(name).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[str]:
        for path in sorted(self._folder.glob("??/*")):
            if not path.suffix:
                yield path.parent.name + path.name

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name[2:]


def _name(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=20).hexdigest()
