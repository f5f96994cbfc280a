"""pyperf, plain or gzip, pyperformance included.

One file is one run however many processes it started: they ran one after the other at one time on one machine.
The value of the run is the median of the processes' medians. Runs without values only calibrated the loops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import single, summarise
from regress_action.formats.shape import (
    ShapeError,
    mapping,
    optional_count,
    optional_mapping,
    optional_text,
    sequence,
)
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark, Direction, Environment

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "pyperf"
WRITTEN_BY = "python -m pyperf timeit -o results.json STATEMENT, or runner.bench_func in a script run with -o"
_METRICS = {"s": "time", "B": "peak_memory", "count": "value"}  # bytes come from --track-memory and --tracemalloc
_PEAK_MEMORY = metric("peak_memory", "B")


def sniff(document: Document) -> bool:
    """Whether the file is a suite whose benchmarks are lists of runs."""
    content = document.json
    if not isinstance(content, dict) or "version" not in content:
        return False
    benchmarks = content.get("benchmarks")
    if not isinstance(benchmarks, list):
        return False
    if not benchmarks:
        return bool(content["version"] == "1.0")
    return isinstance(benchmarks[0], dict) and isinstance(benchmarks[0].get("runs"), list)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    shared = optional_mapping(content.get("metadata"))
    builder = ReportBuilder()
    metadata = shared
    created: list[str] = []
    for where, suite in builder.objects(content.get("benchmarks"), "benchmarks"):
        with builder.tolerant():
            metadata = shared | optional_mapping(suite.get("metadata"))
            created += _read_benchmark(suite.get("runs"), metadata, where, builder)
    origin = FileOrigin(
        created=min(created, default=None), environment=_environment(metadata), provenance=_tool(metadata)
    )
    return (builder.report(document, TITLE, origin),)


def _read_benchmark(runs: object, metadata: dict[str, Any], where: str, builder: ReportBuilder) -> list[str]:
    """Add every process of one benchmark and return when each of them started."""
    processes = list(builder.objects(runs, f"{where}.runs"))
    merged = [(place, run, metadata | optional_mapping(run.get("metadata"))) for place, run in processes]
    name = next((name for _, _, fields in merged if (name := optional_text(fields.get("name")))), None)
    if name is None:
        raise ShapeError(f"{where} has no `name` in its metadata")
    entry = builder.benchmark(Benchmark(clean(name)))
    for place, run, fields in merged:
        if "values" in run:
            _read_process(run, fields, entry, place)
    if not any("values" in run for _, run in processes):
        entry.fail("Every run of it only calibrated the number of loops; none measured.")
    return [date for _, _, fields in merged if (date := optional_text(fields.get("date")))]


def _read_process(run: dict[str, Any], fields: dict[str, Any], entry: Entry, where: str) -> None:
    unit, factor = base_unit(optional_text(fields.get("unit")) or "second")
    values = sequence(run["values"], f"{where}.values")
    measured = metric(_METRICS.get(unit, "value"), clean(unit), direction=Direction.LOWER)  # by pyperf's convention
    entry.add(measured, summarise(values, f"{where}.values", factor=factor))
    if unit == "s" and "command_max_rss" in fields:
        entry.add(_PEAK_MEMORY, single(fields["command_max_rss"], f"{where}: `command_max_rss`"))


def _tool(metadata: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    version = optional_text(metadata.get("perf_version"))
    return (("tool", f"{TITLE} {version}"),) if version else ()


def _environment(metadata: dict[str, Any]) -> Environment:
    system, _, rest = (optional_text(metadata.get("platform")) or "").partition("-")
    machine = next((part for part in rest.split("-") if part in {"x86_64", "aarch64", "arm64", "AMD64"}), "")
    implementation = optional_text(metadata.get("python_implementation")) or ""
    version = (optional_text(metadata.get("python_version")) or "").partition(" ")[0]
    python = "CPython" if implementation == "cpython" else implementation
    return Environment(
        os=f"{system} {machine}".strip() or "unknown",
        cpu=optional_text(metadata.get("cpu_model_name")) or "unknown",
        cores=optional_count(metadata.get("cpu_count")),
        runtime=f"{python} {version}".strip() or "unknown",
    )
