"""Google Benchmark (`--benchmark_out_format=json`).

Repetitions are rounds of one run. A file of aggregates alone gives its medians, with the deviation next to them.
Whatever else a row counts is a metric of its own; a row with an error has no value, although it says 0.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import Sample, single
from regress_action.formats.shape import (
    mapping,
    optional_count,
    optional_mapping,
    optional_number,
    optional_text,
    sequence,
    text,
)
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark, Environment, Metric

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "Google Benchmark"
_TIMES = {"real_time": metric("time", "s"), "cpu_time": metric("cpu_time", "s")}
_COUNTERS = {
    "bytes_per_second": metric("bytes_per_second", "B/s"),
    "allocs_per_iter": Metric("allocations", "count", exact=True),
    "max_bytes_used": metric("peak_memory", "B"),
}
_FIELDS = frozenset(
    [
        "family_index",
        "per_family_instance_index",
        "repetitions",
        "repetition_index",
        "threads",
        "iterations",
        "cpu_coefficient",
        "real_coefficient",
        "rms",
        "total_allocated_bytes",
        "net_heap_growth",
    ]
)
_AGGREGATE = re.compile(r"_(mean|median|stddev|cv|BigO|RMS)$")


def sniff(document: Document) -> bool:
    """Whether the file has a context and rows with real times."""
    content = document.json
    if not isinstance(content, dict) or not {"context", "benchmarks"} <= content.keys() or "machine_info" in content:
        return False
    rows = content["benchmarks"]
    first = rows[0] if isinstance(rows, list) and rows else {"real_time": 0}
    return isinstance(first, dict) and not first.keys().isdisjoint({"run_type", "real_time"})


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    builder = ReportBuilder()
    repeated: set[str] = set()
    aggregates: dict[str, dict[str, tuple[dict[str, Any], str]]] = {}
    for index, entry in enumerate(sequence(content.get("benchmarks"), "benchmarks")):
        where = f"benchmarks[{index}]"
        row = mapping(entry, where)
        name, kind = _identity(row, where)
        if row.get("error_occurred"):
            message = optional_text(row.get("error_message"))
            builder.fail(clean(name), clean(message) if message else "The benchmark reported an error.")
            repeated.add(name)
        elif kind:
            aggregates.setdefault(name, {})[kind] = (row, where)
        elif not row.get("skipped"):
            repeated.add(name)
            for measured, sample in _samples(row, where):
                builder.add(Benchmark(clean(name)), measured, sample)
    for name, rows in aggregates.items():
        if name not in repeated:
            _read_aggregates(Benchmark(clean(name)), rows, builder)
    return (builder.report(document.path, TITLE, _origin(content)),)


def _identity(row: dict[str, Any], where: str) -> tuple[str, str | None]:
    """Return the name of a row's benchmark, and of its aggregate where it is one."""
    name = text(row.get("name"), f"{where}.name")
    if "run_type" in row:
        kind = optional_text(row.get("aggregate_name")) or "aggregate" if row["run_type"] == "aggregate" else None
        return optional_text(row.get("run_name")) or name, kind
    suffix = _AGGREGATE.search(name)  # before version 1.5 only the name tells
    return (name[: suffix.start()], suffix[1]) if suffix else (name, None)


def _samples(row: dict[str, Any], where: str) -> list[tuple[Metric, Sample]]:
    unit, factor = base_unit(text(row.get("time_unit", "ns"), f"{where}.time_unit"))
    del unit
    found = [
        (measured, single(row.get(key), f"{where}.{key}", factor=factor))
        for key, measured in _TIMES.items()
        if key in row
    ]
    counters = ((key, value) for key, value in row.items() if key not in _FIELDS and key not in _TIMES)
    for key, value in counters:
        # a counter below zero has no ratio to compare
        if isinstance(value, int | float) and not isinstance(value, bool) and not value < 0:
            found.append((_counter(key), single(value, f"{where}.{clean(key)}")))
    return found


def _counter(key: str) -> Metric:
    known = _COUNTERS.get(key)
    return known or metric(clean(key), "1/s" if key.endswith("_per_second") else "count")


def _read_aggregates(benchmark: Benchmark, rows: dict[str, tuple[dict[str, Any], str]], builder: ReportBuilder) -> None:
    centre = rows.get("median") or rows.get("mean")
    if centre is None:
        return
    row, where = centre
    spreads = dict(_samples(*rows["stddev"])) if "stddev" in rows else {}
    rounds = optional_count(row.get("repetitions")) or optional_count(row.get("iterations")) or 1
    for measured, sample in _samples(row, where):
        spread = spreads[measured].value if measured in spreads else math.nan
        builder.add(benchmark, measured, Sample(sample.value, sample.rounds and rounds, spread, sample.dropped))


def _origin(content: dict[str, Any]) -> FileOrigin:
    context = optional_mapping(content.get("context"))
    labels = (("library_version", "tool"), ("library_build_type", "library_build_type"))
    found = ((label, optional_text(context.get(key))) for key, label in labels)
    cores = optional_number(context.get("num_cpus"))
    return FileOrigin(
        created=optional_text(context.get("date")),
        environment=Environment(cores=optional_count(cores)),
        provenance=tuple((label, f"{TITLE} {value}" if label == "tool" else value) for label, value in found if value),
    )
