"""`LoadTestRunner`: run a scenario against a target, watch it second by second, and return its result.

* What the process under load uses while the load is measured.
* Rules that end a load test early: `errors>10%`, `p99>2s`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil

from regress_action.instruments.load.engines import AsyncioEngine, ThreadEngine
from regress_action.instruments.load.recorder import InFlightSampler, Recorder, clock
from regress_action.instruments.load.result import LoadContext, LoadResult, summarise
from regress_action.instruments.load.scenario import Scenario, Target, resolve, seconds
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.instruments.load.locust_engine import LocustWorkers
    from regress_action.instruments.load.recorder import SecondStats


class ProcessUse:
    """CPU time and memory of one process and its children, between the first look and the last.

    Raises:
        UsageError: there is no such process.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._process = psutil.Process(pid)
        except psutil.Error as error:
            raise UsageError(f"There is no process {pid}.", remedy="Give the id of the process under load.") from error
        self._first_cpu_s: float | None = None
        self._last_cpu_s = 0.0
        self._peak_bytes = 0

    def look(self) -> None:
        """Read the counters once."""
        cpu, memory = 0.0, 0
        with contextlib.suppress(psutil.Error):
            for process in (self._process, *self._process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    cpu += times.user + times.system
                    memory += process.memory_info().rss
        if memory:
            self._first_cpu_s = cpu if self._first_cpu_s is None else self._first_cpu_s
            self._last_cpu_s = max(self._last_cpu_s, cpu)
            self._peak_bytes = max(self._peak_bytes, memory)

    def used(self) -> dict[str, float]:
        """Return the CPU seconds and the most resident bytes, nothing where the process was never seen."""
        if self._first_cpu_s is None:
            return {}
        return {"cpu_time": self._last_cpu_s - self._first_cpu_s, "peak_memory": float(self._peak_bytes)}


if TYPE_CHECKING:
    Progress = Callable[[SecondStats], None]


_TICK_S = 1.0
_SECONDS_IN_A_ROW = 3


class LoadTestRunner:
    """Put a load on a target: a coroutine function, a blocking function, `module:function`, or an address.

    result = LoadTestRunner(fetch, Scenario(users=20, duration_s=10)).run()

    `abort` ends the load early. `process` is the id of the process to watch. `progress` is called once a second.
    `locust` puts the load on from Locust's worker processes instead of this one.

    Raises:
        UsageError: the target is none, or the load is over before a rule could end it.
    """

    def __init__(
        self,
        target: Callable[[], object] | str,
        scenario: Scenario | None = None,
        *,
        abort: Sequence[AbortRule] = (),
        process: int | None = None,
        progress: Progress | None = None,
        locust: LocustWorkers | None = None,
    ) -> None:
        self.target = resolve(target) if isinstance(target, str) else _target_of(target)
        self.scenario = scenario or Scenario()
        self._abort = tuple(abort)
        if abort and self.scenario.duration_s <= _SECONDS_IN_A_ROW * _TICK_S:
            raise UsageError(
                f"A rule ends a load after {_SECONDS_IN_A_ROW} bad seconds in a row, and this load takes no longer.",
                remedy=f"Measure for more than {_SECONDS_IN_A_ROW} s, or leave out the rule.",
            )
        self._process = process
        self._progress = progress
        self._locust = locust
        self._aborted: str | None = None

    def watch(self, pid: int) -> None:
        """Watch another process in the runs to come."""
        self._process = pid

    def run(self) -> LoadResult:
        """Put the load on once, and return what was measured.

        Raises:
            UsageError: the target is an address and no HTTP client is installed, there is no such process, or Locust
                cannot run this scenario.
            IncompleteError: a worker of Locust reported nothing.
        """
        if self._locust:
            return self._distributed(self._locust)
        recorder = Recorder(self.scenario.measured_from_s, self.scenario.ends_s)
        sampler = InFlightSampler(recorder)
        process = ProcessUse(self._process) if self._process else None
        self._aborted = None
        started = datetime.now(UTC)
        gc.collect()
        gc.freeze()
        sampler.start()
        try:
            if self.target.is_blocking:
                ended = self._run_threads(recorder, sampler, process)
            else:
                ended = asyncio.run(self._run_asyncio(recorder, sampler, process))
        finally:
            in_flight = sampler.stop()
            gc.unfreeze()
        context = LoadContext(
            started=started,
            duration_s=max(ended - self.scenario.measured_from_s, 1e-9),
            in_flight=in_flight,
            aborted=self._aborted,
            resources=process.used() if process else {},
        )
        return summarise(self.target.name, self.scenario, recorder, context)

    def _distributed(self, workers: LocustWorkers) -> LoadResult:
        from regress_action.instruments.load.locust_engine import LocustEngine

        watched = ProcessUse(self._process) if self._process else None
        engine = LocustEngine(self.target, self.scenario, workers, self._abort, watched, self._progress)
        return engine.run()

    async def _run_asyncio(self, recorder: Recorder, sampler: InFlightSampler, process: ProcessUse | None) -> float:
        """Run on this event loop; return the second at which the last request was due."""
        scenario = self.scenario
        users = 0 if scenario.is_open else scenario.users
        async with self.target.requests(users, scenario.timeout_s) as requests:
            began = clock()  # now that the clients are there
            engine = AsyncioEngine(scenario, recorder, requests, began)
            running = asyncio.ensure_future(engine.run())
            self._tick(recorder, sampler, process, 0.0)
            while not running.done():
                await asyncio.wait({running}, timeout=self._pause(began))
                if self._tick(recorder, sampler, process, clock() - began):
                    engine.stopped.set()
            await running
        return self._ended(recorder, began)

    def _run_threads(self, recorder: Recorder, sampler: InFlightSampler, process: ProcessUse | None) -> float:
        """Run in threads; return the second at which the last request was due."""
        assert self.target.function is not None  # noqa: S101 - only functions block
        began = clock()
        engine = ThreadEngine(self.scenario, recorder, self.target.function, began)
        running = threading.Thread(target=engine.run, daemon=True)
        self._tick(recorder, sampler, process, 0.0)
        running.start()
        while running.is_alive():
            running.join(self._pause(began))
            if self._tick(recorder, sampler, process, clock() - began):
                engine.stopped.set()
        return self._ended(recorder, began)

    def _pause(self, began: float) -> float:
        """Return the time until the next whole second of the measurement, or its end."""
        now = clock() - began
        next_second = _TICK_S - (now - self.scenario.measured_from_s) % _TICK_S
        left = self.scenario.ends_s - now
        return max(0.001, min(next_second, left) if left > 0 else next_second)

    def _tick(self, recorder: Recorder, sampler: InFlightSampler, process: ProcessUse | None, now_s: float) -> bool:
        """Begin to measure, or fold the last second; return whether a rule ends the load."""
        scenario = self.scenario
        if now_s < scenario.measured_from_s:
            return False
        if process:
            process.look()
        if now_s >= scenario.ends_s:
            sampler.pause()
        else:
            sampler.measure()
        folded_s = recorder.seconds[-1].at_s if recorder.seconds else 0.0
        if now_s - scenario.measured_from_s - folded_s < _TICK_S / 2:  # too short for a line of its own
            return False
        stats = recorder.fold(now_s)
        if self._progress and stats:
            self._progress(stats)
        if now_s >= scenario.ends_s or self._aborted:
            return False
        for rule in self._abort:
            if rule.is_met(recorder.seconds):
                self._aborted = rule.text
                return True
        return False

    def _ended(self, recorder: Recorder, began: float) -> float:
        now = clock() - began
        recorder.fold(now)
        return min(now, self.scenario.ends_s)


def _target_of(function: Callable[[], object]) -> Target:
    name = getattr(function, "__qualname__", None) or type(function).__name__
    module = getattr(function, "__module__", "")
    return Target(f"{module}:{name}", function)


_RULE = re.compile(r"\s*(errors|p50|p99)\s*>\s*(.+?)\s*")


@dataclass(frozen=True, slots=True)
class AbortRule:
    """End the load when `metric` lies above `limit` (a share of requests, or seconds) for three seconds in a row.

    A second without an answer, while requests are open, has no percentile. Its latency is the time since the last
    second with one: the answers that are missing take at least as long.
    """

    metric: str
    limit: float
    text: str

    def is_met(self, stats: Sequence[SecondStats]) -> bool:
        """Whether the newest seconds break the rule."""
        ends = range(len(stats) - _SECONDS_IN_A_ROW + 1, len(stats) + 1)
        return len(stats) >= _SECONDS_IN_A_ROW and all(self._value(stats[:end]) > self.limit for end in ends)

    def _value(self, stats: Sequence[SecondStats]) -> float:
        """Return the metric of the last of `stats`."""
        second = stats[-1]
        if self.metric == "errors":
            return second.errors / second.requests if second.requests else 0.0
        if not second.requests and second.in_flight:
            return second.at_s - next((earlier.at_s for earlier in reversed(stats) if earlier.requests), 0.0)
        return second.p50_s if self.metric == "p50" else second.p99_s


def abort_rule(text: str) -> AbortRule:
    """Return the rule that a text such as `errors>10%` or `p99>2s` states.

    Raises:
        UsageError: it states none.
    """
    parts = _RULE.fullmatch(text)
    if not parts:
        raise UsageError(f"{text!r} is no rule for ending a load.", remedy="Write it like errors>10% or p99>2s.")
    metric, limit = parts.groups()
    if metric != "errors":
        return AbortRule(metric, seconds(limit), text)
    try:
        share = float(limit.removesuffix("%")) / (100 if limit.endswith("%") else 1)
    except ValueError as error:
        raise UsageError(f"{limit!r} is no share of the requests.", remedy="Write it like errors>10%.") from error
    return AbortRule(metric, share, text)
