"""Which evidence counts: every row by its own runs, and what is borrowed where they are too few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from regress_action import analysis
from regress_action.analysis import designs, estimate, noise, pair_order
from regress_action.analysis.comparison import analyse
from regress_action.analysis.pair_order import PairOrder, correlation_of_pairs, effect_of_order
from regress_action.analysis.run_matrix import Scale
from regress_action.model.comparisons import Mode, ReasonCode, Severity, Verdict
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from regress_action.report.reasons import sentence
from unit.analysis.compared_sides import (
    COUNT,
    EXACT,
    NAN,
    OTHER,
    OWN,
    SIGNED,
    TIME,
    number,
    of,
    only_row,
    paired,
    pairs,
    reason_of,
    runs,
    session,
    stored,
)

STEADY = [1.0, 1.001, 0.999, 1.0, 1.0005, 0.9995]
MEMORY = Metric("peak_memory", "B")


def p_of(ratio: float, error: float, df: float = np.inf) -> float:
    """Return the two-sided p-value of a ratio whose log has this standard error."""
    return float(2 * stats.t(df).sf(abs(np.log(ratio)) / error))


def test_each_row_is_weighed_by_its_own_runs() -> None:
    """Beside a benchmark with a history, one with a single stored run borrows the spread of the machine."""
    base = [*runs({"old": STEADY}), *runs({"young": [1.0]})]

    judgement = analysis.compare(base, runs({"old": [1.0], "young": [1.1]}))

    assert of(judgement, "young").p_value == pytest.approx(p_of(1.1, np.sqrt(2) * 0.015))
    assert of(judgement, "young").confirmed is not True
    assert of(judgement, "old").verdict is Verdict.UNCHANGED
    assert judgement.mode is Mode.HISTORY


@pytest.mark.parametrize("learned_runs", [2, 9])
def test_one_session_each_is_held_to_what_history_taught(learned_runs: int) -> None:
    """The spread that was learned, with one degree of freedom less than the runs it is from."""
    policy = analysis.Policy(
        noise={("b", "time"): analysis.Noise(0.02, learned_runs), ("gone", "time"): analysis.Noise(0.5, 50)}
    )

    row = only_row(analysis.compare(runs({"b": [1.0]}), runs({"b": [1.2]}), policy))

    assert row.p_value == pytest.approx(p_of(1.2, np.sqrt(2) * 0.02, learned_runs - 1))


def test_a_spread_learned_from_one_run_is_none() -> None:
    """Nor is there one for a metric without a ratio."""
    of_one_run = analysis.Policy(noise={("b", "time"): analysis.Noise(0.5, 1)})
    signed = analysis.Policy(noise={("b", "leak"): analysis.Noise(0.5, 50)})
    quiet = [-1.0, 1.0, 0.5, -0.6, 0.1, 0.0]

    assert stored([1.0], [1.1], of_one_run) == stored([1.0], [1.1])
    assert stored(quiet, [9.0], signed, metric=SIGNED) == stored(quiet, [9.0], metric=SIGNED)


@pytest.mark.parametrize("metric", [TIME, MEMORY])
def test_a_suite_lends_its_spread_to_each_kind_of_metric(metric: Metric) -> None:
    """Times learn from times and sizes from sizes: three runs of forty benchmarks are evidence for either."""
    base = {f"b{n}": [1.0 + 0.001 * n, 1.01, 0.99] for n in range(40)}
    head = {name: [2 * value for value in values] if name == "b7" else values for name, values in base.items()}

    judgement = analysis.compare(runs(base, metric=metric), runs(head, metric=metric))

    assert (of(judgement, "b7").verdict, of(judgement, "b7").confirmed) == (Verdict.REGRESSION, None)


def test_what_an_older_unit_showed_is_no_evidence_for_another_row() -> None:
    """The rounds of a series that clashes are left out with it."""
    old = Report(
        (
            Series(Benchmark("turned"), Metric("time", "ticks"), (1.0,), (10,), (9.0,)),
            Series(Benchmark("b"), TIME, (1.0,)),
        ),
        (Run(),),
        environment=OWN,
    )

    judgement = analysis.compare([old], runs({"turned": [1.0], "b": [1.1]}))

    assert of(judgement, "turned").verdict is Verdict.INCOMPARABLE
    assert of(judgement, "b").p_value == pytest.approx(p_of(1.1, np.sqrt(2) * 0.015))


def test_rounds_count_only_where_there_is_one_run_and_more_than_one_round() -> None:
    """One round has no spread; several runs show theirs themselves."""

    def detectable(rounds: int, count: int) -> float:
        series = Series(Benchmark("b"), TIME, (2.0,) * count, (rounds,) * count, (0.5,) * count)
        made = Report((series,), tuple(Run(session="s") for _ in range(count)), environment=OWN)
        head = replace(made, runs=tuple(Run(session="t") for _ in range(count)))
        return float(np.log(number(only_row(analysis.compare([made], [head])).ratio_high)))

    reach, between = stats.norm.isf(0.025), 2 * 0.015**2
    assert detectable(rounds=25, count=1) == pytest.approx(reach * np.sqrt(between + 2 * 0.25**2 / 25))
    assert detectable(rounds=1, count=1) == pytest.approx(reach * np.sqrt(between))
    assert detectable(rounds=25, count=2) == pytest.approx(reach * np.sqrt(between))


def test_a_short_baseline_borrows_the_spread_of_its_machine() -> None:
    """Four runs' worth of 1.5 %, until there are five runs."""
    base = [1.0, 1.01, 0.98]
    logs = np.log(base)
    variance = (4 * 0.015**2 + ((logs - logs.mean()) ** 2).sum()) / 6

    row = stored(base, [1.1])

    expected = p_of(1.1 / np.exp(logs.mean()), np.sqrt(variance * (1 + 1 / 3)), 6)
    assert row.p_value == pytest.approx(expected)
    assert row.confirmed is False


def test_no_clock_is_surer_than_one_in_ten_thousand() -> None:
    """Constant sides have a standard error all the same; it adds nothing to one that is larger."""
    row = stored([1.0] * 6, [1.2] * 6)

    reach = stats.t(10).isf(0.025) * 1e-4
    assert np.log([number(row.ratio_low), number(row.ratio_high)]) == pytest.approx(
        np.log(1.2) + np.array([-reach, reach])
    )


def test_a_design_that_is_asked_for_is_used_for_every_row() -> None:
    """A history of one run each, and single sessions of what has a history."""
    base, head = runs({"a": STEADY, "b": [1.0]}), runs({"a": [1.1], "b": [1.1]})

    alone, together = (analysis.compare(base, head, mode=mode) for mode in (Mode.SINGLE, Mode.HISTORY))

    assert (alone.mode, together.mode) == (Mode.SINGLE, Mode.HISTORY)
    assert of(alone, "a").p_value == pytest.approx(p_of(number(of(alone, "a").ratio), np.sqrt(2) * 0.015), rel=0.01)
    assert of(together, "b").p_value == pytest.approx(p_of(1.1, np.sqrt(2) * 0.015, 4))


def test_runs_of_a_machine_count_for_what_was_measured_there() -> None:
    """Two machines on either side: each benchmark is compared with the runs of its own."""
    base = [*runs({"a": STEADY, "b": STEADY}), *runs({"a": [2.0] * 6, "b": [2.0] * 6}, environment=OTHER)]
    head = [*runs({"a": [1.0]}), *runs({"b": [2.0]}, environment=OTHER)]

    judgement = analysis.compare(base, head)

    assert {row.verdict for row in judgement.comparisons} == {Verdict.UNCHANGED}
    assert [of(judgement, name).baseline.median for name in "ab"] == pytest.approx([1.0, 2.0])


def test_an_exact_count_needs_no_second_run_and_no_pair_more() -> None:
    """It is never weak, in pairs as in a history; a time of as few runs is."""
    assert paired([100.0, 100.0], [150.0, 150.0], metric=EXACT).confirmed is None
    assert paired([100.0, 100.0], [150.0, 150.0]).confirmed is False
    assert stored([100.0] * 2, [150.0], metric=EXACT).severity is Severity.MODERATE


def test_a_pair_of_which_one_side_is_missing_leaves_the_sessions() -> None:
    """A benchmark without a single whole pair is compared as one session with another, and suspected at most."""
    nan = float("nan")
    base = Report(
        (Series(Benchmark("b"), TIME, (1.0, nan)), Series(Benchmark("c"), TIME, (1.0, 1.0))),
        tuple(Run(session="s", pair=n) for n in range(2)),
        environment=OWN,
    )
    head = replace(base, series=(Series(Benchmark("b"), TIME, (nan, 3.0)), base.series[1]))

    row = of(analysis.compare([base], [head]), "b")

    assert row.ratio == pytest.approx(3)
    assert row.confirmed is False
    assert row.p_value == pytest.approx(p_of(3.0, np.sqrt(2) * 0.0075))


@pytest.mark.parametrize(("ratio", "event"), [(1.029, False), (1.034, True)])
def test_a_machine_of_ones_own_moves_by_twice_its_spread_at_most(ratio: float, event: bool) -> None:
    """Three per cent, in logs, of a whole suite are no chance."""
    base = runs(dict.fromkeys((f"b{n}" for n in range(12)), [1.0] * 6))

    judgement = analysis.compare(base, [session({f"b{n}": [ratio] for n in range(12)}, name="new")])

    assert (judgement.summary.environment_shift is not None) is event


def spread_of_builds(values: np.ndarray, tau: float, prior: designs.Prior) -> float:
    """Return how far two builds lie apart by the scatter of a suite's differences, in standard errors."""
    seen = designs.paired(values, np.full(len(values), tau), 0, prior)
    d, se = seen.d, seen.se
    usable = np.isfinite(d)
    d, se = d[usable], se[usable]
    z = d / se
    if len(d) < 20:
        return tau
    scatter = estimate._scatter(z)
    if scatter <= 1 + 1.17 / np.sqrt(len(d)):
        return tau
    beyond = np.sqrt(max(scatter**2 * np.median(se**2) - np.median(se**2 - tau**2), 0))
    if min((d < 0).sum(), (d > 0).sum()) < 5:
        beyond = min(beyond, 4 * tau)
    return float(max(tau, beyond))


@pytest.mark.parametrize("seed", range(60))
def test_the_spread_of_two_builds_is_that_of_the_definition(seed: int) -> None:
    """Suites of 15 to 40 times whose builds differ by nothing, by 2 % or 10 %, or that moved to one side."""
    random = np.random.default_rng(seed)
    rows, pair_count = int(random.choice([15, 19, 20, 21, 23, 40])), int(random.choice([3, 6, 12]))
    values = random.normal(0, random.choice([0.003, 0.02]), (rows, pair_count))
    values += random.normal(0, random.choice([0.0, 0.005, 0.02, 0.1]), (rows, 1)) + random.choice(
        [0.0, 0.05, -0.05, 0.4, -0.4]
    )
    values[0, 1:] = np.nan if seed % 2 else values[0, 1:]
    kinds = np.arange(rows)
    scale = Scale(kinds == 2, np.ones(rows), kinds == 3, kinds != 1, np.zeros(rows, bool))
    tau = np.where(scale.linear | scale.exact, 0.0, 0.0075)
    prior = designs.Prior(np.full(rows, 4.0), np.full(rows, 0.01**2), np.zeros(rows, bool))
    found = estimate._spread_of_builds(scale, values, tau, prior)
    family = (kinds < 1) | (kinds > 3)
    expected = tau.copy()
    expected[family] = spread_of_builds(values[family], 0.0075, prior.of(family))
    assert found == pytest.approx(expected)
    assert not estimate._spread_of_builds(scale, values, np.zeros(rows), prior).any()


@pytest.mark.parametrize("seed", range(60))
def test_a_suite_says_what_noise_is_common_and_of_noisier_rows_nothing(seed: int) -> None:
    """As many degrees of freedom as there are rows, at most; none for a row beyond the F test at a hundredth."""
    random = np.random.default_rng(seed)
    rows, pair_count = int(random.choice([8, 12, 40])), int(random.choice([2, 3, 8]))
    values = random.normal(0, random.choice([0.01, 0.01, 0.02, 0.04], (rows, 1)), (rows, pair_count))
    kinds = random.choice([0, 1, 2, 3, 3], rows)
    scale = Scale(kinds == 1, np.ones(rows), kinds == 2, kinds != 3, np.zeros(rows, bool))
    nothing = np.zeros(rows)
    order = PairOrder(nothing, np.full(rows, 1.2), nothing, nothing, nothing)
    found = estimate._suite_prior(scale, values, order)
    expected = designs.no_prior(rows)
    for family in ((kinds != 1) & (kinds != 2) & (kinds != 3), kinds == 3):
        _, _, variance, df = designs.trimmed(values[family])
        strength, typical = noise.fit(1.2 * variance, df, family.sum())
        limit = typical * (stats.f.ppf(0.99, df, strength) if strength else 0)
        expected.df[family] = np.where(1.2 * variance > limit, 0.0, strength)
        expected.variance[family] = typical
    assert found.df == pytest.approx(expected.df)
    assert found.variance == pytest.approx(expected.variance)


def prior_by_definition(base: np.ndarray, learned: analysis.Noise | None) -> tuple[float, float]:
    """Return the degrees of freedom and the variance that one row of runs is given."""
    count = int((~np.isnan(base)).sum())
    borrowed = (4.0 if count < 5 else 0.0), 0.015**2
    if learned is None or learned.runs < 2 or not 0 < count < learned.runs:
        return borrowed
    steps = np.abs(np.diff(base[~np.isnan(base)][-10:]))
    if len(steps) > 1:
        recent = (np.median(steps) / 0.954) ** 2
        if recent > learned.spread**2 * stats.f.ppf(0.95, len(steps), learned.runs - 1):
            return len(steps), recent
    return min(learned.runs, 20.0), learned.spread**2


@pytest.mark.parametrize("seed", range(80))
def test_what_is_known_of_a_row_is_learned_newer_or_borrowed(seed: int) -> None:
    """Rows of one to fifteen stored runs, with more and less noise than a history taught, or without one."""
    random = np.random.default_rng(seed)
    names = [f"b{n}" for n in range(6)]
    logs = {
        name: random.normal(0, random.choice([0.003, 0.02, 0.08]), random.choice([1, 2, 3, 3, 5, 9, 15]))
        for name in names
    }
    base = {name: np.exp(of) for name, of in logs.items()}
    noises = {
        (name, "time"): analysis.Noise(
            float(random.choice([0.01, 0.03])), int(random.choice([1, 2, 3, 4, 4, 12, 15, 30]))
        )
        for name in names[:5]
    }
    policy = analysis.Policy(noise=noises)
    matrix = analyse(runs(base), runs({name: [1.0] for name in names}), policy).matrix
    prior, moderated = estimate._prior(matrix, matrix.base_values, matrix.head_values, policy)
    for row, benchmark in enumerate(matrix.rows.benchmarks):
        learned = noises.get((benchmark.name, "time"))
        df, variance = prior_by_definition(matrix.base_values[row], learned)
        assert (prior.df[row], prior.variance[row]) == pytest.approx((df, variance))
        rests = learned is not None and learned.runs > max(1, len(base[benchmark.name]))
        assert (prior.learned[row], moderated[row]) == (rests, rests)

    missed, seen, newest = designs.replayed_spread(matrix.base_values)
    widened = designs.widened(matrix.base_values, prior)
    grew = np.where(newest**2 > 1.9 * prior.variance, newest, 0)
    factor = np.sqrt(np.fmax(np.fmax(missed, grew) ** 2 / prior.variance, 1))
    assert widened == pytest.approx(np.where(prior.learned & (seen > 0), factor, 1.0))


@pytest.mark.parametrize("stored_runs", [3, 6])
def test_a_suite_moderates_each_kind_of_metric_by_its_own(stored_runs: int) -> None:
    """Twelve times and eleven sizes, whose pooled variances say what is usual; exact counts borrow nothing."""
    random = np.random.default_rng(stored_runs)
    times, sizes = (
        {f"b{n}": np.exp(random.normal(0, spread, stored_runs)) for n in range(count)}
        for spread, count in ((0.03, 12), (0.005, 11))
    )
    base = [*runs(times), *runs(sizes, metric=MEMORY), *runs({"e": [5.0] * stored_runs}, metric=EXACT)]
    head = [
        *runs({name: of[:2] for name, of in times.items()}),
        *runs({name: of[:1] for name, of in sizes.items()}, metric=MEMORY),
        *runs({"e": [5.0]}, metric=EXACT),
    ]
    matrix = analyse(base, head, analysis.Policy()).matrix
    prior, moderated = estimate._prior(matrix, matrix.base_values, matrix.head_values, analysis.Policy())
    for metric in (TIME, MEMORY):
        rows = np.array([one == metric for one in matrix.rows.metrics])
        squares = sum(
            np.nansum((side[rows] - np.nanmean(side[rows], axis=1, keepdims=True)) ** 2, axis=1)
            for side in (matrix.base_values, matrix.head_values)
        )
        df = np.full(rows.sum(), stored_runs - 1.0 + (metric == TIME))
        strength, typical = noise.fit(squares / df, df)
        assert strength > 0
        assert prior.df[rows] == pytest.approx(strength)
        assert prior.variance[rows] == pytest.approx(typical)
        assert moderated[rows].all()
    (exact,) = (row for row, metric in enumerate(matrix.rows.metrics) if metric == EXACT)
    assert (prior.df[exact], prior.variance[exact], moderated[exact]) == (0, 0, False)


def test_who_ran_second_is_known_where_both_runs_say_their_place() -> None:
    """+1 where the head did, -1 where the base did."""
    base, head = (pairs({"b": [1.0] * 5}, positions=places) for places in ([0, 1, 0, 1, 0], [1, 0, 1, 0, 1]))
    unknown = [replace(run, position=None) for run in head.runs[2:4]]
    head = replace(head, runs=(*head.runs[:2], *unknown, head.runs[4]))
    matrix = analyse([base], [head], analysis.Policy()).matrix
    assert estimate._second(matrix, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]).tolist() == [1, -1, 0, 0, 1]


def test_the_latest_pair_is_one_that_has_a_value_on_either_side() -> None:
    """A benchmark that was left out of the last pair is not measured any more."""
    full, gone = [1.0, 1.1, 1.2, 1.1], [1.0, 1.1, 1.2, NAN]
    base = pairs({"both": full, "base": full, "head": gone, "none": gone})
    head = pairs({"both": full, "base": gone, "head": full, "none": gone})
    seen = analyse([base], [head], analysis.Policy())
    assert seen.estimates.latest is not None
    names = [benchmark.name for benchmark in seen.matrix.rows.benchmarks]
    latest = dict(zip(names, seen.estimates.latest.tolist(), strict=True))
    assert latest == {"both": True, "base": True, "head": True, "none": False}


def test_neighbouring_pairs_are_said_to_be_alike_beyond_three_standard_errors() -> None:
    """Forty suites of one benchmark whose pairs wander more and more."""
    shown = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        head = np.exp(np.cumsum(random.normal(0, 0.003, 20)) + random.normal(0, 0.01, 20))
        seen = analyse([pairs({"b": np.ones(20)})], [pairs({"b": head})], analysis.Policy()).estimates
        correlation, _, evidence = correlation_of_pairs(np.log(head)[None], np.log(head)[None])
        assert seen.correlation == pytest.approx(correlation if evidence[0] > 3 else [0.0])
        shown += 3 < evidence[0] < 4.5
    assert shown


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_pairs_is_judged_without_the_effect_of_who_ran_second(seed: int) -> None:
    """Times and sizes each among their own; what is counted keeps its whole numbers."""
    random = np.random.default_rng(seed)
    second = np.array([1, -1] * 7)
    base = np.cumsum(random.normal(0, 0.01, (8, 14)), axis=1)
    head = base + random.normal(0, 0.01, (8, 14)) + random.choice([0.0, 0.1], (8, 1)) * second / 2
    kinds = np.arange(8)
    scale = Scale(kinds == 1, np.ones(8), kinds == 2, kinds < 5, np.zeros(8, bool))
    found = pair_order.of(scale, base, head, second)
    effect, scaling = effect_of_order(head - base, second)
    effect[1:3], scaling[1:3] = 0, 1
    assert found.effect == pytest.approx(effect)
    assert found.scaling == pytest.approx(scaling)
    level = head - base - np.outer(effect, second)
    for family in ([0, 1, 3, 4], [5, 6, 7]):
        expected = correlation_of_pairs(level[family], (base + head)[family])
        for seen, wanted in zip((found.correlation, found.cautious, found.evidence), expected, strict=True):
            assert seen[family] == pytest.approx(wanted)
    assert (found.correlation[2], found.cautious[2], found.evidence[2]) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_a_suite_scatters_around_its_middle_or_as_far_as_its_nearer_side(seed: int) -> None:
    """The nearer side counts where it has five benchmarks and lies at two thirds of that distance or less."""
    random = np.random.default_rng(seed)
    d = random.normal(random.choice([0, 1, 3]), 1, 30) * np.where(random.random(30) < 0.3, 3, 1)
    around = np.median(np.abs(d - np.median(d)))
    sides = [np.median(np.abs(side)) for side in (d[d < 0], d[d > 0]) if len(side) >= 5]
    nearer = [side for side in sides if around > 1.5 * side]
    assert estimate._scatter(d) == pytest.approx(1.4826 * min(nearer, default=around))


def with_rounds(values: list[float], spreads: tuple[float, ...], rounds: tuple[int, ...], name: str = "b") -> Series:
    """Make a series whose runs say how they were measured."""
    return Series(Benchmark(name), TIME, tuple(values), spreads=spreads, rounds=rounds)


def test_rounds_explain_the_variance_of_a_median_of_two_or_more() -> None:
    """The mean over the runs of π/2 times that of the mean of their rounds; nothing where a row says too little."""
    known = with_rounds([1.0, 2.0, 4.0], (0.1, 0.3, 0.2), (2, 1, 8), "known")
    single = with_rounds([1.0, 2.0, 4.0], (0.1, 0.3, 0.2), (1, 1, 1), "single")
    silent = with_rounds([1.0, 2.0, 4.0], (), (), "silent")
    side = replace(pairs({"b": [1.0, 2.0, 4.0]}), series=(known, single, silent))
    matrix = analyse([side], [side], analysis.Policy()).matrix
    found = estimate._of_rounds_in_pairs(matrix.base, [0, 1, 2])
    assert found == pytest.approx([np.pi / 4 * (0.1**2 / 2 + 0.05**2 / 8), np.nan, np.nan], nan_ok=True)
    assert estimate._of_rounds_in_pairs(matrix.base, [0])[0] == pytest.approx(np.pi / 2 * 0.1**2 / 2)


def test_a_session_shows_its_level_by_runs_or_by_the_rounds_of_its_only_one() -> None:
    """A row of two runs by what they differ by, one of a single run by its rounds."""
    one, two = with_rounds([2.0, NAN], (0.1, NAN), (4, 0), "one"), with_rounds([1.0, 1.1], (0.5, 0.5), (4, 4), "two")
    side = replace(session({"b": [1.0, 2.0]}), series=(one, two))
    matrix = analyse([side], [side], analysis.Policy()).matrix
    names = [benchmark.name for benchmark in matrix.rows.benchmarks]
    within = dict(zip(names, estimate._within(matrix.base_values, matrix.base, matrix.scale), strict=True))
    assert within["one"] == pytest.approx(0.05**2 / 4)
    assert within["two"] == pytest.approx(np.log([1.0, 1.1]).var(ddof=1) / 2)


def test_stored_runs_count_where_any_new_run_met_their_machine() -> None:
    """One of two new runs is enough, benchmark by benchmark; the runs of any other machine are left out."""
    base = [*runs({"a": [1.0], "b": [1.0]}), *runs({"a": [2.0], "b": [2.0]}, environment=OTHER)]
    head = [*runs({"a": [1.0], "b": [1.0]}), *runs({"a": [1.0]}, environment=OTHER), *runs({"b": [1.0]})]
    matrix = analyse(base, head, analysis.Policy()).matrix
    values, foreign = estimate._same_machine(matrix)
    names = [benchmark.name for benchmark in matrix.rows.benchmarks]
    kept = dict(zip(names, np.isfinite(values).sum(axis=1).tolist(), strict=True))
    assert kept == {"a": 2, "b": 1}
    assert not foreign.any()


def test_one_stored_session_and_two_new_ones_are_a_history() -> None:
    """Only where either side has one session, what separates two of them is borrowed."""
    for count, design in ((1, designs.SINGLE), (2, designs.HISTORY)):
        seen = analyse(runs({"b": [1.0]}), runs({"b": [1.0, 1.01][:count]}), analysis.Policy())
        assert seen.estimates.estimate.design.tolist() == [design]


def test_only_measured_values_have_p_values_of_order_statistics() -> None:
    """Exact counts and signed differences do not, however many are stored."""
    random = np.random.default_rng(1)
    values = np.exp(random.normal(0, 0.1, 40))
    base = [
        *runs({"time": values}),
        *runs({"exact": np.round(1000 * values)}, metric=EXACT),
        *runs({"signed": values - 1}, metric=SIGNED),
    ]
    head = [*runs({"time": [1.0]}), *runs({"exact": [900.0]}, metric=EXACT), *runs({"signed": [0.0]}, metric=SIGNED)]
    seen = analyse(base, head, analysis.Policy())
    names = [benchmark.name for benchmark in seen.matrix.rows.benchmarks]
    shown = dict(zip(names, np.isfinite(seen.estimates.p_order).tolist(), strict=True))
    assert shown == {"time": True, "exact": False, "signed": False}


def test_several_new_runs_beside_stored_ones_that_exceed_the_learned_noise_are_suspected() -> None:
    """The reason is not that of a single new run."""
    random = np.random.default_rng(14)
    base = np.exp(random.normal(0, 0.01, 20))
    base[12:] = np.exp(random.normal(0, 0.04, 8))
    head = 1.07 * np.exp(random.normal(0, 0.01, 3))

    row = stored(base, head, analysis.Policy(noise={("b", "time"): analysis.Noise(0.02, 60)}))

    assert (row.verdict, row.confirmed, reason_of(row).code) == (Verdict.REGRESSION, False, ReasonCode.NOISE_EXCEEDED)
    assert "farther apart than the noise that was learned says" in sentence(row)


def test_noise_that_was_learned_as_none_widens_nothing() -> None:
    """There is no factor to a spread of zero."""
    values = np.random.default_rng(1).normal(0, 0.02, (2, 15))
    prior = designs.Prior(np.full(2, 20.0), np.array([0.0, 0.001**2]), np.ones(2, bool))
    widened = designs.widened(values, prior)
    assert (widened[0], widened[1] > 2) == (1.0, True)


def test_only_whole_numbers_that_vary_are_compared_as_counts() -> None:
    """Exact counts and times are not; and stored times that stand on no lattice are not coarse."""
    values = {"b": [0.0, 2.0, 1.0, 3.0, 1.0, 0.0]}
    head = {"b": [9.0, 8.0]}
    exact = replace(EXACT, name="instructions")
    base = [*runs(values, metric=COUNT), *runs(values, metric=exact), *runs({"b": STEADY})]
    seen = analyse(base, [*runs(head, metric=COUNT), *runs(head, metric=exact), *runs({"b": [1.0]})], analysis.Policy())
    names = [metric.name for metric in seen.matrix.rows.metrics]
    counted = dict(zip(names, np.isfinite(seen.estimates.p_counts).tolist(), strict=True))
    assert counted == {"items": True, "instructions": False, "time": False}
    assert not seen.estimates.coarse[names.index("time")]
