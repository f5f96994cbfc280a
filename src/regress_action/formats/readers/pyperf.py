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
    mapping,
    optional_count,
    optional_mapping,
    optional_text,
    sequence,
    text,
)
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark, Environment

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "pyperf"
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
    for index, entry in enumerate(sequence(content.get("benchmarks"), "benchmarks")):
        where = f"benchmarks[{index}]"
        suite = mapping(entry, where)
        metadata = shared | optional_mapping(suite.get("metadata"))
        created += _read_benchmark(sequence(suite.get("runs"), f"{where}.runs"), metadata, where, builder)
    origin = FileOrigin(
        created=min(created, default=None), environment=_environment(metadata), provenance=_tool(metadata)
    )
    return (builder.report(document.path, TITLE, origin),)


def _read_benchmark(runs: list[Any], metadata: dict[str, Any], where: str, builder: ReportBuilder) -> list[str]:
    """Add every process of one benchmark and return when each of them started."""
    started = []
    name = None
    measured = False
    for index, entry in enumerate(runs):
        place = f"{where}.runs[{index}]"
        run = mapping(entry, place)
        known = metadata | optional_mapping(run.get("metadata"))
        name = name or clean(text(known.get("name"), f"{where}: the metadata `name`"))
        started += [date] if (date := optional_text(known.get("date"))) else []
        if "values" in run:
            measured = True
            _read_process(run, known, Benchmark(name), place, builder)
    if name and not measured:
        builder.fail(name, "Every run of it only calibrated the number of loops; none measured.")
    return started


def _read_process(
    run: dict[str, Any], known: dict[str, Any], benchmark: Benchmark, where: str, builder: ReportBuilder
) -> None:
    written = optional_text(known.get("unit")) or "second"
    unit, factor = base_unit(written)
    values = sequence(run["values"], f"{where}.values")
    builder.add(
        benchmark, metric(_METRICS.get(unit, "value"), unit), summarise(values, f"{where}.values", factor=factor)
    )
    if unit == "s" and "command_max_rss" in known:
        builder.add(benchmark, _PEAK_MEMORY, single(known["command_max_rss"], f"{where}: `command_max_rss`"))


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
