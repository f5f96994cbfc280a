"""Turn measured or drawn numbers into the reports that the program reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regress_action.model.measurements import Benchmark, Direction, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Numbers = Sequence[float] | np.ndarray

HOSTED = Environment(runner="github-hosted", os="ubuntu-22.04", cpu="unknown")
DEDICATED = Environment(runner="self-hosted", os="linux", cpu="Xeon X5680", cores=12)
TIME = Metric("time", "s")
UNRELATED = 7
"""Rows that one judgement may hold without one saying anything of another: from eight a suite moves together."""
RATE = Metric("throughput", "1/s", Direction.HIGHER)


def side(values: Mapping[str, Numbers], *, session: str, commit: str, metric: Metric = TIME) -> Report:
    """Return one side of interleaved pairs: a run per value, numbered as its pair."""
    count = max(map(len, values.values()))
    series = tuple(
        Series(Benchmark(name), metric, (*map(float, numbers), *[float("nan")] * (count - len(numbers))))
        for name, numbers in values.items()
    )
    runs = tuple(Run(session=session, pair=pair) for pair in range(count))
    return Report(series, runs, commit=commit, environment=HOSTED)


def unrelated(rows: Sequence[Numbers], *, paired: str | None = None) -> Report:
    """Return one side whose rows (rows × runs) say nothing of each other: each is a metric and a benchmark of its own.

    At most `UNRELATED` rows. `paired` is the commit of a side of interleaved pairs, None for runs of no session.
    """
    count = max(map(len, rows))
    series = tuple(
        Series(
            Benchmark(f"b{number}"),
            Metric(f"time {number}", "s"),
            (*map(float, values), *[float("nan")] * (count - len(values))),
        )
        for number, values in enumerate(rows)
    )
    first = int(paired == "b")  # the head of every second pair runs first
    runs = tuple(Run(session="s", pair=n, position=(n + first) % 2) if paired else Run() for n in range(count))
    return Report(series, runs, commit=paired, environment=HOSTED if paired else DEDICATED)


def one_run(name: str, value: float, metric: Metric = TIME, environment: Environment = HOSTED) -> Report:
    """Return the report of one run that measured one benchmark."""
    return Report((Series(Benchmark(name), metric, (float(value),)),), (Run(),), environment=environment)


def processes(values: Mapping[str, Sequence[Sequence[float]]], *, commit: str, created: str) -> Report:
    """Return what pyperf wrote for one commit: one run, whose rounds are its processes."""
    series = []
    for name, measured in sorted(values.items()):
        levels = [float(np.median(process)) for process in measured if process]
        spread = float(np.std(levels, ddof=1)) if len(levels) > 1 else float("nan")
        series.append(Series(Benchmark(name), TIME, (float(np.median(levels)),), (len(levels),), (spread,)))
    return Report(tuple(series), (Run(),), commit=commit, created=created, environment=DEDICATED)


def single(report: Report, name: str) -> Report:
    """Return the report with a single benchmark of it.

    Raises:
        KeyError: when it has none of that name.
    """
    if (reduced := only(report, name)) is None:
        raise KeyError(name)
    return reduced


def only(report: Report, name: str) -> Report | None:
    """Return the report with a single benchmark of it, or None where it has none of that name."""
    series = tuple(one for one in report.series if one.benchmark.name == name)
    return (
        Report(series, report.runs, commit=report.commit, created=report.created, environment=report.environment)
        if series
        else None
    )
