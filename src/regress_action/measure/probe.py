"""How fast this machine is right now: a fixed piece of work, timed between the runs and never while one goes on.

The times are a check of the ground under a measurement. No result is divided by them: a program of another kind does
not slow down in proportion.
"""

from __future__ import annotations

import platform
import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import Any

_WORK = 1  # to be raised whenever `_work` changes: its times are then other ones
_SHARE = 0.01  # of the time that the suite takes; more than that is not spent between the pairs
_REPETITIONS = 5
_STEPS = 30_000  # longer than a scheduler's time slice, so that a crowd on the CPU shows in every repetition
_ROOM = 8 * 2**20  # more than a core's own caches
_LINE = 64
_NORMAL = 1.4826  # the standard deviation of normal noise over its median deviation


@dataclass(frozen=True, slots=True)
class Look:
    """The work's time once `after_pair` pairs were measured: median seconds, and their relative standard deviation."""

    after_pair: int
    median_s: float
    spread: float


@dataclass(slots=True)
class Probe:
    """The looks of one measurement and the seconds that they cost."""

    looks: list[Look] = field(default_factory=list)
    spent_s: float = 0.0

    def look(self, after_pair: int) -> None:
        """Time the work now; takes about a twentieth of a second."""
        began = time.perf_counter()
        room = bytearray(_ROOM)
        _work(room)  # the first time pays for fresh memory and a clock that was asleep
        times = [_timed(room) for _ in range(_REPETITIONS)]
        median = statistics.median(times)
        spread = _NORMAL * statistics.median(abs(one - median) for one in times) / median
        self.looks.append(Look(after_pair, round(median, 9), round(spread, 4)))
        self.spent_s += time.perf_counter() - began

    def between(self, after_pair: int, measured_s: float) -> None:
        """Look once more if all looks together stay below a hundredth of the `measured_s` of the suite so far."""
        if self.looks and self.spent_s * (1 + 1 / len(self.looks)) <= _SHARE * measured_s:
            self.look(after_pair)

    @property
    def described(self) -> dict[str, Any]:
        """The form in which measurement.json holds it; times of another `work` cannot be compared with these."""
        return {
            "work": f"{_WORK} {platform.python_implementation()} {platform.python_version()}",
            "spent_s": round(self.spent_s, 4),
            "looks": [asdict(look) for look in self.looks],
        }


def _timed(room: bytearray) -> float:
    began = time.perf_counter()
    _work(room)
    return time.perf_counter() - began


def _work(room: bytearray) -> int:
    """Count with integers, fill a dictionary and touch every cache line of `room`."""
    total, table = 0, {}
    for step in range(_STEPS):
        total += step * step % 7
        table[step & 1023] = total
    room[::_LINE] = bytes(len(room) // _LINE)
    return total + sum(room[::_LINE])
