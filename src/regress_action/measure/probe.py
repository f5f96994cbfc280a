"""How fast the machine is now: the time of a fixed piece of work, taken between runs and never during one.

The times show whether the machine changed its speed during a measurement. No result is divided by them, because a
program of another kind does not slow down in proportion.
"""

from __future__ import annotations

import platform
import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import Any

_WORK = 1  # raised whenever `_work` changes, because its times are not comparable then
_SHARE = 0.01  # of the time that the suite takes; more than that is not spent between the pairs
_REPETITIONS = 5
_STEPS = 30_000  # longer than a scheduler's time slice, so that other load on the CPU shows in every repetition
_BUFFER_BYTES = 8 * 2**20  # larger than a core's own caches
_LINE = 64
_NORMAL = 1.4826  # the standard deviation of normal noise over its median deviation


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """The work's time once `after_pair` pairs were measured: median seconds, and their relative standard deviation."""

    after_pair: int
    median_s: float
    spread: float


@dataclass(slots=True)
class Probe:
    """The readings of one measurement and the seconds that they cost."""

    readings: list[ProbeReading] = field(default_factory=list)
    spent_s: float = 0.0

    def read(self, after_pair: int) -> None:
        """Time the work now; takes about a twentieth of a second."""
        began = time.perf_counter()
        buffer = bytearray(_BUFFER_BYTES)
        _work(buffer)  # not timed: it pays for fresh memory and for a CPU clock that was low
        times = [_timed(buffer) for _ in range(_REPETITIONS)]
        median = statistics.median(times)
        spread = _NORMAL * statistics.median(abs(time_s - median) for time_s in times) / median
        self.readings.append(ProbeReading(after_pair, round(median, 9), round(spread, 4)))
        self.spent_s += time.perf_counter() - began

    def read_between(self, after_pair: int, measured_s: float) -> None:
        """Take a reading if all readings together stay below a hundredth of the suite's `measured_s` so far."""
        if self.readings and self.spent_s * (1 + 1 / len(self.readings)) <= _SHARE * measured_s:
            self.read(after_pair)

    @property
    def described(self) -> dict[str, Any]:
        """The form in which measurement.json holds it; times of another `work` cannot be compared with these."""
        return {
            "work": f"{_WORK} {platform.python_implementation()} {platform.python_version()}",
            "spent_s": round(self.spent_s, 4),
            "looks": [asdict(reading) for reading in self.readings],
        }


def _timed(buffer: bytearray) -> float:
    began = time.perf_counter()
    _work(buffer)
    return time.perf_counter() - began


def _work(buffer: bytearray) -> int:
    """Count with integers, fill a dictionary and touch every cache line of `buffer`."""
    total, table = 0, {}
    for step in range(_STEPS):
        total += step * step % 7
        table[step & 1023] = total
    buffer[::_LINE] = bytes(len(buffer) // _LINE)
    return total + sum(buffer[::_LINE])
