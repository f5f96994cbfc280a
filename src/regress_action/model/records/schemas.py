"""What the fields of our schema are, and the steps from every older schema to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regress_action.model.measurements import Conditions, Environment
from regress_action.model.records.fields import FlawError, Object, optional

if TYPE_CHECKING:
    from collections.abc import Callable

    Migration = Callable[[Object], Object]

SCHEMA: Final = 2
MOST_DECIMALS: Final = 22  # the largest power of ten that is a float: dividing by it rounds once, to the number written
LARGEST: Final = 64 * 1024 * 1024  # bytes; a record is untrusted input, and real ones are thousands of times smaller

HEADER_KEYS: Final = frozenset(
    {"schema", "kind", "series", "suite", "commit", "branch", "created", "environment"}
    | {"runs", "failures", "source", "origin", "warnings", "provenance", "conditions", "saved_s"}
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
