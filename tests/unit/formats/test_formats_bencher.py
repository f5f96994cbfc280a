"""Bencher Metric Format: names, values, and units by the name of the measure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regress_action.formats import read
from regress_action.model.errors import InputError
from regress_action.model.measurements import Direction

BMF = Path(__file__).parents[2] / "data" / "formats" / "bencher" / "bmf.json"


def test_measures_have_the_units_that_bencher_gives_them() -> None:
    """Its own measures come in base units; bytes are known by their name; all others are plain values."""
    (report,) = read(BMF)

    measures = {
        series.key: (*series.values, series.metric.unit, series.metric.direction.value) for series in report.series
    }
    assert measures == {
        ("parse", "time"): (pytest.approx(88e-9), "s", "lower"),
        ("parse", "throughput"): (5.55, "1/s", "higher"),
        ("/bin/sh -c ./build.sh", "build_time"): (87.0, "s", "lower"),
        ("the-binary", "file_size"): (4096.0, "B", "lower"),
        ("bench_play_game", "max_bytes"): (9.0, "B", "lower"),
        ("bench_play_game", "total_blocks"): (100.0, "value", "lower"),
    }
    assert report.source == "Bencher Metric Format"
    assert (report.commit, report.created) == (None, None)


def test_a_measure_by_its_name_is_the_one_by_its_slug(tmp_path: Path) -> None:
    """`Throughput` and `throughput` are one measure; Bencher takes either."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": {"Throughput": {"value": 2}}}))

    assert read(path)[0].series[0].metric.direction is Direction.HIGHER


@pytest.mark.parametrize("value", ["much", None, [], -1, True])
def test_a_value_that_is_no_measurement_is_refused_with_its_place(tmp_path: Path, value: object) -> None:
    """Where nothing else can be used, the message names the benchmark and the measure."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": {"latency": {"value": value}}}))

    with pytest.raises(InputError, match=r"a\.latency"):
        read(path)


def test_a_name_that_stands_twice_is_two_benchmarks(tmp_path: Path) -> None:
    """JSON keeps the last of two equal keys; here neither is lost, and the name is warned of."""
    path = tmp_path / "x.json"
    path.write_text('{"a": {"latency": {"value": 1}}, "a": {"latency": {"value": 3}}}')

    (report,) = read(path)

    assert [series.benchmark.name for series in report.series] == ["a", "a #2"]
    assert [series.values[0] for series in report.series] == pytest.approx([1e-9, 3e-9])
    assert "a is the name of 2 benchmarks" in report.warnings[0]
