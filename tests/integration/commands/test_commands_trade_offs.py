"""`compare` with trade-offs and a quorum in the thresholds file, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action.model import records
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series

if TYPE_CHECKING:
    from pathlib import Path

TIME, MEMORY = Metric("time", "s"), Metric("peak_memory", "B")
RULE = "memory +10 % allowed if time -5 %"


def write(folder: Path, name: str, seed: int, time: float, memory: float) -> None:
    """Write ten interleaved runs of eight benchmarks of the service `cache`, at these factors of their level."""
    random = np.random.default_rng(seed)
    series = [
        Series(Benchmark(f"b{number}", service="cache"), metric, tuple((level * noise).tolist()))
        for number in range(8)
        for metric, level, spread in ((TIME, 0.01 * time, 0.02), (MEMORY, 4e7 * memory, 0.002))
        for noise in [np.exp(random.normal(0, spread, 10))]
    ]
    runs = tuple(Run(session="s", pair=pair) for pair in range(10))
    report = Report(runs=runs, series=tuple(series), source="test", commit=f"{seed:x}" * 40)
    (folder / name).write_bytes(records.encode(report))


def compared(folder: Path, thresholds: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Judge head.jsonl against base.jsonl by a thresholds file."""
    (folder / "thresholds.yml").write_text(thresholds)
    line = ["compare", "base.jsonl", "head.jsonl", "--thresholds", "thresholds.yml", "--fail-on", "minor", *words]
    command = [sys.executable, "-m", "regress_action", *line]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("time", "status"), [(0.85, 0), (0.97, 1)])
def test_memory_is_traded_for_time(tmp_path: Path, time: float, status: int) -> None:
    """The exit status follows the proof, and terminal, Markdown, HTML and JSON hold both numbers."""
    write(tmp_path, "base.jsonl", 1, 1.0, 1.0)
    write(tmp_path, "head.jsonl", 2, time, 1.08)
    outputs = ("--markdown", "m.md", "--html", "h.html", "--json", "j.json", "--export", "junit", "j.xml")
    ended = compared(
        tmp_path, f"default: {{regression_threshold: 1.05, trade_offs: [{RULE}]}}\n", *outputs, "--verbose"
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    said = "is allowed by the trade-off" if status == 0 else "is not allowed by the trade-off"
    for text in (ended.stdout, *((tmp_path / name).read_text() for name in ("m.md", "h.html", "j.json", "j.xml"))):
        words = " ".join(text.split())
        assert said in words
        assert "% larger" in words
        assert "% faster" in words
    rows = json.loads((tmp_path / "j.json").read_text())["comparisons"]
    states = {row["trade_off"]["state"] for row in rows if row["trade_off"]}
    assert states == ({"holds"} if status == 0 else {"not-proven"})


@pytest.mark.parametrize(("quorum", "status"), [("0.75", 1), ("8", 1), (None, 0)])
def test_slight_regressions_of_a_service_are_one_alarm(tmp_path: Path, quorum: str | None, status: int) -> None:
    """No benchmark and not the service reaches a threshold; with a quorum the service alarms once."""
    write(tmp_path, "base.jsonl", 1, 1.0, 1.0)
    write(tmp_path, "head.jsonl", 2, 1.08, 1.0)
    line = f", quorum: {quorum}" if quorum else ""
    ended = compared(
        tmp_path,
        f"cache: {{regression_threshold: 1.3, service_threshold: 1.3{line}}}\n",
        "--json",
        "j.json",
        "--export",
        "junit",
        "j.xml",
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    judgement = json.loads((tmp_path / "j.json").read_text())
    assert {row["severity"] for row in judgement["comparisons"]} <= {"slight", "none"}
    (service,) = judgement["services"]
    assert service["severity"] == ("minor" if quorum else "slight")
    assert ((tmp_path / "j.xml").read_text().count("<failure")) == status
    if quorum:
        assert "Minor regression: service cache is" in " ".join(ended.stdout.split())
        assert "8 of 8 benchmarks lean that way by themselves" in " ".join(ended.stdout.split())


def test_trade_off_that_cannot_be_read_is_one_message(tmp_path: Path) -> None:
    """It names the entry and shows how to write one, before anything is judged."""
    write(tmp_path, "base.jsonl", 1, 1.0, 1.0)
    write(tmp_path, "head.jsonl", 2, 1.0, 1.0)
    ended = compared(tmp_path, "cache: {trade_offs: [memory may grow]}\n")
    assert ended.returncode == 2
    assert "thresholds.yml: cache.trade_offs[0] is 'memory may grow'." in ended.stderr
    assert f"Write it like  {RULE}" in ended.stderr
    assert ended.stdout == ""
