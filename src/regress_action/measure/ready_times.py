"""How long the threads of a process tree were ready to run without a processor: busy, not waiting for anything else."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NS = 1e-9
_UNSEEN_GAPS = 2


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
        return self.queued_s + _UNSEEN_GAPS * (self._last - self._began) / self._looks if self._looks else 0.0

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
                self._used[pid] = time.clock_gettime(_processor_clock(pid))
            with contextlib.suppress(OSError, ValueError, IndexError):
                for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - many times a second
                    with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:  # noqa: PTH123 - likewise
                        self._queued[pid, thread] = int(file.read().split()[1])


def _processor_clock(pid: int) -> int:
    """Return the number of the clock that counts a process's CPU time, as clock_getcpuclockid(3) does on Linux."""
    return (~pid << 3) | 2
