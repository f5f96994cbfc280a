"""The three designs against scipy and against the formulas they are named after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action import analysis
from regress_action.analysis import autocorrelation, designs, distributions, estimate, noise
from regress_action.analysis.comparison import analyse
from regress_action.model.comparisons import Mode, Verdict
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Report, Run, Series
from unit.analysis.compared_sides import HOSTED, OWN, TIME, number, only_row, paired, runs, session, stored

if TYPE_CHECKING:
    from collections.abc import Callable

examples = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)
NO_TAU = analysis.Policy(session_spread=analysis.SessionSpread(paired=0.0))


def drawn(seed: int, count: int, spread: float = 0.02, shift: float = 0.0) -> list[float]:
    """Draw log-normal values around one."""
    return [float(value) for value in np.exp(np.random.default_rng(seed).normal(shift, spread, count))]


@examples
@given(SEEDS, st.integers(5, 9))
def test_a_few_pairs_without_an_irreducible_part_are_the_paired_t_test(seed: int, count: int) -> None:
    """Below ten pairs nothing but an outlier is trimmed: scipy's p-value and interval, on logs."""
    base, head = drawn(seed, count), drawn(seed + 1, count, shift=0.01)
    differences = np.log(head) - np.log(base)
    assume(np.ptp(differences) < 10 * stats.median_abs_deviation(differences, scale="normal"))
    expected = stats.ttest_rel(np.log(head), np.log(base))
    low, high = expected.confidence_interval()

    row = paired(base, head, NO_TAU)

    assert row.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert (row.ratio_low, row.ratio_high) == pytest.approx((np.exp(low), np.exp(high)), rel=1e-6)


@pytest.mark.parametrize("count", [5, 6, 7])
def test_leaving_an_outlier_out_costs_no_false_alarm(count: int) -> None:
    """Of 40 000 normal samples, one in a hundred is significant at 1 %, and not one in sixty."""
    samples = np.random.default_rng(4).normal(0, 0.02, (40_000, count))
    runs, mean, variance, df = designs.trimmed(samples)

    p = distributions.two_sided_p(mean / np.sqrt(variance / runs), df)

    assert np.mean(p < 0.01) < 0.0125


@examples
@given(SEEDS, st.integers(10, 40))
def test_from_ten_pairs_on_the_tenth_part_at_either_end_is_trimmed(seed: int, count: int) -> None:
    """Yuen's one-sample test on the differences, written out."""
    base, head = drawn(seed, count), drawn(seed + 1, count)
    differences = np.sort(np.log(head) - np.log(base))
    cut = count // 10
    kept = count - 2 * cut
    winsorised = np.clip(differences, differences[cut], differences[-cut - 1])
    se = np.sqrt(((winsorised - winsorised.mean()) ** 2).sum() / (kept * (kept - 1)))
    middle = differences[cut:-cut].mean()

    estimate = designs.paired((np.log(head) - np.log(base))[None], np.zeros(1), 5)

    assert (estimate.d[0], estimate.se[0], estimate.df[0]) == pytest.approx((middle, se, kept - 1), rel=1e-9)


def test_the_systematic_error_widens_the_interval_of_perfectly_steady_pairs() -> None:
    """Two builds of the same code differ by layout, which no number of pairs removes: 0.75 %."""
    row = paired([1.0] * 8, [1.02] * 8)

    reach = stats.t(7).isf(0.025) * 0.0075
    assert np.log(number(row.ratio_high)) == pytest.approx(np.log(1.02) + reach, abs=1e-6)


@examples
@given(SEEDS, st.integers(5, 7), st.integers(5, 12))
def test_several_new_runs_are_compared_by_one_of_two_t_tests(seed: int, base_runs: int, head_runs: int) -> None:
    """Scipy's p-value and interval on logs: for unequal variances where the head varies more, else for equal ones."""
    base, head = drawn(seed, base_runs, 0.01), drawn(seed + 1, head_runs, 0.03)
    ratio = np.log(head).var(ddof=1) / np.log(base).var(ddof=1)
    noisier = ratio > stats.f(head_runs - 1, base_runs - 1).isf(0.05)
    tests = [stats.ttest_ind(np.log(head), np.log(base), equal_var=equal) for equal in (True, False)]
    intervals = [test.confidence_interval() for test in tests]

    row = stored(base, head)

    expected = 1 if noisier and _width(intervals[1], tests[1].df) > 0.999999 * _width(intervals[0], tests[0].df) else 0
    assert row.p_value == pytest.approx(tests[expected].pvalue, rel=1e-6)
    assert (row.ratio_low, row.ratio_high) == pytest.approx(np.exp(intervals[expected]), rel=1e-6)


def _width(interval: tuple[float, float], df: float) -> float:
    """Return the standard error behind a 95 % interval."""
    return (interval[1] - interval[0]) / 2 / float(stats.t(df).isf(0.025))


@examples
@given(SEEDS, st.integers(5, 9))
def test_one_new_run_is_held_against_the_prediction_interval(seed: int, count: int) -> None:
    """T with n - 1 degrees of freedom and s² (1 + 1/n), the textbook interval for one more observation."""
    base, head = drawn(seed, count), drawn(seed + 1, 1)
    logs = np.log(base)
    t = (np.log(head[0]) - logs.mean()) / (logs.std(ddof=1) * np.sqrt(1 + 1 / count))

    assert stored(base, head).p_value == pytest.approx(2 * stats.t(count - 1).sf(abs(t)), rel=1e-6)


def test_one_bad_commit_in_a_long_baseline_does_not_hide_the_next() -> None:
    """From ten stored runs on the tenth part at either end is trimmed."""
    base = drawn(4, 20, 0.01)
    base[11] = 1.5

    assert stored(base, [1.1]).verdict is Verdict.REGRESSION


def test_a_suite_lends_short_baselines_the_variance_that_both_sides_show() -> None:
    """Forty benchmarks with three runs a side: what their variances have in common, for as many runs as it is worth."""
    base, head = np.random.default_rng(5).normal(0, 0.02, (2, 40, 3)) * np.linspace(0.5, 2, 40)[:, None]
    squares = base.var(axis=1) * 3 + head.var(axis=1) * 3
    strength, typical = noise.fit(squares / 4, np.full(40, 4.0))
    before, after = (runs({f"b{n}": np.exp(row) for n, row in enumerate(side)}) for side in (base, head))

    seen = analyse(before, after, analysis.Policy()).estimates.estimate

    assert seen.df == pytest.approx(strength + 4)
    assert seen.se == pytest.approx(np.sqrt((strength * typical + squares) / (strength + 4) * 2 / 3))


def test_a_prior_counts_as_the_runs_it_stands_for() -> None:
    """s² = (d0 s0² + SS) / (d0 + df), with d0 more degrees of freedom."""
    base, head = np.array([[0.0, 0.1]]), np.array([[0.3]])
    prior = designs.Prior(np.array([4.0]), np.array([0.04]), np.array([False]))

    row = designs.history(base, head, prior, 5)

    variance = (4 * 0.04 + 0.005) / 5
    assert row.se == pytest.approx(np.sqrt(variance * 1.5))
    assert row.df == pytest.approx(5)


def test_learned_noise_widens_a_baseline_that_looks_too_steady() -> None:
    """Five runs that happen to agree are not trusted beyond what fifty runs have shown."""
    steady, new = [1.0, 1.001, 0.999, 1.0, 1.0], [1.06]
    learned = analysis.Policy(noise={("b", "time"): analysis.Noise(spread=0.05, runs=50)})

    assert stored(steady, new).verdict is Verdict.REGRESSION
    assert stored(steady, new, learned).verdict is Verdict.INCONCLUSIVE


def test_noise_taught_by_a_longer_history_replaces_the_baselines_own() -> None:
    """Its variance and degrees of freedom stand alone; a baseline that is noisier or quieter changes nothing."""
    base, head = np.log([[1.0, 1.1, 0.9, 1.0, 1.05, 0.95]]), np.log([[1.2]])
    prior = designs.Prior(np.array([20.0]), np.array([0.0004]), np.array([True]))

    row = designs.history(base, head, prior, 5)

    weights = 0.5 ** (np.arange(5, -1, -1) / 5)
    weights /= weights.sum()
    assert row.d == pytest.approx(np.log(1.2) - (weights * base[0]).sum())
    assert row.se == pytest.approx(0.02 * np.sqrt((weights**2).sum() + 1))
    assert row.df == 20


def test_an_earlier_change_of_the_level_is_not_attributed_to_the_head() -> None:
    """A level that crept up by 12 % in twenty commits makes no regression of a head that stayed where it was."""
    crept = np.exp(np.linspace(-0.12, 0.0, 20) + np.tile([0.005, -0.005], 10)).tolist()
    learned = analysis.Policy(noise={("b", "time"): analysis.Noise(spread=0.01, runs=50)})

    assert stored(crept, [1.01]).verdict is not Verdict.REGRESSION
    assert stored(crept, [1.01], learned).verdict is not Verdict.REGRESSION
    assert stored(crept, [1.09], learned).verdict is Verdict.REGRESSION
    assert number(stored(crept, [1.09]).q_value) > number(stored(crept, [1.09], learned).q_value)


def test_one_bad_commit_does_not_set_the_level_of_a_baseline_with_learned_noise() -> None:
    """Not even the newest of twenty: its value is drawn in to that of the next."""
    base = [*drawn(4, 19, 0.01), 1.5]
    learned = analysis.Policy(noise={("b", "time"): analysis.Noise(spread=0.01, runs=50)})

    assert stored(base, [1.0], learned).verdict is not Verdict.IMPROVEMENT
    assert stored(base, [1.1], learned).verdict is Verdict.REGRESSION


def test_learned_noise_needs_a_baseline_to_be_held_against() -> None:
    """A benchmark whose noise is known and whose baseline holds nothing is new."""
    learned = analysis.Policy(noise={("b", "time"): analysis.Noise(spread=0.01, runs=50)})

    assert only_row(analysis.compare([], runs({"b": [1.0]}), learned)).verdict is Verdict.NEW


def test_noise_learned_from_the_baseline_itself_is_not_counted_twice() -> None:
    """Ten runs stay ten runs of evidence, however often their spread is quoted."""
    base = drawn(3, 10)
    learned = analysis.Policy(noise={("b", "time"): analysis.Noise(spread=0.001, runs=10)})

    assert stored(base, [1.05], learned).p_value == stored(base, [1.05]).p_value


def test_one_session_each_borrows_the_spread_of_the_machine() -> None:
    """SE² = within + 2 tau², a z test: 1.5 % on one's own machine, 3 % on a hosted one."""
    for environment, tau in ((OWN, 0.015), (HOSTED, 0.03)):
        base, head = (runs({"b": [level]}, environment=environment) for level in (1.0, 1.1))
        row = only_row(analysis.compare(base, head))
        assert row.p_value == pytest.approx(2 * stats.norm.sf(np.log(1.1) / np.sqrt(2 * tau**2 + 0.0)), rel=1e-6)


def test_rounds_of_one_run_show_only_the_spread_within_it() -> None:
    """The standard deviation of the rounds adds (s/x)²/n for each side, and nothing more."""
    report = Report((Series(Benchmark("b"), TIME, (2.0,), (25,), (0.5,)),), (Run(),), environment=HOSTED)

    row = only_row(analysis.compare([report], [report]))

    se = np.sqrt(2 * (0.25**2 / 25) + 2 * 0.03**2)
    assert np.log(number(row.ratio_high)) == pytest.approx(stats.norm.isf(0.025) * se, rel=1e-6)


def test_runs_of_one_session_are_not_independent() -> None:
    """Ten runs on one machine against ten on another are one session each, and suspected at most."""
    base = session({"b": drawn(1, 10)}, name="monday")
    head = session({"b": drawn(2, 10, shift=0.3)}, name="tuesday")

    judgement = analysis.compare([base], [head])

    assert judgement.mode is Mode.SINGLE
    assert only_row(judgement).confirmed is False


def test_sessions_of_a_history_count_once_each() -> None:
    """Six stored sessions of four runs are six runs of evidence."""
    base = [session({"b": drawn(n, 4)}, name=f"session {n}", commit=str(n)) for n in range(6)]

    row = only_row(analysis.compare(base, [session({"b": drawn(9, 4)}, name="new")]))

    assert (row.baseline.runs, row.head.runs) == (6, 1)


def test_a_design_can_be_asked_for() -> None:
    """`mode` overrides what the runs would allow, and pairs that are not there cannot be asked for."""
    base, head = runs({"b": drawn(1, 6)}), runs({"b": drawn(2, 6)})

    assert analysis.compare(base, head, mode=Mode.SINGLE).mode is Mode.SINGLE
    with pytest.raises(InputError, match="no run of the head was measured next to"):
        analysis.compare(base, head, mode=Mode.PAIRED)


NOTHING, FEW = np.full((1, 3), np.nan), np.array([[0.0, 0.1, 0.2]])
NO_PRIOR, BORROWED = (designs.Prior(np.array([df]), np.array([0.01]), np.array([False])) for df in (0.0, 4.0))


@pytest.mark.parametrize(
    ("design", "evidence"),
    [
        (designs.paired, (NOTHING, np.array([0.01]), 5)),
        (designs.paired, (np.array([[0.1, np.nan]]), np.array([0.01]), 5)),
        (designs.history, (NOTHING, FEW, BORROWED, 5)),
        (designs.history, (FEW, NOTHING, BORROWED, 5)),
        (designs.history, (FEW[:, :1], FEW[:, :1], NO_PRIOR, 5)),
        (designs.single, (NOTHING, FEW, np.array([0.0]), np.array([0.01]), np.array([np.inf]))),
        (designs.single, (FEW, NOTHING, np.array([0.0]), np.array([0.01]), np.array([np.inf]))),
    ],
    ids=["no pair", "one pair", "no baseline", "no head", "no variance", "no base session", "no head session"],
)
def test_what_cannot_be_compared_is_not_estimated(
    design: Callable[..., designs.Estimate], evidence: tuple[Any, ...]
) -> None:
    """Neither a difference nor its error, and no design to speak of."""
    estimate = design(*evidence)

    assert np.isnan(estimate.d).all()
    assert np.isnan(estimate.se).all()
    assert estimate.design.tolist() == [designs.NONE]


def test_two_pairs_are_an_estimate_and_a_weak_one() -> None:
    """Their t test has one degree of freedom; five pairs are what a verdict needs."""
    two, five = (
        designs.paired(np.array([values]), np.array([0.0]), 5) for values in ([0.1, 0.2], [0.1, 0.2, 0.1, 0.2, 0.1])
    )

    assert (two.design.item(), two.df.item()) == (designs.PAIRED, 1)
    assert two.d.item() == pytest.approx(0.15)
    assert two.se.item() == pytest.approx(0.05)
    assert (two.weak.item(), five.weak.item()) == (True, False)


def test_an_estimate_says_how_far_single_runs_spread_and_what_no_run_removes() -> None:
    """The spread of a pair's difference, of a stored run, of a session; and what no run removes."""
    draw = np.random.default_rng(7)
    base, head = draw.normal(0, 0.02, (2, 1, 8))
    tau = np.array([0.03])

    pair = designs.paired(head - base, tau, 5)
    history = designs.history(base, head, NO_PRIOR, 5)
    session_each = designs.single(base, head, np.array([0.0004]), tau, np.array([9.0]))

    pooled = np.sqrt((base.var(ddof=1) + head.var(ddof=1)) / 2)
    assert (pair.spread.item(), pair.irreducible.item()) == pytest.approx(((head - base).std(ddof=1), 0.03))
    assert (history.spread.item(), history.irreducible.item()) == pytest.approx((pooled, 0))
    assert (session_each.spread.item(), session_each.irreducible.item()) == pytest.approx((0.03, 0.03 * np.sqrt(2)))
    assert session_each.se.item() == pytest.approx(np.sqrt(0.0004 + 2 * 0.03**2))
    assert (session_each.df.item(), session_each.weak.item()) == (9, True)


def test_two_constant_sides_keep_the_degrees_of_freedom_of_their_runs() -> None:
    """Welch's are 0/0 there; all runs but two is what equal variances have."""
    estimate = designs.history(np.zeros((1, 6)), np.ones((1, 5)), NO_PRIOR, 5)

    assert (estimate.df.item(), estimate.se.item(), estimate.d.item()) == (9, 0, 1)


@examples
@given(SEEDS, st.integers(2, 4), st.integers(1, 4))
def test_too_few_runs_for_welch_share_one_variance(seed: int, base_runs: int, head_runs: int) -> None:
    """Scipy's t test for equal variances, and what it finds is weak."""
    draw = np.random.default_rng(seed)
    base, head = draw.normal(0, 0.02, (1, base_runs)), draw.normal(0, 0.02, (1, head_runs))
    estimate = designs.history(base, head, NO_PRIOR, 5)

    expected = stats.ttest_ind(head[0], base[0])
    assert estimate.d / estimate.se == pytest.approx(expected.statistic)
    assert (estimate.df.item(), estimate.weak.item()) == (base_runs + head_runs - 2, True)


@pytest.mark.parametrize("planned", [2, 5, 9, 10, 19, 20, 30])
def test_the_degrees_of_freedom_of_a_plan_are_those_of_its_end(planned: int) -> None:
    """What is foreseen is what the estimate from so many pairs will have."""
    estimate = designs.paired(np.array([drawn(1, planned)]), np.array([0.0]), 5)

    assert designs.df_after(planned) == estimate.df.item()


def test_several_new_runs_are_never_held_to_less_noise_than_they_show() -> None:
    """A suite that is said to be quieter than both sides takes nothing off the variance that the t test pools."""
    base, head = np.array([[0.0, 0.1, 0.2, 0.1, 0.0, 0.3]]), np.array([[0.3, 0.4, 0.35]])
    quiet = designs.Prior(np.array([6.0]), np.array([1e-6]), np.array([False]))

    estimate = designs.history(base, head, quiet, 5)

    assert estimate.d / estimate.se == pytest.approx(stats.ttest_ind(head[0], base[0]).statistic)


@examples
@given(SEEDS)
def test_neighbours_are_alike_by_their_correlation_without_the_reach_of_outliers(seed: int) -> None:
    """Values beyond three robust deviations are drawn in to them; gaps are stepped over."""
    values = np.random.default_rng(seed).normal(0, 1, 20)
    values[5] = 50.0
    middle = np.median(values)
    reach = 3 * 1.4826 * np.median(np.abs(values - middle))
    near = np.clip(values, middle - reach, middle + reach)
    near -= near.mean()
    expected = (near[1:] * near[:-1]).sum() / (near**2).sum()

    assert autocorrelation.lag_one(np.insert(values, 8, np.nan)[None])[0] == pytest.approx(expected, rel=1e-4)
    assert autocorrelation.serial_correlation(values[None])[0] == pytest.approx(
        min(max(expected + 1 / 20, 0), 0.9), rel=1e-4
    )
    assert np.isnan(autocorrelation.lag_one(np.ones((1, 20)))[0])


def test_a_weighted_quantile_is_the_first_value_that_reaches_its_share() -> None:
    """Sorted by value, weights added up; what is missing weighs nothing."""
    values, weights = np.array([[3.0, 1.0, np.nan, 2.0]]), np.array([[1.0, 1.0, 0.0, 2.0]])

    quantiles = [designs._weighted_quantile(values, weights, share)[0] for share in (0.25, 0.26, 0.75, 0.76)]
    assert quantiles == [1, 2, 2, 3]


def test_a_replayed_run_is_predicted_by_the_level_before_it() -> None:
    """The errors of the ten newest of fifteen runs: the median or the 80 % quantile, newer ones weighing more."""
    values = np.random.default_rng(3).normal(0, 0.02, 15)
    errors, weights = [], []
    for at in range(5, 15):
        before = 0.5 ** (np.arange(at - 1, -1, -1) / 5)
        before /= before.sum()
        cut = at // 10
        inner = np.sort(values[:at])[cut : at - cut]
        level = (before * np.clip(values[:at], inner[0], inner[-1])).sum()
        errors.append(abs(values[at] - level) / np.sqrt(1 + (before**2).sum()))
        weights.append(0.5 ** ((14 - at) / 5))
    order = np.argsort(errors)
    reached = np.cumsum(np.array(weights)[order]) / sum(weights)
    half, most = (np.array(errors)[order][np.argmax(reached >= share)] for share in (0.5, 0.8))

    spread, df, _ = designs.replayed_spread(values[None])
    assert spread[0] == pytest.approx(max(half * 1.4826, most / stats.norm.isf(0.1)), rel=1e-4)
    assert df[0] == pytest.approx(sum(weights) ** 2 / np.square(weights).sum())
    assert designs.replayed_spread(values[None, :14])[1].tolist() == [0]


@pytest.mark.parametrize(("farther", "lopsided"), [(1.9, False), (2.5, True)])
def test_a_suite_that_moved_to_one_side_scatters_as_far_as_its_nearer_side(farther: float, *, lopsided: bool) -> None:
    """Where all lie more than one and a half times as far apart as those that moved the other way."""
    d = np.array([-1.0] * 6 + [farther] * 6)
    around = (1 + farther) / 2

    for side in (d, -d):
        assert estimate._scatter(side) == pytest.approx(1.4826 * (1.0 if lopsided else around), rel=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_suite_of_which_most_moved_one_way_scatters_as_its_nearest_quarter(sign: int) -> None:
    """What code made slower by 20 to 50 % does not hide that the others are where they were."""
    still = [-0.3, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]
    moved = [*np.linspace(10, 25, 13)]

    assert estimate._scatter(sign * np.array([*still, *moved])) < 1


def test_the_ten_newest_runs_replace_learned_noise_that_they_exceed() -> None:
    """With the nine differences that they have, once an F test says that the noise has grown."""
    learned = analysis.Policy(noise={("b", "time"): analysis.Noise(spread=0.001, runs=50)})
    noisy = drawn(1, 10, 0.05)
    steady = drawn(2, 10, 0.001)

    degrees = [
        analyse(runs({"b": [*before, *newest]}), runs({"b": [1.0]}), learned).estimates.estimate.df[0]
        for before, newest in ((steady, noisy), (noisy, steady))
    ]
    assert degrees == [9, 20]


def test_of_few_stored_runs_none_is_left_out() -> None:
    """A new run may be as far off as the farthest of seven; of twelve the outermost are left out."""
    for count, left_out in ((7, 0), (12, 1)):
        base = np.append(np.linspace(0, 0.01, count - 1), 0.4)
        estimate = designs.history(base[None], np.zeros((1, 1)), designs.no_prior(1), 5)

        assert estimate.d == pytest.approx([-base[left_out : count - left_out].mean()])
