"""A load of blocking functions in threads, as users who wait for their answers or as arrivals that do not."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regress_action.instruments.load.asyncio_engine import error_class
from regress_action.instruments.load.recorder import Recorder, clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.instruments.load.scenario import Scenario

_LEAST_SLEEP_S = 0.0002
_ABSENCE_S = 0.02


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
        ends = clock() + self.scenario.timeout_s + 1
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
