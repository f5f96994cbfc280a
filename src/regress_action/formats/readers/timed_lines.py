"""Tools that print a line per time: Dart's benchmark_harness and `console.time` of JavaScript.

Template(RunTime): 1.0 us.
parse: 12714ms - timer ended
parse: 1.271s

The last one is Node's, which any program could print: it is read only where no line is another one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import summarise
from regress_action.formats.units import metric, quantity
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "Dart benchmark_harness or console.time"
WRITTEN_BY = "dart run benchmark/main.dart > results.txt, or what console.timeEnd prints (of Node: nothing else)"
_DART = re.compile(r"(?P<name>\S.*)\(RunTime(?:Raw)?\): (?P<time>[\d.]+ \S+?)\.?\s*\Z")
_CONSOLE = re.compile(r"(?P<name>\S.*): (?P<time>[\d.]+(?:ms|s)) - timer ended\s*\Z")
_NODE = re.compile(r"(?P<name>\S.*): (?P<time>\d+(?:\.\d{1,3})?(?:ms|s))\s*\Z")
_FEWEST = 2
_TIME = metric("time", "s")


def sniff(document: Document) -> bool:
    """Whether the file is text with such a line."""
    if document.json is not None:
        return False
    if "(RunTime" in document.text or " - timer ended" in document.text:
        return any(map(_row, document.lines))
    return _is_of_node(document)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file; a label of console.time that comes again is another round of its benchmark."""
    builder = ReportBuilder()
    of_node = _is_of_node(document)
    times: list[tuple[str, list[float | None]]] = []
    rounds: dict[str, list[float | None]] = {}
    for line in document.lines:
        if row := _NODE.match(line) if of_node else _row(line):
            name, value = clean(row["name"]), quantity(row["time"])
            if row.re is _DART or name not in rounds:
                rounds[name] = []
                times.append((name, rounds[name]))
            rounds[name].append(value[0] if value else None)
    for name, values in times:
        builder.benchmark(Benchmark(name)).add(_TIME, summarise(values, f"{name}: its times"))
    return (builder.report(document, TITLE),)


def _is_of_node(document: Document) -> bool:
    """Whether the file holds what `console.timeEnd` prints in Node, twice or more often, and nothing else."""
    lines = [line for line in document.lines if line.strip()]
    return len(lines) >= _FEWEST and all(map(_NODE.match, lines))


def _row(line: str) -> re.Match[str] | None:
    if "(RunTime" in line:
        return _DART.match(line)
    return _CONSOLE.match(line) if line.rstrip().endswith(" - timer ended") else None
