"""Memray (`memray stats --json`) and pytest-memray (`--memray-bin-path`, the `*.metadata` of each test)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import mapping, optional_mapping, optional_text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "Memray"
WRITTEN_BY = "memray stats --json run.bin, or pytest --memray --memray-bin-path=DIR (DIR/metadata/*)"
_PEAK = metric("peak_memory", "B")
_ALLOCATED = metric("allocated", "B")
_ALLOCATIONS = metric("allocations", "count")


def sniff(document: Document) -> bool:
    """Whether the file holds the statistics of a run, or the peak of a test."""
    content = document.json
    if not isinstance(content, dict):
        return False
    return {"total_num_allocations", "total_bytes_allocated"} <= content.keys() or (
        {"test_id", "peak_memory"} <= content.keys()
    )


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    metadata = optional_mapping(content.get("metadata"))
    name = optional_text(content.get("test_id")) or optional_text(metadata.get("command_line")) or "command"
    builder = ReportBuilder()
    entry = builder.benchmark(Benchmark(clean(name)))
    peak = content.get("peak_memory", metadata.get("peak_memory"))
    for measured, value in (
        (_PEAK, peak),
        (_ALLOCATED, content.get("total_bytes_allocated")),
        (_ALLOCATIONS, content.get("total_num_allocations")),
    ):
        if value is not None:
            entry.add(measured, single(value, measured.name))
    if not entry.samples:
        entry.fail("The file holds no amount of memory.")
    return (builder.report(document, TITLE),)
