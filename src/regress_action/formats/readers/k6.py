"""k6: `--summary-export` and the object that `handleSummary` gets.

A metric of k6 is a benchmark. A trend has its median and 95th percentile; a counter its rate, a rate its share, a gauge
its value. Times are milliseconds. Thresholds are not read: they are k6's own verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import reported, single
from regress_action.formats.shape import mapping, optional_mapping
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


def sniff(document: Document) -> bool:
    """Whether the file has metrics, and among them those that every k6 run has."""
    content = document.json
    metrics = content.get("metrics") if isinstance(content, dict) else None
    return isinstance(metrics, dict) and not metrics.keys().isdisjoint({"iterations", "iteration_duration", "vus"})


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    builder = ReportBuilder()
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
