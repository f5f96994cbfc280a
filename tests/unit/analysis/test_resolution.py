"""A coarse clock: what it hides is part of the error, and remains so however often is measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regress_action.analysis import noise
from regress_action.model.comparisons import Verdict
from regress_action.report.reasons import sentence
from unit.analysis.compared_sides import paired

examples = settings(max_examples=25, deadline=None)
RATIO, SECONDS, OTHER = (np.full(1, flag) for flag in (False, True, False))


def error(base: np.ndarray, head: np.ndarray, timed: np.ndarray = OTHER) -> float:
    """Return the rounding error of one row, of seconds where it is timed."""
    return float(noise.rounding_error(np.log(base)[None], np.log(head)[None], RATIO, timed)[0])


@examples
@given(st.integers(5, 1000), st.floats(0.001, 0.02), st.integers(16, 40))
def test_the_error_of_steady_values_is_that_of_a_uniform_rounding(level: int, tick: float, count: int) -> None:
    """One run in many crosses a tick: tick / √12 on either side, relative to the level."""
    base, head = np.full((2, count), tick * level)
    base[0] += tick

    assert error(base, head) == pytest.approx(np.sqrt(2 / 12) / level, rel=1e-3)


def test_noise_wider_than_a_tick_averages_the_rounding_out() -> None:
    """Values four ticks wide."""
    random = np.random.default_rng(1)
    base, head = np.round(random.normal(100, 4, (2, 200)))

    assert error(base, head) == 0


def test_continuous_values_stand_on_no_lattice() -> None:
    """Whatever their noise, and also where both sides never vary: the distance of two sides is no tick."""
    random = np.random.default_rng(2)

    assert error(*random.normal(1, 0.01, (2, 10))) == 0
    assert error(np.full(8, 1.0), np.full(8, 1.5)) == 0


@examples
@given(st.sampled_from([1 / 60, 1 / 64, 0.015, 0.010, 0.004, 0.001]), st.integers(1, 50), st.integers(4, 20))
def test_times_that_never_vary_and_are_whole_ticks_of_a_known_clock_are_rounded(
    tick: float, level: int, count: int
) -> None:
    """At least by that clock's error; the same numbers of another unit, or a hair beside the ticks, by none."""
    base = head = np.full(count, tick * level)

    assert error(base, head, SECONDS) >= np.sqrt(2 / 12) / level * 0.999
    assert error(base, head, OTHER) == 0
    assert error(base * 1.00013, head * 1.00013, SECONDS) == 0


def test_runs_that_all_show_the_same_ticks_rule_nothing_small_out_and_name_the_remedy() -> None:
    """Ten pairs of 150 ms of a 15 ms clock: 3 % is less than a tick."""
    row = paired(np.full(10, 0.15), np.full(10, 0.15))

    assert row.verdict is Verdict.INCONCLUSIVE
    assert sentence(row).endswith("Make its rounds longer.")


def test_a_clock_of_15_ms_cannot_rule_out_three_per_cent_of_150_ms() -> None:
    """Rounded alike, the sides look the same; with a fine clock the same noise rules the change out."""
    random = np.random.default_rng(3)
    base, head = 0.150 * np.exp(random.normal(0, 0.01, (2, 10)))
    base[0], head[0] = 0.159, 0.159  # one pair crosses the tick

    coarse = paired(*(0.015 * np.round(side / 0.015) for side in (base, head)))

    assert coarse.verdict is Verdict.INCONCLUSIVE
    assert paired(base, head).verdict is Verdict.UNCHANGED
