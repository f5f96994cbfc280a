"""The likelihood of a shift: clusters that move together are one step, at its place and of its size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regress_action.analysis.arrays import Floats, Stretches
from regress_action.analysis.shift_likelihood import Shifts, _peaks, best_shifts

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


def peaks_of(differences: Floats, width: float, minimum: float) -> list[float]:
    """Return the means of the three fullest windows of three bins, of those whose mean is the minimum or more."""
    bins: dict[int, list[float]] = {}
    for one in differences:
        bins.setdefault(round(one / width), []).append(one)
    windows = {}
    for middle in range(-64, 64):
        inside = [one for n in (middle - 1, middle, middle + 1) if -64 < n < 63 for one in bins.get(n, [])]
        if inside and abs(np.mean(inside)) >= minimum:
            windows[middle] = inside
    found: list[float] = []
    while windows and len(found) < 3:
        best = max(windows, key=lambda middle: (len(windows[middle]), -middle))
        found.append(float(np.mean(windows[best])))
        for beside in (best - 1, best, best + 1):
            windows.pop(beside, None)
    return found


def test_peaks_are_the_fullest_windows_of_differences() -> None:
    """Few differences, among them windows that overlap, that are as full, at either end, and at the minimum."""
    random = np.random.default_rng(3)
    sparse = random.integers(-8, 9, (400, 2, 3))
    wide = random.choice([-66, -65, -64, -63, -62, 61, 62, 63, 64, 65, 66, 2, 3], (400, 2, 3))
    apart = np.concatenate([sparse, wide]).astype(float)
    together = random.random(apart.shape) < 0.8
    found = np.transpose(_peaks(apart, together, np.ones((800, 1)), np.full(800, 2.0)))
    for row, peaks in enumerate(found):
        expected = peaks_of(apart[row][together[row]], 1.0, 2.0)
        assert peaks[: len(expected)].tolist() == pytest.approx(expected)


class Plain:
    """The definition for one stretch, in loops."""

    def __init__(self, flat: Floats, bounds: tuple[int, int], place: int, guess: float, minimum: float) -> None:
        self.low = max(bounds[0], place - 50)
        self.runs, self.place = flat[self.low : min(bounds[1], place + 50)], place - self.low
        self.guess, self.minimum, self.elsewhere = guess, minimum, 0.002 * (bounds[1] - bounds[0])
        self.first, self.last = bounds[0] + 5 - self.low, bounds[1] - 5 - self.low
        ordered = sorted(self.runs)
        spans = sorted(high - low for low, high in zip(ordered, ordered[10:], strict=False))
        middle = spans[len(spans) // 2] if spans else np.inf
        self.width = float(np.float32(max(middle / 2, 0.05 * minimum)))

    def kernel(self, apart: float) -> float:
        """Return Student's density with three degrees of freedom, 1 at 0."""
        return 1 / (1 + (apart / self.width) ** 2) ** 2

    def log_likelihood(self, shift: float) -> float:
        """Sum the logarithms of the densities of all runs, those after the place moved back by the shift."""
        aligned = [*self.runs[: self.place], *(self.runs[self.place :] - shift)]
        return sum(math.log(sum(self.kernel(run - other) for other in aligned) - 1 + self.elsewhere) for run in aligned)

    def peaks(self) -> list[float]:
        """Return the peaks of all differences."""
        width = min(max(self.width, 0.1 * self.minimum), 0.5 * self.minimum)
        return peaks_of(
            np.subtract.outer(self.runs[self.place :], self.runs[: self.place]).ravel(), width, self.minimum
        )

    def best(self) -> tuple[int, float, float]:
        """Return the place, the shift and the p-value."""
        still = self.log_likelihood(0.0)
        guesses = [one for one in (self.guess, *self.peaks()) if abs(one) >= self.minimum]
        gains = [self.log_likelihood(float(np.float32(one))) - still for one in guesses]
        gain, shift = max(zip(gains, guesses, strict=True), default=(-np.inf, self.guess), key=lambda one: one[0])
        aligned = [*self.runs[: self.place], *(self.runs[self.place :] - shift)]

        def log_density(run: float) -> float:
            return math.log(sum(self.kernel(run - other) for other in aligned) + self.elsewhere)

        places = {self.place: 0.0}
        for place in range(max(self.first, self.place - 10), min(self.last, self.place + 10) + 1):
            first, last = sorted((place, self.place))
            moved = sum(log_density(run) - log_density(run - shift) for run in self.runs[first:last])
            places[place] = moved if place > self.place else -moved
        place = max(places, key=lambda one: (places[one], -one))
        return place + self.low, shift, min(1.0, 3 * np.exp(-min(gain + places[place], 700)) if gain > -np.inf else 1.0)


def by_definition(flat: Floats, start: int, stop: int, place: int, guess: float, minimum: float) -> tuple[float, ...]:
    """Look at fifty runs on either side, and at those around the place to which it moved, if that is likelier."""

    def around(middle: int, shift: float) -> tuple[int, float, float]:
        return Plain(flat, (max(start, middle - 50), min(stop, middle + 50)), middle, shift, minimum).best()

    best = around(place, guess)
    again = around(best[0], best[1])
    return again if best[0] != place and again[2] < best[2] else best


def test_shifts_are_those_of_the_definition() -> None:
    """Short and long stretches of one cluster or several, with and without a step, near the guess or not."""
    random = np.random.default_rng(5)
    rows = 100
    sizes = random.choice([10, 11, 12, 14, 20, 21, 33, 40, 61, 109], rows)
    stop = np.cumsum(sizes)
    start = stop - sizes
    place = start + np.array([random.integers(5, size - 4) if size < 100 else 54 for size in sizes])
    minimum = random.choice([0.02, 0.04, 0.1], rows)
    step = random.choice([0.0, 0.05, 0.3, -0.12, 1.1, 0.04], rows)
    clusters, noise = random.choice([0.0, 0.0, 0.15, 0.6], rows), random.choice([0.0005, 0.01, 0.04], rows)
    flat = np.concatenate([
        clusters[row] * random.choice([-1, 0, 1, 2], size)
        + noise[row] * random.standard_t(random.choice([1, 30]), size)
        + step[row] * (np.arange(size) >= place[row] - start[row] + random.integers(-13, 14))
        for row, size in enumerate(sizes)
    ])  # fmt: skip
    guess = np.where(random.random(rows) < 0.3, step, random.choice([0.01, 0.04, -0.3], rows))
    found = best_shifts(flat, Stretches(start, stop, place, np.arange(-10, 11), 5), place, guess, minimum)
    expected = [by_definition(flat, *one) for one in zip(start, stop, place, guess, minimum, strict=True)]
    assert found.place.tolist() == [one[0] for one in expected]
    assert found.shift.tolist() == pytest.approx([one[1] for one in expected])
    assert found.p_value.tolist() == pytest.approx([one[2] for one in expected], rel=1e-4, abs=1e-290)
