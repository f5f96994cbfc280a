"""The robust standard deviation against its formula: Croux and Rousseeuw's factors, and the outer deciles."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action.analysis.noise import robust_deviations

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
