"""The data files of the site: what each view reads, as values that JSON can hold.

`index` lists every series with its state, so that the first view needs nothing else. The values lie in shards of
twenty-five series, which are loaded when one of them is opened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from regress_action.analysis.series_state import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from regress_action.analysis.series_state import SeriesLimits, SeriesState
    from regress_action.history.events import Event
    from regress_action.model.measurements import Series
    from regress_action.site.tables import Table

    Content = dict[str, Any]

SCHEMA = 1

SHARD = 25
"""Series in one data file."""

COMPARED = 200
"""The newest reports of a machine that the compare view offers."""

COMPARED_CHUNK = 25
"""Reports whose values to compare are in one data file; a report stays in its file while the history grows."""

_SPARK_BINS = 60
_SPARK_LEVELS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
_CHARACTERS = f"{_SPARK_LEVELS} "
_DIGITS = 5
_HASH = 12


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One series of the site."""

    table: int
    row: int
    series: Series
    limits: SeriesLimits
    finding: SeriesState


def rows_of(
    tables: Sequence[Table], limits: Sequence[Sequence[SeriesLimits]], findings: Sequence[Sequence[SeriesState]]
) -> list[Row]:
    """Return the series of all tables in the order of the data files: metrics of one benchmark stand together."""
    rows = [
        Row(number, row, series, limits[number][row], findings[number][row])
        for number, table in enumerate(tables)
        for row, series in enumerate(table.series)
    ]
    return sorted(rows, key=lambda row: (row.table, row.series.benchmark.service or "", row.series.benchmark.name))


def index(tables: Sequence[Table], rows: Sequence[Row], head: Content) -> Content:
    """Return what the first view shows: machines, benchmarks, metrics, and every series with its state.

    Attributes of the series are columns of one length, which is smaller and faster to read than objects.
    """
    services, metrics, benchmarks = _Numbers(), _Numbers(), _Numbers()
    statuses = list(Status)
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    sparks = [_sparks(table.medians) for table in tables]
    for row in rows:
        finding, series = row.finding, row.series
        medians = tables[row.table].medians[row.row]
        spark, low, high = sparks[row.table][row.row]
        values = (
            row.table,
            services.number(series.benchmark.service or ""),
            benchmarks.number((series.benchmark.name, series.benchmark.parameters)),
            metrics.number((series.metric.name, series.metric.unit, series.metric.direction.value)),
            int(np.count_nonzero(~np.isnan(medians))),
            statuses.index(finding.status),
            short(finding.level),
            short(finding.reference),
            short(finding.ratio),
            finding.since,
            finding.direction.value,
            short(finding.drift),
            short(finding.drift_days),
            short(finding.noise),
            short(row.limits.threshold),
            short(row.limits.budget),
            short(finding.days_to_budget),
            spark,
            short(low),
            short(high),
        )
        for name, value in zip(_COLUMNS, values, strict=True):
            columns[name].append(value)
    return {
        "schema": SCHEMA,
        **head,
        "shard": SHARD,
        "chunk": COMPARED_CHUNK,
        "statuses": [status.value for status in statuses],
        "machines": [_machine(table) for table in tables],
        "services": services.items,
        "benchmarks": [[name, dict(parameters)] if parameters else [name] for name, parameters in benchmarks.items],
        "metrics": metrics.items,
        "series": columns,
    }


_COLUMNS = (
    "machine",
    "service",
    "benchmark",
    "metric",
    "points",
    "status",
    "level",
    "reference",
    "ratio",
    "since",
    "direction",
    "drift",
    "driftDays",
    "noise",
    "threshold",
    "budget",
    "daysToBudget",
    "spark",
    "sparkLow",
    "sparkHigh",
)


class _Numbers:
    """Numbers given to distinct values in the order in which they come."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def number(self, value: Any) -> int:  # noqa: ANN401 - any hashable value
        """Return the number of `value`, the next free one where it is new."""
        index = self._numbers.setdefault(value, len(self.items))
        if index == len(self.items):
            self.items.append(value)
        return index


def _machine(table: Table) -> Content:
    """Return a suite on a machine, as the page names it."""
    environment = table.environment
    return {
        "source": table.source,
        "suite": table.suite,
        "fingerprint": environment.fingerprint,
        "runner": environment.runner,
        "os": environment.os,
        "cpu": environment.cpu,
        "cores": environment.cores,
        "memory": environment.memory,
        "runtime": environment.runtime,
        "reports": len(table.columns),
    }


def reports(tables: Sequence[Table], releases: Mapping[str, str]) -> list[Content]:
    """Return the reports of each machine as columns; `releases` maps a commit to the name of its release."""
    contents = []
    for table in tables:
        branches, authors = _Numbers(), _Numbers()
        columns = table.columns
        contents.append(
            {
                "commit": [column.commit[:_HASH] for column in columns],
                "time": [None if math.isnan(column.time) else int(column.time) for column in columns],
                "branch": [branches.number(column.branch) for column in columns],
                "author": [authors.number(column.author) for column in columns],
                "runs": [column.runs for column in columns],
                "branches": branches.items,
                "authors": authors.items,
                "releases": {
                    str(number): releases[column.commit]
                    for number, column in enumerate(columns)
                    if column.commit in releases
                },
                "failures": {str(n): column.failures for n, column in enumerate(columns) if column.failures},
            }
        )
    return contents


def shards(tables: Sequence[Table], rows: Sequence[Row]) -> Iterator[list[Content]]:
    """Yield the values of the series, twenty-five series at a time, in the order of the index."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, SHARD)):
        yield [_values(tables[row.table], row) for row in chunk]


def _values(table: Table, row: Row) -> Content:
    """Return the values of one series as whole numbers over a power of ten.

    `at` lists the columns of the reports with a value, or only the first where all later ones have one. `low` and
    `high` are how far the extremes of the runs lie from the median; they are left out where every report has one run.
    `renames` lists earlier names, each with the column of the first report that had another.
    """
    medians = table.medians[row.row]
    at = np.flatnonzero(~np.isnan(medians))
    largest = float(np.abs(medians[at]).max()) if len(at) else 0.0
    exponent = _exponent(largest)
    scale = 10.0**exponent
    content: Content = {
        "exponent": exponent,
        "at": int(at[0]) if len(at) and len(at) == len(medians) - at[0] else at,
        "value": _integers(medians[at], scale),
        "changes": [
            [
                change.column,
                short(change.ratio),
                change.settled + (change.settled and change.clear),
                int(change.accepted),
            ]
            for change in row.finding.changes
        ],
    }
    renames = table.renames.get(row.series.benchmark.name)
    if renames:
        content["renames"] = [[column, name] for name, column in renames]
    low, high = medians[at] - table.lows[row.row, at], table.highs[row.row, at] - medians[at]
    if low.any() or high.any():
        content |= {"low": _integers(low, scale), "high": _integers(high, scale)}
    if table.raw:
        content["runs"] = {
            str(column): _integers(values[row.row][~np.isnan(values[row.row])], scale)
            for column, values in table.raw.items()
            if not math.isnan(medians[column])
        }
    return content


def compared(tables: Sequence[Table], rows: Sequence[Row], releases: Mapping[str, str]) -> list[Content]:
    """Return, for each machine, some reports as columns over the index: what the compare view reads.

    They are the newest, the releases, and the newest of each branch. Values are whole numbers over a power of ten,
    whose exponent is that of the series.
    """
    contents = []
    for number, table in enumerate(tables):
        own = [row.row for row in rows if row.table == number]
        reports = _compared_reports(table, releases)
        newest = table.medians[np.ix_(own, reports)]
        largest = np.fmax.reduce(np.abs(newest), axis=1, initial=0.0)
        exponents = np.array([_exponent(value) for value in largest.tolist()], np.intp)
        columns = np.rint(newest / 10.0 ** exponents[:, None]).T
        contents.append(
            {"reports": reports, "exponents": exponents, "columns": [_or_none(column) for column in columns]}
        )
    return contents


def compared_chunks(machines: Sequence[Content]) -> Iterator[tuple[str, dict[int, Any]]]:
    """Yield the values that `compared` returned in pieces: a name, and the columns by the number of their report.

    A name is `compare-MACHINE-CHUNK`; the view reads the two pieces that hold the reports it compares.
    """
    for machine, content in enumerate(machines):
        by_report = zip(content["reports"], content["columns"], strict=True)
        for chunk, columns in groupby(by_report, key=lambda pair: pair[0] // COMPARED_CHUNK):
            yield f"compare-{machine}-{chunk}", dict(columns)


def _compared_reports(table: Table, releases: Mapping[str, str]) -> list[int]:
    """Return the columns that can be compared, oldest first."""
    count = len(table.columns)
    branches = {column.branch: number for number, column in enumerate(table.columns)}
    released = [number for number, column in enumerate(table.columns) if column.commit in releases]
    return sorted(
        {*range(max(0, count - COMPARED), count), *released[-COMPARED:], *list(branches.values())[-COMPARED:]}
    )


def _or_none(values: NDArray[np.float64]) -> NDArray[np.int64] | list[int | None]:
    """Return whole numbers, None where a value is NaN."""
    if not np.isnan(values).any():
        return values.astype(np.int64)
    return [None if math.isnan(value) else int(value) for value in values.tolist()]


def _exponent(largest: float) -> int:
    """Return the power of ten of the last digit that is kept of values up to `largest`."""
    return math.floor(math.log10(largest)) + 1 - _DIGITS if largest > 0 and math.isfinite(largest) else 0


def decisions(events: Sequence[Event], waivers: Sequence[str]) -> Content:
    """Return who decided what: accepted and held levels, removed records, and the waivers in force as sentences."""
    return {
        "events": [
            {
                "kind": event.kind.value,
                "at": event.at,
                "who": event.who,
                "why": event.why,
                "suite": event.suite,
                "commit": (event.commit or "")[:_HASH],
                "patterns": [[pattern.benchmark, pattern.metric, short(pattern.ratio)] for pattern in event.patterns],
                "removed": len(event.records),
            }
            for event in reversed(events)
        ],
        "waivers": list(waivers),
    }


def _sparks(values: NDArray[np.float64]) -> list[tuple[str, float | None, float | None]]:
    """Return at most sixty medians of neighbouring reports of each row, and what the ends of the scale mean.

    Each median is a character; a space stands for a stretch without one.
    """
    if not values.size:
        return [("", None, None)] * len(values)
    levels = np.stack([_medians(part) for part in np.array_split(values, min(_SPARK_BINS, values.shape[1]), axis=1)], 1)
    with np.errstate(invalid="ignore"):
        low, high = np.fmin.reduce(levels, axis=1), np.fmax.reduce(levels, axis=1)
        span = np.where(high > low, high - low, 1.0)
        top = len(_SPARK_LEVELS) - 1
        steps = np.nan_to_num(np.rint((levels - low[:, None]) / span[:, None] * top), nan=top + 1).astype(np.intp)
    return [
        ("".join(map(_CHARACTERS.__getitem__, row)), *((None, None) if math.isnan(bottom) else (bottom, top_value)))
        for row, bottom, top_value in zip(steps.tolist(), low.tolist(), high.tolist(), strict=True)
    ]


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each row, ignoring NaN; NaN for a row without a value."""
    ordered = np.sort(values, axis=1)
    counts = np.count_nonzero(~np.isnan(ordered), axis=1)
    rows = np.arange(len(ordered))
    medians: NDArray[np.float64] = (
        ordered[rows, np.maximum(counts - 1, 0) // 2] + ordered[rows, np.minimum(counts // 2, ordered.shape[1] - 1)]
    ) / 2
    return medians


def _integers(values: NDArray[np.float64], scale: float) -> NDArray[np.int64]:
    return np.rint(values / scale).astype(np.int64)


def short(value: float | None) -> float | None:
    """Return a number with five significant digits, None where it is not finite."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.{_DIGITS}g}")


def attention(rows: Iterable[Row]) -> list[Row]:
    """Return the rows in the order in which they need attention: by status, then by how much worse they are."""
    order = {status: number for number, status in enumerate(Status)}
    return sorted(rows, key=lambda row: (order[row.finding.status], -(row.finding.ratio or 0.0)))
