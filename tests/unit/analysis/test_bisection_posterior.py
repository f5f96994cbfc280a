"""The posterior over the first bad commit: held to the density of the full model, and to the laws of probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from regress_action.analysis.bisection import posterior as module
from regress_action.analysis.bisection.observations import Observations
from regress_action.analysis.bisection.posterior import posterior

LINE = np.tril(np.ones((8, 8), dtype=bool))
ratios = st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=6)
measured_commits = st.dictionaries(st.integers(0, 7), ratios, min_size=1, max_size=5)


@given(measured_commits, st.lists(st.floats(0.01, 1), min_size=8, max_size=8))
@settings(max_examples=60, deadline=None)
def test_probabilities_add_up_to_one(measured: dict[int, list[float]], prior: list[float]) -> None:
    """Whatever was measured, the candidates and the hypothesis of no change share the whole probability."""
    now = posterior(LINE, np.array(prior), Observations.of(measured))
    assert np.all(now.first >= 0)
    assert now.first.sum() + now.unchanged == pytest.approx(1)
    assert np.isfinite([now.step, now.step_error, now.pair_spread, now.build_spread]).all()


@given(measured_commits)
@settings(max_examples=40, deadline=None)
def test_commits_that_no_measurement_tells_apart_keep_their_prior_ratio(measured: dict[int, list[float]]) -> None:
    """Between two measured commits the prior alone decides."""
    prior = np.arange(1.0, 9.0)
    now = posterior(LINE, prior, Observations.of(measured))
    for earlier in range(7):
        if earlier not in measured:  # measuring `earlier` is what separates it from the next
            assert now.first[earlier] * prior[earlier + 1] == pytest.approx(now.first[earlier + 1] * prior[earlier])


def _density(measured: dict[int, list[float]], after: Any, pair: float, build: float, scale: float) -> float:
    """Return the log density of every single ratio under the model, by its full covariance."""
    commits = np.array([commit for commit, values in measured.items() for _ in values])
    values = np.array([value for values in measured.values() for value in values])
    has_change = np.array([after[commit] for commit in commits], dtype=float)
    same_build = commits[:, None] == commits[None, :]
    covariance = np.eye(len(values)) * pair**2 + build**2 * same_build + build**2
    covariance = covariance + scale**2 * np.outer(has_change, has_change)
    return float(multivariate_normal(np.zeros(len(values)), covariance).logpdf(values))


@given(measured_commits, st.integers(0, 7), st.integers(0, 7))
@settings(max_examples=40, deadline=None)
def test_evidence_is_that_of_the_full_model(measured: dict[int, list[float]], first: int, second: int) -> None:
    """The closed form gives the same odds of two candidates as the density over all pairs, in cells of the grid."""
    seen = Observations.of(measured)
    raw = {
        int(commit): [mean] * int(pairs)
        for commit, mean, pairs in zip(seen.commits, seen.means, seen.pairs, strict=True)
    }
    seen = Observations.of(raw)  # without scatter, so that no value is an outlier
    patterns = LINE[seen.commits][:, [first, second]].astype(float)
    grid = module._grid()
    evidence, _, _ = module._marginal(grid, patterns, seen)
    for cell in range(0, len(grid.pair), 97):
        if grid.pair[cell] < 1e-3:
            continue  # a covariance this close to singular is no reference
        spreads = (float(grid.pair[cell]), float(grid.build[cell]), float(grid.scale[cell]))
        expected = _density(raw, LINE[:, first], *spreads) - _density(raw, LINE[:, second], *spreads)
        assert evidence[cell, 0] - evidence[cell, 1] == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_the_posterior_is_the_sum_over_the_priors_of_all_spreads() -> None:
    """Candidates 0 to 3, 4 to 7 and none, by Bayes' rule on the density of every ratio."""
    raw = {3: [0.008, 0.016], 7: [0.03, 0.025, 0.037]}
    odds = {0.0: 0.55, 0.001: 0.25, 0.003: 0.15, 0.01: 0.05}
    mass = np.zeros(3)
    patterns = [dict.fromkeys(raw, 1.0), {3: 0.0, 7: 1.0}, dict.fromkeys(raw, 0.0)]
    for pair in np.geomspace(1e-5, 0.6, 40)[12:]:  # below, such ratios are as good as impossible
        of_pair = np.exp(-0.5 * (np.log(pair / 0.015) / 1.6) ** 2)
        for build, of_build in odds.items():
            for scale in (0.02, 0.06, 0.2, 0.6, 1.8):
                logs = [_density(raw, after, pair, build, scale) for after in patterns]
                mass += of_pair * of_build * np.exp(logs) * (0.4, 0.4, 0.2)
    mass /= mass.sum()
    now = posterior(LINE, np.ones(8), Observations.of(raw))

    assert (now.first[:4].sum(), now.first[4:].sum(), now.unchanged) == pytest.approx(tuple(mass), rel=1e-3)


def test_a_clear_step_is_given_to_the_commit_that_made_it() -> None:
    """Good before, bad from commit 5 on, little noise: commit 5, and the size of the step."""
    rng = np.random.default_rng(1)
    measured = {at: list(rng.normal(0.05 * (at >= 5), 0.01, 10)) for at in (3, 4, 5, 7)}
    now = posterior(LINE, np.ones(8), Observations.of(measured))
    assert now.best == 5
    assert now.first[5] > 0.99
    assert now.step == pytest.approx(0.05, abs=0.01)
    assert 0.001 < now.step_error < 0.01
    assert 0.005 < now.pair_spread < 0.02


def test_equal_counts_mean_that_nothing_changed() -> None:
    """Deterministic metrics without a difference leave no commit to blame."""
    now = posterior(LINE, np.ones(8), Observations.of({7: [0.0] * 5}))
    assert now.unchanged > 0.95


def test_an_outlier_does_not_make_a_step() -> None:
    """One disturbed run among twelve is moved to the fence and does not decide."""
    quiet = [0.001, -0.001, 0.002, -0.002, 0.0, 0.001] * 2
    steady = posterior(LINE, np.ones(8), Observations.of({7: quiet}))
    disturbed = posterior(LINE, np.ones(8), Observations.of({7: [*quiet[:-1], 0.9]}))
    assert disturbed.unchanged > 0.5 * steady.unchanged


def test_a_side_branch_differs_from_the_line() -> None:
    """Commits 1 and 2 are branches that 3 merges: slow on branch 1 and fast on branch 2 means commit 1."""
    contains = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]], dtype=bool)
    measured = {3: [0.1, 0.101], 1: [0.1, 0.099], 2: [0.0, 0.001]}
    now = posterior(contains, np.ones(4), Observations.of(measured))
    assert now.best == 1


def test_the_step_of_a_cell_is_that_of_the_normal_posterior() -> None:
    """Mean and variance by the covariance of offset, step, and the means of every measured commit."""
    seen = Observations.of({3: [0.008, 0.016], 5: [0.03] * 3, 7: [0.03, 0.025, 0.037]})
    patterns = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    grid = module._grid()
    _, step, variance = module._marginal(grid, patterns, seen)

    for cell in range(500, len(grid.pair), 41):
        pair, build, scale = float(grid.pair[cell]), float(grid.build[cell]), float(grid.scale[cell])
        for column, after in enumerate(patterns.T):
            covariance = np.diag(pair**2 / seen.pairs + build**2) + build**2 + scale**2 * np.outer(after, after)
            gain = scale**2 * after @ np.linalg.inv(covariance)
            assert step[cell, column] == pytest.approx(gain @ seen.means, rel=1e-6)
            assert variance[cell, column] == pytest.approx(scale**2 - gain @ after * scale**2, rel=1e-4)


@pytest.mark.parametrize("unchanged", [0.2, 0.6])
def test_step_and_spreads_are_means_over_every_candidate_and_cell(unchanged: float) -> None:
    """The step if there is one, with the variance within and between; each candidate by itself, with its own prior."""
    seen = Observations.of({1: [0.0, 0.012, -0.01], 4: [0.02, 0.05], 6: [0.03, 0.025, 0.037, 0.05]})
    prior = np.arange(1.0, 9.0)
    grid = module._grid()
    after = np.column_stack([LINE[seen.commits], np.zeros(3)])
    each = [module._marginal(grid, after[:, [candidate]], seen) for candidate in range(9)]
    evidence, step, variance = (np.column_stack([cells[part] for cells in each]) for part in range(3))
    mass = np.exp(evidence - evidence.max() + grid.log_weight[:, None])
    mass *= np.append((1 - unchanged) * prior / prior.sum(), unchanged)
    mass /= mass.sum()
    changed = mass * after.any(axis=0)
    mean = (changed * step).sum() / changed.sum()

    now = posterior(LINE, prior, seen, unchanged)

    assert (*now.first, now.unchanged) == pytest.approx(tuple(mass.sum(axis=0)))
    assert now.step == pytest.approx(mean)
    assert now.step_error**2 == pytest.approx((changed * (variance + (step - mean) ** 2)).sum() / changed.sum())
    assert now.pair_spread == pytest.approx(np.exp((mass.sum(axis=1) * np.log(grid.pair)).sum()))
    assert now.build_spread == pytest.approx((mass.sum(axis=1) * grid.build).sum())
    assert now.best == int(np.argmax(now.first))
