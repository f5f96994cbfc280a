"""JMH (`-rf json`).

A benchmark is named by its method and parameters; threads and mode are added where they tell two apart. A fork is a
process, whose iterations are its rounds; in the mode `sample` the histogram of each is. More operations per time are
better, more time per operation is worse. Of the secondary metrics those with a unit are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean, with_parameters
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import single, summarise
from regress_action.formats.shape import lenient_number, mapping, optional_mapping, optional_text, text
from regress_action.formats.units import base_unit, metric, metric_of_unit
from regress_action.model.measurements import Benchmark, Environment

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.formats.rounds import Sample
    from regress_action.model.measurements import Report

TITLE = "JMH"
WRITTEN_BY = "java -jar benchmarks.jar -rf json -rff results.json"
_ALLOCATED = "gc.alloc.rate.norm"
_MOST_VALUES = 1_000_000


def sniff(document: Document) -> bool:
    """Whether the file is a list of results with a primary metric."""
    content = document.json
    return isinstance(content, list) and bool(content) and isinstance(content[0], dict) and _is_result(content[0])


def _is_result(item: dict[str, Any]) -> bool:
    return "primaryMetric" in item and "benchmark" in item


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    first: dict[str, Any] = {}
    for where, item in builder.objects(document.json, "the file"):
        first = first or item
        with builder.tolerant():
            _read_result(item, where, builder)
    return (builder.report(document, TITLE, _origin(first)),)


def _read_result(item: dict[str, Any], where: str, builder: ReportBuilder) -> None:
    parameters = tuple(
        (clean(key), clean(str(value)))
        for key, value in optional_mapping(item.get("params")).items()
        if isinstance(value, str | int | float)
    )
    name = with_parameters(text(item.get("benchmark"), f"{where}.benchmark"), parameters)
    facts = {"mode": str(item.get("mode"))[:20], "threads": f"{str(item.get('threads'))[:9]} threads"}
    entry = builder.benchmark(Benchmark(name, parameters=parameters), facts)
    _read_metric(mapping(item.get("primaryMetric"), f"{where}.primaryMetric"), None, f"{where}.primaryMetric", entry)
    for key, secondary in optional_mapping(item.get("secondaryMetrics")).items():
        if isinstance(secondary, dict):
            _read_metric(secondary, key.lstrip("·"), f"{where}.secondaryMetrics", entry)


def _read_metric(fields: dict[str, Any], key: str | None, where: str, entry: Entry) -> None:
    written = optional_text(fields.get("scoreUnit")) or "value"
    unit, factor = base_unit(written)
    if key is None:
        measured, factor = metric_of_unit(clean(written))
    elif key == _ALLOCATED:
        measured = metric("allocated", unit)
    else:
        measured = metric(clean(key), clean(unit))
    for sample in _forks(fields, f"{where}.rawData", factor) or [
        single(fields.get("score"), f"{where}.score", factor=factor)
    ]:
        entry.add(measured, sample)


def _forks(fields: dict[str, Any], where: str, factor: float) -> list[Sample]:
    """Return a sample per fork, nothing where the file keeps none."""
    raw, histograms = fields.get("rawData"), fields.get("rawDataHistogram")
    forks = raw if isinstance(raw, list) else histograms if isinstance(histograms, list) else []
    expanded = [_expanded(fork) if forks is histograms else fork for fork in forks]
    return [summarise(fork, where, factor=factor) for fork in expanded if isinstance(fork, list) and fork]


def _expanded(iterations: object) -> list[object]:
    """Return the values of the histograms of one fork, each as often as it was counted."""
    values: list[object] = []
    for iteration in iterations if isinstance(iterations, list) else ():
        for pair in iteration if isinstance(iteration, list) else ():
            if isinstance(pair, list) and len(pair) == 2:  # noqa: PLR2004 - a value and its count
                count = lenient_number(pair[1]) or 0
                if 0 < count < _MOST_VALUES - len(values):
                    values += [pair[0]] * int(count)
    return values


def _origin(item: dict[str, Any]) -> FileOrigin:
    version = optional_text(item.get("jmhVersion"))
    names = (optional_text(item.get("vmName")), optional_text(item.get("jdkVersion")))
    return FileOrigin(
        environment=Environment(runtime=" ".join(filter(None, names)) or "unknown"),
        provenance=(("tool", f"{TITLE} {version}"),) if version else (),
    )
