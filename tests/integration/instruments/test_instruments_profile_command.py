"""`regress-action profile`: any command, measured from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regress_action.formats import read

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
from regress_action import PerformanceProfiler
with PerformanceProfiler("job") as profiler:
    with profiler.span("load"):
        data = b"x" * 30_000_000
    with profiler.span("work"):
        sum(range(200_000))
"""


def profile(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`."""
    command = [sys.executable, "-m", "regress_action", "profile", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def test_figures_spans_and_report_of_a_program(tmp_path: Path) -> None:
    """Two processes are measured; the figures, the trace of the spans and the report are written."""
    (tmp_path / "job.py").write_text(PROGRAM)

    done = profile(
        tmp_path,
        "--runs=2",
        "--name=job",
        "--json=figures.json",
        "--out=report.jsonl",
        "--trace=trace.json",
        "--",
        sys.executable,
        "job.py",
    )
    figures = json.loads((tmp_path / "figures.json").read_text())
    trace = json.loads((tmp_path / "trace.json").read_text())
    (report,) = read(tmp_path / "report.jsonl")

    assert done.returncode == 0, done.stderr
    assert "peak_memory" in done.stdout
    assert "job: 2 spans." in done.stdout
    assert "which is subtracted" in done.stdout
    assert len(figures["runs"]) == 2
    assert figures["median"]["peak_memory"] > 30_000_000
    assert [event["name"] for event in trace["traceEvents"] if event["ph"] == "X"] == ["load", "work"]
    assert {series.benchmark.name for series in report.series} == {"job"}
    assert len(report.runs) == 2


@pytest.mark.parametrize("sampler", ["pyinstrument", "py-spy"])
def test_call_stacks_are_sampled_in_a_process_of_their_own(tmp_path: Path, sampler: str) -> None:
    """The figures are those of a process that nobody sampled; the file of the samples opens in speedscope."""
    if sampler == "py-spy" and sys.platform == "darwin":
        pytest.skip("py-spy needs root on macOS")
    (tmp_path / "job.py").write_text(
        "import time\ndef work(end):\n    while time.monotonic() < end:\n        sum(range(20_000))\n"
        "work(time.monotonic() + 1)\n"
    )

    done = profile(
        tmp_path, f"--sampler={sampler}", "--samples=s.json", "--json=figures.json", "--", sys.executable, "job.py"
    )
    samples = json.loads((tmp_path / "s.json").read_text())

    assert done.returncode == 0, done.stderr
    assert "work" in {frame["name"] for frame in samples["shared"]["frames"]}
    assert samples["profiles"]
    assert len(json.loads((tmp_path / "figures.json").read_text())["runs"]) == 1


def test_a_function_of_less_than_one_percent_of_the_time_is_sampled(tmp_path: Path) -> None:
    """A stall of the machine cannot hide the program's own functions: nothing that was sampled is left out."""
    (tmp_path / "job.py").write_text(
        "import time\ndef work(end):\n    while time.monotonic() < end:\n        sum(range(2_000))\n"
        "time.sleep(3)\nwork(time.monotonic() + 0.015)\n"
    )

    done = profile(tmp_path, "--sampler=pyinstrument", "--samples=s.json", "--", sys.executable, "job.py")
    samples = json.loads((tmp_path / "s.json").read_text())

    assert done.returncode == 0, done.stderr
    assert "work" in {frame["name"] for frame in samples["shared"]["frames"]}


@pytest.mark.parametrize(
    ("ending", "said"),
    [("raise SystemExit(5)", "status 5"), ("import os; os.kill(os.getpid(), 15)", "ended by SIGTERM")],
)
def test_a_command_that_fails_is_no_measurement(tmp_path: Path, ending: str, said: str) -> None:
    """A process that failed or was killed gives no figures; the exit status says that nothing was measured."""
    done = profile(tmp_path, "--", sys.executable, "-c", ending)

    assert done.returncode == 3
    assert said in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("command", [("job.py",), (sys.executable, "-m", "job")])
def test_a_script_or_a_module_gets_its_own_arguments(tmp_path: Path, command: tuple[str, ...]) -> None:
    """What follows the command belongs to it, options with names of ours included."""
    (tmp_path / "job.py").write_text("import sys\nprint('got', sys.argv[1:])")

    done = profile(tmp_path, "--name=job", *command, "--runs", "7", "-x", "last")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("got ['--runs', '7', '-x', 'last']\njob: median of 1 process\n")


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    """The time that a process may take is kept."""
    done = profile(tmp_path, "--timeout=1", "--", sys.executable, "-c", "import time; time.sleep(60)")

    assert done.returncode == 3
    assert "within 1 s" in done.stderr


def test_a_program_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    """The name is said, and the exit status is 2."""
    done = profile(tmp_path, "--", "no-such-program")

    assert done.returncode == 2
    assert "no-such-program" in done.stderr
