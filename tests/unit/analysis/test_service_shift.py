"""Benchmarks that lean the same way are one shift of their service, counted by pairs and not by benchmarks."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action import analysis
from regress_action.model.reasons import Note, NoteCode
from unit.analysis.compared_sides import pairs


def shifts(effect: float, *, seed: int, common: float = 0.0, own: float = 0.08, benchmarks: int = 23) -> list[Note]:
    """Judge a suite of which each head is slower by `effect`, with noise of each value and noise common to a pair."""
    random = np.random.default_rng(seed)
    shared = random.normal(0, common, 10)
    base = {f"b{n}": np.exp(random.normal(0, own, 10)) for n in range(benchmarks)}
    head = {name: np.exp(effect + shared + random.normal(0, own, 10)) for name in base}
    judgement = analysis.compare([pairs(base, service="cache")], [pairs(head, service="cache")])
    return [note for note in judgement.notes if isinstance(note, Note) and note.code is NoteCode.SERVICE_SHIFT]


def test_small_change_of_many_benchmarks_is_one_shift() -> None:
    """6 % more on 23 benchmarks whose pairs spread by 11 %: none is decided alone, the service is."""
    (note,) = shifts(0.06, seed=1)
    ratio, low, high, benchmarks, seen = note.numbers
    assert benchmarks >= 20  # those not changed beyond doubt by themselves
    assert (seen, note.names) == (10, ("cache",))
    assert low < np.exp(0.06) < high
    assert 1 < low < ratio < high


@pytest.mark.parametrize("common", [0.0, 0.03])
def test_identical_code_is_no_shift(common: float) -> None:
    """Nor is what all benchmarks of a pair have in common: it is evidence once, not once per benchmark."""
    assert [shifts(0.0, seed=seed, common=common) for seed in range(40)] == [[]] * 40


def test_few_benchmarks_are_no_service() -> None:
    """Four benchmarks speak for themselves."""
    assert shifts(0.06, seed=1, benchmarks=4) == []


def test_large_changes_of_a_few_are_no_shift_of_the_rest() -> None:
    """Four benchmarks four times as slow, nineteen unchanged: the nineteen did not move."""
    random = np.random.default_rng(5)
    base = {f"b{n}": np.exp(random.normal(0, 0.03, 10)) for n in range(23)}
    head = {name: np.exp((n < 4) * 1.4 + random.normal(0, 0.03, 10)) for n, name in enumerate(base)}
    judgement = analysis.compare([pairs(base, service="cache")], [pairs(head, service="cache")])
    assert not [note for note in judgement.notes if isinstance(note, Note) and note.code is NoteCode.SERVICE_SHIFT]


def test_benchmarks_that_are_decided_need_no_note() -> None:
    """Where most of them are proven changed alone, nothing is added."""
    assert shifts(0.3, seed=1, own=0.01) == []
