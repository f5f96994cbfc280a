"""What is proposed, what a step measures, and which of neighbouring steps hold."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action.analysis import candidates, change_points, splits
from regress_action.analysis.arrays import Stretches
from regress_action.analysis.candidates import Candidates, Proposals, propose


def steps(*levels: float, runs: int = 12, spread: float = 0.01, seed: int = 1) -> np.ndarray:
    """Lay levels of equal length one after the other, with a little noise."""
    draw = np.random.default_rng(seed)
    return (np.repeat(levels, runs) + spread * draw.standard_normal(runs * len(levels))).astype(np.float32)


@pytest.mark.parametrize("size", [5, 8, 9, 10, 27, 60])
def test_the_quantiles_are_hazens(size: int) -> None:
    """Nine of them, evenly spread, as numpy interpolates them; rows of other sizes do not matter."""
    flat = np.random.default_rng(size).standard_normal(100).astype(np.float32)
    start, stop = np.array([3, 40]), np.array([3 + size, 100])

    kept = candidates._quantiles(flat, start, stop)

    for row, (first, last) in enumerate(zip(start, stop, strict=True)):
        expected = np.quantile(flat[first:last].astype(float), (np.arange(9) + 0.5) / 9, method="hazen")
        assert kept[row] == pytest.approx(expected, abs=1e-6)


def test_a_step_is_measured_by_hodges_and_lehmann() -> None:
    """The median of all differences between quantiles of either side; the spread is that of the noisier side."""
    draw = np.random.default_rng(2)
    flat = np.concatenate([draw.normal(1, 0.01, 20), draw.normal(1.5, 0.2, 15)]).astype(np.float32)
    before, after = (np.quantile(side, (np.arange(9) + 0.5) / 9, method="hazen") for side in (flat[:20], flat[20:]))

    for values, other, noisy in ((flat, after, after), (flat[::-1], before, after)):
        place = 20 if values is flat else 15
        level, shift, spread = candidates._shift(values, np.array([0]), np.array([place]), np.array([35]))
        first = before if values is flat else after
        assert level == pytest.approx([first[4]], abs=1e-6)
        assert shift == pytest.approx([np.median(np.subtract.outer(other, first))], abs=1e-6)
        assert spread == pytest.approx([np.abs(noisy - noisy[4]).mean()], abs=1e-6)


def test_a_tile_proposes_at_six_times_the_significance() -> None:
    """What is weaker than that is not proposed, and what is stronger is split again."""
    flat = steps(0.0, 0.04, spread=0.02, runs=20, seed=4)
    bounds = np.array([0]), np.array([40])
    (p, *_) = propose(flat, *bounds, 0.01, 5).p_value

    assert len(propose(flat, *bounds, p / 6 * 1.01, 5).place) == 1
    assert len(propose(flat, *bounds, p / 6 * 0.99, 5).place) == 0
    stairs = propose(steps(0.0, 1.0, 2.0), np.array([0]), np.array([36]), 0.001, 5)
    assert sorted(stairs.place.tolist()) == [12, 24]


@pytest.mark.parametrize("size", [9, 10])
def test_a_part_is_split_only_where_both_sides_can_last(size: int) -> None:
    """Ten runs hold two levels of five; nine do not."""
    flat = np.repeat([0.0, 1.0], 5).astype(np.float32)[:size]

    kept = propose(flat, np.array([0]), np.array([size]), 0.01, 5)

    assert kept.place.tolist() == ([5] if size == 10 else [])


@pytest.mark.parametrize("freedom", range(1, 8))
def test_a_small_p_value_is_exact(freedom: int) -> None:
    """Whatever may count as significant: up to one in a hundred it is that of the χ² distribution."""
    from scipy import stats

    p = np.geomspace(1e-12, 0.01, 60)

    assert splits._p_value(stats.chi2(freedom).isf(p), np.full(60, freedom)) == pytest.approx(p)
    assert splits._p_value(np.array([freedom / 2]), np.array([freedom])).tolist() == [1]


def test_of_neighbouring_doubts_the_weakest_goes_first() -> None:
    """A step that fails only because another stands beside it is tested again when that is gone."""
    strength = np.array([0.5, 0.3, 0.9, 0.2, 0.4, 0.4, 0.1])
    owner = np.array([0, 0, 0, 0, 1, 1, 2])
    kept = Candidates(np.arange(7), owner, np.zeros(7), np.zeros(7), np.zeros(7), strength)

    weak = candidates._weaker_than_neighbours(kept)

    assert weak.tolist() == [False, True, False, True, False, True, True]
    left = candidates._without(kept, np.array([False, True, False, False, False, False, False]))
    assert left.place.tolist() == [0, 2, 3, 4, 5, 6]
    assert np.isnan(left.strength).tolist() == [True, True, False, False, False, False]


def test_a_proposal_without_a_step_is_dropped_and_one_with_it_is_moved_to_its_run() -> None:
    """Three runs off to either side, and one in the middle of a level."""
    flat = steps(0.0, 0.3, 0.1, runs=30)
    ends, minimum = np.array([0, 90]), np.array([0.04])
    proposals = Proposals(np.array([27, 45, 63]), np.full(3, 1e-4))

    kept = candidates.prune(flat, ends, proposals, minimum, 0.001, 5)

    assert kept.place.tolist() == [30, 60]
    assert kept.level == pytest.approx([0, 0.3], abs=0.01)
    assert kept.shift == pytest.approx([0.3, -0.2], abs=0.01)
    assert (kept.strength >= 1).all()
    assert not len(candidates.prune(flat, ends, proposals, np.array([0.5]), 0.001, 5).place)


def test_a_step_exactly_as_unlikely_as_the_limit_holds() -> None:
    """What counts is a p-value up to the limit, the limit included, at every look."""
    flat, ends, minimum = steps(0.0, 0.3), np.array([0, 24]), np.array([0.04])
    proposals = Proposals(np.array([12]), np.array([1e-4]))
    found = candidates.prune(flat, ends, proposals, minimum, 0.001, 5)
    none, proposed = found.take(np.array([], int)), found._replace(strength=np.array([np.nan]))
    (limit,) = found.p_value

    for p, count in ((limit, 1), (0.999 * limit, 0)):
        assert len(candidates.prune(flat, ends, proposals, minimum, p, 5).place) == count
        assert len(candidates._overlooked(flat, ends, none, proposed, minimum, p, 5).place) == count


def test_series_that_stand_side_by_side_are_no_neighbours() -> None:
    """A step near the end of one series and one near the start of the next are each held to its own."""
    left, right = steps(0.0, 1.0, runs=20), steps(5.0, 4.0, runs=20, seed=2)
    flat, ends = np.concatenate([left, right]), np.array([0, 40, 80])
    proposals = Proposals(np.array([20, 60]), np.full(2, 1e-6))

    both = candidates.prune(flat, ends, proposals, np.array([0.04, 0.04]), 0.001, 5)

    assert both.owner.tolist() == [0, 1]
    for row, (values, shift) in enumerate(((left, 1.0), (right, -1.0))):
        alone = candidates.prune(
            values, ends[:2], Proposals(np.array([20]), np.array([1e-6])), np.array([0.04]), 0.001, 5
        )
        assert both.p_value[row] == alone.p_value[0]
        assert both.shift[row] == pytest.approx(shift, abs=0.02)


@pytest.mark.parametrize("later", [-1.0, 2.0])
def test_levels_that_do_not_overlap_are_as_unlikely_as_their_order(later: float) -> None:
    """Three runs all above or all below five others: two of the 56 orders that there are."""
    flat = np.array([*np.linspace(0, 1, 5), *np.linspace(later, later + 0.5, 3), 9.0], np.float32)

    assert _separation(flat, 0, 5, 8) == pytest.approx(2 / 56)
    assert _separation(flat, 1, 5, 8) == pytest.approx(2 / 35)


def test_levels_that_overlap_or_are_empty_say_nothing_by_their_order() -> None:
    """One run among those of the other side is enough."""
    flat = np.array([0.0, 2.0, 1.0, 3.0, 4.0], np.float32)

    assert _separation(flat, 0, 2, 5) == 1
    assert _separation(flat, 2, 2, 5) == _separation(flat, 2, 5, 5) == 1


def test_a_step_moves_to_the_first_run_that_leaves_a_whole_level() -> None:
    """Of five runs, or whatever is the fewest that a level lasts, on either side."""
    flat = np.repeat([0.0, 1.0, 2.0], 5).astype(np.float32)
    near = Stretches(np.array([0]), np.array([15]), np.array([7]), candidates.SLACK, 5)
    level, height = np.zeros(1), np.ones(1)

    assert candidates._nearest_levels(flat, near, np.array([7]), level, height).tolist() == [5]
    assert candidates._nearest_levels(flat, near, np.array([7]), level + 1, height).tolist() == [10]


def _separation(flat: np.ndarray, start: int, place: int, stop: int) -> float:
    (p,) = candidates._of_separation(flat, np.array([start]), np.array([place]), np.array([stop]))
    return float(p)


@pytest.mark.parametrize("seed", [15, 107])
def test_what_elimination_dropped_is_kept_where_it_holds_between_the_rest(seed: int) -> None:
    """Two steps, one after the other, of which neither seems to hold beside chance neighbours: both are found."""
    runs = np.arange(60)
    levels = np.random.default_rng(seed).normal(0, 0.03, 60) + 0.05 * (runs >= 20) + 0.05 * (runs >= 34)

    first, second = change_points.find(np.exp(levels))

    assert first.index == pytest.approx(20, abs=2)
    assert second.index == pytest.approx(34, abs=1)


def test_what_is_found_in_a_series_does_not_depend_on_the_others() -> None:
    """A step that another series loses leaves those of its neighbour in the array as they are."""
    runs = np.arange(60)
    together = [
        np.exp(np.random.default_rng(seed).normal(0, 0.03, 60) + 0.05 * (runs >= 20) + 0.05 * (runs >= 34))
        for seed in range(86, 108)
    ]

    assert change_points.find_all(together) == [change_points.find(series) for series in together]


@pytest.mark.parametrize("seed", range(30))
def test_nothing_that_was_proposed_holds_between_what_is_kept(seed: int) -> None:
    """Whatever was proposed, near two steps or anywhere: what is left out does not hold there by itself."""
    draw = np.random.default_rng(seed)
    flat = (draw.normal(0, 0.05, 80) + 0.1 * (np.arange(80) >= 30) - 0.1 * (np.arange(80) >= 55)).astype(np.float32)
    ends, minimum = np.array([0, 80]), np.array([np.log(1.04)])
    places = np.unique(draw.integers(6, 75, 9))
    places = places[np.diff(places, append=99) >= 5]
    unknown = (np.full(len(places), np.nan) for _ in range(4))
    proposed = Candidates(places, np.zeros_like(places), *unknown)

    held = candidates.prune(flat, ends, Proposals(places, np.zeros(0)), minimum, 0.001, 5)

    assert (held.strength >= 1).all()
    assert (np.diff(held.place, prepend=0, append=80) >= 5).all()
    assert not len(candidates._overlooked(flat, ends, held, proposed, minimum, 0.001, 5).place)


@pytest.mark.parametrize("seed", [*range(20), 260, 396, 707, 1394])
def test_what_held_is_not_given_up_for_what_was_dropped(seed: int) -> None:
    """A look counts where a series has more steps after it; one set that leads to another and back gains nothing."""
    draw = np.random.default_rng(seed)
    flat = (draw.normal(0, 0.1, 120) + 0.1 * (np.arange(120) >= draw.integers(20, 100))).astype(np.float32)
    rule = np.array([0.01]), 0.001, 5
    ends, places = np.array([0, 120]), np.arange(5, 116, 7)
    proposed = Candidates(places, np.zeros_like(places), *np.full((4, len(places)), np.nan))

    held = candidates.prune(flat, ends, Proposals(places, np.zeros(0)), *rule)

    expected = candidates._holding(flat, ends, proposed.take(np.arange(len(places))), *rule)
    for _ in range(len(places)):
        again = candidates._overlooked(flat, ends, expected, proposed, *rule)
        more = candidates._holding(flat, ends, again.beside(expected), *rule)
        expected = more if len(more.place) > len(expected.place) else expected
    assert held.place.tolist() == expected.place.tolist()


def test_each_series_keeps_what_held_in_it() -> None:
    """What a look gains in one series does not take from another one what held there."""
    rule = 0.001, 5
    series = []
    for seed in (260, 1394, 1, 707):
        draw = np.random.default_rng(seed)
        noise = draw.normal(0, 0.1, 120)
        series.append((noise + 0.1 * (np.arange(120) >= draw.integers(20, 100))).astype(np.float32))
    places = np.arange(5, 116, 7)

    together = candidates.prune(
        np.concatenate(series),
        np.arange(0, 481, 120),
        Proposals(np.concatenate([places + 120 * number for number in range(4)]), np.zeros(0)),
        np.full(4, 0.01),
        *rule,
    )

    alone = [
        candidates.prune(one, np.array([0, 120]), Proposals(places, np.zeros(0)), np.array([0.01]), *rule).place
        for one in series
    ]
    assert together.place.tolist() == [int(place) + 120 * n for n, found in enumerate(alone) for place in found]
