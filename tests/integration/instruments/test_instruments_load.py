"""Load tests of real functions and a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.instruments import load_target
from regress_action import analysis
from regress_action.advice.scalability import analyse
from regress_action.formats import read
from regress_action.instruments.load import LoadTestRunner, Scenario
from regress_action.instruments.load import scenario as load_scenario
from regress_action.instruments.load.level_files import read_levels
from regress_action.instruments.load.scenario import Shape
from regress_action.instruments.load.watching import abort_rule
from regress_action.model.comparisons import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.instruments.load.recorder import SecondStats

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(600)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def load(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`, with the targets beside this file on the path."""
    command = [sys.executable, "-m", "regress_action", "load", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(HERE)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def server() -> Iterator[str]:
    """Give the address of a server that answers after a millisecond."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(HERE / "load_server.py"), str(port), "1"])
    try:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                asyncio.run(asyncio.sleep(0.02))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("target", [load_target.nap, load_target.block])
def test_users_wait_for_their_answers(target: object) -> None:
    """Four users who wait 5 ms for each answer ask at most 800 times a second; nothing before the ramp's end counts."""
    result = LoadTestRunner(target, Scenario(users=4, duration_s=1.0, ramp_up_s=0.3)).run()  # type: ignore[arg-type]

    assert 20 < result.requests <= 804
    assert result.failed == 0
    assert result.throughput == pytest.approx(result.requests / 1.0, rel=0.05)
    assert result.response["p50"].value_s >= 0.005
    assert sum(second.requests for second in result.seconds) == result.requests
    assert result.imbalance is not None
    assert result.schedule_error is None


@pytest.mark.parametrize("target", [load_target.nap, load_target.block])
def test_arrivals_come_at_their_rate(target: object) -> None:
    """A rate of 100 for a second and a half makes 150 requests, however long each takes."""
    result = LoadTestRunner(target, Scenario(rate=100, duration_s=1.5, warmup_s=0.2)).run()  # type: ignore[arg-type]

    assert abs(result.requests - 150) <= 1
    assert result.dropped == 0
    assert set(result.response) == {"p50", "p90"}, "p95 of 150 answers would rest on eight"


def test_a_stall_is_not_hidden_by_the_load_generator() -> None:
    """A target that stops for half a second shows so in the tail of the response times of an open loop.

    One user, who waits for the answer, sends nothing meanwhile and sees one slow answer of many.
    """
    scenario = Scenario(rate=200, duration_s=2.0, in_flight=1000)
    result = LoadTestRunner(load_target.Stalling(after=100, stall_s=0.5), scenario).run()
    alone = LoadTestRunner(load_target.Stalling(after=100, stall_s=0.5), Scenario(users=1, duration_s=2.0)).run()

    assert result.response["p90"].value_s > 0.1
    assert alone.response["p90"].value_s < 0.1


def test_the_service_time_is_shown_beside_the_response_time() -> None:
    """When too few threads serve, a request waits before it is sent: only the response time holds that wait."""
    scenario = Scenario(rate=400, duration_s=1.0, in_flight=500)
    result = LoadTestRunner(load_target.block, scenario).run()

    assert result.service["p50"].value_s <= result.response["p50"].value_s


def test_arrivals_beyond_the_limit_are_dropped_and_counted() -> None:
    """With one request open at most, an arrival that finds it open is not sent, and the report says how many."""
    result = LoadTestRunner(load_target.nap, Scenario(rate=1000, duration_s=0.5, in_flight=1)).run()

    assert result.dropped > 100
    assert "dropped" in " ".join(result.warnings())
    assert result.requests + result.dropped == pytest.approx(500, abs=2)


def test_errors_are_counted_by_kind_and_end_the_load() -> None:
    """A target that refuses everything has no latency; the rule ends the load after three seconds of it."""
    seen: list[SecondStats] = []
    runner = LoadTestRunner(
        load_target.refuse,
        Scenario(users=2, duration_s=30, think_s=0.05),
        abort=[abort_rule("errors>10%")],
        progress=seen.append,
    )

    result = runner.run()

    assert result.aborted == "errors>10%"
    assert result.errors == {"ConnectionRefusedError": result.requests}
    assert result.response == {}
    assert result.duration_s < 10
    assert len(seen) >= 3
    assert result.report().runs[0].failure == "errors>10%"


def test_a_request_that_takes_too_long_is_an_error() -> None:
    """The timeout ends it."""

    async def hang() -> None:
        await asyncio.sleep(60)

    result = LoadTestRunner(hang, Scenario(users=1, duration_s=0.5, timeout_s=0.1)).run()

    assert set(result.errors) == {"TimeoutError"}


def test_little_s_law_holds_for_a_healthy_generator() -> None:
    """Throughput times service time is the number of open requests that another thread saw."""
    result = LoadTestRunner(load_target.nap, Scenario(users=10, duration_s=1.5)).run()

    assert result.little is not None
    assert 0.4 < result.little < 2.5, "on a busy machine the thread that looks is late as well"


def test_little_s_law_holds_for_a_spike_and_for_answers_that_take_long() -> None:
    """The first second counts, where no ramp comes before it; what is open after the end does not."""

    async def half_a_second() -> None:
        await asyncio.sleep(0.5)

    short = LoadTestRunner(half_a_second, Scenario(users=4, duration_s=0.6)).run()
    spike = LoadTestRunner(load_target.nap, Scenario(users=20, duration_s=1.5, shape=Shape.SPIKE)).run()

    assert short.little is not None
    assert spike.little is not None
    assert 0.6 < short.little < 1.3, "1.67 where the open requests are counted after the end"
    assert 0.4 < spike.little < 1.6, "2.3 where only the time after the first second is seen"


def test_every_second_has_one_line() -> None:
    """The last second is shown; the start of the measurement, and the requests that are open at its end, are not."""
    seen: list[SecondStats] = []
    scenario = Scenario(users=2, duration_s=1.0, ramp_up_s=0.3)
    result = LoadTestRunner(load_target.nap, scenario, progress=seen.append).run()

    assert seen
    assert min(second.at_s for second in seen) >= 1.0
    assert sum(second.requests for second in result.seconds) == result.requests


@pytest.mark.parametrize("client", ["aiohttp", "httpx"])
def test_a_server_is_loaded_by_users_with_connections_of_their_own(
    server: str, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every user sends some; a page that is not there is an error with its status; the process is watched."""
    monkeypatch.setattr(load_scenario, "_CLIENTS", (client,))
    result = LoadTestRunner(server, Scenario(users=3, duration_s=1.0), process=os.getpid()).run()
    missing = LoadTestRunner(f"{server}/missing", Scenario(rate=50, duration_s=0.5)).run()

    assert result.failed == 0
    assert result.requests > 30
    assert result.resources["peak_memory"] > 1e6
    assert set(missing.errors) == {"HTTP 404"}


def test_the_command_writes_figures_and_a_report(tmp_path: Path) -> None:
    """`--json -` prints one object with latencies in seconds; the report holds every run and the digest."""
    done = load(
        tmp_path,
        "load_target:nap",
        "--users=5",
        "--duration=1s",
        "--ramp-up=0.2s",
        "--runs=2",
        "--json=-",
        "--out=r.jsonl",
    )
    results = json.loads(done.stdout)
    (report,) = read(tmp_path / "r.jsonl")

    assert done.returncode == 0, done.stderr
    assert "requests" in done.stderr
    assert len(results) == 2
    assert results[0]["latency"]["p50"] >= 0.005
    assert results[0]["errors"] == 0
    assert results[0]["scenario"]["loop"] == "closed"
    assert len(report.runs) == 2
    assert {series.benchmark.version for series in report.series} == {results[0]["scenario"]["digest"]}
    assert {series.metric.name for series in report.series} >= {"throughput", "latency_p50", "error_share"}


def test_unlike_loads_are_not_compared(tmp_path: Path) -> None:
    """Five users against six is no comparison, whatever their latencies; few requests have no far percentiles."""
    for users in (5, 6):
        done = load(tmp_path, "load_target:nap", f"--users={users}", "--duration=500ms", f"--out={users}.jsonl", "-q")
        assert done.returncode == 0, done.stderr
    judgement = analysis.compare(read(tmp_path / "5.jsonl"), read(tmp_path / "6.jsonl"), analysis.Policy())

    verdicts = {row.verdict for row in judgement.comparisons}
    assert verdicts - {Verdict.NEW, Verdict.MISSING} == {Verdict.INCOMPARABLE}


def test_a_server_is_started_for_every_run_and_judged_by_its_history(tmp_path: Path) -> None:
    """A first load founds the history; each run has a server of its own, which is gone afterwards."""
    port = free_port()
    served = f"{sys.executable} {HERE / 'load_server.py'} {port} 1"
    done = load(
        tmp_path,
        f"http://127.0.0.1:{port}/",
        "--rate=50",
        "--duration=500ms",
        "--runs=2",
        f"--serve={served}",
        "--history=loads",
        "-q",
    )

    assert done.returncode == 0, done.stderr + done.stdout
    assert "response p50" in done.stdout
    assert list((tmp_path / "loads").rglob("*.jsonl"))
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_two_servers_are_loaded_in_turn_and_judged(tmp_path: Path) -> None:
    """Each run has a neighbour of the other side; an answer that takes a hundred times as long is a regression."""
    port = free_port()
    base, head = (f"{sys.executable} {HERE / 'load_server.py'} {port} {delay_ms}" for delay_ms in (1, 100))
    done = load(
        tmp_path,
        f"http://127.0.0.1:{port}/",
        "--rate=50",
        "--duration=500ms",
        "--runs=5",
        f"--serve={head}",
        f"--against={base}",
        "--json=-",
    )
    result = json.loads(done.stdout)
    verdicts = {row["metric"]: row["verdict"] for row in result["comparison"]["comparisons"]}

    assert done.returncode == 1, done.stderr
    assert result["comparison"]["mode"] == "paired"
    assert verdicts["latency_p50"] == "regression"
    assert (len(result["baseline"]), len(result["head"])) == (5, 5)
    order = [line.split()[0] for line in done.stderr.splitlines() if line.startswith(("baseline", "head"))]
    assert order[:4] == ["baseline", "head", "head", "baseline"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere:function",), "cannot be imported"),
        (("load_target:absent",), "cannot be imported"),
        (("load_target",), "is no target"),
        (("load_target:nap", "--duration=soon"), "not a duration"),
        (("load_target:nap", "--abort=whenever"), "no rule"),
        (("load_target:nap", "--abort=p99>1ms", "--duration=3s"), "bad seconds in a row"),
        (("load_target:nap", "--serve=server"), "needs an address"),
        (("load_target:nap", "--against=server"), "needs an address"),
        (("load_target:nap", "--against=server", "--history=loads"), "each name what to judge against"),
        (("load_target:nap", "--workers=2"), "are for Locust"),
        (("load_target:nap", "--engine=locust", "--listen=here"), "no place to listen"),
    ],
)
def test_wrong_calls_are_explained(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """The exit status is 2, and the error names what is wrong."""
    done = load(tmp_path, *arguments)

    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("load_of", [Scenario(users=2), Scenario(rate=20)])
def test_a_load_that_a_rule_ended_does_not_wait_for_a_target_that_hangs(load_of: Scenario) -> None:
    """Open requests are given up long before their own limit of time, and count as errors."""
    scenario = replace(load_of, duration_s=120, timeout_s=120)

    result = LoadTestRunner(load_target.hang, scenario, abort=[abort_rule("p50>100ms")]).run()

    assert result.aborted == "p50>100ms"
    assert result.errors == {"Unanswered": result.requests}
    assert result.duration_s < 60


def test_a_load_without_an_answer_measured_nothing(tmp_path: Path) -> None:
    """The exit status is 3."""
    assert load(tmp_path, "load_target:refuse", "--duration=200ms", "-q").returncode == 3


def test_a_load_that_a_rule_ended_is_not_complete(tmp_path: Path) -> None:
    """The exit status is 3, and the output names the rule."""
    done = load(tmp_path, "load_target:block", "--duration=30s", "--abort=p50>1ms", "-q")

    assert done.returncode == 3
    assert "ended early: p50>1ms" in done.stdout


def test_the_limit_of_a_server_is_found_from_several_levels(tmp_path: Path) -> None:
    """A server that answers five requests at a time gives its limit, in the JSON and again from the file."""
    port = free_port()
    served = f"{sys.executable} {HERE / 'load_server.py'} {port} 60 1 5"
    levels = ("--levels=1,2,4,8,14,20", "--duration=900ms", f"--serve={served}", "--json=levels.json", "--out=r.jsonl")
    done = load(tmp_path, f"http://127.0.0.1:{port}/", *levels, "-q")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "throughput by concurrency" in done.stdout

    content = json.loads((tmp_path / "levels.json").read_text())
    assert [result["scenario"]["users"] for result in content["results"]] == [1, 2, 4, 8, 14, 20]
    assert content["scalability"]["optimal"]["concurrency"] < 20
    assert analyse(read_levels([tmp_path / "levels.json"])).as_dict() == content["scalability"]
    reports = read(tmp_path / "r.jsonl")
    assert len({row.benchmark for report in reports for row in report.series if row.metric.name == "throughput"}) == 6
