"""The likelihood of a shift: clusters that move together are one step, at its place and of its size."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action.analysis.candidates import Stretches
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
