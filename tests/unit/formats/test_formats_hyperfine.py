"""Exports of hyperfine 1 and 2."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from regress_action.formats import matched, read
from regress_action.model.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "formats" / "hyperfine"


def _raw(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA / name).read_text())
    return content


def _written(folder: Path, content: object) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(content))
    return path


def test_version_1_gives_time_and_cpu_time() -> None:
    """The times are rounds; user and system are known as means only."""
    (report,) = read(DATA / "v1.json")
    first = _raw("v1.json")["results"][0]

    assert [series.key for series in report.series[:2]] == [("ok", "time"), ("ok", "cpu_time")]
    assert report.series[0].values == (median(first["times"]),)
    assert report.series[1].values == (first["user"] + first["system"],)
    assert report.series[0].rounds == report.series[1].rounds == (4,)


def test_version_2_gives_every_metric_in_base_units() -> None:
    """The measurements of version 2 carry their units."""
    (report,) = read(DATA / "v2.json")
    rows = _raw("v2.json")["results"][0]["measurements"]
    by_metric = {series.metric.name: series for series in report.series}

    assert {"time", "cpu_time", "peak_memory"} <= by_metric.keys()
    assert by_metric["time"].values == (median(row["time_wall_clock"]["value"] for row in rows),)
    assert by_metric["peak_memory"].metric.unit == "B"
    assert report.created is not None


@pytest.mark.parametrize("name", ["v1_failure.json", "v2_failure.json"])
def test_a_command_with_an_exit_code_failed_unless_both_sides_have_it(name: str) -> None:
    """Times of a failing command are values only beside a side that fails in the same way."""
    (report,) = read(DATA / name)
    sound = replace(report, series=tuple(series for series in report.series if series.benchmark.name == "true"))

    _, (failed,) = matched([sound], [report])
    _, (kept,) = matched([report], [report])

    assert [failure.benchmark for failure in failed.failures] == ["exit 3"]
    assert "exit code 3" in failed.failures[0].reason
    assert {series.benchmark.name for series in failed.series} == {"true"}
    assert kept == report


def test_parameters_are_part_of_the_name() -> None:
    """Every point of a parameter scan is a benchmark of its own."""
    (report,) = read(DATA / "v1_scan.json")

    assert {series.benchmark.name for series in report.series} == {"echo 1 [n=1]", "echo 2 [n=2]"}
    assert report.series[0].benchmark.parameters == (("n", "1"),)


def test_a_time_of_zero_is_a_value(tmp_path: Path) -> None:
    """Version 1 subtracts the shell, so that times of exactly 0 are real."""
    content = _raw("v1.json")
    content["results"][0]["times"] = [0.0, 0.0, 0.0]

    (report,) = read(_written(tmp_path, content))

    assert report.series[0].values == (0.0,)


def test_the_same_command_twice_is_two_benchmarks(tmp_path: Path) -> None:
    """Two commands of one name are numbered and warned of, never averaged."""
    content = _raw("v1.json")
    content["results"] = [content["results"][0]] * 2

    (report,) = read(_written(tmp_path, content))

    assert [series.benchmark.name for series in report.series if series.metric.name == "time"] == ["ok", "ok #2"]
    assert "ok is the name of 2 benchmarks" in report.warnings[0]


@pytest.mark.parametrize(("codes", "measured"), [([1, 1, 1, 1], True), ([1, 0, 1, 1], False), ([137] * 4, False)])
def test_one_exit_code_in_every_run_is_no_failure_yet(tmp_path: Path, codes: list[int], measured: bool) -> None:
    """A linter reports by its exit code; a signal, or now and then another code, is a failure."""
    content = _raw("v1.json")
    content["results"] = [content["results"][0] | {"exit_codes": codes}]

    (report,) = read(_written(tmp_path, content))

    assert bool(report.series) is measured
    assert bool(report.failures) is not measured
    assert all(series.benchmark.version == "exit code 1" for series in report.series)


def test_memory_of_version_1_is_read(tmp_path: Path) -> None:
    """Later releases of version 1 list the peak memory of every run."""
    content = _raw("v1.json")
    content["results"][0]["memory_usage_byte"] = [4096, 8192, 4096, 4096]

    (report,) = read(_written(tmp_path, content))

    peak = next(series for series in report.series if series.metric.name == "peak_memory")
    assert (peak.metric.unit, peak.values) == ("B", (4096,))


def test_without_times_the_mean_is_the_value(tmp_path: Path) -> None:
    """A cut export falls back on what is left."""
    result = {"command": "x", "mean": 0.5, "stddev": None}

    (report,) = read(_written(tmp_path, {"results": [result]}))

    assert report.series[0].values == (0.5,)


def test_units_within_one_metric_are_brought_together(tmp_path: Path) -> None:
    """Seconds and milliseconds of one metric are one metric; seconds and bytes are two."""
    rows = [{"time_wall_clock": {"value": value, "unit": unit}} for value, unit in ((0.002, "second"), (2, "ms"))]
    content = {"metadata": {"hyperfine_version": "2"}, "results": [{"command": "x", "measurements": rows}]}
    (report,) = read(_written(tmp_path, content))
    assert report.series[0].values == (0.002,)

    rows[1]["time_wall_clock"]["unit"] = "byte"
    (report,) = read(_written(tmp_path, content))
    assert [series.metric.name for series in report.series] == ["time", "time (B)"]


def test_an_export_without_results_holds_no_benchmark(tmp_path: Path) -> None:
    """The tool writes an empty list when the first command failed."""
    with pytest.raises(InputError, match="holds no benchmark"):
        read(_written(tmp_path, {"results": []}))
