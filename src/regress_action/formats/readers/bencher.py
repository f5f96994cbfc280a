"""Bencher Metric Format, the JSON that Bencher makes of every tool: benchmark → measure → value.

It holds no unit, direction, time or machine: Bencher's server keeps those by the name of the measure, and what its own
measures are is known here. Of any other, less is better. The bounds are left out: they are an interval, a range or a
deviation, by whichever tool was translated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import mapping
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Metric, Report

TITLE = "Bencher Metric Format"
_SILENCED: Final = "-bencher-ignore"
_MEASURES: Final = {
    "latency": ("time", "ns"),
    "throughput": ("throughput", "ops/s"),
    "build-time": ("build_time", "s"),
    "file-size": ("file_size", "byte"),
}
_BYTES: Final = re.compile(r"(?:^|-)bytes$")


def sniff(document: Document) -> bool:
    """Whether the file is an object of objects of objects with a value, and nothing else."""
    content = document.json
    return isinstance(content, dict) and bool(content) and all(map(_is_benchmark, content.values()))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    for name, measures in mapping(document.json, "the file").items():
        benchmark = Benchmark(clean(name.removesuffix(_SILENCED)))
        for measure, result in mapping(measures, name).items():
            measured, factor = _metric(measure)
            where = f"{name}.{measure}"
            builder.add(benchmark, measured, single(mapping(result, where).get("value"), where, factor=factor))
    return (builder.report(document.path, TITLE, FileOrigin()),)


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
    plain = slug.replace("-", "_") or clean(measure)
    name, written = _MEASURES.get(slug, (plain, "byte" if _BYTES.search(slug) else "value"))
    unit, factor = base_unit(written)
    return metric(name, unit), factor
