"""Locust: the statistics of `--csv` (`*_stats.csv`) and of `--json`.

A benchmark is the method and the name of a request. Times are milliseconds. Requests that all failed have no time.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import reported, single, summarise
from regress_action.formats.shape import ShapeError, lenient_number, optional_mapping, optional_text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "Locust"
WRITTEN_BY = "locust --headless --json > results.json, or locust --headless --csv results (results_stats.csv)"
_HEADER = "Type,Name,"
_TIME = metric("time", "s")
_P95 = metric("time_p95", "s")
_THROUGHPUT = metric("throughput", "1/s")
_MS = 1e-3
_MOST_VALUES = 1_000_000


def sniff(document: Document) -> bool:
    """Whether the file is the table of requests, or the list of their statistics."""
    content = document.json
    if isinstance(content, list):
        return (
            bool(content) and isinstance(content[0], dict) and {"num_requests", "response_times"} <= content[0].keys()
        )
    return content is None and document.text.startswith(_HEADER) and "Requests/s" in document.lines[0]


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    if document.json is not None:
        for where, item in builder.objects(document.json, "the file"):
            with builder.tolerant():
                _read_item(item, where, builder)
    else:
        try:
            for row in csv.DictReader(io.StringIO(document.text)):
                if row.get("Name") not in {None, "", "Aggregated"}:
                    _read_row(row, builder)
        except csv.Error as error:
            raise ShapeError(str(error)) from error
    return (builder.report(document, TITLE),)


def _read_row(row: dict[str, Any], builder: ReportBuilder) -> None:
    name = clean(f"{row.get('Type') or ''} {row.get('Name')}".strip())
    entry = builder.benchmark(Benchmark(name))
    requests, failures = (lenient_number(row.get(key)) or 0 for key in ("Request Count", "Failure Count"))
    if requests <= 0 or failures >= requests:
        entry.fail("No request of it succeeded.")
        return
    entry.add(_TIME, reported(row.get("Median Response Time"), f"{name}: median", rounds=requests, factor=_MS))
    entry.add(_P95, single(row.get("95%"), f"{name}: 95%", factor=_MS))
    entry.add(_THROUGHPUT, single(row.get("Requests/s"), f"{name}: Requests/s"))


def _read_item(item: dict[str, Any], where: str, builder: ReportBuilder) -> None:
    """Read the statistics of one request; its times are a histogram of rounded milliseconds."""
    parts = (optional_text(item.get("method")), optional_text(item.get("name")))
    name = clean(" ".join(filter(None, parts)))
    entry = builder.benchmark(Benchmark(name))
    requests, failures = (lenient_number(item.get(key)) or 0 for key in ("num_requests", "num_failures"))
    if requests <= 0 or failures >= requests:
        entry.fail("No request of it succeeded.")
        return
    times: list[float] = []
    for milliseconds, count in optional_mapping(item.get("response_times")).items():
        number = lenient_number(count) or 0
        if 0 < number <= _MOST_VALUES - len(times) and (value := lenient_number(milliseconds)) is not None:
            times += [value] * int(number)
    entry.add(_TIME, summarise(times or [None], f"{where}.response_times", factor=_MS))
    start, end = (lenient_number(item.get(key)) for key in ("start_time", "last_request_timestamp"))
    if start is not None and end is not None and end > start:
        entry.add(_THROUGHPUT, single(requests / (end - start), f"{where}: requests per second"))
