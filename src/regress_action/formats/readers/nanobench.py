"""nanobench, the tables of Markdown that it prints.

A row is one benchmark; its time is the median of its epochs. The title of a table stands before the names in it, where
it has one. Instructions and cycles are there where the kernel counts them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.units import metric, quantity
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "nanobench"
WRITTEN_BY = "./bench > results.txt"
_NAME = re.compile(r"`(.+?)`(?: \(Unstable with .*)?\s*\Z")
_TIME = re.compile(r"(ps|ns|us|µs|ms|s|m|h)/\S")
_UNITS = {"m": "min"}
_COUNTS = {"ins/": metric("instructions", "count"), "cyc/": metric("cycles", "count")}


def sniff(document: Document) -> bool:
    """Whether the file is text with the header of a table."""
    return document.json is None and "err%" in document.text and any(map(_header, document.lines))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    columns: list[str] = []
    title = ""
    for line in document.lines:
        if header := _header(line):
            *columns, last = header
            title = "" if last == "benchmark" else f"{last} / "
        elif columns and line.startswith("|") and (name := _NAME.search(line)):
            entry = builder.benchmark(Benchmark(clean(f"{title}{name[1]}")))
            _read_row(entry, columns, line[: name.start()].split("|")[1:])
    return (builder.report(document, TITLE, compiled=True),)


def _header(line: str) -> list[str]:
    """Return the columns that a line names, the title of the table last; none where it is no header."""
    if not line.startswith("|") or "err%" not in line:
        return []
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    return cells if "err%" in cells and any(map(_TIME.match, cells)) else []


def _read_row(entry: Entry, columns: Sequence[str], cells: Sequence[str]) -> None:
    """Read the time of a row, and what the kernel counted."""
    for column, cell in zip(columns, cells, strict=False):
        unit = _TIME.match(column)
        measured = metric("time", "s") if unit else _COUNTS.get(column[:4])
        if measured is not None:
            value = quantity(f"{cell.strip().replace(',', '')} {_UNITS.get(unit[1], unit[1]) if unit else 'count'}")
            entry.add(measured, single(value[0] if value else None, f"{entry.benchmark.name}: {column}"))
