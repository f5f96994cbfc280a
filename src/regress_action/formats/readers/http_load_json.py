"""Load tools that write one JSON object: vegeta, oha, autocannon and siege.

A file is one benchmark, named by the address where it states one, else by the tool. Its metrics are requests per
second, latencies, and the requests that failed. Where no request succeeded, it failed, however low its latencies are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import lenient_number, optional_mapping, optional_text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "vegeta, oha, autocannon or siege"
WRITTEN_BY = "vegeta report -type=json (oha --output-format json, autocannon -j, siege -j) > results.json"
_THROUGHPUT = metric("throughput", "1/s")
_FAILED = metric("failed_requests", "count")
_SIEGE = '"transaction_rate"'


@dataclass(frozen=True, slots=True)
class _Tool:
    """Where one tool keeps what: paths of keys, and the factor of its latencies to seconds."""

    name: str
    rate: tuple[str, ...]
    latencies: dict[str, tuple[str, ...]]
    factor: float
    failed: tuple[str, ...] = ()


_VEGETA = _Tool(
    "vegeta",
    ("throughput",),
    {
        "latency_mean": ("latencies", "mean"),
        "latency_p50": ("latencies", "50th"),
        "latency_p90": ("latencies", "90th"),
        "latency_p95": ("latencies", "95th"),
        "latency_p99": ("latencies", "99th"),
    },
    1e-9,
)
_OHA = _Tool(
    "oha",
    ("summary", "requestsPerSec"),
    {
        "latency_mean": ("summary", "average"),
        "latency_p50": ("latencyPercentiles", "p50"),
        "latency_p90": ("latencyPercentiles", "p90"),
        "latency_p95": ("latencyPercentiles", "p95"),
        "latency_p99": ("latencyPercentiles", "p99"),
    },
    1.0,
)
_AUTOCANNON = _Tool(
    "autocannon",
    ("requests", "average"),
    {
        "latency_mean": ("latency", "average"),
        "latency_p50": ("latency", "p50"),
        "latency_p90": ("latency", "p90"),
        "latency_p99": ("latency", "p99"),
    },
    1e-3,
    ("non2xx",),
)
_SIEGE_TOOL = _Tool("siege", ("transaction_rate",), {"latency_mean": ("response_time",)}, 1.0, ("failed_transactions",))


def sniff(document: Document) -> bool:
    """Whether the file is the object of one of these tools; siege may print two lines before it."""
    return _tool(_content(document)) is not None


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = _content(document)
    builder = ReportBuilder()
    tool = _tool(content)
    if tool is not None:
        entry = builder.benchmark(Benchmark(clean(optional_text(content.get("url")) or tool.name)))
        if _all_failed(content, tool):
            entry.fail("No request succeeded.")
        else:
            entry.add(_THROUGHPUT, single(_at(content, tool.rate), ".".join(tool.rate)))
            for name, path in tool.latencies.items():
                if value := _at(content, path):  # 0 is below what the tool can tell
                    entry.add(metric(name, "s"), single(value, ".".join(path), factor=tool.factor))
            failed = _failed(content, tool)
            if failed is not None:
                entry.add(_FAILED, single(failed, "failed requests"))
    return (builder.report(document, TITLE),)


def _content(document: Document) -> dict[str, Any]:
    if isinstance(document.json, dict):
        return document.json
    if document.json is None and len(document.data) < 10_000 and _SIEGE.encode() in document.data:  # noqa: PLR2004
        try:
            return optional_mapping(json.loads(document.text[document.text.index("{") :]))
        except (ValueError, RecursionError):
            return {}
    return {}


def _tool(content: dict[str, Any]) -> _Tool | None:
    if "transaction_rate" in content and "availability" in content:
        return _SIEGE_TOOL
    if "latencies" in content and "status_codes" in content:
        return _VEGETA
    if "successRate" in optional_mapping(content.get("summary")):
        return _OHA
    return _AUTOCANNON if "p97_5" in optional_mapping(content.get("latency")) else None


def _at(content: dict[str, Any], path: tuple[str, ...]) -> object:
    value: object = content
    for key in path:
        value = optional_mapping(value).get(key)
    return value


def _all_failed(content: dict[str, Any], tool: _Tool) -> bool:
    if tool is _VEGETA:
        return lenient_number(content.get("success")) == 0
    if tool is _OHA:
        return lenient_number(_at(content, ("summary", "successRate"))) == 0
    return lenient_number(content.get("successful_transactions", content.get("2xx"))) == 0


def _failed(content: dict[str, Any], tool: _Tool) -> float | None:
    """Return how many requests failed, None where the file does not tell."""
    if tool.failed:
        return lenient_number(_at(content, tool.failed))
    if tool is _VEGETA:
        requests, share = lenient_number(content.get("requests")), lenient_number(content.get("success"))
        return None if requests is None or share is None else round(requests * (1 - share), 6)
    codes = optional_mapping(content.get("statusCodeDistribution"))
    failed = [lenient_number(count) or 0 for code, count in codes.items() if not code.startswith("2")]
    errors = [lenient_number(count) or 0 for count in optional_mapping(content.get("errorDistribution")).values()]
    return sum(failed + errors)
