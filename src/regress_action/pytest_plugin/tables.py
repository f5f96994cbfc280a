"""The tables of the `benchmark` fixture: one for each group, with the columns and the order that were asked for.

* The section that a measuring session prints at its end.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from regress_action.model.measurements import Report, Series
    from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture
    from regress_action.pytest_plugin.session import PerformanceSession


def show_session(session: PerformanceSession, terminal: pytest.TerminalReporter) -> None:
    """Print the verdict where one was asked for, else the measured values."""
    if session.config.option.collectonly or not (session.report or session.notes):
        return
    terminal.section("performance", sep="-", blue=True)
    if session.judged:
        from rich.console import Console

        from regress_action.report import terminal as page

        console = Console(file=sys.stdout, highlight=False, width=terminal._tw.fullwidth)  # noqa: SLF001 - the width that pytest found
        page.show(session.judged.judgement, console, verbose=session.request.compare)
        for waiver in session.judged.waivers:
            console.print(f"Waiver in force: {waiver}", markup=False)
    elif session.report:
        for line in listed(session.report):
            terminal.write_line(line)
    if session.isolated.repeated:
        terminal.write_line(f"{session.isolated.repeated} disturbed runs were repeated.")
    for note in session.notes:
        terminal.write_line(note)


def listed(report: Report) -> list[str]:
    """Return a line for every benchmark and metric: the median of its runs, and how many there are."""
    from regress_action.model.escaping import plain

    return [f"{plain(series.benchmark.name)} {series.metric.name}: {_value(series)}" for series in report.series]


def _value(series: Series) -> str:
    from statistics import median

    from regress_action.report.numbers import quantity

    values = series.measured
    runs = f"{len(values)} run{'s' if len(values) != 1 else ''}"
    return f"{quantity(median(values), series.metric.unit)} ({runs})" if values else "no value"


def show_fixture(fixtures: Sequence[BenchmarkFixture], terminal: pytest.TerminalReporter) -> None:
    """Print the tables of a session in which only the `benchmark` fixture was used."""
    for line in table_lines(fixtures, options_of(terminal.config)):
        terminal.write_line(line)


COLUMNS = ("min", "max", "mean", "stddev", "median", "iqr", "outliers", "ops", "rounds", "iterations")
SORTS = ("min", "max", "mean", "stddev", "name", "fullname")
GROUPINGS = ("group", "name", "func", "fullname", "fullfunc", "param")
NAMES = ("short", "normal", "long")
_TITLES = {"stddev": "StdDev", "iqr": "IQR", "ops": "OPS"}
_TIMES = ("min", "max", "mean", "stddev", "median", "iqr")
_UNITS = (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9))
_GAP = 2
_MOST_TIMES = 1000
_LEGEND = (
    "Legend:",
    "  Outliers: rounds beyond one standard deviation of the mean; rounds beyond 1.5 IQR of the quartiles.",
    "  OPS: calls a second, one over the mean.",
    "  In parentheses: how many times the best of the column.",
)


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What `--benchmark-columns`, `-sort`, `-group-by`, `-name` and `-time-unit` say."""

    columns: tuple[str, ...] = COLUMNS
    sort: str = "min"
    group_by: str = "group"
    name: str = "normal"
    unit: str | None = None


def options_of(config: pytest.Config) -> TableOptions:
    """Return what the command line asks for."""
    option = config.option
    return TableOptions(
        columns=option.benchmark_columns or COLUMNS,
        sort=option.benchmark_sort or "min",
        group_by=option.benchmark_group_by or "group",
        name=option.benchmark_name or "normal",
        unit=option.benchmark_time_unit,
    )


def table_lines(fixtures: Sequence[BenchmarkFixture], options: TableOptions) -> list[str]:
    """Return the tables as text."""
    groups: dict[str, list[BenchmarkFixture]] = defaultdict(list)
    for fixture in fixtures:
        groups[_group(fixture, options.group_by)].append(fixture)
    said = [""]
    for group in sorted(groups):
        said += [*_table(group, sorted(groups[group], key=_order(options.sort)), options), ""]
    return [*said, *_LEGEND]


def _table(group: str, rows: Sequence[BenchmarkFixture], options: TableOptions) -> list[str]:
    unit, factor = _unit(rows, options)
    head = [f"Name (time in {unit})", *(_TITLES.get(name, name.capitalize()) for name in options.columns)]
    best = {name: _best(rows, name) for name in options.columns}
    body = [
        [_name(row, options.name), *(_cell(row, name, factor, best[name]) for name in options.columns)] for row in rows
    ]
    sizes = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    printed = [
        cells[0].ljust(sizes[0])
        + "".join(cell.rjust(size + _GAP) for cell, size in zip(cells[1:], sizes[1:], strict=True))
        for cells in (head, *body)
    ]
    title = f" benchmark{f' {group!r}' if group else ''}: {len(rows)} tests "
    return [title.center(len(printed[0]), "-"), printed[0], "-" * len(printed[0]), *printed[1:], "-" * len(printed[0])]


def _best(rows: Sequence[BenchmarkFixture], column: str) -> float | None:
    """Return the best value of a column, None where it has no best one or only one row."""
    values = [row.stats[column] for row in rows if row.stats] if column in (*_TIMES, "ops") else []
    if len(values) < 2:  # noqa: PLR2004 - one row has nothing to be compared with
        return None
    return float(max(values) if column == "ops" else min(values))


def _cell(row: BenchmarkFixture, column: str, factor: float, best: float | None) -> str:
    """Return a value, and how many times the best of its column it is."""
    assert row.stats is not None  # noqa: S101 - only fixtures that measured are shown
    if column == "iterations":
        return str(row.stats.iterations)
    value = row.stats[column]
    if column not in (*_TIMES, "ops"):
        return str(value)
    shown = f"{value:,.4f}" if column == "ops" else f"{value * factor:,.4f}"
    if best is None:
        return shown
    times = value / best if best else math.inf if value else 1.0
    return f"{shown} ({'1.0' if value == best else '>1000' if times > _MOST_TIMES else f'{times:.2f}'})"


def _unit(rows: Sequence[BenchmarkFixture], options: TableOptions) -> tuple[str, float]:
    """Return the unit that was asked for, else the one in which the fastest row is at least one."""
    if options.unit:
        return options.unit, dict(_UNITS)[options.unit]
    fastest = min(row.stats["min"] for row in rows if row.stats)
    return next(((name, factor) for name, factor in _UNITS if fastest * factor >= 1), _UNITS[-1])


def _group(fixture: BenchmarkFixture, group_by: str) -> str:
    parts = (_part(fixture, label) for label in group_by.split(","))
    return " ".join(plain(str(part)) for part in parts if part)


def _part(fixture: BenchmarkFixture, label: str) -> Any:  # noqa: ANN401 - a parameter may be anything
    if label.startswith("param:"):
        name = label.removeprefix("param:")
        return f"{name}={fixture.params[name]}" if fixture.params and name in fixture.params else None
    named = {"group": fixture.group, "name": fixture.name, "fullname": fixture.fullname, "param": fixture.param}
    named |= {"func": fixture.name.partition("[")[0], "fullfunc": fixture.fullname.partition("[")[0]}
    return named[label]


def _order(sort: str) -> Callable[[BenchmarkFixture], Any]:
    if sort in ("name", "fullname"):
        return lambda fixture: getattr(fixture, sort)
    return lambda fixture: fixture.stats[sort] if fixture.stats else 0.0


def _name(fixture: BenchmarkFixture, style: str) -> str:
    name = fixture.fullname if style == "long" else fixture.name
    return plain(name.removeprefix("test_") if style == "short" else name)
