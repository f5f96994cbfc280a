"""PHPBench (`--dump-file=results.xml`).

Times are microseconds per revolution, whatever unit the terminal shows; an iteration is a process. A variant with
errors or failures and without iterations failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import single, summarise
from regress_action.formats.shape import ShapeError
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark, Environment

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "PHPBench"
WRITTEN_BY = "phpbench run --dump-file=results.xml"
_TIME = metric("time", "s")
_PEAK_MEMORY = metric("peak_memory", "B")
_US = 1e-6


def sniff(document: Document) -> bool:
    """Whether the file is XML of PHPBench."""
    return document.xml is not None and document.xml.tag == "phpbench"


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    if document.xml is None:
        raise ShapeError("it is not XML")
    builder = ReportBuilder()
    for benchmark in document.xml.iter("benchmark"):
        for subject in benchmark.iter("subject"):
            for variant in subject.iter("variant"):
                parameters = variant.find("parameter-set")
                label = parameters.get("name") if parameters is not None else None
                name = f"{(benchmark.get('class') or '').lstrip(chr(92))}::{subject.get('name')}"
                _read_variant(variant, builder.benchmark(Benchmark(clean(f"{name} [{label}]" if label else name))))
    return (builder.report(document, TITLE, _origin(document.xml)),)


def _read_variant(variant: Element, entry: Entry) -> None:
    iterations = list(variant.iter("iteration"))
    error = next(variant.iter("error"), None)
    failure = next(variant.iter("failure"), None)
    if error is not None or failure is not None:
        text = next((problem.text for problem in (error, failure) if problem is not None and problem.text), None)
        entry.fail(clean(f"The benchmark failed: {text.strip()}", 200) if text else "The benchmark failed.")
    if not iterations:
        return
    times = [iteration.get("time-avg") or _quotient(iteration) for iteration in iterations]
    entry.add(_TIME, summarise(times, f"{entry.benchmark.name}: time-avg", factor=_US))
    if (peak := iterations[0].get("mem-peak")) is not None:
        entry.add(_PEAK_MEMORY, single(peak, f"{entry.benchmark.name}: mem-peak"))


def _quotient(iteration: Element) -> float | None:
    try:
        return float(iteration.get("time-net") or "") / float(iteration.get("time-revs") or "")
    except (ValueError, ZeroDivisionError):
        return None


def _origin(root: Element) -> FileOrigin:
    """Return the time and the environment of the first suite in the file."""
    suite = root.find("suite")
    if suite is None:
        return FileOrigin()
    values = {
        f"{part.tag}.{value.get('name')}": value.text or ""
        for part in suite.iterfind("env/*")
        for value in part.iterfind("value")
    }
    php = values.get("php.version")
    system = " ".join(filter(None, (values.get("uname.os"), values.get("uname.machine"))))
    return FileOrigin(
        created=suite.get("date"),
        environment=Environment(os=system or "unknown", runtime=f"PHP {php}" if php else "unknown"),
    )
