"""Both sides as rows × runs: every value stands where its report says, on a scale where larger is worse."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action.analysis import run_matrix
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series
from unit.analysis.compared_sides import COUNT, EXACT, NAN, OTHER, OWN, RATE, SIGNED, TIME

if TYPE_CHECKING:
    from regress_action.model.measurements import Environment

METRICS = (TIME, RATE, COUNT, EXACT, SIGNED, Metric("speed", "B/s", Direction.HIGHER), Metric("peak", "B"))


def drawn(random: np.random.Generator, number: int) -> Report:
    """Draw a report of one to four runs, of some of the benchmarks and metrics, in any order."""
    runs = tuple(
        Run(
            session=("s", "t", None)[random.integers(3)],
            pair=(None, 0, 1, 7)[random.integers(4)],
            position=(None, 0, 1)[random.integers(3)],
        )
        for _ in range(random.integers(1, 5))
    )
    keys = [(name, metric) for name in "abc" for metric in METRICS]
    chosen = random.permutation(len(keys))[: random.integers(1, len(keys))]
    values = {
        at: random.choice([0.5, 2.0, 3.0, 0.0, -1.0, math.inf, NAN], len(runs), p=[0.3, 0.3, 0.2, *[0.05] * 4])
        for at in chosen
    }
    environment: Environment = OWN if random.random() < 0.6 else OTHER
    series = tuple(Series(Benchmark(keys[at][0]), keys[at][1], tuple(map(float, of))) for at, of in values.items())
    commit = f"c{random.integers(0, 3)}"
    return Report(series, runs, commit=commit, created=f"2026-01-{number:02}T00:00:00Z", environment=environment)


@pytest.mark.parametrize("seed", range(6))
def test_every_value_stands_at_its_benchmark_and_run(seed: int) -> None:
    """Reports oldest first, each with its session, machine, pairs and places; no number is NaN."""
    random = np.random.default_rng(seed)
    reports = [drawn(random, number) for number in range(1, 9)]
    base, head = reports[:5], reports[5:]
    rows, *sides, environments = run_matrix.lay_out([base[n] for n in random.permutation(5)], head[::-1])
    scale, *levels = run_matrix.badness(rows, *sides)

    fingerprints = list(dict.fromkeys(report.environment.fingerprint for report in reports))
    assert environments == tuple(fingerprints)
    for side, level, ordered in zip(sides, levels, (base, head), strict=True):
        every = [(number, report, at) for number, report in enumerate(ordered) for at in range(len(report.runs))]
        names: dict[object, int] = {}
        assert side.values.shape == (len(rows), len(every))
        for column, (number, report, at) in enumerate(every):
            run = report.runs[at]
            session = names.setdefault(run.session or number, len(names))
            assert side.sessions[column] == session
            assert environments[side.fingerprints[column]] == report.environment.fingerprint
            has_pair = run.session is not None and run.pair is not None
            assert side.pairs[column] == ((run.session, run.pair) if has_pair else None)
            assert side.positions[column] == (-1 if run.position is None else run.position)
            held = {series.key: series.values[at] for series in report.series}
            expected = [held.get((rows.benchmarks[row].name, rows.metrics[row].name), NAN) for row in range(len(rows))]
            finite = [value if math.isfinite(value) else NAN for value in expected]
            assert side.values[:, column] == pytest.approx(np.array(finite), nan_ok=True)
        assert side.session_count == len(names)
        for row, metric in enumerate(rows.metrics):
            key = rows.benchmarks[row].name, metric.name
            listing = [report for report in ordered if any(series.key == key for series in report.series)]
            assert side.listed[row] == bool(listing)
            assert side.newest[row] == any(report.commit == ordered[-1].commit for report in listing)
            sign, values = (-1 if metric.direction is Direction.HIGHER else 1), side.values[row]
            positive = [not np.any(other.values[row] <= 0) for other in sides]
            linear = metric.signed or (metric.unit != "s" and not all(positive))
            assert (scale.linear[row], scale.sign[row], scale.exact[row]) == (linear, sign, metric.exact)
            assert scale.timed[row] == (metric.unit in ("s", "1/s", "B/s"))
            assert scale.seconds[row] == (metric.unit == "s")
            assert scale.stopped[row] == (metric.unit == "s" and not positive[1])
            logs = [value if linear else math.log(value) if value > 0 else NAN for value in values]
            assert level[row] == pytest.approx(sign * np.array(logs), nan_ok=True)
        means = run_matrix.by_session(side.values, side)
        for number in range(len(names)):
            of_session = side.values[:, side.sessions == number]
            count = (~np.isnan(of_session)).sum(axis=1)
            sums = np.nansum(of_session, axis=1)
            assert means[:, number] == pytest.approx(np.where(count > 0, sums / np.maximum(count, 1), NAN), nan_ok=True)
        more = run_matrix.grown(side, len(rows) + 2)
        assert np.isnan(more.values[-2:]).all()
        assert more.values[:-2] == pytest.approx(side.values, nan_ok=True)
        assert (more.newest[-2:].tolist(), more.listed[-2:].tolist()) == ([False] * 2, [False] * 2)
        assert (more.newest[:-2].tolist(), more.listed[:-2].tolist()) == (side.newest.tolist(), side.listed.tolist())
        assert run_matrix.grown(side, len(rows)) is side


def test_reports_without_a_time_stay_in_their_order() -> None:
    """One is enough; the newest describes a benchmark, and the newest stored one that names a service decides it."""

    def one(value: float, created: str | None, service: str | None, line: str) -> Report:
        benchmark = Benchmark("b", service)
        series = Series(benchmark, Metric("time", "s"), (value,))
        return Report((series,), (Run(),), commit=line, created=created)

    stored = [one(1.0, "2026-01-03T00:00:00Z", "old", "x"), one(2.0, "2026-01-01T00:00:00Z", "older", "y")]
    head = [one(3.0, None, "moved", "z")]

    rows, base, _, _ = run_matrix.lay_out(stored, head)
    assert (base.values.tolist(), rows.benchmarks[0].service) == ([[2.0, 1.0]], "old")
    rows, base, _, _ = run_matrix.lay_out([*stored, replace(stored[0], created=None)], head)
    assert base.values.tolist() == [[1.0, 2.0, 1.0]]
    rows, *_ = run_matrix.lay_out([one(1.0, None, "kept", "x"), one(1.0, None, None, "y")], head)
    assert rows.benchmarks[0].service == "moved"
