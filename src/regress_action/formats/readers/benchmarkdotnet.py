"""BenchmarkDotNet (`*-report-full.json`, `-full-compressed`, `-brief`).

A benchmark is named by `FullName`, to which the job is added where several runtimes or jobs measured it. Its values are
nanoseconds per operation. The file states the direction of every further metric. Without statistics it failed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import reported, single, summarise
from regress_action.formats.shape import ShapeError, mapping, optional_count, optional_mapping, optional_text
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark, Direction, Environment

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "BenchmarkDotNet"
WRITTEN_BY = "dotnet run -c Release -- --exporters json (BenchmarkDotNet.Artifacts/results/*-report-full.json)"
_TIME = metric("time", "s")
_ALLOCATED = metric("allocated", "B")
_NS = 1e-9
_RANDOM_JOB = re.compile(r"Job-[A-Z]{6}")


def sniff(document: Document) -> bool:
    """Whether the file describes the host and lists benchmarks in this tool's spelling."""
    content = document.json
    return isinstance(content, dict) and {"HostEnvironmentInfo", "Benchmarks"} <= content.keys()


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    builder = ReportBuilder()
    for where, item in builder.objects(content.get("Benchmarks"), "Benchmarks"):
        with builder.tolerant():
            _read_benchmark(item, where, builder)
    return (builder.report(document, TITLE, _origin(content)),)


def _read_benchmark(item: dict[str, Any], where: str, builder: ReportBuilder) -> None:
    """Read one benchmark under one job: its values, or that it failed."""
    parts = [optional_text(item.get(key)) for key in ("Namespace", "Type", "Method")]
    name = optional_text(item.get("FullName")) or ".".join(filter(None, parts))
    if not name:
        raise ShapeError(f"{where} has no FullName")
    _, _, job = (optional_text(item.get("DisplayInfo")) or "").partition(": ")
    entry = builder.benchmark(Benchmark(clean(name)), {"job": clean(_RANDOM_JOB.sub("Job", job))} if job else {})
    statistics = item.get("Statistics")
    if not isinstance(statistics, dict):
        entry.fail("The benchmark failed: BenchmarkDotNet has no statistics of it.")
        return
    values = statistics.get("OriginalValues")
    if isinstance(values, list) and values:
        entry.add(_TIME, summarise(values, f"{where}.Statistics.OriginalValues", factor=_NS))
    else:
        middle, rounds = statistics.get("Median", statistics.get("Mean")), statistics.get("N")
        spread = statistics.get("StandardDeviation")
        entry.add(_TIME, reported(middle, f"{where}.Statistics.Median", rounds=rounds, spread=spread, factor=_NS))
    _read_metrics(item, where, entry)


def _read_metrics(item: dict[str, Any], where: str, entry: Entry) -> None:
    """Read the memory and the further metrics of one benchmark."""
    allocated = optional_mapping(item.get("Memory")).get("BytesAllocatedPerOperation")
    if allocated is not None:
        entry.add(_ALLOCATED, single(allocated, f"{where}.Memory.BytesAllocatedPerOperation"))
    metrics = item.get("Metrics")
    for fields in metrics if isinstance(metrics, list) else ():
        descriptor = optional_mapping(optional_mapping(fields).get("Descriptor"))
        name = optional_text(descriptor.get("Id"))
        if name and name != "Allocated Memory":
            unit, factor = base_unit(optional_text(descriptor.get("Unit")) or "count")
            better = Direction.HIGHER if descriptor.get("TheGreaterTheBetter") is True else Direction.LOWER
            measured = metric(clean(name), clean(unit), direction=better)
            entry.add(measured, single(fields.get("Value"), f"{where}.Metrics: {clean(name)}", factor=factor))


def _origin(content: dict[str, Any]) -> FileOrigin:
    host = optional_mapping(content.get("HostEnvironmentInfo"))
    version, build = optional_text(host.get("BenchmarkDotNetVersion")), optional_text(host.get("Configuration"))
    provenance = (("tool", f"{TITLE} {version}" if version else None), ("build_type", build))
    return FileOrigin(
        environment=Environment(
            os=optional_text(host.get("OsVersion")) or "unknown",
            cpu=optional_text(host.get("ProcessorName")) or "unknown",
            cores=optional_count(host.get("LogicalCoreCount")),
            runtime=optional_text(host.get("RuntimeVersion")) or "unknown",
        ),
        provenance=tuple((key, value) for key, value in provenance if value),
    )
