"""The χ² tail without scipy is scipy's."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action.analysis.chi_square import tail


@pytest.mark.parametrize("freedom", range(1, 12))
def test_the_tail_is_scipys(freedom: int) -> None:
    """From 1 down to 1e-290 the relative error stays below 1e-12, for odd and even degrees of freedom."""
    from scipy.special import chdtrc

    statistic = np.concatenate([[0.0], np.geomspace(1e-9, 1300, 200)])
    assert tail(statistic, np.full(len(statistic), freedom)) == pytest.approx(chdtrc(freedom, statistic), rel=1e-12)


def test_nothing_is_surprising_without_freedom() -> None:
    """No degree of freedom, and a statistic that rounding took below zero, have probability 1."""
    assert tail(np.array([5.0, -0.1]), np.array([0, 3])).tolist() == [1.0, 1.0]
