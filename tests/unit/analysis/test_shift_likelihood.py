"""The likelihood of a shift: clusters that move together are one step, at its place and of its size."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action.analysis.arrays import Stretches
from regress_action.analysis.shift_likelihood import Shifts, best_shifts

CLUSTERS = (-0.3, -0.13, 0.0, 0.11, 0.25)


def clustered(seed: int, runs: int = 80) -> np.ndarray:
    """Draw runs of five types of machine, each with 0.3 % noise of its own."""
    random = np.random.default_rng(seed)
    return (random.choice(CLUSTERS, runs) + 0.003 * random.standard_normal(runs)).astype(np.float32)


def shifts(flat: np.ndarray, place: int, guess: float = 0.05) -> Shifts:
    """Ask for one stretch: all of these values."""
    stop = np.array([len(flat)])
    near = Stretches(np.zeros(1, np.intp), stop, np.array([place]), np.arange(-10, 11), 5)
    return best_shifts(flat, near, np.array([place]), np.array([guess]), np.array([0.04]))


@pytest.mark.parametrize("guess", [-9, 0, 7])
def test_clusters_that_moved_together_are_a_step(guess: int) -> None:
    """Every machine is a tenth slower from run 40 on; the types differ by five times as much."""
    flat = clustered(1)
    flat[40:] += np.float32(np.log(1.1))
    (place,), (shift,), (p_value,) = shifts(flat, 40 + guess)

    assert place == pytest.approx(40, abs=1)
    assert shift == pytest.approx(np.log(1.1), abs=0.005)
    assert p_value < 1e-6


def test_clusters_that_did_not_move_are_no_step() -> None:
    """Of sixty series without a step at most one seems to have one, at a thousandth."""
    assert sum(shifts(clustered(seed), 40).p_value[0] < 0.001 for seed in range(60)) <= 1


def test_rows_do_not_depend_on_each_other() -> None:
    """Forty stretches at once are answered as one after the other."""
    flat = np.concatenate([clustered(seed) for seed in range(40)])
    start = 80 * np.arange(40)
    near = Stretches(start, start + 80, start + 40, np.arange(-10, 11), 5)
    together = best_shifts(flat, near, start + 40, np.full(40, 0.05), np.full(40, 0.04))

    for row in (0, 17, 39):
        alone = shifts(flat[start[row] : start[row] + 80], 40)
        assert together.place[row] - start[row] == alone.place[0]
        assert together.p_value[row] == pytest.approx(alone.p_value[0], rel=1e-3)


def test_equal_runs_show_no_shift() -> None:
    """Without any difference there is nothing to move, and no warning."""
    assert shifts(np.zeros(40, np.float32), 20, guess=0.0).p_value.tolist() == [1.0]


def test_the_p_value_is_three_times_the_likelihood_ratio_of_the_shift() -> None:
    """The density of each run is that of all others, those after the place moved back, and little more everywhere."""
    flat = np.random.default_rng(2).normal(0, 0.02, 40).astype(np.float32)
    flat[20:] += np.float32(0.05)
    ordered = np.sort(flat)
    width = np.sort(ordered[10:] - ordered[:-10])[15] / 2

    def log_likelihood(shift: float) -> float:
        aligned = flat.astype(float) - shift * (np.arange(40) >= 20)
        kernel = (1 + (np.subtract.outer(aligned, aligned) / width) ** 2) ** -2.0
        return float(np.log(kernel.sum(axis=1) - 1 + 0.002 * 40).sum())

    (place,), (shift,), (p_value,) = shifts(flat, 20)
    assert (place, shift) == (20, pytest.approx(0.05, abs=0.02))
    assert p_value == pytest.approx(3 * np.exp(log_likelihood(0) - log_likelihood(shift)), rel=1e-2)


@pytest.mark.parametrize(("step", "guess"), [(5, 9), (35, 31)])
def test_a_step_moves_as_far_as_a_whole_level_is_left(step: int, guess: int) -> None:
    """Five runs on either side, or whatever is the fewest that a level lasts."""
    flat = (0.5 * (np.arange(40) >= step) + 0.001 * np.random.default_rng(1).standard_normal(40)).astype(np.float32)

    assert shifts(flat, guess, guess=0.5).place.tolist() == [step]
