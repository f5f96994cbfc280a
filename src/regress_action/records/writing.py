"""A report as bytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import orjson

from regress_action.errors import InputError
from regress_action.records.schemas import ENVIRONMENT_TYPES, RUN_TYPES, SCHEMA

if TYPE_CHECKING:
    from regress_action.records.fields import Object
    from regress_action.samples import Report, Series


def encode(report: Report) -> bytes:
    """Return the record of `report`; equal reports give equal bytes.

    Raises:
        InputError: a value is infinite, a text is no valid Unicode, or a name occurs twice.
    """
    header = {
        "schema": SCHEMA,
        "kind": "report",
        "series": len(report.series),
        "suite": report.suite,
        **_present(commit=report.commit, branch=report.branch, created=report.created),
        "environment": {name: getattr(report.environment, name) for name in ENVIRONMENT_TYPES},
        "runs": [_present(**{name: getattr(run, name) for name in RUN_TYPES}) for run in report.runs],
        "source": report.source,
        **_present(origin=report.origin, warnings=report.warnings, provenance=_unique(report.provenance)),
        **_present(
            failures=[{"benchmark": failure.benchmark, "reason": failure.reason} for failure in report.failures]
        ),
    }
    lines = [header, *map(_series_line, report.series)]
    try:
        return b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    except orjson.JSONEncodeError as error:
        raise InputError(
            f"The report of suite {report.suite!r} cannot be written down: {error}.",
            meaning="A name in the results is not valid Unicode, or a number is too large.",
            remedy="Rename the benchmark, or correct the tool that wrote the results.",
        ) from error


def _present(**fields: object) -> Object:
    return {name: value for name, value in fields.items() if value is not None and value not in ((), [], {})}


def _unique(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    if len(fields := dict(pairs)) != len(pairs):
        raise InputError("The provenance of the report names something twice.", remedy="Name each fact once.")
    return fields


def _series_line(series: Series) -> Object:
    benchmark, metric = series.benchmark, series.metric
    if any(map(math.isinf, series.values)):
        raise InputError(
            f"{benchmark.name!r} has an infinite {metric.name}.",
            meaning="No measurement is infinite; the tool that wrote the results divided by zero.",
            remedy="Leave the value out, or run the benchmark for longer.",
        )
    return _present(
        benchmark=benchmark.name,
        service=benchmark.service,
        parameters=benchmark.parameters,
        location=benchmark.location and (benchmark.location.path, benchmark.location.line),
        version=benchmark.version,
        metric=metric.name,
        unit=metric.unit,
        direction=metric.direction,
        exact=metric.exact or None,
        signed=metric.signed or None,
        rounds=series.rounds,
        spreads=series.spreads,
        dropped=series.dropped or None,
    ) | {"values": series.values}
