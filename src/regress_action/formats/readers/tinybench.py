"""tinybench: the results that scripts write as JSON, of versions 2 to 6, and the rows of its `table()`.

tinybench sorts its samples, so their order says nothing. Times are milliseconds; in a table they are nanoseconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import Sample, reported, summarise
from regress_action.formats.shape import mapping, optional_mapping, optional_text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "tinybench"
WRITTEN_BY = "fs.writeFileSync('results.json', JSON.stringify(bench.tasks)) after `await bench.run()`"
_TIME = metric("time", "s")
_MS, _NS = 1e-3, 1e-9
_NAME = re.compile(r"task name", re.IGNORECASE)
_MEDIAN = ("Latency med (ns)", "Latency median (ns)", "Latency avg (ns)", "Latency average (ns)", "Average Time (ns)")


def sniff(document: Document) -> bool:
    """Whether the file holds tasks with results, results with statistics, or rows of the table."""
    items = _items(document.json)
    return bool(items) and isinstance(items[0], dict) and (_is_row(items[0]) or _statistics(items[0]) is not None)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    content = document.json
    tasks = content.get("tasks") if isinstance(content, dict) else None
    names = [optional_text(optional_mapping(task).get("name")) for task in tasks] if isinstance(tasks, list) else []
    for at, (where, item) in enumerate(builder.objects(_items(content), "results")):
        name = names[at] if at < len(names) else None
        with builder.tolerant():
            _read_item(item, name or f"task {at + 1}", where, builder)
    return (builder.report(document, TITLE),)


def _items(content: object) -> list[Any]:
    if isinstance(content, dict):
        content = content.get("results") or content.get("tasks")
    return content if isinstance(content, list) else []


def _is_row(item: dict[str, Any]) -> bool:
    return any(_NAME.fullmatch(key) for key in item) and ("ops/sec" in item or any(key in item for key in _MEDIAN))


def _statistics(item: dict[str, Any]) -> dict[str, Any] | None:
    """Return the statistics of a task or a result, None where it is neither."""
    result = optional_mapping(item.get("result")) or item
    if "latency" in result and "throughput" in result:
        return optional_mapping(result.get("latency"))
    return result if {"hz", "period", "rme"} <= result.keys() else None


def _read_item(item: dict[str, Any], name: str, where: str, builder: ReportBuilder) -> None:
    if key := next((key for key in item if _NAME.fullmatch(key)), None):
        _read_row(item, builder.benchmark(Benchmark(clean(optional_text(item[key]) or name))), where)
        return
    entry = builder.benchmark(Benchmark(clean(optional_text(item.get("name")) or name)))
    statistics = _statistics(item)
    if statistics is None:
        message = optional_text(optional_mapping(item.get("error")).get("message"))
        entry.fail(clean(f"The benchmark failed: {message}") if message else "The benchmark failed.")
    else:
        entry.add(_TIME, _sample(mapping(statistics, where), where))


def _sample(statistics: dict[str, Any], where: str) -> Sample:
    samples = statistics.get("samples")
    if isinstance(samples, list) and samples:
        return summarise(samples, f"{where}.samples", factor=_MS)
    middle = statistics.get("p50", statistics.get("mean"))
    rounds = statistics.get("samplesCount")
    return reported(middle, f"{where}.p50", rounds=rounds, spread=statistics.get("sd"), factor=_MS)


def _read_row(row: dict[str, Any], entry: Entry, where: str) -> None:
    key = next((key for key in _MEDIAN if key in row), None)
    if key is None or "Error" in row:
        entry.fail("The benchmark failed.")
        return
    value = row[key]
    middle = value.partition("±")[0].strip() if isinstance(value, str) else value
    entry.add(_TIME, reported(middle, f"{where}: {key}", rounds=row.get("Samples"), factor=_NS))
