"""Google Benchmark (`--benchmark_out_format=json`).

Repetitions are rounds of one run. A file of aggregates alone gives its medians, with the deviation next to them.
Whatever else a row counts is a metric of its own; a row with an error has no value, although it says 0. Two benchmarks
may have one name: each begins again at its first repetition.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import reported, single
from regress_action.formats.shape import mapping, optional_count, optional_mapping, optional_text, text
from regress_action.formats.units import base_unit, is_signed, metric, unit_of_key
from regress_action.model.measurements import Benchmark, Direction, Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.formats.rounds import Sample
    from regress_action.model.measurements import Metric, Report

TITLE = "Google Benchmark"
WRITTEN_BY = "./bench --benchmark_out=results.json --benchmark_out_format=json"
_TIMES = {"real_time": metric("time", "s"), "cpu_time": metric("cpu_time", "s")}
_COUNTERS = {
    "bytes_per_second": metric("bytes_per_second", "B/s"),
    "items_per_second": metric("items_per_second", "1/s"),
    "allocs_per_iter": metric("allocations", "count", direction=Direction.LOWER, exact=True),
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

_Place = tuple[dict[str, Any], str]


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
    rows = _Rows(builder)
    for where, row in builder.objects(content.get("benchmarks"), "benchmarks"):
        with builder.tolerant():
            rows.read(row, where)
    rows.close()
    return (builder.report(document, TITLE, _origin(content), compiled=True),)


class _Rows:
    """The rows of a file, collected into benchmarks: repetitions of one, or its aggregates."""

    def __init__(self, builder: ReportBuilder) -> None:
        self._builder = builder
        self._entries: dict[str, Entry] = {}
        self._repetitions: dict[str, set[object]] = {}
        self._aggregates: dict[str, dict[str, _Place]] = {}

    def read(self, row: dict[str, Any], where: str) -> None:
        """Read one row; a repetition that is there already belongs to another benchmark of that name."""
        name, kind = _identity(row, where)
        if kind and not row.get("error_occurred"):
            self._aggregates.setdefault(name, {}).setdefault(kind, (row, where))
            return
        if row.get("skipped"):
            reason = clean(optional_text(row.get("skip_message")) or "", 200) or "The suite skips it."
            self._builder.benchmark(Benchmark(clean(name))).skip(reason)
            return
        index = row.get("repetition_index")
        repetitions = self._repetitions.setdefault(name, set())
        if name not in self._entries or (isinstance(index, int) and index in repetitions):
            facts = {"label": label} if (label := optional_text(row.get("label"))) else {}
            self._entries[name] = self._builder.benchmark(Benchmark(clean(name)), facts)
            repetitions.clear()
        if isinstance(index, int):
            repetitions.add(index)
        entry = self._entries[name]
        if row.get("error_occurred"):
            message = optional_text(row.get("error_message"))
            entry.fail(clean(message) if message else "The benchmark reported an error.")
            return
        for measured, sample in _samples(row, where):
            entry.add(measured, sample)

    def close(self) -> None:
        """Read the aggregates of the benchmarks that have no repetitions in the file."""
        for name, rows in self._aggregates.items():
            if name not in self._entries and ("median" in rows or "mean" in rows):
                _read_aggregates(self._builder.benchmark(Benchmark(clean(name))), rows)


def _identity(row: dict[str, Any], where: str) -> tuple[str, str | None]:
    """Return the name of a row's benchmark, and of its aggregate where it is one."""
    name = text(row.get("name"), f"{where}.name")
    if "run_type" in row:
        kind = optional_text(row.get("aggregate_name")) or "aggregate" if row["run_type"] == "aggregate" else None
        return optional_text(row.get("run_name")) or name, kind
    suffix = _AGGREGATE.search(name)  # before version 1.5 only the name tells
    return (name[: suffix.start()], suffix[1]) if suffix else (name, None)


def _samples(row: dict[str, Any], where: str) -> Iterator[tuple[Metric, Sample]]:
    """Yield the times of a row, and whatever else it counts."""
    _, factor = base_unit(optional_text(row.get("time_unit")) or "ns")
    for key, measured in _TIMES.items():
        if key in row:
            yield measured, single(row[key], f"{where}.{key}", factor=factor)
    for key, value in row.items():
        counts = isinstance(value, int | float) and not isinstance(value, bool)
        if counts and key not in _FIELDS and key not in _TIMES:
            measured, factor = _counter(key)
            yield measured, single(value, f"{where}.{clean(key)}", factor=factor, signed=measured.signed)


def _counter(key: str) -> tuple[Metric, float]:
    if key in _COUNTERS:
        return _COUNTERS[key], 1.0
    name = clean(key)
    _, unit, factor = unit_of_key(key) or (key, "count", 1.0)
    return metric(name, unit, signed=is_signed(name)), factor


def _read_aggregates(entry: Entry, rows: dict[str, _Place]) -> None:
    row, where = rows["median"] if "median" in rows else rows["mean"]
    spreads = (
        {measured.name: sample.value for measured, sample in _samples(*rows["stddev"])} if "stddev" in rows else {}
    )
    rounds = optional_count(row.get("repetitions")) or optional_count(row.get("iterations")) or 1
    for measured, sample in _samples(row, where):
        if sample.rounds:
            spread = spreads.get(measured.name)
            entry.add(measured, reported(sample.value, where, rounds=rounds, spread=spread, signed=measured.signed))
        else:
            entry.add(measured, sample)


def _origin(content: dict[str, Any]) -> FileOrigin:
    context = optional_mapping(content.get("context"))
    labels = (("library_version", "tool"), ("library_build_type", "library_build_type"))
    values = ((label, optional_text(context.get(key))) for key, label in labels)
    return FileOrigin(
        created=optional_text(context.get("date")),
        environment=Environment(cores=optional_count(context.get("num_cpus"))),
        provenance=tuple((label, f"{TITLE} {value}" if label == "tool" else value) for label, value in values if value),
    )
