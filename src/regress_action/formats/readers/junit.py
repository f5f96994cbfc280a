"""JUnit XML, of any test runner: the time of every test that passed.

A test is one round: give several runs of the suite. Failed and skipped tests have no time; failed ones are named.
Properties whose name has a unit (`throughput_rps`) are metrics too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import ShapeError
from regress_action.formats.units import metric, metric_from_key
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "JUnit XML"
WRITTEN_BY = "pytest --junitxml=results.xml, or the JUnit reporter of another test runner"
_TIME = metric("time", "s")


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
        _read_case(case, builder)
    created = next((time for suite in suites if (time := suite.get("timestamp"))), None)
    return (builder.report(document, TITLE, FileOrigin(created=created)),)


def _read_case(case: Element, builder: ReportBuilder) -> None:
    """Read one test: its time and its metrics, or that it failed or was skipped."""
    name = clean(".".join(filter(None, (case.get("classname"), case.get("name")))))
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
