"""Splits: the statistic is the G test of a contingency table, at the best place that is allowed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regress_action.analysis import splits
from regress_action.analysis.arrays import Stretches
from regress_action.analysis.candidates import Proposals, tiles


def g_test(values: np.ndarray[tuple[int], np.dtype[np.float32]], place: int) -> float:
    """Return scipy's p-value for the classes of the values before and after a place."""
    from scipy.stats import chi2_contingency

    classes = int(np.clip(len(values) // splits.VALUES_PER_CLASS, 2, splits.CLASSES))
    ordered = np.sort(values)
    cuts = ordered[[number * len(values) // classes - 1 for number in range(1, classes)]]
    of = (values[:, None] > cuts).sum(axis=1)
    table = np.array([np.bincount(side, minlength=classes) for side in (of[:place], of[place:])])
    table = table[:, table.sum(axis=0) > 0]
    return float(chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue)


def one_row(size: int, smallest: int, before: int = 0) -> Stretches:
    """Describe the stretch of `size` values that starts at `before`, to be split anywhere."""
    start = np.array([before])
    return Stretches(start, start + size, start, np.arange(smallest, size - smallest + 1), smallest)


@given(st.integers(0, 10_000), st.integers(12, 120), st.integers(3, 6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_best_split_is_scipys_best(seed: int, size: int, smallest: int, ties: bool) -> None:
    """Of all places that leave enough on both sides, the one with scipy's smallest p is found, with that p."""
    draw = np.random.default_rng(seed)
    values = draw.normal(0, 1, size).astype(np.float32)
    values[size // 3 :] += np.float32(3)
    if ties:
        values = np.round(values)
    around = np.concatenate([np.array([99, -99], np.float32), values, np.array([99], np.float32)])
    (place,), (p,) = splits.best_splits(around, one_row(size, smallest, before=2))
    ps = [g_test(values, at) for at in range(smallest, size - smallest + 1)]
    if min(ps) < 0.001:
        assert p == pytest.approx(min(ps), rel=1e-3)
        assert ps[place - 2 - smallest] == pytest.approx(min(ps), rel=1e-3)


def test_rows_of_different_sizes_do_not_disturb_one_another() -> None:
    """Many rows at once, of any size, give what each gives alone, also around a pivot."""
    draw = np.random.default_rng(1)
    flat = np.where(np.arange(3000) // 40 % 2, 1.0, 2.0) + 0.1 * draw.normal(0, 1, 3000)
    start = draw.integers(0, 2700, 200)
    stop = start + draw.integers(11, 200, 200)
    pivot = (start + stop) // 2
    together = splits.best_splits(flat.astype(np.float32), Stretches(start, stop, pivot, np.arange(-10, 11), 5))
    for row in range(200):
        alone = Stretches(start[[row]], stop[[row]], pivot[[row]], np.arange(-10, 11), 5)
        place, p = splits.best_splits(flat.astype(np.float32), alone)
        assert (place[0], p[0]) == (together[0][row], together[1][row])
        assert start[row] + 5 <= place[0] <= stop[row] - 5
        assert abs(place[0] - pivot[row]) <= 10


def test_what_cannot_be_split_stays_whole() -> None:
    """Too few values on a side, or one value throughout: the pivot, with certainty."""
    for values, size in ((np.arange(9.0), 9), (np.ones(50), 50)):
        place, p = splits.best_splits(values.astype(np.float32), one_row(size, 5))
        assert (place.tolist(), p.tolist()) == ([0], [1.0])


@pytest.mark.parametrize("sizes", [[0], [1], [24], [25, 0, 36], [100, 1000]])
def test_tiles_cover_every_run_and_overlap_by_half(sizes: list[int]) -> None:
    """Each run lies in a tile, all but the outer half tiles in two, and no tile leaves its series."""
    ends = np.cumsum([0, *sizes])
    start, stop = tiles(ends, 24)
    assert (stop - start <= 24).all()
    assert (np.searchsorted(ends, start, side="right") >= np.searchsorted(ends, stop, side="left")).all()
    covered = np.zeros(ends[-1], int)
    for first, last in zip(start, stop, strict=True):
        covered[first:last] += 1
    for first, last in itertools.pairwise(ends):
        assert (covered[first:last] >= 1).all()
        assert (covered[first:last] <= 2).all()
        assert (covered[first + 12 : last - 24] == 2).all()


def test_a_growing_series_changes_only_its_last_tiles() -> None:
    """Tiles that were complete stay where they are when more runs arrive."""
    before, after = (set(zip(*map(tuple, tiles(np.array([0, size]), 24)), strict=True)) for size in (130, 190))
    complete = {(start, stop) for start, stop in before if stop - start == 24}
    assert len(complete) >= 8
    assert complete <= after


def test_of_proposals_close_to_one_another_the_surest_stays() -> None:
    """Two tiles say nearly the same place: the more significant one speaks for both."""
    proposals = Proposals(np.array([52, 10, 50, 61]), np.array([1e-5, 1e-4, 1e-9, 1e-3]))
    kept = proposals.apart(5)
    assert kept.place.tolist() == [10, 50, 61]
    assert kept.p_value.tolist() == [1e-4, 1e-9, 1e-3]


def test_a_row_that_begins_or_ends_nearer_to_its_pivot_is_split_as_by_itself() -> None:
    """A jump three runs after its start, or before its end, leaves no whole level on that side."""
    flat = np.random.default_rng(2).normal(0, 0.1, 240).astype(np.float32)
    flat[30:60] += 1
    flat[122:125] -= 5
    flat[155:] += 1
    pivot, columns = np.array([30, 130]), np.arange(-10, 11)
    for values, sign in ((flat, 1), (flat[::-1].copy(), -1)):
        middle = pivot if sign == 1 else 240 - pivot
        near, far = np.array([30, 8]), np.array([30, 30])
        before, after = (near, far) if sign == 1 else (far, near)
        rows = Stretches(middle - before, middle + after, middle, columns, 5)

        together = splits.best_splits(values, rows)

        for row in (0, 1):
            place, p = splits.best_splits(values, rows.take(np.array([row])))
            assert (place[0], p[0]) == (together[0][row], together[1][row])
        assert together[0][0] == middle[0]
        assert together[1][0] < 1e-6
        assert abs(together[0][1] - middle[1]) <= 3
