"""Row by row what numpy says of the values that are there, and how much neighbours are alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regress_action.analysis import arrays, autocorrelation


def drawn(seed: int, runs: int = 14) -> np.ndarray:
    """Draw rows with gaps, rows without a value, constant rows, and some with a far value."""
    random = np.random.default_rng(seed)
    values = np.cumsum(random.normal(0, 0.01, (90, runs)), axis=1) * random.choice([0, 1], (90, 1), p=[0.1, 0.9])
    values += random.normal(0, 0.01, (90, runs)) * random.choice([0, 1], (90, 1), p=[0.1, 0.9])
    values[::4, 3] += 1
    values[random.random((90, runs)) < random.choice([0, 0.3, 0.8], (90, 1))] = np.nan
    values[:2] = np.nan
    return np.asarray(values)


def present(row: np.ndarray) -> np.ndarray:
    """Return the values that are there."""
    return np.asarray(row[~np.isnan(row)])


def test_moments_medians_and_quantiles_are_those_of_the_values_that_are_there() -> None:
    """NaN of none of them."""
    values = drawn(1)
    count, mean, squares = arrays.moments(values)
    middle, ordered = arrays.medians(values), np.sort(values, axis=1)
    low, high = arrays.quantiles(ordered, 0.1), arrays.quantiles(ordered, 1)
    for row, numbers in enumerate(map(present, values)):
        assert count[row] == len(numbers)
        found = [mean[row], squares[row], middle[row], low[row], high[row]]
        expected = [math.nan, 0, math.nan, math.nan, math.nan]
        if len(numbers):
            deviations = numbers - numbers.mean()
            expected = [numbers.mean(), deviations @ deviations, np.median(numbers), *np.quantile(numbers, [0.1, 1])]
        assert found == pytest.approx(expected, nan_ok=True)
    assert np.isnan(arrays.medians(values[:, :0])).all()
    assert np.isnan(arrays.quantiles(values[:, :0], 0.5)).all()


def test_series_of_different_lengths_are_laid_end_to_end() -> None:
    """Without what is not finite; each value knows its series and its place in it."""
    series = [[1.0, math.nan, 3.0], [], [math.inf, 5.0, 6.0]]

    values, owner, index = arrays.end_to_end(series)

    assert (values.tolist(), owner.tolist(), index.tolist()) == ([1, 3, 5, 6], [0, 0, 2, 2], [0, 2, 1, 2])
    assert [part.tolist() for part in arrays.end_to_end([])] == [[], [], []]
    assert arrays.stacked([[1, math.inf], [-math.inf, 2]], 2) == pytest.approx(
        np.array([[1, math.nan], [math.nan, 2]]), nan_ok=True
    )


def test_the_lag_one_correlation_is_that_of_values_drawn_in_to_three_deviations() -> None:
    """Around their mean, over the sum of squares; NaN for what varies by less than a clock does."""
    values = drawn(2)
    found = autocorrelation.lag_one(values)
    for row, numbers in enumerate(map(present, values)):
        expected = math.nan
        if len(numbers):
            middle = np.median(numbers)
            reach = 3 * 1.4826 * np.median(np.abs(numbers - middle))
            centred = np.clip(numbers, middle - reach, middle + reach)
            centred = centred - centred.mean()
            if centred @ centred > 1e-8:
                expected = (centred[1:] @ centred[:-1]) / (centred @ centred)
        assert found[row] == pytest.approx(expected, nan_ok=True)
    steady = np.array([[-1, 1, -1, 1.0]]) * 0.5e-4
    assert np.isnan(autocorrelation.lag_one(steady))
    assert not np.isnan(autocorrelation.lag_one(steady * 1.01))


def test_serial_correlation_needs_eight_runs_and_is_never_negative() -> None:
    """Kendall's 1/n is added to the estimate; 0.95 is the most."""
    values = drawn(3)
    found = autocorrelation.serial_correlation(values)
    for row, numbers in enumerate(map(present, values)):
        (estimate,) = autocorrelation.lag_one(values[[row]]) + 1 / max(len(numbers), 1)
        expected = min(estimate, 0.95) if len(numbers) >= 8 and estimate > 0 else 0
        assert found[row] == pytest.approx(expected)
    assert autocorrelation.serial_correlation(np.arange(100.0)[None]) == 0.95


def test_a_correlation_is_taken_one_standard_error_high() -> None:
    """Of what is not explained, at least a twentieth; none is negative, and none above 0.95."""
    estimates, runs = (
        np.array([-0.9, -0.3, 0.0, 0.4, 0.9, 0.99, 3.0]),
        np.array([9.0, 16.0, 25.0, 9.0, 400.0, 100.0, 4.0]),
    )

    found = autocorrelation.taken_high(estimates, runs)

    errors = [math.sqrt(max(1 - rho**2, 0.05) / n) for rho, n in zip(estimates, runs, strict=True)]
    assert found == pytest.approx([min(max(rho, 0) + by, 0.95) for rho, by in zip(estimates, errors, strict=True)])


@pytest.mark.parametrize("runs", [1, 2, 7, 40])
@pytest.mark.parametrize("rho", [0.0, 0.3, 0.95])
def test_the_variance_of_a_mean_sums_all_correlations(runs: int, rho: float) -> None:
    """Of every two of its runs, by how far they are apart; of no run it is that of one."""
    places = np.arange(runs)
    expected = (rho ** np.abs(places[:, None] - places)).sum() / runs**2

    assert autocorrelation.variance_of_mean(np.array([rho]), np.array([float(runs)])) == pytest.approx([expected])
    assert autocorrelation.variance_of_mean(np.array([rho]), np.zeros(1)) == pytest.approx([1])
