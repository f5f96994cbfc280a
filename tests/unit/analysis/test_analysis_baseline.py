"""A stored baseline: cut after its last step, doubted when it is wild, and moderated by its suite."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from regress_action import analysis
from regress_action.analysis import noise as noise_models
from regress_action.analysis import stability
from regress_action.model.comparisons import ReasonCode, Verdict
from regress_action.model.measurements import Environment, Metric
from unit.analysis.compared_sides import EXACT, OWN, SIGNED, only_row, reason_of, runs, session, stored

examples = settings(max_examples=25, deadline=None)


def noise(count: int, seed: int = 0, spread: float = 0.01) -> list[float]:
    """Draw log-normal values around one."""
    return [float(value) for value in np.exp(np.random.default_rng(seed).normal(0, spread, count))]


def test_only_the_runs_since_the_last_step_count() -> None:
    """Twice up: the level before last is no part of the baseline."""
    values = [*noise(8), *(2 * v for v in noise(7, 1)), *(3 * v for v in noise(6, 2))]

    row = stored(values, [3.0])

    assert (row.baseline.runs, row.verdict) == (6, Verdict.UNCHANGED)
    assert row.baseline.median == pytest.approx(3, rel=0.02)


def test_a_new_level_of_fewer_than_five_runs_is_an_unstable_baseline() -> None:
    """It says since when, and how many are needed."""
    row = stored([*noise(8), *(2 * v for v in noise(4, 1))], [2.0])

    assert row.verdict is Verdict.UNSTABLE_BASELINE
    assert (reason_of(row).code, reason_of(row).count) == (ReasonCode.LEVEL_CHANGED, 4)


def test_a_single_outlier_is_no_step() -> None:
    """Neither at the end nor in between."""
    for place in (3, 11):
        values = noise(12)
        values[place] *= 1.5
        assert stored(values, [1.0]).baseline.runs == 12


def test_a_step_smaller_than_what_is_called_a_change_is_left_in() -> None:
    """4 % between two steady stretches belongs to the noise of the baseline."""
    values = [*noise(10, spread=0.001), *(1.04 * v for v in noise(10, 1, spread=0.001))]

    assert stored(values, [1.02]).baseline.runs == 20


def test_steady_baselines_are_hardly_ever_cut() -> None:
    """At most one in a thousand: here none of two thousand, of any length."""
    random = np.random.default_rng(9)
    for length in (6, 12, 50):
        assert stability.settle(random.normal(0, 0.05, (700, length))).cut.mean() <= 0.003


def test_a_baseline_that_spreads_too_far_says_nothing() -> None:
    """And never fails a gate, however bad the head looks."""
    wild = [1.0, 1.4, 0.7, 1.3, 0.8, 1.2, 0.9, 1.1]

    row = stored(wild, [9.0])

    assert row.verdict is Verdict.UNSTABLE_BASELINE
    assert reason_of(row).code is ReasonCode.UNSTABLE_BASELINE


def test_the_spread_of_a_baseline_is_a_standard_deviation() -> None:
    """Of normal noise, robustly."""
    random = np.random.default_rng(2)

    spread = stability.settle(random.normal(0, 0.05, (200, 100))).spread

    assert spread.mean() == pytest.approx(0.05, rel=0.05)


def test_how_far_a_baseline_may_spread_is_a_setting() -> None:
    """Who knows the benchmark can allow more."""
    wild = [1.0, 1.4, 0.7, 1.3, 0.8, 1.2, 0.9, 1.1]

    assert stored(wild, [9.0], analysis.Policy(maximum_spread=0.5)).verdict is Verdict.REGRESSION


@pytest.mark.parametrize("metric", [EXACT, SIGNED])
def test_only_noise_makes_a_baseline_unstable(metric: Metric) -> None:
    """Exact counts that differ and values around zero have no relative spread to doubt."""
    wild = [1.0, 1.4, 0.7, 1.3, 0.8, 1.2, 0.9, 1.1]

    assert stored(wild, [1.0], metric=metric).verdict is not Verdict.UNSTABLE_BASELINE


def test_the_order_of_reports_is_that_of_their_times() -> None:
    """Reports arrive in any order; a step is one in time."""
    made = [
        session({"b": [value]}, name=str(n), created=f"2026-01-{n + 1:02d}")
        for n, value in enumerate([*noise(6), *(2 * v for v in noise(6, 1))])
    ]

    row = only_row(analysis.compare(made[::-1], runs({"b": [2.0]})))

    assert (row.baseline.runs, row.verdict) == (6, Verdict.UNCHANGED)


@examples
@given(st.floats(-9, 18).map(np.exp))
def test_the_inverse_of_trigamma_is_one(x: float) -> None:
    """There and back, over twelve orders of magnitude."""
    assert noise_models._inverse_trigamma(float(special.polygamma(1, x))) == pytest.approx(x, rel=2e-9)


def test_the_prior_recovers_what_the_variances_were_drawn_from() -> None:
    """Scaled inverse chi-square with six degrees of freedom around 0.0004: the moment fit finds both."""
    random = np.random.default_rng(3)
    true = 6 * 0.0004 / random.chisquare(6, 4000)
    seen = true * random.chisquare(5, 4000) / 5

    d0, s0 = noise_models.fit(seen, np.full(4000, 5.0))

    assert d0 == pytest.approx(6, rel=0.2)
    assert s0 == pytest.approx(0.0004, rel=0.1)


def test_equal_variances_are_trusted_no_further_than_ten_runs() -> None:
    """The fit would say infinitely, which one odd benchmark would pay for."""
    random = np.random.default_rng(3)

    d0, s0 = noise_models.fit(0.0004 * random.chisquare(5, 500) / 5, np.full(500, 5.0))

    assert d0 == 10.0
    assert s0 == pytest.approx(0.0004, rel=0.1)


def test_a_handful_of_benchmarks_teaches_nothing() -> None:
    """Below ten there is no prior."""
    assert noise_models.fit(np.full(9, 0.01), np.full(9, 4.0)) == (0.0, 0.0)


def test_noise_between_neighbours_sees_neither_steps_nor_drift() -> None:
    """A step is one large difference among many, a drift many small ones."""
    random = np.random.default_rng(1)
    drawn = np.exp(random.normal(0, 0.02, 60) + np.linspace(0, 0.5, 60) + np.repeat([0, 1], 30))

    learned = analysis.noise_between(runs({"b": drawn.tolist(), "enough": [1.0] * 12, "short": [1.0] * 11}))

    assert set(learned) == {("b", "time"), ("enough", "time")}
    assert learned["b", "time"].spread == pytest.approx(0.02, rel=0.3)
    assert learned["b", "time"].runs == 60


def test_noise_in_clusters_is_not_taken_for_silence() -> None:
    """Four of five runs agree to half a per cent and the fifth is 6 % off: the median alone sees nothing of it."""
    random = np.random.default_rng(5)
    clustered = np.exp(random.choice([0.0, 0.06], 60, p=[0.8, 0.2]) + random.normal(0, 0.005, 60))

    assert analysis.noise_between(runs({"b": clustered.tolist()}))["b", "time"].spread > 0.02


def test_one_real_change_in_a_dozen_runs_is_no_noise() -> None:
    """The outer decile of eleven differences lies below the largest."""
    random = np.random.default_rng(2)
    stepped = np.exp(random.normal(0, 0.01, 12) + np.repeat([0.0, 0.7], 6))

    assert analysis.noise_between(runs({"b": stepped.tolist()}))["b", "time"].spread < 0.03


@pytest.mark.parametrize(
    ("environment", "tau"),
    [
        (OWN, 0.015),
        (Environment(runner="local", cpu="x"), 0.015),
        (Environment(runner="github-hosted ubuntu24", cpu="x"), 0.03),
        (Environment(runner="unknown", cpu="x"), 0.03),
        (Environment(runner="self-hosted"), 0.10),
        (Environment(), 0.10),
    ],
)
def test_how_far_two_sessions_may_lie_apart(environment: Environment, tau: float) -> None:
    """Little on one's own machine, more on one of many, most where the CPU is unknown."""
    assert noise_models.between_sessions(environment, analysis.SessionSpread()) == tau


def last_cut(values: np.ndarray) -> int:
    """Return where the surest step of a row begins, by scipy's t test at every place that leaves three runs; else 0."""
    places = [
        (stats.ttest_ind(values[:at], values[at:]).pvalue, at)
        for at in range(3, len(values) - 2)
        if abs(values[at:].mean() - values[:at].mean()) >= np.log1p(0.05)
    ]
    p, at = min(places, default=(1.0, 0))
    return at if p * (len(values) - 5) < 0.001 else 0


def test_a_baseline_is_cut_where_the_t_test_is_surest_and_sure_enough() -> None:
    """One chance in a thousand over all places together, and five per cent of height, as scipy computes it."""
    draw = np.random.default_rng(12)
    rows = draw.normal(0, 0.02, (400, 13)) + np.where(
        np.arange(13) < draw.integers(3, 11, (400, 1)), 0, draw.uniform(0, 0.12, (400, 1))
    )
    rows[7] = 0.0
    stepped = np.array([last_cut(row) for row in rows])
    assert 100 < np.count_nonzero(stepped) < 300

    once = stability._last_step(rows)

    assert once.tolist() == stepped.tolist()


def test_gaps_in_a_baseline_do_not_count_as_runs() -> None:
    """A commit that was not measured neither makes a step nor hides one."""
    draw = np.random.default_rng(5)
    row = draw.normal(0, 0.005, 16) + np.repeat([0.0, 0.2], 8)
    gaps = np.full((1, 20), np.nan)
    gaps[0, [n for n in range(20) if n not in (2, 9, 10, 17)]] = row

    settled = stability.settle(gaps)

    assert settled.cut.tolist() == [True]
    assert settled.values[0][~np.isnan(settled.values[0])] == pytest.approx(row[8:])


def test_the_spread_of_a_baseline_is_that_of_its_last_level() -> None:
    """1.4826 times the median deviation from the median, of the runs that are left."""
    settled = stability.settle(np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.01, 0.98, 1.0, 1.03]]))

    assert settled.spread == pytest.approx([1.4826 * 0.01])


def test_three_runs_on_either_side_are_the_least_of_a_step() -> None:
    """Five runs cannot hold one, and two new runs are not believed yet."""
    steady = [0.0, 0.001, -0.001]
    assert not stability.settle(np.array([[*steady, 1.0, 1.001]])).cut.any()
    assert stability.settle(np.array([[*steady, 1.0, 1.001, 0.999]])).cut.all()


@pytest.mark.parametrize("variance", [0.0004, 0.0])
def test_a_suite_of_ten_is_the_smallest_that_teaches(variance: float) -> None:
    """Its typical variance is theirs where all agree, and never below what a timer resolves."""
    d0, s0 = noise_models.fit(np.array([*[variance] * 10, np.nan]), np.array([*[8.0] * 10, 4.0]))

    assert d0 == 10
    assert s0 == pytest.approx(max(variance, 1e-8) * np.exp(bias(10) - bias(8)))
    assert noise_models.fit(np.full(10, 0.01), np.array([0.0, *[4.0] * 9])) == (0.0, 0.0)


def bias(df: float) -> float:
    """Return by how much the log of a mean square of `df` degrees of freedom falls short, on average."""
    return float(special.digamma(df / 2) - np.log(df / 2))


def test_how_much_a_suite_varies_is_how_little_it_is_trusted() -> None:
    """Smyth's equations: trigamma(d0/2) is what the log variances spread beyond their own sampling."""
    draw = np.random.default_rng(8)
    df = np.array([3.0, 4.0, 5.0, 6.0, 8.0, 2.0] * 5)
    seen = 0.001 * np.exp(1.2 * draw.standard_normal(30)) * draw.chisquare(df) / df

    d0, s0 = noise_models.fit(seen, df)

    logs = np.log(seen) - special.digamma(df / 2) + np.log(df / 2)
    assert special.polygamma(1, d0 / 2) == pytest.approx(logs.var(ddof=1) - special.polygamma(1, df / 2).mean())
    assert np.log(s0) == pytest.approx(logs.mean() + bias(d0))
