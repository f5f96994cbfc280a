"""The reports of a history as arrays: one table per suite and machine, a row per series and a column per report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.change_points import Searcher
from regress_action.model.measurements import Aliases

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from regress_action.model.measurements import Environment, Report, Series

RAW_REPORTS = 100
"""How many of the newest reports keep the value of every run; older ones keep their median and range."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a table keeps of a report.

    `time` is in seconds since 1970, NaN where the report has no readable time. `record` is its path in the history.
    `renamed` are the benchmarks that the report holds under an old name: (old name, newest name).
    """

    commit: str
    time: float
    branch: str
    author: str
    runs: int
    seconds: float
    saved: float
    steal: float | None
    speed_variation: float | None
    failures: tuple[str, ...]
    record: str = ""
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The values of one suite on one machine.

    `medians`, `lows` and `highs` have a row per series and a column per report, in the metric's unit, NaN where the
    report has no value; a low and a high are the extremes of the report's runs. `raw` holds, for the newest reports
    (by column number), an array of series × runs. `series` describes each row as the newest report does; values of
    another body of the benchmark (`Benchmark.version`) are left out. `searcher` knows how far the rows were searched
    for change points. `renames` lists the earlier names of a benchmark, each with the first column without it.
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
    searcher: Searcher = field(default_factory=Searcher)

    @property
    def renames(self) -> dict[str, list[tuple[str, int]]]:
        """The earlier names of each benchmark, each with the number of the first column after its last use."""
        last: dict[tuple[str, str], int] = {}
        for number, column in enumerate(self.columns):
            last |= dict.fromkeys(column.renamed, number + 1)
        results: dict[str, list[tuple[str, int]]] = {}
        for (old, new), first in last.items():
            if first < len(self.columns):
                results.setdefault(new, []).append((old, first))
        return results

    def measured_rows(self) -> list[int]:
        """Return the rows that have a value."""
        return [int(row) for row in np.flatnonzero(np.isfinite(self.medians).any(axis=1))]

    def without_oldest(self, columns: int) -> Table:
        """Return the table without its oldest columns, and without the rows that have no value then."""
        medians = self.medians[:, columns:]
        rows = np.flatnonzero(np.isfinite(medians).any(axis=1))
        return replace(
            self,
            columns=self.columns[columns:],
            series=tuple(self.series[row] for row in rows),
            medians=medians[rows],
            lows=self.lows[rows, columns:],
            highs=self.highs[rows, columns:],
            raw={column - columns: values[rows] for column, values in self.raw.items() if column >= columns},
            searcher=Searcher(),
        )

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds since 1970, one per report."""
        return np.array([column.time for column in self.columns], dtype=np.float64)


def tables_of(reports: Iterable[Report], source: str = "") -> list[Table]:
    """Lay out `reports`, given in any order; `source` names the history when several are joined."""
    return grown([], [(report, "") for report in reports], source)


def grown(
    tables: Iterable[Table],
    records: Iterable[tuple[Report, str]],
    source: str = "",
    aliases: Aliases = Aliases(),  # noqa: B008 - frozen
) -> list[Table]:
    """Add reports with their paths to tables, whose own reports are not younger; given none, make the tables anew.

    The reports may come in any order, under the names of their time; `aliases` give them the newest ones. `source`
    names the history when several are joined.
    """
    builders: dict[tuple[str, str], _Builder] = {}
    for table in tables:
        builders[table.suite, table.environment.fingerprint] = _Builder.upon(table)
    for report, record in sorted(records, key=lambda pair: _seconds(pair[0].created) or 0.0):
        key = report.suite, report.environment.fingerprint
        named = aliases.applied(report)
        renamed = () if named is report else _renamed(report, named)
        builders.setdefault(key, _Builder(source, report.suite, report.environment)).add(named, record, renamed)
    results = [builder.table() for builder in builders.values()]
    return sorted(results, key=lambda table: -math.inf if math.isnan(table.times[0]) else table.times[0])


def _renamed(before: Report, after: Report) -> tuple[tuple[str, str], ...]:
    """Return the names that differ between a report and the same one under newer names, as pairs of old and new."""
    pairs = ((old.benchmark.name, new.benchmark.name) for old, new in zip(before.series, after.series, strict=True))
    return tuple(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))


def is_younger(report: Report, tables: Iterable[Table]) -> bool:
    """Whether a report comes after all that its table holds."""
    time = _seconds(report.created) or 0.0
    return all(
        (0.0 if math.isnan(table.columns[-1].time) else table.columns[-1].time) <= time
        for table in tables
        if (table.suite, table.environment.fingerprint) == (report.suite, report.environment.fingerprint)
    )


@dataclass(slots=True)
class _Builder:
    """A table while its reports are added, oldest first, to those of `base`.

    Reports of one suite nearly always list the same series in the same order, so their rows are looked up once.
    """

    source: str
    suite: str
    environment: Environment
    base: Table | None = None
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)
    began: list[int] = field(default_factory=list)
    layout: list[tuple[str, str, str | None]] = field(default_factory=list)
    layout_rows: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    columns: list[Column] = field(default_factory=list)
    values: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = field(default_factory=list)
    newest: Report | None = None

    @classmethod
    def upon(cls, table: Table) -> _Builder:
        """Start with the reports of a table."""
        return cls(
            table.source,
            table.suite,
            table.environment,
            table,
            {series.key: row for row, series in enumerate(table.series)},
            list(table.series),
            [0] * len(table.series),
            columns=list(table.columns),
        )

    def add(self, report: Report, record: str, renamed: tuple[tuple[str, str], ...] = ()) -> None:
        """Add the next report; `renamed` are the old and new names of what it holds under an old one."""
        layout = [(series.benchmark.name, series.metric.name, series.benchmark.version) for series in report.series]
        if layout != self.layout:
            self.layout = layout
            self.layout_rows = np.array([self._row(series) for series in report.series], np.intp)
        self.newest = report
        self.values.append((self.layout_rows, _values(report.series)))
        self.columns.append(_column(report, record, renamed))

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
        if self.base is not None:
            self._copy_base(self.base, (medians, lows, highs), raw)
        first = len(self.columns) - len(self.values)
        for column, (rows, values) in enumerate(self.values, start=first):
            ordered = np.sort(values, axis=1)  # NaN last
            counts = np.count_nonzero(~np.isnan(ordered), axis=1)
            place = np.arange(len(rows))
            measured = (counts > 0) & (began[rows] <= column)
            upper = ordered[place, np.maximum(counts, 1) // 2]
            lower = ordered[place, np.maximum(counts - 1, 0) // 2]
            medians[rows, column] = np.where(measured, (lower + upper) / 2, np.nan) if values.size else np.nan
            lows[rows, column] = np.where(measured, ordered[:, 0], np.nan)
            highs[rows, column] = np.where(measured, ordered[place, np.maximum(counts - 1, 0)], np.nan)
            if column >= len(self.columns) - RAW_REPORTS and values.shape[1] > 1:
                raw[column] = np.full((len(self.series), values.shape[1]), np.nan)
                raw[column][rows] = np.where(measured[:, None], values, np.nan)
        newest = {series.key: series for series in self.newest.series} if self.newest else {}
        return Table(
            self.source,
            self.suite,
            self.environment,
            tuple(self.columns),
            tuple(newest.get(series.key, series) for series in self.series),
            medians,
            lows,
            highs,
            raw,
            self._searcher(),
        )

    def _copy_base(
        self, base: Table, arrays: Sequence[NDArray[np.float64]], raw: dict[int, NDArray[np.float64]]
    ) -> None:
        """Copy the values of the first table, without those of a body of a benchmark that was replaced since."""
        rows, columns = base.medians.shape
        replaced = [row for row in range(rows) if self.began[row]]
        for array, old in zip(arrays, (base.medians, base.lows, base.highs), strict=True):
            array[:rows, :columns] = old
            array[replaced, :columns] = np.nan
        for column, values in base.raw.items():
            if column >= len(self.columns) - RAW_REPORTS:
                raw[column] = np.full((len(self.series), values.shape[1]), np.nan)
                raw[column][:rows] = values
                raw[column][replaced] = np.nan

    def _searcher(self) -> Searcher:
        """Return how far the rows were searched, without those whose earlier values are left out since."""
        if self.base is None:
            return Searcher()
        self.base.searcher.forget([row for row in range(len(self.base.series)) if self.began[row]])
        return self.base.searcher


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


def _column(report: Report, record: str, renamed: tuple[tuple[str, str], ...]) -> Column:
    """Return what is kept of a report beside its values."""
    provenance = dict(report.provenance)
    steals = [conditions.steal for conditions in report.conditions if conditions.steal is not None]
    variations = [
        conditions.speed_variation for conditions in report.conditions if conditions.speed_variation is not None
    ]
    return Column(
        report.commit or "",
        _seconds(report.created) or math.nan,
        report.branch or "",
        provenance.get("actor") or "",
        len(report.runs),
        sum(run.wall_s or 0.0 for run in report.runs),
        report.saved_s or 0.0,
        max(steals, default=None),
        max(variations, default=None),
        tuple(failure.benchmark for failure in report.failures if not failure.skipped),
        record,
        renamed,
    )


def _seconds(time: str | None) -> float | None:
    """Return an ISO 8601 time as seconds since 1970; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(time or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
