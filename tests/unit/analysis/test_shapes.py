"""Shapes: a drift is no step, a step is no drift, and a level of a few runs is seen between its ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regress_action.analysis import histories, shapes
from regress_action.analysis.change_points import find
from regress_action.analysis.trend import Tendency, follow

SEEDS = st.integers(0, 2**32 - 1)


def noise(runs: int, seed: int, spread: float = 0.01) -> np.ndarray:
    """Draw levels of normal noise."""
    return spread * np.random.default_rng(seed).standard_normal(runs)


@pytest.mark.parametrize("runs", [50, 100])
@pytest.mark.parametrize("up", [True, False])
def test_a_drift_is_called_a_drift_and_not_shown_as_steps(runs: int, *, up: bool) -> None:
    """Ten per cent along all runs, at 1 % noise: of forty, thirty-six at least show no step and a direction."""
    slope = (1 if up else -1) * np.log(1.1) * np.linspace(0, 1, runs)
    named = [histories.named("x", np.exp(noise(runs, seed) + slope)) for seed in range(40)]
    drifts = [
        one.trend
        for one in histories.follow(named)
        if one.trend.direction is (Tendency.DEGRADING if up else Tendency.IMPROVING) and not one.change_points
    ]

    assert len(drifts) >= 36
    assert np.median([one.drift or 0.0 for one in drifts]) == pytest.approx(0.1 if up else 1 / 1.1 - 1, abs=0.01)


def test_a_drift_that_began_after_a_level_is_called_a_drift() -> None:
    """Fifty steady runs, then fifty that rise by ten per cent."""
    values = np.exp(noise(100, 1, 0.005) + np.log(1.1) * np.clip(np.arange(100) - 50, 0, None) / 49)
    (followed,) = histories.follow([histories.named("x", values)])

    assert followed.change_points == ()
    assert followed.trend.direction is Tendency.DEGRADING


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(10, 70), st.floats(1.08, 1.5))
def test_a_step_is_no_drift(seed: int, place: int, ratio: float) -> None:
    """One step in eighty runs of 1 % noise is one change point, wherever it is, and no slow drift."""
    values = np.exp(noise(80, seed) + np.log(ratio) * (np.arange(80) >= place))

    assert [point.index for point in find(values)] == pytest.approx([place], abs=1)
    assert follow(values).direction in (Tendency.STABLE, Tendency.STEP)


def test_disturbed_runs_do_not_turn_a_step_into_a_drift() -> None:
    """Some runs that are ten times slower hide a step from squares, and not from the rule."""
    values = np.exp(noise(80, 2) - 0.2 * (np.arange(80) >= 30) - 0.2 * (np.arange(80) >= 55))
    values[[40, 44, 71]] *= 10

    assert [point.index for point in find(values)] == pytest.approx([30, 55], abs=1)


def test_a_jump_beside_a_drift_stays_a_step() -> None:
    """Runs that rise all the time and jump once did not only drift."""
    values = np.exp(noise(100, 3, 0.005) + 0.05 * np.linspace(0, 1, 100) + 0.1 * (np.arange(100) >= 60))

    assert 60 in [point.index for point in find(values)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("runs", [4, 5, 7])
def test_both_ends_of_a_short_level_are_found(runs: int, sign: int) -> None:
    """A level of four to seven runs between two others is two changes, opposite and of one size."""
    level = (np.arange(100) >= 50) & (np.arange(100) < 50 + runs)
    first, second = find(np.exp(noise(100, 4, 0.02) + sign * np.log(1.15) * level))

    assert (first.index, second.index) == (50, 50 + runs)
    assert first.ratio is not None
    assert first.ratio == pytest.approx(1.15**sign, rel=0.02)
    assert second.ratio == pytest.approx(1 / first.ratio)


def test_a_part_of_a_longer_level_is_no_short_one() -> None:
    """Ten runs at one level are not six between four."""
    level = np.float32(0.3) * ((np.arange(80) >= 40) & (np.arange(80) < 50))
    level[[40, 41, 48]] -= np.float32(0.005)
    found = shapes.short_levels(level + noise(80, 5, 0.001).astype(np.float32), np.array([0, 80]), np.array([0.04]))

    assert len(found.begin) == 0


def test_the_next_series_is_no_surrounding() -> None:
    """What stands near the end of one series is compared with that series alone."""
    flat = noise(200, 6, 0.001).astype(np.float32)
    flat[94:98] += 0.3
    minimum = np.full(2, 0.04)

    assert len(shapes.short_levels(flat, np.array([0, 100, 200]), minimum).begin) == 0
    assert shapes.short_levels(flat, np.array([0, 200]), minimum[:1]).begin.tolist() == [94]


def test_exchangeable_noise_shows_hardly_a_short_level() -> None:
    """Of 200 series of a hundred runs, normal, heavy-tailed or of two modes, at most two show one."""
    random = np.random.default_rng(7)
    flat = np.concatenate(
        [
            random.normal(0, 0.05, 7000),
            0.03 * random.standard_t(3, 7000),
            random.normal(0, 0.02, 6000) + 0.15 * (random.random(6000) < 0.3),
        ]
    ).astype(np.float32)

    assert len(shapes.short_levels(flat, np.arange(0, 20_001, 100), np.full(200, 0.04)).begin) <= 2


@pytest.mark.parametrize("place", [4, 20, 36])
def test_levels_with_a_step_are_no_line(place: int) -> None:
    """Wherever it is, and whichever way; levels that rise steadily are one, and two levels of two runs are too few."""
    levels = noise(40, seed=2) + 0.1 * (np.arange(40) >= place)

    assert not shapes.is_line(levels)
    assert not shapes.is_line(-levels)
    assert shapes.is_line(noise(40, seed=2) + 0.01 * np.arange(40))
    assert not shapes.is_line(np.arange(4.0))


def test_the_sums_of_a_stretch_are_those_of_least_squares() -> None:
    """The squares about its mean, and what of them a level and then a line explain, as numpy fits them."""
    flat = noise(50, seed=3)
    sums, (low, knot, high) = shapes._Sums.of(flat), (np.array([7]), np.array([19]), np.array([45]))
    part, ramp = flat[7:45], np.maximum(np.arange(7, 45) - 19, 0)
    _, (left,), _, _ = np.linalg.lstsq(np.stack([np.ones(38), ramp], axis=1), part, rcond=None)

    scatter = part.var() * len(part)
    assert sums.scatter(low, high)[0] == pytest.approx(scatter)
    assert sums.explained(low, knot, high)[0] == pytest.approx(scatter - left)


def test_a_drift_is_taken_by_the_information_criterion() -> None:
    """Its likelihood may fall short by half of a parameter; one that hardly shows must be far better."""
    runs, total = np.array([100.0]), np.array([10.0])

    def fits(explained: float, gain: float) -> bool:
        steps = (10 - explained) * np.exp(gain / 100)
        return bool(shapes._fits_better(runs, total, np.array([steps]), np.array([explained]))[0])

    short = -np.log(100) / 2
    assert [fits(8.0, short + 0.01), fits(8.0, short - 0.01)] == [True, False]
    hidden = 2.99
    assert [fits(hidden, 4.01), fits(hidden, 3.99), fits(3.01, 3.9)] == [True, False, True]


def test_far_values_are_drawn_in_to_three_robust_deviations() -> None:
    """From the median, on either side."""
    values = np.array([-9.0, -1.0, 0.0, 1.0, 9.0, 1.0, -1.0])

    assert shapes._without_tails(values) == pytest.approx(np.clip(values, -3 * 1.4826, 3 * 1.4826), rel=1e-4)


def test_the_second_largest_of_eight_is_found_from_each_value_on() -> None:
    """As sorting finds it."""
    values = noise(30, seed=4)

    windows = np.lib.stride_tricks.sliding_window_view(values, 8)
    assert shapes._second_largest(values).tolist() == np.sort(windows, axis=1)[:, -2].tolist()
