"""The custom JSON of github-action-benchmark: a list of `{name, unit, value, range?, extra?}`.

The file does not state the direction (the action's input `tool` does), so it follows from the unit and the name. The
range has no fixed meaning and is left out. swift package-benchmark, LHCI and many scripts write this form too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import optional_text, text
from regress_action.formats.units import base_unit, direction_of, is_signed, metric, metric_of_unit
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Metric, Report

TITLE = "github-action-benchmark custom JSON"
WRITTEN_BY = 'your own script: [{"name": "NAME", "unit": "ms", "value": 12.5}]'


def sniff(document: Document) -> bool:
    """Whether the file is a list of objects, the first of which has a name, a unit and a value."""
    content = document.json
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return False
    return {"name", "unit", "value"} <= content[0].keys() and "jmhVersion" not in content[0]


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    for where, item in builder.objects(document.json, "the file"):
        with builder.tolerant():
            name = clean(text(item.get("name"), f"{where}.name"))
            measured, factor = _metric(name, optional_text(item.get("unit")) or "value")
            entry = builder.benchmark(Benchmark(name))
            entry.add(measured, single(item.get("value"), f"{where}.value", factor=factor, signed=measured.signed))
    return (builder.report(document, TITLE),)


def _metric(name: str, written: str) -> tuple[Metric, float]:
    """Return the metric of a unit; where the unit does not show which way is better, the name may."""
    unit, factor = base_unit(written)
    measured, _ = metric_of_unit(clean(written), direction=direction_of(f"{name} {written}", unit))
    return metric(measured.name, clean(unit), direction=measured.direction, signed=is_signed(name)), factor
