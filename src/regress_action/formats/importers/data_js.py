"""`data.js` of github-action-benchmark: a series per benchmark becomes one report per commit.

The same content without `window.BENCHMARK_DATA =` is what its option `external-data-json-path` writes. Names, metrics
and units are those that the reader of the same tool gives, so that an imported history goes on.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from regress_action.formats.document import Document, parse_json
from regress_action.formats.naming import clean, with_parameters
from regress_action.formats.readers import go_bench
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import (
    ShapeError,
    lenient_number,
    mapping,
    optional_mapping,
    optional_number,
    optional_text,
    text,
)
from regress_action.formats.sides import IMPORTED
from regress_action.formats.units import metric_of_unit
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Direction, Report, Run

if TYPE_CHECKING:
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Metric

_DECLARED: Final = {"customBiggerIsBetter": Direction.HIGHER, "customSmallerIsBetter": Direction.LOWER}
_PACKAGE: Final = re.compile(r"(?P<name>Benchmark\S*) \((?P<package>\S+)\)\Z")
_PARAMETERS: Final = re.compile(r"(?P<name>.*?) \( (?P<values>\{.*\}) \)\Z", re.DOTALL)


def is_data(text: str) -> bool:
    """Whether `text` is such a history, with or without `window.BENCHMARK_DATA =`."""
    start = text[:200]
    return "BENCHMARK_DATA" in start or ('"entries"' in text and '"benches"' in text and '"lastUpdate"' in text)


def read_data_js(source: str, where: str, *, branch: str | None = None) -> tuple[Report, ...]:
    """Read the history `source`; `branch` is the one it was kept for.

    Its direction table is corrected where the unit says otherwise (operations per second of JMH). Its spreads have no
    fixed meaning and are left out, and so are the people's names and addresses in it. An entry that cannot be used is
    left out; the reports name what they lack in their warnings.

    Raises:
        InputError: the file is not what it should be, or no entry of it can be used.
    """
    document = Document(Path(where), b"")
    reports: list[Report] = []
    problem = ""
    try:
        suites = mapping(_content(source, where).get("entries"), "`entries`")
        for suite, entries in suites.items():
            for entry in entries if isinstance(entries, list) else ():
                try:
                    reports += _reports(suite, mapping(entry, "an entry"), document, branch)
                except (ShapeError, InputError) as error:
                    problem = problem or str(error).partition("\n")[0]
    except ShapeError as error:
        raise _unreadable(where, str(error)) from error
    if not reports and problem:
        raise _unreadable(where, problem)
    return tuple(reports)


def _content(source: str, where: str) -> dict[str, Any]:
    start = source.find("{")
    if start < 0 or not (source[:start].strip() in {"", "\ufeff"} or "BENCHMARK_DATA" in source[:start]):
        raise _unreadable(where, "it does not begin with window.BENCHMARK_DATA")
    value, problem, _ = parse_json(source[start:].rstrip().removesuffix(";"))
    if problem is not None:
        raise _unreadable(where, problem.what)
    return mapping(value, "the file")


def _reports(suite: str, entry: dict[str, Any], document: Document, branch: str | None) -> list[Report]:
    """Return the report of one entry, nothing where it has no benchmarks."""
    builder = ReportBuilder()
    tool = optional_text(entry.get("tool")) or ""
    entries: dict[str, Entry] = {}
    for place, bench in builder.objects(entry.get("benches"), "benches"):
        with builder.tolerant():
            _read_bench(bench, place, tool, builder, entries)
    if not entries:
        return []
    commit = optional_text(optional_mapping(entry.get("commit")).get("id"))
    origin = FileOrigin(commit, branch, provenance=(("tool", tool),) if tool else ())
    report = builder.report(document, IMPORTED, origin)
    return [replace(report, suite=clean(suite), created=_moment(entry.get("date")), runs=(Run(),))]


def _moment(milliseconds: object) -> str:
    try:
        return datetime.fromtimestamp((optional_number(milliseconds) or 0) / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError) as error:
        raise ShapeError(f"the date {milliseconds!r:.40} is no time") from error


def _read_bench(
    bench: dict[str, Any], where: str, tool: str, builder: ReportBuilder, entries: dict[str, Entry]
) -> None:
    """Read one value; the second value of a metric under one name is another benchmark of that name."""
    written = (optional_text(bench.get("unit")) or "").strip()
    if "\t" in written:  # Go's first row joins all units, and a row for each of them follows
        return
    name = _name(text(bench.get("name"), f"{where}.name"), written)
    value = lenient_number(bench.get("value"))
    metric, factor = _metric(written, tool)
    if tool == "pytest" and metric.unit == "1/s":
        metric, factor = metric_of_unit("s")
        value = 1 / value if value else None
    entry = entries.get(name)
    if entry is None or metric.name in entry.samples:
        entry = entries[name] = builder.benchmark(Benchmark(name))
    entry.add(metric, single(value, f"{where}.value", factor=factor, signed=metric.signed))


def _name(written: str, unit: str) -> str:
    """Return the name as the reader of the tool itself writes it."""
    name = written.removesuffix(f" - {unit}").strip()
    if package := _PACKAGE.match(name):
        return clean(f"{package['package']}.{package['name']}")
    if parameters := _PARAMETERS.match(name):
        try:
            values = optional_mapping(json.loads(parameters["values"]))
        except (ValueError, RecursionError):
            values = {}
        return with_parameters(parameters["name"], [(clean(key), clean(str(value))) for key, value in values.items()])
    return clean(name)


def _metric(unit: str, tool: str) -> tuple[Metric, float]:
    if tool == "go":
        return go_bench.metric_of(unit or "value")
    return metric_of_unit(unit, direction=_DECLARED.get(tool))


def _unreadable(where: str, why: str) -> InputError:
    return InputError(
        f"{where} cannot be imported: {why}.",
        meaning="Nothing was stored.",
        remedy="Give the data.js that github-action-benchmark keeps on its branch, unchanged.",
    )
