"""Divan, the tree that `cargo bench` prints.

A benchmark is named by its path through the tree. Its time is the median of its samples; throughput and the sizes of
allocations follow in rows without a name. An ignored benchmark is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import reported, single
from regress_action.formats.units import metric, metric_of_unit, quantity
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.formats.rounds import Sample
    from regress_action.model.measurements import Report

TITLE = "Divan"
WRITTEN_BY = "cargo bench | tee results.txt"
_HEADER = re.compile(r"(\S.*?)\s+fastest\s+│ slowest\s+│ median\s+│")
_NODE = re.compile(r"(?P<indent>[│ ]*)[├╰]─ (?P<rest>.*)")
_LEVEL = 3
_COLUMNS = 5
_TIME = metric("time", "s")
_ALLOCATIONS = {
    "max alloc:": "max_alloc",
    "alloc:": "alloc",
    "dealloc:": "dealloc",
    "grow:": "grow",
    "shrink:": "shrink",
}


def sniff(document: Document) -> bool:
    """Whether the file is text with the header and a row of the tree."""
    if document.json is not None or "fastest" not in document.text or "─ " not in document.text:
        return False
    return any(map(_HEADER.match, document.lines))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    path: list[str] = []
    root = ""
    entry: Entry | None = None
    kind: str | None = None
    for line in document.lines:
        if header := _HEADER.match(line):
            root, path, entry = header[1], [], None
        elif root and (node := _NODE.match(line)):
            level = len(node["indent"]) // _LEVEL
            name, cells = _cells(node["rest"])
            path = [*path[:level], name]
            entry = kind = None
            if quantity(cells[2]) if len(cells) >= _COLUMNS else False:
                entry = builder.benchmark(Benchmark(clean("::".join((root, *path)))))
                entry.add(_TIME, _time(cells, entry.benchmark.name))
        elif entry is not None and line.count("│") >= _COLUMNS - 1:
            kind = _read_more([cell.strip() for cell in line.split("│")][-(_COLUMNS + 1) :], entry, kind)
    return (builder.report(document, TITLE, compiled=True),)


def _cells(rest: str) -> tuple[str, list[str]]:
    """Return the name and the columns of a row: the name ends two spaces before the first column."""
    first, *others = rest.split("│")
    parts = re.split(r"\s{2,}", first.strip(), maxsplit=1)
    return parts[0], [parts[1] if len(parts) > 1 else "", *(other.strip() for other in others)]


def _time(cells: list[str], name: str) -> Sample:
    return reported((quantity(cells[2]) or (None, ""))[0], f"{name}: median", rounds=_count(cells[4]))


def _count(cell: str) -> float | None:
    value = quantity(cell)
    return value[0] if value else None


def _read_more(cells: list[str], entry: Entry, kind: str | None) -> str | None:
    """Read a row below a benchmark: a kind of allocation, its count, its size, or a throughput."""
    fastest, _, median, *_ = (*cells[-_COLUMNS - 1 :], "", "", "")
    if fastest in _ALLOCATIONS:
        return _ALLOCATIONS[fastest]
    measured = quantity(median)
    if measured is None:
        return kind
    value, unit = measured
    name = entry.benchmark.name
    if kind is not None and unit in {"count", "B"}:
        suffix = "bytes" if unit == "B" else "count"
        entry.add(metric(f"{kind}_{suffix}", unit, exact=True), single(value, f"{name}: {kind}"))
    elif unit.endswith("/s"):
        throughput, _ = metric_of_unit(unit)
        entry.add(throughput, single(value, f"{name}: throughput"))
    return kind
