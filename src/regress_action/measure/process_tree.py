"""The process tree of the suite: which processes belong to it, and how all of them are ended.

Also here: wait for signals: a request to stop, or the end of a child process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from regress_action.measure.errors import InterruptRequestedError
from regress_action.measure.reporting import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from regress_action.measure.spawn import Namespace


MARKER_VARIABLE = "REGRESS_SESSION"
_LINUX = sys.platform == "linux"
_SET_CHILD_SUBREAPER = 36  # <sys/prctl.h>
_SET_DUMPABLE = 4
_SET_PARENT_DEATH_SIGNAL = 1
_POLL_S = 0.01
_LONGEST_POLL_S = 0.1
_LONGEST_NAME = 100  # a process may give itself any


def become_subreaper() -> bool:
    """Make this process the parent of every orphan below it, so that no daemon escapes; Linux only."""
    return _prctl(_SET_CHILD_SUBREAPER, 1)


def hide_from_suite() -> None:
    """Close this process's descriptors, variables and memory to other processes of the same user; Linux only.

    Otherwise the suite could write to our standard output through /proc, and read variables that it did not get.
    """
    _prctl(_SET_DUMPABLE, 0)


def stop_with_parent(parent: int) -> None:
    """Send this process SIGTERM when `parent` ends, now if it has ended already; Linux only."""
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _prctl(option: int, value: int) -> bool:
    return _LINUX and ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0


def descendants(pid: int) -> list[int]:
    """Return the process ids below `pid`, parents first."""
    if not CHILDREN_LISTED:
        with contextlib.suppress(psutil.Error):
            return [process.pid for process in psutil.Process(pid).children(recursive=True)]
        return []
    pids, waiting = [], [pid]
    while waiting:
        below = children(waiting.pop())
        pids += below
        waiting += below
    return pids


def children(pid: int) -> list[int]:
    """Ask the kernel for one process's children: 100 times cheaper than reading every process's parent."""
    pids: list[int] = []
    # A process or a thread that ended in between has none.
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - many times a second
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - likewise
                pids += map(int, file.read().split())
    return pids


def processor_clock(pid: int) -> int:
    """Return the number of the clock that counts a process's CPU time, as clock_getcpuclockid(3) does on Linux."""
    return (~pid << 3) | 2


def processor_seconds(members: Sequence[int]) -> float:
    """Return the CPU seconds of the processes `members`; those that have ended count nothing."""
    seconds = 0.0
    for pid in members:
        with contextlib.suppress(OSError):
            seconds += time.clock_gettime(processor_clock(pid))
    return seconds


CHILDREN_LISTED = Path(f"/proc/self/task/{os.getpid()}/children").exists()


def processes_with_marker(session_id: str) -> list[int]:
    """Return the processes, other than this one, that inherited the session's marker variable, orphans included."""
    if _LINUX:
        return list(_with_variable(f"{MARKER_VARIABLE}={session_id}".encode()))
    pids = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARKER_VARIABLE) == session_id:
                pids.append(process.pid)
    return pids


def _with_variable(wanted: bytes) -> Iterator[int]:
    """Yield the other processes that have this variable: ten times faster than by psutil, and called in loops."""
    own = os.getpid()
    for name in os.listdir("/proc"):  # noqa: PTH208 - many times a second
        if name.isdigit() and int(name) != own:
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123 - likewise
                if wanted in file.read().split(b"\0"):
                    yield int(name)


@dataclass(frozen=True, slots=True)
class ProcessTree:
    """Every process that this one began, except `excluded`; without a subreaper, every process with the marker.

    `namespace` is the one in which the suite's commands are contained, empty where there is none.
    """

    session_id: str
    excluded: set[int] = field(default_factory=set)
    is_subreaper: bool = True
    namespace: Namespace = ""

    def members(self) -> list[int]:
        """Return the ids of those that are alive or not yet reaped."""
        if not self.is_subreaper:
            return processes_with_marker(self.session_id)
        return [pid for pid in descendants(os.getpid()) if pid not in self.excluded]

    def survivors(self) -> list[str]:
        """Return the names of the processes that are still alive, in the tree or anywhere with the marker."""
        pids = {*self.members(), *processes_with_marker(self.session_id)} - self.excluded
        return sorted(set(names(sorted(pids))))

    def end(self, reap: Callable[[], None], *, grace_s: float) -> None:
        """End all of them."""
        end_processes(self.members, reap, grace_s=grace_s)


def end_processes(
    members: Callable[[], list[int]], reap: Callable[[], object], *, grace_s: float, limit_s: float = 30.0
) -> None:
    """End every process that `members` lists: with SIGTERM for `grace_s`, then with SIGKILL until none is left.

    A process may fork while it is being killed, so the tree is read again after every round. A killed process needs a
    processor to end, for which it waits on a machine of many programs; the limit is for those that never get there.
    """
    pause_s = _POLL_S / 10
    _send(members(), signal.SIGTERM)
    started = time.monotonic()
    while members() and time.monotonic() - started < grace_s:
        time.sleep(_POLL_S)
        reap()
    while (left := members()) and time.monotonic() - started < grace_s + limit_s:
        _send(left, signal.SIGKILL)
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_POLL_S)
        reap()


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def names(pids: list[int]) -> tuple[str, ...]:
    """Return the names of those processes that are alive, as text that can stand in a log."""
    alive = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                alive.append(printable(process.name()[:_LONGEST_NAME]))
    return tuple(alive)


_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_READ_SIZE = 65536


class SignalWaiter:
    """Waits for signals and for readable descriptors; the handlers themselves only take notes."""

    def __init__(self) -> None:
        self.stop: signal.Signals | None = None
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)

    def _on_signal(self, number: int, _frame: object) -> None:
        self.stop = signal.Signals(number)

    def check(self) -> None:
        """Raise if a signal has asked to stop.

        Raises:
            InterruptRequestedError: SIGINT, SIGTERM or SIGHUP arrived.
        """
        if self.stop is not None:
            raise InterruptRequestedError(
                f"The measurement was stopped by {self.stop.name}.",
                meaning="What was measured until then is kept and can be judged.",
            )

    def wait(self, streams: Sequence[int], timeout_s: float) -> list[int]:
        """Wait for a signal or for one of `streams`; return those that can be read."""
        ready, _, _ = select.select([self._read_fd, *streams], [], [], max(0.0, timeout_s))
        if self._read_fd in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._read_fd, _READ_SIZE)
        return [stream for stream in ready if stream != self._read_fd]

    @contextlib.contextmanager
    def installed(self) -> Iterator[SignalWaiter]:
        """Install the handlers for as long as the block lasts."""
        # A signal that the caller ignores stays ignored, as under nohup.
        handled = [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        former = {number: signal.signal(number, self._on_signal) for number in handled}
        # Only with a handler is the wake-up pipe written to; children are reaped where they are waited for.
        former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        wakeup = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        try:
            yield self
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in former.items():
                signal.signal(number, handler)
