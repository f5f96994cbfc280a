"""JSON as tools really write it: what can be mended is mended and named, what cannot has its true cause named.

Mended are the numbers that C and C++ print (`nan`, `-nan(ind)`, `inf`), which JSON does not know, and commas before a
closing bracket. Integers of hundreds of digits become infinite instead of an error.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

_MENDED = re.compile(
    r'"(?:[^"\\]|\\.)*"|[-+]?\b(?:nan|inf(?:inity)?)\b(?:\((?:ind|snan)\))?|,(?=\s*[\]}])', re.IGNORECASE
)
_DECIMAL_COMMA = re.compile(r"[:\[,]\s*-?\d+,\Z")
_LONGEST_INTEGER = 400
_LONGEST_NUMBER = 40
_MOST_REPAIRS = 3
_JSON_NUMBERS = {"NaN", "Infinity", "-Infinity"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text is no JSON: what is wrong and where, what that means, and what helps."""

    what: str
    meaning: str = ""
    remedy: str = "Write the file again with the tool itself."


def parse(text: str) -> tuple[object, Problem | None, list[str]]:
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
