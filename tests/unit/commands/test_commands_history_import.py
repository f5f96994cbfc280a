"""Whatever people have is imported by one command."""

import json
import os
from pathlib import Path

import pytest

from regress_action.commands.history_import import import_from
from regress_action.model.errors import InputError, UsageError

BMF = Path(__file__).parents[2] / "data" / "formats" / "bencher" / "bmf.json"


def test_a_file_that_knows_no_time_is_given_one(tmp_path: Path) -> None:
    """Bencher's own format says neither commit nor time; the caller does, and may not write nonsense."""
    where = os.fspath(tmp_path / "history")
    with pytest.raises(InputError, match="when it was measured"):
        import_from(where, [BMF])
    with pytest.raises(UsageError, match="is no time"):
        import_from(where, [BMF], time="yesterday")
    assert import_from(where, [BMF], time="2024-07-01", commit="4f2a" * 10) == "Imported 1 report as 1 record."
    (record,) = (tmp_path / "history" / "runs").rglob("*.jsonl")
    assert record.name.startswith("20240701T000000Z-4f2a4f2a4f2a-")


def test_what_bencher_keeps_is_distinguished_from_results(tmp_path: Path) -> None:
    """The answer of `bencher perf` is a series, and the file of a single run of hyperfine is not."""
    point = {
        "report": "r",
        "iteration": 0,
        "start_time": "2024-05-01T12:00:00Z",
        "version": {"hash": None},
        "metric": {"value": 8},
    }
    names = {kind: {"name": kind} for kind in ("branch", "testbed", "benchmark")}
    line = {**names, "measure": {"slug": "latency", "units": "nanoseconds (ns)"}, "metrics": [point]}
    perf, single = tmp_path / "perf.json", tmp_path / "single.json"
    perf.write_text(json.dumps({"results": [line, line | {"benchmark": {"name": "other"}}]}))
    single.write_text(json.dumps({"results": [{"command": "ls", "mean": 1.0, "times": [1.0]}]}))
    said = import_from(os.fspath(tmp_path / "history"), [perf, single], time="2024-05-02T00:00:00Z", branch="main")
    assert said == "Imported 2 reports as 2 records."


def test_only_what_is_new_is_counted(tmp_path: Path) -> None:
    """A second import stores nothing and says so; a file without a value is an error."""
    where = os.fspath(tmp_path / "history")
    rows = "time,a\n2024-01-01,1.5\n2024-01-02,1.6\n"
    (tmp_path / "a.csv").write_text(rows)
    (tmp_path / "b.csv").write_text(f"{rows}2024-01-03,1.7\n")
    assert import_from(where, [tmp_path / "a.csv"]) == "Imported 2 reports as 2 records."
    assert import_from(where, [tmp_path / "a.csv"]) == "Imported 0 records; 2 records were stored already."
    assert import_from(where, [tmp_path / "b.csv"]) == "Imported 1 record; 2 records were stored already."
    (tmp_path / "data.js").write_text('window.BENCHMARK_DATA = {"entries": {"x": []}}')
    with pytest.raises(InputError, match="no report"):
        import_from(where, [tmp_path / "data.js"])
