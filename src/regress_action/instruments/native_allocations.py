"""Allocations beside Python's own, followed by memray where that is installed."""

from __future__ import annotations

import gc
import importlib.util
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from regress_action.instruments.leak_sites import GrowingSite
from regress_action.instruments.robust_slope import Slope, robust_slope

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_PARTS = 24
_SNAPSHOT_MS = 1
_PAUSE_S = 0.003  # in which memray takes at least one snapshot
_MOST_SITES = 5
_STEADY = 0.5


@dataclass(frozen=True, slots=True)
class NativeGrowth:
    """How the native heap grew, in bytes an iteration; `sites` say where, when it is a leak."""

    slope: Slope
    is_leak: bool
    sites: tuple[GrowingSite, ...]


def is_available() -> bool:
    """Whether memray is installed."""
    return importlib.util.find_spec("memray") is not None


def follow(operation: Callable[[], object], iterations: int, *, least: float, longest_s: float) -> NativeGrowth | None:
    """Repeat `operation` under memray and return how the native heap grew; None where memray traces something already.

    The second half of the iterations counts. It is a leak when it grows by more than `least` bytes an iteration, and
    does so to the end. A site is the line of Python that was running and the native function.
    """
    import memray

    marks = _Marks([], [], [])
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        with tempfile.TemporaryDirectory(prefix="regress-memray-") as folder:
            path = Path(folder) / "allocations.bin"
            with memray.Tracker(path, native_traces=True, memory_interval_ms=_SNAPSHOT_MS):
                _repeat(operation, max(1, iterations // _PARTS), longest_s, marks)
            reader = memray.FileReader(path)
            try:
                return _growth(reader, marks, least)
            finally:
                reader.close()
    except RuntimeError:  # only one may trace at a time
        return None
    finally:
        if not tracing:
            tracemalloc.stop()


class _Marks(NamedTuple):
    """The time in milliseconds after every part, the iterations so far, and the bytes that Python holds."""

    times: list[float]
    iterations: list[int]
    traced: list[int]


def _repeat(operation: Callable[[], object], part: int, longest_s: float, marks: _Marks) -> None:
    began = time.monotonic()
    for number in range(_PARTS + 1):
        gc.collect()
        marks.times.append(time.time() * 1000)
        marks.iterations.append(number * part)
        marks.traced.append(tracemalloc.get_traced_memory()[0])
        time.sleep(_PAUSE_S)
        if number == _PARTS or time.monotonic() - began > longest_s:
            break
        for _ in range(part):
            operation()


def _growth(reader: Any, marks: _Marks, least: float) -> NativeGrowth:  # noqa: ANN401 - memray's reader
    """Return the growth of what the heap holds beyond Python's objects, which other figures follow."""
    snapshots = [(snapshot.time, snapshot.heap) for snapshot in reader.get_memory_snapshots()]
    held = _heaps(marks.times, snapshots) - np.array(marks.traced, dtype=float)
    done, half = marks.iterations, len(held) // 2
    slope, last = robust_slope(done[half:], held[half:]), robust_slope(done[-half // 2 :], held[-half // 2 :])
    leaks = slope.low > least and last.value >= _STEADY * slope.value
    records = list(reader.get_leaked_allocation_records(merge_threads=True)) if leaks else []
    largest = sorted(records, key=lambda record: -record.size)[:_MOST_SITES]
    return NativeGrowth(slope, leaks, tuple(_site(record, done[-1]) for record in largest))


def _heaps(marks: list[float], snapshots: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the bytes of the heap at each mark: those of the first snapshot after it."""
    times, heaps = np.array(snapshots, dtype=float).reshape(-1, 2).T
    if not len(times):
        return np.zeros(len(marks))
    at = np.minimum(np.searchsorted(times, marks), len(times) - 1)
    return np.asarray(heaps[at])


def _site(record: Any, iterations: int) -> GrowingSite:  # noqa: ANN401 - memray's record
    frames = record.stack_trace()
    _, path, line = frames[0] if frames else ("", "native code", 0)
    names = [name for name, *_ in record.hybrid_stack_trace() if not name.startswith("<")]
    return GrowingSite(path, line, record.size / iterations, record.n_allocations / iterations, (names or [""])[0])
