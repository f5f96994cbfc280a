"""Scenarios: the shape of the load, what makes two of them alike, and when arrivals are due."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.instruments.load.recorder import SecondStats
from regress_action.instruments.load.result import LONGEST_S, SHORTEST_S, duration_for
from regress_action.instruments.load.runner import LoadTestRunner
from regress_action.instruments.load.scenario import Scenario, Shape, seconds
from regress_action.instruments.load.watching import abort_rule
from regress_action.model.errors import UsageError


def arrivals(scenario: Scenario) -> np.ndarray:
    """Return every arrival of an open loop."""
    return np.concatenate([*scenario.arrivals(), np.empty(0)])


def second(p50_s: float, *, errors: int = 0) -> SecondStats:
    """Return one second of a hundred requests."""
    return SecondStats(1.0, 100, errors, 1, p50_s, 2 * p50_s)


def silent(at_s: float, *, in_flight: int = 1) -> SecondStats:
    """Return one second in which nothing was answered."""
    return SecondStats(at_s, 0, 0, in_flight, math.nan, math.nan)


@given(st.floats(1, 2000), st.floats(0.1, 25))
def test_a_constant_rate_is_evenly_spaced(rate: float, duration: float) -> None:
    """Rate times duration arrivals are due, each a fixed time after the one before, across the parts."""
    due = arrivals(Scenario(rate=rate, duration_s=duration))

    assert abs(len(due) - rate * duration) <= 1.001
    assert np.allclose(np.diff(due), 1 / rate, rtol=1e-3, atol=1e-6)


def test_a_ramp_brings_half_of_the_arrivals() -> None:
    """While the load grows evenly, half as many requests are due as at full load."""
    due = arrivals(Scenario(rate=100, duration_s=10, ramp_up_s=10))

    assert abs((due < 10).sum() - 500) <= 2
    assert abs((due >= 10).sum() - 1000) <= 2


def test_poisson_arrivals_are_those_of_their_seed() -> None:
    """Random gaps average to the rate, vary as exponential ones do, and are the same for the same seed."""
    scenario = Scenario(rate=500, duration_s=30, poisson=True, seed=3)
    gaps = np.diff(arrivals(scenario))

    assert np.array_equal(arrivals(scenario), arrivals(scenario))
    assert gaps.mean() == pytest.approx(1 / 500, rel=0.05)
    assert gaps.std() == pytest.approx(1 / 500, rel=0.08)


@pytest.mark.parametrize(
    ("shape", "levels"),
    [
        (Shape.LINEAR, [0.0, 0.5, 1.0, 1.0]),
        (Shape.STEPS, [0.0, 0.6, 1.0, 1.0]),
        (Shape.SOAK, [1.0, 1.0, 1.0, 1.0]),
        (Shape.SPIKE, [0.2, 0.2, 0.2, 1.0]),
    ],
)
def test_shapes_of_the_load(shape: Shape, levels: list[float]) -> None:
    """The share of the full load at the start, half way up, at the top and in the middle of the measurement."""
    scenario = Scenario(duration_s=9, ramp_up_s=10, shape=shape)

    assert scenario.level(np.array([0.0, 5.0, 10.0, 14.5])) == pytest.approx(np.array(levels))


def test_users_begin_along_the_ramp() -> None:
    """A ramp starts users one after another; without a ramp all begin at once."""
    starts = Scenario(users=10, duration_s=5, ramp_up_s=10).user_starts()

    assert starts == pytest.approx(list(range(1, 11)), abs=0.02)
    assert Scenario(users=3).user_starts() == [0.0, 0.0, 0.0]


def test_unlike_loads_have_unlike_digests() -> None:
    """Target, users, rate, shape and think time count; the length of the measurement does not."""
    scenario = Scenario(users=10)
    digests = {
        scenario.digest("a"),
        scenario.digest("b"),
        replace(scenario, users=11).digest("a"),
        replace(scenario, rate=5.0).digest("a"),
        replace(scenario, think_s=1.0).digest("a"),
        replace(scenario, ramp_up_s=1.0).digest("a"),
    }

    assert len(digests) == 6
    assert replace(scenario, duration_s=99.0, warmup_s=3.0).digest("a") == scenario.digest("a")


@pytest.mark.parametrize(
    ("text", "expected"), [("500ms", 0.5), ("10s", 10.0), ("2m", 120.0), ("1.5h", 5400.0), ("3", 3.0)]
)
def test_durations(text: str, expected: float) -> None:
    """A number with a unit, or plain seconds."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["fast", "-1s", "10 parsecs", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Anything else is named in the error."""
    with pytest.raises(UsageError, match="not a duration"):
        seconds(text)


@pytest.mark.parametrize("wrong", [{"users": 0}, {"rate": -1.0}, {"duration_s": 0.0}, {"think_s": -1.0}])
def test_loads_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    """No load can have less than one user, a negative rate or no duration."""
    with pytest.raises(UsageError, match="out of range"):
        Scenario(**wrong)  # type: ignore[arg-type]


def test_rules_end_a_load_after_three_bad_seconds() -> None:
    """One bad second is an accident; three in a row meet the rule."""
    errors, slow = abort_rule("errors>10%"), abort_rule("p99 > 500ms")

    assert errors.is_met([second(0.1, errors=20)] * 3)
    assert not errors.is_met([second(0.1, errors=20), second(0.1), second(0.1, errors=20)])
    assert slow.is_met([second(0.3)] * 3)
    assert not slow.is_met([second(0.1)] * 3)
    for text in ("errors>many", "p12>3s", "nothing"):
        with pytest.raises(UsageError):
            abort_rule(text)


def test_a_target_that_stops_answering_breaks_a_rule_for_latencies() -> None:
    """The time without an answer is the least that the open requests take; without open requests nothing is late."""
    slow = abort_rule("p99>2s")
    seconds = [second(0.1), *(silent(1.0 + late) for late in (1, 2, 3, 4, 5))]

    assert [slow.is_met(seconds[:count]) for count in range(1, 7)] == [False] * 5 + [True]
    assert abort_rule("p50>2s").is_met(seconds[1:]), "it never answered"
    assert not slow.is_met([silent(at, in_flight=0) for at in range(1, 9)])


@pytest.mark.parametrize("duration_s", [1.0, 3.0])
def test_a_rule_for_a_load_that_it_could_not_end_is_refused(duration_s: float) -> None:
    """Three bad seconds in a row are only known when such a load is over."""
    rule = abort_rule("p99>1ms")

    with pytest.raises(UsageError, match="3 bad seconds in a row"):
        LoadTestRunner(lambda: None, Scenario(duration_s=duration_s), abort=[rule])
    LoadTestRunner(lambda: None, Scenario(duration_s=3.5), abort=[rule])


def test_smaller_changes_need_longer_loads() -> None:
    """The duration grows with the scatter of the seconds and with how small the change is."""
    calm = [second(0.1 * (1 + 0.02 * (-1) ** number)) for number in range(10)]
    rough = [second(0.1 * (1 + 0.2 * (-1) ** number)) for number in range(10)]

    assert duration_for(1.5, calm) == SHORTEST_S
    assert duration_for(1.1, rough) > duration_for(1.2, rough) > SHORTEST_S
    assert duration_for(1.1, []) == LONGEST_S


def test_the_users_of_a_spike_leave_after_it() -> None:
    """A fifth of the users is always there; the others only in the middle third."""
    spike = Scenario(users=10, duration_s=30.0, shape=Shape.SPIKE)

    assert [spike.users_at(at) for at in (5.0, 15.0, 25.0)] == [2, 10, 2]
    assert [spike.has_user(5, at) for at in (5.0, 15.0, 25.0)] == [False, True, False]
    assert spike.has_user(1, 25.0)
    assert Scenario(users=10, ramp_up_s=5).has_user(9, 0.0), "whoever started stays"


@pytest.mark.parametrize(
    ("shape", "users"),
    [
        (Shape.LINEAR, [1, 2, 5, 7, 10, 10, 10, 10]),
        (Shape.STEPS, [2, 4, 6, 8, 10, 10, 10, 10]),
        (Shape.SOAK, [10] * 8),
        (Shape.SPIKE, [2, 2, 2, 2, 2, 2, 10, 2]),
    ],
)
def test_the_users_of_each_shape_over_time(shape: Shape, users: list[int]) -> None:
    """Ten users who ramp up for ten seconds, and are measured for nine more: who has begun, and has not left again."""
    scenario = Scenario(users=10, duration_s=9.0, ramp_up_s=10.0, shape=shape)
    starts = scenario.user_starts()
    times = [0.1, 2.5, 5.01, 7.5, 10.0, 12.9, 14.5, 18.5]

    there = [sum(at >= start and scenario.has_user(number, at) for number, start in enumerate(starts)) for at in times]

    assert [scenario.users_at(at) for at in times] == users
    assert there == [0 if shape is Shape.LINEAR else users[0], *users[1:]], "the first user of a ramp begins late"
