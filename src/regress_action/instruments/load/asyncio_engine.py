"""A load of coroutines on one event loop, as users who wait for their answers or as arrivals that do not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regress_action.instruments.load.precise_timer import PreciseTimer
from regress_action.instruments.load.recorder import Recorder, clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from regress_action.instruments.load.scenario import Scenario

    Request = Callable[[], Awaitable[object]]

_LONGEST_SLEEP_S = 0.5
_LONGEST_UNYIELDING_S = 0.001
_STARTS_BETWEEN_YIELDS = 16
_ABSENCE_S = 0.02


@dataclass(slots=True)
class AsyncioEngine:
    """Run requests of `scenario` on the running event loop and note each in `recorder`.

    `requests` has one function for every user of a closed loop, or one for all arrivals of an open loop. `stopped` ends
    the load early.
    """

    scenario: Scenario
    recorder: Recorder
    requests: list[Request]
    began: float
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Put the load on, until its time is over or it is stopped; then wait for the open requests."""
        if self.scenario.is_open:
            await self._open_loop()
        else:
            starts = self.scenario.user_starts()
            self._tasks = {
                asyncio.ensure_future(self._user(number, start, self.requests[number]))
                for number, start in enumerate(starts)
            }
            await self._until_over(self._tasks)
        await self._drain()

    async def _until_over(self, tasks: set[asyncio.Task[None]]) -> None:
        stopped = asyncio.ensure_future(self.stopped.wait())
        left = max(0.0, self.began + self.scenario.ends_s - clock())
        await asyncio.wait({*tasks, stopped}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        while not self.stopped.is_set() and (left := self.began + self.scenario.ends_s - clock()) > 0:
            pending = {task for task in tasks if not task.done()}
            if not pending:
                break
            await asyncio.wait({*pending, stopped}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    async def _user(self, number: int, start_s: float, request: Request) -> None:
        """Send one request after another, each when the one before was answered."""
        await asyncio.sleep(max(0.0, self.began + start_s - clock()))
        scenario, recorder, began = self.scenario, self.recorder, self.began
        ends, timeout, yielded = scenario.ends_s, scenario.timeout_s, clock()
        while (sent := clock() - began) < ends and not self.stopped.is_set():
            if not scenario.has_user(number, sent):
                await asyncio.sleep(_ABSENCE_S)
                continue
            recorder.in_flight += 1
            try:
                async with asyncio.timeout(timeout):
                    await request()
            except Exception as error:  # noqa: BLE001 - whatever the target raises is a result
                recorder.failed(sent, error_class(error))
            else:
                recorder.answered(sent, sent, clock() - began)
            finally:
                recorder.in_flight -= 1
            if sent >= recorder.measured_from_s:
                recorder.per_user[number] += 1
            if scenario.think_s:
                await asyncio.sleep(scenario.think_s)
            elif clock() - yielded > _LONGEST_UNYIELDING_S:  # a request that never waits would keep the loop for itself
                await asyncio.sleep(0)
                yielded = clock()

    async def _open_loop(self) -> None:
        """Send every request when it is due, however many are open."""
        recorder, began, since_yield = self.recorder, self.began, 0
        with PreciseTimer() as timer:
            for part in self.scenario.arrivals():
                for due in part.tolist():
                    while (early := due - (clock() - began)) > 0 and not self.stopped.is_set():
                        await timer.sleep(min(early, _LONGEST_SLEEP_S))
                        since_yield = 0
                    if self.stopped.is_set():
                        return
                    since_yield += 1
                    if since_yield > _STARTS_BETWEEN_YIELDS:
                        await asyncio.sleep(0)
                        since_yield = 0
                    if recorder.in_flight >= self.scenario.in_flight:
                        recorder.dropped += due >= recorder.measured_from_s
                    else:
                        self._start(due)

    def _start(self, due: float) -> None:
        """Send one request of an open loop."""
        self.recorder.in_flight += 1
        task = asyncio.ensure_future(self._arrival(self.requests[0], due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _arrival(self, request: Request, due: float) -> None:
        recorder, began = self.recorder, self.began
        sent = clock() - began
        recorder.started(due, sent)
        try:
            async with asyncio.timeout(self.scenario.timeout_s):
                await request()
        except Exception as error:  # noqa: BLE001 - whatever the target raises is a result
            recorder.failed(due, error_class(error))
        else:
            recorder.answered(due, sent, clock() - began)
        finally:
            recorder.in_flight -= 1

    async def _drain(self) -> None:
        """Wait for open requests as long as one may take, then cancel them; those count as errors."""
        pending = {task for task in self._tasks if not task.done()}
        if not pending:
            return
        _, late = await asyncio.wait(pending, timeout=self.scenario.timeout_s + 1)
        for task in late:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def error_class(error: BaseException) -> str:
    """Return the kind of an error: what the target calls it, else the name of its class."""
    kind: Any = getattr(error, "load_error_class", None)
    return str(kind or type(error).__name__)
