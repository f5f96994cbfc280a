"""The engines of one process: coroutines on one event loop, and blocking functions in threads.

* A load of coroutines on one event loop, as users who wait for their answers or as arrivals that do not.
* A load of blocking functions in threads, as users who wait for their answers or as arrivals that do not.
* A timer of an event loop that is exact to microseconds: asyncio's own wakes on whole milliseconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import queue
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from regress_action.instruments.load.recorder import Recorder, clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from regress_action.instruments.load.scenario import Scenario

    Request = Callable[[], Awaitable[object]]


_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_NS = 1_000_000_000
_COARSE_S = 0.002


class PreciseTimer:
    """Sleep on the running event loop by a timer of the Linux kernel; elsewhere by giving way until it is due.

    To be used as a context, from one task at a time.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._library = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._descriptor = self._library.timerfd_create(_CLOCK_MONOTONIC, _FLAGS) if self._library else -1
        self._fired: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; returns early on other systems than Linux, so look at the clock again."""
        if self._descriptor < 0 or self._library is None:
            await asyncio.sleep(seconds - _COARSE_S / 2 if seconds > _COARSE_S else 0)
            return
        full, part = divmod(max(1, int(seconds * _NS)), _NS)
        setting = (ctypes.c_long * 4)(0, 0, full, part)
        self._fired = self._loop.create_future()
        self._library.timerfd_settime(self._descriptor, 0, setting, None)
        await self._fired

    def _wake(self) -> None:
        os.read(self._descriptor, 8)
        if self._fired and not self._fired.done():
            self._fired.set_result(None)


_LONGEST_SLEEP_S = 0.5
_LONGEST_UNYIELDING_S = 0.001
_STARTS_BETWEEN_YIELDS = 16
_ABSENCE_S = 0.02
_AFTER_STOP_S = 1.0
UNANSWERED = "Unanswered"


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
        ends, yielded = scenario.ends_s, clock()
        while (sent := clock() - began) < ends and not self.stopped.is_set():
            if not scenario.has_user(number, sent):
                await asyncio.sleep(_ABSENCE_S)
                continue
            recorder.in_flight += 1
            await self._answer(request, sent, sent)
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
        sent = clock() - self.began
        self.recorder.started(due, sent)
        await self._answer(request, due, sent)

    async def _answer(self, request: Request, due: float, sent: float) -> None:
        """Send a request that counts as open already, and note what became of it."""
        recorder = self.recorder
        try:
            async with asyncio.timeout(self.scenario.timeout_s):
                await request()
        except asyncio.CancelledError:
            recorder.failed(due, UNANSWERED)
            raise
        except Exception as error:  # noqa: BLE001 - whatever the target raises is a result
            recorder.failed(due, error_class(error))
        else:
            recorder.answered(due, sent, clock() - self.began)
        finally:
            recorder.in_flight -= 1

    async def _drain(self) -> None:
        """Wait for open requests as long as one may take, after a stop shortly; then cancel them, as errors."""
        pending = {task for task in self._tasks if not task.done()}
        if not pending:
            return
        _, late = await asyncio.wait(pending, timeout=_last_wait_s(self.scenario, stopped=self.stopped.is_set()))
        for task in late:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _last_wait_s(scenario: Scenario, *, stopped: bool) -> float:
    """Return how long open requests are waited for; a load that was stopped early has shown what it had to."""
    return _AFTER_STOP_S if stopped else scenario.timeout_s + 1


def error_class(error: BaseException) -> str:
    """Return the kind of an error: what the target calls it, else the name of its class."""
    kind: Any = getattr(error, "load_error_class", None)
    return str(kind or type(error).__name__)


_LEAST_SLEEP_S = 0.0002


@dataclass(slots=True)
class ThreadEngine:
    """Run a blocking request of `scenario` in threads and note each in `recorder`.

    A thread cannot be ended from outside: a request that exceeds its timeout counts as an error when it returns.
    """

    scenario: Scenario
    recorder: Recorder
    request: Callable[[], object]
    began: float
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Put the load on, until its time is over or it is stopped; then wait for the open requests."""
        threads = self._arrivals() if self.scenario.is_open else self._users()
        ends = clock() + _last_wait_s(self.scenario, stopped=self.stopped.is_set())
        for thread in threads:
            thread.join(max(0.0, ends - clock()))

    def _users(self) -> list[threading.Thread]:
        threads = [
            threading.Thread(target=self._user, args=(number, start), daemon=True)
            for number, start in enumerate(self.scenario.user_starts())
        ]
        for thread in threads:
            thread.start()
        self.stopped.wait(max(0.0, self.began + self.scenario.ends_s - clock()))
        return threads

    def _user(self, number: int, start_s: float) -> None:
        self.stopped.wait(max(0.0, self.began + start_s - clock()))
        while (due := clock() - self.began) < self.scenario.ends_s and not self.stopped.is_set():
            if not self.scenario.has_user(number, due):
                self.stopped.wait(_ABSENCE_S)
                continue
            self._send(due)
            if due >= self.recorder.measured_from_s:
                with self.recorder.lock:
                    self.recorder.per_user[number] += 1
            if self.scenario.think_s:
                self.stopped.wait(self.scenario.think_s)

    def _arrivals(self) -> list[threading.Thread]:
        """Hand every request to a waiting thread when it is due; threads are made while there are too few."""
        waiting: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        threads: list[threading.Thread] = []
        recorder = self.recorder
        for part in self.scenario.arrivals():
            for due in part.tolist():
                while (early := due - (clock() - self.began)) > 0 and not self.stopped.is_set():
                    time.sleep(early if early > _LEAST_SLEEP_S else 0)
                if self.stopped.is_set():
                    break
                busy = recorder.in_flight + waiting.qsize()
                if busy >= self.scenario.in_flight:
                    recorder.dropped += due >= recorder.measured_from_s
                    continue
                if busy >= len(threads):
                    threads.append(threading.Thread(target=self._serve, args=(waiting,), daemon=True))
                    threads[-1].start()
                waiting.put(due)
        for _ in threads:
            waiting.put(None)
        return threads

    def _serve(self, waiting: queue.SimpleQueue[float | None]) -> None:
        while (due := waiting.get()) is not None:
            with self.recorder.lock:
                self.recorder.started(due, clock() - self.began)
            self._send(due)

    def _send(self, due: float) -> None:
        recorder = self.recorder
        with self.recorder.lock:
            recorder.in_flight += 1
        sent = clock() - self.began
        try:
            self.request()
        except Exception as error:  # noqa: BLE001 - whatever the target raises is a result
            failure: str | None = error_class(error)
        else:
            failure = None
        ended = clock() - self.began
        with self.recorder.lock:
            recorder.in_flight -= 1
            if failure is None and ended - sent > self.scenario.timeout_s:
                failure = "TimeoutError"
            if failure is None:
                recorder.answered(due, sent, ended)
            else:
                recorder.failed(due, failure)
