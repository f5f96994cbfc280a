"""A scenario on real workers of Locust, on loopback."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.instruments.test_instruments_load import free_port, load
from regress_action.formats import read
from regress_action.instruments.load import Scenario
from regress_action.instruments.load.locust_engine import LocustEngine, LocustWorkers
from regress_action.instruments.load.scenario import resolve
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(600)


def test_two_workers_share_the_users_of_an_address(tmp_path: Path) -> None:
    """Users, percentiles, Little's law and the process under load are those of one result, and so is the report."""
    port = free_port()
    done = load(
        tmp_path,
        f"http://127.0.0.1:{port}/",
        "--users=4",
        "--ramp-up=1s",
        "--duration=2s",
        "--think=5ms",
        "--engine=locust",
        "--workers=2",
        f"--serve={sys.executable} {HERE / 'load_server.py'} {port} 5",
        "--json=-",
        "--out=r.jsonl",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    (report,) = read(tmp_path / "r.jsonl")

    assert result["engine"] == "locust, 2 workers"
    assert result["errors"] == 0
    assert 20 < result["requests"] <= 804
    assert result["latency"]["p50"] >= 0.005
    assert result["imbalance"] >= 1.0
    assert result["little"] is not None
    assert result["resources"]["peak_memory"] > 1e6
    assert sum(second["requests"] for second in result["seconds"]) <= result["requests"]
    assert len(result["seconds"]) == 2
    assert {series.benchmark.version for series in report.series} == {result["scenario"]["digest"]}
    assert result["scenario"]["digest"] != Scenario(users=4, ramp_up_s=1, think_s=0.005).digest(result["target"])


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a load that waits for a worker from elsewhere."""
    arguments = ("load_target:block", "--users=2", "--duration=1s", "--engine=locust", "-q", "--json=result.json")
    process = subprocess.Popen(
        [sys.executable, "-m", "regress_action", "load", *arguments, f"--listen=127.0.0.1:{free_port()}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        if process.stdout:
            process.stdout.close()


def test_a_worker_that_is_started_elsewhere_joins_by_the_printed_command(
    waiting: subprocess.Popen[str], tmp_path: Path
) -> None:
    """The scenario reaches it from the master, so that the command needs nothing of it."""
    assert waiting.stdout is not None
    waiting.stdout.readline()
    _, *words = shlex.split(waiting.stdout.readline().replace("THIS-MACHINE", "127.0.0.1"))
    worker = subprocess.Popen(
        [sys.executable, *words], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(HERE)}, stderr=subprocess.DEVNULL
    )
    try:
        assert waiting.wait(300) == 0
    finally:
        worker.terminate()
        worker.wait(30)
    result = json.loads((tmp_path / "result.json").read_text())

    assert result["errors"] == 0
    assert result["requests"] > 5


@pytest.mark.parametrize(
    ("target", "scenario", "workers", "said"),
    [
        ("http://127.0.0.1/", Scenario(rate=5), 1, "no arrival rate"),
        ("integration.instruments.load_target:nap", Scenario(), 1, "coroutine"),
        ("http://127.0.0.1/", Scenario(users=2), 3, "cannot share"),
    ],
)
def test_what_locust_cannot_do_is_refused(target: str, scenario: Scenario, workers: int, said: str) -> None:
    """An arrival rate, a coroutine function, more workers than users."""
    with pytest.raises(UsageError, match=said):
        LocustEngine(resolve(target), scenario, LocustWorkers(workers))
