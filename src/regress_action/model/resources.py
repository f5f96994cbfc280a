"""What the processes of a run used and waited for, and what that says about a slowdown and about limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HANDED_ON = 0.25
FEWEST_PAIRS = 3
FEWEST_SAMPLES = 10
"""Sampled pairs, and samples of each side, from which on the two sides can be compared."""


class Doing(StrEnum):
    """What a process tree does at a moment: it runs, or nothing of it does, and this is what it waits for."""

    RUNNING = "running"
    PAGING = "paging"
    DISK = "disk"
    SOCKET = "socket"
    SLEEP = "sleep"
    PIPE = "pipe"
    LOCK = "lock"
    CHILD = "child"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class RunResources:
    """One run as the monitor saw it. Times in seconds, memory in bytes, limits None where there are none.

    `moments` is the share of the samples in which the tree did each thing, `threads` how many threads did it at a time.
    `timed_locks` are those threads among them that wait for a lock with a timeout, as those of Python do for the
    interpreter's lock; `locked_files` is the share of the samples in which a file was seen locked by another.
    `cpus` are the processors that it may use.
    """

    side: str
    pair: int | None
    wall_s: float
    user_s: float
    system_s: float
    samples: int
    moments: Mapping[Doing, float] = field(default_factory=dict)
    threads: Mapping[Doing, float] = field(default_factory=dict)
    timed_locks: float = 0.0
    locked_files: float = 0.0
    cpus: float = math.inf
    peak_memory: float = 0.0
    minor_faults: float = 0.0
    major_faults: float = 0.0
    voluntary_switches: float = 0.0
    involuntary_switches: float = 0.0
    calls: float = 0.0
    read_bytes: float = 0.0
    write_bytes: float = 0.0
    throttled_s: float = 0.0
    throttled_periods: float = 0.0
    periods: float = 0.0
    cpu_limit: float | None = None
    memory_limit: float | None = None
    memory_limit_hits: float = 0.0
    swap_bytes: float = 0.0
    swapped_pages: float = 0.0

    @property
    def cpu_s(self) -> float:
        """User and system time."""
        return self.user_s + self.system_s

    @property
    def parallel(self) -> float:
        """How many threads run at a time while any does, of those that the machine has processors for; at least 1.

        Threads that hand the interpreter's lock to one another are ready at the same time and run one after another.
        """
        running, locks = self.moments.get(Doing.RUNNING, 0.0), self.threads.get(Doing.LOCK, 0.0)
        if not running or self.timed_locks >= _HANDED_ON * max(locks, 1.0):
            return 1.0
        return max(1.0, min(self.cpus, self.threads.get(Doing.RUNNING, 0.0) / running))

    @property
    def computing_s(self) -> float:
        """The part of the elapsed time in which the tree computed; other programs may have kept it from a CPU."""
        return min(self.cpu_s / self.parallel, self.moments.get(Doing.RUNNING, 0.0) * self.wall_s)

    def waiting_s(self, doing: Doing) -> float:
        """The part of the elapsed time in which nothing ran and the tree waited for this."""
        return self.moments.get(doing, 0.0) * self.wall_s


class Bottleneck(StrEnum):
    """What most of the additional time of a run is spent on."""

    COMPUTING = "computing"
    GARBAGE = "garbage collection"
    PAGE_FAULTS = "page faults"
    SYSTEM_CALLS = "system calls"
    KERNEL = "kernel"
    DISK = "disk"
    SWAP = "swap"
    LOCK = "lock"
    FILE_LOCK = "file lock"
    INTERPRETER_LOCK = "interpreter lock"
    NETWORK = "network"
    PIPE = "pipe"
    SLEEP = "sleep"
    THROTTLED = "throttled"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure per run on either side, means; `low` and `high` bound the difference with 95 % confidence."""

    name: str
    unit: str
    base: float
    head: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """Head minus base."""
        return self.head - self.base


@dataclass(frozen=True, slots=True)
class ResourceFinding:
    """Where the additional time of the runs goes: the largest part first, as (what, share of the additional time).

    `time` is the time of a run without that in which other programs had the processors. `figures` are the evidence.
    """

    bottlenecks: tuple[tuple[Bottleneck, float], ...]
    time: Amount
    figures: tuple[Amount, ...]
    pairs: int


class LimitKind(StrEnum):
    """Which limit does not fit, and in which direction."""

    CPU_TIGHT = "cpu limit too tight"
    MEMORY_TIGHT = "memory limit too tight"
    CPU_GENEROUS = "cpu limit too generous"
    MEMORY_GENEROUS = "memory limit too generous"


@dataclass(frozen=True, slots=True)
class LimitFinding:
    """A limit of the control group that does not fit what runs in it.

    `limit` and `used` are in CPUs or bytes; `lost` is the share of the time that a run was stopped for it, or the times
    that the limit was hit in a run.
    """

    kind: LimitKind
    limit: float
    used: float
    lost: float = 0.0
