"""The steps on the way to a change point, each held to its definition in loops, on values with many ties."""

from __future__ import annotations

import math
from itertools import groupby, pairwise

import numpy as np
import pytest

from regress_action.analysis import candidates, shapes, shift_likelihood, splits
from regress_action.analysis.arrays import Stretches
from regress_action.analysis.candidates import Candidates, Proposals

LIMIT = 0.04
SLACK = np.arange(-10, 11)  # places to which a step may move


def drawn(seed: int, series: int = 3) -> tuple[np.ndarray, list[int]]:
    """Draw series of levels, some noisy, in units of 1/128; return their joined values and where each begins."""
    random = np.random.default_rng(seed)
    ends = [0, *np.cumsum(random.integers(40, 360, series)).tolist()]
    units = np.zeros(ends[-1])
    for low, high in pairwise(ends):
        noise = random.choice([0.3, 2, 8])
        units[low:high] = np.round(noise * random.standard_normal(high - low))
        for _ in range(4):
            begin = random.integers(low, high)
            units[begin : begin + random.choice([5, 40, 400])][: high - begin] += random.choice([-20, -6, 6, 20])
    return (units / 128).astype(np.float32), ends


def spread_over(seed: int, ends: list[int]) -> Candidates:
    """Draw candidates that were not tested yet, six runs or more from each other and the ends of their series."""
    random = np.random.default_rng(seed)
    place = [
        at for low, high in pairwise(ends) for at in range(low + 6, high - 5, int(random.choice([7, 25, 60, 115])))
    ]
    owner = [number for number, (low, high) in enumerate(pairwise(ends)) for at in place if low <= at < high]
    return Candidates(np.array(place), np.array(owner), *np.full((4, len(place)), np.nan))


@pytest.mark.parametrize("rows", [0, 3, 1200])
def test_roughness_is_the_mean_difference_of_neighbours(rows: int) -> None:
    """Of each stretch alone, one run included, however many are looked at."""
    flat, ends = drawn(1)
    random = np.random.default_rng(1)
    start = random.integers(0, ends[-1] - 100, rows)
    stop = start + random.choice([1, 2, 30, 100], rows)

    found = candidates._roughness(flat, start, stop)

    runs = [flat[low:high] for low, high in zip(start, stop, strict=True)]
    expected = [np.abs(np.diff(of)).mean() if len(of) > 1 else 0 for of in runs]
    assert found == pytest.approx(np.array(expected), rel=1e-5)


def test_sides_without_overlap_are_as_unlikely_as_their_order() -> None:
    """Two of all orders, of whole numbers between 0 and 5; equal values overlap, and an empty side says nothing."""
    random = np.random.default_rng(2)
    flat = np.sort(random.integers(0, 6, 12)).astype(np.float32)
    flat = np.concatenate([flat, flat[::-1]])
    separated = 0
    for start, place, stop in random.integers(0, 25, (3000, 3)).tolist():
        if not start <= place <= stop or start in (stop, 24):
            continue
        before, after = flat[start:place].tolist(), flat[place:stop].tolist()
        apart = before and after and (max(before) < min(after) or max(after) < min(before))
        (found,) = candidates._of_separation(flat, np.array([start]), np.array([place]), np.array([stop]))
        assert found == pytest.approx(2 / math.comb(stop - start, place - start) if apart else 1)
        separated += bool(apart)
    assert separated > 20


@pytest.mark.parametrize("seed", range(8))
def test_a_step_moves_to_where_every_run_is_nearest_to_its_level(seed: int) -> None:
    """The first of the places within ten runs at which the absolute deviations from both levels are the least."""
    random = np.random.default_rng(seed)
    flat, ends = drawn(seed)
    place = random.integers(0, ends[-1], 300)
    start = np.maximum(place - random.integers(0, 30, 300), 0)
    stop = np.minimum(place + random.integers(0, 30, 300), ends[-1])
    smallest = int(random.integers(3, 6))
    level, shift = random.integers(-20, 20, (2, 300)) / 128
    near = Stretches(start, stop, place, SLACK, smallest)

    expected = []
    for row in range(300):
        allowed = [at for at in place[row] + SLACK if start[row] + smallest <= at <= stop[row] - smallest]
        run = flat[start[row] : stop[row]].astype(float)
        from_before, from_after = np.abs(run - level[row]), np.abs(run - level[row] - shift[row])
        away = [from_before[: at - start[row]].sum() + from_after[at - start[row] :].sum() for at in allowed]
        expected.append(allowed[int(np.argmin(away))] if allowed else place[row])

    assert candidates._nearest_levels(flat, near, place, level, shift).tolist() == expected


@pytest.mark.parametrize("seed", range(4))
def test_a_step_moves_only_where_it_stands_clear_of_the_noise(seed: int) -> None:
    """By four mean deviations at the new place; level and shift are then those of the new place."""
    flat, ends = drawn(seed)
    place = spread_over(seed, ends).place
    start, stop = np.maximum(place - 40, 0), np.minimum(place + 40, ends[-1])
    near = Stretches(start, stop, place, SLACK, 5)

    found = candidates._sharpened(flat, near, place)

    moved = 0
    for row, at in enumerate(place.tolist()):
        alone = near.take(np.array([row]))
        level, shift, _ = candidates._shift(flat, alone.start, np.array([at]), alone.stop)
        to = candidates._nearest_levels(flat, alone, np.array([at]), level, shift)
        there = candidates._shift(flat, alone.start, to, alone.stop)
        clear = abs(there[1][0]) > 4 * there[2][0]
        expected = (to[0], there[0][0], there[1][0]) if clear else (at, level[0], shift[0])
        assert tuple(part[row] for part in found) == expected
        moved += to[0] != at and clear
    assert moved


@pytest.mark.parametrize("seed", range(6))
def test_a_candidate_is_tested_between_its_neighbours(seed: int) -> None:
    """By classes at two reaches, by order, and in noise by likelihood, ten times as strictly; weak if too small."""
    flat, ends = drawn(seed)
    untested = spread_over(seed, ends)
    minimum = np.array([LIMIT, 0.1, 0.0])
    untested.strength[::5] = 7.0  # tested before

    found = candidates._tested(flat, np.array(ends), untested.take(np.arange(len(untested.place))), minimum, 0.001, 5)

    expected: dict[int, tuple[float, ...]] = {}
    kinds = set()
    for row, at in enumerate(untested.place.tolist()):
        if not np.isnan(untested.strength[row]):
            expected.setdefault(at, (at, np.nan, np.nan, np.nan, 7.0))
            continue
        owner = untested.owner[row]
        low = max([ends[owner], *untested.place[:row]])
        high = min([ends[owner + 1], *untested.place[row + 1 :]])
        widths = []
        for reach in (100, 16):
            bounds = np.array([max(low, at - reach)]), np.array([min(high, at + reach)])
            widths.append(Stretches(*bounds, np.array([at]), SLACK, 5))
        (far, p_far), (close, p_close) = (splits.best_splits(flat, width) for width in widths)
        split, p = (close, p_close[0]) if p_close < p_far else (far, p_far[0])
        near = widths[0]
        (place,), level, shift = candidates._sharpened(flat, near, split)
        for reach in (100, 16):
            edges = np.maximum(near.start, place - reach), np.array([place]), np.minimum(near.stop, place + reach)
            p = min(p, candidates._of_separation(flat, *edges)[0])
        least = max(minimum[owner], 1e-12)
        if np.abs(np.diff(flat[near.start[0] : near.stop[0]])).mean() > 0.9 * least:
            p = min(10 * p, 1)
            likely = shift_likelihood.best_shifts(flat, near, np.array([place]), shift, np.array([least]))
            kinds.add("likelier" if likely.p_value[0] < p else "noisy")
            if likely.p_value[0] < p:
                (place,), shift, (p,) = likely
        size = abs(shift[0]) / least
        strength = min(math.log(max(p, 1e-300)) / math.log(0.001), size if size < 1 else math.inf)
        kinds.add("small" if size < 1 else "large")
        expected.setdefault(int(place), (place, level[0], shift[0], p, strength))

    assert found.place.tolist() == sorted(expected)
    columns = np.array([expected[at] for at in sorted(expected)]).T
    for part, column in zip(
        (found.place, found.level, found.shift, found.p_value, found.strength), columns, strict=True
    ):
        assert part == pytest.approx(column, rel=1e-5, nan_ok=True)
    assert kinds >= {"small", "large"}


@pytest.mark.parametrize("seed", range(6))
def test_what_is_overlooked_is_the_strongest_between_any_two_that_hold(seed: int) -> None:
    """Five runs or more from both, tested there without the rest, and strong enough to hold."""
    random = np.random.default_rng(seed)
    flat, ends = drawn(seed)
    minimum = np.full(3, LIMIT)
    fixed = np.sort(random.choice(np.arange(10, ends[-1] - 10, 10), 6, replace=False))
    near = [at + away for at in [*fixed, *ends[1:-1]] for away in (-5, -4, 4, 5)]
    place = np.unique([*near, *random.integers(0, ends[-1], 40), ends[-1] - 5, ends[-1] - 4])
    held, proposed = (
        Candidates(at, np.searchsorted(ends, at, side="right") - 1, *np.full((4, len(at)), np.nan))
        for at in (fixed, place)
    )

    found = candidates._overlooked(flat, np.array(ends), held, proposed, minimum, 0.001, 5)

    alone: dict[int, tuple[int, Candidates]] = {}  # place to which it moved → start of its gap, and what it is there
    for row, (at, owner) in enumerate(zip(place.tolist(), proposed.owner.tolist(), strict=True)):
        low = max([ends[owner], *(one for one in fixed.tolist() if one <= at)])
        high = min([ends[owner + 1], *(one for one in fixed.tolist() if one > at)])
        if low + 5 <= at <= high - 5:
            bounds = np.array([low]), np.array([high])
            one = candidates._tested(flat, np.array(ends), proposed.take(np.array([row])), minimum, 0.001, 5, *bounds)
            alone.setdefault(int(one.place[0]), (low, one))
    gaps = [[one for _, one in of] for _, of in groupby((alone[at] for at in sorted(alone)), key=lambda one: one[0])]
    strongest = [max(gap, key=lambda one: one.strength[0]) for gap in gaps]
    expected = [one for one in strongest if one.strength[0] >= 1]
    assert len(strongest) > len(expected) > 0
    for part, column in zip(found, zip(*expected, strict=True), strict=True):
        assert part == pytest.approx(np.concatenate(column), rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_new_and_what_stands_beside_it_is_untested(seed: int) -> None:
    """All in order of place; what stands beside it in another series was tested and stays so."""
    random = np.random.default_rng(seed)
    place = random.choice(60, 18, replace=False)
    parts = [place, place // 20, *random.random((4, 18))]
    new = random.random(18) < 0.25
    fresh, others = (Candidates(*(part[rows] for part in parts)).take(place[rows].argsort()) for rows in (new, ~new))

    found = fresh.beside(others)

    rows = place.argsort().tolist()
    strength = []
    for number, row in enumerate(rows):
        around = [other for other in rows[max(number - 1, 0) : number + 2] if parts[1][other] == parts[1][row]]
        strength.append(np.nan if new[around].any() else parts[5][row])
    for part, expected in zip(found, [*(part[rows] for part in parts[:5]), strength], strict=True):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("seed", range(8, 14))
def test_steps_in_one_direction_are_left_out_where_a_drift_describes_them_better(seed: int) -> None:
    """Steps that follow one another in a series and rise, or fall, are one group."""
    random = np.random.default_rng(seed)
    ends = [0, 80, 200, 320]
    flat = random.normal(0, 0.01, 320) + np.concatenate(
        [0.003 * np.arange(80), np.repeat([0.0, 0.2, 0.4], 40), 0.2 - 0.003 * np.arange(120)]
    )
    place = np.sort(random.choice(np.arange(5, 315, 10), 9, replace=False))
    owner = np.searchsorted(ends, place, side="right") - 1
    shift = random.choice([-0.1, 0.1], 3)[owner] * random.choice([-1, 1, 1, 1], 9)
    steps = Candidates(place, owner, *np.zeros((4, 9)))._replace(shift=shift)

    found = steps.without_lines(flat, np.array(ends))

    expected: list[int] = []
    for _, rows in groupby(range(9), key=lambda row: (owner[row], shift[row] > 0)):
        group = list(rows)
        bounds = [max([ends[owner[row]], *place[:row]]) for row in group]
        stops = [min([ends[owner[row] + 1], *place[row + 1 :]]) for row in group]
        whole = np.array([0]), np.array([len(group) - 1])
        (line,) = shapes.are_lines(flat, place[group], np.array(bounds), np.array(stops), *whole, np.array(ends[1:]))
        expected += [] if line else place[group].tolist()
    assert found.place.tolist() == expected
    assert steps.take(np.array([], int)).without_lines(flat, np.array(ends)).place.tolist() == []


@pytest.mark.parametrize("seed", range(6))
def test_short_levels_replace_what_lies_between_their_ends_or_beside_them(seed: int) -> None:
    """Fewer than four runs beside them; each gives two steps, in order of place."""
    random = np.random.default_rng(seed)
    ends = np.array([0, 60, 100, 160])
    place = np.unique(random.integers(5, 155, 60))
    steps = Candidates(place, np.searchsorted(ends, place, side="right") - 1, *np.zeros((4, len(place))))
    begin = np.array([20, 36, 70, 110])
    levels = shapes.ShortLevels(begin, begin + random.integers(4, 8, 4), *random.random((3, 4)))

    found = steps.with_short_levels(levels, ends)

    rows = [(at, owner, 0.0, 0.0, 0.0, 0.0) for at, owner in zip(*steps[:2], strict=True)]
    rows = [row for row in rows if not any(low - 4 < row[0] < high + 4 for low, high in zip(*levels[:2], strict=True))]
    for low, high, height, around, p in zip(*levels, strict=True):
        owner = sum(low >= end for end in ends) - 1
        rows += [(low, owner, around, height, p, math.inf), (high, owner, around + height, -height, p, math.inf)]
    assert list(zip(*found, strict=True)) == sorted(rows)
    none = levels.take(np.array([], int))
    assert steps.with_short_levels(none, ends) is steps


@pytest.mark.parametrize("width", [24, 48, 100])
def test_tiles_begin_half_a_width_apart(width: int) -> None:
    """For as long as more than half of one is left; those of 48 runs only in noise of 0.9 of the smallest step."""
    flat, ends = drawn(4, series=5)
    ends = [0, 0, *ends[1:], ends[-1]]  # the first and the last have no runs
    minimum = np.array([1.0, LIMIT, 0.01, LIMIT, 0.005, 0.02, 0.0])
    expected = []
    for owner, (low, high) in enumerate(pairwise(ends)):
        starts = [low, *range(low + width // 2, high - width // 2, width // 2)]
        for start in starts:
            part = flat[start : min(start + width, high)]
            rough = np.abs(np.diff(part)).mean() if len(part) > 1 else 0.0
            if width != 48 or rough > 0.9 * minimum[owner]:
                expected.append((start, min(start + width, high)))

    tiles = candidates.searched_tiles(flat, np.array(ends), width, minimum)
    with_runs = candidates.searched_tiles(flat, np.array(ends[:-1]), width, minimum[:-1])

    assert list(zip(*tiles, strict=True)) == expected
    assert list(zip(*with_runs, strict=True)) == [tile for tile in expected if tile[0] < ends[-1]]
    assert candidates.searched_tiles(flat[:0], np.array([0, 0]), width, minimum[:1])[0].tolist() == [0]


def test_proposals_closer_than_a_level_are_one() -> None:
    """The most significant of a chain of them, the first of equals."""
    random = np.random.default_rng(5)
    for _ in range(60):
        place, p = random.integers(0, 90, 14), random.choice([0.001, 0.002, 0.003], 14)
        chains: list[list[tuple[float, int]]] = []
        for at, p_value in sorted(zip(place.tolist(), p.tolist(), strict=True)):
            if chains and at - max(one for _, one in chains[-1]) < 5:
                chains[-1].append((p_value, at))
            else:
                chains.append([(p_value, at)])

        kept = Proposals(place, p).apart(5)

        assert list(zip(kept.p_value, kept.place, strict=True)) == [min(chain) for chain in chains]
    assert Proposals.none().apart(5).place.tolist() == []


@pytest.mark.parametrize("seed", range(4))
def test_a_tile_is_split_for_as_long_as_its_parts_are_nearly_significant(seed: int) -> None:
    """At six times the significance that counts, each part alone, where both sides can be a level."""
    flat, ends = drawn(seed)
    start, stop = candidates.tiles(np.array([*ends, ends[-1]]), 100)  # a series without runs is the last

    def parts(low: int, high: int) -> list[tuple[int, float]]:
        if high - low < 10:
            return []
        bounds = np.array([low]), np.array([high]), np.array([low])
        (place,), (p,) = splits.best_splits(flat, Stretches(*bounds, np.arange(5, high - low), 5))
        return [(place, p), *parts(low, place), *parts(place, high)] if p < 0.006 else []

    found = candidates.propose(flat, start, stop, 0.001, 5)

    expected = [one for low, high in zip(start, stop, strict=True) for one in parts(low, high)]
    assert sorted(zip(*found, strict=True)) == sorted(expected)
