"""The resident memory of a process, followed by a thread that takes less than a hundredth of a CPU."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Self

import psutil

_SHARE = 0.005
_SHORTEST_PAUSE_S = 0.002


@dataclass(frozen=True, slots=True)
class MemorySample:
    """The resident bytes at a moment, in seconds since the monitor began."""

    at_s: float
    resident_bytes: int


class MemoryMonitor:
    """Follow the resident memory of this process, or of the process `pid`.

    with MemoryMonitor() as memory:
        ...
    print(memory.peak_bytes, memory.growth_bytes)

    The pause between two looks is set by what the looks so far have cost, so that they never take more than half a
    percent of one CPU; `interval_s` is the shortest pause that is wanted.
    """

    def __init__(self, pid: int | None = None, *, interval_s: float = 0.01) -> None:
        self.samples: list[MemorySample] = []
        self.spent_s = 0.0
        self._process = psutil.Process(pid or os.getpid())
        self._interval_s = max(interval_s, _SHORTEST_PAUSE_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="memory-monitor")
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    @property
    def peak_bytes(self) -> int:
        """The most that was seen."""
        return max((sample.resident_bytes for sample in self.samples), default=0)

    @property
    def growth_bytes(self) -> int:
        """The last look minus the first."""
        return self.samples[-1].resident_bytes - self.samples[0].resident_bytes if self.samples else 0

    @property
    def share(self) -> float:
        """The part of one CPU that looking took."""
        elapsed = self.samples[-1].at_s if self.samples else 0.0
        return self.spent_s / elapsed if elapsed else 0.0

    def _watch(self) -> None:
        while not self._stop.wait(self._pause()):
            self._look()

    def _pause(self) -> float:
        elapsed = time.perf_counter() - self._began
        return max(self._interval_s, self.spent_s / _SHARE - elapsed)

    def _look(self) -> None:
        before = time.thread_time()
        try:
            resident = self._process.memory_info().rss
        except psutil.Error:  # it ended
            return
        self.samples.append(MemorySample(time.perf_counter() - self._began, resident))
        self.spent_s += time.thread_time() - before
