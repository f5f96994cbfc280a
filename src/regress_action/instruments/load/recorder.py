"""Every request of a load test, folded once a second into histograms, counts and a line of the series.

Also here: latencies in the buckets of an HDR histogram: bounded memory, 0.1 % precision from 100 ns to hours.
"""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from regress_action.model import normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


_UNIT_S = 1e-7
_HALF = 1024  # buckets of one power of two: three significant digits
_LINEAR = 2 * _HALF
_POWERS = 32
_BUCKETS = _LINEAR + _POWERS * _HALF
_LARGEST_UNITS = 36_000_000_000  # an hour, the range of the files of other tools
_HIGHEST_UNITS = 2.0**42  # five days, the last bucket here
_LEAST_BEYOND = 10
"""Samples that must lie beyond a percentile for it to be given: p99 needs a thousand."""


class LatencyHistogram:
    """How many of the recorded seconds fall into each bucket. Buckets follow Gil Tene's HdrHistogram.

    Below 2048 units every unit has a bucket of its own; above, every power of two has 1024.
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(_BUCKETS, dtype=np.int64)
        self.sum_s = 0.0
        self.longest_s = 0.0

    @property
    def total(self) -> int:
        """How many were recorded."""
        return int(self.counts.sum())

    @property
    def mean_s(self) -> float:
        """The arithmetic mean, NaN of nothing."""
        return self.sum_s / self.total if self.total else math.nan

    def record(self, seconds: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Add all `seconds`; return the buckets that they fall into and how many in each."""
        buckets, counts = np.unique(bucket_of(seconds), return_counts=True)
        self.counts[buckets] += counts
        self.sum_s += float(seconds.sum())
        self.longest_s = max(self.longest_s, float(seconds.max(initial=0.0)))
        return buckets, counts

    def add(self, other: LatencyHistogram) -> None:
        """Add what another histogram holds."""
        self.counts += other.counts
        self.sum_s += other.sum_s
        self.longest_s = max(self.longest_s, other.longest_s)

    def quantile(self, share: float) -> float:
        """Return the seconds that `share` of the samples do not exceed, NaN of nothing."""
        total = self.total
        if not total:
            return math.nan
        rank = min(max(math.ceil(share * total), 1), total)
        return seconds_of(int(np.searchsorted(np.cumsum(self.counts), rank)))

    def encoded(self) -> str | None:
        """Return the counts in the form of the HdrHistogram libraries, None where hdrhistogram is not installed."""
        try:
            from hdrh.histogram import HdrHistogram
        except ImportError:
            return None
        histogram = HdrHistogram(1, _LARGEST_UNITS, 3)
        for bucket in np.flatnonzero(self.counts):
            histogram.record_value(max(1, round(seconds_of(int(bucket)) / _UNIT_S)), int(self.counts[bucket]))
        return str(histogram.encode().decode())

    def interval(self, share: float, design_effect: float = 1.0) -> tuple[float, float] | None:
        """Return the 95 % interval of a quantile by order statistics, None where too few samples lie beyond it.

        `design_effect` is how many times the variance of the share exceeds that of independent samples.
        """
        total = self.total
        if total * (1 - share) < _LEAST_BEYOND:
            return None
        margin = normal.Z_95 * math.sqrt(share * (1 - share) * max(design_effect, 1.0) / total)
        return self.quantile(max(share - margin, 0.0)), self.quantile(min(share + margin, 1.0))


def bucket_of(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bucket of each of `seconds`."""
    units = np.clip(np.rint(seconds / _UNIT_S), 0, _HIGHEST_UNITS).astype(np.int64)
    shift = np.maximum(np.frexp(units.astype(np.float64))[1] - 11, 0).astype(np.int64)  # 11 bits stay
    shift = np.minimum(shift, _POWERS)
    upper = _LINEAR + (shift - 1) * _HALF + np.minimum(units >> shift, _LINEAR - 1) - _HALF
    return np.where(shift == 0, units, upper)


def seconds_of(bucket: int) -> float:
    """Return the middle of a bucket in seconds."""
    if bucket < _LINEAR:
        return bucket * _UNIT_S
    shift, offset = divmod(bucket - _LINEAR, _HALF)
    width = 1 << (shift + 1)
    return ((offset + _HALF) * width + (width - 1) / 2) * _UNIT_S


def design_effect(parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], bucket: int, share: float) -> float:
    """Return how many times the share beyond `bucket` varies more between seconds than independent samples would.

    `parts` holds the buckets and counts of every second. Requests of one second share its disturbances, so they are
    worth less than as many independent ones; the factor is that of cluster sampling.
    """
    answered = [(buckets, counts) for buckets, counts in parts if len(counts)]
    if len(answered) < 5:  # noqa: PLR2004 - fewer show no variance
        return 1.0
    sizes = np.array([counts.sum() for _, counts in answered], dtype=float)
    beyond = np.array([counts[buckets > bucket].sum() for buckets, counts in answered], dtype=float)
    expected = (1 - share) * sizes
    variance = float(np.mean((beyond - expected) ** 2 / sizes))
    return max(1.0, variance / (share * (1 - share)))


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
    so that a target which stalls the load generator is not flattered. `in_flight` counts open requests. `edges_s` is
    what the requests that were open at `measured_from_s` spent after it, less what those open at `ends_s` spent then.
    """

    measured_from_s: float = 0.0
    ends_s: float = math.inf
    response: LatencyHistogram = field(default_factory=LatencyHistogram)
    service: LatencyHistogram = field(default_factory=LatencyHistogram)
    errors: Counter[str] = field(default_factory=Counter)
    seconds: list[SecondStats] = field(default_factory=list)
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=list)
    lateness: array[float] = field(default_factory=lambda: array("d"))
    due: array[float] = field(default_factory=lambda: array("d"))
    dropped: int = 0
    in_flight: int = 0
    edges_s: float = 0.0
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
            if ended_s > self.ends_s:
                self.edges_s -= ended_s - max(sent_s, self.ends_s)
        elif ended_s > self.measured_from_s:
            self.edges_s += min(ended_s, self.ends_s) - max(sent_s, self.measured_from_s)

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
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._measures = False
        self._last_s: float | None = None
        self._open_s = 0.0
        self._watched_s = 0.0

    def start(self) -> None:
        """Begin to look; what is seen counts from `measure` on."""
        self._thread.start()

    def measure(self) -> None:
        """Let what is seen from now on count."""
        self._measures = True

    def pause(self) -> None:
        """Stop to count: the load has ended, and open requests drain."""
        self._measures = False

    def stop(self) -> float:
        """Stop, and return the mean number of open requests over the time (NaN of no time)."""
        self._stop.set()
        self._thread.join()
        return self.mean

    @property
    def mean(self) -> float:
        """The mean number of open requests over the time that was watched, NaN of no time."""
        return self._open_s / self._watched_s if self._watched_s else math.nan

    def note(self, now_s: float) -> None:
        """Count the requests that are open now for all the time since the look before.

        A busy event loop delays this thread, so the looks are fewer where more is open.
        """
        if self._measures and self._last_s is not None:
            self._open_s += self._recorder.in_flight * (now_s - self._last_s)
            self._watched_s += now_s - self._last_s
        self._last_s = now_s if self._measures else None

    def _look(self) -> None:
        while not self._stop.wait(_SAMPLE_PAUSE_S):
            self.note(clock())


def clock() -> float:
    """Return the time by which a load test measures, in seconds."""
    return time.perf_counter()
