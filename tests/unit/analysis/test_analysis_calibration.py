"""Simulated error rates with fixed seeds: they fail when the statistics drift, and are wide enough not to flake.

Every bound is the nominal rate plus or minus about four standard errors of the simulation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action import analysis
from regress_action.analysis import noise
from regress_action.model.comparisons import Mode, Verdict
from unit.analysis.compared_sides import HOSTED, number, pairs, runs, session

if TYPE_CHECKING:
    from regress_action.model.comparisons import Judgement

MANY = 3000
BARE = analysis.Policy(
    session_spread=analysis.SessionSpread(paired=0.0), minimum_ratio_paired=1.0 + 1e-9, minimum_ratio_history=1.0 + 1e-9
)


def drawn(seed: int, count: int, spread: float = 0.02, *, heavy: bool = False) -> dict[str, list[float]]:
    """Draw many identical benchmarks."""
    random = np.random.default_rng(seed)
    noise = random.standard_t(3, (MANY, count)) / np.sqrt(3) if heavy else random.standard_normal((MANY, count))
    return {f"b{n}": row.tolist() for n, row in enumerate(np.exp(spread * noise))}


def rate(judgement: Judgement, level: float = 0.05) -> float:
    """Return the share of p-values up to a level."""
    return float(np.mean([number(row.p_value) <= level for row in judgement.comparisons]))


@pytest.mark.parametrize(("base_runs", "head_runs"), [(5, 5), (10, 1), (10, 3), (20, 1), (7, 12)], ids=str)
def test_history_calls_identical_code_changed_as_often_as_it_says(
    base_runs: int, head_runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five per cent of p-values below five per cent; fewer of several new runs, which may be correlated."""
    monkeypatch.setattr(noise, "_FEWEST_BENCHMARKS", 10**9)  # each benchmark for itself

    judgement = analysis.compare(runs(drawn(1, base_runs)), runs(drawn(2, head_runs)), BARE)

    assert (0.034 if head_runs == 1 else 0.02) <= rate(judgement) <= 0.066
    assert (0.004 if head_runs == 1 else 0.001) <= rate(judgement, 0.01) <= 0.018


def _since(values: dict[str, list[float]], start: int, stop: int) -> dict[str, list[float]]:
    return {name: row[start:stop] for name, row in values.items()}


@pytest.mark.parametrize("heavy", [False, True], ids=["normal", "heavy tails"])
def test_learned_noise_is_as_honest_as_a_baselines_own(*, heavy: bool) -> None:
    """Forty runs teach, ten of them are the baseline, the next is the head: no more than five per cent."""
    values = drawn(7, 41, heavy=heavy)
    learned = analysis.noise_between(runs(_since(values, 0, 40)))

    judgement = analysis.compare(
        runs(_since(values, 30, 40)), runs(_since(values, 40, 41)), replace(BARE, noise=learned)
    )

    assert 0.03 <= rate(judgement) <= 0.066


def test_a_moderated_suite_is_no_less_honest() -> None:
    """Three runs each, with the suite's prior: still five per cent."""
    assert 0.03 <= rate(analysis.compare(runs(drawn(3, 3)), runs(drawn(4, 3)), BARE)) <= 0.065


@pytest.mark.parametrize("count", [5, 10, 20])
def test_pairs_call_identical_code_changed_as_often_as_alpha_allows(count: int) -> None:
    """Below, at and above the number from which pairs are trimmed."""
    judgement = analysis.compare([pairs(drawn(5, count))], [pairs(drawn(6, count))], BARE)

    assert 0.034 <= rate(judgement) <= 0.066


def test_heavy_tails_only_make_pairs_more_careful() -> None:
    """Student noise with three degrees of freedom, as stalls make it."""
    judgement = analysis.compare([pairs(drawn(7, 10, heavy=True))], [pairs(drawn(8, 10, heavy=True))], BARE)

    assert 0.02 <= rate(judgement) <= 0.066


def test_one_session_each_is_calibrated_when_tau_is_right() -> None:
    """Sessions that truly differ by the 3 % that are borrowed."""
    random = np.random.default_rng(9)
    machine = np.exp(random.normal(0, 0.03, (2, MANY)))
    base, head = (
        {name: [value * speed for value in values] for speed, (name, values) in zip(speeds, suite.items(), strict=True)}
        for speeds, suite in zip(machine, (drawn(10, 6), drawn(11, 6)), strict=True)
    )

    judgement = analysis.compare(
        [session(base, environment=HOSTED)], [session(head, name="t", environment=HOSTED)], BARE, mode=Mode.SINGLE
    )

    assert 0.034 <= rate(judgement) <= 0.07


def test_intervals_cover_what_was_injected() -> None:
    """Ninety-five of a hundred hold the true ratio of 1.1."""
    head = {name: [1.1 * value for value in values] for name, values in drawn(13, 8).items()}
    judgement = analysis.compare([pairs(drawn(12, 8))], [pairs(head)], BARE)

    covered = np.mean([number(row.ratio_low) <= 1.1 <= number(row.ratio_high) for row in judgement.comparisons])

    assert 0.934 <= covered <= 0.966


def test_false_discoveries_stay_below_the_rate_that_was_asked_for() -> None:
    """A tenth of three thousand benchmarks truly slower: of what is called slower, at most 5 % is not."""
    head = drawn(15, 6)
    slow = set(list(head)[: MANY // 10])
    head = {name: [value * (1.08 if name in slow else 1.0) for value in values] for name, values in head.items()}

    judgement = analysis.compare([pairs(drawn(14, 6))], [pairs(head)], BARE)

    called = [row.benchmark.name for row in judgement.comparisons if row.verdict is Verdict.REGRESSION]
    assert len(called) > 100
    assert np.mean([name not in slow for name in called]) <= 0.08


def test_unchanged_is_hardly_ever_said_of_what_changed() -> None:
    """Non-inferiority: a true 3 % is called unchanged in one case of forty."""
    head = {name: [1.03 * value for value in values] for name, values in drawn(17, 8, 0.01).items()}
    policy = analysis.Policy(session_spread=analysis.SessionSpread(paired=0.0))

    judgement = analysis.compare([pairs(drawn(16, 8, 0.01))], [pairs(head)], policy)

    wrong = np.mean([row.verdict is Verdict.UNCHANGED for row in judgement.comparisons])
    assert 0.012 <= wrong <= 0.038
