"""A CSV series (Otava, Hunter): a row per commit and a column per benchmark; our own export has a row per run."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from regress_action.formats.naming import clean, distinct_names
from regress_action.formats.report_builder import capped
from regress_action.formats.shape import number_in
from regress_action.formats.units import direction_of, unit_of_key
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from regress_action.formats.document import Document

TITLE = "CSV series"
WRITTEN_BY = "your own script: time,commit,branch,BENCHMARK… with a row for every commit"
_HEADER = re.compile(r"(?:[^\n,;\t]+[,;\t])*time[,;\t]")
_ATTRIBUTES: Final = frozenset({"time", "commit", "branch"})
_DATE_DIGITS: Final = 8
_MOST_RUNS: Final = 10_000
_TIMES: Final = ("%Y.%m.%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S %z", "%Y.%m.%d %H:%M:%S", "%Y/%m/%d %H:%M:%S")


def sniff(document: Document) -> bool:
    """Whether the file is text whose first row names a column `time` and others."""
    if document.json is not None or document.xml is not None:
        return False
    first = next((line for line in document.lines if line.strip() and not line.startswith("#")), "")
    return bool(_HEADER.match(first)) and "=" not in first


def read(document: Document) -> tuple[Report, ...]:
    """Return a report for every row."""
    return read_csv(document.text, str(document.path))


def read_csv(text: str, where: str, *, suite: str = "default") -> tuple[Report, ...]:
    """Read a series with a row per commit: `time,commit?,branch?,metric…`; our own export is read as well.

    Comma, semicolon and tabulator separate. Times are ISO 8601, Unix seconds or `2024.01.31 3:00:00 +0100`. A column is
    a benchmark with the metric `value`; its name shows unit and direction where it can (`parse_ms`, `throughput`).

    Raises:
        InputError: it has no column `time`, or no row that can be used; a single odd value is left out and named.
    """
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise _not_a_series(where, "it has no rows")
    delimiter = max(",;\t", key=lines[0].count)
    try:
        header, *cells = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    except csv.Error as error:
        raise _not_a_series(where, f"{error}") from error
    names, problems = distinct_names([name.strip() for name in header], [{}] * len(header))
    columns, rows = set(names), [dict(zip(names, row, strict=False)) for row in cells]
    if {"benchmark", "metric", "value", "time"} <= columns:
        return _long(rows, where)
    if "time" not in columns or not columns - _ATTRIBUTES - {""}:
        raise _not_a_series(where, "it needs a column `time` and at least one with values")
    reports = [report for number, row in enumerate(rows, 1) for report in _wide(row, number, suite, problems)]
    if not reports:
        raise _not_a_series(where, problems[0] if problems else "it has no rows")
    return _warned(reports, problems)


def _wide(row: Mapping[str, str], number: int, suite: str, problems: list[str]) -> Iterator[Report]:
    """Yield the report of one row; what is no number in it, or a row without a time, is left out and named."""
    created = _time(row.get("time") or "")
    if created is None:
        problems.append(f"row {number}: {row.get('time')!r:.60} is no time")
        return
    series = []
    for column, text in row.items():
        if not column or column in _ATTRIBUTES or not text:
            continue
        value = number_in(text)
        if value is None or not math.isfinite(value):
            problems.append(f"row {number}: {text!r:.60} in the column {clean(column)} is no number")
            continue
        _, unit, factor = unit_of_key(column) or (column, "value", 1.0)
        measured = Metric("value", unit, direction_of(column, unit))
        series.append(Series(Benchmark(clean(column)), measured, (value * factor,)))
    if series:
        yield Report(
            series=tuple(series),
            runs=(Run(),),
            suite=suite,
            commit=clean(commit) if (commit := row.get("commit")) else None,
            branch=clean(branch) if (branch := row.get("branch")) else None,
            created=created,
            source="csv",
        )


def _long(rows: Iterable[Mapping[str, str]], where: str) -> tuple[Report, ...]:
    """Read rows as `history export` writes them: one per run and series."""
    values: dict[tuple[str, ...], dict[tuple[str, str], dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    described: dict[tuple[str, str], tuple[Benchmark, Metric]] = {}
    problems: list[str] = []
    for at, row in enumerate(rows, 1):
        created, value = _time(row.get("time") or ""), number_in(row.get("value") or "")
        run = number_in(row.get("run") or "1")
        if created is None or value is None or not math.isfinite(value) or run is None or not 1 <= run <= _MOST_RUNS:
            problems.append(f"row {at} has no time, no finite value or no number of its run")
            continue
        name, metric, unit = (row.get(column) or "" for column in ("benchmark", "metric", "unit"))
        key = clean(name), clean(metric or "value")
        service = row.get("service")
        benchmark = Benchmark(key[0], clean(service) if service else None)
        measured = Metric(key[1], clean(unit or "value"), _direction(row.get("direction") or "", metric, unit))
        if described.setdefault(key, (benchmark, measured))[1].unit != measured.unit:
            problems.append(f"row {at} has {key[1]} of {key[0]} in another unit than the rows before")
            continue
        report = (row.get("suite") or "default", row.get("commit") or "", row.get("branch") or "", created)
        values[report][key][int(run)] = value
    if not values:
        raise _not_a_series(where, problems[0] if problems else "it has no rows")
    return _warned([_from_rows(facts, series, described) for facts, series in values.items()], problems)


def _from_rows(
    facts: Sequence[str],
    series: Mapping[tuple[str, str], Mapping[int, float]],
    described: Mapping[tuple[str, str], tuple[Benchmark, Metric]],
) -> Report:
    """Return the report of one commit from the values of its series by run."""
    suite, commit, branch, created = facts
    runs = max(max(by_run) for by_run in series.values())
    return Report(
        series=tuple(
            Series(*described[key], tuple(by_run.get(run, math.nan) for run in range(1, runs + 1)))
            for key, by_run in series.items()
        ),
        runs=(Run(),) * runs,
        suite=clean(suite),
        commit=clean(commit) if commit else None,
        branch=clean(branch) if branch else None,
        created=created,
        source="csv",
    )


def _direction(way: str, metric: str, unit: str) -> Direction:
    return Direction(way) if way in set(Direction) else direction_of(metric, unit)


def _warned(reports: list[Report], problems: list[str]) -> tuple[Report, ...]:
    """Return the reports, the first of them with a warning for what could not be used."""
    first, *others = reports
    return (replace(first, warnings=capped([clean(f"{problem}: it was left out.") for problem in problems])), *others)


def _time(text: str) -> str | None:
    """Return an ISO 8601 time, Unix seconds or `20250131` in UTC; None where it is none of them."""
    for read in (_from_digits, datetime.fromisoformat, *(_by_form(form) for form in _TIMES)):
        try:
            moment = read(text.strip())
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return aware.astimezone(UTC).isoformat(timespec="seconds")
        except (ValueError, OverflowError, OSError):
            continue
    return None


def _from_digits(text: str) -> datetime:
    """Read Unix seconds, and a date without separators where eight digits are one."""
    if len(text) == _DATE_DIGITS and text.isdecimal() and text[:2] in {"19", "20"}:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(text), UTC)


def _by_form(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form)  # noqa: DTZ007 - `_time` adds the zone where the form has none


def _not_a_series(where: str, why: str) -> InputError:
    return InputError(
        f"{where} cannot be imported: {why}.",
        meaning="Nothing was stored.",
        remedy="Give a CSV with a header, a column `time` and a column of numbers for each benchmark.",
    )
