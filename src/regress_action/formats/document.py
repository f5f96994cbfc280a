"""One results file, read once: its bytes, its text, its lines and, where it is JSON, its value.

Also here: JSON as tools really write it: what can be mended is mended and named, what cannot has its true cause
named.

Accepts what tools really write: gzip of any number of members, UTF-8 with or without a byte order mark, UTF-16 from a
PowerShell redirection, terminal colours. Every size is bounded, so that no file can exhaust the memory.

Mended are the numbers that C and C++ print (`nan`, `-nan(ind)`, `inf`), which JSON does not know, and commas before a
closing bracket. Integers of hundreds of digits become infinite instead of an error.
"""

from __future__ import annotations

import functools
import json
import math
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.model.errors import InputError
from regress_action.model.files import open_named

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element


_MENDED = re.compile(
    r'"(?:[^"\\]|\\.)*"|[-+]?\b(?:nan|inf(?:inity)?)\b(?:\((?:ind|snan)\))?|,(?=\s*[\]}])', re.IGNORECASE
)
_DECIMAL_COMMA = re.compile(r"[:\[,]\s*-?\d+,\Z")
_LONGEST_INTEGER = 400
_LONGEST_NUMBER = 40
_MOST_REPAIRS = 3
_JSON_NUMBERS = {"NaN", "Infinity", "-Infinity"}

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


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text is no JSON: what is wrong and where, what that means, and what helps."""

    what: str
    meaning: str = ""
    remedy: str = "Write the file again with the tool itself."


def parse_json(text: str) -> tuple[object, Problem | None, list[str]]:
    """Return the value of `text`, else None and the problem; and a sentence for everything that had to be mended."""
    try:
        return _loads(text), None, []
    except RecursionError:
        return None, Problem("it is nested too deeply"), []
    except json.JSONDecodeError as error:
        first = error
    repairs: list[str] = []
    mended = _mended(text, repairs)
    if repairs:
        try:
            return _loads(mended), None, repairs
        except (json.JSONDecodeError, RecursionError):
            pass
    return None, _diagnosed(text, first), []


def _loads(text: str) -> object:
    return json.loads(text, parse_int=_integer)


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _mended(text: str, repairs: list[str]) -> str:
    """Return `text` with numbers that JSON can hold and without superfluous commas; strings stay as they are."""

    def mend(match: re.Match[str]) -> str:
        written = match[0]
        if written.startswith('"') or written in _JSON_NUMBERS:
            return written
        number = "NaN" if "nan" in written.lower() else "-Infinity" if written.startswith("-") else "Infinity"
        if len(repairs) < _MOST_REPAIRS:
            place = _place(text, match.start())
            repairs.append(
                f"A comma before a closing bracket at {place} was left out."
                if written == ","
                else f"{written} at {place} is no JSON; it was read as {number}."
            )
        return "" if written == "," else number

    return _MENDED.sub(mend, text)


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line}, column {column}"


def _diagnosed(text: str, error: json.JSONDecodeError) -> Problem:
    """Return the true cause of an error of the parser: cut short, a decimal comma, several values, or broken."""
    place = f"line {error.lineno}, column {error.colno}"
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return Problem(
            f"it ends in the middle, at {place}",
            "The benchmark command was probably stopped while it wrote the file.",
            "Run it again; a timeout or a full disk shows in its output.",
        )
    if _DECIMAL_COMMA.search(text, max(0, error.pos - _LONGEST_NUMBER), error.pos):
        return Problem(
            f"a number is written with a decimal comma, at {place}",
            "The tool prints numbers in the language of its environment, and JSON knows only the point.",
            "Run the benchmark command with LC_ALL=C.",
        )
    if error.msg == "Extra data":
        return Problem(
            f"something follows its first value, at {place}",
            "Several JSON values, or other output of the command, went into one file.",
            "Let the tool write its results into a file of their own, one file a run.",
        )
    return Problem(f"{error.msg} at {place}", "It was edited by hand, or other output went into the file.")


class Document:
    """The content of `path`; every view of it is made once. `repairs` are sentences about what had to be mended."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.problem: Problem | None = None
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
            value, self.problem, repairs = parse_json(self.text)
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
            self.problem = Problem(f"it is not valid XML: {error}")
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
