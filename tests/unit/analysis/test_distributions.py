"""Student's t and χ²: what a comparison asks of them, and what an undefined argument gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action.analysis import distributions

examples = settings(max_examples=25, deadline=None)
DEGREES = st.one_of(st.floats(1, 1e6), st.integers(1, 200).map(float), st.just(float("inf")))


@examples
@given(t=st.floats(-30, 30), df=DEGREES)
def test_the_two_sided_p_value_counts_both_tails(t: float, df: float) -> None:
    """Also for infinitely many degrees of freedom, where it is the normal one, and for tiny p-values."""
    expected = 2 * (stats.norm if np.isinf(df) else stats.t(df)).sf(abs(t))

    assert distributions.two_sided_p(t, df) == pytest.approx(expected, rel=1e-9)


@examples
@given(tail=st.floats(1e-9, 0.5), df=DEGREES)
def test_the_quantile_leaves_its_tail_above(tail: float, df: float) -> None:
    """The quantile is the inverse of the tail probability."""
    t = distributions.t_quantile(tail, df)

    assert distributions.two_sided_p(t, df) / 2 == pytest.approx(tail, rel=1e-8)


def test_shapes_follow_the_rules_of_broadcasting() -> None:
    """A scalar tail serves a whole column of degrees of freedom."""
    df = np.array([[3.0], [9.0], [np.inf]])

    assert distributions.t_quantile(0.025, df).shape == (3, 1)
    assert distributions.two_sided_p(np.ones(4), df).shape == (3, 4)


def test_what_is_unknown_stays_unknown() -> None:
    """NaN in, NaN out; an infinite t has no chance at all, and there is no quantile without degrees of freedom."""
    assert np.isnan(distributions.two_sided_p([np.nan, 1.0], [3.0, np.nan])).all()
    assert distributions.two_sided_p(np.inf, 3.0) == 0
    assert np.isnan(distributions.t_quantile([0.0, 0.7, 0.1], [3.0, 3.0, 0.0])).all()


def test_without_degrees_of_freedom_nothing_is_surprising() -> None:
    """No degree of freedom, and a statistic that rounding took below zero, have probability 1."""
    assert distributions.chi_square_tail(np.array([5.0, -0.1]), np.array([0, 3])).tolist() == [1.0, 1.0]
    assert distributions.chi_square_tail(np.array([3.841]), np.array([1])) == pytest.approx(0.05, abs=1e-4)
