"""`LoadTestRunner`: run a scenario against a target, watch it second by second, and return its result."""

from __future__ import annotations

import asyncio
import gc
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regress_action.instruments.load.engines import AsyncioEngine, ThreadEngine
from regress_action.instruments.load.recorder import InFlightSampler, Recorder, clock
from regress_action.instruments.load.result import LoadContext, LoadResult, summarise
from regress_action.instruments.load.scenario import Scenario, Target, resolve
from regress_action.instruments.load.watching import SECONDS_IN_A_ROW, ProcessUse
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.instruments.load.locust_engine import LocustWorkers
    from regress_action.instruments.load.recorder import SecondStats
    from regress_action.instruments.load.watching import AbortRule

    Progress = Callable[[SecondStats], None]


_TICK_S = 1.0


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
        if abort and self.scenario.duration_s <= SECONDS_IN_A_ROW * _TICK_S:
            raise UsageError(
                f"A rule ends a load after {SECONDS_IN_A_ROW} bad seconds in a row, and this load takes no longer.",
                remedy=f"Measure for more than {SECONDS_IN_A_ROW} s, or leave out the rule.",
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
