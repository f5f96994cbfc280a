"""The reports of a history as arrays: one table per suite and machine, a row per series and a column per report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from regress_action.model.measurements import Environment, Report, Series

RAW_REPORTS = 100
"""How many of the newest reports keep the value of every run; older ones keep their median and range."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a table keeps of a report: `time` is in seconds since 1970, NaN where the report has no readable time."""

    commit: str
    time: float
    branch: str
    author: str
    runs: int
    seconds: float
    saved: float
    steal: float | None
    swing: float | None
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The values of one suite on one machine.

    `medians`, `lows` and `highs` have a row per series and a column per report, in the metric's unit, NaN where the
    report has no value; a low and a high are the extremes of the report's runs. `raw` holds, for the newest reports
    (by column number), an array of series × runs. `series` describes each row as the newest report does; values of
    another body of the benchmark (`Benchmark.version`) are left out.
    """

    source: str
    suite: str
    environment: Environment
    columns: tuple[Column, ...]
    series: tuple[Series, ...]
    medians: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    raw: dict[int, NDArray[np.float64]]

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds since 1970, one per report."""
        return np.array([column.time for column in self.columns], dtype=np.float64)


def tables_of(reports: Iterable[Report], source: str = "") -> list[Table]:
    """Lay out `reports`, given in any order; `source` names the history when several are joined."""
    builders: dict[tuple[str, str], _Builder] = {}
    for report in sorted(reports, key=lambda report: _seconds(report.created) or 0.0):
        key = report.suite, report.environment.fingerprint
        builders.setdefault(key, _Builder(source, report)).add(report)
    return [builder.table() for builder in builders.values()]


@dataclass(slots=True)
class _Builder:
    """A table while its reports are added, oldest first.

    Reports of one suite nearly always list the same series in the same order, so their rows are looked up once.
    """

    source: str
    newest: Report
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)
    began: list[int] = field(default_factory=list)
    layout: list[tuple[str, str, str | None]] = field(default_factory=list)
    layout_rows: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    columns: list[Column] = field(default_factory=list)
    values: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = field(default_factory=list)

    def add(self, report: Report) -> None:
        """Add the next report."""
        layout = [(series.benchmark.name, series.metric.name, series.benchmark.version) for series in report.series]
        if layout != self.layout:
            self.layout = layout
            self.layout_rows = np.array([self._row(series) for series in report.series], np.intp)
        self.newest = report
        self.values.append((self.layout_rows, _values(report.series)))
        self.columns.append(_column(report))

    def _row(self, series: Series) -> int:
        row = self.rows.setdefault(series.key, len(self.series))
        if row == len(self.series):
            self.series.append(series)
            self.began.append(len(self.columns))
        elif self.series[row].benchmark.version != series.benchmark.version:
            self.began[row] = len(self.columns)
        self.series[row] = series
        return row

    def table(self) -> Table:
        """Return the table of all reports that were added."""
        shape = len(self.series), len(self.columns)
        medians, lows, highs = (np.full(shape, np.nan) for _ in range(3))
        raw: dict[int, NDArray[np.float64]] = {}
        began = np.array(self.began, np.intp)
        for column, (rows, values) in enumerate(self.values):
            ordered = np.sort(values, axis=1)  # NaN last
            counts = np.count_nonzero(~np.isnan(ordered), axis=1)
            place = np.arange(len(rows))
            measured = (counts > 0) & (began[rows] <= column)
            upper = ordered[place, np.maximum(counts, 1) // 2]
            lower = ordered[place, np.maximum(counts - 1, 0) // 2]
            medians[rows, column] = np.where(measured, (lower + upper) / 2, np.nan) if values.size else np.nan
            lows[rows, column] = np.where(measured, ordered[:, 0], np.nan)
            highs[rows, column] = np.where(measured, ordered[place, np.maximum(counts - 1, 0)], np.nan)
            if column >= len(self.values) - RAW_REPORTS and values.shape[1] > 1:
                raw[column] = np.full((len(self.series), values.shape[1]), np.nan)
                raw[column][rows] = np.where(measured[:, None], values, np.nan)
        newest = {series.key: series for series in self.newest.series}
        return Table(
            self.source,
            self.newest.suite,
            self.newest.environment,
            tuple(self.columns),
            tuple(newest.get(series.key, series) for series in self.series),
            medians,
            lows,
            highs,
            raw,
        )


def _values(series: Sequence[Series]) -> NDArray[np.float64]:
    """Return the values of a report as series × runs, at least one column wide, with NaN where a run has none."""
    width = max((len(row.values) for row in series), default=1) or 1
    values = np.full((len(series), width), np.nan)
    if all(len(row.values) == width for row in series):
        values[:] = np.array([row.values for row in series], dtype=np.float64).reshape(len(series), width)
    else:
        for number, row in enumerate(series):
            values[number, : len(row.values)] = row.values
    values[~np.isfinite(values)] = np.nan
    return values


def _column(report: Report) -> Column:
    """Return what is kept of a report beside its values."""
    provenance = dict(report.provenance)
    steals = [conditions.steal for conditions in report.conditions if conditions.steal is not None]
    swings = [conditions.speed_variation for conditions in report.conditions if conditions.speed_variation is not None]
    return Column(
        report.commit or "",
        _seconds(report.created) or math.nan,
        report.branch or "",
        provenance.get("actor") or "",
        len(report.runs),
        sum(run.wall_s or 0.0 for run in report.runs),
        report.saved_s or 0.0,
        max(steals, default=None),
        max(swings, default=None),
        tuple(failure.benchmark for failure in report.failures),
    )


def _seconds(time: str | None) -> float | None:
    """Return an ISO 8601 time as seconds since 1970; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(time or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
