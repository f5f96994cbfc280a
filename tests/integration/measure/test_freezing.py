"""Stopping process trees of real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from regress_action.measure.frozen_turns import SignalFreezer, freezer, groups_of, remove_groups

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="taking turns needs Linux")


def _status(pid: int, wanted: str) -> str:
    """Return the status of a process, once it is the wanted one or ten seconds are over."""
    until = time.monotonic() + 10
    while (status := psutil.Process(pid).status()) != wanted and time.monotonic() < until:
        time.sleep(0.005)
    return status


def test_process_that_left_its_group_is_stopped_too() -> None:
    """A child in a session of its own is found below the keeper, stopped, and goes on when all do."""
    keeper = subprocess.Popen(["sh", "-c", "setsid sleep 60 & wait"], start_new_session=True)
    try:
        until = time.monotonic() + 10
        while not (children := psutil.Process(keeper.pid).children()) or children[0].name() != "sleep":
            assert time.monotonic() < until
            time.sleep(0.005)
        stopped = SignalFreezer(keeper.pid, keeper.pid)
        stopped.freeze()
        stopped.look()
        assert _status(children[0].pid, psutil.STATUS_STOPPED) == psutil.STATUS_STOPPED
        stopped.close()
        assert _status(children[0].pid, psutil.STATUS_SLEEPING) == psutil.STATUS_SLEEPING
        os.kill(children[0].pid, signal.SIGKILL)
    finally:
        keeper.kill()
        keeper.wait()


def test_control_group_is_removed_with_its_session() -> None:
    """Where a control group can be made, the command is in it; afterwards it is gone, and the command still runs."""
    command = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        used = freezer(os.getpid(), command.pid, "abc0-base")
        used.freeze()
        used.close()
        assert len(groups_of("abc0")) == (0 if isinstance(used, SignalFreezer) else 1)
    finally:
        command.kill()
        command.wait()
    remove_groups("abc0")
    assert groups_of("abc0") == []


def test_without_control_groups_signals_are_used() -> None:
    """`groups` False never makes a control group."""
    assert isinstance(freezer(os.getpid(), os.getpid(), "abc1-base", groups=False), SignalFreezer)
