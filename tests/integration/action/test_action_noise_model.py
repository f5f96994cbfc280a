"""Noise that a history teaches: learned when a report is recorded, stored with it, shown, and heeded."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regress_action.model import records
from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from pathlib import Path

RESTLESS = [1.0, 1.07, 0.94, 1.05, 0.97, 1.08, 0.93, 1.02, 1.1, 0.95] * 2
QUIET = [1.0, 1.001, 0.999, 1.0, 1.001]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the history of twenty restless runs, and of five that happen to agree."""
    (tmp_path / "runs").mkdir()
    for day, value in enumerate([*RESTLESS, *QUIET], 1):
        (tmp_path / f"runs/{day:02}.jsonl").write_bytes(records.encode(_report(value, day)))
    (tmp_path / "head.jsonl").write_bytes(records.encode(_report(1.06, 26)))
    _command(tmp_path, "record", "runs/*.jsonl", "--history", "kept")
    return tmp_path


def _report(value: float, day: int) -> Report:
    environment = Environment("self-hosted", "linux", "Xeon", 4)
    series = Series(Benchmark("parse"), Metric("time", "s"), (value,))
    made = f"2026-01-{day:02}T12:00:00Z"
    return Report((series,), (Run(),), commit=f"{day:040x}", branch="main", created=made, environment=environment)


def _command(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "regress_action", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def _stored(folder: Path) -> list[Report]:
    paths = sorted((folder / "kept/runs").rglob("*.jsonl"))
    return [records.decode(path.read_bytes(), path.name) for path in paths]


def test_a_report_is_stored_with_the_noise_of_what_came_before(folder: Path) -> None:
    """From twelve runs on; each knows only what was older than itself."""
    learned = [report.series[0].noise for report in _stored(folder)]

    assert learned[:11] == [None] * 11
    assert [noise.runs for noise in learned[11:] if noise] == list(range(12, 26))
    assert learned[-1]
    assert learned[-1].spread == pytest.approx(0.08, abs=0.03)
    assert learned[-1].runs == 25


def test_learned_noise_is_heeded_and_shown(folder: Path) -> None:
    """Five runs that agree would call 6 % a regression; twenty-five have shown that it is none, and it is said."""
    printed = _command(folder, "detect", "head.jsonl", "--history", "kept", "--last", "5", "--json", "judged.json")
    judged = json.loads((folder / "judged.json").read_text())
    [comparison] = judged["comparisons"]

    assert comparison["verdict"] == "inconclusive"
    noise = _stored(folder)[-1].series[0].noise
    assert noise
    assert comparison["noise"] == {"spread": noise.spread, "runs": 25}
    assert "noise learned from the history" in judged["notes"][0]
    assert "noise learned from the history" in " ".join(printed.split())
    assert "neighbouring runs differ by" in _command(folder, "history", "show", f"{25:040x}", "--history", "kept")


def test_the_baseline_alone_knows_no_better(folder: Path) -> None:
    """The same five runs without the twenty before them."""
    _command(folder, "record", "runs/2[1-5].jsonl", "--history", "young")
    _command(folder, "detect", "head.jsonl", "--history", "young", "--json", "judged.json")
    [comparison] = json.loads((folder / "judged.json").read_text())["comparisons"]

    assert (comparison["verdict"], comparison["noise"]) == ("regression", None)


def test_recording_a_report_again_stores_it_once(folder: Path) -> None:
    """What was learned from is what is older, so the second record is the first to the byte."""
    _command(folder, "record", "runs/*.jsonl", "--history", "kept")

    assert len(_stored(folder)) == 25
