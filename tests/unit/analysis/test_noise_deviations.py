"""The spread of noise against its formulas: Croux and Rousseeuw's factors, outer deciles, neighbours, and a prior."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special

from regress_action.analysis.noise import fit, neighbour_spread, per_row, recent_spread, robust_deviations
from regress_action.analysis.policy import SessionSpread
from regress_action.analysis.run_matrix import Scale

FACTORS = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107, 10: 10 / 9.2, 30: 30 / 29.2}
"""The finite-sample factors of the median absolute deviation, by the number of runs (1992, table 1)."""


@pytest.mark.parametrize("runs", FACTORS)
def test_the_deviation_is_the_corrected_median_deviation(runs: int) -> None:
    """Of equally spaced runs, whose deciles lie nearer together than that."""
    values = np.arange(runs, dtype=float)
    median_deviation = np.median(np.abs(values - np.median(values)))

    assert robust_deviations(values[None]) == pytest.approx([1.4826 * median_deviation * FACTORS[runs]])


@pytest.mark.parametrize("runs", [9, 10, 14, 25])
def test_where_most_runs_agree_the_outer_deciles_speak(runs: int) -> None:
    """The distance of the 10 % and 90 % quantiles, interpolated as numpy does, is 2.5631 standard deviations."""
    values = np.where(np.arange(runs) < runs - 3, 0.0, 1.0 + np.arange(runs) / 7)
    low, high = np.quantile(values, [0.1, 0.9])

    assert robust_deviations(values[None]) == pytest.approx([(high - low) / 2.5631])


def test_runs_without_a_value_are_as_if_they_were_not_there() -> None:
    """Wherever they stand; one run does not spread, and no run says nothing."""
    values = np.random.default_rng(1).standard_normal(8)
    gaps = np.full((3, 12), np.nan)
    gaps[0, [0, 2, 3, 5, 6, 7, 10, 11]] = values
    gaps[1, 4] = 3.0

    deviations = robust_deviations(gaps)

    assert deviations[:2] == pytest.approx([robust_deviations(values[None]).item(), 0])
    assert np.isnan(deviations[2])


def _steady(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(0.02 * np.random.default_rng(shape[-1]).standard_normal(shape))


@pytest.mark.parametrize("runs", [5, 7, 10, 20, 50])
def test_the_deviation_is_unbiased(runs: int) -> None:
    """Over many rows of 2 % noise it averages 2 %, of five runs as of fifty."""
    assert robust_deviations(_steady(2000, runs)).mean() == pytest.approx(0.02, rel=0.08)


def test_disturbed_runs_do_not_widen_it() -> None:
    """Two runs in thirty at twice the time leave the deviation where it was."""
    values = _steady(1, 30)
    values[0, [7, 19]] += np.log(2)

    assert robust_deviations(values) == pytest.approx([0.02], rel=0.4)


def test_clusters_are_noise_too() -> None:
    """Where one run in five is on another machine type, the agreement of the other four does not count as silence."""
    values = np.where(np.arange(50) % 5 == 2, np.log(1.15), 0.0)

    assert robust_deviations(values[None])[0] > 0.05


def test_the_spread_of_neighbours_is_read_from_their_distances() -> None:
    """The median of |x - y| over 0.954, or its 90 % quantile over 2.326; of the newest, the median alone."""
    random = np.random.default_rng(2)
    levels = random.normal(0, 1, (20, 15))
    levels[::2] += 20 * (random.random((10, 15)) < 0.2)
    levels[random.random(levels.shape) < 0.2] = np.nan
    rows = [row[~np.isnan(row)] for row in levels]
    distances = [np.abs(np.diff(row)) for row in rows]
    newest = [np.abs(np.diff(row[-6:])) for row in rows]

    larger = [max(np.median(of) / 0.954, np.quantile(of, 0.9) / 2.326) for of in distances]
    recent, steps = recent_spread(levels, 6)
    assert neighbour_spread(levels) == pytest.approx(larger)
    assert recent == pytest.approx([np.median(of) / 0.954 for of in newest])
    assert steps.tolist() == [len(of) for of in newest]


@pytest.mark.parametrize(("rows", "scatter"), [(10, 0.0), (10, 1.0), (12, 0.3), (40, 0.5), (9, 1.0)])
def test_the_prior_of_a_suite_is_that_of_the_moments_of_its_log_variances(rows: int, scatter: float) -> None:
    """Of variances with a degree of freedom at least; none of fewer than ten, and ten runs' worth at most.

    Smyth (Stat. Appl. Genet. Mol. Biol. 3 (2004) 3): their mean and variance are those of log F.
    """
    random = np.random.default_rng(rows)
    df = np.append(random.integers(1, 9, rows), [0.5, 0.0, 4.0]).astype(float)
    variances = 4e-4 * random.chisquare(np.maximum(df, 1)) / np.maximum(df, 1)
    variances *= np.exp(scatter * random.standard_normal(rows + 3))
    variances[0], variances[-1] = 1e-12, np.nan  # no timer resolves less than 1e-4
    used, half = np.maximum(variances[:rows], 1e-8), df[:rows] / 2
    logs = np.log(used) - special.digamma(half) + np.log(half)
    excess = logs.var(ddof=1) - special.polygamma(1, half).mean()

    for most in (10.0, 2.5):
        d0 = most
        if excess > special.polygamma(1, most / 2):
            d0 = 2 * optimize.brentq(lambda x: special.polygamma(1, x) - excess, 1e-3, 100)
        expected = (d0, np.exp(logs.mean() + special.digamma(d0 / 2) - np.log(d0 / 2))) if rows >= 10 else (0.0, 0.0)
        assert fit(variances, df, most) == pytest.approx(expected)


def test_only_times_vary_with_the_speed_of_the_machine() -> None:
    """Sizes by what one machine's sessions do, or less where times do; exact and signed metrics by nothing."""
    yes, no = np.array([True]), np.array([False])
    kinds = [(no, no, yes), (no, no, no), (yes, no, yes), (no, yes, no)]
    scales = [Scale(linear, np.ones(1), exact, timed, no) for linear, exact, timed in kinds]
    tau = SessionSpread(dedicated=0.02)

    for timed, sizes in ((0.1, 0.02), (0.01, 0.01)):
        assert [per_row(scale, timed, tau)[0] for scale in scales] == [timed, sizes, 0, 0]
