"""The law of scalability is recovered from measurements that follow it, and from published ones with known fits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regress_action.advice.scalability import LoadLevels, analyse
from regress_action.advice.scalability.analysis import LimitedBy, ScalabilityDoubt
from regress_action.advice.scalability.laws import ParameterEstimate, ScalabilityFit, fit, fit_fixed_limit, throughput
from unit.advice.published_levels import CISCO, RAY_TRACER, SPEC_SDM91, Published

LEVELS = np.unique(np.round(np.geomspace(1, 96, 16)))


def noisy(rate: float, contention: float, coherence: float, *, noise: float, seed: int) -> LoadLevels:
    """Return three measurements at each of sixteen levels."""
    users = np.repeat(LEVELS, 3)
    scatter = 1 + noise * np.random.default_rng(seed).standard_normal(len(users))
    return LoadLevels.of(users, throughput(users, rate, contention, coherence) * scatter)


@pytest.mark.parametrize("published", [CISCO, SPEC_SDM91, RAY_TRACER], ids=lambda published: published.name)
def test_published_fits_are_found(published: Published) -> None:
    """The parameters of published fits are found to the digits that were printed."""
    law = fit(LoadLevels.of(*(np.array(row, np.float64) for row in zip(*published.levels, strict=True))))
    assert law.rate.value == pytest.approx(published.rate, rel=1e-3)
    assert law.contention.value == pytest.approx(published.contention, rel=2e-3)
    assert law.coherence.value == pytest.approx(published.coherence, rel=2e-3)


@pytest.mark.parametrize("seed", range(5))
def test_planted_parameters_are_recovered(seed: int) -> None:
    """With 2 % noise the parameters are within 10 %, and the peak within 5 %."""
    law = fit(noisy(100, 0.05, 0.0008, noise=0.02, seed=seed))
    assert law.rate.value == pytest.approx(100, rel=0.1)
    assert law.contention.value == pytest.approx(0.05, rel=0.1)
    assert law.coherence.value == pytest.approx(0.0008, rel=0.1)
    assert law.peak.value == pytest.approx(math.sqrt(0.95 / 0.0008), rel=0.05)
    assert law.contention.low < law.contention.value < law.contention.high
    assert law.peak.low < law.peak.value < law.peak.high
    assert law.r_squared > 0.98


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Of 30 intervals of 95 %, hardly any miss."""
    held = []
    for seed in range(10):
        law = fit(noisy(100, 0.03, 0.001, noise=0.03, seed=seed))
        held += [
            law.rate.low <= 100 <= law.rate.high,
            law.contention.low <= 0.03 <= law.contention.high,
            law.coherence.low <= 0.001 <= law.coherence.high,
        ]
    assert sum(held) >= 25


@given(st.floats(0.001, 0.3), st.floats(1e-4, 0.01))
def test_the_flat_range_reaches_its_share(contention: float, coherence: float) -> None:
    """At both ends of the flat range the throughput is 95 % of the most, or the range ends where levels do."""
    peak = math.sqrt((1 - contention) / coherence)
    rate, sigma, kappa, best = (ParameterEstimate(value, value, value) for value in (10.0, contention, coherence, peak))
    law = ScalabilityFit(rate, sigma, kappa, best, r_squared=1.0, residual=0.0, sum_of_squares=0.0)
    low, high = law.flat_range(0.95, 64.0)
    most = law.throughput(np.array([min(peak, 64.0)]))[0]
    for end, bound in ((low, 1.0), (high, 64.0)):
        assert end == pytest.approx(bound) or law.throughput(np.array([end]))[0] == pytest.approx(0.95 * most)
    assert 1 <= low <= min(peak, 64.0) <= high


def test_contention_and_coherence_are_named() -> None:
    """What costs more at the best concurrency is named."""
    assert analyse(noisy(100, 0.2, 0.0003, noise=0.01, seed=1)).limited_by is LimitedBy.CONTENTION
    assert analyse(noisy(100, 0.001, 0.003, noise=0.01, seed=1)).limited_by is LimitedBy.COHERENCE


@pytest.mark.parametrize("limit", [3, 8, 20])
def test_a_fixed_limit_is_found(limit: int) -> None:
    """A pool is recognised by its two straight lines, and its size lies in the interval."""
    users = np.repeat(LEVELS, 2)
    scatter = 1 + 0.02 * np.random.default_rng(limit).standard_normal(len(users))
    analysis = analyse(LoadLevels.of(users, 25.0 * np.minimum(users, limit) * scatter))
    assert analysis.limited_by is LimitedBy.FIXED_LIMIT
    assert analysis.optimal is not None
    assert analysis.optimal.value == pytest.approx(limit, rel=0.05)
    assert analysis.optimal.low * 0.98 <= limit <= analysis.optimal.high * 1.02
    assert analysis.flat is not None
    assert analysis.flat[0] == pytest.approx(0.95 * analysis.optimal.value)
    assert analysis.flat[1] == 96.0
    assert analysis.doubts == ()


def test_throughput_in_proportion_has_no_limit() -> None:
    """Where nothing limits the throughput yet, that is said, with higher levels to measure."""
    users = np.array([1.0, 2, 4, 8, 12, 16, 24])
    analysis = analyse(LoadLevels.of(users, 10 * users * (1 + 0.01 * np.array([1, -1, 1, -1, 1, -1, 1]))))
    assert analysis.limited_by is LimitedBy.NOTHING
    assert ScalabilityDoubt.STILL_RISING in analysis.doubts
    assert analysis.suggested == (48, 96)


def test_a_peak_beyond_the_levels_is_not_claimed() -> None:
    """Levels that end long before the peak are not enough."""
    users = np.array([1.0, 2, 3, 4, 6, 8, 12])
    analysis = analyse(LoadLevels.of(users, throughput(users, 10.0, 0.02, 0.0001)))
    assert ScalabilityDoubt.STILL_RISING in analysis.doubts
    assert not analysis.as_dict()["enough_levels"]


def test_three_levels_fit_nothing() -> None:
    """Fewer than four different levels give no model, and levels between and beyond them are proposed."""
    analysis = analyse(LoadLevels.of(np.array([4.0, 1, 4, 8]), np.array([30.0, 10, 31, 50])))
    content = analysis.as_dict()
    assert content["usl"] is None
    assert content["optimal"] is None
    assert content["doubts"] == ["few levels"]
    assert content["suggested_levels"] == [2, 6, 16]


def test_littles_law_and_errors_are_checked() -> None:
    """A latency that does not belong to the users, and failed requests, make the answer doubtful."""
    users = np.array([1.0, 2, 4, 8, 16, 32])
    rate = 20 * np.minimum(users, 8)
    right = LoadLevels.of(users, rate, users / rate)
    assert right.little.tolist() == pytest.approx([1.0] * 6)
    assert analyse(right).doubts == ()
    assert analyse(LoadLevels.of(users, rate, 0.7 * users / rate)).doubts == (ScalabilityDoubt.LITTLE,)
    assert analyse(LoadLevels(users, rate, users / rate, failed=0.05)).doubts == (ScalabilityDoubt.ERRORS,)
    thinking = LoadLevels(users, rate, users / rate - 0.01, think_s=0.01)
    assert thinking.little.tolist() == pytest.approx([1.0] * 6)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(1, 200), st.floats(0.1, 1e6)), min_size=1, max_size=12),
)
def test_any_measurements_have_an_answer(rows: list[tuple[int, float]]) -> None:
    """Whatever was measured, the analysis ends with an object that JSON can hold."""
    import orjson

    users, rate = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    content = analyse(LoadLevels.of(users, rate)).as_dict()
    assert orjson.loads(orjson.dumps(content))["schema"] == 1


def test_a_limit_needs_no_more_than_its_two_lines() -> None:
    """Exact lines give their knee to a thousandth."""
    users = np.array([1.0, 2, 4, 8, 16, 32])
    limit = fit_fixed_limit(LoadLevels.of(users, np.minimum(users, 6)))
    assert limit.knee.value == pytest.approx(6, rel=2e-3)
    assert limit.reached
