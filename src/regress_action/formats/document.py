"""One results file, read once: its bytes, its text and, where it is JSON, its value.

Accepts what tools really write: gzip, UTF-8 with or without a byte order mark, UTF-16 from a PowerShell
redirection, and the NaN and Infinity that JSON forbids.
"""

from __future__ import annotations

import functools
import json
import stat
import zlib
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_FILE = 50 * 1024 * 1024
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31


class Document:
    """The content of `path`; every view of it is made once."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.problem = ""

    @functools.cached_property
    def text(self) -> str:
        """The characters.

        Raises:
            InputError: The bytes are no text in UTF-8 or UTF-16.
        """
        encoding = next((name for bom, name in _BOMS.items() if self.data.startswith(bom)), "utf-8")
        try:
            return self.data.decode(encoding)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.path} is not text: byte {error.start} is not {encoding.upper()}.",
                meaning="Results are read as UTF-8, or as UTF-16 with a byte order mark.",
                remedy="Name the file that the benchmark tool wrote, not an archive or a binary.",
            ) from error

    @functools.cached_property
    def json(self) -> Any:  # noqa: ANN401 - JSON may be anything
        """The value of the whole file, or None where it is not JSON; `problem` then says why."""
        try:
            return orjson.loads(self.data)
        except orjson.JSONDecodeError:
            return self._lenient_json()

    def _lenient_json(self) -> object:
        try:
            value: object = json.loads(self.text)
        except RecursionError:
            self.problem = "it is nested too deeply"
        except json.JSONDecodeError as error:
            end = error.pos >= len(self.text.rstrip()) or error.msg.startswith("Unterminated string")
            place = f"line {error.lineno}, column {error.colno}"
            self.problem = f"it ends in the middle, at {place}" if end else f"{error.msg} at {place}"
        except ValueError as error:  # an integer of thousands of digits
            self.problem = str(error)
        else:
            return value
        return None

    @functools.cached_property
    def first_line(self) -> Any:  # noqa: ANN401 - JSON may be anything
        """The value of the first line when that is JSON by itself (JSON Lines), else None."""
        try:
            return orjson.loads(self.data.lstrip().partition(b"\n")[0])
        except orjson.JSONDecodeError:
            return None


def load(path: Path) -> Document:
    """Read the file at `path`, unpacked when it is gzip.

    Raises:
        InputError: There is no such regular file, it cannot be read, is empty, or is larger than 50 MiB.
    """
    data = _bytes(path)
    if data.startswith(_GZIP):
        data = _unpacked(path, data)
    if not data.strip():
        raise InputError(
            f"{path} is empty ({len(data)} bytes).",
            meaning="The tool measured nothing: pytest-benchmark 4 without a benchmark to run, and Google Benchmark or "
            "JMH with a filter that matches nothing, leave such a file behind.",
            remedy="Look at the output of the benchmark command: was anything selected, and did it run?",
        )
    return Document(path, data)


def _bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise _unreadable(path, "it is not a regular file")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise InputError(
            f"There is no file {path}.",
            meaning="The benchmark command wrote nothing there: pytest-benchmark 5 writes no file when nothing ran.",
            remedy="Check the path, and the output of the benchmark command.",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    return _capped(path, data)


def _unpacked(path: Path, data: bytes) -> bytes:
    try:
        return _capped(path, zlib.decompressobj(_GZIP_WINDOW).decompress(data, LARGEST_FILE + 1))
    except zlib.error as error:
        raise _unreadable(path, f"its gzip data is damaged ({error})") from error


def _capped(path: Path, data: bytes) -> bytes:
    if len(data) > LARGEST_FILE:
        raise InputError(
            f"{path} is larger than {LARGEST_FILE // 1024**2} MiB.",
            meaning="No benchmark suite needs that much; reading it would only exhaust the memory.",
            remedy="Write results without raw profiles, or split the suite and merge the reports.",
        )
    return data


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(f"{path} cannot be read: {why}.", remedy="Name a results file that this user may read.")
