"""Tools that print a line per time: Dart's benchmark_harness and `console.time` of JavaScript.

Template(RunTime): 1.0 us.
parse: 12714ms - timer ended
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
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "Dart benchmark_harness or console.time"
WRITTEN_BY = "dart run benchmark/main.dart > results.txt, or what console.timeEnd prints"
_DART = re.compile(r"(?P<name>\S.*)\(RunTime(?:Raw)?\): (?P<time>[\d.]+ \S+?)\.?\s*\Z")
_CONSOLE = re.compile(r"(?P<name>\S.*): (?P<time>[\d.]+(?:ms|s)) - timer ended\s*\Z")
_TIME = metric("time", "s")


def sniff(document: Document) -> bool:
    """Whether the file is text with such a line."""
    if document.json is not None or ("(RunTime" not in document.text and " - timer ended" not in document.text):
        return False
    return any(map(_row, document.lines))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    for line in document.lines:
        if row := _row(line):
            name = clean(row["name"])
            value = quantity(row["time"])
            builder.benchmark(Benchmark(name)).add(_TIME, single(value[0] if value else None, f"{name}: its time"))
    return (builder.report(document, TITLE),)


def _row(line: str) -> re.Match[str] | None:
    if "(RunTime" in line:
        return _DART.match(line)
    return _CONSOLE.match(line) if line.rstrip().endswith(" - timer ended") else None
