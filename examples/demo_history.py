"""A year of plausible history of examples/services, generated and marked as such, for a look at the dashboard.

    python examples/demo_history.py FOLDER        a history in FOLDER, as `regress-action dashboard --history` reads it

Planted: a cache lookup that became 30 % slower and was accepted, an orchestration step that stayed, a database query
that drifts towards its budget, an improvement of the workers, a noisy session benchmark, a benchmark that vanished.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from regress_action.history import SeriesPattern, accept, open_history
from regress_action.model.measurements import Benchmark, Direction, Environment, Metric, Report, Run, Series

SEED = 20260101
DAYS = 365
RUNS = 5
TIME, MEMORY = Metric("time", "s"), Metric("peak_memory", "B")
THROUGHPUT = Metric("throughput", "1/s", Direction.HIGHER)
MACHINES = (
    Environment("ubuntu-24.04", "Linux", "EPYC 7763", 4, "16 GiB", "CPython 3.12"),
    Environment("ubuntu-24.04", "Linux", "EPYC 7763", 4, "16 GiB", "CPython 3.13"),
)
AUTHORS = ("ada", "grace", "barbara", "donald")
LEVELS = {  # benchmark: (service, metric, level in base units, spread between reports)
    "cache_get": ("cache", TIME, 0.0031, 0.01),
    "cache_set": ("cache", TIME, 0.0064, 0.01),
    "cache_throughput": ("cache", THROUGHPUT, 2400.0, 0.015),
    "simple_operation": ("orchestration", TIME, 0.061, 0.012),
    "complex_operation": ("orchestration", TIME, 0.64, 0.015),
    "session_create": ("session", TIME, 0.021, 0.16),
    "agent_compose": ("agents", TIME, 0.0142, 0.01),
    "agent_run": ("agents", TIME, 0.035, 0.012),
    "artifact_write": ("artifacts", TIME, 0.052, 0.02),
    "artifact_read": ("artifacts", TIME, 0.031, 0.02),
    "workers_threads": ("workers", TIME, 0.142, 0.02),
    "workers_tasks": ("workers", TIME, 0.121, 0.02),
    "database_write": ("database", TIME, 0.064, 0.015),
    "database_query": ("database", TIME, 0.071, 0.012),
    **{f"parse[{size}]": ("agents", TIME, 1.1e-6 * size**1.08, 0.01) for size in (10, 100, 1000, 10000)},
}
_SUNDAY = 6
ACCEPTED_DAY, REGRESSED_DAY, IMPROVED_DAY, DRIFT_DAY, GONE_DAY = 210, 338, 120, 240, 350


def factor(name: str, day: int) -> float:
    """Return what the planted changes make of a benchmark's level by a day."""
    if name == "cache_get" and day >= ACCEPTED_DAY:
        return 1.3
    if name == "simple_operation" and day >= REGRESSED_DAY:
        return 1.42
    if name.startswith("workers") and day >= IMPROVED_DAY:
        return 0.72
    if name == "database_query" and day >= DRIFT_DAY:
        return 1 + 0.25 * (day - DRIFT_DAY) / (DAYS - DRIFT_DAY)
    return 1.0


def reports(now: datetime) -> list[Report]:
    """Return a report per day and machine, oldest first; the second machine joins after four months."""
    random = np.random.default_rng(SEED)
    result: list[Report] = []
    for day in range(DAYS):
        created = (now - timedelta(days=DAYS - day)).strftime("%Y-%m-%dT%H:%M:%SZ")
        commit = "".join(random.choice(list("0123456789abcdef"), 40))
        author = str(random.choice(AUTHORS))
        if (now - timedelta(days=DAYS - day)).weekday() == _SUNDAY and result:  # nobody committed: measured once more
            commit, author = result[-1].commit or "", dict(result[-1].provenance)["actor"] or ""
        for number, machine in enumerate(MACHINES):
            if number == 1 and day < IMPROVED_DAY:
                continue
            result.append(_report(random, day, created, commit, author, machine, 1.0 if number == 0 else 0.9))
    return result


def _report(
    random: np.random.Generator, day: int, created: str, commit: str, author: str, machine: Environment, speed: float
) -> Report:
    series = []
    for name, (service, metric, level, spread) in LEVELS.items():
        if name == "artifact_read" and day >= GONE_DAY:
            continue
        worse = factor(name, day) * speed * np.exp(random.normal(0, spread))
        middle = level * worse if metric.direction is Direction.LOWER else level / worse
        runs = middle * np.exp(random.normal(0, spread / 3, RUNS))
        benchmark = Benchmark(f"benchmarks/test_{service}.py::test_{name}", service)
        series.append(Series(benchmark, metric, tuple(float(f"{value:.5g}") for value in runs)))
        if metric is TIME:
            memory = 4e5 * (1 + len(name)) * np.exp(random.normal(0, 0.002, RUNS))
            series.append(Series(benchmark, MEMORY, tuple(float(round(value)) for value in memory)))
    return Report(
        tuple(series),
        tuple(Run(wall_s=6.0) for _ in range(RUNS)),
        suite="services",
        commit=commit,
        branch="main",
        created=created,
        environment=machine,
        source="demo",
        provenance=(("event", "local"), ("actor", author)),
        saved_s=12.0,
    )


def write(folder: Path) -> None:
    """Write the history, with the decision that accepted the slower cache lookup."""
    now = datetime.now(UTC)
    made = reports(now)
    decided = next(report for report in made if report.created and report.created >= _day(now, ACCEPTED_DAY))
    accepted = accept(
        decided.commit,
        [SeriesPattern("*test_cache_get", "time")],
        at=now - timedelta(days=DAYS - ACCEPTED_DAY - 1),
        who="grace",
        why="The checksum is worth it.",
        suite="services",
    )
    open_history(str(folder), repository=Path.cwd(), environ={}).extend(made, events=[accepted])


def _day(now: datetime, day: int) -> str:
    return (now - timedelta(days=DAYS - day)).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
