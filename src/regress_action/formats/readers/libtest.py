"""Rust benchmarks, as the text of `cargo bench`: libtest, the bencher crate, and Criterion's `--output-format bencher`.

A line holds the median of its rounds; `+/-` is their range, which is no standard deviation and left out. Targets of a
package print one after the other under the names of their functions; where standard error is in the file too, its
lines `Running benches/x.rs` tell them apart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import number_in
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "Rust libtest"
WRITTEN_BY = "cargo bench -- --output-format bencher | tee results.txt   (libtest: cargo +nightly bench)"
_MARK = "... bench:"
_EMPTY = "; 0 measured;"
_RESULT = re.compile(
    r"\s*(?P<value>[\d.,]+)\s+(?P<unit>\S+)(?:\s+\(\+/-\s*[\d.,]+\))?(?:\s+=\s+(?P<rate>[\d.,]+)\s+(?P<per>\S+/s))?"
)
_RUNNING = re.compile(r"\s*Running (?:unittests |benches )?(\S+)")
_THROUGHPUT = metric("throughput", "B/s")


def sniff(document: Document) -> bool:
    """Whether the file is no JSON and has a line of a benchmark, or says that there was none."""
    if document.json is not None or (_MARK not in document.text and _EMPTY not in document.text):
        return False
    of_others = ("Instructions:", "fastest", "time:   [")
    nothing = _EMPTY in document.text and not any(mark in document.text for mark in of_others)
    return nothing or any(map(_split, document.lines))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    target: dict[str, str] = {}
    for line in document.lines:
        if running := _RUNNING.match(line):
            target = {"target": clean(running[1])}
        elif parts := _split(line):
            name, result = parts
            _read_result(result, name, builder.benchmark(Benchmark(clean(name)), target))
        elif line.startswith("test ") and line.endswith("... FAILED"):
            name = line.removeprefix("test ").removesuffix("... FAILED").strip()
            builder.benchmark(Benchmark(clean(name)), target).fail("The benchmark failed.")
    return (builder.report(document, TITLE, compiled=True),)


def _split(line: str) -> tuple[str, str] | None:
    """Return the name and the result of a line of a benchmark."""
    start, mark, result = line.partition(_MARK)
    if not mark or not start.startswith("test ") or not _RESULT.match(result):
        return None
    return start.removeprefix("test ").strip(), result


def _read_result(result: str, name: str, entry: Entry) -> None:
    match = _RESULT.match(result)
    if match is None:
        return
    unit, factor = base_unit(match["unit"])
    unit = unit.removesuffix("/iter")
    measured = metric("time" if unit == "s" else clean(unit), unit)
    entry.add(measured, single(number_in(match["value"]) or match["value"], name, factor=factor))
    if match["rate"]:
        _, factor = base_unit(match["per"])
        entry.add(_THROUGHPUT, single(number_in(match["rate"]), name, factor=factor))
