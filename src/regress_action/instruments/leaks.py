"""`LeakDetector`: repeat an operation, follow its memory, and say whether it grows for ever."""

from __future__ import annotations

import gc
import time
import tracemalloc
from array import array
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import psutil

from regress_action.instruments import leak_sites
from regress_action.instruments.leak_sites import Slope, robust_slope
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.instruments.leak_sites import GrowingSite, GrowingType

_SAMPLES = 40
_FEW_SAMPLES = 24
_FEW_ITERATIONS = 1000
_LEAST_SAMPLES = 12
_WARMUP_SHARE = 0.05
_STEADY = 0.5
_LEAST_BYTES = 8.0
_LEAST_NATIVE_BYTES = 64.0
_LEAST_NATIVE_GROWTH = 2**20
_NATIVE_SHARE = 4  # memray traces a quarter of the iterations, because it is slow


class LeakVerdict(StrEnum):
    """What is known: a leak of Python objects, one beside Python, none, or too little was seen."""

    LEAK = "leak"
    NATIVE_LEAK = "native-leak"
    NO_LEAK = "no-leak"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class LeakResult:
    """The growth of the second half of the iterations, in bytes (and objects) an iteration with 95 % intervals.

    `traced` is what Python allocated, `resident` what the operating system sees. `sites`, `types` and `chain` explain
    a leak of Python objects: where they were allocated, what they are, and what holds one of them. `native` is the heap
    beside Python, where memray is installed and Python's own does not leak.
    """

    verdict: LeakVerdict
    iterations: int
    seconds: float
    traced: Slope
    resident: Slope
    objects: Slope
    sites: tuple[GrowingSite, ...] = ()
    types: tuple[GrowingType, ...] = ()
    chain: tuple[str, ...] = ()
    native: Slope | None = None

    @property
    def is_leak(self) -> bool:
        """Whether memory grows without end, as far as the iterations show."""
        return self.verdict in (LeakVerdict.LEAK, LeakVerdict.NATIVE_LEAK)

    def lines(self) -> list[str]:
        """Return the result for a person."""
        slope = self.traced
        if self.verdict is LeakVerdict.NATIVE_LEAK:
            slope = self.native if self.native and self.sites else self.resident
        said = [f"{_SENTENCES[self.verdict]}: {slope} bytes an iteration over {self.iterations} iterations."]
        if self.verdict is LeakVerdict.NO_LEAK and slope.low > 0 and slope.value >= _LEAST_BYTES:
            said = [f"No leak: growth by {slope} bytes an iteration did not go on; {self.iterations} iterations."]
        said += [f"  {site}" for site in self.sites]
        said += [f"  {growing}" for growing in self.types]
        if self.chain:
            said.append("  One of them is held by " + " → ".join(self.chain))
        return said

    def report(self, name: str, *, suite: str = "default", service: str | None = None) -> Report:
        """Return the growth as a report with one run: `memory_growth` in bytes an iteration, which may be zero."""
        metric = Metric("memory_growth", "B", signed=True)
        series = Series(Benchmark(name, service=service), metric, (self.traced.value,), (self.iterations,))
        return Report((series,), (Run(wall_s=self.seconds),), suite=suite, source="leaks")


_SENTENCES = {
    LeakVerdict.LEAK: "Memory leaks",
    LeakVerdict.NATIVE_LEAK: "Memory leaks beside Python's own",
    LeakVerdict.NO_LEAK: "No leak",
    LeakVerdict.INCONCLUSIVE: "Too few iterations to tell",
}


class LeakDetector:
    """Repeat an operation `iterations` times, for `longest_s` seconds at most, and judge how its memory grows.

    The memory that Python holds is read after forty equal parts (24 of fewer than 1000 iterations), each after a full
    collection. Only the second half counts, and the growth must go on to its end, and through as many iterations again:
    a cache that fills and stops, a pool, and the fragmentation of the heap are no leaks. Growth below `least_bytes` an
    iteration is not called one either, nor what files allocate whose path contains one of `ignored`: those of a test
    framework, say.
    """

    def __init__(
        self,
        *,
        iterations: int = 10_000,
        longest_s: float = 120.0,
        least_bytes: float = _LEAST_BYTES,
        ignored: tuple[str, ...] = (),
    ) -> None:
        self.samples = _SAMPLES if iterations >= _FEW_ITERATIONS else _FEW_SAMPLES
        self.iterations = max(iterations, self.samples)
        self.longest_s = longest_s
        self.least_bytes = least_bytes
        self.ignored = ignored

    def check(self, operation: Callable[[], object]) -> LeakResult:
        """Repeat `operation` and return what its memory did. What it returns is dropped; what it raises goes on."""
        for _ in range(max(2, int(self.iterations * _WARMUP_SHARE))):
            operation()
        tracing, frozen = tracemalloc.is_tracing(), gc.get_freeze_count() > 0
        if not tracing:
            tracemalloc.start()
        gc.collect()
        if not frozen:
            gc.freeze()  # what is there already need not be searched again and again
        try:
            result = self._follow(operation)
        finally:
            if not frozen:
                gc.unfreeze()
            if not tracing:
                tracemalloc.stop()
        settled = result.verdict in (LeakVerdict.LEAK, LeakVerdict.INCONCLUSIVE)
        return result if settled or not leak_sites.memray_is_available() else self._with_native(result, operation)

    def _with_native(self, result: LeakResult, operation: Callable[[], object]) -> LeakResult:
        """Ask memray about native allocations: small leaks hide in the resident size for long."""
        count = max(self.iterations // _NATIVE_SHARE, _FEW_SAMPLES)
        least = max(self.least_bytes, result.traced.high)
        growth = leak_sites.follow_native(operation, count, least=least, longest_s=self.longest_s)
        if growth is None:
            return result
        if not growth.is_leak:  # what grows without memray's notice was not allocated through the C library's symbols
            return replace(result, native=growth.slope)
        return replace(result, verdict=LeakVerdict.NATIVE_LEAK, native=growth.slope, sites=growth.sites)

    def _follow(self, operation: Callable[[], object]) -> LeakResult:
        began, part, half = time.monotonic(), self.iterations // self.samples, self.samples // 2
        samples = _Samples(part, self.samples + 1)
        before: leak_sites.HeapState | None = None
        for number in range(self.samples + 1):
            if not tracemalloc.is_tracing():  # the operation ended it, so nothing is known from here on
                break
            if number == half:
                before = leak_sites.state_before()
            samples.take()
            if number == self.samples or time.monotonic() - began > self.longest_s:
                break
            for _ in range(part):
                operation()
        traced_on = tracemalloc.is_tracing()
        after = leak_sites.state_after() if before and traced_on else None  # before anything below allocates
        later = samples.second_half()
        traced, resident, objects = (later.slope(name) for name in ("traced", "resident", "objects"))
        verdict = self._verdict(later, traced, resident) if traced_on else LeakVerdict.INCONCLUSIVE
        done = samples.iterations[max(samples.count - 1, 0)]
        sites, types, chain = (), (), ()  # type: tuple[GrowingSite, ...], tuple[GrowingType, ...], tuple[str, ...]
        if verdict is LeakVerdict.LEAK and before and after:
            span = done - half * part
            grown = leak_sites.growth(before, after, span, self.ignored)
            if grown < self.least_bytes or not self._goes_on(operation, traced, began + self.longest_s):
                verdict = LeakVerdict.NO_LEAK
            else:
                sites, types, chain = leak_sites.explain(before, after, span, self.ignored)
        seconds = time.monotonic() - began
        return LeakResult(verdict, done, seconds, traced, resident, objects, sites, types, chain)

    def _goes_on(self, operation: Callable[[], object], first: Slope, deadline: float) -> bool:
        """Repeat the operation as often again, until `deadline`; return whether it grows at half the pace at least.

        Memory that goes up and down by chance over thousands of iterations grows in one stretch, and not in the next.
        """
        part = self.iterations // self.samples
        samples = _Samples(part, self.samples + 1)
        samples.take()
        while samples.count <= self.samples and time.monotonic() < deadline:
            for _ in range(part):
                operation()
            samples.take()
        again = samples.slope("traced")
        return samples.count < _LEAST_SAMPLES or (again.low > 0 and again.value >= _STEADY * first.value)

    def _verdict(self, later: _Samples, traced: Slope, resident: Slope) -> LeakVerdict:
        if later.count < _LEAST_SAMPLES:
            return LeakVerdict.INCONCLUSIVE
        if traced.low > 0 and traced.value >= self.least_bytes and later.goes_on("traced", traced):
            return LeakVerdict.LEAK
        growth = later.resident[later.count - 1] - later.resident[0]
        native = resident.low > max(_LEAST_NATIVE_BYTES, traced.high) and growth >= _LEAST_NATIVE_GROWTH
        if native and later.goes_on("resident", resident):
            return LeakVerdict.NATIVE_LEAK
        return LeakVerdict.NO_LEAK


class _Samples:
    """The memory after every `part` iterations, in arrays of fixed size that do not grow while they are filled."""

    def __init__(self, part: int, most: int = 0) -> None:
        self.part = part
        self.count = 0
        self.iterations, self.traced, self.resident, self.objects = (array("q", bytes(8 * most)) for _ in range(4))
        self._process = psutil.Process()

    def take(self) -> None:
        """Read the memory after a full collection."""
        gc.collect()
        at = self.count
        self.iterations[at] = at * self.part
        self.traced[at] = tracemalloc.get_traced_memory()[0]
        self.resident[at] = self._process.memory_info().rss
        self.objects[at] = len(gc.get_objects())
        self.count += 1

    def second_half(self) -> _Samples:
        """Return the later half of what was taken."""
        return self._last(self.count - self.count // 2)

    def slope(self, name: str) -> Slope:
        """Return the growth of one column for an iteration."""
        return robust_slope(self.iterations[: self.count], getattr(self, name)[: self.count])

    def goes_on(self, name: str, slope: Slope) -> bool:
        """Whether the last part still grows at half the pace of the whole: what fills up slows down before."""
        last = self._last(max(self.count // 2, 6))
        column = getattr(last, name)
        grown = (column[last.count - 1] - column[0]) / (last.iterations[last.count - 1] - last.iterations[0])
        return last.slope(name).value >= _STEADY * slope.value and bool(grown >= _STEADY * slope.value)

    def _last(self, count: int) -> _Samples:
        part = _Samples(self.part)
        for name in ("iterations", "traced", "resident", "objects"):
            setattr(part, name, getattr(self, name)[self.count - count : self.count])
        part.count = count
        return part
