"""Shapes: a drift is no step, a step is no drift, and a level of a few runs is seen between its ends."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action.analysis import histories, shapes
from regress_action.analysis.change_points import find
from regress_action.analysis.trend import Tendency, follow

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def levels_by_definition(values: np.ndarray, ends: list[int], minimum: list[float]) -> list[tuple[float, ...]]:
    """Find short levels one at a time: p-value, begin, stop, height and the level around."""
    found: list[tuple[float, ...]] = []
    series_of = list(zip(minimum, pairwise(ends), strict=True))
    for sign, (limit, (low, high)) in ((sign, one) for sign in (1, -1) for one in series_of):
        series = sign * values[low:high]
        for width in (4, 5, 6, 7):
            for begin in range(8, len(series) - width - 7):
                own = series[begin : begin + width]
                before, after = series[:begin][-16:], series[begin + width :][:16]
                around = np.concatenate([before, after])
                level = np.median(around)
                height, away = own.mean() - level, np.abs(around - level)
                deviation = max(1.4826 * max(np.median(away), away.mean()), 1e-4)
                error = deviation * np.sqrt(1 / width + 1 / len(around))
                if (
                    own.min() > np.sort(around)[-2]
                    and abs(np.median(after) - np.median(before)) < height / 2
                    and max(before[-1], after[0]) < level + height / 2
                    and height >= max(limit, 4.5 * error)
                ):
                    p = 2 * stats.t(len(around) - 1).sf(height / error)
                    found.append((p, low + begin, low + begin + width, sign * height, sign * level))
    return found


def without_weaker_neighbours(found: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Keep the most significant, and each that is four runs or more from all that are kept."""
    kept: list[tuple[float, ...]] = []
    for one in sorted(found):
        if all(one[2] + 4 <= other[1] or other[2] + 4 <= one[1] for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one[1])


@pytest.mark.parametrize("seed", range(24))
def test_short_levels_are_those_of_the_definition(seed: int) -> None:
    """In three series with steps, levels of one to nine runs and far values, up and down, many at equal heights."""
    random = np.random.default_rng(seed)
    lengths = random.integers(30, 120, 3)
    ends = [0, *np.cumsum(lengths).tolist()]
    units = random.choice([-1, 0, 0, 0, 1], ends[-1])
    widths = np.append(random.integers(1, 10, 13), 5)
    begins = random.integers(0, ends[-1], 14)
    begins[1:4:2] = begins[:4:2] + widths[:4:2] + random.integers(3, 6, 2)  # so near that one excludes the other
    begins[-6:-3], begins[-3:] = np.array(ends[:-1]) + 8, np.array(ends[1:]) - 8 - widths[-3:]
    for begin, width, sign in zip(begins, widths, random.choice([-1, 1], 14), strict=True):
        units[begin : begin + width] += sign * random.choice([4, 6, 8, 16])
    for low, high in pairwise(ends):
        units[random.integers(low, high) : high] += random.integers(-8, 9)
    values, minimum = units / 128, [4 / 128, 6 / 128, 8 / 128]

    expected = without_weaker_neighbours(levels_by_definition(values, ends, minimum))
    found = shapes.short_levels(values, np.array(ends), np.array(minimum))

    p, begin, stop, height, around = np.array(expected).reshape(-1, 5).T
    assert (found.begin.tolist(), found.stop.tolist()) == (begin.tolist(), stop.tolist())
    assert found.height == pytest.approx(height)
    assert found.around == pytest.approx(around)
    assert found.p_value == pytest.approx(p, rel=1e-6)


def test_of_short_levels_near_each_other_the_most_significant_is_kept() -> None:
    """Four runs at least lie between any two, in order of time."""
    random = np.random.default_rng(15)
    for _ in range(40):
        begin, width, p = random.integers(0, 120, 12), random.integers(4, 8, 12), random.random(12)
        detected = shapes.ShortLevels(begin, begin + width, p, p, p)

        kept = shapes._strongest(detected)

        expected = without_weaker_neighbours(list(zip(p, begin, begin + width, strict=True)))
        assert list(zip(kept.p_value, kept.begin, kept.stop, strict=True)) == expected


def left_by(values: np.ndarray, *terms: np.ndarray) -> float:
    """Return the sum of squares that numpy's least squares of a constant and these terms leaves."""
    design = np.stack([np.ones(len(values)), *terms], axis=1)
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(left @ left)


def is_drift(values: np.ndarray, places: list[int], *, at_the_end: bool) -> bool:
    """Whether a drift describes a stretch better than steps at these places, by the words of `are_lines`."""
    runs, time = len(values), np.arange(len(values))
    ramps = [np.maximum(time - runs + ramp, 0) for ramp in (30, 40, 50, 60, 70, 80, 90) if runs >= ramp + 5]
    lines = [time, *(ramps if at_the_end else [])]
    jumps = [1.0 * (time >= place) for place in places]

    def fits_better(values: np.ndarray) -> list[np.ndarray]:
        steps = sum(((part - part.mean()) ** 2).sum() for part in np.split(values, places))
        gains = [runs * np.log(steps / left_by(values, line)) for line in lines]
        visible = [left_by(values, line) <= 0.7 * left_by(values) for line in lines]
        least = [-np.log(runs) / 2 if seen else 4 for seen in visible]
        return [line for line, gain, more in zip(lines, gains, least, strict=True) if gain > more]

    drawn_in = []
    for part in np.split(values, places):
        middle = np.median(part)
        reach = 3 * 1.4826 * np.median(np.abs(part - middle))
        drawn_in.append(np.clip(part, middle - reach, middle + reach))
    levels = np.concatenate(drawn_in)
    if runs < 20 or not fits_better(values) or not fits_better(levels):
        return False
    best = min(lines, key=lambda line: left_by(levels, line))
    return bool(runs * np.log(left_by(levels, best) / left_by(levels, best, *jumps)) < 2 * len(places) * np.log(runs))


@pytest.mark.parametrize("at_the_end", [True, False])
def test_drifts_and_steps_are_separated_by_least_squares(*, at_the_end: bool) -> None:
    """Levels, lines and ramps with and without a jump, of one or two places, some with far values, between others."""
    random = np.random.default_rng(8)
    drifts = 0
    for _ in range(300):
        runs, before = int(random.choice([19, 20, 34, 35, 36, 44, 60, 99, 120])), int(random.integers(0, 9))
        time = np.arange(runs)
        places = sorted(random.choice(np.arange(5, runs - 4), random.integers(1, 3), replace=False).tolist())
        knot = random.choice([0, 0, max(0, runs - random.choice([30, 34, 50, 90]))])
        values = random.normal(0, 0.01, runs) + random.choice([0.01, 0.03, 0.1]) * np.maximum(time - knot, 0) / runs
        values += random.choice([0, 0, 0.01, 0.03]) * (time >= places[0])
        values[random.integers(0, runs, random.choice([0, 0, 2]))] += 0.2
        flat = np.concatenate([np.zeros(before), values, np.ones(3)])
        start, stop = [0, *places[:-1]], [*places[1:], runs]
        place, low, high = (np.array(of, np.intp) + before for of in (places, start, stop))
        ends = np.array([0, before + runs if at_the_end else before + runs + 3])

        (found,) = shapes.are_lines(flat, place, low, high, np.array([0]), np.array([len(places) - 1]), ends)

        assert found == is_drift(values, places, at_the_end=at_the_end)
        drifts += found
    assert 60 < drifts < 240


def test_a_line_is_asked_for_at_the_best_step() -> None:
    """Steps, lines and noise: the place that leaves the fewest squares, five runs from either end at least."""
    random = np.random.default_rng(9)
    lines = 0
    for _ in range(200):
        runs, place = int(random.integers(20, 60)), int(random.integers(0, 60))
        levels = random.normal(0, 0.01, runs) + random.choice([0, 0.03]) * np.linspace(0, 1, runs)
        levels += random.choice([0, 0.02]) * (np.arange(runs) >= place)
        best = min(range(5, runs - 4), key=lambda at: left_by(levels, 1.0 * (np.arange(runs) >= at)))

        assert shapes.is_line(levels) == is_drift(levels, [best], at_the_end=False)
        lines += shapes.is_line(levels)
    assert 40 < lines < 160


def test_what_is_steadier_than_any_clock_counts_as_that_steady() -> None:
    """Steps leave a thousand-millionth per run at least, so a drift that leaves little more is as good."""
    runs, total, nothing = np.full(2, 100.0), np.full(2, 1e-5), np.zeros(2)
    left = 1e-7 * np.exp((np.log(100) / 2 + np.array([-0.01, 0.01])) / 100)

    assert shapes._fits_better(runs, total, nothing, total - left).tolist() == [True, False]
    assert shapes._fits_better(runs, total, nothing, total).tolist() == [True, True]


@pytest.mark.parametrize("ramp", [30, 40])
def test_a_ramp_needs_a_level_of_five_runs_before_it(ramp: int) -> None:
    """Steps of three runs each fit it better than one straight line does, at the end of a series only."""
    values = 0.01 * np.maximum(np.arange(ramp + 5) - 5.0, 0)
    place = np.arange(3, ramp + 3, 3)
    first, end = np.zeros(1, np.intp), np.array([ramp + 5])
    bounds = place, np.append(0, place[:-1]), np.append(place[1:], end), first, first + len(place) - 1

    assert shapes.are_lines(values, *bounds, end).tolist() == [True]
    assert shapes.are_lines(values, *bounds, first - 1).tolist() == [False]


@pytest.mark.parametrize(
    ("place", "value", "minimum"),
    [
        ([18, 17], 16, 0),  # two of the runs around are as high
        ([47], 8, 0),
        ([37], 8, 0),  # the next run is half as high
        ([29], 8, 0),
        (range(37, 60), 8, 0),  # the level after it lies half its height above the one before
        ([0], 0, 16),
    ],
)
def test_a_short_level_stands_out_by_more_than_a_tie(place: Sequence[int], value: int, minimum: int) -> None:
    """Just so is not enough, a little less is; the smallest step itself is one."""
    values = np.zeros(60)
    values[30:37] = 16 if len(place) < 9 else 20
    values[[41, 44, 48, 52]] += 1
    at_a_tie, below = values.copy(), values.copy()
    at_a_tie[list(place)], below[list(place)] = value, value - 1

    def found(values: np.ndarray, minimum: float) -> bool:
        levels = shapes.short_levels(values / 128, np.array([0, 60]), np.array([minimum / 128]))
        return (30, 37) in zip(levels.begin, levels.stop, strict=True)

    assert found(at_a_tie, minimum) == (minimum > 0 or place == [47])
    assert found(below, minimum)
    assert not found(below, minimum + 17)
