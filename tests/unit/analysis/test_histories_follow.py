"""Histories: reports become points in order of time, and are followed to the object of `trend --json`."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from regress_action.analysis import histories, trend
from regress_action.analysis.trend import Tendency
from regress_action.model.measurements import Direction, Environment, Metric
from unit.analysis.stored_reports import day, past, report


def test_a_point_is_the_median_of_its_report() -> None:
    """Reports in any order become one history per benchmark, oldest first, with commit and time."""
    reports = [report(n, {"a": [n + 1.0, n + 2.0, n + 9.0], "b": [1.0] * 3}) for n in range(5)]
    random.Random(1).shuffle(reports)  # noqa: S311 - an order, not a secret
    first, second = histories.of(reports)
    assert first.values.tolist() == [2, 3, 4, 5, 6]
    assert [first.point(n).time for n in range(5)] == [day(n) for n in range(5)]
    assert first.point(3).commit == f"{3:040x}"
    assert second.key == ("b", "time")


def test_environments_are_kept_apart() -> None:
    """Runs of two machines are two histories: between CPU models nothing is comparable."""
    other = Environment(cpu="another")
    reports = past([1.0, 1.0]) + [report(n, {"parse": [2.0]}, environment=other) for n in range(3)]
    assert sorted(len(history) for history in histories.of(reports)) == [2, 3]


def test_another_body_is_another_history() -> None:
    """When the benchmark itself was rewritten, only what measured the present body is followed."""
    reports = [report(n, {"a": [1.0 + n]}, version="new" if n >= 3 else "old") for n in range(5)]
    (history,) = histories.of(reports)
    assert history.values.tolist() == [4, 5]


def test_missing_values_give_no_point() -> None:
    """A report whose runs all lack a value is not a point."""
    (history,) = histories.of([report(0, {"a": [1.0]}), report(1, {"a": [float("nan")]}), report(2, {"a": [3.0]})])
    assert history.values.tolist() == [1, 3]


def test_a_column_of_values_can_be_followed() -> None:
    """A CSV column with commits and times, or without either, is a history."""
    assert histories.named("x", [1.0, 2.0]).times is None
    dated = histories.named("x", [1.0, 2.0], commits=["a", "b"], times=["2026-01-01", "2026-01-02T00:00:00+00:00"])
    assert dated.times is not None
    assert np.diff(dated.times).tolist() == [86_400]
    assert histories.named("x", [1.0], times=["yesterday"]).times is None


def test_the_object_of_trend_json() -> None:
    """Name, unit, points, direction, correlation, p, drift and change points with commit and time, as JSON."""
    draw = np.random.default_rng(1)
    values = np.exp(0.005 * draw.standard_normal(60))
    values[40:] *= 1.3
    metric = Metric("throughput", "1/s", Direction.HIGHER)
    (series,) = json.loads(
        json.dumps(histories.as_object(histories.follow(histories.of(past(values, metric=metric)))))
    )["series"]
    assert {key: series[key] for key in ("name", "metric", "unit", "points")} == {
        "name": "parse",
        "metric": "throughput",
        "unit": "1/s",
        "points": 60,
    }
    (change,) = series["change_points"]
    assert (change["index"], change["commit"], change["time"]) == (40, f"{40:040x}", day(40))
    assert change["ratio"] == pytest.approx(1 / 1.3, rel=0.01)
    assert series["direction"] == "stable"


def test_the_object_of_trend_json_lists_the_sixty_newest_values() -> None:
    """More of them would make the answer about a long history a copy of it."""
    followed = histories.follow(histories.of(past(range(1, 71))))
    (series,) = json.loads(json.dumps(histories.as_object(followed)))["series"]

    assert series["recent"] == list(range(11, 71))


def clustered_step(runs_after: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Draw three machine types with little noise each, and a 12 % step."""
    draw = np.random.default_rng(9)
    level = draw.choice([0.0, 0.16, 0.33], 110, p=[0.7, 0.2, 0.1])
    values = 100 * np.exp(level + 0.01 * draw.standard_normal(110))
    values[110 - runs_after :] *= 1.12
    return np.asarray(values)


def test_a_change_point_among_the_last_runs_makes_a_step() -> None:
    """A step that twenty runs alone cannot tell from noise is told by the whole history, with its height."""
    values = clustered_step(runs_after=16)
    assert trend.follow(values).direction is Tendency.STABLE
    (followed,) = histories.follow([histories.named("x", values)])
    assert followed.trend.direction is Tendency.STEP
    assert followed.trend.drift == pytest.approx(0.12, abs=0.01)


def test_a_change_point_of_long_ago_does_not() -> None:
    """A step before the last twenty runs is a change point of the history and no tendency of the present."""
    (followed,) = histories.follow([histories.named("x", clustered_step(runs_after=40))])
    assert followed.change_points
    assert followed.trend.direction is Tendency.STABLE


def test_a_short_history_is_unknown_and_still_json() -> None:
    """Three points: unknown, with nulls and not with NaN, which JSON has not."""
    written = histories.as_object(histories.follow([histories.named("x", [1.0, 2.0, 3.0])]))
    (series,) = json.loads(json.dumps(written, allow_nan=False))["series"]
    assert series["direction"] == "unknown"
    assert series["correlation"] is None


def test_of_several_change_points_the_largest_gives_the_height() -> None:
    """Up by 12 % and a little down again among the last runs: the step is one of 12 %."""
    values = clustered_step(runs_after=16)
    (followed,) = histories.follow([histories.named("x", values)])
    (change,) = followed.change_points
    smaller = replace(change, index=change.index + 5, ratio=0.95, difference=-change.difference / 3)
    stable = trend.Trend(Tendency.STABLE, 0.1, 0.5, 0.01, 20)
    for points in ((change, smaller), (smaller, change)):
        assert histories._with_steps(stable, points, 110).drift == pytest.approx(0.12, abs=0.01)


def test_a_change_point_needs_three_runs_of_the_window_before_it() -> None:
    """Nearer to where the last twenty runs begin, it is what they have in common."""
    values = clustered_step(runs_after=16)
    (followed,) = histories.follow([histories.named("x", values)])
    (change,) = followed.change_points
    stable = trend.Trend(Tendency.STABLE, 0.1, 0.5, 0.01, 20)
    for before, direction in ((2, Tendency.STABLE), (3, Tendency.STEP)):
        placed = replace(change, index=110 - 20 + before)
        assert histories._with_steps(stable, (placed,), 110).direction is direction


def test_times_without_a_zone_are_utc_and_order_the_reports() -> None:
    """An offset is honoured; a report without a readable time comes first."""
    late, early, lost = (
        replace(stored, created=at)
        for stored, at in zip(
            past([1.0, 2.0, 3.0]), ["2026-01-01T12:00:00", "2026-01-01T13:30:00+02:00", "some day"], strict=True
        )
    )
    assert histories.in_order([late, early, lost]) == [lost, early, late]
    history = histories.named("x", [1.0], times=["1970-01-01T00:01:00"])
    assert history.times is not None
    assert history.times.tolist() == [60]


def test_series_of_one_report_may_hold_fewer_values_than_others() -> None:
    """A benchmark that was added while the suite ran is still followed."""
    reports = [report(n, {"whole": [1.0, 2.0, 9.0], "late": [5.0], "none": []}) for n in range(2)]
    assert {history.key[0]: history.values.tolist() for history in histories.of(reports)} == {
        "whole": [2, 2],
        "late": [5, 5],
    }
