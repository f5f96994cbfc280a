"""The tables of the `benchmark` fixture: one for each group, with the columns and the order that were asked for."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = dict[str, Any]
    """A benchmark: what identifies it, its statistics in seconds, and `source`, the saved run that it comes from."""


COLUMNS = ("min", "max", "mean", "stddev", "median", "iqr", "outliers", "ops", "rounds", "iterations")
SORTS = ("min", "max", "mean", "stddev", "name", "fullname")
GROUPINGS = ("group", "name", "func", "fullname", "fullfunc", "param")
NAMES = ("short", "normal", "long", "trial")
UNITS = ("ns", "us", "ms", "s")
_TITLES = {"stddev": "StdDev", "iqr": "IQR", "ops": "OPS"}
_TIMES = ("min", "max", "mean", "stddev", "median", "iqr")
_SCALES = (("", 1.0), ("m", 1e3), ("u", 1e6), ("n", 1e9))
_RATES = (("G", 1e-9), ("M", 1e-6), ("K", 1e-3))
_GAP, _NAME_GAP = 2, 3
_MOST_TIMES = 1000
_RUN_NAME = 12
LEGEND = (
    "Legend:",
    "  Outliers: 1 Standard Deviation from Mean; 1.5 IQR (InterQuartile Range) from 1st Quartile and 3rd Quartile.",
    "  OPS: Operations Per Second, computed as 1 / Mean",
    "  In parentheses: how many times the best of the column.",
)


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What `--benchmark-columns`, `-sort` and `-name` say."""

    columns: tuple[str, ...] = COLUMNS
    sort: str = "min"
    name: str = "normal"


def options_of(config: pytest.Config) -> TableOptions:
    """Return what the command line asks for."""
    option = config.option
    return TableOptions(option.benchmark_columns or COLUMNS, option.benchmark_sort, option.benchmark_name)


def grouped(rows: Sequence[Row], group_by: str) -> list[tuple[str | None, list[Row]]]:
    """Return the rows of every group, groups in the order of their names; None names the rows without a group.

    Raises:
        pytest.UsageError: there is no such grouping.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        parts = (_part(row, label.strip()) for label in group_by.split(","))
        groups[" ".join(str(part) for part in parts if part)].append(row)
    return [(name or None, groups[name]) for name in sorted(groups)]


def scale(unit: str, rows: Sequence[Row], chosen: str | None, sort: str) -> tuple[str, float]:
    """Return the prefix of the unit ("seconds" or "operations") in a table, and the factor of its values.

    Seconds have the unit that was chosen, else that in which the smallest value of the sorted column is at least one.
    """
    if unit == "operations":
        slowest = min(row["ops"] for row in rows)
        return next(((prefix, factor) for prefix, factor in _RATES if slowest * factor >= 1), ("", 1.0))
    if chosen:
        return chosen.removesuffix("s"), dict(_SCALES)[chosen.removesuffix("s")]
    column = sort if sort in _TIMES else "min"
    smallest = min(row[column] for row in rows) or min(row["min"] for row in rows)
    return next(((prefix, factor) for prefix, factor in _SCALES if smallest * factor >= 1), _SCALES[-1])


def table_lines(
    group: str | None,
    rows: Sequence[Row],
    options: TableOptions,
    *,
    seconds: tuple[str, float],
    operations: tuple[str, float],
) -> list[str]:
    """Return the table of one group; `seconds` and `operations` are the prefixes and factors of the two units."""
    rows = sorted(rows, key=lambda row: row[options.sort])
    factors = dict.fromkeys(_TIMES, seconds[1]) | {"ops": operations[1]}
    titles = _TITLES | ({"ops": f"OPS ({operations[0]}ops/s)"} if operations[0] else {})
    head = [f"Name (time in {seconds[0]}s)", *(titles.get(name, name.capitalize()) for name in options.columns)]
    best = {name: _best(rows, name) for name in options.columns}
    body = [
        [row_name(row, options.name), *(_cell(row[name], factors.get(name), best[name]) for name in options.columns)]
        for row in rows
    ]
    sizes = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    printed = [
        cells[0].ljust(sizes[0] + _NAME_GAP)
        + "".join(cell.rjust(size + _GAP) for cell, size in zip(cells[1:], sizes[1:], strict=True))
        for cells in (head, *body)
    ]
    title = f" benchmark{f' {plain(group)!r}' if group else ''}: {len(rows)} tests "
    rule = "-" * len(printed[0])
    return [title.center(len(printed[0]), "-"), printed[0], rule, *printed[1:], rule]


def row_name(row: Row, style: str) -> str:
    """Return the name of a row in a style, with the saved run that it comes from."""
    source = str(row["source"] or "")
    run = source.rpartition("/")[2]
    if style == "trial":
        return plain(run[:4]) if source else "????"
    if style == "long":
        return plain(row["fullname"] + (f" ({source})" if source else ""))
    name = row["name"].removeprefix("test_") if style == "short" else row["name"]
    shown = run[:4] if style == "short" else source[: len(source) - len(run)] + run[:_RUN_NAME]
    return plain(name + (f" ({shown})" if source else ""))


def _best(rows: Sequence[Row], column: str) -> float | None:
    """Return the best value of a column, None where it has no best one or only one row."""
    values = [row[column] for row in rows] if column in (*_TIMES, "ops") else []
    if len(values) < 2:  # noqa: PLR2004 - one row has nothing to be compared with
        return None
    return float(max(values) if column == "ops" else min(values))


def _cell(value: Any, factor: float | None, best: float | None) -> str:  # noqa: ANN401 - a number or a text
    """Return a value, and how many times the best of its column it is."""
    if factor is None:
        return str(value)
    shown = f"{value * factor:,.4f}"
    if best is None:
        return shown
    times = value / best if best else math.inf if value else 1.0
    return f"{shown} ({'1.0' if value == best else '>1000' if times > _MOST_TIMES else f'{times:.2f}'})"


def _part(row: Row, label: str) -> Any:  # noqa: ANN401 - a parameter may be anything
    if label.startswith("param:"):
        name, params = label.removeprefix("param:"), row["params"]
        return f"{name}={params[name]}" if params and name in params else None
    functions = {"func": row["name"], "fullfunc": row["fullname"]}
    if label not in GROUPINGS:
        raise pytest.UsageError(
            f"--benchmark-group-by={label} is not known, and no hook pytest_benchmark_group_stats answered.\n"
            f"Choose {', '.join(GROUPINGS)} or param:NAME."
        )
    return functions[label].partition("[")[0] if label in functions else row[label]
