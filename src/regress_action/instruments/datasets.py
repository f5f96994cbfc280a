"""Large data of any size, streamed, and the same bytes for the same seed on every machine."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import TYPE_CHECKING

from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 2**16
_SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve", "ki", "no", "ra", "se")
_WORDS_IN_A_LINE = 12
_DIGESTED = 32


class DataKind(StrEnum):
    """What the data look like: comma-separated rows, JSON Lines, prose, or bytes."""

    TABULAR = "tabular"
    JSON = "json"
    TEXT = "text"
    BINARY = "binary"


def dataset(kind: DataKind | str, size: int, *, seed: int = 0) -> Iterator[bytes]:
    """Yield `size` bytes in blocks of at most 64 KiB; rows and lines are whole, but for the last one.

    The bytes come from SHAKE-256 over the seed, so they depend on neither the Python version nor the machine.

    Raises:
        UsageError: there is no such kind, or the size is negative.
    """
    if size < 0 or str(kind) not in list(DataKind):
        raise UsageError(
            f"There is no dataset of kind {kind!r} and size {size}.", remedy=f"The kinds are {', '.join(DataKind)}."
        )
    lines = _PARTS[DataKind(kind)](_numbers(seed))
    left, block = size, bytearray()
    while left > 0:
        while len(block) < min(_BLOCK, left):
            block += next(lines)
        part = bytes(block[: min(_BLOCK, left)])
        del block[: len(part)]
        left -= len(part)
        yield part


def write_dataset(path: Path, kind: DataKind | str, size: int, *, seed: int = 0) -> str:
    """Write a dataset to `path`, and return the SHA-256 of its content."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for block in dataset(kind, size, seed=seed):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _numbers(seed: int) -> Iterator[bytes]:
    """Yield 4096 random bytes at a time, each from its number and the seed."""
    number = 0
    while True:
        yield hashlib.shake_256(f"{seed}:{number}".encode()).digest(4096)
        number += 1


def _binary(numbers: Iterator[bytes]) -> Iterator[bytes]:
    return numbers


def _text(numbers: Iterator[bytes]) -> Iterator[bytes]:
    for random in numbers:
        for at in range(0, len(random), _DIGESTED):
            yield _sentence(random[at : at + _DIGESTED]).encode() + b"\n"


def _tabular(numbers: Iterator[bytes]) -> Iterator[bytes]:
    yield b"id,name,amount,ratio,flag\n"
    for row, random in enumerate(_pieces(numbers)):
        amount, ratio = int.from_bytes(random[:4], "big"), int.from_bytes(random[4:6], "big")
        yield f"{row},{_word(random[6:9])},{amount},{ratio / 65536:.6f},{random[9] % 2}\n".encode()


def _json(numbers: Iterator[bytes]) -> Iterator[bytes]:
    for row, random in enumerate(_pieces(numbers)):
        record = {
            "id": row,
            "name": _word(random[:3]),
            "tags": [_word(random[at : at + 2]) for at in (3, 5, 7)],
            "amount": int.from_bytes(random[9:13], "big"),
            "nested": {"flag": bool(random[13] % 2), "level": random[14] % 10},
        }
        yield json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _pieces(numbers: Iterator[bytes]) -> Iterator[bytes]:
    for random in numbers:
        for at in range(0, len(random), 16):
            yield random[at : at + 16]


def _sentence(random: bytes) -> str:
    words = [_word(random[at : at + 2]) for at in range(0, 2 * _WORDS_IN_A_LINE, 2)]
    return " ".join(words).capitalize() + "."


def _word(random: bytes) -> str:
    return "".join(_SYLLABLES[byte % 16] for byte in random)


_PARTS = {DataKind.TABULAR: _tabular, DataKind.JSON: _json, DataKind.TEXT: _text, DataKind.BINARY: _binary}
