"""Each design's estimate, one row at a time in plain formulas, on rows with gaps, outliers and slopes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from regress_action.analysis import designs
from regress_action.analysis.autocorrelation import serial_correlation, variance_of_mean

OUTLIER = {5: 43, 6: 18, 7: 19, 8: 12.5, 9: 13}  # robust deviations that one in 500 samples of normal noise exceeds
ROWS = 240


def drawn(seed: int, runs: int) -> np.ndarray:
    """Draw rows of which some are short, have gaps, rise, wander, or hold one or two far values."""
    random = np.random.default_rng(seed)
    values = random.normal(0, 0.01, (ROWS, runs))
    values += random.choice([0, 0, 0.002, -0.002], (ROWS, 1)) * np.arange(runs)
    values += random.choice([0, 0, 0.02], (ROWS, 1)) * np.cumsum(random.standard_normal((ROWS, runs)), axis=1)
    for row, size in enumerate(random.choice([0, 0.05, 0.2, 0.5, 2], ROWS)):
        values[row, random.integers(0, runs, random.choice([1, 1, 2]))] += random.choice([-1, 1]) * size
    values[random.random((ROWS, runs)) < random.choice([0, 0.1, 0.6, 0.9], (ROWS, 1))] = np.nan
    values[:3] = np.nan
    values[3] = np.where(np.arange(runs) == 4, 0.1, 0.0)  # nothing else varies
    return values


def present(row: np.ndarray) -> np.ndarray:
    """Return the values that are there."""
    return np.asarray(row[~np.isnan(row)])


def trimmed(row: np.ndarray, planned: int = 0, *, few: bool = True) -> tuple[float, float, float, float]:
    """Return count, trimmed mean, variance of one value and degrees of freedom (Yuen), the mean where nothing goes."""
    values = np.sort(present(row))
    runs = len(values)
    cut = max(runs // 10, min(planned // 10, max(runs - 1, 0) // 4))
    if few and cut == 0 and runs in OUTLIER:
        away = np.abs(values - np.median(values))
        cut = int(0 < OUTLIER[runs] * 1.4826 * np.median(away) < away.max())
    if not runs:
        return 0, math.nan, 0, -1
    kept = values[cut : runs - cut]
    drawn_in = np.clip(values, kept[0], kept[-1])
    if cut:
        squares = ((drawn_in - drawn_in.mean()) ** 2).sum()
        return runs, kept.mean(), squares * runs / (len(kept) * (len(kept) - 1)), len(kept) - 1
    return runs, values.mean(), values.var(ddof=1) if runs > 1 else math.nan, runs - 1


def present_level(row: np.ndarray) -> tuple[float, float]:
    """Return the winsorised mean whose weights halve every five runs, and its share of one run's variance."""
    values = present(row)
    if not len(values):
        return 0.0, math.nan
    weights = 0.5 ** (np.arange(len(values))[::-1] / 5)
    weights /= weights.sum()
    ordered, cut = np.sort(values), len(values) // 10
    return weights @ np.clip(values, ordered[cut], ordered[len(values) - 1 - cut]), (weights**2).sum()


def several(base: np.ndarray, head: np.ndarray, moderated: float) -> tuple[float, float, float]:
    """Return the mean of the baseline, SE² and df: pooled and widened by correlation, or Welch's in a noisier head."""
    n, m = len(base), len(head)
    (correlation,) = serial_correlation(base[None])
    wide_n, wide_m = (float(variance_of_mean(correlation, np.array(float(runs)))) for runs in (n, m))
    pooled = max((base.var() * n + head.var() * m) / (n + m - 2), moderated)
    se2, df = pooled * (wide_n + wide_m), max((n + m - 2) * (1 - correlation) / (1 + correlation), 2)
    parts = base.var(ddof=1) * wide_n, head.var(ddof=1) * wide_m
    noisier = head.var(ddof=1) > base.var(ddof=1) * stats.f(m - 1, n - 1).isf(0.05)
    if noisier and sum(parts) > se2 * (1 - 1e-12):
        return base.mean(), sum(parts), sum(parts) ** 2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
    return base.mean(), se2, df


def prior_of(seed: int) -> designs.Prior:
    """Draw what is known of each row: nothing, something, or all there is."""
    random = np.random.default_rng(seed)
    df = random.choice([0.0, 0.5, 4.0, 20.0], ROWS)
    return designs.Prior(df, random.choice([1e-5, 1e-4, 1e-2], ROWS), (df == 20) & (random.random(ROWS) < 0.7))


@pytest.mark.parametrize("runs", [4, 9, 13, 31])
@pytest.mark.parametrize("planned", [0, 20, 40])
@pytest.mark.parametrize("few", [True, False])
def test_trimming_is_yuens_and_of_a_few_takes_an_outlier_alone(runs: int, planned: int, *, few: bool) -> None:
    """The tenth part at either end, or what will be left out in the end; of five to nine what is too far away."""
    values = drawn(runs, runs)

    found = np.stack(designs.trimmed(values, planned, few=few), axis=1)

    assert found == pytest.approx(np.array([trimmed(row, planned, few=few) for row in values]), nan_ok=True)


@pytest.mark.parametrize("planned", [1, 2, 3, 9, 10, 25])
def test_the_plan_says_what_degrees_of_freedom_its_end_has(planned: int) -> None:
    """Those of the trimmed mean of so many values, at least one."""
    (expected,) = designs.trimmed(np.random.default_rng(1).standard_normal((1, planned)), planned)[3]

    assert designs.df_after(planned) == max(expected, 1)


@pytest.mark.parametrize("runs", [7, 12, 24])
def test_pairs_are_compared_by_their_trimmed_mean_and_what_is_known_of_their_noise(runs: int) -> None:
    """Both variances count by their degrees of freedom, and what no pair removes is added."""
    values, prior = drawn(runs, runs), prior_of(runs)
    irreducible = np.random.default_rng(2).choice([0, 0.005], ROWS)

    found = designs.paired(values, irreducible, 5, prior)

    for row in range(ROWS):
        n, d, variance, df = trimmed(values[row])
        if prior.df[row] and df > 0:
            df_prior = prior.df[row]
            variance = (df_prior * prior.variance[row] + df * variance) / (df_prior + df)
            df += df_prior
        se = math.sqrt(variance / n + irreducible[row] ** 2) if n > 1 else math.nan
        design = designs.PAIRED if n > 1 else designs.NONE
        expected = [d if n > 1 else math.nan, se, df, n, n, math.sqrt(variance), irreducible[row], n < 5, design]
        assert [getattr(found, name)[row] for name in found.__slots__] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("runs_b", "runs_c"), [(3, 1), (8, 1), (30, 1), (9, 3), (30, 8), (14, 14)])
def test_a_history_predicts_one_run_or_compares_the_means_of_several(runs_b: int, runs_c: int) -> None:
    """What was learned of a row replaces the noise of its baseline, and holds the head to where that ends."""
    base, head, prior = drawn(runs_b, runs_b), drawn(100 + runs_c, runs_c + 5)[:, 5:], prior_of(runs_b)
    head *= np.random.default_rng(4).choice([1, 4], (ROWS, 1))

    found = designs.history(base, head, prior, 5)

    compared = []
    for row in range(ROWS):
        stored, new = present(base[row]), present(head[row])
        n, m = len(stored), len(new)
        _, level, variance, df_own = trimmed(base[row], few=False)
        df = prior.df[row] + df_own + m - 1
        share = 1 / n if n else math.nan
        squares = df_own * variance if df_own > 0 else 0.0
        pooled = prior.df[row] * prior.variance[row] + squares + (((new - new.mean()) ** 2).sum() if m else 0)
        pooled = pooled / df if df > 0 else math.nan
        if prior.learned[row]:
            pooled, df = prior.variance[row], prior.df[row]
            level, share = present_level(base[row])
        usable = n > 0 and m > 0 and df > 0
        assert found.design[row] == (designs.HISTORY if usable else designs.NONE)
        assert (found.base_runs[row], found.head_runs[row], found.weak[row]) == (n, m, n < 5)
        assert found.irreducible[row] == 0
        if not usable:
            assert np.isnan([found.d[row], found.se[row], found.spread[row]]).all()
            continue
        se2 = pooled * (share + 1 / m)
        spread = math.sqrt(pooled)
        if n >= 5 and m > 1 and not prior.learned[row]:
            level, se2, df = several(stored, new, pooled)
        expected = [new.mean() - level, math.sqrt(se2), df, spread]
        assert [found.d[row], found.se[row], found.df[row], found.spread[row]] == pytest.approx(expected)
        compared.append(row)
    assert len(compared) > 100


def test_a_history_needs_a_value_on_either_side_and_a_degree_of_freedom() -> None:
    """One run each says nothing without a prior; the fewest runs of a baseline are a setting."""
    one, none, prior = np.array([[0.1]]), np.array([[math.nan]]), designs.no_prior(1)
    known = designs.Prior(np.ones(1), np.ones(1), np.array([False]))

    assert designs.history(one, one, prior, 5).design.tolist() == [designs.NONE]
    assert designs.history(one, one, known, 5).design.tolist() == [designs.HISTORY]
    assert designs.history(one, none, known, 5).design.tolist() == [designs.NONE]
    assert designs.history(none, one, known, 5).design.tolist() == [designs.NONE]
    assert designs.history(one, one, known, 1).weak.tolist() == [False]


@pytest.mark.parametrize("runs", [4, 9, 16, 31, 60])
def test_the_replay_predicts_each_of_the_newest_runs_from_those_before_it(runs: int) -> None:
    """Twenty of them from twenty each, five at least; of median and 80 % quantile the one that says more counts."""
    values = drawn(runs, runs)

    spreads, dfs, of_newest = designs.replayed_spread(values)

    replayed = 0
    for row in range(ROWS):
        series = present(values[row])
        errors, weights = [], []
        for age in range(20):
            at = len(series) - 1 - age
            if at >= 5:
                level, share = present_level(series[max(0, at - 20) : at])
                errors.append(abs(series[at] - level) / math.sqrt(1 + share))
                weights.append(0.5 ** (age / 5))
        if len(errors) < 10:
            assert (math.isnan(spreads[row]), dfs[row], math.isnan(of_newest[row])) == (True, 0, True)
            continue
        replayed += 1
        ordered, total = sorted(zip(errors, weights, strict=True)), sum(weights)
        half, most = (
            next(error for n, (error, _) in enumerate(ordered) if sum(w for _, w in ordered[: n + 1]) >= share * total)
            for share in (0.5, 0.8)
        )
        assert spreads[row] == pytest.approx(max(half * 1.4826, most / 1.2816))
        assert dfs[row] == pytest.approx(total**2 / sum(weight**2 for weight in weights))
        smallest = sorted(errors[:5])[:4]
        assert of_newest[row] == pytest.approx(math.sqrt(np.mean(np.square(smallest)) / 0.5561))
    assert (replayed > 0) == (runs >= 15)


def test_a_weighted_quantile_takes_the_value_at_which_its_share_is_reached() -> None:
    """A share that is reached up to rounding is reached; what is not there weighs nothing."""
    values = np.array([[3.0, 1.0, math.nan, 2.0, 4.0]])
    weights = np.array([[0.1, 0.1, 0.0, 0.1, 0.7]])

    found = [designs._weighted_quantile(values, weights, share)[0] for share in (0.05, 0.1, 0.11, 0.3, 0.31, 1.0)]

    assert found == [1, 1, 2, 3, 4, 4]


def test_one_session_on_each_side_borrows_what_separates_sessions() -> None:
    """SE² = within + 2 τ²; no further run of these sessions removes that."""
    random = np.random.default_rng(5)
    base, head = drawn(6, 3), drawn(7, 3)
    within, tau, df = random.random(ROWS) * 1e-4, random.random(ROWS) * 0.02, random.choice([3.0, math.inf], ROWS)

    found = designs.single(base, head, within, tau, df)

    for row in range(ROWS):
        n, m = len(present(base[row])), len(present(head[row]))
        usable = n > 0 and m > 0
        d = present(head[row]).mean() - present(base[row]).mean() if usable else math.nan
        se = math.sqrt(within[row] + 2 * tau[row] ** 2) if usable else math.nan
        design = designs.SINGLE if usable else designs.NONE
        expected = [d, se, df[row], n, m, tau[row], math.sqrt(2) * tau[row], True, design]
        assert [getattr(found, name)[row] for name in found.__slots__] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("runs", [19, 20, 31, 60])
@pytest.mark.parametrize("new", [1, 2])
def test_the_interval_of_one_new_run_reaches_as_far_as_its_stored_runs_lie(runs: int, new: int) -> None:
    """To the second of up to 37 of them and the fourth of sixty, where that is 15 % farther than Student's t says."""
    random = np.random.default_rng(runs)
    base, head = random.standard_t(2, (ROWS, runs)), random.standard_t(2, (ROWS, new))
    base[::3, 4] = math.nan
    seen = designs.history(base, head, designs.no_prior(ROWS), 5)

    found = designs.widened_by_tails(base, seen)

    for row in range(ROWS):
        values = present(base[row])
        count = len(values)
        level = trimmed(base[row], few=False)[1]
        far = sorted(np.abs(values - level))[-max(round(0.065 * (count + 1)), 2)] * math.sqrt(1 + 1 / count)
        factor = far / (stats.t.isf(0.025, seen.df[row]) * seen.se[row])
        applies = new == 1 and count >= 20 and factor > 1.15
        assert found[row] == pytest.approx(factor if applies else 1)
    assert (found > 1).any() == (new == 1 and runs > 19)


def test_one_bad_commit_of_thirty_widens_no_interval() -> None:
    """The second farthest run counts."""
    base = np.random.default_rng(1).uniform(-0.01, 0.01, (1, 30))
    base[0, 7] = 0.3

    assert designs.widened_by_tails(base, designs.history(base, base[:, :1], designs.no_prior(1), 5)).tolist() == [1]


def test_a_spread_that_is_too_small_to_be_real_widens_no_interval_beyond_what_runs_show() -> None:
    """A ten-millionth counts as a ten-thousandth: the interval reaches the odd runs at 0.1 %, and no farther."""
    base = 1e-7 * np.random.default_rng(1).normal(0, 1, (1, 30))
    base[0, [15, 25, 28]] += 0.001
    seen = designs.history(base, base[:, :1], designs.no_prior(1), 5)
    assert seen.se < 1e-6
    prior = designs.Prior(np.full(1, 20.0), np.full(1, 1e-14), np.ones(1, dtype=bool))

    by_tails, by_learned = designs.widened_by_tails(base, seen), designs.widened(base, prior)

    assert by_tails * 1e-4 * stats.t.isf(0.025, seen.df) == pytest.approx([0.001], rel=0.1)
    assert by_learned * 1e-4 <= 0.002
