"""Imported reports are marked, and stored runs are exported as tables."""

import csv
import importlib.util
import io
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from regress_action.formats.importers import read_csv
from regress_action.history import ExportFormat, History, Selection, export_to, import_reports
from regress_action.history.store import FolderStore
from regress_action.model.errors import UsageError
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def report(day: int) -> Report:
    """A report with two runs, one of which failed."""
    return Report(
        series=(
            Series(Benchmark("parse", "io"), Metric("time", "s"), (1.0, math.nan), (5, 0), (0.1, math.nan)),
            Series(Benchmark("rate"), Metric("throughput", "1/s", Direction.HIGHER), (7.0, 8.0)),
        ),
        runs=(Run(), Run(failure="exit status 1")),
        suite="unit",
        commit="4f2a" * 10,
        branch="main",
        created=f"2025-01-{day:02}T12:00:00+00:00",
    )


def test_what_is_imported_is_marked_and_stored_once(tmp_path: Path) -> None:
    """Imported records say so, are believed like those of the default branch, and a second import adds nothing."""
    history = History(FolderStore(tmp_path), clock=lambda: NOW)
    reports = [report(day) for day in (1, 2)]
    receipt = import_reports(history, reports, who="ada")
    assert receipt.already == 0
    assert import_reports(history, reports, who="ada") == replace(receipt, already=2)
    stored = history.load(Selection(suite="unit"))
    assert [dict(report.provenance) for report in stored] == [{"event": "import", "actor": "ada"}] * 2


def test_every_form_holds_the_same_rows() -> None:
    """A row per report, series and run; what was not measured is no row."""
    reports = [report(1), report(2)]
    rows = list(csv.DictReader(io.StringIO(export_to(reports, ExportFormat.CSV).decode())))
    lines = [orjson.loads(line) for line in export_to(reports, ExportFormat.JSONL).splitlines()]
    columns = orjson.loads(export_to(reports, ExportFormat.COLUMNS))
    assert len(rows) == len(lines) == 6
    assert {len(column) for column in columns.values()} == {6}
    assert [float(row["value"]) for row in rows] == columns["value"] == [line["value"] for line in lines]
    assert columns["spread"] == [0.1, None, None, 0.1, None, None]


def test_a_column_is_flat_and_of_one_type() -> None:
    """What a data frame or Parquet makes of a column does not depend on its rows: one type each, or nothing."""
    bare = replace(report(3), commit=None, branch=None, series=(replace(report(3).series[1], values=(7.0, 8.0)),))
    for reports in ([report(1), bare], [bare, report(1)]):
        columns = orjson.loads(export_to(reports, ExportFormat.COLUMNS))
        kinds = {name: {type(value) for value in column} - {type(None)} for name, column in columns.items()}
        numbers = {"run": {int}, "rounds": {int}, "value": {float}, "spread": {float}}
        assert kinds == {name: numbers.get(name, {str}) for name in columns}


def test_a_name_is_never_a_formula() -> None:
    """A spreadsheet does not execute a benchmark's name."""
    hostile = replace(report(1), suite="=HYPERLINK(1)")
    assert "'=HYPERLINK(1)" in export_to([hostile], ExportFormat.CSV).decode()


def test_parquet_is_written_or_the_way_to_it_is_said() -> None:
    """Where pyarrow is installed, Parquet is Parquet; where it is not, the message names it."""
    if importlib.util.find_spec("pyarrow"):
        assert export_to([report(1)], ExportFormat.PARQUET).startswith(b"PAR1")
    else:
        with pytest.raises(UsageError, match="pyarrow"):
            export_to([report(1)], ExportFormat.PARQUET)


def test_an_exported_csv_is_imported_unchanged() -> None:
    """Values, units, directions and runs are the same after an export and an import."""
    (imported,) = read_csv(export_to([report(1)], ExportFormat.CSV).decode(), "x.csv")
    expected = [(series.key, series.metric.direction, repr(series.values)) for series in report(1).series]
    assert [(series.key, series.metric.direction, repr(series.values)) for series in imported.series] == expected
    assert (imported.suite, imported.commit, imported.created) == ("unit", "4f2a" * 10, report(1).created)
