"""Names out of result files, made safe to print and stable as an identity."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_NAME = 500
EXIT_CODE = "exit code"
_DIGITS = 8


def clean(name: str, longest: int = LONGEST_NAME) -> str:
    """Return `name` without control characters and at most `longest` characters long.

    A name that had to be changed ends in `~` and eight hexadecimal digits of the original, so that two names
    never become one and the same name is always changed in the same way.
    """
    if name.isprintable() and 0 < len(name) <= longest:
        return name
    visible = "".join(_printable(character) for character in name).strip()
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{visible[: longest - _DIGITS - 1] or 'unnamed'}~{digest}"


def with_parameters(name: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Return the name of a benchmark with its parameters: `sort [size=8, order=up]`."""
    shown = ", ".join(f"{key}={value}" for key, value in parameters)
    return clean(f"{name} [{shown}]" if shown else name)


def exit_version(code: object) -> str:
    """Return the version of a benchmark whose every run ended with exit code `code`, which is not 0."""
    return f"{EXIT_CODE} {code}"


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    # bidirectional overrides and zero-width characters (Cf) can make a name read as another one
    return " " if character.isspace() or unicodedata.category(character)[0] == "Z" else ""
