"""Ruby's `Benchmark.bm` and `bmbm`: user, system, total and real seconds. A rehearsal before them is left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "Ruby Benchmark"
WRITTEN_BY = "ruby bench.rb > results.txt (Benchmark.bm)"
_HEADER = re.compile(r"\s*user\s+system\s+total\s+real\s*\Z")
_ROW = re.compile(r"(?P<name>\S.*?):?\s+\d+\.\d+\s+\d+\.\d+\s+(?P<total>\d+\.\d+)\s+\(\s*(?P<real>\d+\.\d+)\)\s*\Z")
_TIME = metric("time", "s")
_CPU_TIME = metric("cpu_time", "s")


def sniff(document: Document) -> bool:
    """Whether the file is text with the header of the table."""
    return document.json is None and "real" in document.text and any(map(_HEADER.match, document.lines))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    lines = document.lines
    last = max((at for at, line in enumerate(lines) if _HEADER.match(line)), default=0)
    for line in lines[last:]:
        if row := _ROW.match(line):
            entry = builder.benchmark(Benchmark(clean(row["name"])))
            entry.add(_TIME, single(float(row["real"]), f"{entry.benchmark.name}: real"))
            entry.add(_CPU_TIME, single(float(row["total"]), f"{entry.benchmark.name}: total"))
    return (builder.report(document, TITLE),)
