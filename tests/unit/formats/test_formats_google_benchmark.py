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
    by_key = {series.key: series for series in report.series}

    assert by_key["BM_Copy/64", "time"].values == pytest.approx((11e-6,))
    assert by_key["BM_Copy/64", "cpu_time"].values == pytest.approx((10e-6,))
    assert by_key["BM_Copy/64", "time"].rounds == (3,)
    assert by_key["BM_Copy/64", "bytes_per_second"].metric.direction == "higher"
    assert by_key["BM_Copy/64", "items"].values == (3.0,)
    assert report.environment.cores == 2


def test_an_error_is_a_failure_and_no_zero() -> None:
    """A row that reports an error has a reason in place of its 0."""
    (report,) = read(DATA / "repetitions.json")

    assert [(failure.benchmark, failure.reason) for failure in report.failures] == [("BM_Open", "no such file")]
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


def _row(name: str, real_time: float, **more: object) -> dict[str, object]:
    times = {"real_time": real_time, "cpu_time": real_time, "time_unit": "ns"}
    return {"name": name, "run_name": name, "run_type": "iteration", "repetition_index": 0} | times | more


def test_a_repetition_that_is_there_twice_belongs_to_another_benchmark(tmp_path: Path) -> None:
    """Two benchmarks of one name begin again at repetition 0 each, and are never averaged."""
    rows = [_row("BM", 100.0), _row("BM", 101.0, repetition_index=1), _row("BM", 900.0)]
    path = tmp_path / "doubles.json"
    path.write_text(json.dumps({"context": {}, "benchmarks": rows}))

    (report,) = read(path)

    times = {series.benchmark.name: series.rounds for series in report.series if series.metric.name == "time"}
    assert times == {"BM": (2,), "BM #2": (1,)}
    assert "BM is the name of 2 benchmarks" in report.warnings[0]


@pytest.mark.parametrize(
    ("counter", "unit", "direction"),
    [
        ("FPS", "1/s", "higher"),
        ("hit%", "count", "higher"),
        ("rows_per_sec", "1/s", "higher"),
        ("shapes", "count", "unknown"),
    ],
)
def test_a_counter_shows_its_unit_and_direction_by_its_name(
    tmp_path: Path, counter: str, unit: str, direction: str
) -> None:
    """Rates are better when there are more of them; of other counters the words decide, or nothing does."""
    path = tmp_path / "counters.json"
    path.write_text(json.dumps({"context": {}, "benchmarks": [_row("BM", 1.0, **{counter: 12.0})]}))

    metric = read(path)[0].series[-1].metric

    assert (metric.name, metric.unit, metric.direction.value) == (counter, unit, direction)


def test_a_counter_that_is_no_number_loses_itself_alone(tmp_path: Path) -> None:
    """The times stay, nothing failed, and the counter is named."""
    path = tmp_path / "nan.json"
    path.write_text(json.dumps({"context": {}, "benchmarks": [_row("BM", 1.0, ratio=float("nan"))]}))

    (report,) = read(path)

    assert {series.metric.name for series in report.series} == {"time", "cpu_time"}
    assert report.failures == ()
    assert report.warnings == ("BM has no ratio: benchmarks[0].ratio is nan.",)
