"""Stopping process trees of real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from regress_action.measure.frozen_turns import SignalFreezer, freezer, groups_of, remove_groups
from regress_action.measure.spawn import Task, start_held

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


def test_command_that_is_stopped_before_it_begins_ends_with_the_measurer() -> None:
    """What keeps it waits for its report and for the end of the measurer at the same time."""
    root = start_held(Task(["true"], Path.cwd(), os.environ))
    assert root.control is not None
    keeper = psutil.Process(root.pid)
    until = time.monotonic() + 10
    while not (held := keeper.children()):
        assert time.monotonic() < until
        time.sleep(0.005)
    held[0].send_signal(signal.SIGSTOP)
    os.close(root.control)
    try:
        keeper.wait(timeout=30)
        assert not held[0].is_running()
    finally:
        for descriptor in (root.output, root.report, root.hold):
            os.close(descriptor or 0)
        for process in (held[0], keeper):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def test_control_group_is_removed_with_its_session() -> None:
    """Where a control group can be made, the command is in it; afterwards the group is gone."""
    command = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        used = freezer(os.getpid(), command.pid, "abc0-base")
        used.freeze()
        assert len(groups_of("abc0")) == (0 if isinstance(used, SignalFreezer) else 1)
        remove_groups("abc0")  # what is left in the group is ended, stopped or not
        assert groups_of("abc0") == []
        assert isinstance(used, SignalFreezer) or command.wait(timeout=10) == -signal.SIGKILL
    finally:
        command.kill()
        command.wait()


def test_groups_that_nobody_was_left_to_remove_are_removed_by_the_next_session() -> None:
    """The measurer and its watchdog were both killed: the empty group stays until another one is made beside it."""
    command = subprocess.Popen(["sleep", "60"], start_new_session=True)
    used = freezer(os.getpid(), command.pid, "abc2-head")
    command.kill()
    command.wait()
    used.close()
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        freezer(os.getpid(), other.pid, "abc3-head").close()
        assert groups_of("abc2") == []
    finally:
        other.kill()
        other.wait()
        remove_groups("abc3")


def test_group_of_an_ended_command_may_be_removed_by_another_session() -> None:
    """A second measurement on the machine removes it as left behind; there is nothing left to stop or to let go on."""
    command = subprocess.Popen(["sleep", "60"], start_new_session=True)
    used = freezer(os.getpid(), command.pid, "abc4-base")
    command.kill()
    command.wait()
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        freezer(os.getpid(), other.pid, "abc5-base").close()
        assert groups_of("abc4") == []
        used.freeze()
        used.thaw()
        used.close()
    finally:
        other.kill()
        other.wait()
        remove_groups("abc5")


def test_without_control_groups_signals_are_used() -> None:
    """`groups` False never makes a control group."""
    assert isinstance(freezer(os.getpid(), os.getpid(), "abc1-base", groups=False), SignalFreezer)
