"""Where the files of the settings are read from: a folder of this machine, or anything else with a `read`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from regress_action.model.errors import InputError, SettingsError
from regress_action.model.files import read_optional
from regress_action.model.yaml_text import parse_yaml

if TYPE_CHECKING:
    from pathlib import Path

LARGEST: Final = 1_000_000
"""Bytes of a settings, thresholds or waivers file at most."""


class SettingsFiles(Protocol):
    """A place that holds files by their relative path."""

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None where there is none.

        Raises:
            SettingsError: it cannot be read, or is too large.
        """


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The files of a folder.

    `confined` is for a checkout that others wrote: only files below `root` are read, and no link is followed. Without
    it a person names files of their own, wherever they are.
    """

    root: Path
    confined: bool = False

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None where there is none.

        Raises:
            SettingsError: it cannot be read, or is too large.
        """
        full = self.root / path
        try:
            if self.confined:
                full.relative_to(self.root)
                return read_optional(full, LARGEST, below=self.root)
            return read_optional(full.resolve(), LARGEST)
        except InputError as error:
            raise SettingsError(error.what, meaning=error.meaning, remedy=error.remedy) from error
        except (ValueError, RuntimeError) as error:  # outside of the root, or links in a circle
            raise SettingsError(
                f"{path} cannot be read: it is not a file below {self.root}.",
                remedy="Give a path inside the repository.",
            ) from error
        except (NotADirectoryError, IsADirectoryError) as error:
            raise SettingsError(f"{full} cannot be read: {error.strerror}.", remedy="Check the path.") from error


def read_yaml(files: SettingsFiles, path: str, *, required: bool = False) -> dict[str, Any]:
    """Read a YAML mapping; an empty file is an empty mapping, and so is an absent one unless it is required.

    Raises:
        SettingsError: the file is absent although required, too large, no YAML, or no mapping.
    """
    content = files.read(path)
    if content is None:
        if required:
            raise SettingsError(
                f"{path} cannot be read: there is no such file.",
                remedy="Check the path; it is relative to the folder you are in.",
            )
        return {}
    return parse_yaml(content, path)
