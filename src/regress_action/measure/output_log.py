"""What a suite printed: its beginning and its end, however much it was."""

from __future__ import annotations

from dataclasses import dataclass, field

LIMIT = 256 * 1024


@dataclass(slots=True)
class OutputLog:
    """Keeps at most `limit` bytes, half from the start and half from the end."""

    limit: int = LIMIT
    _head: bytearray = field(default_factory=bytearray)
    _tail: bytearray = field(default_factory=bytearray)
    _total: int = 0

    def add(self, data: bytes) -> None:
        """Append what was printed next."""
        self._total += len(data)
        half = self.limit // 2
        missing = half - len(self._head)
        self._head += data[:missing]
        self._tail += data[missing:] if missing > 0 else data
        # Cut at twice the length, so that a suite that prints much does not have every line moved in memory.
        if len(self._tail) > 2 * half:
            del self._tail[:-half]

    @property
    def content(self) -> bytes:
        """Everything that is kept, with a note of how many bytes are left out."""
        tail = self._tail[-(self.limit // 2) :]
        left_out = self._total - len(self._head) - len(tail)
        gap = f"\n… {left_out} bytes left out …\n".encode() if left_out else b""
        return bytes(self._head + gap + tail)

    def last(self, characters: int = 2000) -> str:
        """Return the end as text that can stand in JSON and on a terminal."""
        text = self.content[-4 * characters :].decode("utf-8", "replace").strip()
        return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)[
            -characters:
        ]
