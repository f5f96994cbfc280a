"""Run one command until the last process it began has ended, and add up what all of them used."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from regress_action.measure.errors import EnvironmentFailedError
from regress_action.measure.process_tree import names
from regress_action.measure.spawn import start

if TYPE_CHECKING:
    import resource

    from regress_action.measure.process_tree import ProcessTree, SignalWaiter
    from regress_action.measure.reporting import OutputLog
    from regress_action.measure.spawn import StartedProcess, Task


_READ_SIZE = 65536
_READS = 16
_GRACE_S = 1.0
_SETTLE_S = 0.2
_LONGEST_WAIT_S = 3600.0
_NAMESPACE_END_S = 30.0
_BLOCK = 512
_NS = 1e-9
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class UsageSampler(Protocol):
    """Samples the process tree while it runs."""

    peak_rss: int

    @property
    def cpu_s(self) -> tuple[float, float]:
        """User and system seconds seen."""

    def pause_s(self) -> float:
        """Seconds until the next sample is due."""

    def sample(self) -> None:
        """Take a sample, if it is due."""


@dataclass(slots=True)
class NullSampler:
    """A sampler that takes no samples, for commands that are not measured."""

    peak_rss: int = 0
    cpu_s: tuple[float, float] = (0.0, 0.0)

    def pause_s(self) -> float:
        """Return infinity: no sample is ever due."""
        return math.inf

    def sample(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """What a process tree used; `peak_rss_bytes` is None where it ended before the first sample."""

    user_s: float
    system_s: float
    peak_rss_bytes: int | None
    context_switches: int
    read_bytes: int
    write_bytes: int


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a command ended: its status as subprocess gives it, None if it was cut off at a limit or by a signal.

    `watching_s` are the CPU seconds that this process spent on it meanwhile.
    """

    status: int | None
    wall_s: float
    used: ResourceUsage
    watching_s: float = 0.0
    left_behind: tuple[str, ...] = ()


@dataclass(slots=True)
class KernelUsage:
    """The kernel's count of what ended processes used; memory in the kernel's unit, transfers in blocks."""

    user_s: float = 0.0
    system_s: float = 0.0
    max_rss: int = 0
    switches: int = 0
    read_blocks: int = 0
    written_blocks: int = 0

    def add(self, usage: resource.struct_rusage) -> None:
        """Add what one process used."""
        self.user_s += usage.ru_utime
        self.system_s += usage.ru_stime
        self.max_rss = max(self.max_rss, usage.ru_maxrss)
        self.switches += usage.ru_nvcsw + usage.ru_nivcsw
        self.read_blocks += usage.ru_inblock
        self.written_blocks += usage.ru_oublock


@dataclass(slots=True)
class Reaper:
    """Reaps every child that ends, adopted ones included, and adds up what each of them used.

    What ends in a namespace is reaped by the namespace's first process, which reports it, and so does a keeper. `began`
    and `errno` are what a held command reported when it was let go, None until then.
    """

    root: StartedProcess
    status: int | None = None
    usage: KernelUsage = field(default_factory=KernelUsage)
    began: float | None = None
    errno: int = 0
    _reported: bytes = b""

    def __post_init__(self) -> None:
        self._parse(self.root.reported)

    def reap(self) -> None:
        """Collect every child of this process that ended."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                contained = pid == self.root.pid and self.root.report is not None
                if pid != self.root.shim_pid and not contained:
                    self.usage.add(usage)
                self.note(pid, status)

    def note(self, pid: int, status: int) -> None:
        """Take the status of a child that was collected, if it is the command itself or what contains it."""
        if pid == self.root.pid and self.status is None:
            self.status = os.waitstatus_to_exitcode(status)

    def read_report(self) -> bool:
        """Read what the namespace's first process reports; return whether more may come."""
        data = os.read(self.root.report, _READ_SIZE) if self.root.report is not None else b""
        self._parse(data)
        return bool(data)

    def _parse(self, data: bytes) -> None:
        *lines, self._reported = (self._reported + data).split(b"\n")
        for kind, *values in (line.split() for line in lines if line):
            if kind == b"status":
                self.status = os.waitstatus_to_exitcode(int(values[0]))
            elif kind == b"began":
                self.began = int(values[0]) * _NS
                self.errno = int(values[1]) if len(values) > 1 else 0
            elif kind == b"usage":
                self.usage = KernelUsage(float(values[0]), float(values[1]), *map(int, values[2:]))

    def end_namespace(self, signals: SignalWaiter) -> None:
        """Let the namespace's first process end, and with it all that is left in there; read its last report."""
        if self.root.control is None or self.root.report is None:
            return
        os.close(self.root.control)
        until = time.monotonic() + _NAMESPACE_END_S
        while time.monotonic() < until:
            if signals.wait([self.root.report], until - time.monotonic()) and not self.read_report():
                break
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.root.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.root.pid, 0)
        os.close(self.root.report)

    def check(self) -> None:
        """Raise if the command has ended and its exit status can no longer arrive, instead of waiting for ever."""
        if self.status is not None:
            return
        try:
            os.kill(self.root.pid, 0)
        except ProcessLookupError as error:
            raise EnvironmentFailedError(
                "The command ended, and another process collected its exit status.",
                meaning="Whether it succeeded is not known, so this run cannot be used.",
                remedy="Measure again; if it happens again, report it.",
            ) from error
        except PermissionError:
            return


def execute(
    task: Task, log: OutputLog, signals: SignalWaiter, processes: ProcessTree, sampler: UsageSampler
) -> ProcessResult:
    """Run a command until it ends, reaches its limit or a signal asks to stop; then end every process it began.

    Raises:
        MeasureUsageError: there is no such program.
        EnvironmentFailedError: no process could be started.
        InterruptRequestedError: a signal to the whole process group ended the command while it was started.
    """
    try:
        namespace = processes.namespace if task.suite else ""
        root = start(task, adopted=processes.is_subreaper, namespace=namespace)
    except EnvironmentFailedError:
        signals.check()
        raise
    if root.report is not None:
        processes.excluded.add(root.pid)
    reaper, ends, before = Reaper(root), root.began + task.limit_s, time.process_time()
    _follow(reaper, log, signals, sampler, ends)
    wall, watching = time.monotonic() - root.began, time.process_time() - before
    cut = reaper.status is None
    left_behind = _end_rest(reaper, signals, processes, cut=cut)
    reaper.end_namespace(signals)
    processes.excluded.discard(root.pid)
    drain(root.output, log)
    os.close(root.output)
    used = usage_of(reaper.usage, sampler)
    return ProcessResult(None if cut else reaper.status, wall, used, watching, left_behind)


def _follow(reaper: Reaper, log: OutputLog, signals: SignalWaiter, sampler: UsageSampler, ends: float) -> None:
    """Read the output and sample until the command ends, a signal arrives, or the clock reaches `ends`."""
    root = reaper.root
    streams = [root.output] if root.report is None else [root.output, root.report]
    while reaper.status is None and signals.stop is None and (left := ends - time.monotonic()) > 0:
        for stream in signals.wait(streams, min(left, sampler.pause_s(), _LONGEST_WAIT_S)):
            if not (reaper.read_report() if stream == root.report else drain(stream, log)):
                streams.remove(stream)
        reaper.reap()
        reaper.check()
        if reaper.status is None:
            sampler.sample()


def drain(stream: int, log: OutputLog) -> bool:
    """Read what is there, but only a bounded amount of an endless stream; return whether more may come."""
    try:
        for _ in range(_READS):
            data = os.read(stream, _READ_SIZE)
            if not data:
                return False
            log.add(data)
    except BlockingIOError:
        pass
    return True


def _end_rest(reaper: Reaper, signals: SignalWaiter, processes: ProcessTree, *, cut: bool) -> tuple[str, ...]:
    """End what is left of the tree; return the names of the processes that a command left running when it ended."""
    left_behind: tuple[str, ...] = ()
    if not cut:
        # Processes such as Python's resource tracker notice a little later that their parent has ended.
        until = time.monotonic() + _SETTLE_S
        while processes.members() and time.monotonic() < until:
            signals.wait([], _SETTLE_S / 20)
            reaper.reap()
        left_behind = names(processes.members())
    processes.end(reaper.reap, grace_s=_GRACE_S if cut else _SETTLE_S)
    return left_behind


def usage_of(kernel: KernelUsage, sampler: UsageSampler) -> ResourceUsage:
    """Return what the kernel counted, or what was sampled where a parent never waited for its children."""
    user, system = max((kernel.user_s, kernel.system_s), sampler.cpu_s, key=sum)
    return ResourceUsage(
        user_s=user,
        system_s=system,
        peak_rss_bytes=max(sampler.peak_rss, _RSS_UNIT * kernel.max_rss) or None,
        context_switches=kernel.switches,
        read_bytes=_BLOCK * kernel.read_blocks,
        write_bytes=_BLOCK * kernel.written_blocks,
    )
