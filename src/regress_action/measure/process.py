"""One command from its start to the end of the last process it began, and what all of them used."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from regress_action.measure.errors import BrokenGroundError
from regress_action.measure.family import names
from regress_action.measure.start import start

if TYPE_CHECKING:
    import resource

    from regress_action.measure.bell import Bell
    from regress_action.measure.family import Family
    from regress_action.measure.log import Log
    from regress_action.measure.start import Root, Task

_CHUNK = 65536
_CHUNKS = 16
_GRACE_S = 1.0
_LINGER_S = 0.2
_LONGEST_WAIT_S = 3600.0
_BLOCK = 512
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Watcher(Protocol):
    """What looks at the tree while it runs."""

    peak_rss: int

    @property
    def cpu_s(self) -> tuple[float, float]:
        """User and system seconds seen."""

    def pause_s(self) -> float:
        """Seconds until it wants to look again."""

    def sample(self) -> None:
        """Look, if it is time."""


@dataclass(slots=True)
class Blind:
    """A watcher that never looks, for commands that are not measured."""

    peak_rss: int = 0
    cpu_s: tuple[float, float] = (0.0, 0.0)

    def pause_s(self) -> float:
        """Never."""
        return math.inf

    def sample(self) -> None:
        """See nothing."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a process tree used; `peak_rss_bytes` is None where it ended before anybody could look."""

    user_s: float
    system_s: float
    peak_rss_bytes: int | None
    context_switches: int
    read_bytes: int
    write_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its status as subprocess gives it, None if it was cut off at a limit or by a stop.

    `watching_s` are the CPU seconds that this process spent on it meanwhile.
    """

    status: int | None
    wall_s: float
    used: Used
    watching_s: float = 0.0
    left_behind: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reaper:
    """Collects every child that ends, adopted ones included, with the resources of those it had waited for."""

    root: Root
    status: int | None = None
    usages: list[resource.struct_rusage] = field(default_factory=list)

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid != self.root.starter:
                    self.usages.append(usage)
                if pid == self.root.pid:
                    self.status = os.waitstatus_to_exitcode(status)

    def check(self) -> None:
        """Refuse to wait for a command that is gone without a word, rather than wait for ever."""
        if self.status is not None:
            return
        try:
            os.kill(self.root.pid, 0)
        except ProcessLookupError as error:
            raise BrokenGroundError(
                "The command ended, and somebody else collected its exit status.",
                meaning="Whether it succeeded is not known, so this run cannot be used.",
                remedy="Measure again; if it happens again, report it.",
            ) from error
        except PermissionError:
            return


def execute(task: Task, log: Log, bell: Bell, family: Family, watcher: Watcher) -> Ended:
    """Run a command until it ends, reaches its limit or a stop is asked; nothing it began outlives this call.

    Raises:
        CallError: there is no such program.
        BrokenGroundError: no process could be started.
    """
    root = start(task, adopted=family.adopts)
    reaper, ends, before = _Reaper(root), root.began + task.limit_s, time.process_time()
    streams = [root.output]
    while reaper.status is None and bell.stop is None and (left := ends - time.monotonic()) > 0:
        for stream in bell.wait(streams, min(left, watcher.pause_s(), _LONGEST_WAIT_S)):
            if not _drain(stream, log):
                streams.remove(stream)
        reaper.reap()
        reaper.check()
        if reaper.status is None:
            watcher.sample()
    wall, watching = time.monotonic() - root.began, time.process_time() - before
    cut = reaper.status is None
    left_behind = _clear(reaper, bell, family, cut=cut)
    _drain(root.output, log)
    os.close(root.output)
    used = _used(reaper.usages, watcher)
    return Ended(None if cut else reaper.status, wall, used, watching, left_behind)


def _drain(stream: int, log: Log) -> bool:
    """Take what is there to read, but not for ever from one that never stops; whether more may come."""
    try:
        for _ in range(_CHUNKS):
            data = os.read(stream, _CHUNK)
            if not data:
                return False
            log.add(data)
    except BlockingIOError:
        pass
    return True


def _clear(reaper: _Reaper, bell: Bell, family: Family, *, cut: bool) -> tuple[str, ...]:
    """End what is left of the tree; the names of what an ended command left behind."""
    left_behind: tuple[str, ...] = ()
    if not cut:
        # Helpers such as a resource tracker notice a little later that their parent is gone.
        until = time.monotonic() + _LINGER_S
        while family.members() and time.monotonic() < until:
            bell.wait([], _LINGER_S / 20)
            reaper.reap()
        left_behind = names(family.members())
    family.end(reaper.reap, grace_s=_GRACE_S if cut else _LINGER_S)
    return left_behind


def _used(usages: list[resource.struct_rusage], watcher: Watcher) -> Used:
    """Add up what the kernel accounted, or what was seen where a parent never waited for its children."""
    reaped = sum(usage.ru_utime for usage in usages), sum(usage.ru_stime for usage in usages)
    user, system = max(reaped, watcher.cpu_s, key=sum)
    return Used(
        user_s=user,
        system_s=system,
        peak_rss_bytes=max(watcher.peak_rss, *(_RSS_UNIT * usage.ru_maxrss for usage in usages), 0) or None,
        context_switches=sum(usage.ru_nvcsw + usage.ru_nivcsw for usage in usages),
        read_bytes=_BLOCK * sum(usage.ru_inblock for usage in usages),
        write_bytes=_BLOCK * sum(usage.ru_oublock for usage in usages),
    )
