"""Bencher Metric Format, the JSON that Bencher makes of every tool: benchmark → measure → value.

It holds no unit, direction, time or machine: Bencher's server keeps those by the name of the measure, and what its own
measures are is known here; of any other its name shows unit and direction, or nothing does. The bounds are left out:
they are an interval, a range or a deviation, by whichever tool was translated.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import mapping, optional_mapping
from regress_action.formats.units import base_unit, metric, unit_of_key
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Metric, Report

TITLE = "Bencher Metric Format"
WRITTEN_BY = 'your own script: {"NAME": {"latency": {"value": NANOSECONDS}}}'
_SILENCED: Final = "-bencher-ignore"
_MEASURES: Final = {
    "latency": ("time", "ns"),
    "throughput": ("throughput", "ops/s"),
    "build-time": ("build_time", "s"),
    "file-size": ("file_size", "byte"),
}
_LARGEST_RECHECKED: Final = 4 * 1024**2
_BYTES: Final = re.compile(r"(?:^|-)bytes$")


def sniff(document: Document) -> bool:
    """Whether the file is an object of objects of objects with a value, and nothing else."""
    content = document.json
    return isinstance(content, dict) and bool(content) and all(map(_is_benchmark, content.values()))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file; a name that stands twice in it is two benchmarks."""
    builder = ReportBuilder()
    for name, measures in _pairs(document):
        with builder.tolerant():
            _read_measures(name, mapping(measures, name), builder)
    return (builder.report(document, TITLE),)


def _pairs(document: Document) -> list[tuple[str, Any]]:
    """Return names and measures in the order of the file, those included that a JSON object would lose."""
    content = mapping(document.json, "the file")
    if len(document.data) > _LARGEST_RECHECKED or document.repairs:
        return list(content.items())
    try:
        pairs = json.loads(document.text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return list(content.items())
    return [(name, dict(measures) if isinstance(measures, _Pairs) else measures) for name, measures in pairs]


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON as its pairs, keys that stand twice included."""


def _read_measures(name: str, measures: dict[str, Any], builder: ReportBuilder) -> None:
    entry = builder.benchmark(Benchmark(clean(name.removesuffix(_SILENCED))))
    for measure, result in measures.items():
        fields = dict(result) if isinstance(result, _Pairs) else optional_mapping(result)
        measured, factor = _metric(measure)
        entry.add(measured, single(fields.get("value"), f"{clean(name)}.{clean(measure)}", factor=factor))


def _is_benchmark(measures: object) -> bool:
    """Whether these are measures, each with a value of whatever kind: `read` says what is wrong with it."""
    return (
        isinstance(measures, dict)
        and bool(measures)
        and all(isinstance(result, dict) and "value" in result for result in measures.values())
    )


def _metric(measure: str) -> tuple[Metric, float]:
    """Return what a measure is, and the factor to its base unit."""
    slug = re.sub(r"[^a-z0-9]+", "-", measure.lower()).strip("-")
    plain = clean(slug.replace("-", "_") or measure)
    if slug in _MEASURES:
        name, written = _MEASURES[slug]
        unit, factor = base_unit(written)
    else:
        name = plain
        _, unit, factor = unit_of_key(plain) or (plain, "B" if _BYTES.search(slug) else "value", 1.0)
    return metric(name, unit), factor
