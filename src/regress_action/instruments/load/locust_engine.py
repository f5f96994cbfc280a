"""A scenario on Locust's distributed workers: processes here, or on other machines, that share its users."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from regress_action.instruments.load.recorder import LatencyHistogram, Recorder, SecondStats
from regress_action.instruments.load.result import LoadContext, LoadResult, summarise
from regress_action.model.errors import IncompleteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from regress_action.instruments.load.scenario import Scenario, Target
    from regress_action.instruments.load.watching import AbortRule, ProcessUse

FILE = Path(__file__).with_name("locust_user.py")
_MARK = "regress-load: "
_LONGEST_START_S = 120
_GRACE_S = 20.0
_MOST_PRINTED = 2000


@dataclass(frozen=True, slots=True)
class LocustWorkers:
    """How many worker processes share the users. With `listen`, (host, port), they are started elsewhere."""

    count: int
    listen: tuple[str, int] | None = None


@dataclass(slots=True)
class LocustEngine:
    """Run `scenario` with `workers` of Locust, and merge what they measured.

    `progress` is called for every second that all workers have reported.

    Raises:
        UsageError: Locust is not installed, or the scenario or the target is not for its users.
    """

    target: Target
    scenario: Scenario
    workers: LocustWorkers
    abort: Sequence[AbortRule] = ()
    process: ProcessUse | None = None
    progress: Callable[[SecondStats], None] | None = None
    _seconds: dict[int, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    _complete: list[SecondStats] = field(default_factory=list)
    _aborted: str | None = None

    def __post_init__(self) -> None:
        if importlib.util.find_spec("locust") is None:
            raise UsageError("Locust is not installed.", remedy="Install it: pip install locust")
        if self.scenario.is_open:
            raise UsageError(
                "Locust's users wait for their answers, so there is no arrival rate.",
                remedy="Give --users, or leave out --engine locust.",
            )
        if self.target.url is None and not self.target.is_blocking:
            raise UsageError(
                f"{self.target.name} is a coroutine function, and Locust's users are greenlets.",
                remedy="Name an address or a blocking function, or leave out --engine locust.",
            )
        if self.workers.count > self.scenario.users:
            raise UsageError(
                f"{self.workers.count} workers cannot share {self.scenario.users} users.", remedy="Give fewer workers."
            )

    def run(self) -> LoadResult:
        """Put the load on once, and return what all workers measured together.

        Raises:
            IncompleteError: a worker never came, or reported nothing.
        """
        started = datetime.now(UTC)
        host, port = self.workers.listen or ("127.0.0.1", _free_port())
        with tempfile.TemporaryFile("w+") as said, contextlib.ExitStack() as stack:
            master = self._started(stack, self._master(host, port), said, stdout=subprocess.PIPE)
            if self.workers.listen is None:
                for _ in range(self.workers.count):
                    self._started(stack, worker_command(host, port), said, stdout=subprocess.DEVNULL)
            assert master.stdout is not None  # noqa: S101 - a pipe was asked for
            for line in master.stdout:
                if line.startswith(_MARK):
                    self._note(json.loads(line.removeprefix(_MARK)), master)
            with contextlib.suppress(subprocess.TimeoutExpired):
                master.wait(_GRACE_S)
            said.seek(0)
            printed = said.read()[-_MOST_PRINTED:]
        return self._result(started, printed)

    def _master(self, host: str, port: int) -> list[str]:
        orders = json.dumps({"target": self.target.name, "scenario": asdict(self.scenario)})
        place = ["--master-bind-host", host, "--master-bind-port", str(port)]
        waits = ["--expect-workers", str(self.workers.count), "--expect-workers-max-wait", str(_LONGEST_START_S)]
        printing = ["--headless", "--only-summary", "--loglevel", "WARNING"]
        return [*_locust(), "--master", *place, *waits, *printing, "--regress-scenario", orders]

    def _started(
        self,
        stack: contextlib.ExitStack,
        command: Sequence[str],
        said: TextIO,
        stdout: int,
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603 - Locust in this interpreter
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=said, text=True, start_new_session=True
        )
        stack.callback(_end, process)
        return process

    def _note(self, part: dict[str, Any], master: subprocess.Popen[str]) -> None:
        """Keep the second of one worker; where all have reported it, tell the progress and follow the rules."""
        if self.process:
            self.process.look()
        parts = self._seconds[part["second"]]
        parts[part["worker"]] = part
        if len(parts) < self.workers.count or part["second"] >= self.scenario.duration_s:
            return
        stats = _second(part["second"], list(parts.values()))
        self._complete.append(stats)
        if self.progress:
            self.progress(stats)
        for rule in self.abort:
            if self._aborted is None and rule.is_met(self._complete):
                self._aborted = rule.text
                master.send_signal(signal.SIGINT)

    def _result(self, started: datetime, printed: str) -> LoadResult:
        parts = [part for second in self._seconds.values() for part in second.values()]
        reported = {part["worker"] for part in parts}
        if len(reported) < self.workers.count:
            raise IncompleteError(
                f"Only {len(reported)} of {self.workers.count} Locust workers reported a measurement.",
                meaning=printed.strip(),
                remedy="Start one by hand to see why: " + shlex.join(worker_command("HOST", 5557)),
            )
        recorder, last = Recorder(self.scenario.measured_from_s), {part["worker"]: part for part in parts}
        for number in sorted(self._seconds):
            self._fold(recorder, number)
        seconds = len(self._complete) if self._aborted else self.scenario.duration_s
        context = LoadContext(
            started=started,
            duration_s=max(float(seconds), 1e-9),
            in_flight=sum(part["mean_in_flight"] for part in last.values()),
            aborted=self._aborted,
            resources=self.process.used() if self.process else {},
            engine=f"locust, {self.workers.count} workers",
        )
        sent = [count for part in last.values() for count in part["per_user"]]
        recorder.per_user.update(dict(enumerate(sent)))
        return summarise(self.target.name, self.scenario, recorder, context)

    def _fold(self, recorder: Recorder, number: int) -> None:
        """Put one second of all workers into the recorder; what was open at the end belongs to the last second."""
        parts = list(self._seconds[number].values())
        histogram = _histogram(parts)
        for part in parts:
            recorder.errors.update(part["errors"])
        recorder.response.add(histogram)
        recorder.service.add(histogram)
        buckets = np.flatnonzero(histogram.counts)
        if number < self.scenario.duration_s:
            recorder.parts.append((buckets, histogram.counts[buckets]))
            recorder.seconds.append(_second(number, parts))


def worker_command(host: str, port: int) -> list[str]:
    """Return the command of a worker for the master at `host`."""
    return [*_locust(), "--worker", "--master-host", host, "--master-port", str(port)]


def _locust() -> list[str]:
    return [sys.executable, "-m", "locust", "--locustfile", str(FILE)]


def _histogram(parts: Sequence[dict[str, Any]]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for part in parts:
        histogram.counts[part["buckets"]] += np.array(part["counts"], dtype=np.int64)
        histogram.sum_s += part["sum_s"]
        histogram.longest_s = max(histogram.longest_s, part["longest_s"])
    return histogram


def _second(number: int, parts: Sequence[dict[str, Any]]) -> SecondStats:
    histogram = _histogram(parts)
    errors = sum(sum(part["errors"].values()) for part in parts)
    open_requests = sum(part["in_flight"] for part in parts)
    total = histogram.total + errors
    return SecondStats(
        float(number + 1), total, errors, open_requests, histogram.quantile(0.5), histogram.quantile(0.99)
    )


def _end(process: subprocess.Popen[str]) -> None:
    """End a process of ours: politely first, then by force."""
    for stop in _stops(process):
        stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            break
    if process.stdout:
        process.stdout.close()


def _stops(process: subprocess.Popen[str]) -> Iterator[Callable[[], None]]:
    yield process.terminate
    yield process.kill


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
