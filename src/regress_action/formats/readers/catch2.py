"""Catch2's benchmarks (`-r xml`), versions 2 and 3.

The path is test case, sections and name. The file keeps no samples: the mean, their count and the deviation, in
nanoseconds. A test case that Catch2 repeats for its sections repeats their benchmarks too: these are rounds of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import reported
from regress_action.formats.shape import ShapeError
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "Catch2"
WRITTEN_BY = "./tests '[benchmark]' -r xml -o results.xml"
_TIME = metric("time", "s")
_NS = 1e-9
_MOST_LEVELS = 50


def sniff(document: Document) -> bool:
    """Whether the file is XML of a Catch2 run."""
    return document.xml is not None and document.xml.tag in {"Catch2TestRun", "Catch"}


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    if document.xml is None:
        raise ShapeError("it is not XML")
    builder = ReportBuilder()
    entries: dict[str, Entry] = {}
    for path, element in _results(document.xml, ()):
        name = clean(" / ".join((*path, element.get("name") or "unnamed")))
        if name not in entries:
            entries[name] = builder.benchmark(Benchmark(name))
        mean, deviation, failed = element.find("mean"), element.find("standardDeviation"), element.find("failed")
        if mean is None:
            message = failed.get("message") if failed is not None else None
            entries[name].fail(clean(f"The benchmark failed: {message}.") if message else "The benchmark failed.")
            continue
        spread = _number(deviation.get("value")) if deviation is not None and mean.get("ci") != "0" else None
        rounds = _number(element.get("samples"))
        entries[name].add(_TIME, reported(mean.get("value"), f"{name}: mean", rounds=rounds, spread=spread, factor=_NS))
    return (builder.report(document, TITLE, compiled=True),)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _results(parent: Element, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Element]]:
    """Yield every benchmark with the names of the test case and the sections that it is in."""
    if len(path) > _MOST_LEVELS:
        return
    for element in parent:
        if element.tag == "BenchmarkResults":
            yield path, element
        elif element.tag in {"TestCase", "Section"}:
            yield from _results(element, (*path, (element.get("name") or "").strip()))
        elif element.tag == "Group":
            yield from _results(element, path)
