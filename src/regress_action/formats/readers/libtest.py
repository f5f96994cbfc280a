"""Rust benchmarks, as the text of `cargo bench`: libtest, the bencher crate, and Criterion's `--output-format bencher`.

A line holds the median of its rounds; `+/-` is their range, which is no standard deviation and left out. Targets of one
package print one after the other under the names their functions have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "Rust libtest"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_ROW = re.compile(
    r"^test (?P<name>\S.*?)\s+\.\.\. bench:\s+(?P<value>[\d,]+(?:\.\d+)?) (?P<unit>\S+) \(\+/- [\d,.]+\)"
    r"(?: = (?P<rate>\d+) MB/s)?",
    re.MULTILINE,
)
_FAILED = re.compile(r"^test (\S.*?)\s+\.\.\. FAILED$", re.MULTILINE)
_ITERATION = "/iter"
_MEGABYTE = 1e6
_THROUGHPUT = metric("throughput", "B/s")


def sniff(document: Document) -> bool:
    """Whether the file is no JSON and has a line of a benchmark."""
    return document.json is None and bool(_ROW.search(_text(document)))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    text = _text(document)
    builder = ReportBuilder()
    for row in _ROW.finditer(text):
        benchmark = Benchmark(clean(row["name"]))
        unit, factor = base_unit(row["unit"].removesuffix(_ITERATION))
        measured = metric("time" if unit == "s" else clean(unit), unit)
        builder.add(benchmark, measured, single(float(row["value"].replace(",", "")), row["name"], factor=factor))
        if row["rate"]:
            builder.add(benchmark, _THROUGHPUT, single(float(row["rate"]), row["name"], factor=_MEGABYTE))
    for failed in _FAILED.finditer(text):
        builder.fail(clean(failed[1]), "The benchmark failed.")
    return (builder.report(document.path, TITLE, FileOrigin()),)


def _text(document: Document) -> str:
    return _ANSI.sub("", document.text).replace("\r\n", "\n")
