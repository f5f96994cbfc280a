"""Checked access to JSON that somebody else wrote.

Every function returns its value with the type it promises or raises a `ShapeError` that says where in the
file something else was found. `registry` turns that into an `InputError` that names the file.
"""

from __future__ import annotations

import math
import re
from typing import Any

_LARGEST_COUNT = 1e12
_LONGEST_NUMBER = 400
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")
_KINDS = {type(None): "null", bool: "a boolean", str: "a string", list: "a list", dict: "an object"}


class ShapeError(Exception):
    """A file has the outline of its format but not its content."""


def _wrong(where: str, expected: str, value: object) -> ShapeError:
    return ShapeError(f"{where} is {_KINDS.get(type(value), 'a number')} where {expected} is expected")


def mapping(value: object, where: str) -> dict[str, Any]:
    """Return `value` when it is an object."""
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    return value


def sequence(value: object, where: str) -> list[Any]:
    """Return `value` when it is a list."""
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    return value


def text(value: object, where: str) -> str:
    """Return `value` when it is a string."""
    if not isinstance(value, str):
        raise _wrong(where, "a string", value)
    return value


def number(value: object, where: str) -> float:
    """Return `value` as a float, NaN and the infinities included; a boolean is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(where, "a number", value)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def lenient_number(value: object) -> float | None:
    """Return `value` as a float, numbers in strings (`"1,234.5"`, `"NaN"`) included; None where it is no number."""
    if isinstance(value, str):
        return number_in(value)
    return None if isinstance(value, bool) or not isinstance(value, int | float) else number(value, "")


def number_in(text: str) -> float | None:
    """Return the number that `text` is, with commas between thousands; None where it is none."""
    digits = text.strip()
    if len(digits) > _LONGEST_NUMBER or "_" in digits:
        return None
    if "," in digits:
        if not _THOUSANDS.match(digits):
            return None
        digits = digits.replace(",", "")
    try:
        return float(digits)
    except ValueError:
        return None


def described(value: object) -> str:
    """Return what `value` is, in words: `a string`, `null`, `-0.5`."""
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return f"{number(value, ''):g}"
    return _KINDS.get(type(value), "something else")


def optional_mapping(value: object) -> dict[str, Any]:
    """Return `value`, or an empty object in place of anything else: for what only accompanies the numbers."""
    return value if isinstance(value, dict) else {}


def optional_text(value: object) -> str | None:
    """Return `value` when it is a string that says something, else None."""
    return value if isinstance(value, str) and value else None


def optional_number(value: object) -> float | None:
    """Return `value` as a float when it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def optional_count(value: object) -> int:
    """Return `value` as a whole number from 1 to a million million, else 0."""
    count = optional_number(value)
    return int(count) if count is not None and 1 <= count <= _LARGEST_COUNT else 0
