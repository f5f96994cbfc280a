"""Measurement folders: both sides of one session, run by run."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from regress_action.formats import read, read_measurement
from regress_action.model import records
from regress_action.model.errors import InputError
from regress_action.model.measurements import Conditions, Environment, Report

DATA = Path(__file__).parents[2] / "data" / "formats"
RESULT = DATA / "pytest-benchmark" / "full.json"
ENVIRONMENT = {"runner": "laptop", "os": "Linux", "cpu": "A", "cores": 4, "memory": "16G", "runtime": "CPython 3.12"}


def _run(side: str, pair: int, **changes: Any) -> dict[str, Any]:
    return {
        "side": side,
        "pair": pair,
        "position": 0 if side == "base" else 1,
        "started": f"2026-01-01T00:00:0{pair}Z",
        "wall_s": 2.0 + pair,
        "user_s": 1.0,
        "system_s": 0.5,
        "peak_rss_bytes": 1000,
        "exit_status": 0,
        "failure": None,
        "result": f"runs/{side}-{pair:02}.json",
    } | changes


def _written(folder: Path, *runs: dict[str, Any], **changes: Any) -> Path:
    (folder / "runs").mkdir()
    content = {
        "schema": 1,
        "session": "5e55",
        "suite": "default",
        "created": "2026-01-01T00:00:00Z",
        "command": ["python", "-m", "pytest", "a b"],
        "environment": ENVIRONMENT,
        "sides": {
            "head": {"commit": "h1", "branch": "topic", "dirty": True, "changed": ["a", "b\x07", "c", "d"]},
            "base": {"commit": "b1", "label": "main"},
        },
        "runs": list(runs),
        "monitor": {"cost": 0.001},
        "warnings": ["few pairs"],
        "stopped": {"word": "complete", "why": "measured all 2 pairs"},
    }
    (folder / "measurement.json").write_text(json.dumps(content | changes))
    for run in runs:
        if isinstance(run["result"], str) and run["result"].startswith("runs/") and run["result"].endswith(".json"):
            shutil.copy(RESULT, folder / run["result"])
    return folder


def _fill(folder: Path, *files: Path) -> None:
    folder.mkdir()
    for file in files:
        shutil.copy(file, folder)


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Give a measurement of two pairs, listed in no order."""
    return _written(tmp_path, _run("base", 1), _run("head", 0), _run("head", 1), _run("base", 0))


def _base(folder: Path) -> Report:
    base = read_measurement(folder).base
    assert base is not None
    return base


def test_runs_are_distinguished_by_session_and_pair(measured: Path) -> None:
    """The two halves of a pair find each other again."""
    measurement = read_measurement(measured)

    for side in (measurement.head, _base(measured)):
        assert [(run.session, run.pair, run.wall_s) for run in side.runs] == [("5e55", 0, 2.0), ("5e55", 1, 3.0)]
        assert {len(series.values) for series in side.series} == {2}
        assert side.source == "pytest-benchmark"
    assert [run.position for side in (_base(measured), measurement.head) for run in side.runs] == [0, 0, 1, 1]


def test_pairs_of_many_benchmarks_measured_one_by_one_find_each_other(tmp_path: Path) -> None:
    """Their number is that of the plan times that of the benchmarks, so it may be larger than any plan."""
    measurement = read_measurement(_written(tmp_path, *(_run(side, 12_000) for side in ("base", "head"))))

    assert [run.pair for side in (measurement.base, measurement.head) if side for run in side.runs] == [12_000] * 2


@pytest.mark.parametrize(
    ("plan", "planned"),
    [
        ({"pairs": 40, "looks": True}, 40),
        ({"pairs": 40}, 40),
        ({"pairs": 40, "looks": False}, None),
        ({"pairs": 1000}, 1000),
        ({"pairs": 1001}, None),
        ({"pairs": 0}, None),
        ({}, None),
    ],
)
def test_the_plan_is_known_where_somebody_looked(tmp_path: Path, plan: dict[str, object], planned: int | None) -> None:
    """And not where it is larger than any plan may be."""
    measurement = read_measurement(_written(tmp_path, _run("base", 1), _run("head", 1), plan=plan))

    assert measurement.head.planned_pairs == planned


def test_the_measurement_knows_better_than_the_result_files(measured: Path) -> None:
    """Commit, branch and machine are those measured, not those a result file claims."""
    measurement = read_measurement(measured)

    assert (measurement.head.commit, measurement.head.branch) == ("h1", "topic")
    assert _base(measured).commit == "b1"
    assert measurement.head.environment == Environment(**ENVIRONMENT)  # type: ignore[arg-type]
    assert ("dirty", "true") in measurement.head.provenance
    assert ("dirty", "true") not in _base(measured).provenance


def test_session_command_and_monitor_are_kept(measured: Path) -> None:
    """What the later stages tell about the measurement itself."""
    measurement = read_measurement(measured)

    assert (measurement.session, measurement.command) == ("5e55", "python -m pytest 'a b'")
    assert measurement.labels == {"base": "main"}
    assert measurement.monitor == {"cost": 0.001}
    uncommitted, *others = measurement.head.warnings
    assert uncommitted.startswith("The head holds uncommitted changes or new files, which were measured with it: a, b")
    assert uncommitted.isprintable()
    assert uncommitted.endswith(", c and others.")
    assert others == ["few pairs"]
    assert measurement.executions[0].numbers["peak_rss_bytes"] == 1000


def test_a_failed_run_has_no_values_and_says_why(tmp_path: Path) -> None:
    """A crash leaves a gap in every series, and the run stays as evidence."""
    folder = _written(tmp_path, _run("head", 0), _run("head", 1, failure="It hung.\x07", exit_status=None, result=None))

    head = read_measurement(folder).head

    assert head.runs[1].failure is not None
    assert head.runs[1].failure.startswith("It hung.~")
    assert all(math.isnan(series.values[1]) for series in head.series)
    assert not any(math.isnan(series.values[0]) for series in head.series)


def test_a_command_that_failed_after_it_wrote_its_result_has_values(tmp_path: Path) -> None:
    """One benchmark failed: the others count, and the run says how it ended."""
    failed = {"failure": "exited with status 1", "exit_status": 1}
    head = read_measurement(_written(tmp_path, _run("head", 0, **failed), _run("head", 1))).head

    assert [run.failure for run in head.runs] == ["exited with status 1", None]
    assert not any(math.isnan(value) for series in head.series for value in series.values)


@pytest.mark.parametrize(
    ("line", "name", "reason"),
    [
        ("FAILED b/test_a.py::test_x[a b] - assert 0\x07", "b/test_a.py::test_x[a b]", "assert 0~"),
        ("ERROR test_a.py::test_x", "test_a.py::test_x", "It failed."),
        ("FAILED: nothing that pytest writes", None, ""),
    ],
)
def test_a_benchmark_that_the_output_names_as_failed_is_named(
    tmp_path: Path, line: str, name: str | None, reason: str
) -> None:
    """Also where neither side has a value of it; what a good run prints names nothing."""
    tail = f"a.py:5: AssertionError\n{line}\n1 failed, 1 passed"
    folder = _written(
        tmp_path, _run("head", 0, failure="exited with status 1", output_tail=tail), _run("base", 0, output_tail=tail)
    )
    named = [(failure.benchmark, failure.reason[: len(reason)]) for failure in read_measurement(folder).head.failures]
    assert named == ([(name, reason)] if name else [])
    assert not _base(folder).failures


@pytest.mark.parametrize("content", ["BenchmarkA 100 12.5 ns/op\nBenchmarkB 100 1", '{"machine_info": {}, "benchm'])
def test_a_file_that_a_failing_command_did_not_finish_is_not_used(tmp_path: Path, content: str) -> None:
    """The last number may be cut short, and no one can tell."""
    folder = _written(tmp_path, _run("head", 0), _run("head", 1, failure="exited with status 1"))
    (folder / "runs" / "head-01.json").write_text(content)

    head = read_measurement(folder).head

    assert head.runs[1].failure is not None
    assert head.runs[1].failure.startswith("exited with status 1. ")
    assert all(math.isnan(series.values[1]) for series in head.series)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "There is no file"), (b"", "is empty"), (b"{", "not valid JSON"), (b"{}", "no known format")],
)
def test_a_bad_result_file_fails_its_run_only(measured: Path, content: bytes | None, message: str) -> None:
    """One broken file does not cost the other runs."""
    path = measured / "runs" / "head-01.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    head = read_measurement(measured).head

    assert head.runs[0].failure is None
    assert message in (head.runs[1].failure or "")


def test_a_result_outside_of_the_folder_is_not_read(tmp_path: Path) -> None:
    """A measurement may come from a stranger: neither `..` nor a link leads out of it."""
    folder = tmp_path / "measured"
    folder.mkdir()
    shutil.copy(RESULT, tmp_path / "secret.json")
    _written(folder, _run("head", 0, result="../secret.json"), _run("head", 1))
    (folder / "runs" / "head-01.json").unlink()
    (folder / "runs" / "head-01.json").symlink_to(tmp_path / "secret.json")

    head = read_measurement(folder).head

    assert head.series == ()
    assert all("outside" in (run.failure or "") for run in head.runs)


@pytest.mark.parametrize(
    "result", ["", ".", "x" * 700, "\0", "\ud800", "/etc/passwd", "runs/../..", "loop", ["runs"], 5]
)
def test_a_result_that_names_no_file_fails_its_run(tmp_path: Path, result: object) -> None:
    """Whatever stands in the index: the run failed, and the sentence can be printed."""
    folder = _written(tmp_path, _run("head", 0, result=result))
    (folder / "loop").symlink_to(folder / "loop")

    (run,) = read_measurement(folder).head.runs

    assert run.failure
    assert run.failure.isprintable()


def test_a_folder_of_results_is_one_run(tmp_path: Path) -> None:
    """A suite may write a file per part, and tables for people beside them; all are one process."""
    folder = _written(tmp_path, _run("head", 0, result="runs/head-00", failure=None))
    _fill(folder / "runs" / "head-00", RESULT, DATA / "hyperfine" / "v1.json")
    (folder / "runs" / "head-00" / "table.md").write_text("| a | b |")

    head = read_measurement(folder).head

    assert {series.benchmark.name for series in head.series} >= {"ok", "benchmarks/test_cache.py::test_lookup"}
    assert {len(series.values) for series in head.series} == {1}


def test_a_benchmark_in_two_files_of_a_run_fails_it(tmp_path: Path) -> None:
    """Nobody can say which of the two values is the right one."""
    folder = _written(tmp_path, _run("head", 0, result="runs/head-00"), _run("head", 1, result="runs/head-01"))
    _fill(folder / "runs" / "head-00", RESULT)
    shutil.copy(RESULT, folder / "runs" / "head-00" / "again.json")
    (folder / "runs" / "head-01").mkdir()

    first, second = read_measurement(folder).head.runs

    assert "is twice there" in (first.failure or "")
    assert second.failure == "No file that the run left holds results."


def test_a_measurement_cannot_contain_itself(tmp_path: Path) -> None:
    """An index that names itself as a result ends, with words."""
    head = read_measurement(_written(tmp_path, _run("head", 0, result="measurement.json", failure=None))).head

    assert head.runs[0].failure is not None


def test_a_plain_command_is_the_benchmark(tmp_path: Path) -> None:
    """Without results the processes themselves are measured: time, CPU time and peak memory."""
    runs = [_run(side, pair, result=None) for pair in (0, 1) for side in ("base", "head")]

    head = read_measurement(_written(tmp_path, *runs)).head

    assert {series.key: series.values for series in head.series} == {
        ("python -m pytest 'a b'", "time"): (2.0, 3.0),
        ("python -m pytest 'a b'", "cpu_time"): (1.5, 1.5),
        ("python -m pytest 'a b'", "peak_memory"): (1000.0, 1000.0),
    }


def test_a_plain_command_of_a_named_suite_has_its_name(tmp_path: Path) -> None:
    """A suite is a better name than a command line."""
    head = read_measurement(_written(tmp_path, _run("head", 0, result=None), suite="startup", command="x")).head

    assert {series.benchmark.name for series in head.series} == {"startup"}
    assert head.suite == "startup"


def test_a_run_that_wrote_nothing_among_others_that_did_failed(tmp_path: Path) -> None:
    """A missing result is not mistaken for a plain command."""
    head = read_measurement(_written(tmp_path, _run("head", 0), _run("head", 1, result=None))).head

    assert "left no result file" in (head.runs[1].failure or "")
    assert {series.metric.name for series in head.series} == {"time", "peak_memory", "throughput", "leak_growth"}


def test_a_measurement_without_a_base_has_one_side(tmp_path: Path) -> None:
    """`run` without `--base` measures the head alone."""
    assert read_measurement(_written(tmp_path, _run("head", 0))).base is None


@pytest.mark.parametrize("name", ["", "measurement.json"])
def test_read_gives_the_head(measured: Path, name: str) -> None:
    """Named like any results, a measurement stands for what it measured at the head."""
    assert repr(read(measured / name)) == repr((read_measurement(measured).head,))


LOOKS = [{"after_pair": 0, "median_s": 0.002, "spread": 0.03}, {"after_pair": 2, "median_s": 0.003, "spread": 0.01}]


def test_how_the_machine_behaved_is_kept_with_both_sides(tmp_path: Path) -> None:
    """Probes as their middle and ends, steal as a share of the CPU time wanted, time saved with the head alone."""
    folder = _written(
        tmp_path,
        _run("head", 0, steal_s=0.2),
        _run("base", 0, steal_s=0.1),
        probe={"work": "1 CPython 3.12.0", "looks": LOOKS},
        stopped={"word": "decided", "why": "enough", "saved_s": 42.5},
    )
    head, base = read_measurement(folder).head, _base(folder)
    (conditions,) = head.conditions
    expected = Conditions("1 CPython 3.12.0", 0.0025, 0.002, 0.003, 0.02, round(0.3 / 3.3, 4))
    assert conditions == expected
    assert base.conditions == head.conditions
    assert (head.saved_s, base.saved_s) == (42.5, None)
    assert records.decode(records.encode(head), "x").conditions == head.conditions


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"probe": None},
        {"probe": {}},
        {"probe": {"looks": LOOKS}},
        {"probe": {"work": "1", "looks": {}}},
        {"probe": {"work": "1", "looks": [1, {"median_s": "x"}, {"median_s": -1}, {"median_s": 1e300}]}},
        {"stopped": {"word": "complete", "why": "", "saved_s": -1}},
        {"stopped": {"word": "complete", "why": "", "saved_s": 1e300}},
    ],
)
def test_a_measurement_that_tells_nothing_usable_of_its_machine_is_read(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """An older version measured it, or somebody edited it: the results count all the same."""
    head = read_measurement(_written(tmp_path, _run("head", 0, steal_s=-5.0), **changes)).head
    assert head.conditions == (Conditions(),)
    assert head.saved_s is None
    assert head.series


def test_sides_can_be_recorded(measured: Path) -> None:
    """What a measurement says survives being written as a record."""
    head = read_measurement(measured).head

    assert repr(records.decode(records.encode(head), "x")) == repr(head)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "its schema is 2, and 1 is known"),
        ({"schema": None}, "its schema is null"),
        ({"runs": []}, "no run of the head"),
        ({"runs": {}}, "runs is an object"),
        ({"runs": [1]}, r"runs\[0\] is a number"),
        ({"session": 5}, "session is a number"),
        ({"command": [5]}, "command is a number"),
        ({"sides": []}, "sides is a list"),
    ],
)
def test_an_index_of_the_wrong_shape_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """The place in the index is named."""
    with pytest.raises(InputError, match=message):
        read_measurement(_written(tmp_path, _run("head", 0), **changes))


@pytest.mark.parametrize(
    ("stopped", "why"),
    [(None, "killed"), ({"word": "interrupted", "why": "Ctrl-C after 3 pairs"}, "Ctrl-C after 3 pairs")],
)
def test_a_measurement_that_was_cut_short_says_so(tmp_path: Path, stopped: object, why: str) -> None:
    """What was measured stays usable, and the reader is told that more was planned."""
    head = read_measurement(_written(tmp_path, _run("head", 0), stopped=stopped)).head

    assert head.series
    assert why in head.warnings[-1]


def test_half_an_index_says_where_it_ends(measured: Path) -> None:
    """An index that was cut is told apart from a foreign one."""
    index = measured / "measurement.json"
    index.write_bytes(index.read_bytes()[:100])

    with pytest.raises(InputError, match="ends in the middle"):
        read_measurement(measured)


def test_a_folder_without_an_index(tmp_path: Path) -> None:
    """The missing index is named."""
    with pytest.raises(InputError, match=r"no file .*measurement\.json"):
        read_measurement(tmp_path)
