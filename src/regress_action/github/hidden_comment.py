"""Marks: HTML comments with a kind and JSON at the very start of a text, by which we find again what we wrote.

A mark is only believed where GitHub itself says that we wrote the text (`Client.wrote`, `Client.created`). Nothing in
the rest of a text is a mark, whatever it quotes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT = 60_000
_MARK = re.compile(r"<!-- regress-action:([a-z]+) (\{[^<>\r\n]*\}) -->\s*(?:\n|\Z)")


def mark(kind: str, content: dict[str, Any]) -> str:
    """Return a mark; nothing in its content can end it early."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    for character in "<>&@#":
        text = text.replace(character, f"\\u{ord(character):04x}")
    text = text.replace("--", "-\\u002d")  # a single one may be the sign of a number
    return f"<!-- regress-action:{kind} {text} -->"


def replace(kind: str, text: str, by: str) -> str:
    """Return the text with its mark of a kind replaced; put on top when there is none."""
    for match in _marks(text):
        if match[1] == kind:
            return f"{text[: match.start()]}{by}{text[match.end(2) + len(' -->') :]}"
    return f"{by}\n\n{text}"


def read(kind: str, text: str | None) -> dict[str, Any] | None:
    """Return the content of a text's mark of a kind; None without one, or when it is damaged."""
    for match in _marks((text or "")[:_LIMIT]):
        if match[1] == kind:
            return _content(match[2])
    return None


def _marks(text: str) -> Iterator[re.Match[str]]:
    """Yield the marks that a text begins with, each on its own line."""
    match = _MARK.match(text)
    while match:
        yield match
        match = _MARK.match(text, match.end())


def _content(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
