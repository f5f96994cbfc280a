"""The tables of the `benchmark` fixture follow the options of pytest-benchmark."""

from __future__ import annotations

from argparse import ArgumentTypeError
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.pytest_plugin import options, tables
from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture, BenchmarkRecord
from regress_action.pytest_plugin.tables import TableOptions
from regress_action.pytest_plugin.timing import TimingOptions

if TYPE_CHECKING:
    from collections.abc import Callable


def fixture(name: str, seconds: float, *, group: str | None = None, **params: object) -> BenchmarkFixture:
    """Return a fixture that measured two rounds of `seconds`."""
    node: Any = SimpleNamespace(name=name, nodeid=f"test_x.py::{name}")
    if params:
        node.callspec = SimpleNamespace(id="-".join(map(str, params.values())), params=params)
    measured = BenchmarkFixture(node, TimingOptions(), group=group)
    measured.stats = BenchmarkRecord({}, 7, {})
    measured.stats.stats.data.extend([seconds, seconds])
    return measured


def test_a_table_has_the_columns_and_the_order_that_were_asked_for() -> None:
    """The unit is that of the fastest row; names are shortened on request."""
    rows = [fixture("test_slow", 0.004), fixture("test_fast", 0.002)]

    printed = tables.table_lines(rows, TableOptions(columns=("max", "iterations"), name="short"))

    assert printed[1].strip("-") == " benchmark: 2 tests "
    assert printed[2].split() == ["Name", "(time", "in", "ms)", "Max", "Iterations"]
    assert [line.split() for line in printed[4:6]] == [
        ["fast", "2.0000", "(1.0)", "7"],
        ["slow", "4.0000", "(2.00)", "7"],
    ]


@pytest.mark.parametrize(
    ("group_by", "titles"),
    [
        ("group", ["'A': 1", "'B': 1"]),
        ("func", ["'test_a': 2"]),
        ("param:size", ["'size=1': 1", "'size=2': 1"]),
        ("fullfunc,param", ["'test_x.py::test_a 1': 1", "'test_x.py::test_a 2': 1"]),
    ],
)
def test_rows_are_grouped_by_what_was_asked_for(group_by: str, titles: list[str]) -> None:
    """By the group, the function, a parameter, or several of them."""
    rows = [fixture("test_a[1]", 0.1, group="A", size=1), fixture("test_a[2]", 0.1, group="B", size=2)]

    printed = tables.table_lines(rows, TableOptions(group_by=group_by))

    assert [line.strip("- ") for line in printed if " tests " in line] == [
        f"benchmark {title} tests" for title in titles
    ]


@pytest.mark.parametrize(
    ("read", "text"),
    [(options.columns, "min,typo"), (options.groupings, "typo"), (options.count, "0"), (options.timer, "bogus")],
)
def test_a_value_that_means_nothing_is_refused(read: Callable[[str], object], text: str) -> None:
    """The option is named by argparse, the value by us."""
    with pytest.raises(ArgumentTypeError, match=text.rpartition(",")[2]):
        read(text)
