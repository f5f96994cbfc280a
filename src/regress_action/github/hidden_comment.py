"""Marks: HTML comments with a kind and JSON, by which we find again what we wrote.

A mark is only believed in texts that we wrote ourselves.
"""

from __future__ import annotations

import json
import re
from typing import Any

_LIMIT = 60_000


def mark(kind: str, content: dict[str, Any]) -> str:
    """Return a mark; nothing in its content can end it early."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    for character in "<>&@#":
        text = text.replace(character, f"\\u{ord(character):04x}")
    text = text.replace("--", "-\\u002d")  # a single one may be the sign of a number
    return f"<!-- regress-action:{kind} {text} -->"


def replace(kind: str, text: str, mark_of_kind: str) -> str:
    """Return the text with the first mark of a kind replaced; put on top when there is none."""
    pattern = rf"<!-- regress-action:{kind} \{{[^<>]*\}} -->"
    replaced, count = re.subn(pattern, lambda _: mark_of_kind, text, count=1)
    return replaced if count else f"{mark_of_kind}\n\n{text}"


def read(kind: str, text: str | None) -> dict[str, Any] | None:
    """Return the content of the first mark of a kind; None without one, or when it is damaged."""
    match = re.search(rf"<!-- regress-action:{kind} (\{{[^<>]*\}}) -->", (text or "")[:_LIMIT])
    if match is None:
        return None
    try:
        content = json.loads(match[1])
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
