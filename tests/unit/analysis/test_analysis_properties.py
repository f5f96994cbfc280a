"""What must hold for any numbers: of units, of order, of sides, and of more evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from regress_action import analysis
from regress_action.analysis import estimate, noise
from regress_action.model.comparisons import Severity, Verdict
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from unit.analysis.compared_sides import RATE, number, only_row, paired, pairs, stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from regress_action.model.comparisons import Comparison

    Values = NDArray[np.float64]

examples = settings(max_examples=25, deadline=None)
VALUES = st.lists(st.floats(0.5, 2.0), min_size=5, max_size=14)
MIRRORED = {Verdict.REGRESSION: Verdict.IMPROVEMENT, Verdict.IMPROVEMENT: Verdict.REGRESSION}


@examples
@given(VALUES, VALUES, st.floats(1e-9, 1e6), st.sampled_from([paired, stored]))
def test_the_unit_does_not_matter(
    base: list[float], head: list[float], factor: float, compare: Callable[..., Comparison]
) -> None:
    """Nanoseconds or hours: the same ratios, p-values and verdict, of values that vary (else a clock is looked for)."""
    count = min(len(base), len(head))
    assume(max(base[:count]) > 1.000001 * min(base[:count]))
    small = compare(base[:count], head[:count])
    large = compare([value * factor for value in base[:count]], [value * factor for value in head[:count]])

    assert (small.verdict, small.severity) == (large.verdict, large.severity)
    assert (small.ratio, small.p_value) == pytest.approx((large.ratio, large.p_value), rel=1e-6)


@examples
@given(VALUES, VALUES)
def test_swapping_the_sides_turns_the_ratio_over(base: list[float], head: list[float]) -> None:
    """The same certainty, the inverse ratio and interval, the opposite proof."""
    count = min(len(base), len(head))
    there, back = paired(base[:count], head[:count]), paired(head[:count], base[:count])

    assert there.p_value == pytest.approx(back.p_value)
    assert there.ratio == pytest.approx(1 / number(back.ratio))
    assert there.ratio_low == pytest.approx(1 / number(back.ratio_high))
    if there.verdict in MIRRORED:
        assert back.verdict is MIRRORED[there.verdict]


@examples
@given(VALUES, VALUES)
def test_a_rate_is_judged_as_the_time_it_stands_for(base: list[float], head: list[float]) -> None:
    """Operations per second and seconds per operation are one question, where they vary (a clock counts seconds)."""
    count = min(len(base), len(head))
    assume(max(base[:count]) > 1.000001 * min(base[:count]))
    time = paired(base[:count], head[:count])
    rate = paired([1 / value for value in base[:count]], [1 / value for value in head[:count]], metric=RATE)

    assert (time.verdict, time.severity) == (rate.verdict, rate.severity)
    assert time.ratio == pytest.approx(rate.ratio)


@examples
@given(st.permutations([1.0, 1.02, 0.97, 1.05, 0.99]))
def test_the_order_of_a_short_baseline_does_not_matter(shuffled: list[float]) -> None:
    """Too few runs for a step among them: any order is the same evidence."""
    assert stored(shuffled, [1.1]).p_value == pytest.approx(stored(sorted(shuffled), [1.1]).p_value)


@examples
@given(VALUES, st.floats(1.0, 3.0), st.floats(1.0, 1.5))
def test_a_larger_slowdown_is_never_judged_milder(base: list[float], factor: float, more: float) -> None:
    """Severity and ratio only grow with the head."""
    less_bad, worse = (paired(base, [value * by for value in base]) for by in (factor, factor * more))

    assert worse.severity.rank >= less_bad.severity.rank
    assert number(worse.ratio) >= number(less_bad.ratio) * (1 - 1e-12)
    assert number(worse.q_value) <= number(less_bad.q_value) + 1e-12


@examples
@given(VALUES)
def test_the_verdict_follows_from_the_numbers_it_shows(base: list[float]) -> None:
    """A regression has its whole interval above one, q at most alpha, and a ratio above what is called a change."""
    row = paired(base, [value * 1.3 for value in base])

    assert row.verdict is Verdict.REGRESSION
    assert number(row.ratio_low) > 1
    assert number(row.q_value) <= 0.05
    assert row.severity is Severity.MINOR


@pytest.mark.parametrize(
    ("ratio", "severity"),
    [
        (1.04, "slight"),
        (1.19, "slight"),
        (1.21, "minor"),
        (1.49, "minor"),
        (1.51, "moderate"),
        (1.99, "moderate"),
        (2.01, "critical"),
        (9, "critical"),
    ],
)
def test_severity_is_graded_by_the_bands(ratio: float, severity: str) -> None:
    """Minor from the threshold, moderate from half again, critical above twice."""
    row = paired([1.0] * 6, [ratio] * 6)

    assert row.severity == severity


def test_a_service_of_its_own_threshold_is_graded_by_it() -> None:
    """At 1.6 a ratio of 1.55 is slight, and 1.65 is at once moderate."""
    policy = analysis.Policy(limits=(analysis.Limit(regression_threshold=1.6),))

    assert paired([1.0] * 6, [1.55] * 6, policy).severity is Severity.SLIGHT
    assert paired([1.0] * 6, [1.65] * 6, policy).severity is Severity.MODERATE


def test_a_threshold_below_what_is_usually_called_a_change_is_honoured() -> None:
    """Who asks for 2 % gets 2 %, where the noise allows it."""
    strict = analysis.Policy(
        session_spread=analysis.SessionSpread(paired=0.001), limits=(analysis.Limit(regression_threshold=1.02),)
    )

    assert paired([1.0] * 6, [1.025] * 6, strict).severity is Severity.MINOR
    assert paired([1.0] * 6, [1.025] * 6, replace(strict, limits=())).verdict is Verdict.UNCHANGED


def test_the_threshold_shown_is_what_the_noise_allows() -> None:
    """A benchmark that cannot show 20 % does not pretend to be held to it."""
    noisy = [1.0, 1.6, 0.7, 1.3, 0.8, 1.1]

    row = paired(noisy, noisy[::-1])

    assert row.threshold > 1.2
    assert paired([1.0] * 6, [1.0] * 6).threshold == pytest.approx(1.2)


def test_the_minimum_detectable_ratio_is_found_with_the_promised_power() -> None:
    """Injected on fresh noise, it is called a regression about four times in five."""
    random = np.random.default_rng(5)
    first, second, again = (np.exp(random.normal(0, 0.03, (600, 8))) for _ in range(3))
    promised = [row.minimum_detectable_ratio for row in alone(first, second)]

    rows = alone(first, again * np.array(promised)[:, None])

    assert 0.74 <= np.mean([row.verdict is Verdict.REGRESSION for row in rows]) <= 0.88


@pytest.mark.parametrize("spread", [0.002, 0.01, 0.03, 0.2])
def test_the_minimum_detectable_ratio_counts_the_error_of_both_standard_errors(spread: float) -> None:
    """The limit, and what four in five stay below, of an error that is drawn anew and has the tails of a machine."""
    differences = spread * stats.t(30).ppf(np.linspace(0.06, 0.94, 8))  # without an outlier
    (row,) = alone(np.ones((1, 8)), np.exp(differences)[None])
    drawn = differences.var(ddof=1) / 8
    se = np.sqrt(drawn + 0.0075**2)
    relative = (drawn / se**2) ** 2 / 7
    strict = stats.t(7).isf(0.025) * se
    limit, estimated = max(strict, np.log(1.03)) / se, strict / se if strict >= np.log(1.03) else 0

    def missing(reach: float) -> float:
        return float(reach - limit - stats.norm.isf(0.2) * np.sqrt(1 + relative * (reach**2 + estimated**2)))

    reach = optimize.brentq(missing, limit, 50)
    assert np.log(number(row.minimum_detectable_ratio)) == pytest.approx(reach * se, rel=1e-3)


def test_the_minimum_detectable_ratio_holds_for_skewed_noise() -> None:
    """Of five fresh pairs, never much faster and now and then much slower; seven rows say nothing of each other."""
    random = np.random.default_rng(6)
    found = []
    for _ in range(100):
        first, second, base, head = np.exp(0.05 * random.exponential(1, (4, 7, 5)))
        promised = [row.minimum_detectable_ratio for row in alone(first, second)]
        found += [row.verdict is Verdict.REGRESSION for row in alone(base, head * np.array(promised)[:, None])]

    assert np.mean(found) >= 0.77


def alone(base: Values, head: Values) -> list[Comparison]:
    """Compare rows × pairs, each as if it were the only one: a metric of its own is a family of its own."""
    sides = [
        Report(
            tuple(Series(Benchmark("b"), Metric(f"time {n}", "s"), tuple(row)) for n, row in enumerate(side.tolist())),
            tuple(Run(session="s", pair=pair) for pair in range(side.shape[1])),
        )
        for side in (base, head)
    ]
    rows = analysis.compare(sides[:1], sides[1:]).comparisons
    return sorted(rows, key=lambda row: int(row.metric.name.split()[1]))


def test_more_pairs_see_smaller_changes() -> None:
    """And say how many would be enough."""
    random = np.random.default_rng(3)
    base, head = (np.exp(random.normal(0, 0.05, 60)).tolist() for _ in range(2))
    few, many = paired(base[:6], head[:6]), paired(base, head)

    assert number(many.minimum_detectable_ratio) < number(few.minimum_detectable_ratio)
    assert few.runs_needed is not None
    assert few.runs_needed > 6


def test_rows_of_a_suite_that_shares_no_variance_agree_with_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is computed on whole arrays; but for what a suite shows of noise, only q depends on the others."""
    monkeypatch.setattr(noise, "_FEWEST_BENCHMARKS", 10**9)
    monkeypatch.setattr(estimate, "_SUITE", 10**9)
    random = np.random.default_rng(1)
    base = {f"b{n}": np.exp(random.normal(0, 0.02, 7)).tolist() for n in range(50)}
    head = {name: np.exp(random.normal(0, 0.02, 7)).tolist() for name in base}

    together = analysis.compare([pairs(base)], [pairs(head)])

    for row in together.comparisons:
        name = row.benchmark.name
        alone = only_row(analysis.compare([pairs({name: base[name]})], [pairs({name: head[name]})]))
        assert (row.ratio, row.p_value) == pytest.approx((alone.ratio, alone.p_value))
