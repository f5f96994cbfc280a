"""BenchmarkTools.jl (`BenchmarkTools.save`), with or without its header of versions.

A benchmark is named by the keys that lead to it. Times are nanoseconds per evaluation. A trial has all of its times,
an estimate one. Parameters alone (`tune.json`) are no results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import single, summarise
from regress_action.formats.shape import optional_mapping, optional_text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark, Environment

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "BenchmarkTools.jl"
WRITTEN_BY = 'BenchmarkTools.save("results.json", run(SUITE))'
_TIME = metric("time", "s")
_MEMORY = metric("allocated", "B")
_ALLOCATIONS = metric("allocations", "count", exact=True)
_NS = 1e-9
_MOST_LEVELS = 50
_TYPES = frozenset({"BenchmarkGroup", "Trial", "TrialEstimate"})


def sniff(document: Document) -> bool:
    """Whether the file is an object of this package, or such objects behind the versions of Julia."""
    content = document.json
    if not isinstance(content, list) or len(content) != 2:  # noqa: PLR2004 - a type and its fields, or header and list
        return False
    return _type_of(content) in _TYPES or (isinstance(content[0], dict) and "Julia" in content[0])


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = document.json
    builder = ReportBuilder()
    header: dict[str, Any] = {}
    if isinstance(content, list) and content and isinstance(content[0], dict):
        header = content[0]
        for item in content[1] if len(content) > 1 and isinstance(content[1], list) else ():
            _read_item(item, (), builder)
    else:
        _read_item(content, (), builder)
    julia, tool = (optional_text(header.get(key)) for key in ("Julia", "BenchmarkTools"))
    origin = FileOrigin(
        environment=Environment(runtime=f"Julia {julia}" if julia else "unknown"),
        provenance=(("tool", f"{TITLE} {tool}"),) if tool else (),
    )
    return (builder.report(document, TITLE, origin),)


def _type_of(item: object) -> str:
    """Return the type of an object `[type, fields]`, without the module that old versions put before it."""
    named = isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)  # noqa: PLR2004 - type and fields
    return item[0].removeprefix("BenchmarkTools.") if named and isinstance(item, list) else ""


def _read_item(item: object, path: tuple[str, ...], builder: ReportBuilder) -> None:
    """Read a group and what is in it, or a trial."""
    kind = _type_of(item)
    if kind not in _TYPES or len(path) > _MOST_LEVELS or not isinstance(item, list):
        return
    fields = optional_mapping(item[1])
    if kind == "BenchmarkGroup":
        for key, child in optional_mapping(fields.get("data")).items():
            _read_item(child, (*path, key), builder)
        return
    entry = builder.benchmark(Benchmark(clean("/".join(path)) if path else "benchmark"))
    _read_trial(fields, entry)


def _read_trial(fields: dict[str, Any], entry: Entry) -> None:
    where = entry.benchmark.name
    times = fields.get("times")
    if isinstance(times, list):
        entry.add(_TIME, summarise(times or [None], f"{where}: times", factor=_NS))
    else:
        entry.add(_TIME, single(fields.get("time"), f"{where}: time", factor=_NS))
    for key, measured in (("memory", _MEMORY), ("allocs", _ALLOCATIONS)):
        if fields.get(key) is not None:
            entry.add(measured, single(fields[key], f"{where}: {key}"))
