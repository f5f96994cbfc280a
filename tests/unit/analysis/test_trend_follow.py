"""Trend: a direction is named only when line, significance and size agree."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from regress_action.analysis import autocorrelation, splits, trend
from regress_action.analysis.arrays import Stretches
from regress_action.analysis.shapes import is_line
from regress_action.analysis.trend import Tendency, TrendRule, follow
from regress_action.model.measurements import Direction

Floats = NDArray[np.float64]


def drifting(total: float, seed: int, runs: int = 20, spread: float = 0.008) -> Floats:
    """Draw values that drift by `total` over the window, with a dedicated machine's noise."""
    draw = np.random.default_rng(seed)
    return np.exp(np.linspace(0, math.log(total), runs) + spread * draw.standard_t(4, runs))


def test_a_slope_is_significant_above_correlated_noise_only() -> None:
    """Forty runs that rise by 10 % do; of two hundred random walks, which only wander, hardly one in a hundred does."""
    significant = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        significant += trend.slope_p(np.cumsum(random.normal(0, 0.01, 40))) < 1e-4
        rise = np.linspace(0, 0.1, 40) + random.normal(0, 0.01, 40)
        assert trend.slope_p(rise) < 1e-4
    assert significant <= 6
    assert trend.slope_p(np.ones(40)) == trend.slope_p(rise[:9]) == 1
    assert trend.slope_p(np.arange(10.0) ** 2) < 1


@pytest.mark.parametrize("seed", range(5))
def test_the_significance_of_a_slope_is_that_of_a_regression_with_fewer_runs(seed: int) -> None:
    """Scipy's, with as many independent runs as neighbours that are so much alike are worth."""
    levels = np.cumsum(np.random.default_rng(seed).normal(0.005, 0.01, 30)) % 0.07
    line = stats.linregress(np.arange(30), levels)
    residuals = levels - line.intercept - line.slope * np.arange(30)
    alike = autocorrelation.lag_one(residuals[None]) + 4 / 30
    correlation = autocorrelation.taken_high(alike, np.array([30.0]))[0]
    inflation = (1 + correlation) / (1 - correlation)

    expected = 2 * stats.t(max(30 / inflation - 2, 1)).sf(abs(line.slope) / line.stderr / np.sqrt(inflation))
    assert trend.slope_p(levels) == pytest.approx(expected)


def test_a_steady_drift_is_degrading_and_measured() -> None:
    """Ten per cent over twenty runs is degrading, and the drift says about ten per cent."""
    seen = follow(drifting(1.1, seed=1))
    assert seen.direction is Tendency.DEGRADING
    assert seen.drift == pytest.approx(0.1, abs=0.02)
    assert seen.correlation is not None
    assert seen.correlation > 0.9
    assert seen.p_value is not None
    assert seen.p_value < 1e-5
    assert seen.points == 20


def test_the_direction_of_the_metric_turns_the_sign() -> None:
    """Falling throughput is degrading, falling time improving."""
    falling = 1 / drifting(1.2, seed=2)
    assert follow(falling, direction=Direction.HIGHER).direction is Tendency.DEGRADING
    improving = follow(falling)
    assert improving.direction is Tendency.IMPROVING
    assert improving.drift == pytest.approx(-1 / 6, abs=0.03)
    assert improving.correlation is not None
    assert improving.correlation < 0


def test_one_step_is_a_step_and_not_a_drift() -> None:
    """A sudden 20 % correlates with time as well as a drift does, and is still told apart, with its height."""
    values = drifting(1.0, seed=3)
    values[9:] *= 1.2
    seen = follow(values)
    assert seen.direction is Tendency.STEP
    assert seen.drift == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("total", "expected", "at_least"),
    [(1.0, Tendency.STABLE, 499), (1.1, Tendency.DEGRADING, 450), (1 / 1.1, Tendency.IMPROVING, 450)],
)
def test_the_rates_hold(total: float, expected: Tendency, at_least: int) -> None:
    """Of 500 histories, at most one stable one is called anything else and 90 % of the 10 % drifts are named."""
    seen = Counter(follow(drifting(total, seed)).direction for seed in range(500))
    assert seen[expected] >= at_least


def test_steps_are_called_steps() -> None:
    """Of 200 single steps of 20 % in the middle of the window, at most two are called a drift."""
    seen: Counter[Tendency] = Counter()
    for seed in range(200):
        values = drifting(1.0, seed)
        values[5 + seed % 11 :] *= 1.2
        seen[follow(values).direction] += 1
    assert seen[Tendency.STEP] >= 180
    assert seen[Tendency.DEGRADING] <= 2


def test_a_correlation_alone_is_stable() -> None:
    """A perfectly monotone drift of one per cent is no trend: it is too small to matter."""
    seen = follow(np.linspace(1.0, 1.01, 20))
    assert seen.direction is Tendency.STABLE
    assert seen.correlation == pytest.approx(1)


def test_only_the_last_runs_count() -> None:
    """What happened before the window is history; the window's length is a setting."""
    values = np.concatenate([drifting(2.0, seed=4, runs=50), np.full(20, 2.0)])
    assert follow(values).direction is Tendency.STABLE
    assert follow(values[:50], rule=TrendRule(last=40)).points == 40


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 9, [np.nan] * 30, [1.0] * 9 + [np.inf] * 9])
def test_fewer_than_ten_runs_are_unknown(values: list[float]) -> None:
    """Nine values or none: nothing is said, rather than that all is well."""
    seen = follow(values)
    assert seen.direction is Tendency.UNKNOWN
    assert (seen.correlation, seen.p_value, seen.drift) == (None, None, None)


@pytest.mark.parametrize("value", [4.0, 0.0, -3.0])
def test_constants_are_stable(value: float) -> None:
    """A constant correlates with nothing and raises no warning."""
    assert follow([value] * 15) == trend.Trend(Tendency.STABLE, 0.0, 1.0, 0.0, 15)


def test_signed_metrics_drift_by_a_share_of_their_magnitude() -> None:
    """Values below zero have no logarithm; they still have a trend."""
    seen = follow(np.linspace(-10.0, -5.0, 20))
    assert seen.direction is Tendency.DEGRADING
    assert seen.drift == pytest.approx(5 / 7.5)


def test_times_place_the_runs() -> None:
    """Order and spacing come from the times; runs that all have one time count in their order."""
    values = drifting(1.2, seed=5)
    shuffled = np.random.default_rng(6).permutation(20)
    assert follow(values[shuffled], shuffled) == follow(values, np.arange(20))
    assert follow(values, np.zeros(20)) == follow(values)


def test_one_disturbed_run_decides_nothing() -> None:
    """A single run at three times the value, anywhere, neither makes nor hides a drift."""
    stable, rising = drifting(1.0, seed=7), drifting(1.15, seed=8)
    for place in range(20):
        for values, expected in ((stable.copy(), Tendency.STABLE), (rising.copy(), Tendency.DEGRADING)):
            values[place] *= 3
            assert follow(values).direction is expected


@given(st.integers(0, 10_000), st.floats(1e-6, 1e6))
@settings(max_examples=50, deadline=None)
def test_the_unit_does_not_matter(seed: int, factor: float) -> None:
    """The same values in another unit have the same trend."""
    values = drifting(1.1, seed)
    seen, scaled = follow(values), follow(values * factor)
    assert scaled.direction is seen.direction
    assert scaled.drift == pytest.approx(seen.drift)


@given(st.integers(0, 10_000), st.floats(0.8, 1.25))
@settings(max_examples=50, deadline=None)
def test_a_reversed_history_goes_the_other_way(seed: int, total: float) -> None:
    """Backwards, degrading is improving, and correlation changes its sign."""
    values = drifting(total, seed)
    forward, backward = follow(values), follow(values[::-1])
    mirrored = {Tendency.DEGRADING: Tendency.IMPROVING, Tendency.IMPROVING: Tendency.DEGRADING}
    assert backward.direction is mirrored.get(forward.direction, forward.direction)
    assert backward.correlation == pytest.approx(-(forward.correlation or 0))


@given(st.lists(st.integers(-5, 5), min_size=3, max_size=40), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_spearman_is_scipys(first: list[int], seed: int) -> None:
    """Correlation and p-value, ties included, are those of scipy.stats."""
    from scipy import stats

    x = np.array(first, float)
    y = np.random.default_rng(seed).integers(0, 8, len(x)).astype(float)
    assert trend.ranks(x) == pytest.approx(stats.rankdata(x))
    correlation = trend.correlation(x, y)
    (p,) = trend.significance(np.array([correlation]), np.array([len(x)]))
    if x.std() and y.std():
        expected = stats.spearmanr(x, y)
        assert correlation == pytest.approx(expected.statistic)
        assert p == pytest.approx(expected.pvalue, abs=1e-12)
    else:
        assert (correlation, p) == (0.0, 1.0)


@given(st.integers(0, 1000), st.integers(5, 40))
@settings(max_examples=50, deadline=None)
def test_the_slope_is_scipys_theil_sen(seed: int, runs: int) -> None:
    """The drift per unit of time is the Theil-Sen slope of scipy.stats."""
    from scipy import stats

    draw = np.random.default_rng(seed)
    times, values = np.sort(draw.integers(0, 30, runs)).astype(float), draw.normal(0, 1, runs)
    if times[0] < times[-1]:
        assert trend._theil_sen(times, values) == pytest.approx(stats.theilslopes(values, times).slope)


def test_a_step_needs_no_correlation_but_one_in_a_thousand_and_its_height() -> None:
    """Where time explains nothing, the split alone must be beyond doubt, and five per cent high."""
    seen = Counter[tuple[bool, bool, Tendency]]()
    for seed in range(400):
        values = drifting(1.0, seed, spread=0.03)
        values[-5:] *= 1.08
        followed = follow(values, rule=TrendRule(p=0.0))
        assert followed.drift is not None
        seen[bool(trend._differ([np.log(values)])[0] < 0.001), abs(followed.drift) >= 0.05, followed.direction] += 1
    assert {key[:2] for key in seen if key[2] is Tendency.STEP} == {(True, True)}
    assert (True, True, Tendency.STABLE) not in seen
    assert min(seen[True, True, Tendency.STEP], seen[False, False, Tendency.STABLE]) > 20


def test_ten_runs_are_enough_to_follow() -> None:
    """A line through ten is a trend, and the last twenty are what is looked at."""
    assert follow(np.geomspace(1, 1.3, 10)).direction is Tendency.DEGRADING
    assert follow(np.ones(30)).points == 20


@pytest.mark.parametrize("seed", range(20))
def test_the_best_step_is_that_of_least_absolute_deviations(seed: int) -> None:
    """Two medians, at whichever place leaves least, three runs from either end at least; the first of equals."""
    random = np.random.default_rng(seed)
    values = np.round(random.normal(0, 1, 14) + 3 * (np.arange(14) >= random.integers(14)), 1)
    parts = [(values[:place], values[place:]) for place in range(3, 12)]
    misfits = [sum(np.abs(part - np.median(part)).sum() for part in both) for both in parts]
    before, after = parts[int(np.argmin(np.round(misfits, 9)))]

    step = trend._best_step(values)

    assert step.misfit == pytest.approx(min(misfits))
    assert step.height == pytest.approx(np.median(after) - np.median(before))


def test_a_correlation_that_is_only_as_large_as_asked_names_nothing() -> None:
    """It must be larger, like the significance."""
    rising = np.geomspace(1, 1.3, 20)

    assert follow(rising, rule=TrendRule(correlation=0.999)).direction is Tendency.DEGRADING
    assert follow(rising, rule=TrendRule(correlation=1.0)).direction is not Tendency.DEGRADING


def test_a_slow_drift_is_seen_in_the_longest_of_the_newest_runs_that_show_one() -> None:
    """All since the last change of level, up to a hundred, or the newest 70, 50 or 40: significant, large, a line."""
    random, found = np.random.default_rng(14), Counter[int]()
    for _ in range(150):
        runs, since = int(random.choice([39, 45, 60, 90, 130])), int(random.choice([0, 0, 5]))
        ramp = np.maximum(np.arange(runs) - runs + random.choice([40, 50, 70, 200]), 0)
        logs = random.choice([-1, 1]) * random.choice([0.05, 0.08, 0.2]) * ramp / ramp.max()
        logs += random.normal(0, random.choice([0.01, 0.02]), runs)
        level = logs[since:][-100:]
        seen = follow(np.exp(logs), since=since)
        if seen.direction not in (Tendency.STABLE, Tendency.STEP) and seen.points == 20:
            continue  # the last runs show it already
        expected = None
        for length in [len(level), *(size for size in (70, 50, 40) if size < len(level))]:
            window = level[-length:]
            rise = stats.linregress(np.arange(length), window).slope * (length - 1)
            if length >= 40 and abs(rise) >= np.log(1.05) and trend.slope_p(window) < 0.001 and is_line(window):
                expected = length
                break

        found[expected or 0] += 1
        if expected is None:
            assert seen.points == 20
        else:
            slope = stats.theilslopes(level[-expected:]).slope
            assert (seen.points, seen.direction is Tendency.DEGRADING) == (expected, slope > 0)
            assert seen.drift == pytest.approx(np.expm1(slope * (expected - 1)))
            assert seen.correlation == pytest.approx(stats.spearmanr(np.arange(expected), level[-expected:]).statistic)
    assert found[0] > 20
    assert sum(found.values()) - found[0] > 20


@pytest.mark.parametrize("seed", range(12))
def test_the_slope_of_correlated_runs_is_tested_with_fewer_degrees_of_freedom(seed: int) -> None:
    """As many as of independent runs that say as much; the standard error of scipy's line grows likewise."""
    random = np.random.default_rng(seed)
    runs = int(random.choice([10, 11, 40, 90]))
    levels = random.normal(0, 0.01, runs) + np.cumsum(random.normal(0, random.choice([0, 0.005]), runs))
    line = stats.linregress(np.arange(runs), levels)
    estimated = autocorrelation.lag_one((levels - line.intercept - line.slope * np.arange(runs))[None])[0] + 4 / runs
    correlation = autocorrelation.taken_high(np.array([estimated]), np.array([float(runs)]))[0]
    inflation = (1 + correlation) / (1 - correlation)
    t = abs(line.slope) / (line.stderr * np.sqrt(inflation))

    assert trend.slope_p(levels) == pytest.approx(2 * stats.t.sf(t, max(runs / inflation - 2, 1)))
    assert trend.slope_p(levels[:9]) == trend.slope_p(np.full(runs, 0.1)) == 1


def test_a_straight_line_is_as_certain_as_its_fewer_degrees_of_freedom_allow() -> None:
    """Nothing is left of which neighbours could be alike; what is wholly explained has no error, and raises nothing."""
    runs = 40
    correlation = float(autocorrelation.taken_high(np.array([4 / runs]), np.array([float(runs)]))[0])
    freedom = runs * (1 - correlation) / (1 + correlation) - 2

    assert trend.slope_p(np.linspace(0, 1, runs)) < stats.t.sf(1e5, freedom)


def test_a_window_holds_the_last_finite_runs_in_order_of_time() -> None:
    """Logarithms, or shares of the median magnitude where one is not positive; negative where more is better."""
    random = np.random.default_rng(4)
    for _ in range(200):
        runs = int(random.integers(0, 30))
        values = np.exp(random.normal(0, 1, runs)) - random.choice([0, 0, 1])
        values[random.random(runs) < 0.2] = random.choice([np.nan, np.inf, 0.0])
        times = random.choice([np.full(runs, 3.0), random.integers(0, 9, runs), np.arange(runs)[::-1]]) * 1.0
        times[random.random(runs) < 0.1] = np.nan
        when = None if random.random() < 0.3 else times
        direction = random.choice([Direction.LOWER, Direction.HIGHER])
        order = range(runs) if when is None else when.tolist()
        numbered = [(at, n, value) for n, (at, value) in enumerate(zip(order, values, strict=True))]
        usable = [run for run in numbered if np.isfinite(run).all()]
        last = sorted(usable)[-12:]
        same_time = len({at for at, _, _ in last}) == 1
        sign = -1 if direction is Direction.HIGHER else 1
        chosen = np.array([value for _, _, value in last])
        positive = all(chosen > 0)
        levels = np.log(chosen) if positive else chosen / (np.median(np.abs(chosen)) or 1)

        window = trend._Window.of(values, when, direction, 12)

        assert window.times.tolist() == [n if same_time else at for at, n, _ in last]
        assert window.levels == pytest.approx(sign * levels)
        assert window.logarithmic == positive
        assert window.share_of(0.2) == pytest.approx(np.exp(0.2) - 1 if positive else 0.2)
        assert window.level_of(0.2) == pytest.approx(np.log(1.2) if positive else 0.2)


def test_a_tendency_is_named_by_what_fits_best_and_is_large_enough() -> None:
    """A step unless runs correlate with time and a line fits within 5 % of it; nothing below the smallest drift."""
    random = np.random.default_rng(5)
    seen: Counter[Tendency] = Counter()
    rule = TrendRule(drift=0.05)
    for _ in range(800):
        times = np.sort(random.integers(0, 60, 14)) + np.arange(14.0) + 7
        share = (times - times[0]) / (times[-1] - times[0])
        drift = float(random.choice([-0.2, -0.02, 0.049, 0.05, 0.2]))
        levels = random.normal(0, random.choice([0.003, 0.02]), 14) + drift * share
        levels += random.choice([0, 0, 0.1, -0.1]) * (np.arange(14) >= random.integers(3, 12))
        monotone, stepped, logarithmic = (bool(flag) for flag in random.integers(0, 2, 3))
        step, smallest = trend._best_step(levels), np.log(1.05) if logarithmic else 0.05
        beside_line = levels - drift * share
        line_fits = np.abs(beside_line - np.median(beside_line)).sum() < 1.05 * step.misfit

        expected = Tendency.STABLE, drift
        if monotone and line_fits:
            if abs(drift) >= smallest:
                expected = Tendency.DEGRADING if drift > 0 else Tendency.IMPROVING, drift
        elif monotone or stepped:
            expected = Tendency.STEP if abs(step.height) >= smallest else Tendency.STABLE, step.height
        window = trend._Window(times, levels, logarithmic)
        assert trend._named(window, drift, rule, monotone=monotone, stepped=stepped) == expected
        seen[expected[0]] += 1
    assert min(seen.values()) > 20


def test_windows_are_split_each_by_itself() -> None:
    """Those of six runs or more, by their last 255."""
    random = np.random.default_rng(6)
    windows = [random.normal(0, 1, size) + (np.arange(size) > size // 2) for size in (5, 300, 6, 40, 255, 0, 12)]

    found = trend._differ(windows)

    for window, p in zip(windows, found, strict=True):
        last = window[-255:]
        start = np.array([0])
        row = Stretches(start, start + len(last), start, np.arange(3, len(last) - 2), 3)
        assert p == (splits.best_splits(last, row)[1][0] if len(last) >= 6 else 1)
    assert trend._differ(windows[:1]).tolist() == [1]
