"""Result files of asv, with and without their index, in both versions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.formats import read
from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from regress_action.model.measurements import Report

DATA = Path(__file__).parents[2] / "data" / "formats" / "asv" / "results"
RESULTS = next((DATA / "testbox").glob("*-existing-python.json"))


def _series_by_name(report: Report) -> dict[str, Any]:
    return {series.benchmark.name: series for series in report.series}


def test_every_combination_of_parameters_is_a_benchmark() -> None:
    """Names are those asv shows; failed and skipped ones have no value."""
    (report,) = read(RESULTS)

    assert _series_by_name(report).keys() == {
        "bench.TimeSort.time_sort(10, 'up')",
        "bench.TimeSort.time_sort(1000, 'up')",
        "bench.mem_list",
        "bench.peakmem_list",
        "bench.track_size",
    }
    assert {failure.benchmark for failure in report.failures if not failure.skipped} == {
        "bench.time_fails",
        "bench.TimeSort.time_sort(1000, 'down')",
    }


def test_samples_are_rounds_and_the_code_has_a_version() -> None:
    """The value is the median of the recorded samples; the parameters carry their names."""
    (report,) = read(RESULTS)
    row = json.loads(RESULTS.read_text())["results"]["bench.TimeSort.time_sort"]

    series = _series_by_name(report)["bench.TimeSort.time_sort(1000, 'up')"]

    assert series.values == (pytest.approx(median(row[11][2])),)
    assert series.rounds == (4,)
    assert series.benchmark.version == row[2]
    assert series.benchmark.parameters == (("n", "1000"), ("order", "'up'"))
    assert series.benchmark.service == "bench"


def test_the_index_tells_kinds_and_units() -> None:
    """`benchmarks.json` says what is bytes, what is peak memory, and the unit of a tracked value."""
    (report,) = read(RESULTS)
    series_by_name = {
        name: (series.metric.name, series.metric.unit, series.values)
        for name, series in _series_by_name(report).items()
    }

    assert series_by_name["bench.mem_list"] == ("memory", "B", (8056,))
    assert series_by_name["bench.peakmem_list"][:2] == ("peak_memory", "B")
    assert series_by_name["bench.track_size"] == ("value", "B", (2000,))


def test_without_the_index_the_names_decide(tmp_path: Path) -> None:
    """The prefixes that asv goes by tell the kind when the index is missing."""
    shutil.copy(RESULTS, tmp_path / "r.json")

    (report,) = read(tmp_path / "r.json")

    series_by_name = {name: series.metric.name for name, series in _series_by_name(report).items()}
    assert series_by_name["bench.mem_list"] == "memory"
    assert series_by_name["bench.peakmem_list"] == "peak_memory"
    assert series_by_name["bench.track_size"] == "value"
    assert series_by_name["bench.TimeSort.time_sort(10, 'up')"] == "time"


def test_version_1_is_read(tmp_path: Path) -> None:
    """Numbers, null, NaN and objects of the old version mean the same."""
    content = {
        "version": 1,
        "commit_hash": "abc",
        "date": 1389468105000,
        "results": {
            "m.time_plain": 0.5,
            "m.time_failed": None,
            "m.time_skipped": float("nan"),
            "m.time_many": {"params": [["1", "2"]], "result": [1.0, None]},
            "m.time_stats": {"result": [2.0], "stats": [{"q_25": 1.0, "q_75": 3.0, "repeat": 8}]},
        },
        "benchmark_version": {"m.time_plain": "v1"},
    }
    (tmp_path / "r.json").write_text(json.dumps(content))

    (report,) = read(tmp_path / "r.json")

    series_by_name = _series_by_name(report)
    assert {name: series.values for name, series in series_by_name.items()} == {
        "m.time_plain": (0.5,),
        "m.time_many(1)": (1.0,),
        "m.time_stats": (2.0,),
    }
    assert series_by_name["m.time_plain"].benchmark.version == "v1"
    assert series_by_name["m.time_stats"].rounds == (8,)
    assert series_by_name["m.time_stats"].spreads == pytest.approx((2.0 / 1.349,))
    failed = [failure.benchmark for failure in report.failures if not failure.skipped]
    assert failed == ["m.time_failed", "m.time_many(2)"]
    assert [failure.benchmark for failure in report.failures if failure.skipped] == ["m.time_skipped"]
    assert report.created == "2014-01-11T19:21:45Z"


def test_the_machine_is_the_one_asv_was_given() -> None:
    """Machine, CPU, memory and Python are the environment."""
    (report,) = read(RESULTS)

    assert report.environment.runner == "testbox"
    assert (report.environment.cpu, report.environment.cores, report.environment.memory) == ("AMD EPYC", 2, "24G")


def test_a_results_folder_gives_a_report_for_every_commit(tmp_path: Path) -> None:
    """Foreign and broken files among the results are passed over, as asv itself does."""
    shutil.copytree(DATA, tmp_path / "results")
    later = json.loads(RESULTS.read_text()) | {"commit_hash": "f" * 40, "date": 1895460600000}
    (tmp_path / "results" / "testbox" / "aaa-later.json").write_text(json.dumps(later))
    (tmp_path / "results" / "testbox" / "half.json").write_text('{"results": ')
    (tmp_path / "results" / "testbox" / "other.json").write_text('{"foreign": 1}')

    reports = read(tmp_path / "results")

    assert [report.commit for report in reports] == [json.loads(RESULTS.read_text())["commit_hash"], "f" * 40]


@pytest.mark.parametrize("name", ["benchmarks.json", "testbox/machine.json"])
def test_a_file_that_accompanies_results_holds_none(name: str) -> None:
    """Naming the index or the machine instead of results is explained."""
    with pytest.raises(InputError, match="accompanies results"):
        read(DATA / name)


def test_results_that_do_not_fit_their_parameters_are_refused(tmp_path: Path) -> None:
    """A value that belongs to no combination would be filed under a wrong name."""
    content = {"version": 1, "commit_hash": "a", "results": {"m.t": {"params": [["1", "2"]], "result": [1.0]}}}
    (tmp_path / "r.json").write_text(json.dumps(content))

    with pytest.raises(InputError, match="1 results for 2 combinations"):
        read(tmp_path / "r.json")


def test_a_claim_of_endless_combinations_is_refused(tmp_path: Path) -> None:
    """A small file cannot make us build a huge product."""
    content = {"version": 1, "commit_hash": "a", "results": {"m.t": {"params": [["1"] * 1000] * 9, "result": [1.0]}}}
    (tmp_path / "r.json").write_text(json.dumps(content))

    with pytest.raises(InputError, match="combinations of parameters"):
        read(tmp_path / "r.json")
