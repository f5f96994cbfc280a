"""One small sample of every further tool, with the values that it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regress_action.formats import read
from regress_action.formats.document import load
from regress_action.formats.registry import READERS, reader
from regress_action.model.measurements import COMPILED

if TYPE_CHECKING:
    from regress_action.model.measurements import Report

DATA = Path(__file__).parents[2] / "data" / "formats"

# file → reader, (benchmark, metric) → (value, unit, direction), and what failed
CASES: dict[str, tuple[str, dict[tuple[str, str], tuple[float, str, str]], list[str]]] = {
    "codspeed/results.json": (
        "codspeed",
        {("tests/test_x.py::test_add[1]", "time"): (1e-7, "s", "lower")},
        ["tests/test_x.py::test_skip"],
    ),
    "jmh/results.json": (
        "jmh",
        {
            ("org.example.Parse.all [size=8]", "throughput"): (2550.0, "1/s", "higher"),
            ("org.example.Parse.all [size=8]", "allocated"): (48.0, "B", "lower"),
            ("org.example.Parse.one", "time"): (4e-8, "s", "lower"),
        },
        [],
    ),
    "benchmarkdotnet/report-full.json": (
        "benchmarkdotnet",
        {
            ("Demo.Parse.All [.NET 8.0(Runtime=.NET 8.0)]", "time"): (1.01e-7, "s", "lower"),
            ("Demo.Parse.All [.NET 8.0(Runtime=.NET 8.0)]", "allocated"): (64.0, "B", "lower"),
            ("Demo.Parse.All [.NET 8.0(Runtime=.NET 8.0)]", "Gen0Collects"): (2.5, "count", "lower"),
            ("Demo.Parse.All [.NET 9.0(Runtime=.NET 9.0)]", "time"): (5.1e-8, "s", "lower"),
        },
        ["Parse.Broken"],
    ),
    "catch2/v3.xml": (
        "catch2",
        {("sort & search / small / sort", "time"): (1.205e-7, "s", "lower")},
        ["sort & search / broken"],
    ),
    "catch2/console.txt": (
        "catch2_console",
        {
            ("sort & search / small / sort", "time"): (1.205e-7, "s", "lower"),
            ("sort & search / small / a benchmark whose name goes on over here", "time"): (1.25e-6, "s", "lower"),
        },
        ["sort & search / small / broken", "sort & search / small / throws"],
    ),
    "k6/summary.json": (
        "k6",
        {
            ("iterations", "throughput"): (12.5, "1/s", "higher"),
            ("http_req_duration", "time"): (2.5e-3, "s", "lower"),
            ("http_req_duration", "time_p95"): (8e-3, "s", "lower"),
            ("http_req_failed", "share"): (0.0333, "ratio", "lower"),
            ("checks", "share"): (0.9667, "ratio", "higher"),
            ("my_gauge", "value"): (3.0, "value", "unknown"),
        },
        [],
    ),
    "k6/points.csv": (
        "k6",
        {
            ("http_reqs", "throughput"): (1.0, "1/s", "higher"),
            ("http_req_duration", "time"): (3e-3, "s", "lower"),
            ("http_req_duration", "time_p95"): (4e-3, "s", "lower"),
            ("http_req_failed", "share"): (0.5, "ratio", "lower"),
            ("my_size", "value"): (7.0, "value", "unknown"),
            ("my_size", "value_p95"): (7.0, "value", "unknown"),
        },
        [],
    ),
    "locust/results_stats.csv": (
        "locust",
        {
            ("GET /", "time"): (4e-3, "s", "lower"),
            ("GET /", "time_p95"): (8e-3, "s", "lower"),
            ("GET /", "throughput"): (100.5, "1/s", "higher"),
        },
        ['POST /save, "all"'],
    ),
    "locust/results.json": (
        "locust",
        {("GET /", "time"): (2e-3, "s", "lower"), ("GET /", "throughput"): (0.5, "1/s", "higher")},
        [],
    ),
    "divan/tree.txt": (
        "divan",
        {
            ("demo::parse::8", "time"): (1.778e-9, "s", "lower"),
            ("demo::parse::8", "throughput"): (14.52e9, "B/s", "higher"),
            ("demo::parse::64", "time"): (1.399e-6, "s", "lower"),
            ("demo::parse::64", "alloc_count"): (10.0, "count", "lower"),
            ("demo::parse::64", "alloc_bytes"): (240.0, "B", "lower"),
        },
        [],
    ),
    "iai/callgrind.txt": (
        "iai",
        {
            ('demo::group::parse small:"1"', "instructions"): (1734.0, "count", "lower"),
            ('demo::group::parse small:"1"', "l1_hits"): (2359.0, "count", "lower"),
            ('demo::group::parse small:"1"', "ll_hit_rate"): (12.5, "%", "higher"),
            ('demo::group::parse small:"1"', "estimated_cycles"): (2421.0, "count", "lower"),
        },
        [],
    ),
    "iai/summary.json": (
        "iai",
        {
            ("demo::group::parse small", "instructions"): (1734.0, "count", "lower"),
            ("demo::group::parse small", "l1_hit_rate"): (99.5, "%", "higher"),
        },
        [],
    ),
    "http-load/wrk.txt": (
        "http_load_text",
        {
            ("http://127.0.0.1:8080/", "latency_mean"): (456.5e-6, "s", "lower"),
            ("http://127.0.0.1:8080/", "latency_p50"): (127e-6, "s", "lower"),
            ("http://127.0.0.1:8080/", "latency_p90"): (1.31e-3, "s", "lower"),
            ("http://127.0.0.1:8080/", "latency_p99"): (4.7e-3, "s", "lower"),
            ("http://127.0.0.1:8080/", "throughput"): (21130.5, "1/s", "higher"),
            ("http://127.0.0.1:8080/", "failed_requests"): (7.0, "count", "lower"),
        },
        [],
    ),
    "http-load/ab.txt": (
        "http_load_text",
        {
            ("/items", "throughput"): (1571.25, "1/s", "higher"),
            ("/items", "latency_mean"): (2.5e-3, "s", "lower"),
            ("/items", "latency_p50"): (2e-3, "s", "lower"),
            ("/items", "latency_p90"): (4e-3, "s", "lower"),
            ("/items", "latency_p99"): (10e-3, "s", "lower"),
            ("/items", "failed_requests"): (3.0, "count", "lower"),
        },
        [],
    ),
    "http-load/hey.txt": (
        "http_load_text",
        {
            ("hey", "latency_mean"): (0.5e-3, "s", "lower"),
            ("hey", "throughput"): (7156.5, "1/s", "higher"),
            ("hey", "latency_p50"): (0.3e-3, "s", "lower"),
            ("hey", "latency_p90"): (0.8e-3, "s", "lower"),
            ("hey", "latency_p99"): (3.7e-3, "s", "lower"),
            ("hey", "failed_requests"): (33.0, "count", "lower"),
        },
        [],
    ),
    "http-load/h2load.txt": (
        "http_load_text",
        {
            ("h2load", "throughput"): (9091.5, "1/s", "higher"),
            ("h2load", "latency_mean"): (203e-6, "s", "lower"),
            ("h2load", "failed_requests"): (2.0, "count", "lower"),
        },
        [],
    ),
    "http-load/vegeta.json": (
        "http_load_json",
        {
            ("vegeta", "throughput"): (34.5, "1/s", "higher"),
            ("vegeta", "latency_mean"): (1.34e-3, "s", "lower"),
            ("vegeta", "latency_p50"): (0.97e-3, "s", "lower"),
            ("vegeta", "latency_p90"): (1.2e-3, "s", "lower"),
            ("vegeta", "latency_p95"): (1.26e-3, "s", "lower"),
            ("vegeta", "latency_p99"): (19e-3, "s", "lower"),
            ("vegeta", "failed_requests"): (16.0, "count", "lower"),
        },
        [],
    ),
    "http-load/vegeta_refused.json": ("http_load_json", {}, ["vegeta"]),
    "http-load/oha.json": (
        "http_load_json",
        {
            ("oha", "throughput"): (250.5, "1/s", "higher"),
            ("oha", "latency_mean"): (4e-3, "s", "lower"),
            ("oha", "latency_p50"): (3e-3, "s", "lower"),
            ("oha", "latency_p90"): (6e-3, "s", "lower"),
            ("oha", "latency_p99"): (15e-3, "s", "lower"),
            ("oha", "failed_requests"): (5.0, "count", "lower"),
        },
        [],
    ),
    "http-load/autocannon.json": (
        "http_load_json",
        {
            ("http://127.0.0.1:8080/", "throughput"): (1000.5, "1/s", "higher"),
            ("http://127.0.0.1:8080/", "latency_mean"): (2.5e-3, "s", "lower"),
            ("http://127.0.0.1:8080/", "latency_p50"): (2e-3, "s", "lower"),
            ("http://127.0.0.1:8080/", "latency_p90"): (4e-3, "s", "lower"),
            ("http://127.0.0.1:8080/", "latency_p99"): (9e-3, "s", "lower"),
            ("http://127.0.0.1:8080/", "failed_requests"): (5.0, "count", "lower"),
        },
        [],
    ),
    "http-load/siege.txt": (
        "http_load_json",
        {
            ("siege", "throughput"): (2000.0, "1/s", "higher"),
            ("siege", "latency_mean"): (0.01, "s", "lower"),
            ("siege", "failed_requests"): (10.0, "count", "lower"),
        },
        [],
    ),
    "tinybench/tasks.json": ("tinybench", {("fast", "time"): (1.5e-6, "s", "lower")}, ["broken"]),
    "tinybench/table.json": ("tinybench", {("fast", "time"): (240e-9, "s", "lower")}, ["broken"]),
    "mitata/results.json": (
        "mitata",
        {("fill 8", "time"): (15.5e-9, "s", "lower"), ("fill 8", "allocated"): (0.25, "B", "lower")},
        ["fill 64"],
    ),
    "benchmark-js/results.txt": (
        "benchmark_js",
        {
            ("fib(10)", "throughput"): (1_431_759.0, "1/s", "higher"),
            ("copy x 2 arrays", "throughput"): (81.61, "1/s", "higher"),
        },
        [],
    ),
    "benchmark-js/benny.json": ("benchmark_js", {("map", "time"): (9.5e-9, "s", "lower")}, []),
    "benchmark-js/bench-node.json": ("benchmark_js", {("parse", "throughput"): (4_585_971.0, "1/s", "higher")}, []),
    "julia/results.json": (
        "julia",
        {
            ("parse/8", "time"): (110e-9, "s", "lower"),
            ("parse/8", "allocated"): (96.0, "B", "lower"),
            ("parse/8", "allocations"): (3.0, "count", "lower"),
            ("parse/64", "time"): (900e-9, "s", "lower"),
            ("parse/64", "allocated"): (128.0, "B", "lower"),
            ("parse/64", "allocations"): (4.0, "count", "lower"),
        },
        [],
    ),
    "haskell-criterion/results.json": ("haskell_criterion", {("fib/5", "time"): (2e-7, "s", "lower")}, []),
    "haskell-criterion/results.csv": ("haskell_criterion", {("fib/5", "time"): (2e-7, "s", "lower")}, []),
    "phpbench/dump.xml": (
        "phpbench",
        {
            ("HashBench::benchHash [md5]", "time"): (0.26e-6, "s", "lower"),
            ("HashBench::benchHash [md5]", "peak_memory"): (4096.0, "B", "lower"),
        },
        ["HashBench::benchThrows"],
    ),
    "ruby-benchmark/bmbm.txt": (
        "ruby_benchmark",
        {
            ("sort", "time"): (0.97, "s", "lower"),
            ("sort", "cpu_time"): (0.96, "s", "lower"),
            ("sort!", "time"): (0.47, "s", "lower"),
            ("sort!", "cpu_time"): (0.46, "s", "lower"),
        },
        [],
    ),
    "timed-lines/dart.txt": (
        "timed_lines",
        {("Template", "time"): (1.5e-6, "s", "lower"), ("ForLoop", "time"): (2e-6, "s", "lower")},
        [],
    ),
    "timed-lines/console_time.txt": (
        "timed_lines",
        {("default", "time"): (7.617, "s", "lower"), ("parse: all", "time"): (2.5, "s", "lower")},
        [],
    ),
    "timed-lines/node.txt": (
        "timed_lines",
        {("1000*queue", "time"): (2.0, "s", "lower"), ("1000*other", "time"): (0.012345, "s", "lower")},
        [],
    ),
    "gnu-time/time.txt": (
        "gnu_time",
        {
            ("./parse all", "time"): (60.34, "s", "lower"),
            ("./parse all", "cpu_time"): (0.12, "s", "lower"),
            ("./parse all", "peak_memory"): (21184 * 1024.0, "B", "lower"),
        },
        ["./parse none"],
    ),
    "perf-stat/perf.txt": (
        "perf_stat",
        {
            ("./parse", "task-clock"): (0.63e-3, "s", "lower"),
            ("./parse", "instructions"): (1_234_567.0, "count", "lower"),
            ("./parse", "time"): (1.25e-3, "s", "lower"),
        },
        [],
    ),
    "perf-stat/perf.csv": (
        "perf_stat",
        {
            ("command", "task-clock"): (0.61e-3, "s", "lower"),
            ("command", "page-faults"): (49.0, "count", "lower"),
        },
        [],
    ),
    "perf-stat/perf.jsonl": ("perf_stat", {("command", "task-clock"): (0.584863e-3, "s", "lower")}, []),
    "memray/stats.json": (
        "memray",
        {
            ("memray run x.py", "peak_memory"): (2048.0, "B", "lower"),
            ("memray run x.py", "allocated"): (4096.0, "B", "lower"),
            ("memray run x.py", "allocations"): (12.0, "count", "lower"),
        },
        [],
    ),
    "memray/test.metadata": ("memray", {("tests/test_x.py::test_a", "peak_memory"): (512.0, "B", "lower")}, []),
    "junit/results.xml": (
        "junit",
        {
            ("test_x.test_a", "time"): (0.125, "s", "lower"),
            ("test_x.test_a", "throughput"): (12.5, "1/s", "higher"),
            ("test_x.test_slow", "time"): (1234.5, "s", "lower"),
        },
        ["test_x.test_b"],
    ),
    "junit/meson.xml": (
        "junit",
        {
            ("lists.push / BM_push/8", "time"): (250e-9, "s", "lower"),
            ("lists.push / BM_push/8", "cpu_time"): (240e-9, "s", "lower"),
            ("lists.sort / sort", "time"): (6e-9, "s", "lower"),
            ("lists.spin", "time"): (0.025, "s", "lower"),
        },
        ["lists.bad"],
    ),
    "nanobench/results.txt": (
        "nanobench",
        {
            ("some | ops", "time"): (6e-9, "s", "lower"),
            ("some | ops", "instructions"): (8.0, "count", "lower"),
            ("sorting lists / sort of 1000", "time"): (4.97e-3, "s", "lower"),
            ("sorting lists / sort of 10", "time"): (23.57e-6, "s", "lower"),
        },
        [],
    ),
    "criterion/critcmp.json": ("criterion", {("parse/8", "time"): (110e-9, "s", "lower")}, []),
    "criterion/messages.jsonl": ("criterion", {("parse/8", "time"): (115e-9, "s", "lower")}, []),
    "go/events.jsonl": (
        "go_bench",
        {("example.org/p.BenchmarkA", "time"): (2.5e-9, "s", "lower")},
        ["example.org/p.BenchmarkB"],
    ),
    "go/configured.txt": (
        "go_bench",
        {
            ("example.org/m.BenchmarkRun [stable]", "time"): (20e-9, "s", "lower"),
            ("example.org/m.BenchmarkRun [stable]", "req/sec"): (90.0, "1/s", "higher"),
            ("example.org/m.BenchmarkRun [stable]", "hits"): (7.0, "hits", "higher"),
            ("example.org/m.BenchmarkRun [next]", "time"): (30e-9, "s", "lower"),
            ("example.org/m.BenchmarkRun [next]", "req/sec"): (80.0, "1/s", "higher"),
            ("example.org/m.BenchmarkRun [next]", "hits"): (6.0, "hits", "higher"),
        },
        ["example.org/m.BenchmarkLost"],
    ),
}


def _values(report: Report) -> dict[tuple[str, str], tuple[float, str, str]]:
    return {
        series.key: (series.values[0], series.metric.unit, series.metric.direction.value) for series in report.series
    }


@pytest.mark.parametrize("file", CASES)
def test_a_sample_gives_its_values_in_base_units(file: str) -> None:
    """Names, metrics, values, units and directions are those of the tool, and what failed is named."""
    _, expected, failed = CASES[file]

    (report,) = read(DATA / file)
    values = _values(report)

    assert values.keys() == expected.keys()
    assert {key: value[0] for key, value in values.items()} == pytest.approx(
        {key: value[0] for key, value in expected.items()}
    )
    assert {key: value[1:] for key, value in values.items()} == {key: value[1:] for key, value in expected.items()}
    assert [failure.benchmark for failure in report.failures if not failure.skipped] == failed


@pytest.mark.parametrize("file", CASES)
def test_exactly_one_reader_takes_a_sample(file: str) -> None:
    """Sniffing does not depend on the order in which the readers are asked."""
    document = load(DATA / file)

    assert [name for name in READERS if reader(name).sniff(document)] == [CASES[file][0]]


def test_only_labels_of_console_time_that_come_again_are_rounds(tmp_path: Path) -> None:
    """Two benchmarks of Dart with one name are numbered and never averaged."""
    (tmp_path / "dart.txt").write_text("parse(RunTime): 1.0 us.\nparse(RunTime): 3.0 us.\n")
    (tmp_path / "console.txt").write_text("parse: 1ms - timer ended\nparse: 3ms - timer ended\n")
    dart, console = (_values(read(tmp_path / name)[0]) for name in ("dart.txt", "console.txt"))
    assert {name: value for (name, _), (value, *_) in dart.items()} == pytest.approx({"parse": 1e-6, "parse #2": 3e-6})
    assert {name: value for (name, _), (value, *_) in console.items()} == pytest.approx({"parse": 2e-3})


def test_every_reader_has_a_sample_and_says_how_its_file_is_written() -> None:
    """A reader without a sample would never be tried."""
    elsewhere = {"pytest_benchmark", "records", "pyperf", "asv", "hyperfine", "google_benchmark", "libtest", "vitest"}
    covered = (
        {owner for owner, _, _ in CASES.values()} | elsewhere | {"bencher", "github_action_benchmark", "csv_series"}
    )

    assert covered == set(READERS)
    assert all(reader(name).WRITTEN_BY for name in READERS)


@pytest.mark.parametrize(
    ("file", "compiled"),
    [
        ("go/count.txt", True),
        ("google-benchmark/repetitions.json", True),
        ("libtest/bench.txt", True),
        ("criterion/target", True),
        ("criterion/critcmp.json", True),
        ("divan/tree.txt", True),
        ("catch2/v3.xml", True),
        ("catch2/console.txt", True),
        ("haskell-criterion/results.json", True),
        ("codspeed/results.json", False),
        ("jmh/results.json", False),
    ],
)
def test_what_a_compiler_laid_out_is_marked_so(file: str, compiled: object) -> None:
    """The analysis has to know which times a mere change of code layout can move."""
    (report,) = read(DATA / file)

    assert (COMPILED in report.provenance) is compiled


@pytest.mark.parametrize("time", ["Infinity", "-inf", "NaN", "1e400"])
def test_a_point_without_a_moment_counts_and_ends(tmp_path: Path, time: str) -> None:
    """A time that is no number of seconds takes no part in a rate; it used to be divided for ever."""
    text = (DATA / "k6/points.csv").read_text()
    (tmp_path / "points.csv").write_text(
        text + f"http_req_duration,{time},9,,,,,GET,http://x/,default,200,http://x/,\n"
    )

    before, after = (read(path)[0].series for path in (DATA / "k6/points.csv", tmp_path / "points.csv"))

    rates = [[row.values for row in series if row.metric.name == "throughput"] for series in (before, after)]
    assert rates[0] == rates[1] != []
    assert before != after
