"""JUnit XML, of any test runner: the time of every test that passed.

A test is one round: give several runs of the suite. Failed and skipped tests have no time; failed ones are named.
Properties whose name has a unit (`throughput_rps`) are metrics too. A test that is a program of Google Benchmark,
nanobench or Catch2, as the benchmarks of Meson are, is read from what it printed: that says more than how long it ran.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.formats.document import Document
from regress_action.formats.naming import clean
from regress_action.formats.readers import catch2_console, google_benchmark, nanobench
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import Sample, single
from regress_action.formats.shape import ShapeError
from regress_action.formats.units import metric, metric_from_key
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from regress_action.model.measurements import Report

TITLE = "JUnit XML"
WRITTEN_BY = "pytest --junitxml=results.xml, or the JUnit reporter of another test runner"
_TIME = metric("time", "s")
_PRINTED = (google_benchmark, nanobench, catch2_console)


def sniff(document: Document) -> bool:
    """Whether the file is XML with test suites."""
    return document.xml is not None and document.xml.tag in {"testsuites", "testsuite"}


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    if document.xml is None:
        raise ShapeError("it is not XML")
    builder = ReportBuilder()
    suites = [document.xml, *document.xml.iter("testsuite")]
    for case in document.xml.iter("testcase"):
        _read_case(case, builder, document.path)
    created = next((time for suite in suites if (time := suite.get("timestamp"))), None)
    return (builder.report(document, TITLE, FileOrigin(created=created)),)


def _read_case(case: Element, builder: ReportBuilder, path: Path) -> None:
    """Read one test: its time and its metrics, or that it failed or was skipped."""
    name = clean(".".join(filter(None, (case.get("classname"), case.get("name")))))
    if case.find("failure") is None and case.find("error") is None and _read_printed(case, name, builder, path):
        return
    facts = {key: clean(value) for key in ("file", "line") if (value := case.get(key))}
    entry = builder.benchmark(Benchmark(name), facts)
    if (skipped := case.find("skipped")) is not None:
        entry.skip(clean(skipped.get("message") or "", 200) or "The suite skips it.")
        return
    for kind in ("failure", "error"):
        if (problem := case.find(kind)) is not None:
            message = problem.get("message")
            entry.fail(clean(f"The test failed: {message}", 200) if message else "The test failed.")
            return
    if (time := case.get("time")) is not None:
        entry.add(_TIME, single(time, f"{name}: time"))
    for item in case.iterfind("properties/property"):
        key = clean(item.get("name") or "")
        if named := metric_from_key(key):
            measured, factor = named
            sample = single(item.get("value"), f"{name}: {key}", factor=factor, signed=measured.signed)
            entry.add(measured if measured.name != "time" else metric(key, measured.unit), sample)


def _read_printed(case: Element, name: str, builder: ReportBuilder, path: Path) -> bool:
    """Read the benchmarks that a test printed, each named after the test; return whether there are some."""
    document = Document(path, (case.findtext("system-out") or "").strip().encode())
    reader = next((reader for reader in _PRINTED if reader.sniff(document)), None)
    if reader is None:
        return False
    try:
        (report,) = reader.read(document)
    except (ShapeError, InputError) as error:
        builder.benchmark(Benchmark(name)).fail(clean(f"What it printed cannot be read: {error}", 200))
        return True
    names = dict.fromkeys(series.benchmark.name for series in report.series)
    entries = {own: builder.benchmark(Benchmark(clean(f"{name} / {own}"))) for own in names}
    for series in report.series:
        entry = entries[series.benchmark.name]
        entry.add(series.metric, Sample(series.values[0], series.rounds[0], series.spreads[0], series.dropped))
    for failure in report.failures:
        entry = builder.benchmark(Benchmark(clean(f"{name} / {failure.benchmark}")))
        (entry.skip if failure.skipped else entry.fail)(failure.reason)
    return bool(entries or report.failures)
