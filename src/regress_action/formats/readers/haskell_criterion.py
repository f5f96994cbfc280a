"""Criterion for Haskell (`--json results.json`, `--csv results.csv`).

A measured row is a time over a number of iterations; the value is the mean that the tool itself estimates. Seconds.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import Sample, reported
from regress_action.formats.shape import ShapeError, optional_mapping, text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "Haskell criterion"
WRITTEN_BY = "cabal bench --benchmark-options='--json results.json'"
_HEADER = "Name,Mean,MeanLB,MeanUB,Stddev"
_TIME = metric("time", "s")


def sniff(document: Document) -> bool:
    """Whether the file is the tool's list of reports, or its table."""
    content = document.json
    if isinstance(content, list):
        return len(content) == 3 and content[0] == "criterion" and isinstance(content[2], list)  # noqa: PLR2004
    return content is None and document.text.startswith(_HEADER)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    if isinstance(document.json, list):
        for where, report in builder.objects(document.json[2:][:1] and document.json[2], "reports"):
            with builder.tolerant():
                name = clean(text(report.get("reportName"), f"{where}.reportName"))
                builder.benchmark(Benchmark(name)).add(_TIME, _sample(report, where))
    elif document.json is None:
        _read_table(document.text, builder)
    return (builder.report(document, TITLE, compiled=True),)


def _sample(report: dict[str, Any], where: str) -> Sample:
    analysis = optional_mapping(report.get("reportAnalysis"))
    mean, deviation = (optional_mapping(analysis.get(key)).get("estPoint") for key in ("anMean", "anStdDev"))
    rows = report.get("reportMeasured")
    rounds = len(rows) if isinstance(rows, list) else None
    return reported(mean, f"{where}.reportAnalysis.anMean.estPoint", rounds=rounds, spread=deviation)


def _read_table(source: str, builder: ReportBuilder) -> None:
    try:
        for row in csv.DictReader(io.StringIO(source)):
            name = clean(row.get("Name") or "")
            builder.benchmark(Benchmark(name)).add(_TIME, reported(row.get("Mean"), f"{name}: Mean"))
    except csv.Error as error:
        raise ShapeError(str(error)) from error
