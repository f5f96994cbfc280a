"""A coarse clock: what it hides is part of the error, and remains so however often is measured."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regress_action.analysis import resolution
from regress_action.model.comparisons import Verdict
from regress_action.report.reasons import sentence
from unit.analysis.compared_sides import paired

examples = settings(max_examples=25, deadline=None)
RATIO, SECONDS, OTHER = (np.full(1, flag) for flag in (False, True, False))


def error(base: np.ndarray, head: np.ndarray, timed: np.ndarray = OTHER) -> float:
    """Return the rounding error of one row, of seconds where it is timed."""
    return float(resolution.rounding_error(np.log(base)[None], np.log(head)[None], RATIO, timed)[0])


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


def is_whole(ticks: float) -> bool:
    """Whether these are one to fifty whole ticks, to six digits."""
    return round(ticks) in range(1, 51) and abs(ticks - round(ticks)) < 1e-6 * ticks


def error_by_definition(base: list[float], head: list[float], *, timed: bool) -> float:
    """Return the rounding error of one row of badness, by the words of its module."""
    sides, values = (base, head), sorted({*base, *head})
    gaps = [high - low for side in sides for low, high in pairwise(sorted(set(side)))]
    tick, count = None, len(base) + len(head)
    if gaps:
        apart = [(high - low) / min(gaps) for low, high in pairwise(values)]
        if count >= max(4, 2 * len(values)) and all(abs(steps - round(steps)) <= 0.02 for steps in apart):
            tick = min(gaps)
    elif timed and count >= 4:
        clocks = (1 / 60, 0.016, 1 / 64, 0.015, 0.01, 0.004, 0.001)
        tick = max((clock for clock in clocks if all(is_whole(value / clock) for value in values)), default=None)
    if tick is None:
        return 0.0
    error = 0.0
    for side in sides:
        spread = np.var(side, ddof=1) / tick**2 if len(side) > 1 else 0.0
        left = np.exp(-2 * np.pi**2 * max(spread - 1 / 12, 0.0))
        error += (tick / np.median(side) * left) ** 2 / 12 if left > 0.1 else 0.0
    return float(np.sqrt(error))


def test_the_rounding_error_is_that_of_the_definition() -> None:
    """Sides of one to nine values, of noise below and above a tick, some a little beside the lattice, some steady."""
    random = np.random.default_rng(10)
    coarse = 0
    for _ in range(600):
        tick, level = float(random.choice([0.001, 0.015, 0.25])), int(random.choice([5, 20, 48]))
        sides = []
        for runs in random.choice([1, 2, 3, 9], 2):
            ticks = (
                level + random.choice([0, 0.5, 1]) + random.choice([0, 0.3, 0.5, 0.7]) * random.standard_normal(runs)
            )
            values = tick * np.round(ticks)
            values[0] += tick * random.choice([0, 0, 0.015, 0.025])
            sides.append(values.tolist())
        base, head = (np.log([*side, *[np.nan] * (9 - len(side))])[None] for side in sides)
        timed = bool(random.random() < 0.7)

        error = resolution.rounding_error(base, head, RATIO, np.full(1, timed))[0]

        assert error == pytest.approx(error_by_definition(*sides, timed=timed), rel=1e-6, abs=1e-12)
        coarse += error > 0
    assert 100 < coarse < 500
