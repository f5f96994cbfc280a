"""What this process used between two moments: time, memory, input and output, switches, faults, pauses."""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """The resources of one stretch of time; None where the machine does not tell or nobody asked.

    `peak_rss_bytes` is the highest resident memory since the process began. `traced_*` come from tracemalloc,
    `allocated_blocks` is how many more blocks Python holds at the end.
    """

    wall_s: float
    user_s: float
    system_s: float
    rss_growth_bytes: int
    peak_rss_bytes: int | None = None
    read_bytes: int | None = None
    write_bytes: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    minor_faults: int | None = None
    major_faults: int | None = None
    gc_pauses: int = 0
    gc_pause_s: float = 0.0
    allocated_blocks: int | None = None
    traced_growth_bytes: int | None = None
    traced_peak_bytes: int | None = None

    @property
    def cpu_s(self) -> float:
        """User and system time together."""
        return self.user_s + self.system_s


class ResourceMeter:
    """Read the counters of this process at two moments. `memory` also traces every allocation, which is slow."""

    def __init__(self, *, memory: bool = False) -> None:
        self._memory = memory
        self._process = psutil.Process()
        self._before: Mapping[str, Any] = {}
        self._pauses: list[float] = []
        self._pause_began = 0.0
        self._began = 0.0
        self._traces = False

    def start(self) -> None:
        """Begin to count."""
        if self._memory:
            import tracemalloc

            self._traces = not tracemalloc.is_tracing()
            if self._traces:
                tracemalloc.start()
            tracemalloc.reset_peak()
        self._pauses.clear()
        gc.callbacks.append(self._on_collection)
        self._before = self._counters()
        self._began = time.perf_counter()

    def stop(self) -> ResourceUse:
        """Stop to count, and return what was used since `start`."""
        wall = time.perf_counter() - self._began
        after, before = self._counters(), self._before
        gc.callbacks.remove(self._on_collection)
        if self._traces:
            import tracemalloc

            tracemalloc.stop()
            self._traces = False
        grown = {name: None if value is None else value - before[name] for name, value in after.items()}
        return ResourceUse(
            wall_s=wall,
            **{**grown, "traced_peak_bytes": after["traced_peak_bytes"]},
            peak_rss_bytes=_peak_rss(),
            gc_pauses=len(self._pauses),
            gc_pause_s=sum(self._pauses),
        )

    def _on_collection(self, phase: str, _: Mapping[str, int]) -> None:
        if phase == "start":
            self._pause_began = time.perf_counter()
        else:
            self._pauses.append(time.perf_counter() - self._pause_began)

    def _counters(self) -> dict[str, Any]:
        cpu = self._process.cpu_times()
        counters: dict[str, Any] = {
            "user_s": cpu.user,
            "system_s": cpu.system,
            "rss_growth_bytes": self._process.memory_info().rss,
            "allocated_blocks": sys.getallocatedblocks() if self._memory else None,
            "traced_growth_bytes": None,
            "traced_peak_bytes": None,
            **_transfers(self._process),
            **_switches_and_faults(),
        }
        if self._memory:
            import tracemalloc

            counters["traced_growth_bytes"], counters["traced_peak_bytes"] = tracemalloc.get_traced_memory()
        return counters


def _transfers(process: psutil.Process) -> dict[str, int | None]:
    try:
        counters = process.io_counters()
    except (AttributeError, psutil.Error, OSError):  # macOS counts none, a container may hide them
        return {"read_bytes": None, "write_bytes": None}
    return {"read_bytes": counters.read_bytes, "write_bytes": counters.write_bytes}


def _switches_and_faults() -> dict[str, int | None]:
    names = ("voluntary_switches", "involuntary_switches", "minor_faults", "major_faults")
    try:
        import resource
    except ImportError:  # Windows
        return dict.fromkeys(names)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return dict(zip(names, (usage.ru_nvcsw, usage.ru_nivcsw, usage.ru_minflt, usage.ru_majflt), strict=True))


def _peak_rss() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
