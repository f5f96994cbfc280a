"""k6: `--summary-export`, the object that `handleSummary` gets, and the points of `--out csv`.

A metric of k6 is a benchmark. A trend has its median and 95th percentile; a counter its rate, a rate its share, a gauge
its value. Times are milliseconds. Thresholds are not read: they are k6's own verdict. Points do not tell the kind of
their metric, so a metric of the script is read as a trend of values there.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import reported, single, summarise
from regress_action.formats.shape import ShapeError, lenient_number, mapping, optional_mapping
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark, Direction

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "k6"
WRITTEN_BY = "k6 run --summary-export=results.json script.js"
_MS = 1e-3
_SHARES = {"checks": Direction.HIGHER, "http_req_failed": Direction.LOWER}
_UNCOUNTED = frozenset({"data_sent", "data_received", "vus", "vus_max"})
_COUNTERS = frozenset(
    {"http_reqs", "iterations", "dropped_iterations", "ws_sessions", "ws_msgs_sent", "ws_msgs_received"}
)
_TIMES = ("http_req_", "iteration_duration", "group_duration", "ws_", "grpc_req_duration", "browser_")
_POINTS = "metric_name,timestamp,metric_value,"
_FINER_THAN_SECONDS = 1e11  # of a time since 1970, beyond which it is in milliseconds or less


def sniff(document: Document) -> bool:
    """Whether the file has metrics, and among them those that every k6 run has, or is the table of points."""
    content = document.json
    if content is None:
        return document.text.startswith(_POINTS)
    metrics = content.get("metrics") if isinstance(content, dict) else None
    return isinstance(metrics, dict) and not metrics.keys().isdisjoint({"iterations", "iteration_duration", "vus"})


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    if document.json is None:
        _read_points(document.text, builder)
        return (builder.report(document, TITLE),)
    content = mapping(document.json, "the file")
    for name, fields in mapping(content.get("metrics"), "metrics").items():
        if name not in _UNCOUNTED:
            with builder.tolerant():
                outer = mapping(fields, f"metrics.{clean(name)}")
                is_time = outer.get("contains", "time") == "time"
                values = optional_mapping(outer.get("values")) if "values" in outer else outer
                _read_metric(name, values, builder.benchmark(Benchmark(clean(name))), is_time=is_time)
    return (builder.report(document, TITLE),)


def _read_metric(name: str, values: dict[str, Any], entry: Entry, *, is_time: bool) -> None:
    """Read one metric by the statistics that it has, which tell its kind."""
    where = clean(name)
    if "med" in values or "p(95)" in values:
        factor = _MS if is_time else 1.0
        unit, base = ("s", "time") if is_time else ("value", "value")
        middle = values.get("med", values.get("avg"))
        entry.add(metric(base, unit), reported(middle, f"{where}.med", rounds=values.get("count"), factor=factor))
        if "p(95)" in values:
            entry.add(metric(f"{base}_p95", unit), single(values["p(95)"], f"{where}.p(95)", factor=factor))
    elif "passes" in values:
        share = values.get("rate", values.get("value"))
        entry.add(
            metric("share", "ratio", direction=_SHARES.get(name, Direction.UNKNOWN)), single(share, f"{where}.rate")
        )
    elif "rate" in values:
        entry.add(metric("throughput", "1/s"), single(values["rate"], f"{where}.rate"))
    elif "value" in values:
        measured = metric("value", "value", direction=Direction.UNKNOWN)
        entry.add(measured, single(values["value"], f"{where}.value"))
    else:
        entry.fail("k6 never added a value to it.")


def _read_points(text: str, builder: ReportBuilder) -> None:
    """Read the rows of every metric; the rate of a counter is per second between the first row and the last.

    A file of one moment has no rates.
    """
    values: dict[str, list[float | None]] = defaultdict(list)
    first, last = math.inf, -math.inf
    try:
        for row in csv.DictReader(io.StringIO(text)):
            name = row.get("metric_name") or ""
            values[name].append(lenient_number(row.get("metric_value")))
            if (moment := _moment(row.get("timestamp"))) is not None:
                first, last = min(first, moment), max(last, moment)
    except csv.Error as error:
        raise ShapeError(str(error)) from error
    for name, points in values.items():
        if name and name not in _UNCOUNTED and (name not in _COUNTERS or last > first):
            with builder.tolerant():
                _read_metric_points(name, points, builder.benchmark(Benchmark(clean(name))), last - first)


def _read_metric_points(name: str, points: list[float | None], entry: Entry, seconds: float) -> None:
    where = clean(name)
    held = sorted(point for point in points if point is not None)
    if name in _COUNTERS:
        entry.add(metric("throughput", "1/s"), single(sum(held) / seconds, f"{where}: a second"))
    elif name in _SHARES:
        share = sum(held) / len(held) if held else None
        entry.add(metric("share", "ratio", direction=_SHARES[name]), single(share, f"{where}: share"))
    else:
        factor, unit, base = (_MS, "s", "time") if name.startswith(_TIMES) else (1.0, "value", "value")
        entry.add(metric(base, unit), summarise(points, where, factor=factor))
        if held:
            p95 = held[math.ceil(0.95 * len(held)) - 1]
            entry.add(metric(f"{base}_p95", unit), single(p95, f"{where}: p95", factor=factor))


def _moment(text: str | None) -> float | None:
    """Return seconds since 1970 from any of k6's formats of time, None where it is none of them."""
    number = lenient_number(text)
    if number is None:
        try:
            return datetime.fromisoformat(text or "").timestamp()
        except ValueError:
            return None
    if not math.isfinite(number):
        return None
    while abs(number) > _FINER_THAN_SECONDS:
        number /= 1000
    return number
