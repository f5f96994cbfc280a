"""mitata (`run({ format: "json" })`).

Every run of a benchmark, one per set of arguments, is a benchmark under its own name. Times are nanoseconds; the heap
is what an iteration allocates, in bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import reported, single, summarise
from regress_action.formats.shape import mapping, optional_mapping, optional_text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark, Environment

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "mitata"
WRITTEN_BY = "await run({ format: { json: { samples: false } } }), its output kept in results.json"
_TIME = metric("time", "s")
_ALLOCATED = metric("allocated", "B")
_NS = 1e-9


def sniff(document: Document) -> bool:
    """Whether the file has benchmarks with runs that have statistics or an error, and the layout of groups."""
    content = document.json
    return isinstance(content, dict) and "layout" in content and isinstance(content.get("benchmarks"), list)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    builder = ReportBuilder()
    for where, item in builder.objects(content.get("benchmarks"), "benchmarks"):
        for place, run in builder.objects(item.get("runs") or [], f"{where}.runs"):
            name = optional_text(run.get("name")) or optional_text(item.get("alias")) or "unnamed"
            with builder.tolerant():
                _read_run(run, builder.benchmark(Benchmark(clean(name))), place)
    return (builder.report(document, TITLE, _origin(optional_mapping(content.get("context")))),)


def _read_run(run: dict[str, Any], entry: Entry, where: str) -> None:
    """Read the times of one run, and what an iteration of it allocates."""
    statistics = run.get("stats")
    if not isinstance(statistics, dict):
        message = optional_text(optional_mapping(run.get("error")).get("message"))
        entry.fail(clean(f"The benchmark failed: {message}") if message else "The benchmark failed.")
        return
    samples = statistics.get("samples")
    if isinstance(samples, list) and samples:
        entry.add(_TIME, summarise(samples, f"{where}.stats.samples", factor=_NS))
    else:
        middle = statistics.get("p50", statistics.get("avg"))
        entry.add(_TIME, reported(middle, f"{where}.stats.p50", factor=_NS))
    allocated = optional_mapping(statistics.get("heap")).get("avg")
    if allocated is not None:
        entry.add(_ALLOCATED, single(allocated, f"{where}.stats.heap.avg"))


def _origin(context: dict[str, Any]) -> FileOrigin:
    cpu = optional_text(optional_mapping(context.get("cpu")).get("name"))
    runtime = " ".join(filter(None, (optional_text(context.get("runtime")), optional_text(context.get("version")))))
    return FileOrigin(environment=Environment(cpu=cpu or "unknown", runtime=runtime or "unknown"))
