"""Files of pyperf: hoisted metadata, calibration runs, several processes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from regress_action.formats import read
from regress_action.model.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "formats" / "pyperf"


def _raw(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA / name).read_text())
    return content


def _written(folder: Path, content: object) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(content))
    return path


def test_value_is_the_median_of_the_medians_of_the_processes() -> None:
    """A file is one run, and each of its processes counts once; calibration runs do not count."""
    (report,) = read(DATA / "suite.json")
    processes = [run["values"] for run in _raw("suite.json")["benchmarks"][0]["runs"] if "values" in run]

    assert len(processes) == 3
    assert report.series[0].key == ("sort", "time")
    assert report.series[0].values == (median(median(values) for values in processes),)
    assert report.series[0].rounds == (9,)
    assert len(report.runs) == 1


def test_metadata_of_a_single_benchmark_is_found_at_the_top() -> None:
    """Name and unit of the only benchmark stand in the suite's metadata."""
    (report,) = read(DATA / "track_memory.json")

    assert [series.key for series in report.series] == [("track", "peak_memory")]
    assert report.series[0].metric.unit == "B"
    assert report.series[0].values[0] > 1e6


def test_a_command_has_its_peak_memory_too() -> None:
    """`pyperf command` records the memory of the command."""
    (report,) = read(DATA / "command.json")

    assert [series.key for series in report.series] == [("true", "time"), ("true", "peak_memory")]


def test_the_machine_is_named_as_by_other_tools() -> None:
    """A pyperf file and a pytest-benchmark file of one machine have one fingerprint."""
    (mine,) = read(DATA / "suite.json")
    (other,) = read(DATA.parent / "pytest-benchmark" / "full.json")

    assert mine.environment == other.environment


def test_compressed_files_are_read(tmp_path: Path) -> None:
    """The tool writes gzip when asked to."""
    path = tmp_path / "suite.json.gz"
    path.write_bytes(gzip.compress((DATA / "suite.json").read_bytes()))

    assert read(path)[0].series == read(DATA / "suite.json")[0].series


def test_only_calibration_runs_are_a_failure(tmp_path: Path) -> None:
    """A benchmark that was stopped after its calibration has no value and is not forgotten."""
    content = _raw("suite.json")
    for run in content["benchmarks"][0]["runs"]:
        run.pop("values", None)

    (report,) = read(_written(tmp_path, content))

    assert [failure.benchmark for failure in report.failures] == ["sort"]
    assert [series.benchmark.name for series in report.series] == ["noop"]


def test_two_benchmarks_of_one_name_stay_two(tmp_path: Path) -> None:
    """Values under one name are never averaged."""
    content = _raw("suite.json")
    content["benchmarks"][1] = json.loads(json.dumps(content["benchmarks"][0]))
    for run in content["benchmarks"][1]["runs"]:
        run["metadata"]["unit"] = "mm"
    content["benchmarks"][0]["metadata"]["unit"] = "cm"

    (report,) = read(_written(tmp_path, content))

    assert [(series.benchmark.name, series.metric.unit) for series in report.series] == [
        ("sort", "cm"),
        ("sort #2", "mm"),
    ]


def test_a_benchmark_without_a_name_is_left_out(tmp_path: Path) -> None:
    """Without its name a benchmark cannot be matched with itself; the others are kept."""
    content = _raw("suite.json")
    del content["benchmarks"][0]["metadata"]["name"]

    (report,) = read(_written(tmp_path, content))

    assert [series.benchmark.name for series in report.series] == ["noop"]
    assert "benchmarks[0] has no `name` in its metadata" in report.warnings[0]


def test_an_empty_suite_holds_no_benchmark(tmp_path: Path) -> None:
    """A valid file in which nothing was measured is told apart from a broken one."""
    with pytest.raises(InputError, match="holds no benchmark"):
        read(_written(tmp_path, {"version": "1.0", "benchmarks": []}))
