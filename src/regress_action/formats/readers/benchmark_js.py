"""benchmark.js and what writes like it: its text `name x 1,234 ops/sec ±1.2%`, its suite as JSON, benny and bench-node.

Text holds operations per second, which is what is compared then; JSON holds the samples, in seconds per operation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import reported, single, summarise
from regress_action.formats.shape import number_in, optional_mapping, optional_text, text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "benchmark.js"
WRITTEN_BY = "node bench.js > results.txt (benny: save({ format: 'json', details: true }); bench-node: JSON reporter)"
_MARK = " ops/sec"
_ROW = re.compile(
    r"(?P<rate>[\d,]+(?:\.\d+)?) ops/sec(?: ±\s*[\d.]+%)?(?: \((?P<runs>\d{1,9}) runs? sampled\))?"
    r"(?: min\.\.max=.*)?\s*\Z"
)
_TIME = metric("time", "s")
_THROUGHPUT = metric("throughput", "1/s")


def sniff(document: Document) -> bool:
    """Whether the file is text with such a row, or JSON of one of these tools."""
    if document.json is None:
        return _MARK in document.text and any(map(_row, document.lines))
    items = _items(document.json)
    return bool(items) and isinstance(items[0], dict) and _is_item(items[0])


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    if document.json is None:
        for line in document.lines:
            if row := _row(line):
                name, match = row
                rounds = int(match["runs"]) if match["runs"] else None
                sample = reported(number_in(match["rate"]), f"{clean(name)}: ops/sec", rounds=rounds)
                builder.benchmark(Benchmark(clean(name))).add(_THROUGHPUT, sample)
        return (builder.report(document, TITLE),)
    for where, item in builder.objects(_items(document.json), "results"):
        with builder.tolerant():
            name = clean(text(item.get("name"), f"{where}.name"))
            _read_item(item, builder.benchmark(Benchmark(name)), where)
    created = optional_text(document.json.get("date")) if isinstance(document.json, dict) else None
    return (builder.report(document, TITLE, FileOrigin(created=created)),)


def _row(line: str) -> tuple[str, re.Match[str]] | None:
    """Return the name and the numbers of a row; a name may hold ` x ` itself, so the last one divides."""
    if _MARK not in line:
        return None
    name, _, rest = line.rpartition(" x ")
    match = _ROW.match(rest)
    return (name.strip(), match) if name.strip() and match else None


def _items(content: object) -> list[Any]:
    if isinstance(content, dict):
        content = content.get("results")
    return content if isinstance(content, list) else []


def _is_item(item: dict[str, Any]) -> bool:
    suite = "hz" in item and "cycles" in item
    return "name" in item and (suite or {"ops", "margin"} <= item.keys() or {"opsSec", "runsSampled"} <= item.keys())


def _read_item(item: dict[str, Any], entry: Entry, where: str) -> None:
    """Read one benchmark: its samples where they are, else its operations per second."""
    statistics, details = optional_mapping(item.get("stats")), optional_mapping(item.get("details"))
    samples = statistics.get("sample") or details.get("sampleResults")
    rate = item.get("hz", item.get("ops", item.get("opsSec")))
    if item.get("error") is not None or not (samples or rate):
        entry.fail("The benchmark failed.")
    elif isinstance(samples, list):
        entry.add(_TIME, summarise(samples, f"{where}: samples"))
    else:
        entry.add(_THROUGHPUT, single(rate, f"{where}: operations per second"))
