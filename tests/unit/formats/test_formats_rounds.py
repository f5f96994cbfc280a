"""How rounds become the value of a run."""

from __future__ import annotations

import math
from statistics import median, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.formats.rounds import Sample, combine, reported, single, summarise

_TIMES = st.floats(min_value=1e-9, max_value=1e6)


@given(st.lists(_TIMES, min_size=2, max_size=50))
def test_a_sample_is_median_and_deviation(rounds: list[float]) -> None:
    """The value is the median, the spread the standard deviation of a sample."""
    sample = summarise(rounds, "x")

    assert sample.value == pytest.approx(median(rounds))
    assert sample.spread == pytest.approx(stdev(rounds), abs=1e-9 * max(rounds))
    assert (sample.rounds, sample.dropped) == (len(rounds), 0)


@given(st.lists(_TIMES, min_size=5, max_size=30), st.lists(st.sampled_from([math.nan, math.inf, -math.inf, None])))
def test_what_is_not_finite_is_dropped_wherever_it_stands(rounds: list[float], lost: list[float | None]) -> None:
    """Lost rounds change neither value nor spread, only the count."""
    clean = summarise(rounds, "x")

    sample = summarise([*lost, *rounds], "x")

    assert (sample.value, sample.spread, sample.rounds) == (clean.value, clean.spread, clean.rounds)
    assert sample.dropped == len(lost)


@pytest.mark.parametrize(("lost", "valid"), [(2, True), (3, False)])
def test_a_fifth_of_the_rounds_may_be_lost(lost: int, valid: bool) -> None:
    """Of ten rounds two may be lost; with three the run has no value."""
    sample = combine([summarise([1.0] * (10 - lost) + [math.nan] * lost, "x")])

    assert math.isnan(sample.value) is not valid
    assert sample.dropped == lost


def test_a_process_counts_once_however_many_rounds_it_had() -> None:
    """A long process does not outvote two short ones."""
    samples = [summarise([5.0] * 100, "x"), summarise([1.0] * 3, "x"), summarise([1.2] * 3, "x")]

    sample = combine(samples)

    assert sample.value == 1.2
    assert sample.rounds == 106


def test_a_process_without_a_value_does_not_spoil_the_others() -> None:
    """One lost process in six is left out like one lost round."""
    sample = combine([*(summarise([value], "x") for value in (1.0, 2.0, 3.0, 4.0, 5.0)), summarise([math.nan], "x")])

    assert (sample.value, sample.rounds, sample.dropped) == (3.0, 5, 1)


def test_the_spread_of_processes_is_that_of_all_rounds() -> None:
    """Differences between the processes are part of the spread."""
    sample = combine([Sample(1.0), Sample(3.0)])

    assert sample.value == 2.0
    assert sample.spread == pytest.approx(stdev([1.0, 3.0]))


def test_a_negative_round_is_dropped_unless_signed() -> None:
    """A duration below zero is an error of the tool; a growth below zero is a shrinkage."""
    assert summarise([-1.0, 1.0], "x", signed=True).value == 0.0

    sample = summarise([-1.0, 1.0], "x")

    assert (sample.value, sample.dropped) == (1.0, 1)
    assert sample.problem == "x[0] is -1, and a duration or a size cannot be negative"


def test_numbers_in_strings_are_numbers() -> None:
    """Thousands may be separated by commas; what is no number is dropped and named."""
    sample = summarise(["1,234.5", "1,234.5", "1234.5", 1234.5, "fast"], "x")

    assert (sample.value, sample.dropped, sample.problem) == (1234.5, 1, "x[4] is a string")


def test_a_huge_integer_beside_a_float_is_dropped() -> None:
    """Their sum is beyond any float."""
    assert summarise([10**309, 0.5, 0.5, 0.5, 0.5, 0.5], "x").value == 0.5


def test_a_deviation_beyond_all_measure_is_unknown() -> None:
    """Its square would be no float any more."""
    sample = reported(1.0, "x", rounds=5, spread=1e300)

    assert math.isnan(sample.spread)
    assert combine([sample, sample]).value == 1.0


def test_the_factor_scales_value_and_spread() -> None:
    """Milliseconds become seconds in both."""
    sample = summarise([1.0, 3.0], "x", factor=1e-3)

    assert (sample.value, sample.spread) == pytest.approx((2e-3, math.sqrt(2) * 1e-3))


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e200])
def test_a_number_beyond_all_measure_is_dropped(value: float) -> None:
    """What no float or no square of it can hold is no measurement."""
    assert single(value, "x", signed=True).dropped == 1
