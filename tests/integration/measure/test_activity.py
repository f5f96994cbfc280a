"""What the monitor sees real programs do: run, or wait, and for what; and what limits their control group sets them."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from integration.measure.measure_repository import Measurer, python
from regress_action.measure.activity import Activity
from regress_action.measure.control_group_limits import ControlGroupLimits

CHILD_SLEEPS = "import subprocess; subprocess.run(['sleep', '0.6'])"
SERVER_SLEEPS = (
    "import socket, threading, time\nours, theirs = socket.socketpair()\n"
    "threading.Thread(target=lambda: (time.sleep(0.6), theirs.send(b'x'))).start()\nours.recv(1)"
)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.mark.parametrize(
    ("program", "doing"),
    [
        ("import time; time.sleep(0.6)", "sleep"),
        ("import asyncio; asyncio.run(asyncio.sleep(0.6))", "socket"),
        (CHILD_SLEEPS, "sleep"),
        (SERVER_SLEEPS, "socket"),
    ],
)  # fmt: skip
def test_waiting_is_named_by_what_it_is_for(measure: Measurer, program: str, doing: str) -> None:
    """The kernel says in which call a thread is blocked; what the innermost process waits for counts."""
    seen = measure("--runs", "1", "--", python(program)).runs[0]["resources"]

    assert max(seen["moments"], key=seen["moments"].get) in {doing, "running"}
    assert seen["moments"].get(doing)


def test_process_that_has_just_ended_was_running() -> None:
    """Who starts a process every few milliseconds waits for its child all the time, but the tree computes."""
    sleeper, ended = subprocess.Popen(["sleep", "60"]), subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    while psutil.Process(sleeper.pid).status() != psutil.STATUS_SLEEPING:  # it has still to become `sleep`
        time.sleep(0.01)
    seen = Activity()
    try:
        seen.note([sleeper.pid, ended.pid])
        seen.note([sleeper.pid])
    finally:
        sleeper.kill()
        sleeper.wait()
        ended.wait()

    assert (seen.moments["running"], seen.samples, seen.changes) == (1, 2, 1)


def test_threads_behind_a_lock_are_counted(measure: Measurer) -> None:
    """One thread holds the lock and sleeps, three others wait for it."""
    program = (
        "import threading, time\nlock = threading.Lock()\n"
        "def work():\n    with lock: time.sleep(0.2)\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "[thread.start() for thread in threads]\n[thread.join() for thread in threads]"
    )
    seen = measure("--runs", "1", "--", python(program)).runs[0]["resources"]

    assert seen["threads"]["lock"] > seen["threads"]["sleep"]
    assert seen["moments"]["sleep"]


def test_faults_and_calls_are_those_of_the_program(measure: Measurer) -> None:
    """The kernel counts them for every process that ended; what the monitor itself reads is left out."""
    program = "f = open('/dev/null', 'wb', buffering=0)\nfor _ in range(5000): f.write(b'x')\nb = bytearray(64 << 20)"
    seen = measure("--runs", "1", "--", python(program)).runs[0]["resources"]

    assert 5000 <= seen["calls"] < 7000
    assert 64 * 256 * 0.9 <= seen["minor_faults"] < 64 * 256 * 2


def test_limits_of_the_own_group_are_read() -> None:
    """Wherever this runs, the figures have their types, and nothing was counted in no time."""
    limits = ControlGroupLimits()
    limits.note("self")
    described = limits.described

    assert described["throttled_periods"] == 0
    assert described["cpu_limit"] is None or described["cpu_limit"] > 0
