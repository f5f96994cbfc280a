"""Rounds are calibrated, counted and summarised as pytest-benchmark does it."""

from __future__ import annotations

import cProfile
import gc
import sys
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_benchmark.stats import Stats

from regress_action.pytest_plugin import timing
from regress_action.pytest_plugin.benchmark_record import FIELDS, RoundStatistics
from regress_action.pytest_plugin.timing import TimingOptions, Work

if TYPE_CHECKING:
    from collections.abc import Callable


def clock(*, tick: float) -> Callable[[], float]:
    """Return a clock that advances by `tick` seconds whenever it is read."""
    readings = count()
    return lambda: next(readings) * tick


def test_a_slow_function_needs_one_iteration_a_round() -> None:
    """A call that is far longer than a tick of the clock is timed by itself."""
    assert timing.calibrate(
        Work(lambda: None), TimingOptions(timer=clock(tick=1.0), min_time=0.5, calibration_precision=1)
    ) == (
        1.0,
        1,
    )


def test_a_fast_function_is_repeated_within_a_round() -> None:
    """A call that takes no time is repeated until a round is as long as `min_time`."""
    spent = [0.0]

    def call() -> None:
        spent[0] += 1e-7

    def read() -> float:
        spent[0] += 1e-9
        return spent[0]

    _, iterations = timing.calibrate(Work(call), TimingOptions(timer=read, min_time=0.001))

    assert iterations == pytest.approx(10_000, rel=0.01)


def test_rounds_fill_the_time_and_are_never_too_few() -> None:
    """The time that is given decides how many rounds there are, but for the least number."""
    few, _ = timing.rounds(Work(lambda: None), TimingOptions(max_time=0.0, min_rounds=7))
    steady = TimingOptions(timer=clock(tick=1.0), calibration_precision=1, max_time=50.0)
    many, _ = timing.rounds(Work(lambda: None), steady)

    assert len(few) == 7
    assert len(many) == 50


def test_rounds_end_when_their_mean_is_precise_enough() -> None:
    """A clock that never varies makes the mean precise after the least number of rounds."""
    options = TimingOptions(
        timer=clock(tick=1.0), calibration_precision=1, precision=0.01, min_rounds=5, max_time=1000.0
    )

    assert len(timing.rounds(Work(lambda: None), options)[0]) == 5


def test_iterations_vary_by_the_seed() -> None:
    """One seed gives one sequence of iterations, so that a session can be repeated."""
    calls: list[int] = []

    def total(seed: int) -> int:
        calls.clear()
        # The clock stands still while the function runs, so the calls depend on nothing but the options.
        options = TimingOptions(
            timer=clock(tick=1e-3), min_time=1e-3, calibration_precision=1, min_rounds=3, max_time=0.0
        )
        timing.rounds(Work(calls.append, (1,)), replace(options, seed=seed))
        return len(calls)

    assert total(1) == total(1)


def test_the_collector_and_a_profiler_come_back() -> None:
    """What is paused while a round is timed goes on after it, even when the function raises."""

    def profiler(*_: object) -> None:
        """Do nothing."""

    sys.setprofile(profiler)
    try:
        with pytest.raises(ZeroDivisionError):
            timing.timed(Work(lambda: 1 // 0), 1, TimingOptions(disable_gc=True))
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert gc.isenabled()


@given(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=50))
def test_statistics_are_those_of_pytest_benchmark(data: list[float]) -> None:
    """Every statistic but the quartiles, for which there are several rules, is the one that people know."""
    peer = Stats()
    peer.data = list(data)
    mine = RoundStatistics(list(data)).as_dict()

    for name in ("min", "max", "rounds", "median", "total"):
        assert mine[name] == pytest.approx(getattr(peer, name))
    for name in ("mean", "stddev", "ops"):
        assert mine[name] == pytest.approx(getattr(peer, name), rel=1e-6, abs=1e-12)
    assert tuple(mine) == FIELDS == Stats.fields
    assert mine["q1"] <= mine["median"] <= mine["q3"]
    assert mine["ld15iqr"] <= mine["hd15iqr"]


def test_a_profiler_written_in_c_goes_on_after_a_round() -> None:
    """`python -m cProfile -m pytest` works: the profiler sees nothing of the rounds, and what comes after them."""
    profile = cProfile.Profile()

    def within() -> None: ...

    def afterwards() -> None: ...

    profile.enable()
    with timing.paused_tracers():
        within()
    afterwards()
    profile.disable()

    names = {getattr(entry.code, "co_name", "") for entry in profile.getstats()}
    assert "afterwards" in names
    assert "within" not in names
