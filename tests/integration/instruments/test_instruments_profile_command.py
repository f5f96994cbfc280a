"""`regress-action profile`: any command, measured from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regress_action.formats import read
from regress_action.instruments import command_profile
from regress_action.model.errors import InputError

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


def test_a_program_that_does_not_exist_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was traced, so there is nothing to keep."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert profile(tmp_path, "no-such-program").returncode == 2
    assert not list(tmp_path.iterdir())


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
    names = [frame["name"] for frame in samples["shared"]["frames"]]
    assert "work" in names
    assert "_run_code" not in names, "what started the program"
    assert samples["profiles"]
    assert len(json.loads((tmp_path / "figures.json").read_text())["runs"]) == 1


def test_every_sample_of_the_program_is_kept() -> None:
    """Also where one fell on what starts a program, after which pyinstrument's own export leaves out the program."""
    start = [
        "MainThread\0<thread>\x0012",
        "main\0lib/pyinstrument/__main__.py\x0030\x01l4",
        "<module>\0<string>\x001\x01l1",
    ]
    runpy = "run_path\0<frozen runpy>\x00262\x01l291"
    session = {
        "target_description": "Program: job.py",
        "frame_records": [
            [[*start, runpy], 0.001],
            [[*start, runpy, "compile\0<built-in>\x000"], 0.002],
            [[*start, runpy, "<module>\0job.py\x001\x01l5", "work\0job.py\x002\x01l4", "f\0<string>\x001"], 0.004],
        ],
    }

    written = command_profile.speedscope_of_session(json.dumps(session).encode(), "s.json")

    assert [frame["name"] for frame in written["shared"]["frames"]] == ["compile", "<module>", "work", "f"]
    assert written["profiles"][0]["samples"] == [[0], [1, 2, 3]]
    assert written["profiles"][0]["weights"] == [0.002, 0.004]


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"frame_records": [["a"]]}', '{"frame_records": [[["work"], 1]]}', '{"fr']
)
def test_a_session_of_another_form_is_refused(text: str) -> None:
    """With the file, and what to use instead; so is one that was cut."""
    with pytest.raises(InputError, match="no session of pyinstrument"):
        command_profile.speedscope_of_session(text.encode(), "s.json")


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


def test_command_that_fails_at_once_is_started_once(tmp_path: Path) -> None:
    """What it says would only be repeated."""
    done = profile(tmp_path, "--runs", "3", "--", sys.executable, "-c", "raise ValueError('so')")

    assert done.returncode == 3
    assert done.stderr.count("Traceback") == 1
    assert "The first process failed: it ended with status 1. The others were not started." in done.stderr


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
