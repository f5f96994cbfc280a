"""Records written as text and read again."""

import json
from operator import itemgetter
from typing import Any


def records(count: int) -> list[dict[str, Any]]:
    """Return records as a service would keep them."""
    listed = []
    for number in range(count):
        name = f"customer-{number % 97}"
        listed.append({"id": number, "name": name, "tags": ["a", "b", str(number)], "total": number * 1.25})
    return listed


def as_line(record: dict[str, Any]) -> str:
    """Return one record as a line."""
    parts = []
    for key, value in record.items():
        parts.append(f"{key}={value!r}")
    return ";".join(parts)


def fields(line: str) -> dict[str, str]:
    """Return what a line holds."""
    found = {}
    for part in line.split(";"):
        key, _, value = part.partition("=")
        found[key] = value.strip("'")
    return found


def by_name(listed: list[dict[str, Any]]) -> dict[str, float]:
    """Return totals by name."""
    totals: dict[str, list[float]] = {}
    for record in listed:
        totals.setdefault(record["name"], []).append(record["total"])
    return {name: sum(values) for name, values in totals.items()}


def work() -> int:
    """Write, read and group records."""
    listed = records(1500)
    total = 0
    for _ in range(2):
        again = json.loads(json.dumps(listed))
        total += sum(len(fields(as_line(record))) for record in again)
        total += len(by_name(sorted(again, key=itemgetter("name"))))
    return total
