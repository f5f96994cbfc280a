"""Reports as arrays."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from regress_action.model.measurements import Aliases
from regress_action.site.tables import RAW_REPORTS, grown, tables_of
from unit.site.site_reports import MACHINE, history, report


def test_a_table_holds_median_and_range_of_every_report() -> None:
    """One row per series, one column per report, NaN where a report has no value."""
    (table,) = tables_of([report(0, {"a": [1.0, 3.0, 2.0]}), report(1, {"a": [4.0, 5.0], "b": [7.0, math.nan]})])

    np.testing.assert_array_equal(table.medians, [[2.0, 4.5], [math.nan, 7.0]])
    np.testing.assert_array_equal(table.lows, [[1.0, 4.0], [math.nan, 7.0]])
    np.testing.assert_array_equal(table.highs, [[3.0, 5.0], [math.nan, 7.0]])


def test_reports_are_ordered_by_their_time() -> None:
    """Whatever the order in which they were read."""
    (table,) = tables_of(reversed(history({"a": [1.0, 2.0, 3.0]})))

    assert table.medians.tolist() == [[1.0, 2.0, 3.0]]


def test_values_of_another_body_of_the_benchmark_are_left_out() -> None:
    """Two bodies under one name are not one series."""
    (table,) = tables_of(
        [
            report(0, {"a": [1.0]}, version="x"),
            report(1, {"a": [9.0]}, version="y"),
            report(2, {"a": [9.0]}, version="y"),
        ]
    )

    np.testing.assert_array_equal(table.medians, [[math.nan, 9.0, 9.0]])


def test_machines_and_suites_are_kept_apart() -> None:
    """Their values are never in one row."""
    tables = tables_of(
        [
            report(0, {"a": [1.0]}),
            report(1, {"a": [2.0]}, environment=replace(MACHINE, cpu="other")),
            replace(report(2, {"a": [3.0]}), suite="other"),
        ]
    )

    assert [table.medians.tolist() for table in tables] == [[[1.0]], [[2.0]], [[3.0]]]


def test_only_the_newest_reports_keep_every_run() -> None:
    """Older ones keep median and range."""
    (table,) = tables_of(report(number, {"a": [1.0, 2.0]}) for number in range(RAW_REPORTS + 5))

    assert sorted(table.raw) == list(range(5, RAW_REPORTS + 5))


def test_a_report_without_a_readable_time_comes_first() -> None:
    """It is shown, and takes no place in time."""
    (table,) = tables_of([report(3, {"a": [2.0]}), replace(report(0, {"a": [1.0]}), created="yesterday")])

    assert table.medians.tolist() == [[1.0, 2.0]]
    assert math.isnan(table.times[0])


def test_a_renamed_benchmark_goes_on_in_one_row_that_knows_when_it_was_renamed() -> None:
    """The stored reports have the names of their time."""
    aliases = Aliases(renamed=(("old", "new"),))
    reports = [report(0, {"old": [1.0]}), report(1, {"old": [2.0]}), report(2, {"new": [3.0]})]

    (table,) = grown([], [(stored, "") for stored in reports], aliases=aliases)

    assert table.medians.tolist() == [[1.0, 2.0, 3.0]]
    assert table.renames == {"new": [("old", 2)]}


def test_a_rename_that_did_not_happen_yet_is_none() -> None:
    """Every report still has the old name, so there is nothing to mark."""
    (table,) = grown([], [(report(0, {"old": [1.0]}), "")], aliases=Aliases(renamed=(("old", "new"),)))

    assert table.renames == {}
