"""Files of pytest-benchmark, as its versions write them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import median, stdev
from typing import Any

import pytest

from regress_action.formats import read
from regress_action.model.measurements import Direction, Location

DATA = Path(__file__).parents[2] / "data" / "formats" / "pytest-benchmark"


def _raw(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA / name).read_text())
    return content


def _written(folder: Path, content: object) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(content))
    return path


def test_value_is_the_median_of_the_rounds_and_spread_their_deviation() -> None:
    """A run's value, rounds and spread are those of the raw rounds."""
    (report,) = read(DATA / "full.json")
    rounds = _raw("full.json")["benchmarks"][0]["stats"]["data"]

    series = report.series[0]

    assert series.key == ("benchmarks/test_cache.py::test_lookup", "time")
    assert series.values == (median(rounds),)
    assert series.rounds == (7,)
    assert series.spreads == pytest.approx((stdev(rounds),))


def test_the_file_says_which_commit_when_and_where() -> None:
    """Commit, branch, time and machine come from the file."""
    (report,) = read(DATA / "full.json")

    assert report.commit == _raw("full.json")["commit_info"]["id"]
    assert report.branch == "master"
    assert report.created == report.runs[0].started
    assert report.created is not None
    assert report.created.endswith("Z")
    assert (report.environment.cpu, report.environment.cores) == ("AMD EPYC", 2)
    assert report.environment.os == "Linux x86_64"
    assert report.environment.runtime.startswith("CPython 3.")


def test_service_is_the_group_and_else_the_module() -> None:
    """A group names the service; without one the module does, without its affix."""
    (report,) = read(DATA / "full.json")

    services = {series.benchmark.name.partition("::")[2]: series.benchmark.service for series in report.series}

    assert services["test_lookup"] == "cache"
    assert services["test_fill[10]"] == "session"


@pytest.mark.parametrize(
    ("fullname", "service", "location"),
    [
        ("tests/perf/test_cache.py::test_get", "cache", Location("tests/perf/test_cache.py")),
        ("bench_io.py::test_get", "io", Location("bench_io.py")),
        ("a/cache_test.py::test_get", "cache", Location("a/cache_test.py")),
        ("../test_out.py::test_get", None, None),
        ("/abs/test_out.py::test_get", None, None),
        ("no module at all", None, None),
    ],
)
def test_location_is_a_path_inside_the_repository(
    tmp_path: Path, fullname: str, service: str | None, location: Location | None
) -> None:
    """A path that leaves the repository is neither a location nor a service."""
    content = _raw("full.json")
    content["benchmarks"] = [content["benchmarks"][0] | {"fullname": fullname}]

    (report,) = read(_written(tmp_path, content))

    assert report.series[0].benchmark.service == service
    assert report.series[0].benchmark.location == location


def test_extra_info_with_a_unit_becomes_a_metric() -> None:
    """Numbers with a unit in their key are metrics in base units, others are not."""
    (report,) = read(DATA / "full.json")
    extras = {series.metric.name: series for series in report.series if series.benchmark.name.endswith("lookup")}

    assert extras.keys() == {"time", "peak_memory", "throughput", "leak_growth"}
    assert (extras["peak_memory"].metric.unit, extras["peak_memory"].values) == ("B", (1.5e6,))
    assert (extras["throughput"].metric.unit, extras["throughput"].values) == ("1/s", (2000,))
    assert extras["throughput"].metric.direction is Direction.HIGHER
    assert extras["leak_growth"].metric.signed
    assert extras["leak_growth"].values == (-12,)


def test_extra_info_named_like_the_timing_keeps_its_own_name(tmp_path: Path) -> None:
    """`time_ms` of a user never mixes with the measured time."""
    content = _raw("full.json")
    content["benchmarks"][0]["extra_info"] = {"time_ms": 3}

    (report,) = read(_written(tmp_path, content))

    content = {series.metric.name: series.values for series in report.series[:2]}
    assert content["time_ms"] == (0.003,)
    assert content["time"] != (0.003,)


def test_a_cpu_timer_measures_cpu_time() -> None:
    """Times of `process_time` are another metric than times of the wall clock."""
    (report,) = read(DATA / "process_time.json")

    assert {series.metric.name for series in report.series} == {"cpu_time"}


def test_without_rounds_the_median_of_the_file_is_the_value() -> None:
    """A saved file without data still has its median, rounds and deviation."""
    (report,) = read(DATA / "saved.json")
    stats = _raw("saved.json")["benchmarks"][0]["stats"]

    assert report.series[0].values == (stats["median"],)
    assert report.series[0].rounds == (stats["rounds"],)
    assert report.series[0].spreads == (stats["stddev"],)


def test_rounds_that_were_cut_out_do_not_stand_for_the_whole(tmp_path: Path) -> None:
    """When fewer rounds are listed than were made, the file's own median counts."""
    content = _raw("full.json")
    stats = content["benchmarks"][0]["stats"]
    stats["data"] = [*stats["data"][:2], "... omitted to keep this file small"]

    (report,) = read(_written(tmp_path, content))

    assert report.series[0].values == (stats["median"],)


def test_the_deviation_of_one_round_is_unknown() -> None:
    """pytest-benchmark says 0 where one round has no deviation."""
    (report,) = read(DATA / "full.json")
    odd = next(series for series in report.series if "test_odd" in series.benchmark.name)

    assert odd.rounds == (1,)
    assert math.isnan(odd.spreads[0])


def test_parameters_hold_no_address() -> None:
    """An object without a text of its own is shown without its address, which changes in every process."""
    (report,) = read(DATA / "full.json")
    odd = next(series for series in report.series if "test_odd" in series.benchmark.name)

    assert odd.benchmark.parameters[0][0] == "key"
    assert "0x" not in odd.benchmark.parameters[0][1]


def test_equal_names_are_two_benchmarks(tmp_path: Path) -> None:
    """The same name twice in one file is numbered and warned of, never averaged."""
    content = _raw("full.json")
    content["benchmarks"] = [content["benchmarks"][1]] * 2

    (report,) = read(_written(tmp_path, content))

    assert [series.rounds for series in report.series] == [(5,), (5,)]
    assert report.series[1].benchmark.name == f"{report.series[0].benchmark.name} #2"
    assert "is the name of 2 benchmarks" in report.warnings[0]


def test_a_count_and_a_rate_of_one_stem_are_two_metrics(tmp_path: Path) -> None:
    """Keys that differ in their unit alone keep their whole name."""
    content = _raw("full.json")
    content["benchmarks"] = [content["benchmarks"][1] | {"extra_info": {"cells_count": 7, "cells_per_sec": 9.5}}]

    (report,) = read(_written(tmp_path, content))

    assert {(series.metric.name, series.metric.unit) for series in report.series} == {
        ("time", "s"),
        ("cells_count", "count"),
        ("cells_per_sec", "1/s"),
    }


@pytest.mark.parametrize("value", ["soon", -4, None, [1], math.nan])
def test_extra_info_never_refuses_a_file(tmp_path: Path, value: object) -> None:
    """An odd number of the user's is left out; the time stays."""
    content = _raw("full.json")
    content["benchmarks"] = [content["benchmarks"][1] | {"extra_info": {"peak_memory_mb": value}}]

    (report,) = read(_written(tmp_path, content))

    assert [series.metric.name for series in report.series] == ["time"]
    assert not report.failures


def test_a_benchmark_without_statistics_failed(tmp_path: Path) -> None:
    """A benchmark that raised is a failure, not a value of zero."""
    content = _raw("full.json")
    content["benchmarks"][0]["stats"] = None

    (report,) = read(_written(tmp_path, content))

    assert [failure.benchmark for failure in report.failures] == ["benchmarks/test_cache.py::test_lookup"]
    assert all(series.benchmark.name != report.failures[0].benchmark for series in report.series)


def test_one_lost_round_in_five_is_dropped_and_counted(tmp_path: Path) -> None:
    """A round that is not finite is left out; the run keeps its value up to a fifth of them."""
    content = _raw("full.json")
    content["benchmarks"][1]["stats"]["data"][0] = math.nan

    (report,) = read(_written(tmp_path, content))

    kept = next(series for series in report.series if series.benchmark.name.endswith("test_fill[10]"))
    assert kept.dropped == 1
    assert kept.rounds == (4,)
    assert report.warnings == ()


def test_more_than_a_fifth_of_lost_rounds_invalidates_the_run(tmp_path: Path) -> None:
    """A run that lost more has no value, and the user is told."""
    content = _raw("full.json")
    content["benchmarks"][1]["stats"]["data"][:2] = [math.nan, math.inf]

    (report,) = read(_written(tmp_path, content))

    assert all(not series.benchmark.name.endswith("test_fill[10]") for series in report.series)
    assert "2 of its 5 rounds cannot be used" in report.warnings[0]
    assert report.failures[0].benchmark.endswith("test_fill[10]")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": [0.1, -0.2], "rounds": 2}, "negative"),
        ({"data": [0.1, "soon"], "rounds": 2}, "data[1] is a string"),
        ({"data": [0.1, True], "rounds": 2}, "data[1] is a boolean"),
        ({"data": None, "median": "soon"}, "is a string"),
        ({"data": None, "median": [0.1]}, "is a list"),
    ],
)
def test_rounds_of_the_wrong_kind_lose_one_benchmark(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """What is no duration is a failure of its benchmark with the place in the file; the others are kept."""
    content = _raw("full.json")
    content["benchmarks"][1]["stats"] |= change

    (report,) = read(_written(tmp_path, content))

    assert [failure.benchmark for failure in report.failures] == [content["benchmarks"][1]["fullname"]]
    assert message in report.failures[0].reason
    assert "benchmarks[1].stats" in report.failures[0].reason
    assert len(report.series) >= len(content["benchmarks"]) - 1


def test_outside_of_git_there_is_no_commit(tmp_path: Path) -> None:
    """The words that stand for 'unknown' are not taken for a commit or a branch."""
    content = _raw("full.json")
    content["commit_info"] = {"id": "unversioned", "branch": "(unknown)", "dirty": True}

    (report,) = read(_written(tmp_path, content))

    assert (report.commit, report.branch) == (None, None)
    assert ("dirty", "true") in report.provenance
