"""Every request of a load test, folded once a second into histograms, counts and a line of the series."""

from __future__ import annotations

import threading
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from regress_action.instruments.load.histogram import LatencyHistogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLE_PAUSE_S = 0.005
_MOST_CLASSES = 50
_LONGEST_CLASS = 100


@dataclass(frozen=True, slots=True)
class SecondStats:
    """One second of the measurement: `at_s` since it began, times in seconds, NaN where nothing was answered."""

    at_s: float
    requests: int
    errors: int
    in_flight: int
    p50_s: float
    p99_s: float


@dataclass(slots=True)
class Recorder:
    """Collect the requests that were due after `measured_from_s`; times are seconds since the load began.

    Both times of a request end with its answer. Service time begins when it was sent, response time when it was due,
    so that a target which stalls the load generator is not flattered. `in_flight` counts open requests.
    """

    measured_from_s: float = 0.0
    response: LatencyHistogram = field(default_factory=LatencyHistogram)
    service: LatencyHistogram = field(default_factory=LatencyHistogram)
    errors: Counter[str] = field(default_factory=Counter)
    seconds: list[SecondStats] = field(default_factory=list)
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=list)
    lateness: array[float] = field(default_factory=lambda: array("d"))
    due: array[float] = field(default_factory=lambda: array("d"))
    dropped: int = 0
    in_flight: int = 0
    per_user: Counter[int] = field(default_factory=Counter)
    _responses: array[float] = field(default_factory=lambda: array("d"))
    _services: array[float] = field(default_factory=lambda: array("d"))
    _failed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, due_s: float, sent_s: float, ended_s: float) -> None:
        """Note a request that succeeded."""
        if due_s >= self.measured_from_s:
            self._responses.append(ended_s - due_s)
            self._services.append(ended_s - sent_s)

    def failed(self, due_s: float, error: str) -> None:
        """Note a request that failed, by its kind of error."""
        if due_s >= self.measured_from_s:
            self._failed += 1
            kind = error[:_LONGEST_CLASS]
            self.errors[kind if kind in self.errors or len(self.errors) < _MOST_CLASSES else "other"] += 1

    def started(self, due_s: float, sent_s: float) -> None:
        """Note when a request of an open loop was due and when it was sent."""
        if due_s >= self.measured_from_s:
            self.due.append(due_s)
            self.lateness.append(sent_s - due_s)

    def fold(self, now_s: float) -> SecondStats | None:
        """Put what came since the last call into the histograms; return its line, None before the measurement."""
        with self.lock:
            responses, self._responses = self._responses, array("d")
            services, self._services = self._services, array("d")
            failed, self._failed = self._failed, 0
        if now_s < self.measured_from_s:
            return None
        values = np.frombuffer(responses, dtype=np.float64) if responses else np.empty(0)
        self.parts.append(self.response.record(values))
        self.service.record(np.frombuffer(services, dtype=np.float64) if services else np.empty(0))
        p50, p99 = np.quantile(values, (0.5, 0.99)) if len(values) else (np.nan, np.nan)
        stats = SecondStats(
            now_s - self.measured_from_s, len(values) + failed, failed, self.in_flight, float(p50), float(p99)
        )
        self.seconds.append(stats)
        return stats


class InFlightSampler:
    """Look at the number of open requests from a thread of its own, for the check by Little's law."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._stop = threading.Event()
        self._samples: list[int] = []
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._measures = False

    def start(self) -> None:
        """Begin to look; samples count from `measure` on."""
        self._thread.start()

    def measure(self) -> None:
        """Let the samples from now on count."""
        self._measures = True

    def stop(self) -> float:
        """Stop, and return the mean number of open requests (NaN without a sample)."""
        self._stop.set()
        self._thread.join()
        return sum(self._samples) / len(self._samples) if self._samples else float("nan")

    def pause(self) -> None:
        """Stop to count: the load has ended, and open requests drain."""
        self._measures = False

    def _look(self) -> None:
        while not self._stop.wait(_SAMPLE_PAUSE_S):
            if self._measures:
                self._samples.append(self._recorder.in_flight)


def clock() -> float:
    """Return the time by which a load test measures, in seconds."""
    return time.perf_counter()
