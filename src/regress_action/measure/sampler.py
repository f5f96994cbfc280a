"""Sample the memory and CPU time of a process tree, so rarely that the suite is not slowed down.

Also here: how long the threads of a process tree were ready to run without a processor: busy, not waiting for
anything else.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from regress_action.measure.activity import Activity, has_swap, swap_of
from regress_action.measure.process_tree import descendants, processor_clock

if TYPE_CHECKING:
    from collections.abc import (
        Sequence,
        Set,  # noqa: PYI025 - a set or a frozenset
    )

    from regress_action.measure.active_clock import ClockWitness
    from regress_action.measure.control_group_limits import ControlGroupLimits


SHARE = 0.005
_FIRST_S = 0.02
_SHORTEST_S = 0.01
_LONGEST_S = 1.0


@dataclass(slots=True)
class Sampler:
    """Follows everything below `root`, by default this process, except `excluded`, for about `share` of one CPU.

    A sample costs from 0.1 ms to many milliseconds, depending on the machine and on the number of processes. The pause
    is therefore computed from the cost of the samples so far. `programs` are the files that the processes executed.
    With `waits`, the time in the run queue is noted as well, with `activity` what the threads do, with `limits` the
    limits of the processes' control groups, and with `witness` which clock they read. `swap_bytes` is the most that was
    seen in swap space.
    """

    excluded: Set[int] = frozenset()
    share: float = SHARE
    peak_rss: int = 0
    samples: int = 0
    spent_s: float = 0.0
    programs: set[str] = field(default_factory=set)
    root: int = field(default_factory=os.getpid)
    waits: ReadyTimes | None = None
    activity: Activity | None = None
    limits: ControlGroupLimits | None = None
    witness: ClockWitness | None = None
    swap_bytes: int = 0
    _swaps: bool = field(default_factory=has_swap)
    _started: float = 0.0
    _due: float = 0.0
    _processes: dict[int, psutil.Process] = field(default_factory=dict)
    _cpu: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def cpu_s(self) -> tuple[float, float]:
        """User and system seconds of every process that was seen, as it was last seen."""
        return sum(user for user, _ in self._cpu.values()), sum(system for _, system in self._cpu.values())

    def pause_s(self) -> float:
        """Seconds until the next sample is due; the first is due soon after the first call."""
        if not self._started:
            self._started = time.perf_counter()
            self._due = self._started + _FIRST_S
        return max(0.0, self._due - time.perf_counter())

    def sample(self) -> None:
        """Take one sample of the tree, if it is due."""
        now = time.perf_counter()
        if now < self._due:
            return
        before = time.process_time()
        members = [pid for pid in descendants(self.root) if pid not in self.excluded]
        if self.waits is not None:
            self.waits.note(members)
        if self.activity is not None:
            self.activity.note(members)
        if self.witness is not None:
            self.witness.note(members)
        if self.limits is not None:
            for pid in members:
                self.limits.note(pid)
        if self._swaps and self.activity is not None:
            self.swap_bytes = max(self.swap_bytes, swap_of(members))
        self.peak_rss = max(self.peak_rss, sum(map(self._sample_process, members)))
        self.samples += 1
        self.spent_s += time.process_time() - before
        pause = self.spent_s / self.share - (now - self._started)
        self._due = now + min(_LONGEST_S, max(_SHORTEST_S, pause))

    def _sample_process(self, pid: int) -> int:
        """Note one process's CPU time and return its resident bytes; one that just ended has none."""
        with contextlib.suppress(psutil.Error):
            new = pid not in self._processes
            process = self._processes[pid] if not new else self._processes.setdefault(pid, psutil.Process(pid))
            used = process.cpu_times()
            self._cpu[pid] = (used.user, used.system)
            # Between fork and exec a child shows its parent's memory a second time, so a new process counts from its
            # second sample on. The very first process has called exec before the first sample.
            if new and len(self._processes) > 1:
                return 0
            self.programs.add(process.exe())
            return int(process.memory_info().rss)
        return 0


_NS = 1e-9
_UNSEEN_GAPS = 2
_MOST_UNSEEN = 0.1


@dataclass(slots=True)
class ReadyTimes:
    """Seconds in the run queue of every thread that was seen, and the CPU seconds of every process, as last seen."""

    _queued: dict[tuple[int, str], int] = field(default_factory=dict)
    _used: dict[int, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _last: float = 0.0
    _looks: int = 0

    @property
    def most_queued_s(self) -> float:
        """What `queued_s` may be at most: with the time before the first look at a process and after the last one."""
        return self.queued_s + self.unseen_share * (self._last - self._began)

    @property
    def unseen_share(self) -> float:
        """The share of the time before the first look and after the last one.

        After few looks not all of that counts: a command that waits must not pass for one that was ready all the time.
        """
        return min(_UNSEEN_GAPS / self._looks, _MOST_UNSEEN) if self._looks else 0.0

    @property
    def queued_s(self) -> float:
        """Seconds in which a thread was ready and another one had the processor, summed over the threads."""
        return sum(self._queued.values()) * _NS

    @property
    def used_s(self) -> float:
        """CPU seconds, summed over the processes."""
        return sum(self._used.values())

    def note(self, members: Sequence[int]) -> None:
        """Read the kernel's figures of the processes `members`; one that just ended keeps its last ones."""
        self._looks += 1
        self._last = time.monotonic()
        for pid in members:
            with contextlib.suppress(OSError):
                self._used[pid] = time.clock_gettime(processor_clock(pid))
            with contextlib.suppress(OSError, ValueError, IndexError):
                for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - many times a second
                    with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:  # noqa: PTH123 - likewise
                        self._queued[pid, thread] = int(file.read().split()[1])
