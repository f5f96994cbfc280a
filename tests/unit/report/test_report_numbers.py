"""Numbers read as people say them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.report import numbers


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1.23456, "s", "1.23 s"),
        (0.00123456, "s", "1.23 ms"),
        (0.0123456, "s", "12.3 ms"),
        (0.123456, "s", "123 ms"),
        (4.2e-6, "s", "4.20 µs"),
        (0.9996e-3, "s", "1.00 ms"),
        (3.5e-10, "s", "350 ps"),
        (83.14, "s", "83.1 s"),
        (725.0, "s", "12.1 min"),
        (90_000.0, "s", "25 h"),
        (0.0, "s", "0 s"),
        (-0.002, "s", "−2 ms"),
        (1024.0, "B", "1 KiB"),
        (50 * 2**20, "B", "50 MiB"),
        (80.1 * 2**20, "B", "80.1 MiB"),
        (1000.0, "1/s", "1,000 ops/s"),
        (15_312.7, "1/s", "15,313 ops/s"),
        (3_456_789.0, "1/s", "3.46M ops/s"),
        (2.5 * 2**20, "B/s", "2.50 MiB/s"),
        (123_456.0, "count", "123,456"),
        (0.973, "ratio", "0.973"),
        (12.5, "furlongs", "12.5 furlongs"),
        (12.5, "|\n::x", "12.5 | ∷x"),
        (7.0, "", "7"),
        (None, "s", "–"),
        (math.nan, "s", "–"),
        (math.inf, "B", "–"),
    ],
)
def test_quantities_have_three_digits_and_a_unit_that_fits(value: float | None, unit: str, expected: str) -> None:
    """Time, memory, rates, counts and the producer's own units."""
    assert expected == numbers.quantity(value, unit)


@pytest.mark.parametrize(
    ("before", "after", "unit", "expected"),
    [
        (0.00098, 0.00102, "s", "0.980 → 1.02 ms"),
        (0.0012, 0.00372, "s", "1.20 → 3.72 ms"),
        (5e-5, 0.002, "s", "50.0 µs → 2.00 ms"),
        (1_000_000, 1_000_100, "count", "1.0000M → 1.0001M"),
        (3_820_000.0, 591_000.0, "1/s", "3.82M → 0.591M ops/s"),
        (123_456, 123_457, "count", "123,456 → 123,457"),
        (1.23, 1.23, "s", "1.23 → 1.23 s"),
        (None, 0.2, "s", "– → 200 ms"),
        (5 * 2**20, -1024.0, "B", "5 MiB → −1 KiB"),
        (0.001, 0.0015, "s", "1.00 → 1.50 ms"),
    ],
)
def test_a_transition_shows_the_change_in_one_unit(
    before: float | None, after: float | None, unit: str, expected: str
) -> None:
    """Both sides share a unit where that stays readable, and digits grow until they differ."""
    assert expected == numbers.transition(before, after, unit)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (1.42, "+42 %"),
        (0.9, "−10 %"),
        (1.028, "+2.8 %"),
        (1.0996, "+10 %"),
        (1.03, "+3 %"),
        (1.0, "±0 %"),
        (1.00001, "±0 %"),
        (1.0004, "+0.04 %"),
        (13.5, "+1,250 %"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_percent_says_how_much_worse(ratio: float | None, expected: str) -> None:
    """A ratio is a signed change, with the digits that matter."""
    assert expected == numbers.percent(ratio)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.99, "+99 %"), (2.0, "2.0×"), (3.142, "3.1×"), (26.4, "26×"), (123.4, "123×"), (0.4, "−60 %")],
)
def test_changes_become_factors_from_a_doubling_on(ratio: float, expected: str) -> None:
    """Percentages above a hundred are hard to read."""
    assert expected == numbers.change(ratio)


def test_an_interval_has_the_form_of_its_estimate() -> None:
    """Both ends are percentages or factors, as the estimate is, and an open end is infinite."""
    assert numbers.interval(1.38, 1.46, like=1.42) == "+38 to +46 %"
    assert numbers.interval(1.9, 3.3, like=2.5) == "1.90 to 3.30×"
    assert numbers.interval(0.97, math.inf, like=1.2) == "−3 to ∞ %"
    assert numbers.interval(None, None, like=1.2) == "–"


@pytest.mark.parametrize(
    ("q_value", "expected"),
    [(3e-8, "q < 0.001"), (0.0123, "q = 0.012"), (0.4, "q = 0.40"), (None, "–"), (math.nan, "–")],
)
def test_certainty_has_the_digits_that_matter(q_value: float | None, expected: str) -> None:
    """Below a thousandth the exact value says nothing more."""
    assert expected == numbers.certainty(q_value)


def test_counts_agree_with_their_nouns() -> None:
    """One regression, two regressions."""
    assert [numbers.count(n, "regression") for n in (0, 1, 2000)] == [
        "0 regressions",
        "1 regression",
        "2,000 regressions",
    ]


@given(st.floats(1e-9, 1e9))
def test_a_duration_is_within_half_a_percent_of_its_value(seconds: float) -> None:
    """Three digits lose at most half a per cent."""
    number, unit = numbers.duration(seconds).split()
    scale = {"ps": 1e-12, "ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}[unit]
    assert math.isclose(float(number.replace(",", "")) * scale, seconds, rel_tol=0.0051)


@given(
    st.one_of(st.none(), st.floats()),
    st.one_of(st.none(), st.floats()),
    st.sampled_from(["s", "B", "1/s", "count", "x"]),
)
def test_transition_of_any_two_values_is_short_text(before: float | None, after: float | None, unit: str) -> None:
    """Whatever was measured, there is something to print, and it is short."""
    assert len(numbers.transition(before, after, unit)) <= 60
    assert len(numbers.percent(before)) <= 30
    assert len(numbers.interval(before, after, like=1.0)) <= 60


@pytest.mark.parametrize(
    ("value", "expected"), [(4.1e-68, "p < 0.0001"), (0.0, "p < 0.0001"), (0.0001, "p = 0.00010"), (0.213, "p = 0.21")]
)
def test_a_tiny_p_value_is_said_in_plain_words(value: float, expected: str) -> None:
    """Nobody needs the exponent of what is certain."""
    assert expected == numbers.p_value(value)
