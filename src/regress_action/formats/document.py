"""One results file, read once: its bytes, its text, its lines and, where it is JSON, its value.

Accepts what tools really write: gzip of any number of members, UTF-8 with or without a byte order mark, UTF-16 from a
PowerShell redirection, terminal colours. Every size is bounded, so that no file can exhaust the memory.
"""

from __future__ import annotations

import functools
import re
import zlib
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.formats import json_text
from regress_action.model.errors import InputError
from regress_action.model.files import open_named

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

LARGEST_FILE = 128 * 1024**2
LARGEST_TEXT = 16 * 1024**2
MOST_LINES = 1_000_000
LONGEST_LINE = 10_000
_MOST_ELEMENTS = 500_000
_LARGEST_VALUES = 384 * 1024**2
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class Document:
    """The content of `path`; every view of it is made once. `repairs` are sentences about what had to be mended."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.problem: json_text.Problem | None = None
        self.repairs: list[str] = []

    @functools.cached_property
    def text(self) -> str:
        """The characters, without terminal sequences, with one line feed at the end of a line.

        Raises:
            InputError: The bytes are no text in UTF-8 or UTF-16, or more than 16 MiB.
        """
        if len(self.data) > LARGEST_TEXT:
            raise _too_large(self.path, f"larger than {LARGEST_TEXT // 1024**2} MiB, the most that is read as text")
        encoding = next((name for bom, name in _BOMS.items() if self.data.startswith(bom)), "utf-8")
        try:
            text = self.data.decode(encoding)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.path} is not text: byte {error.start} is not {encoding.upper()}.",
                meaning="Results are read as UTF-8, or as UTF-16 with a byte order mark.",
                remedy="Name the file that the benchmark tool wrote, not an archive or a binary.",
            ) from error
        text = _ANSI.sub("", text) if "\x1b" in text else text
        return text.replace("\r\n", "\n")

    @functools.cached_property
    def lines(self) -> list[str]:
        """The lines of a text; those of more than 10,000 characters are left out.

        Raises:
            InputError: The bytes are no text, or hold more than a million lines.
        """
        if self.text.count("\n") > MOST_LINES:
            raise _too_large(self.path, f"longer than {MOST_LINES:,} lines")
        return [line for line in self.text.split("\n") if len(line) <= LONGEST_LINE]

    @functools.cached_property
    def json(self) -> Any:  # noqa: ANN401 - JSON may be anything
        """The value of the whole file, or None where it is not JSON; `problem` then says why.

        Raises:
            InputError: It holds so many values that they would not fit into the memory.
        """
        start = self.data.lstrip()[:1]
        if start not in (b"{", b"[") and not self.data.startswith(tuple(_BOMS)):
            return None
        if _size_of_values(self.data) > _LARGEST_VALUES:
            raise _too_large(self.path, "larger than what is read: it holds too many values")
        try:
            return orjson.loads(self.data)
        except orjson.JSONDecodeError:
            value, self.problem, repairs = json_text.parse(self.text)
            self.repairs += repairs
            return value

    @functools.cached_property
    def xml(self) -> Element | None:
        """The root element where the file is XML, else None; entities of the file's own are not expanded.

        Raises:
            InputError: The file declares entities, or holds too many elements.
        """
        if not self.data.lstrip(b"\xef\xbb\xbf \t\r\n\xff\xfe").startswith(b"<"):
            return None
        if "<!ENTITY" in self.text or self.text.count("<") > _MOST_ELEMENTS:
            raise _too_large(self.path, "not read: it declares entities, or holds more than 500,000 tags")
        from xml.etree import ElementTree as ET  # parses text alone: it is needed for few files

        try:
            return ET.fromstring(self.text.lstrip())  # noqa: S314 - it declares no entities
        except (ET.ParseError, ValueError) as error:
            self.problem = json_text.Problem(f"it is not valid XML: {error}")
            return None

    @functools.cached_property
    def first_line(self) -> Any:  # noqa: ANN401 - JSON may be anything
        """The value of the first line when that is JSON by itself (JSON Lines), else None."""
        try:
            return orjson.loads(self.data.lstrip().partition(b"\n")[0])
        except orjson.JSONDecodeError:
            return None

    @functools.cached_property
    def json_lines(self) -> list[Any]:
        """The values of the lines that are JSON objects; other lines between them are left out."""
        values = []
        for line in self.lines:
            if line.startswith("{"):
                try:
                    values.append(orjson.loads(line))
                except (orjson.JSONDecodeError, UnicodeEncodeError):
                    continue
        return values


def load(path: Path) -> Document:
    """Read the file at `path`, unpacked when it is gzip.

    Raises:
        InputError: There is no such regular file, it cannot be read, is empty, or is larger than 128 MiB.
    """
    return document_of(path, _bytes(path))


def document_of(path: Path, data: bytes) -> Document:
    """Return the document with the content `data` of the file at `path`, unpacked when it is gzip.

    Raises:
        InputError: It is damaged, empty, or larger than 128 MiB.
    """
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


def _size_of_values(data: bytes) -> int:
    """Return about how many bytes the Python objects of a JSON text take, itself included."""
    containers, values, texts = data.count(b"[") + data.count(b"{"), data.count(b","), data.count(b'"') // 2
    return len(data) + 72 * containers + 32 * values + 48 * texts


def _bytes(path: Path) -> bytes:
    """Return the bytes of a regular file, one more than the limit at most."""
    try:
        with open_named(path) as file:
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
    """Return the content of every member of a gzip file; zeros may follow the last one."""
    members: list[bytes] = []
    size = 0
    try:
        while data.startswith(_GZIP):
            decoder = zlib.decompressobj(_GZIP_WINDOW)
            members.append(_capped(path, decoder.decompress(data, LARGEST_FILE + 1 - size)))
            size += len(members[-1])
            if size > LARGEST_FILE:
                _capped(path, b"".join(members))
            if not decoder.eof:
                raise _unreadable(path, "its gzip data ends in the middle, so a part of the results is missing")
            data = decoder.unused_data
    except zlib.error as error:
        raise _unreadable(path, f"its gzip data is damaged ({error})") from error
    if data.strip(b"\0"):
        raise _unreadable(path, f"{len(data)} bytes that are not gzip follow its gzip data")
    return b"".join(members)


def _capped(path: Path, data: bytes) -> bytes:
    if len(data) > LARGEST_FILE:
        raise _too_large(path, f"larger than {LARGEST_FILE // 1024**2} MiB")
    return data


def _too_large(path: Path, how: str) -> InputError:
    return InputError(
        f"{path} is {how}.",
        meaning="Nearly all of such a file are single rounds, of which only a summary is used.",
        remedy="Write fewer rounds (pytest-benchmark: --benchmark-max-time=0.1, or --benchmark-save, whose files "
        "hold none), leave out raw profiles and logs, or split the suite into several files.",
    )


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} cannot be read: {why}.", remedy="Write it again, or name a file that this user may read."
    )
