"""The file that Locust runs: users who put a scenario on a target, in the worker processes of a distributed load.

The scenario comes as an option of the master, which hands it to its workers, so that a worker on another machine needs
this file and no further argument. Workers add what they measured to the reports that Locust sends anyway; the master
prints it, a line of JSON for every second of every worker.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gevent
import locust
from locust import LoadTestShape, User, events
from locust.contrib.fasthttp import FastHttpSession

from regress_action.instruments.load import scenario
from regress_action.instruments.load.engines import error_class
from regress_action.instruments.load.recorder import Recorder, clock
from regress_action.instruments.load.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "regress-load: "
"""Before every line of a worker's second on the standard output of the master."""

OPTION = "regress_scenario"
_SAMPLE_PAUSE_S = 0.005
_IDLE_S = 0.2
_WORST_GOOD_STATUS = 399

locust.runners.WORKER_REPORT_INTERVAL = 1.0


@dataclass(slots=True)
class WorkerRecord:
    """What one worker measures between the start of the load and its end."""

    target: scenario.Target
    scenario: Scenario
    began: float = field(default_factory=clock)
    recorder: Recorder = field(default_factory=Recorder)
    seconds: list[dict[str, Any]] = field(default_factory=list)
    samples: int = 0
    in_flight_sum: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        self.recorder.measured_from_s = self.scenario.measured_from_s

    @property
    def now_s(self) -> float:
        """Seconds since the load began."""
        return clock() - self.began

    def watch(self) -> None:
        """Fold a second whenever one is over, and look at the open requests in between."""
        while True:
            gevent.sleep(_SAMPLE_PAUSE_S)
            now = self.now_s - self.scenario.measured_from_s
            if 0 <= now < self.scenario.duration_s:
                self.samples += 1
                self.in_flight_sum += self.recorder.in_flight
            if now >= self.number + 1:
                self.fold()

    def fold(self) -> None:
        """Put what came since the last call into an entry for the master."""
        before = self.recorder.response.sum_s
        stats = self.recorder.fold(self.now_s)
        if stats is None:
            return
        buckets, counts = self.recorder.parts[-1]
        self.seconds.append(
            {
                "second": self.number,
                "buckets": buckets.tolist(),
                "counts": counts.tolist(),
                "sum_s": self.recorder.response.sum_s - before,
                "longest_s": self.recorder.response.longest_s,
                "in_flight": self.recorder.in_flight,
                "errors": dict(self.recorder.errors),
                "per_user": list(self.recorder.per_user.values()),
                "mean_in_flight": self.in_flight_sum / self.samples if self.samples else 0.0,
            }
        )
        self.recorder.errors.clear()
        self.number += 1


class _Current:
    """The record of the load that runs in this worker."""

    record: WorkerRecord | None = None


def orders(text: str) -> tuple[scenario.Target, Scenario]:
    """Return the target and the scenario that the option of the master states."""
    content = json.loads(text)
    return scenario.resolve(content["target"]), Scenario(**content["scenario"])


def _add_option(parser: Any) -> None:  # noqa: ANN401 - Locust's parser
    parser.add_argument("--regress-scenario", default="", help="Target and scenario as JSON.")


def _begin(environment: Any, **_: object) -> None:  # noqa: ANN401 - Locust's environment
    text = getattr(environment.parsed_options, OPTION)
    if text and isinstance(environment.runner, locust.runners.WorkerRunner):
        _Current.record = record = WorkerRecord(*orders(text))
        gevent.spawn(record.watch)


def _report(data: dict[str, Any], **_: object) -> None:
    record = _Current.record
    if record is None:
        return
    if record.now_s > record.scenario.ends_s:
        record.fold()  # what was still open at the end
    data["regress"], record.seconds = record.seconds, []


def _print(client_id: str, data: dict[str, Any], **_: object) -> None:
    for second in data.pop("regress", []):
        sys.stdout.write(MARK + json.dumps({"worker": client_id, **second}) + "\n")
    sys.stdout.flush()


events.init_command_line_parser.add_listener(_add_option)
events.test_start.add_listener(_begin)
events.report_to_master.add_listener(_report)
events.worker_report.add_listener(_print)


class ScenarioShape(LoadTestShape):  # type: ignore[misc]  # Locust has types of its own
    """As many users as the scenario has at each second."""

    scenario: Scenario | None = None

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there are to be now and how many may be added a second, None after the end."""
        if self.scenario is None:
            _, self.scenario = orders(getattr(self.runner.environment.parsed_options, OPTION))
        now = self.get_run_time()
        if now >= self.scenario.ends_s + 1:  # the workers began a little later
            return None
        return self.scenario.users_at(min(now + 0.5, self.scenario.ends_s)), float(self.scenario.users)


class ScenarioUser(User):  # type: ignore[misc]  # likewise
    """Sends one request after another, each when the one before was answered."""

    def on_start(self) -> None:
        """Open a connection of its own where the target is an address."""
        record = _Current.record
        assert record is not None  # noqa: S101 - the load has begun
        self.record = record
        self.call: Callable[[], object] = self._function
        if record.target.url is not None:
            timeout = record.scenario.timeout_s
            self.session = FastHttpSession(
                "", self.environment.events.request, self, network_timeout=timeout, connection_timeout=timeout
            )
            self.call = self._get

    def request(self) -> None:
        """Make one request, note it, and wait for the think time."""
        record, recorder = self.record, self.record.recorder
        sent = record.now_s
        if sent >= record.scenario.ends_s:
            gevent.sleep(_IDLE_S)
            return
        recorder.in_flight += 1
        try:
            self.call()
        except Exception as error:  # noqa: BLE001 - whatever the target raises is a result
            recorder.failed(sent, error_class(error))
        else:
            recorder.answered(sent, sent, record.now_s)
        finally:
            recorder.in_flight -= 1
        if sent >= recorder.measured_from_s:
            recorder.per_user[id(self)] += 1
        if record.scenario.think_s:
            gevent.sleep(record.scenario.think_s)

    def _get(self) -> None:
        response = self.session.get(self.record.target.url)
        if not response.status_code:  # no answer, but the error of the connection
            raise response.error
        if response.status_code > _WORST_GOOD_STATUS:
            raise scenario.ResponseStatusError(response.status_code)

    def _function(self) -> None:
        function, began = self.record.target.function, clock()
        failure: Exception | None = None
        try:
            if function is not None:
                function()
        except Exception as error:
            failure = error
            raise
        finally:
            self.environment.events.request.fire(
                request_type="CALL",
                name=self.record.target.name,
                response_time=1000 * (clock() - began),
                response_length=0,
                exception=failure,
                context={},
            )


ScenarioUser.tasks = [ScenarioUser.request]
