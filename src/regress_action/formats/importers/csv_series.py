"""CSV with a row per commit or per run: each commit becomes a report; our own export is read as well."""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_ATTRIBUTES: Final = frozenset({"time", "commit", "branch"})
_TIMES: Final = ("%Y.%m.%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S %z", "%Y.%m.%d %H:%M:%S", "%Y/%m/%d %H:%M:%S")


def read_csv(text: str, where: str, *, suite: str = "default") -> tuple[Report, ...]:
    """Read a series with a row per commit: `time,commit?,branch?,metric…`; our own export is read as well.

    Comma, semicolon and tabulator separate. Times are ISO 8601, Unix seconds or `2024.01.31 3:00:00 +0100`. A column is
    a benchmark with the metric `value`, of which less is better.

    Raises:
        InputError: a row has no time, or holds something that is no number.
    """
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise _not_a_series(where, "it has no rows")
    delimiter = max(",;\t", key=lines[0].count)
    rows = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    columns = rows.fieldnames or []
    if {"benchmark", "metric", "value", "time"} <= set(columns):
        return _long(rows, where)
    if "time" not in columns or not set(columns) - _ATTRIBUTES:
        raise _not_a_series(where, "it needs a column `time` and at least one with values")
    return tuple(_wide(row, f"{where}, row {number}", suite) for number, row in enumerate(rows, 1))


def _wide(row: Mapping[str, str | None], where: str, suite: str) -> Report:
    return Report(
        series=tuple(
            Series(Benchmark(column), Metric("value", "value"), (_number(text, where),))
            for column, text in row.items()
            if column not in _ATTRIBUTES and text
        ),
        runs=(Run(),),
        suite=suite,
        commit=row.get("commit") or None,
        branch=row.get("branch") or None,
        created=_time(row["time"] or "", where),
        source="csv",
    )


def _long(rows: Iterable[Mapping[str, str]], where: str) -> tuple[Report, ...]:
    """Read rows as `history export` writes them: one per run and series."""
    values: dict[tuple[str, ...], dict[tuple[str, ...], dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for number, row in enumerate(rows, 1):
        here = f"{where}, row {number}"
        report = (
            row.get("suite") or "default",
            row.get("commit") or "",
            row.get("branch") or "",
            _time(row["time"], here),
        )
        series = tuple(row.get(column) or "" for column in ("benchmark", "service", "metric", "unit", "direction"))
        values[report][series][int(_number(row.get("run") or "1", here))] = _number(row["value"], here)
    return tuple(_from_rows(facts, series) for facts, series in values.items())


def _from_rows(facts: Sequence[str], series: Mapping[tuple[str, ...], Mapping[int, float]]) -> Report:
    suite, commit, branch, created = facts
    runs = max(max(by_run) for by_run in series.values())
    return Report(
        series=tuple(
            Series(
                Benchmark(name or "unnamed", service or None),
                Metric(metric or "value", unit or "value", Direction.HIGHER if way == "higher" else Direction.LOWER),
                tuple(by_run.get(run, math.nan) for run in range(1, runs + 1)),
            )
            for (name, service, metric, unit, way), by_run in series.items()
        ),
        runs=(Run(),) * runs,
        suite=suite,
        commit=commit or None,
        branch=branch or None,
        created=created,
        source="csv",
    )


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if math.isinf(number):
        raise _not_a_series(where, f"{text!r:.60} is no number")
    return number


def _time(text: str, where: str) -> str:
    for read in (_from_unix, datetime.fromisoformat, *(_by_form(form) for form in _TIMES)):
        try:
            moment = read(text.strip())
        except (ValueError, OverflowError):
            continue
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="seconds")
    raise _not_a_series(where, f"{text!r:.60} is no time")


def _from_unix(text: str) -> datetime:
    return datetime.fromtimestamp(float(text), UTC)


def _by_form(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form)  # noqa: DTZ007 - `_time` adds the zone where the form has none


def _not_a_series(where: str, why: str) -> InputError:
    return InputError(
        f"{where} cannot be imported: {why}.",
        meaning="Nothing was stored.",
        remedy="Give a CSV with a header, a column `time` and a column of numbers for each benchmark.",
    )
