"""Sessions of the plugin, as its users start them: what is measured, written and judged, and how pytest ends."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from regress_action.formats import read
from regress_action.instruments.storage import BenchmarkStorage
from regress_action.pytest_plugin.network_limit import NOT_COVERED

if TYPE_CHECKING:
    from integration.pytest_plugin.conftest import Project
    from regress_action.model.measurements import Report

pytestmark = pytest.mark.timeout(600)  # several sessions a test, on a machine that may be busy

ASKED = ("--benchmark-report=performance_report.json", "--regression-detection=true", "--baseline-comparison=true")


def report_in(project: Project) -> Report:
    """Return the report that the session wrote."""
    (report,) = read(project.folder / "performance_report.json")
    return report


def test_nothing_happens_until_it_is_asked(project: Project) -> None:
    """A marked test runs once, like any other; no section or file appears, and nothing heavy is imported."""
    project.write(
        "test_quiet.py",
        """
        import sys
        import pytest

        @pytest.mark.performance
        def test_it():
            print("ran")
            assert sys.modules.keys().isdisjoint({"numpy", "pydantic", "rich", "regress_action.analysis"})
        """,
    )

    done = project.pytest("-s")

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("ran") == 1
    assert "performance" not in done.stdout
    assert {path.name for path in project.folder.iterdir()} <= {"pytest.ini", "test_quiet.py", "__pycache__"}


def test_the_report_holds_every_run_of_an_isolated_test(project: Project) -> None:
    """A test with the marker is measured in as many fresh processes as it asks for; its service and line are kept."""
    project.write(
        "tests/test_cache.py",
        """
        import os
        import pytest

        @pytest.mark.performance(service="cache", min_runs=2, metric=["time", "cpu_time", "peak_memory"])
        def test_get():
            print("process", os.getpid())
            sorted(range(100))
        """,
    )

    done = project.pytest("tests", *ASKED)
    report = report_in(project)

    assert done.returncode == 0, done.stdout
    assert {series.metric.name for series in report.series} == {"time", "cpu_time", "peak_memory"}
    series = report.series[0]
    assert series.benchmark.name == "tests/test_cache.py::test_get"
    assert series.benchmark.service == "cache"
    assert series.benchmark.location
    assert (series.benchmark.location.path, series.benchmark.location.line) == ("tests/test_cache.py", 5)
    assert len(series.measured) == 2


def test_the_first_report_becomes_the_baseline(project: Project) -> None:
    """Without a history the first session stores its report; the second one is judged against it."""
    project.write("test_it.py", "def test_it(benchmark):\n    benchmark(sorted, range(100))\n")

    first = project.pytest(*ASKED)
    second = project.pytest(*ASKED)

    assert "held no baseline" in first.stdout
    assert "held no baseline" not in second.stdout
    assert len(BenchmarkStorage(root=project.folder).load()) == 1
    assert (first.returncode, second.returncode) == (0, 0), second.stdout


def test_a_doubled_memory_fails_the_session(project: Project) -> None:
    """A number that is exact by its nature, twice as large as in the baseline, ends the session with 1."""
    source = """
        import pytest

        @pytest.mark.performance(min_runs=2)
        def test_it(benchmark):
            benchmark.extra_info["memory_bytes"] = {size}
            benchmark.pedantic(sum, args=(range(10),), rounds=2)
        """
    project.write("test_it.py", source.format(size=1000))
    assert project.pytest(*ASKED).returncode == 0
    storage = BenchmarkStorage(root=project.folder)
    (first,) = storage.load()
    for day in range(1, 6):
        storage.append(replace(first, created=f"2026-01-0{day}T00:00:00Z"))
    project.write("test_it.py", source.format(size=2500))

    done = project.pytest(*ASKED)
    shown = project.pytest("--baseline-comparison=true", "--performance-runs=1")

    assert done.returncode == 1, done.stdout
    assert "Regressions" in done.stdout
    assert shown.returncode == 0, "a comparison alone decides nothing"


def test_a_budget_of_a_marker_is_kept(project: Project) -> None:
    """What takes longer than its marker allows is over budget, with a baseline or without one."""
    project.write(
        "test_slow.py",
        """
        import time
        import pytest

        @pytest.mark.performance(budget="1ms", min_runs=3)
        def test_slow(benchmark):
            benchmark.pedantic(time.sleep, args=(0.005,), rounds=2)
        """,
    )

    done = project.pytest("--regression-detection=true")

    assert "Over budget" in done.stdout


def test_thresholds_file_decides(project: Project) -> None:
    """The file of `--threshold-config` sets the budgets, and one that is wrong ends the session with 2."""
    project.write("test_slow.py", "import time\ndef test_slow(benchmark):\n    benchmark(time.sleep, 0.004)\n")
    project.write("performance_thresholds.yaml", "slow: {slow_ms: 1, regression_threshold: 1.2}\n")
    project.write("wrong.yaml", "slow: {slow_ms: fast}\n")

    good = project.pytest("--regression-detection", "--threshold-config=performance_thresholds.yaml")
    wrong = project.pytest("--regression-detection", "--threshold-config=wrong.yaml")

    assert "Over budget" in good.stdout
    assert wrong.returncode == 2
    assert "slow.slow_ms" in wrong.stdout


def test_one_test_that_dies_costs_the_others_nothing(project: Project) -> None:
    """A crash, a hang and a failure are reported each for itself, and the healthy test keeps its values."""
    project.write(
        "test_mixed.py",
        """
        import os, time
        import pytest

        pytestmark = pytest.mark.performance(min_runs=2)

        def test_healthy():
            sorted(range(100))

        def test_crash():
            os._exit(3)

        @pytest.mark.performance(timeout=3)
        def test_hang():
            time.sleep(60)

        def test_failure():
            assert 1 + 1 == 3

        def test_skipped():
            pytest.skip("not here")

        @pytest.mark.xfail(reason="known")
        def test_known_failure():
            assert False

        @pytest.fixture
        def broken():
            raise RuntimeError("the fixture broke")

        def test_broken_fixture(broken):
            pass
        """,
    )

    done = project.pytest("--benchmark-report=performance_report.json", "-rfEs")
    report = report_in(project)

    assert done.returncode == 1
    assert "3 failed" in done.stdout
    assert "1 passed" in done.stdout
    assert "1 error" in done.stdout
    assert "1 skipped" in done.stdout
    assert "1 xfailed" in done.stdout
    assert "FAILED test_mixed.py::test_crash - Its process ended with status 3." in done.stdout
    assert "FAILED test_mixed.py::test_hang - It did not end within 3 s" in done.stdout
    assert "FAILED test_mixed.py::test_failure - assert (1 + 1) == 3" in done.stdout
    assert "ERROR test_mixed.py::test_broken_fixture - RuntimeError: the fixture broke" in done.stdout
    assert [len(series.measured) for series in report.series] == [2]
    assert [failure.benchmark.rpartition("::")[2] for failure in report.failures if failure.skipped] == ["test_skipped"]
    assert {failure.benchmark.rpartition("::")[2] for failure in report.failures if not failure.skipped} == {
        "test_crash",
        "test_hang",
        "test_failure",
        "test_broken_fixture",
    }
    assert {failure.reason for failure in report.failures} >= {
        "RuntimeError: the fixture broke",
        "assert (1 + 1) == 3",
        "Its process ended with status 3.",
    }


def test_limits_hold_in_the_measuring_process(project: Project) -> None:
    """A test that needs more memory than is allowed, or the network, fails by itself; a loopback of its own is there.

    A program that a test starts reaches no server outside, unless the machine allows no namespace and the session
    says so.
    """
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    project.write(
        "test_limits.py",
        """
        import os, pathlib, socket, subprocess, sys
        import pytest

        pytestmark = pytest.mark.performance(min_runs=1)

        def test_memory():
            bytearray(3 * 10**9)

        def test_connection():
            socket.create_connection(("192.0.2.1", 80), timeout=5)

        def test_datagram():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unconnected:
                unconnected.sendto(b"x", ("192.0.2.1", 53))

        def test_child():
            code = "import socket; socket.create_connection(('127.0.0.1', PORT), timeout=5)"
            subprocess.run([sys.executable, "-c", code], check=True)

        def test_name():
            socket.getaddrinfo("localhost.example.invalid", 80)

        def test_loopback():
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(("localhost", server.getsockname()[1])).close()
            pairs = socket.socketpair()
            pairs[0].sendmsg([b"x"])
            for end in pairs:
                end.close()

        def test_one_cpu_and_first_to_be_ended():
            assert len(os.sched_getaffinity(0)) == 1
            assert pathlib.Path("/proc/self/oom_score_adj").read_text().strip() == "1000"
        """,
    )

    text = (project.folder / "test_limits.py").read_text()
    (project.folder / "test_limits.py").write_text(text.replace("PORT", str(port)))

    with server:
        done = project.pytest("--performance-runs=1", "--performance-limits=memory=2GB,network=off")
        reached = project.pytest(
            "--performance-runs=1", "--performance-limits=network=loopback", "-k", "child or connection"
        )

    assert "MemoryError" in done.stdout
    failed = "FAILED test_limits.py::test_child - subprocess.CalledProcessError" in done.stdout
    assert failed != (f"The network was {NOT_COVERED}." in done.stdout)
    assert f"{2 if failed else 3} passed" in done.stdout
    assert "1 failed, 1 passed" in reached.stdout, "loopback is the machine's, and the rest is refused"
    for name in ("connection", "datagram", "name"):
        assert f"FAILED test_limits.py::test_{name} - PermissionError: " in done.stdout
    assert "may not use the network, and reaches for 192.0.2.1" in done.stdout


def test_async_tests_are_measured(project: Project) -> None:
    """A coroutine function is run to its end in every round, whether it is the test or what the test measures."""
    project.write(
        "test_async.py",
        """
        import asyncio
        import pytest

        async def answer():
            await asyncio.sleep(0)
            return 42

        def test_function(benchmark):
            assert benchmark(answer) == 42

        @pytest.mark.performance(isolated=False)
        async def test_whole():
            assert await answer() == 42
        """,
    )

    done = project.pytest("--benchmark-report=performance_report.json")

    assert done.returncode == 0, done.stdout
    assert len(report_in(project).series) == 2


@pytest.mark.parametrize("peers", [False, True])
def test_suites_with_pytest_benchmark_change_nothing(project: Project, *, peers: bool) -> None:
    """One suite is measured by our fixture or by that of pytest-benchmark, and the report has the same benchmarks."""
    project.write(
        "test_suite.py",
        """
        import pytest

        @pytest.mark.benchmark(group="sorting", max_time=0.01)
        @pytest.mark.parametrize("size", [10, 100])
        def test_sorted(benchmark, size):
            benchmark.extra_info["peak_memory_mb"] = 1.5
            assert benchmark(sorted, list(range(size))) == list(range(size))
            if benchmark.enabled:
                assert benchmark.stats["median"] == benchmark.stats.stats.median > 0

        def test_pedantic(benchmark):
            calls = []
            result = benchmark.pedantic(
                lambda number: number + 1, setup=lambda: ((len(calls),), {}), teardown=calls.append, rounds=4
            )
            assert calls == [0, 1, 2, 3]
            assert result == 4

        @pytest.mark.performance(isolated=False)
        def test_whole():
            sorted(range(100))
        """,
    )

    done = project.pytest("--benchmark-report=performance_report.json", peers=peers)
    rows = {
        (series.benchmark.name, series.benchmark.service, series.metric.name) for series in report_in(project).series
    }

    assert done.returncode == 0, done.stdout
    assert rows == {
        ("test_suite.py::test_sorted[10]", "sorting", "time"),
        ("test_suite.py::test_sorted[10]", "sorting", "peak_memory"),
        ("test_suite.py::test_sorted[100]", "sorting", "time"),
        ("test_suite.py::test_sorted[100]", "sorting", "peak_memory"),
        ("test_suite.py::test_pedantic", "suite", "time"),
        ("test_suite.py::test_whole", "suite", "time"),
    }


def test_disabled_benchmarks_run_once(project: Project) -> None:
    """`--benchmark-disable` calls every function once and measures nothing; `--collect-only` runs nothing."""
    project.write(
        "test_it.py",
        "calls = []\ndef test_it(benchmark):\n    benchmark(calls.append, 1)\n    assert len(calls) == 1\n",
    )

    disabled = project.pytest("--benchmark-disable", *ASKED)
    assert disabled.returncode == 0
    assert "nothing was measured or judged, so there is no report" in disabled.stdout
    listed = project.pytest("--collect-only", *ASKED)

    assert "test_it.py::test_it" in project.pytest("--collect-only", "-q").stdout
    assert listed.returncode == 0
    assert not (project.folder / "performance_report.json").exists()


def test_only_and_skip_select_benchmarks(project: Project) -> None:
    """`--benchmark-only` and `--benchmark-skip` mean what they mean to pytest-benchmark."""
    project.write("test_two.py", "def test_a(benchmark):\n    benchmark(int)\ndef test_b():\n    pass\n")

    assert "1 passed, 1 skipped" in project.pytest("--benchmark-only").stdout
    assert "1 passed, 1 skipped" in project.pytest("--benchmark-skip").stdout


def test_the_json_of_pytest_benchmark_is_written(project: Project) -> None:
    """`--benchmark-json` writes a file that every reader of pytest-benchmark's files understands."""
    project.write("test_it.py", "def test_it(benchmark):\n    benchmark(sorted, range(100))\n")

    done = project.pytest("--benchmark-json=bench.json")
    (report,) = read(project.folder / "bench.json")

    assert done.returncode == 0
    assert report.source == "pytest-benchmark"
    assert report.series[0].benchmark.name == "test_it.py::test_it"


def test_hooks_of_suites_for_pytest_benchmark_are_called(project: Project) -> None:
    """A conftest with its hooks changes the file, the groups and the unit; its session is where suites look for it."""
    project.write(
        "test_it.py",
        """
        import time

        def test_it(benchmark, request):
            benchmark._timer = time.process_time
            benchmark(abs, 1)
            assert request.config._benchmarksession.benchmarks[-1].name == "test_it"
            assert benchmark.stats.options["timer"] == "process_time"
        """,
    )
    project.write(
        "conftest.py",
        """
        def pytest_benchmark_update_machine_info(config, machine_info):
            machine_info["rack"] = "7"

        def pytest_benchmark_update_commit_info(config, commit_info):
            commit_info["message"] = "first"

        def pytest_benchmark_update_json(config, benchmarks, output_json):
            output_json["rounds"] = benchmarks[0]["rounds"]

        def pytest_benchmark_group_stats(config, benchmarks, group_by):
            return [("special", benchmarks)] if group_by == "special" else None

        def pytest_benchmark_scale_unit(config, unit, benchmarks, best, worst, sort):
            return ("k", 0.001) if unit == "seconds" else ("", 1.0)
        """,
    )

    written = project.pytest("--benchmark-json=out.json", "--benchmark-group-by=special")
    printed = project.pytest("--benchmark-group-by=special").stdout
    unknown = project.pytest("--benchmark-group-by=typo")
    content = json.loads((project.folder / "out.json").read_text())

    assert written.returncode == 0, written.stdout
    assert content["machine_info"]["rack"] == "7"
    assert content["commit_info"]["message"] == "first"
    assert content["rounds"] == content["benchmarks"][0]["stats"]["rounds"]
    assert " benchmark 'special': 1 tests " in printed
    assert "Name (time in ks)" in printed
    assert unknown.returncode == 4
    assert "--benchmark-group-by=typo is not known" in unknown.stderr


def test_a_session_is_compared_with_a_saved_run(project: Project) -> None:
    """Runs are saved under numbers; the saved run stands beside this one, and a limit ends the session with 1."""
    project.write("test_it.py", "import time\ndef test_it(benchmark):\n    benchmark(time.sleep, 0.001)\n")

    named = project.pytest("--benchmark-save=first", "--benchmark-save-data")
    automatic = project.pytest("--benchmark-autosave")
    folder = next((project.folder / ".benchmarks").iterdir())
    saved = sorted(path.name for path in folder.iterdir())
    first = json.loads((folder / "0001_first.json").read_text())
    compared = project.pytest("--benchmark-compare=0001", "--benchmark-compare-fail=min:900%")
    project.write("test_it.py", "import time\ndef test_it(benchmark):\n    benchmark(time.sleep, 0.05)\n")
    slower = project.pytest("--benchmark-compare", "--benchmark-compare-fail", "mean:100", "min:900%")
    missing = project.pytest("--benchmark-compare=0009", "--benchmark-compare-fail=min:5%", "-Wdefault")

    assert "Saved benchmark data in: " in named.stderr
    assert len(first["benchmarks"][0]["stats"]["data"]) == first["benchmarks"][0]["stats"]["rounds"]
    assert automatic.returncode == 0
    assert saved[0] == "0001_first.json"
    assert re.fullmatch(r"0002_unversioned_\d{8}_\d{6}\.json", saved[1])
    assert compared.returncode == 0, compared.stdout
    assert f"Comparing against benchmarks from: {folder.name}/0001_first.json" in compared.stderr
    assert {"test_it (0001_first)", "test_it (NOW)"} <= {line[:20].strip() for line in compared.stdout.splitlines()}
    assert slower.returncode == 1
    assert "test_it (0002_unversi) - Field 'min' has failed PercentageRegressionCheck: " in slower.stderr
    assert missing.returncode == 4
    assert "Can't compare. No benchmark files in " in missing.stderr
    assert "--benchmark-compare-fail requires valid --benchmark-compare" in missing.stderr


def test_plots_and_profiles_are_made_on_request(project: Project) -> None:
    """`--benchmark-histogram` draws every group, `--benchmark-cprofile` lists the calls of every function."""
    project.write(
        "test_it.py",
        """
        import pytest

        @pytest.mark.benchmark(group="<A>")
        @pytest.mark.parametrize("size", [10, 20])
        def test_it(benchmark, size):
            benchmark(sorted, range(size))
        """,
    )

    done = project.pytest(
        "--benchmark-histogram=plots/x", "--benchmark-cprofile=tottime", "--benchmark-cprofile-dump=calls/y"
    )
    drawn = (project.folder / "plots/x-A.svg").read_text()

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Generated histogram: " in done.stderr
    assert ">Speed of &lt;A&gt; (time in ns)</text>" in drawn
    assert drawn.count("<g>") == 2
    assert " cProfile (time in s) " in done.stdout
    assert "<built-in method builtins.sorted>" in done.stdout
    assert (project.folder / "calls/y-test_it_10_.prof").stat().st_size


def test_suites_for_pytest_codspeed_find_its_options(project: Project) -> None:
    """`--codspeed` runs nothing else; its limits hold, and a marker with a wrong argument fails its test."""
    project.write(
        "test_it.py",
        """
        import pytest

        def test_fixture(benchmark):
            benchmark(int)
            assert benchmark.stats.stats.rounds == 2

        @pytest.mark.codspeed_benchmark(max_rounds=1)
        def test_marked(benchmark):
            benchmark(int)
            assert benchmark.stats.stats.rounds == 1

        @pytest.mark.benchmark(max_round=1)
        def test_wrong():
            pass

        def test_other():
            raise AssertionError
        """,
    )

    done = project.pytest("--codspeed", "--codspeed-mode=walltime", "--codspeed-max-rounds=2", "--codspeed-max-time=1")

    assert "2 passed, 1 deselected, 1 error" in done.stdout
    assert "Unknown kwargs passed to benchmark marker: max_round. Its arguments are " in done.stdout


def test_benchmarks_beside_workers_are_not_timed(project: Project) -> None:
    """The session says so at its end, unless it has none; one that wants nothing but benchmarks is refused."""
    project.write("test_it.py", "def test_it(benchmark):\n    benchmark(int)\n    assert benchmark.disabled\n")
    project.write("test_plain.py", "def test_plain():\n    pass\n")

    beside = project.pytest("-n", "1", "-Werror")
    plain = project.pytest("-n", "1", "-Werror", "test_plain.py")
    only = project.pytest("-n", "1", "--benchmark-only")

    assert beside.returncode == 0, beside.stdout
    assert "Benchmarks are automatically disabled because xdist plugin is active" in beside.stderr
    assert plain.returncode == 0, plain.stdout
    assert plain.stderr == ""
    assert only.returncode == 4


def test_workers_of_xdist_are_refused(project: Project) -> None:
    """Measuring beside other tests would measure those too, so the session ends at once and says what to do."""
    project.write("test_it.py", "def test_it(benchmark):\n    benchmark(int)\n")

    refused = project.pytest("-n", "2", *ASKED)
    silent = project.pytest("-n", "2", "-Wdefault")

    assert refused.returncode == 4
    assert "-n 0" in refused.stderr
    assert silent.returncode == 0, "without a request the functions run once, like any test"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("timeout='soon'", "the timeout is 'soon'"),
        ("timeout=0", "the timeout is 0"),
        ("min_runs=0", "min_runs is 0"),
        ("min_runs='three'", "min_runs is 'three'"),
    ],
)
def test_a_marker_with_a_wrong_value_is_refused(project: Project, arguments: str, said: str) -> None:
    """The value and what to give are said in place of a traceback."""
    project.write("test_it.py", f"import pytest\n@pytest.mark.performance({arguments})\ndef test_it(): pass\n")

    done = project.pytest("--benchmark-report=x.json")

    assert done.returncode == 4
    assert f"test_it.py::test_it: {said}" in done.stderr
    assert "INTERNALERROR" not in done.stdout


def test_a_marked_coroutine_function_runs_as_an_ordinary_test(project: Project) -> None:
    """Where nothing is measured it runs once, to its end."""
    project.write(
        "test_it.py",
        """
        import asyncio, pytest

        @pytest.mark.benchmark
        async def test_good():
            await asyncio.sleep(0)

        @pytest.mark.performance
        async def test_wrong(tmp_path):
            await asyncio.sleep(0)
            assert not tmp_path
        """,
    )

    done = project.pytest("--benchmark-disable")

    assert "1 failed, 1 passed" in done.stdout
    assert "assert not PosixPath" in done.stdout


def test_the_order_is_repeated_by_its_seed(project: Project) -> None:
    """The header names the seed of the order."""
    project.write("test_it.py", "def test_it(benchmark):\n    benchmark(int)\n")

    assert "--performance-seed=7" in project.pytest("--performance-seed=7", *ASKED).stdout


def test_a_marker_with_an_unknown_argument_is_refused(project: Project) -> None:
    """A misspelt argument is named, with those that are known."""
    project.write("test_it.py", "import pytest\n@pytest.mark.performance(budjet=1)\ndef test_it():\n    pass\n")

    done = project.pytest(*ASKED)

    assert done.returncode == 4
    assert "budjet" in done.stderr
