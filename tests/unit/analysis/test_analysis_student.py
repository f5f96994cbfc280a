"""Student's t without scipy: the same numbers as scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from regress_action.analysis import student

examples = settings(max_examples=25, deadline=None)
DEGREES = st.one_of(st.floats(1, 1e6), st.integers(1, 200).map(float), st.just(float("inf")))


@examples
@given(t=st.floats(-60, 60), df=DEGREES)
def test_the_two_sided_p_value_is_that_of_scipy(t: float, df: float) -> None:
    """To ten digits of one, over all t that a comparison meets."""
    expected = 2 * (stats.norm if np.isinf(df) else stats.t(df)).sf(abs(t))

    assert student.two_sided_p(t, df) == pytest.approx(expected, abs=1e-10)


@examples
@given(t=st.floats(0.5, 30), df=st.floats(2, 900))
def test_a_tiny_p_value_keeps_its_digits(t: float, df: float) -> None:
    """Ranking thousands of tests needs the size of a small p-value, not only that it is small."""
    assert student.two_sided_p(t, df) == pytest.approx(2 * stats.t(df).sf(t), rel=1e-9)


@examples
@given(tail=st.floats(1e-9, 0.5), df=DEGREES)
def test_the_quantile_is_that_of_scipy(tail: float, df: float) -> None:
    """To nine digits, from the median out to one in a billion."""
    expected = (stats.norm if np.isinf(df) else stats.t(df)).isf(tail)

    assert student.quantile(tail, df) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_shapes_follow_the_rules_of_broadcasting() -> None:
    """A scalar tail serves a whole column of degrees of freedom."""
    df = np.array([[3.0], [9.0], [np.inf]])

    assert student.quantile(0.025, df).shape == (3, 1)
    assert student.two_sided_p(np.ones(4), df).shape == (3, 4)


def test_what_is_unknown_stays_unknown() -> None:
    """NaN in, NaN out; an infinite t has no chance at all, and there is no quantile without degrees of freedom."""
    assert np.isnan(student.two_sided_p([np.nan, 1.0], [3.0, np.nan])).all()
    assert student.two_sided_p(np.inf, 3.0) == 0
    assert np.isnan(student.quantile([0.0, 0.7, 0.1], [3.0, 3.0, 0.0])).all()


@pytest.mark.parametrize("df", [0.5, 1, 2, 2.9, 3, 3.1, 5, 50, 999, 1000, 1001, 1e5, 1e9, np.inf])
def test_quantiles_converge_everywhere(df: float) -> None:
    """From one in a trillion to the median, for Cauchy's tails and for the normal ones alike."""
    tail = np.geomspace(1e-12, 0.5, 200)
    expected = stats.norm.isf(tail) if np.isinf(df) else -special.stdtrit(df, tail)

    assert student.quantile(tail, df) == pytest.approx(expected, rel=2e-9, abs=1e-11)


@pytest.mark.parametrize("df", [1000.0, 1001.0, 1e4, 1e6])
def test_the_normal_form_keeps_the_digits_of_a_tiny_p_value(df: float) -> None:
    """Hill's approximation, down to one in 10³⁰⁰: to eleven digits where anybody looks, to seven at the end."""
    t = np.geomspace(0.1, 36, 200)
    found = student.two_sided_p(t, df) / (2 * special.stdtr(df, -t)) - 1

    assert np.abs(found[t < 8]).max() < 1e-11
    assert np.abs(found).max() < 1e-7
