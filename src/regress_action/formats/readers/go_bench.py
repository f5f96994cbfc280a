"""Go benchmarks, as the text of `go test -bench`.

A line is a round: `-count` repeats it. The package belongs to the name; `-8` does too unless every line of the
package ends in it, since Go leaves it out for one processor.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark, Environment, Metric

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "Go benchmark"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_ROW = re.compile(r"^(Benchmark\S*)[ \t]+\d+((?:[ \t]+[0-9.e+-]+[ \t]+\S+)+)[ \t]*$", re.MULTILINE)
_LINE = re.compile(r"^(pkg|cpu|goos|goarch): (.*)$|" + _ROW.pattern, re.MULTILINE)
_FAILED = re.compile(r"^--- FAIL: (Benchmark\S*)", re.MULTILINE)
_SUFFIX = re.compile(r"-\d+$")
_UNITS = {
    "ns/op": (metric("time", "s"), 1e-9),
    "B/op": (metric("allocated", "B"), 1.0),
    "allocs/op": (Metric("allocations", "count", exact=True), 1.0),
    "MB/s": (metric("throughput", "B/s"), 1e6),
}


def sniff(document: Document) -> bool:
    """Whether the file is no JSON and has a line with the results of a benchmark."""
    return document.json is None and bool(_ROW.search(_text(document)))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    text = _text(document)
    config: dict[str, str] = {}
    packages: dict[str, list[tuple[str, str]]] = {}
    for line in _LINE.finditer(text):
        if line[1]:
            config[line[1]] = line[2].strip()
        else:
            packages.setdefault(config.get("pkg", ""), []).append((line[3], line[4]))
    builder = ReportBuilder()
    for package, rows in packages.items():
        ends = {end[0] if (end := _SUFFIX.search(name)) else "" for name, _ in rows}
        suffix = ends.pop() if len(ends) == 1 else ""
        for name, values in rows:
            full = f"{package}.{name.removesuffix(suffix)}" if package else name.removesuffix(suffix)
            _read_values(Benchmark(clean(full)), values.split(), builder)
    for failed in _FAILED.finditer(text):
        builder.fail(clean(failed[1]), "The benchmark failed.")
    system = " ".join(filter(None, (config.get("goos"), config.get("goarch"))))
    environment = Environment(os=system or "unknown", cpu=config.get("cpu") or "unknown")
    return (builder.report(document.path, TITLE, FileOrigin(environment=environment)),)


def _text(document: Document) -> str:
    return _ANSI.sub("", document.text).replace("\r\n", "\n")


def _read_values(benchmark: Benchmark, parts: list[str], builder: ReportBuilder) -> None:
    for value, unit in zip(parts[::2], parts[1::2], strict=True):
        measured, factor = _UNITS.get(unit) or (metric(clean(unit), clean(unit)), 1.0)
        try:
            amount = float(value)
        except ValueError:
            continue
        if amount >= 0:
            builder.add(benchmark, measured, single(amount, unit, factor=factor))
