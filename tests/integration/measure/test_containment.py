"""Suites that attack the measurer: they kill it, leave processes behind, or write to its standard output."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from integration.measure.measure_repository import VARIABLES, Measurer, python
from regress_action.measure.spawn import usable_namespace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
NEEDS_NAMESPACE = pytest.mark.skipif(not usable_namespace(), reason="no PID namespace can be made here")
KILLER = """
import os, signal, sys, time
from pathlib import Path
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        Path(sys.argv[1]).write_text(Path("/proc/self/stat").read_text().split()[0])
        os.environ.clear()
        time.sleep(60)
    os._exit(0)
os.wait()
while not Path(sys.argv[1]).exists():
    time.sleep(0.01)
for place in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        words = place.read_bytes().split(b"\\0")
    except OSError:
        continue
    if sys.argv[2].encode() in words or any(b"measure.watchdog" in word for word in words) and FOLDER in words:
        if b"regress_action.measure.supervisor" not in words:
            os.kill(int(place.parent.name), signal.SIGKILL)
time.sleep(5)
"""


def _until(condition: Callable[[], object], limit_s: float = 60.0) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "the condition never held"
        time.sleep(0.01)


def _supervised(measure: Measurer, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the measurer below its supervisor, as bin/measure does."""
    argv = measure.argv(*words)
    argv[argv.index("regress_action.measure")] = "regress_action.measure.supervisor"
    return subprocess.run(
        argv, cwd=measure.folder, env=VARIABLES | variables, capture_output=True, text=True, check=False, timeout=60
    )


def _end(measure: Measurer) -> dict[str, object]:
    return dict(json.loads((measure.folder / ".regress/measure-ended.json").read_text()))


@LINUX
def test_suite_that_kills_the_measurer_leaves_no_daemon(measure: Measurer, tmp_path: Path) -> None:
    """Measurer and watchdog are killed: the supervisor ends the daemon, records the signal, and exits with 4."""
    pid = tmp_path / "pid"
    command = python(KILLER.replace("FOLDER", "words"), str(pid), str(measure.out))
    secret = measure.folder / ".regress/measure-secret"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("5" * 64)
    ended = _supervised(measure, "--runs", "1", "--", command)
    assert ended.returncode == 4
    assert not secret.exists()
    assert "The measurer was killed by SIGKILL." in ended.stderr
    assert _end(measure) == {"status": -signal.SIGKILL, "survivors": []}
    assert not psutil.pid_exists(int(pid.read_text()))


@LINUX
def test_only_the_supervisor_knows_the_secret_of_its_note(measure: Measurer) -> None:
    """The suite starts after the file was removed, and a measurement that failed on its own is noted as seen."""
    secret = measure.folder / ".regress/measure-secret"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("5" * 64)
    ended = _supervised(
        measure, "--runs", "1", "--", python("import os, sys; sys.exit(os.path.exists(sys.argv[1]))", str(secret))
    )
    assert ended.returncode == 0, ended.stderr
    assert _end(measure) == {"status": 0, "survivors": [], "secret": "5" * 64}


@NEEDS_NAMESPACE
def test_suite_in_a_namespace_cannot_kill_the_measurer(measure: Measurer, tmp_path: Path) -> None:
    """In a job the suite sees its own processes only; its daemon ends with it, and the measurement goes on."""
    command = python(KILLER.replace("FOLDER", "words").replace("time.sleep(5)", ""), str(tmp_path / "pid"), "x")
    ended = _supervised(measure, "--runs", "2", "--", f"kill -9 $PPID; kill -9 -1; {command}", GITHUB_ACTIONS="true")
    assert ended.returncode in {0, 3}, ended.stderr
    document = json.loads((measure.out / "measurement.json").read_text())
    assert document["survivors"] == []
    assert _end(measure) == {"status": ended.returncode, "survivors": []}
    assert [process for process in psutil.process_iter(["cmdline"]) if str(tmp_path / "pid") in _words(process)] == []


def _words(process: psutil.Process) -> list[str]:
    return list(process.info["cmdline"] or [])


@NEEDS_NAMESPACE
def test_resource_usage_is_counted_in_a_namespace(measure: Measurer) -> None:
    """CPU time, memory, status and processes left behind are the same as without a namespace."""
    mib = 2**20
    burn = python(f"import time; x = b'x' * {100 * mib}\nwhile time.process_time() < 0.4: pass")
    measured = measure("--runs", "1", "--", f"setsid sleep 60 & {burn}; exit 7", GITHUB_ACTIONS="true")
    run = measured.runs[0]
    assert (run["exit_status"], run["left_behind"]) == (7, ["sleep"])
    assert 0.35 < run["user_s"] + run["system_s"] < 2
    assert run["peak_rss_bytes"] == pytest.approx(110 * mib, rel=0.15)


@NEEDS_NAMESPACE
def test_time_limit_holds_in_a_namespace(measure: Measurer) -> None:
    """A suite that ignores SIGTERM and forks on is ended at its limit."""
    stubborn = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); time.sleep(60)"
    measured = measure("--runs", "1", "--timeout", "0.5", "--", python(stubborn), GITHUB_ACTIONS="true")
    assert measured.failures() == ["ran longer than its limit of 0.5 s and was stopped"]


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_suite_cannot_write_to_the_measurers_output(measure: Measurer, tmp_path: Path) -> None:
    """Without the rights of root, /proc does not open the measurer's descriptors or variables to the suite."""
    pid = tmp_path / "pid"
    attack = f"until test -s {pid}; do sleep 0.01; done; read measurer < {pid}; "
    attack += "for fd in 1 2; do echo '::error::forged' > /proc/$measurer/fd/$fd; done; "
    attack += "cat /proc/$measurer/environ > {out}"
    process = measure.start(
        "--clean-env",
        "--runs",
        "1",
        "--",
        attack,
        wrapper=["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
        DATABASE="hidden",
    )
    pid.write_text(f"{process.pid}\n")
    stdout, stderr = process.communicate(timeout=60)
    assert "forged" not in (stdout + stderr).replace("echo '::error::forged'", "")
    assert "Permission denied" in stdout
    assert not any("hidden" in path.read_text() for path in (measure.out / "runs").iterdir())


def test_measurer_stops_when_its_parent_is_killed(measure: Measurer, tmp_path: Path) -> None:
    """With --stop-with-parent, no measurer goes on measuring after whoever started it was killed."""
    pid = tmp_path / "pid"
    words = measure.argv("--runs", "1", "--", f"echo $$ > {pid}; exec sleep 65.5")
    words.insert(words.index("--out"), "--stop-with-parent=PID")
    starter = (
        "import os, subprocess, sys\n"
        "subprocess.run([word.replace('PID', str(os.getpid())) for word in sys.argv[1:]], check=False)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", starter, *words],
        cwd=measure.folder,
        env=VARIABLES,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _until(lambda: pid.exists() and pid.read_text().strip())
    parent.kill()
    parent.wait()
    _until(lambda: not psutil.pid_exists(int(pid.read_text())))
    file = measure.out / "measurement.json"
    _until(lambda: file.exists() and '"word": "interrupted"' in file.read_text())


def test_settings_of_the_repository_start_no_program_after_the_suite(measure: Measurer, tmp_path: Path) -> None:
    """A suite that sets core.fsmonitor or an alias in .git/config gets no program started by the measurer's git."""
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    hook.chmod(0o755)
    command = f"git -C {measure.folder} config core.fsmonitor {hook}; git -C {measure.folder} config core.pager {hook}"
    assert measure("--base", "HEAD~1", "--pairs", "1", "--", command).status == 0
    assert not (tmp_path / "started").exists()
