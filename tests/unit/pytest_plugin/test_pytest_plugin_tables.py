"""The tables of the `benchmark` fixture follow the options of pytest-benchmark."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.pytest_plugin import options, saved_runs, tables
from regress_action.pytest_plugin.benchmark_record import BenchmarkRecord
from regress_action.pytest_plugin.tables import TableOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.pytest_plugin.tables import Row

MILLISECONDS, PLAIN = ("m", 1e3), ("", 1.0)


def row(name: str, seconds: float, *, group: str | None = None, source: str | None = None, **params: object) -> Row:
    """Return the row of a benchmark that took two rounds of `seconds`."""
    identity: dict[str, Any] = {
        "name": name,
        "fullname": f"test_x.py::{name}",
        "group": group,
        "params": params or None,
        "param": "-".join(map(str, params.values())) or None,
    }
    record = BenchmarkRecord(identity, 7, {})
    record.stats.data.extend([seconds, seconds])
    return record.as_dict(include_data=False, flat=True) | {"source": source, "path": source}


def test_a_table_has_the_columns_and_the_order_that_were_asked_for() -> None:
    """Every value stands beside how many times the best of its column it is; names are shortened on request."""
    rows = [row("test_slow", 0.004), row("test_fast", 0.002)]

    printed = tables.table_lines(
        None,
        rows,
        TableOptions(columns=("max", "iterations", "ops"), name="short"),
        seconds=MILLISECONDS,
        operations=("K", 1e-3),
    )

    assert printed[0].strip("-") == " benchmark: 2 tests "
    assert printed[1].split() == ["Name", "(time", "in", "ms)", "Max", "Iterations", "OPS", "(Kops/s)"]
    assert [line.split() for line in printed[3:5]] == [
        ["fast", "2.0000", "(1.0)", "7", "0.5000", "(1.0)"],
        ["slow", "4.0000", "(2.00)", "7", "0.2500", "(0.50)"],
    ]


@pytest.mark.parametrize(
    ("style", "name"),
    [
        ("short", "it (0001)"),
        ("normal", "test_it (0001_1234567)"),
        ("long", "test_x.py::test_it (0001_123456789)"),
        ("trial", "0001"),
    ],
)
def test_a_row_of_a_saved_run_names_it(style: str, name: str) -> None:
    """As long as the style wants it."""
    assert tables.row_name(row("test_it", 1, source="0001_123456789"), style) == name


@pytest.mark.parametrize(
    ("group_by", "titles"),
    [
        ("group", ["A", "B"]),
        ("func", ["test_a"]),
        ("param:size", ["size=1", "size=2"]),
        ("fullfunc,param", ["test_x.py::test_a 1", "test_x.py::test_a 2"]),
    ],
)
def test_rows_are_grouped_by_what_was_asked_for(group_by: str, titles: list[str]) -> None:
    """By the group, the function, a parameter, or several of them."""
    rows = [row("test_a[1]", 0.1, group="A", size=1), row("test_a[2]", 0.1, group="B", size=2)]

    assert [name for name, _ in tables.grouped(rows, group_by)] == titles


@pytest.mark.parametrize(
    ("unit", "chosen", "scale"),
    [
        ("seconds", None, ("m", 1e3)),
        ("seconds", "us", ("u", 1e6)),
        ("seconds", "s", ("", 1.0)),
        ("operations", None, ("", 1.0)),
    ],
)
def test_the_unit_suits_the_smallest_value(unit: str, chosen: str | None, scale: tuple[str, float]) -> None:
    """Or is the one that was asked for."""
    assert tables.scale(unit, [row("test_a", 0.004), row("test_b", 2.0)], chosen, "min") == scale


@pytest.mark.parametrize(
    ("expression", "fails"), [("min:60%", True), ("min:110%", False), ("mean:0.9", True), ("mean:1.1", False)]
)
def test_a_statistic_may_exceed_that_of_a_saved_run_by_a_limit(expression: str, fails: bool) -> None:
    """The limit is a share or a number of seconds; the words name the statistic, the excess and the limit."""
    check = saved_runs.regression_check(expression)

    failure = check.failure(row("test_a", 2.0), row("test_a", 1.0))

    assert bool(failure) == fails
    if failure:
        assert failure.startswith(f"Field '{check.field}' has failed ")
        assert failure.endswith(f" > {check.limit:.9f}")


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (options.columns, "min,typo"),
        (options.sorting, "typo"),
        (options.seconds, "soon"),
        (options.count, "0"),
        (options.timer, "module.attr"),
        (saved_runs.regression_check, "min:much"),
        (saved_runs.run_name, ":"),
        (saved_runs.storage_folder, "elasticsearch+http://host"),
    ],
)
def test_a_value_that_means_nothing_is_refused(read: Callable[[str], object], text: str) -> None:
    """The option is named by argparse, the value by us."""
    with pytest.raises(ArgumentTypeError, match=re.escape(text.rpartition(",")[2])):
        read(text)
