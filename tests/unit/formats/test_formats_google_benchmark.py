"""The JSON of Google Benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regress_action.formats import read

DATA = Path(__file__).parents[2] / "data" / "formats" / "google-benchmark"


def test_repetitions_are_rounds_of_one_run() -> None:
    """The value is the median of the repetitions; the aggregate row next to them is not one more."""
    (report,) = read(DATA / "repetitions.json")
    found = {series.key: series for series in report.series}

    assert found["BM_Copy/64", "time"].values == pytest.approx((11e-6,))
    assert found["BM_Copy/64", "cpu_time"].values == pytest.approx((10e-6,))
    assert found["BM_Copy/64", "time"].rounds == (3,)
    assert found["BM_Copy/64", "bytes_per_second"].metric.direction == "higher"
    assert found["BM_Copy/64", "items"].values == (3.0,)
    assert report.environment.cores == 2


def test_an_error_is_a_failure_and_no_zero() -> None:
    """A row that reports an error has a reason in place of its 0."""
    (report,) = read(DATA / "repetitions.json")

    assert [(one.benchmark, one.reason) for one in report.failures] == [("BM_Open", "no such file")]
    assert {series.benchmark.name for series in report.series} == {"BM_Copy/64"}


def test_aggregates_alone_give_the_median() -> None:
    """Without raw rows the median counts, its spread is the deviation, and the ratio of `cv` is no time."""
    (report,) = read(DATA / "aggregates.json")
    time = report.series[0]

    assert time.values == pytest.approx((11e-6,))
    assert time.spreads == pytest.approx((0.5e-6,))
    assert time.rounds == (5,)


def test_old_versions_tell_aggregates_by_name(tmp_path: Path) -> None:
    """Before version 1.5 a row has no type, and the suffix of its name tells."""
    content = json.loads((DATA / "aggregates.json").read_text())
    for row in content["benchmarks"]:
        for key in ("run_type", "run_name", "aggregate_name"):
            del row[key]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(content))

    assert read(path)[0].series[0].key == ("BM_Copy/64", "time")
    assert read(path)[0].series[0].values == pytest.approx((11e-6,))
