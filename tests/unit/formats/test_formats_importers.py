"""Histories of other tools are read as one report per commit."""

import json
import math
import os
from pathlib import Path

import pytest

from regress_action.formats.importers import is_data, is_perf, read_csv, read_data_js, read_perf
from regress_action.model.errors import InputError
from regress_action.model.measurements import Direction, Metric

SAMPLES = Path(os.environ.get("REGRESS_SHARED", Path(__file__).parents[4] / "shared")) / "formats"


def data_js(*benches: dict[str, object], tool: str = "cargo") -> str:
    """A data.js with one entry."""
    entry = {
        "commit": {"id": "4f2a" * 10, "author": {"email": "ada@example.com"}, "timestamp": "2025-01-31T12:00:00Z"},
        "date": 1738324800000,
        "tool": tool,
        "benches": benches,
    }
    return "window.BENCHMARK_DATA = " + json.dumps({"lastUpdate": 1, "entries": {"My suite": [entry]}})


def test_a_data_js_becomes_a_report_per_entry() -> None:
    """Suite, commit, time and values are there in base units; people's addresses are not."""
    text = data_js({"name": "fib", "value": "254", "unit": "ns/iter", "range": "+/- 35"})
    (report,) = read_data_js(text + ";\n", "data.js", branch="main")
    assert (report.suite, report.commit, report.branch) == ("My suite", "4f2a" * 10, "main")
    assert report.created == "2025-01-31T12:00:00+00:00"
    (series,) = report.series
    assert (series.benchmark.name, series.metric) == ("fib", Metric("time", "s"))
    assert series.values == pytest.approx((254e-9,))
    assert "ada@" not in repr(report)


@pytest.mark.parametrize(
    ("tool", "unit", "metric", "direction"),
    [
        ("pytest", "iter/sec", "time", Direction.LOWER),
        ("benchmarkjs", "ops/sec", "throughput", Direction.HIGHER),
        ("jmh", "ops/s", "throughput", Direction.HIGHER),
        ("jmh", "ms/op", "time", Direction.LOWER),
        ("go", "MB/s", "throughput", Direction.HIGHER),
        ("go", "B/op", "allocated", Direction.LOWER),
        ("go", "allocs/op", "allocations", Direction.LOWER),
        ("jmh", "ops/ms", "throughput", Direction.HIGHER),
        ("customBiggerIsBetter", "Percent", "%", Direction.HIGHER),
        ("customSmallerIsBetter", "ops/s", "throughput", Direction.LOWER),
    ],
)
def test_the_direction_follows_the_unit_unless_the_user_said_so(
    tool: str, unit: str, metric: str, direction: Direction
) -> None:
    """Operations per second are better when there are more of them, whatever the other tool thought."""
    (report,) = read_data_js(data_js({"name": "x", "value": 1, "unit": unit}, tool=tool), "data.js")
    assert (report.series[0].metric.name, report.series[0].metric.direction) == (metric, direction)


def test_the_joined_row_of_go_is_not_a_benchmark_of_its_own() -> None:
    """Only the rows with one unit are taken, under the name of the benchmark."""
    text = data_js(
        {"name": "BenchmarkFib", "value": 5, "unit": "ns/op\t3 B/op"},
        {"name": "BenchmarkFib - ns/op", "value": 5, "unit": "ns/op"},
        {"name": "BenchmarkFib - B/op", "value": 3, "unit": "B/op"},
        tool="go",
    )
    (report,) = read_data_js(text, "data.js")
    assert [series.key for series in report.series] == [("BenchmarkFib", "time"), ("BenchmarkFib", "allocated")]


@pytest.mark.parametrize("text", ["", "var x = {}", "window.BENCHMARK_DATA = {", "window.BENCHMARK_DATA = {}"])
def test_what_is_no_data_js_is_refused(text: str) -> None:
    """Nothing is imported from half a file."""
    with pytest.raises(InputError, match=r"data\.js cannot be imported"):
        read_data_js(text, "data.js")


def test_real_files_are_read() -> None:
    """Every data.js of a collection of real ones, where REGRESS_SHARED names it, gives reports with finite values."""
    own = data_js({"name": "fib", "value": 254, "unit": "ns/iter"})
    for text in (own, *(path.read_text() for path in SAMPLES.glob("github-action-benchmark/*.js"))):
        reports = read_data_js(text, "data.js")
        assert reports
        assert all(math.isfinite(value) for report in reports for series in report.series for value in series.values)


def test_a_csv_series_is_read_whatever_its_separator_and_time() -> None:
    """A column is a benchmark, a row a report; three separators and three forms of time are understood."""
    for text in (
        "time,commit,branch,a,b\n2024.01.01 3:00:00 +0100,aaa0,main,154023,10.43\n",
        "time;commit;branch;a;b\n2024-01-01T02:00:00+00:00;aaa0;main;154023;10.43\n",
        "# a comment\ntime\tcommit\tbranch\ta\tb\n1704074400\taaa0\tmain\t154023\t10.43\n",
    ):
        (report,) = read_csv(text, "x.csv", suite="nightly")
        assert (report.suite, report.commit, report.branch) == ("nightly", "aaa0", "main")
        assert report.created == "2024-01-01T02:00:00+00:00"
        assert [(series.benchmark.name, series.values) for series in report.series] == [
            ("a", (154023.0,)),
            ("b", (10.43,)),
        ]


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "time\n1\n", "time,a\nyesterday,1\n", "time,a\n1,fast\n", "time,a\n1,inf\n"]
)
def test_a_csv_that_is_no_series_is_refused(text: str) -> None:
    """Where no row has a time and a number, nothing is imported."""
    with pytest.raises(InputError, match=r"cannot be imported"):
        read_csv(text, "x.csv")


def test_one_odd_row_loses_itself_alone() -> None:
    """A comma at the end, thousands, a date in digits: what can be read is read, and the rest is named."""
    text = 'time,commit,a,\n20250101,c1,1,\nsoon,c2,2,\n20250103,c3,fast,\n20250104,c4,"1,234.5",\n'

    reports = read_csv(text, "x.csv")

    assert [(report.created, report.series[0].values) for report in reports] == [
        ("2025-01-01T00:00:00+00:00", (1.0,)),
        ("2025-01-04T00:00:00+00:00", (1234.5,)),
    ]
    assert reports[0].warnings == (
        "row 2: 'soon' is no time: it was left out.",
        "row 3: 'fast' in the column a is no number: it was left out.",
    )


def test_two_benchmarks_of_one_name_in_a_data_js_are_two() -> None:
    """Neither of their values is lost, and the name is warned of."""
    text = data_js({"name": "fib", "value": 1, "unit": "s"}, {"name": "fib", "value": 3, "unit": "s"})

    (report,) = read_data_js(text, "data.js")

    assert [(series.benchmark.name, series.values) for series in report.series] == [("fib", (1.0,)), ("fib #2", (3.0,))]
    assert "fib is the name of 2 benchmarks" in report.warnings[0]


def test_the_rates_of_pytest_become_the_times_of_its_reader() -> None:
    """100 iterations a second are 0.01 s, which is what a results file of pytest-benchmark holds."""
    (report,) = read_data_js(data_js({"name": "t", "value": 100, "unit": "iter/sec"}, tool="pytest"), "data.js")

    assert (report.series[0].metric, report.series[0].values) == (Metric("time", "s"), (0.01,))


def test_the_json_of_a_data_js_is_read_without_its_assignment() -> None:
    """It is what the option external-data-json-path writes."""
    text = data_js({"name": "fib", "value": 1, "unit": "s"})
    bare = text.partition("= ")[2]

    assert is_data(bare)
    assert repr(read_data_js(bare, "data.js")) == repr(read_data_js(text, "data.js"))


def perf_line(measure: dict[str, str], *points: tuple[str, int, float, str | None]) -> dict[str, object]:
    """A line of `bencher perf`: points are (report, iteration, value, commit)."""
    return {
        "branch": {"name": "main", "slug": "main"},
        "testbed": {"name": "ubuntu-latest"},
        "benchmark": {"name": "parse"},
        "measure": measure,
        "metrics": [
            {
                "report": name,
                "iteration": iteration,
                "start_time": f"2024-05-0{name[-1]}T12:00:00+02:00",
                "end_time": "2024-05-09T12:00:00Z",
                "version": {"number": 7, "hash": commit},
                "metric": {"value": value, "lower_value": None, "upper_value": value * 2},
            }
            for name, iteration, value, commit in points
        ],
    }


LATENCY = {"name": "Latency", "slug": "latency", "units": "nanoseconds (ns)"}
SIZE = {"name": "File Size", "slug": "file-size", "units": "MB/s"}


def test_a_report_of_bencher_is_one_again() -> None:
    """Lines of one report come together, its iterations are runs, and units come from the measure."""
    lines = [
        perf_line(LATENCY, ("r2", 0, 99.0, None), ("r1", 0, 88.0, "4f2a" * 10), ("r1", 1, 90.0, "4f2a" * 10)),
        perf_line(SIZE, ("r1", 1, 3.0, "4f2a" * 10)),
    ]
    text = json.dumps({"project": {}, "results": lines})
    assert is_perf(text)
    first, second = read_perf(text, "perf.json")
    assert (first.commit, first.branch, first.created) == ("4f2a" * 10, "main", "2024-05-01T10:00:00+00:00")
    assert (second.commit, second.created, len(second.runs)) == (None, "2024-05-02T10:00:00+00:00", 1)
    assert first.environment.runner == "ubuntu-latest"
    time, size = first.series
    assert time.key == ("parse", "time")
    assert time.values == pytest.approx((88e-9, 90e-9))
    assert (size.key, repr(size.values)) == (("parse", "file_size"), "(nan, 3000000.0)")
    assert size.metric.direction is Direction.HIGHER


@pytest.mark.parametrize("change", [('"value": 88.0', '"value": NaN'), ("2024-05", "soon"), ('"value": 88.0,', "")])
def test_half_an_answer_of_bencher_is_refused(change: tuple[str, str]) -> None:
    """Nothing is imported where no point has a time and a number."""
    text = json.dumps({"results": [perf_line(LATENCY, ("r1", 0, 88.0, None))]}).replace(*change)
    with pytest.raises(InputError, match=r"perf\.json cannot be imported"):
        read_perf(text, "perf.json")


def test_one_odd_point_of_bencher_loses_itself_alone() -> None:
    """The other points of its line are imported."""
    lines = [perf_line(LATENCY, ("r1", 0, math.nan, None), ("r2", 0, 90.0, None))]

    (report,) = read_perf(json.dumps({"results": lines}), "perf.json")

    assert report.series[0].values == pytest.approx((90e-9,))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": 5}', '{"results": [{"command": "ls"}]}'])
def test_other_files_are_no_answer_of_bencher(text: str) -> None:
    """The file of hyperfine has results, too."""
    assert not is_perf(text)
