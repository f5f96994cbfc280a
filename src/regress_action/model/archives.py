"""Zip archives that somebody else made, unpacked in memory: no path is followed, and sizes are counted."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIGNATURE: Final = b"PK"
_DAMAGED: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError),  # bz2 raises OSError
    *(NotImplementedError, RuntimeError, ValueError),  # an unknown method, a password, a bad offset
)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may hold at most: how many wanted files, and how many bytes in one and in all of them."""

    files: int
    file_bytes: int
    total_bytes: int


def unpack(archive: bytes, limits: ArchiveLimits, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file whose name lies inside of the archive and is `wanted`.

    Raises:
        InputError: the archive is damaged, or holds more than `limits` allow.
    """
    remaining = limits.total_bytes
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            members = [member for member in packed.infolist() if is_inside(member.filename) and wanted(member.filename)]
            if len(members) > limits.files:
                raise InputError(f"It holds {len(members)} files; {limits.files} are read at most.")
            for member in members:
                with packed.open(member) as file:
                    content = file.read(min(limits.file_bytes, remaining) + 1)
                remaining -= len(content)
                if len(content) > limits.file_bytes or remaining < 0:
                    raise InputError(f"It unpacks to more than {limits.total_bytes} bytes.")
                yield member.filename, content
    except _DAMAGED as error:
        raise InputError(f"It is damaged: {error}.") from error


def is_inside(name: str) -> bool:
    """Whether the name of a member is a plain relative path of a file."""
    parts = name.split("/")
    return not set(parts) & {"", ".", ".."} and not set(name) & set("\\\0:")
