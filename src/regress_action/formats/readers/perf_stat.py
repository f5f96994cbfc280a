"""`perf stat`: its text, `-x,` and `-j`. Every event that was counted is a metric of the command.

Counts of instructions hardly vary; an event that the machine does not support has no value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import number_in, optional_text
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark, Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "perf stat"
WRITTEN_BY = "perf stat -r 10 -j -o results.json COMMAND"
_COMMAND = re.compile(r"\s*Performance counter stats for '(.*)'")
_ROW = re.compile(
    r"\s+(?P<value>[\d.,]+)\s+(?:(?P<unit>msec|ns|Joules|MiB)\s+)?(?P<event>[A-Za-z][\w:/.=,-]*)"
    r"(?:\s+#.*|\s+\(.*|\s*)\Z"
)
_ELAPSED = re.compile(r"\s+(?P<value>[\d.,]+)(?: \+- [\d.,]+)? seconds time elapsed")
_FIELDS = 8
_UNITS = frozenset({"", "msec", "ns", "Joules", "MiB", "%"})
_EVENT = re.compile(r"[a-z][\w:/.=-]*\Z")
_UNCOUNTED = "<not "


def sniff(document: Document) -> bool:
    """Whether the file is the table, or lines of JSON or fields with events."""
    first = document.first_line
    if isinstance(first, dict):
        return "counter-value" in first and "event" in first
    if document.json is not None:
        return False
    return "Performance counter stats for" in document.text or any(True for _ in _from_fields(document.lines[:20]))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    name = next((match[1] for line in document.lines if (match := _COMMAND.match(line))), "command")
    entry = builder.benchmark(Benchmark(clean(name)))
    rows = (
        _from_json(document)
        if isinstance(document.first_line, dict)
        else (*_from_fields(document.lines), *_from_text(document.lines))
    )
    for event, value, written in rows:
        unit, factor = base_unit(written or "count")
        measured = metric(clean(event), clean(unit), direction=Direction.LOWER)
        if measured.name not in entry.samples:
            entry.add(measured, single(value, f"{measured.name}", factor=factor))
    if not entry.samples:
        entry.fail("perf counted no event: the machine or its settings do not allow it.")
    return (builder.report(document, TITLE),)


def _from_json(document: Document) -> Iterator[tuple[str, float | None, str]]:
    for fields in document.json_lines:
        event, value = optional_text(fields.get("event")), fields.get("counter-value")
        if event and isinstance(value, str) and not value.startswith(_UNCOUNTED):
            yield event, number_in(value), optional_text(fields.get("unit")) or ""


def _from_fields(lines: list[str]) -> Iterator[tuple[str, float | None, str]]:
    """Yield value, unit and event of lines of `-x,`."""
    for line in lines:
        cells = line.split(",")
        if len(cells) < _FIELDS - 1 or cells[1] not in _UNITS or not _EVENT.match(cells[2]):
            continue
        if (number := number_in(cells[0])) is not None:
            yield cells[2], number, cells[1]


def _from_text(lines: list[str]) -> Iterator[tuple[str, float | None, str]]:
    for line in lines:
        if match := _ELAPSED.match(line):
            yield "time", number_in(match["value"]), "s"
        elif match := _ROW.match(line):
            yield match["event"], number_in(match["value"]), match["unit"] or ""
