"""The result of a load test: for a person, for a program, and as a report for history and verdict.

* What a load test says to a person: a line for every second, and the result.
* How long a load has to be measured to see a change of a given size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from regress_action.formats.stacking import stack
from regress_action.instruments.load.recorder import bucket_of, design_effect
from regress_action.measure import machine
from regress_action.model import normal
from regress_action.model.measurements import Benchmark, Direction, Environment, Metric, Report, Run, Series
from regress_action.report.numbers import quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.instruments.load.recorder import LatencyHistogram, Recorder, SecondStats
    from regress_action.instruments.load.scenario import Scenario


QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
_LITTLE = (0.8, 1.25)
_LEAST_SAMPLED = 0.5
_SCHEDULE_QUANTILE = 0.99
_LEAST_IN_WINDOW = 100
_SHORTEST_WINDOW_S = 0.1


@dataclass(frozen=True, slots=True)
class Percentile:
    """One percentile in seconds with its 95 % interval."""

    value_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class LoadResult:
    """One run of a scenario. Times are seconds, `throughput` is answers a second.

    `response` counts from when a request was due, `service` from when it was sent; in a closed loop they are the same.
    A percentile is left out where fewer than ten answers lie beyond it. `little` is the mean number of open requests by
    Little's law (throughput times service time) over that which was seen; far from 1, the load generator itself was the
    bottleneck. `schedule_error` is by which share the number of requests sent in a window missed the schedule, at the
    99th percentile of the windows. `encoded` is the histogram in the form of the HdrHistogram libraries, in units of
    100 ns, where the package hdrhistogram is installed. `engine` names the load generator where it is not ours.
    """

    target: str
    scenario: Scenario
    digest: str
    started: str
    duration_s: float
    requests: int
    errors: Mapping[str, int]
    dropped: int
    throughput: float
    mean_s: float
    longest_s: float
    response: Mapping[str, Percentile]
    service: Mapping[str, Percentile]
    seconds: tuple[SecondStats, ...] = ()
    little: float | None = None
    schedule_error: float | None = None
    lateness_p99_s: float | None = None
    imbalance: float | None = None
    aborted: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    encoded: str | None = None
    engine: str = ""

    @property
    def failed(self) -> int:
        """How many requests ended in an error."""
        return sum(self.errors.values())

    @property
    def error_share(self) -> float:
        """The share of the requests that ended in an error."""
        return self.failed / self.requests if self.requests else 0.0

    @property
    def generator_kept_up(self) -> bool:
        """Whether the check by Little's law holds, or could not be made."""
        return self.little is None or _LITTLE[0] <= self.little <= _LITTLE[1]

    def as_dict(self) -> dict[str, Any]:
        """Return the result for a program."""
        scenario = {name: getattr(self.scenario, name) for name in self.scenario.__slots__}
        return {
            "schema": 1,
            "target": self.target,
            "scenario": {**scenario, "loop": "open" if self.scenario.is_open else "closed", "digest": self.digest},
            "engine": self.engine or None,
            "started": self.started,
            "duration_s": self.duration_s,
            "requests": self.requests,
            "errors": self.failed,
            "error_classes": dict(self.errors),
            "dropped": self.dropped,
            "throughput": self.throughput,
            "latency": {"mean": _finite(self.mean_s), "max": self.longest_s, **_values(self.response)},
            "latency_intervals": {name: [row.low_s, row.high_s] for name, row in self.response.items()},
            "service": _values(self.service),
            "little": _finite(self.little),
            "generator_kept_up": self.generator_kept_up,
            "schedule_error": _finite(self.schedule_error),
            "lateness_p99": _finite(self.lateness_p99_s),
            "imbalance": _finite(self.imbalance),
            "aborted": self.aborted,
            "resources": dict(self.resources),
            "hdrhistogram": self.encoded,
            "seconds": [{name: _finite(getattr(second, name)) for name in second.__slots__} for second in self.seconds],
        }

    def report(self, name: str | None = None, *, service: str | None = None, suite: str = "default") -> Report:
        """Return this run as a report; `name` is that of the benchmark, the target's unless given.

        The digest of the scenario is the version of the benchmark, so that unlike loads are never compared.
        """
        scenario = self.scenario
        load = ("rate", f"{scenario.rate:g}/s") if scenario.rate else ("users", str(scenario.users))
        benchmark = Benchmark(name or self.target, service=service, parameters=(load,), version=self.digest)
        return Report(
            tuple(Series(benchmark, metric, (value,)) for metric, value in self._metrics()),
            (Run(started=self.started, wall_s=self.duration_s, failure=self.aborted),),
            suite=suite,
            created=self.started,
            environment=Environment(**machine.fingerprint()),  # type: ignore[arg-type]
            source="load",
            warnings=self.warnings(),
        )

    def warnings(self) -> tuple[str, ...]:
        """Return what a reader has to know before trusting the figures."""
        said = []
        if not self.generator_kept_up:
            said.append(
                f"The load generator did not keep up: by Little's law {self.little:.2f} times as many requests were "
                "open as were seen. Use fewer users or a lower rate."
            )
        if self.dropped:
            said.append(f"{self.dropped} arrivals were dropped, because too many requests were open.")
        if self.aborted:
            said.append(f"The load was ended early: {self.aborted}.")
        return tuple(said)

    def _metrics(self) -> list[tuple[Metric, float]]:
        rows = [(Metric("throughput", "1/s", Direction.HIGHER), self.throughput)]
        rows += [(Metric(f"latency_{name}", "s"), row.value_s) for name, row in self.response.items()]
        if self.scenario.is_open:
            rows += [(Metric(f"service_{name}", "s"), row.value_s) for name, row in self.service.items()]
        rows.append((Metric("error_share", "ratio", signed=True), self.error_share))
        rows += [
            (Metric(f"target_{name}", "B" if "memory" in name else "s"), v) for name, v in self.resources.items() if v
        ]
        return rows


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What happened around the requests: `in_flight` is the mean number of open requests that was seen."""

    started: datetime
    duration_s: float
    in_flight: float
    aborted: str | None
    resources: Mapping[str, float]
    engine: str = ""


def summarise(target: str, scenario: Scenario, recorder: Recorder, context: LoadContext) -> LoadResult:
    """Return the result of what was recorded."""
    duration_s = context.duration_s
    answered = recorder.response.total
    failed = sum(recorder.errors.values())
    error, lateness = schedule_error(recorder, scenario)
    return LoadResult(
        target=target,
        scenario=scenario,
        digest=scenario.digest(target, context.engine),
        started=context.started.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        duration_s=duration_s,
        requests=answered + failed,
        errors=dict(recorder.errors.most_common()),
        dropped=recorder.dropped,
        throughput=answered / duration_s,
        mean_s=recorder.response.mean_s,
        longest_s=recorder.response.longest_s,
        response=_percentiles(recorder.response, recorder),
        service=_percentiles(recorder.service, recorder),
        seconds=tuple(recorder.seconds),
        little=_little(recorder, duration_s, context.in_flight) if not failed else None,
        schedule_error=error,
        lateness_p99_s=lateness,
        imbalance=_imbalance(recorder, scenario),
        aborted=context.aborted,
        resources=context.resources,
        encoded=recorder.response.encoded(),
        engine=context.engine,
    )


def stacked(results: Sequence[LoadResult], name: str | None, *, service: str | None, suite: str) -> Report:
    """Return several runs of one scenario as one report."""
    return stack([result.report(name, service=service, suite=suite) for result in results])


def together(results: Sequence[LoadResult], name: str | None, *, service: str | None, suite: str) -> Report:
    """Return runs as one report; each of several numbers of users is a benchmark of its own."""
    by_users: dict[int, list[LoadResult]] = {}
    for result in results:
        by_users.setdefault(result.scenario.users, []).append(result)
    reports = []
    for users, runs in by_users.items():
        level = f"{name or runs[0].target}[users={users}]" if len(by_users) > 1 else name
        reports.append(stacked(runs, level, service=service, suite=suite))
    series = tuple(row for report in reports for row in report.series)
    warnings = tuple(dict.fromkeys(words for report in reports for words in report.warnings))
    return replace(reports[0], series=series, warnings=warnings)


def schedule_error(recorder: Recorder, scenario: Scenario) -> tuple[float | None, float | None]:
    """Return how far the requests that were sent missed the schedule, and the 99th percentile of their lateness.

    The first is the 99th percentile, over windows in which at least a hundred requests were due, of the difference
    between the requests sent and those due, as a share of those due.
    """
    if not recorder.due:
        return None, None
    due, late = np.array(recorder.due), np.array(recorder.lateness)
    window = max(_SHORTEST_WINDOW_S, _LEAST_IN_WINDOW / (scenario.rate or 1.0))
    edges = np.arange(scenario.measured_from_s, scenario.ends_s + window / 2, window)
    if len(edges) < 2:  # noqa: PLR2004 - no window at all
        return None, float(np.quantile(late, _SCHEDULE_QUANTILE))
    wanted, _ = np.histogram(due, edges)
    sent, _ = np.histogram(due + late, edges)
    missed = np.abs(sent - wanted) / np.maximum(wanted, 1)
    return float(np.quantile(missed, _SCHEDULE_QUANTILE)), float(np.quantile(late, _SCHEDULE_QUANTILE))


def _percentiles(histogram: LatencyHistogram, recorder: Recorder) -> dict[str, Percentile]:
    rows = {}
    for name, share in QUANTILES.items():
        value = histogram.quantile(share)
        bucket = int(bucket_of(np.array([value]))[0]) if math.isfinite(value) else 0
        interval = histogram.interval(share, design_effect(recorder.parts, bucket, share))
        if interval:
            rows[name] = Percentile(value, *interval)
    return rows


def _little(recorder: Recorder, duration_s: float, in_flight: float) -> float | None:
    """Return the open requests that Little's law predicts over those that were seen, None where hardly any were.

    The law counts the time that requests were open within the measurement: the parts outside of it are left out.
    """
    predicted = (recorder.service.sum_s + recorder.edges_s) / duration_s
    if not in_flight >= _LEAST_SAMPLED or not math.isfinite(predicted):
        return None
    return predicted / in_flight


def _imbalance(recorder: Recorder, scenario: Scenario) -> float | None:
    """Return how many times as many requests the busiest user of a closed loop sent as the average one."""
    if scenario.is_open or not recorder.per_user:
        return None
    return max(recorder.per_user.values()) / (sum(recorder.per_user.values()) / scenario.users)


def _values(rows: Mapping[str, Percentile]) -> dict[str, float]:
    return {name: row.value_s for name, row in rows.items()}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def second_line(second: SecondStats) -> str:
    """Return what happened in one second."""
    latency = "no answer" if math.isnan(second.p50_s) else f"p50 {quantity(second.p50_s, 's')}"
    return (
        f"{second.at_s:7.1f} s  {second.requests:7d} requests  {second.errors:5d} errors  "
        f"{second.in_flight:5d} open  {latency}"
    )


def run_line(side: str, number: int, result: LoadResult) -> str:
    """Return the figures of one of many runs."""
    shown = [f"{name} {quantity(row.value_s, 's')}" for name, row in result.response.items() if name in ("p50", "p99")]
    return (
        f"{side:<8} {number:3d}: {result.requests} requests, {result.failed} errors, {', '.join(shown) or 'no answer'}"
    )


def result_lines(result: LoadResult) -> list[str]:
    """Return the whole result of one run."""
    loop = f"{result.scenario.rate:g} arrivals/s" if result.scenario.rate else f"{result.scenario.users} users"
    said = [
        f"{result.target}: {loop} for {result.duration_s:.3g} s",
        f"  {result.requests} requests, {result.failed} errors, {quantity(result.throughput, '1/s')}",
    ]
    said += [f"  {count} × {name}" for name, count in result.errors.items()]
    heads = "response" if result.scenario.is_open else "latency"
    for title, rows in ((heads, result.response), ("service", result.service if result.scenario.is_open else {})):
        for name, row in rows.items():
            interval = f"[{quantity(row.low_s, 's')}, {quantity(row.high_s, 's')}]"
            said.append(f"  {title} {name:<6} {quantity(row.value_s, 's'):>10}  {interval}")
    return said + [f"  Note: {warning}" for warning in result.warnings()]


SHORTEST_S, LONGEST_S = 5.0, 600.0
PILOT_S = 5.0
_LEAST_SECONDS = 3


def duration_for(change: float, seconds: Sequence[SecondStats]) -> float:
    """Return the seconds for which each of two loads must be measured to see their medians differ by `change`.

    `change` is a ratio such as 1.1. `seconds` come from a pilot: the scatter of the medians of its seconds, as a
    logarithm, decides. Variation between runs, which a single run cannot show, comes on top.
    """
    medians = [math.log(second.p50_s) for second in seconds if second.p50_s > 0 and not math.isnan(second.p50_s)]
    if len(medians) < _LEAST_SECONDS:
        return LONGEST_S
    spread = float(np.std(medians, ddof=1))
    needed = 2 * ((normal.Z_95 + normal.Z_POWER_80) * spread / abs(math.log(change))) ** 2
    return min(max(needed, SHORTEST_S), LONGEST_S)
