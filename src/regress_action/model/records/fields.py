"""The fields of a line, each checked for its exact type: a bool is an int to `isinstance`, and not to us.

Also here: what the fields of our schema are, and the steps from every older schema to it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from regress_action.model.measurements import Conditions, Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Migration = Callable[["Object"], "Object"]

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


SCHEMA: Final = 2
MOST_DECIMALS: Final = 22  # the largest power of ten that is a float: dividing by it rounds once, to the number written
LARGEST: Final = 64 * 1024 * 1024  # bytes; a record is untrusted input, and real ones are thousands of times smaller

HEADER_KEYS: Final = frozenset(
    {"schema", "kind", "series", "suite", "commit", "branch", "created", "environment"}
    | {"runs", "failures", "source", "origin", "warnings", "provenance", "conditions", "saved_s", "planned_pairs"}
)
SERIES_KEYS: Final = frozenset(
    {"benchmark", "service", "parameters", "location", "version", "metric", "unit", "direction"}
    | {"exact", "signed", "values", "rounds", "spreads", "dropped", "decimals", "noise"}
)
RUN_TYPES: Final = {"session": (str,), "pair": (int,), "started": (str,), "wall_s": (float, int), "failure": (str,)}
CONDITION_TYPES: Final = {name: (str,) if name == "probe" else (float,) for name in Conditions.__slots__}
ENVIRONMENT_TYPES: Final = {name: (int,) if name == "cores" else (str,) for name in Environment.__slots__}


def upgrades(header: Object) -> list[tuple[Migration, Migration]]:
    """Return the steps from the schema of `header` to ours, for headers and for series lines."""
    schema = header.get("schema")
    if type(schema) is not int or schema < 0:
        raise FlawError(
            "is no header of a record (it has no `schema`)",
            meaning="The file was not written by regress-action.",
            remedy="Give results of other tools to `compare`, or bring old ones in with `history import`.",
        )
    if schema > SCHEMA:
        raise FlawError(
            f"has schema {schema}, and this version reads up to {SCHEMA}",
            meaning="It was made by a newer version of regress-action.",
            remedy="Upgrade regress-action.",
        )
    return [_MIGRATIONS[step] for step in range(schema, SCHEMA)]


def _header_from_0(header: Object) -> Object:
    """Schema 0 gave the number of runs alone, and had other names for the kind, the environment and the line count."""
    renamed = {"env": "environment", "lines": "series"}
    count = optional(header, "runs", int) or 0
    return {renamed.get(key, key): value for key, value in header.items()} | {
        "schema": 1,
        "kind": "report",
        "runs": [{} for _ in range(min(max(count, 0), 10_000))],
        "source": header.get("source", "unknown"),
    }


def _series_from_0(fields: Object) -> Object:
    """Schema 0 called the benchmark `name` and had a flag for the direction."""
    upgraded = {"benchmark" if key == "name" else key: value for key, value in fields.items()}
    upgraded["direction"] = "higher" if upgraded.pop("higher_is_better", False) else "lower"
    return upgraded


def _header_from_1(header: Object) -> Object:
    """Schema 1 knew nothing of the machine's conditions and of time saved."""
    return header | {"schema": 2}


def _series_from_1(fields: Object) -> Object:
    """Schema 1 wrote every whole number as it is, and not what it has more than the first."""
    values = fields.get("values")
    return fields | {"values": differences(values)} if type(values) is list else fields


def differences(numbers: list[Any]) -> list[Any]:
    """Return the first whole number and what each other one has more than that; a list with other numbers as it is."""
    present = [number for number in numbers if number is not None]
    if not present or set(map(type, present)) != {int}:
        return numbers
    first = present[0]
    at = numbers.index(first)
    return [*numbers[: at + 1], *(number if number is None else number - first for number in numbers[at + 1 :])]


_MIGRATIONS: Final[dict[int, tuple[Migration, Migration]]] = {
    0: (_header_from_0, _series_from_0),
    1: (_header_from_1, _series_from_1),
}
