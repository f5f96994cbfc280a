"""The fields of a line, each checked for its exact type: a bool is an int to `isinstance`, and not to us."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Object = dict[str, Any]


class FlawError(Exception):
    """What is wrong with a line; `decode` adds which one."""

    def __init__(self, what: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.meaning = meaning or "The file is not a whole record as regress-action writes it; nothing of it is used."
        self.remedy = remedy or "Restore the file from where it was recorded, or measure again."


def refuse_unknown(fields: Object, keys: frozenset[str]) -> None:
    """Refuse fields that our schema does not have."""
    if not fields.keys() <= keys:
        raise FlawError(f"holds the unknown field {min(fields.keys() - keys)!r}")


def required(fields: Object, key: str) -> str:
    """Return a text that must be there and not be empty."""
    value = fields.get(key)
    if type(value) is not str or not value:
        raise FlawError(f"`{key}` is missing or no text")
    return value


def optional(fields: Object, key: str, kind: type) -> Any:  # noqa: ANN401 - the caller names the type
    """Return a field of exactly the type `kind`, or None where it is left out."""
    value = fields.get(key)
    if value is not None and type(value) is not kind:
        raise FlawError(f"`{key}` is {value!r:.60}, which is not of the type {kind.__name__}")
    return value


def items(fields: Object, key: str) -> list[Any]:
    """Return a list, empty where it is left out."""
    return optional(fields, key, list) or []


def mapping(fields: Object, key: str) -> Object:
    """Return an object, empty where it is left out."""
    return optional(fields, key, dict) or {}


def typed(fields: Object, types: Mapping[str, tuple[type, ...]]) -> Object:
    """Return `fields` after checking that each is known and of one of its types."""
    for name, value in fields.items():
        if type(value) not in types.get(name, ()):  # exact, because a bool is an int to isinstance
            raise FlawError(f"holds `{name}`: {value!r:.60}, which does not belong there")
    return fields


def all_text(values: Iterable[Any], key: str) -> tuple[Any, ...]:
    """Return the `values` of the field `key` after checking that each is a text."""
    texts = tuple(values)
    if not all(type(text) is str for text in texts):
        raise FlawError(f"`{key}` holds something that is no text")
    return texts


def utc(text: str) -> datetime:
    """Return the moment `text`, ISO 8601 with a zone, in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise FlawError(
            f"was made at {text!r:.60}, which is no time in UTC",
            remedy="Write times as ISO 8601 with their zone, like 2025-01-31T12:00:00Z.",
        )
    return moment.astimezone(UTC)
