"""The data files."""

from __future__ import annotations

import math

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from regress_action.analysis.series_state import SeriesLimits
from regress_action.site import content
from regress_action.site.recommendations import findings_of
from regress_action.site.tables import Table, tables_of
from unit.site.site_reports import history, report

DUMPED = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
VALUES = st.floats(1e-9, 1e12)


def rows_of(tables: list[Table]) -> list[content.Row]:
    """Return the rows of tables with one threshold for all."""
    limits = [[SeriesLimits(1.2)] * len(table.series) for table in tables]
    return content.rows_of(tables, limits, [findings_of(table, limits[n], ()) for n, table in enumerate(tables)])


@given(st.lists(st.one_of(st.none(), VALUES), min_size=1, max_size=30).filter(any))
def test_packed_values_come_back_with_five_digits_of_the_largest(values: list[float | None]) -> None:
    """Whole numbers over a power of ten, with the columns they belong to."""
    tables = tables_of(history({"a": values, "other": [1.0] * len(values)}))

    packed = next(iter(content.shards(tables, rows_of(tables))))[0]

    measured = {column: value for column, value in enumerate(values) if value is not None}
    at = [packed["at"] + n for n in range(len(measured))] if isinstance(packed["at"], int) else list(packed["at"])
    assert at == list(measured)
    unpacked = np.array(packed["value"]) * 10.0 ** packed["exponent"]
    np.testing.assert_allclose(unpacked, list(measured.values()), rtol=0, atol=max(measured.values()) * 1e-4)


def test_every_column_of_the_index_has_an_entry_per_series() -> None:
    """The page reads them side by side."""
    tables = tables_of(history({f"b{n}": [1.0, 2.0] for n in range(60)}))

    index = content.index(tables, rows_of(tables), {})

    assert {len(column) for column in index["series"].values()} == {60}


def test_shards_hold_the_series_in_the_order_of_the_index() -> None:
    """The page finds a series by its number."""
    tables = tables_of([report(0, {f"b{n:02}": [float(n + 1)] for n in range(60)})])
    rows = rows_of(tables)

    values = [
        packed["value"][0] * 10.0 ** packed["exponent"] for shard in content.shards(tables, rows) for packed in shard
    ]

    np.testing.assert_allclose(values, [float(row.finding.level or 0) for row in rows])
    assert [len(shard) for shard in content.shards(tables, rows)] == [25, 25, 10]


def test_the_range_of_the_runs_is_kept() -> None:
    """How far the extremes lie from the median."""
    tables = tables_of([report(0, {"a": [1.0, 2.0, 4.0]})])

    packed = next(iter(content.shards(tables, rows_of(tables))))[0]

    scale = 10.0 ** packed["exponent"]
    assert (packed["low"][0] * scale, packed["high"][0] * scale) == (1.0, 2.0)


def test_a_value_that_is_not_finite_is_no_value() -> None:
    """Infinity and NaN are not JSON."""
    tables = tables_of(history({"a": [1.0, math.inf, math.nan], "other": [1.0, 1.0, 1.0]}))

    orjson.dumps(content.index(tables, rows_of(tables), {}))
    assert tables[0].medians[0].tolist()[0] == 1.0
    assert np.isnan(tables[0].medians[0, 1:]).all()


def test_compared_values_come_back_with_five_digits() -> None:
    """The newest reports by column, and None where a series was not measured."""
    tables = tables_of(history({"a": [1.23456, None, 2.5], "b": [3e-9, 4e-9, 5e-9]}))

    (machine,) = content.compared(tables, rows_of(tables), {})

    columns = orjson.loads(
        orjson.dumps([list(column) for column in machine["columns"]], option=orjson.OPT_SERIALIZE_NUMPY)
    )
    scales = [10.0 ** int(exponent) for exponent in machine["exponents"]]
    assert columns[1][0] is None
    np.testing.assert_allclose([columns[0][0] * scales[0], columns[2][1] * scales[1]], [1.2346, 5e-9])


def test_a_report_stays_in_its_file_of_values_to_compare() -> None:
    """So that a longer history changes the newest file only."""
    before, after = (tables_of(history({"a": [float(n + 1) for n in range(count)]})) for count in (60, 61))

    files = [dict(content.compared_chunks(content.compared(tables, rows_of(tables), {}))) for tables in (before, after)]

    assert list(files[0]) == ["compare-0-0", "compare-0-1", "compare-0-2"]
    assert [list(chunk) for chunk in files[1].values()] == [[*range(25)], [*range(25, 50)], [*range(50, 61)]]
    assert orjson.dumps(files[0]["compare-0-0"], option=DUMPED) == orjson.dumps(files[1]["compare-0-0"], option=DUMPED)
