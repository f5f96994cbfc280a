"""The format of git's trees and the names of its files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

_SHA1_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Item:
    """A file or folder in a tree: its mode, and the identity of its content."""

    mode: str
    identity: str

    @property
    def is_folder(self) -> bool:
        """Whether it holds other items."""
        return self.mode == "40000"


def parse_tree(data: bytes, size: int) -> dict[str, Item]:
    """Read a tree object whose identities have `size` bytes; names that are no UTF-8 stay tellable apart."""
    items, at = {}, 0
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space)
        name = data[space + 1 : end].decode("utf-8", "surrogateescape")
        items[name] = Item(data[at:space].decode(), data[end + 1 : end + 1 + size].hex())
        at = end + 1 + size
    return items


def blob_identity(data: bytes, like: str) -> str:
    """Return the identity git gives to a file with the content `data`, by the algorithm of the identity `like`."""
    digest = hashlib.sha1(usedforsecurity=False) if len(like) == _SHA1_DIGITS else hashlib.sha256()
    digest.update(b"blob %d\0" % len(data) + data)
    return digest.hexdigest()
