"""The history as tables for other programs: one row per report, series and run."""

from __future__ import annotations

import csv
import io
import math
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import orjson

from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regress_action.model.measurements import Report

    Row = dict[str, str | int | float | None]

COLUMNS: Final = (
    *("suite", "time", "commit", "branch", "environment", "cpu", "benchmark", "service", "metric", "unit", "direction"),
    *("run", "value", "rounds", "spread"),
)


class ExportFormat(StrEnum):
    """A format of export; `columns` is a JSON object of equally long lists, which every data frame takes."""

    JSONL = "jsonl"
    CSV = "csv"
    COLUMNS = "columns"
    PARQUET = "parquet"


def export_to(reports: Sequence[Report], form: ExportFormat) -> bytes:
    """Return the reports as a table, a row per run; runs without a value are left out.

    Raises:
        UsageError: Parquet is wanted, and pyarrow is not installed.
    """
    rows = list(_rows(reports))
    match form:
        case ExportFormat.JSONL:
            return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        case ExportFormat.CSV:
            return _csv(rows)
        case ExportFormat.COLUMNS:
            return orjson.dumps(_columns(rows))
        case ExportFormat.PARQUET:
            return _parquet(rows)


def _rows(reports: Iterable[Report]) -> Iterator[Row]:
    """Yield a row for each run of each series that has a value."""
    for report in reports:
        facts: Row = {
            "suite": report.suite,
            "time": report.created,
            "commit": report.commit,
            "branch": report.branch,
            "environment": report.environment.fingerprint,
            "cpu": report.environment.cpu,
        }
        for series in report.series:
            about: Row = {
                "benchmark": series.benchmark.name,
                "service": series.benchmark.service,
                "metric": series.metric.name,
                "unit": series.metric.unit,
                "direction": series.metric.direction.value,
            }
            for run, value in enumerate(series.values):
                if not math.isnan(value):
                    spread = series.spreads[run] if series.spreads else math.nan
                    yield (
                        facts
                        | about
                        | {
                            "run": run + 1,
                            "value": value,
                            "rounds": series.rounds[run] if series.rounds else None,
                            "spread": None if math.isnan(spread) else spread,
                        }
                    )


def _csv(rows: Iterable[Row]) -> bytes:
    """Write CSV; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _inert(value) for name, value in row.items()})
    return out.getvalue().encode()


def _inert(value: str | float | None) -> str | float | None:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _columns(rows: Sequence[Row]) -> dict[str, list[str | int | float | None]]:
    return {name: [row[name] for row in rows] for name in COLUMNS}


def _parquet(rows: Sequence[Row]) -> bytes:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise UsageError(
            "Parquet is written by pyarrow, which is not installed.",
            meaning="Nothing was written.",
            remedy="Install pyarrow, or export `columns` and let your data frame write Parquet.",
        ) from None
    out = io.BytesIO()
    parquet.write_table(pa.table(_columns(rows)), out)
    return out.getvalue()
