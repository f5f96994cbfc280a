"""Load tools that print text: wrk, wrk2, hey, ab and h2load.

A file is one benchmark, named by the address where the tool prints it. Its metrics are requests per second, latencies,
and the requests that failed. Where no request succeeded, it failed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import number_in
from regress_action.formats.units import metric, quantity
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "wrk, hey, ab or h2load"
WRITTEN_BY = "wrk --latency URL > results.txt (wrk2, hey, ab and h2load likewise)"
_MARKS = (
    ("wrk", "  Thread Stats   Avg"),
    ("hey", "Response time histogram:"),
    ("ab", "This is ApacheBench"),
    ("h2load", "time for request:"),
)
_FAILED = metric("failed_requests", "count")
_THROUGHPUT = metric("throughput", "1/s")
_MEAN = metric("latency_mean", "s")
_ADDRESS = {
    "wrk": re.compile(r"Running \S+ test @ (\S+)"),
    "ab": re.compile(r"Document Path:\s+(\S+)"),
}
_RATE = {
    "wrk": re.compile(r"Requests/sec:\s+(\S+)"),
    "hey": re.compile(r"\s+Requests/sec:\s+(\S+)"),
    "ab": re.compile(r"Requests per second:\s+(\S+)"),
    "h2load": re.compile(r"finished in \S+, (\S+) req/s"),
}
_LATENCY = {
    "wrk": re.compile(r"\s+Latency\s+(\d\S*)"),
    "hey": re.compile(r"\s+Average:\s+(\S+ secs)"),
    "ab": re.compile(r"Time per request:\s+(\S+) \[ms\] \(mean\)\s*\Z"),
    "h2load": re.compile(r"time for request:\s+\S+\s+\S+\s+(\S+)"),
}
_PERCENTILE = re.compile(r"\s*(\d+(?:\.\d+)?)% (?:in )?\s*(\d\S*(?: secs)?)(?: \(longest request\))?\s*\Z")
_WANTED = {50.0: "latency_p50", 90.0: "latency_p90", 95.0: "latency_p95", 99.0: "latency_p99"}
_FAILURES = (
    re.compile(r"\s+Non-2xx or 3xx responses: (\d+)"),
    re.compile(r"Failed requests:\s+(\d+)"),
    re.compile(r"requests: \d+ total, .* (\d+) failed,"),
)
_HEY_STATUS = re.compile(r"\s+\[([345]\d\d)\]\s+(\d+) responses")
_NO_SUCCESS = re.compile(r"requests: \d+ total, .* 0 succeeded,")


def sniff(document: Document) -> bool:
    """Whether the file is text of one of these tools."""
    return document.json is None and _tool(document.text) is not None


def _tool(text: str) -> str | None:
    return next((tool for tool, mark in _MARKS if mark in text), None)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    tool = _tool(document.text)
    if tool is not None:
        pattern = _ADDRESS.get(tool)
        addresses = (match[1] for line in document.lines if pattern and (match := pattern.match(line)))
        entry = builder.benchmark(Benchmark(clean(next(addresses, tool))))
        _read_lines(document.lines, tool, entry)
        if not entry.samples:
            entry.fail("No request succeeded.")
    return (builder.report(document, TITLE),)


def _read_lines(lines: list[str], tool: str, entry: Entry) -> None:
    """Read what each line holds: the rate, the mean, a percentile, or failures."""
    failures = 0
    for line in lines:
        if _NO_SUCCESS.match(line):
            entry.samples.clear()
            return
        if match := _RATE[tool].match(line):
            if rate := number_in(match[1]):
                entry.add(_THROUGHPUT, single(rate, f"{tool}: requests per second"))
        elif status := _HEY_STATUS.match(line):
            failures += int(status[2])
        elif not _read_latency(line, tool, entry):
            failures += sum(int(failure[1]) for pattern in _FAILURES if (failure := pattern.match(line)))
    if entry.samples:
        entry.add(_FAILED, single(failures, f"{tool}: failed requests"))


def _read_latency(line: str, tool: str, entry: Entry) -> bool:
    """Read a line with the mean or a percentile of the latency, and return whether it is one."""
    unit = " ms" if tool == "ab" else ""
    pattern = _LATENCY[tool]
    if mean := pattern.match(line):
        _add_time(entry, "latency_mean", f"{mean[1]}{unit}")
        return True
    percentile = _PERCENTILE.match(line) if "%" in line[:12] else None
    if percentile and (name := _WANTED.get(float(percentile[1]))):
        _add_time(entry, name, f"{percentile[2]}{unit}")
    return percentile is not None


def _add_time(entry: Entry, name: str, text: str) -> None:
    minutes = text.removesuffix("m") if re.fullmatch(r"[\d.]+m", text) else None  # wrk's minute
    value = quantity(f"{minutes} min" if minutes else text.replace("secs", "s"))
    if value is not None and value[0] and value[1] == "s" and name not in entry.samples:  # 0 is below its resolution
        entry.add(metric(name, "s"), single(value[0], f"{entry.benchmark.name}: {name}"))
