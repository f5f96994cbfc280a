"""Many comparisons at once: scipy's Benjamini-Hochberg, per family."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action.analysis import tests

examples = settings(max_examples=25, deadline=None)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@examples
@given(P_VALUES)
def test_q_values_are_those_of_scipy(p: list[float]) -> None:
    """One family, any p-values."""
    q = tests.q_values(np.array(p), ["time"] * len(p))

    assert q == pytest.approx(stats.false_discovery_control(p, method="bh"))


@examples
@given(P_VALUES, P_VALUES)
def test_families_do_not_see_each_other(time: list[float], memory: list[float]) -> None:
    """Memory is corrected for the number of memory tests only."""
    q = tests.q_values(np.array(time + memory), ["time"] * len(time) + ["memory"] * len(memory))

    assert q[: len(time)] == pytest.approx(stats.false_discovery_control(time, method="bh"))
    assert q[len(time) :] == pytest.approx(stats.false_discovery_control(memory, method="bh"))


def test_what_was_not_tested_is_not_counted() -> None:
    """A missing p-value stays missing and costs the others nothing."""
    q = tests.q_values(np.array([0.02, np.nan, 0.04]), ["time"] * 3)

    assert np.isnan(q[1])
    assert q[[0, 2]] == pytest.approx([0.04, 0.04])


@examples
@given(P_VALUES, st.integers(0, 59))
def test_the_needed_level_is_where_a_discovery_begins(p: list[float], chosen: int) -> None:
    """A p-value moved to its level is a discovery; moved a little above, it is none (or it was one already)."""
    chosen %= len(p)
    families = ["time"] * len(p)
    moved = np.array(p)
    q = tests.q_values(moved, families)
    level = tests.levels(q, families, 0.05)[chosen]

    moved[chosen] = level
    assert tests.q_values(moved, families)[chosen] <= 0.05 * (1 + 1e-9)


def test_a_lone_test_needs_alpha_and_one_among_a_hundred_a_hundredth() -> None:
    """With nothing else found, the first discovery is the dearest."""
    assert tests.levels(np.array([0.5]), ["time"], 0.05) == pytest.approx([0.05])
    assert tests.levels(np.full(100, 0.9), ["time"] * 100, 0.05) == pytest.approx(np.full(100, 0.0005))
