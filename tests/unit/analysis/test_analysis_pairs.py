"""What interleaved pairs rule out when they are counted, on machines that run at two speeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from regress_action import analysis
from regress_action.analysis import tests as counting
from regress_action.model.comparisons import Verdict
from regress_action.report.reasons import sentence
from unit.analysis.compared_sides import of, paired, pairs

if TYPE_CHECKING:
    from regress_action.model.measurements import Report

MANY = 1500
TWENTY = analysis.Policy(limits=(analysis.Limit(regression_threshold=1.2),))


def measured(random: np.random.Generator, between: float, within: float, rounds: int) -> list[Report]:
    """Draw both sides of thirty pairs: a process effect for each run, and rounds whose median is the run's value."""
    sides = []
    for commit in "ab":
        levels = 0.01 * np.exp(random.normal(0, between / np.sqrt(2), 30))
        drawn = levels[:, None] * np.exp(random.normal(0, within, (30, rounds)))
        report = pairs({"b": np.median(drawn, axis=1)}, commit=commit)
        series = replace(report.series[0], rounds=(rounds,) * 30, spreads=tuple(drawn.std(axis=1, ddof=1)))
        sides.append(replace(report, series=(series,)))
    return sides


@pytest.mark.parametrize(("between", "within"), [(0.03, 0.05), (0.0, 0.2), (0.05, 0.0)])
def test_noise_of_pairs_divides_into_processes_and_rounds(between: float, within: float) -> None:
    """Over twenty measurements both parts come out as they were drawn, and their squares add up to what is seen."""
    random = np.random.default_rng(3)
    parts = []
    for _ in range(20):
        base, head = measured(random, between, within, 101)
        noise = of(analysis.compare([base], [head]), "b").pair_noise
        assert noise is not None
        parts.append((noise.between**2, noise.within**2))
    found = np.sqrt(np.mean(parts, axis=0))
    of_medians = within * np.sqrt(2 / 101 * np.pi / 2)
    assert found[0] == pytest.approx(between, abs=0.016)
    assert found[1] == pytest.approx(of_medians, abs=0.004)


def test_rounds_that_are_not_known_divide_nothing() -> None:
    """One value a run says nothing of what lies within a process."""
    assert paired([1.0] * 8, [1.1, 1.101, 1.099, 1.1, 1.1, 1.102, 1.098, 1.1]).pair_noise is None


def two_speeds(seed: int, count: int, slower: float = 1.0) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Draw identical benchmarks on a machine that is 1.65 times as slow in every third run, the head `slower`."""
    random = np.random.default_rng(seed)

    def side() -> np.ndarray:
        slow = random.random((MANY, count)) < 1 / 3
        return np.exp(0.5 * slow + 0.02 * random.standard_normal((MANY, count)))

    base, head = ({f"b{n}": row.tolist() for n, row in enumerate(rows)} for rows in (side(), slower * side()))
    return base, head


def share(verdict: Verdict, judgement: analysis.Judgement) -> float:
    """Return the share of comparisons with a verdict."""
    return float(np.mean([row.verdict is verdict for row in judgement.comparisons]))


@pytest.mark.parametrize("pair_count", [7, 10, 20, 31])
def test_the_number_that_may_lie_beyond_is_that_of_the_sign_test(pair_count: int) -> None:
    """One more would be likelier than the share of alpha that counting has."""
    (allowed,) = counting.most_allowed(np.array([pair_count]), 0.05)

    assert stats.binom.cdf(allowed, pair_count, 0.5) <= 0.0125 < stats.binom.cdf(allowed + 1, pair_count, 0.5)


def test_six_pairs_are_too_few_to_be_counted() -> None:
    """Not even a unanimous six is rare enough."""
    assert counting.most_allowed(np.array([6, 7]), 0.05).tolist() == [-1, 0]


@pytest.mark.parametrize("pair_count", [10, 30])
def test_a_change_as_large_as_the_threshold_is_hardly_ever_called_unchanged(pair_count: int) -> None:
    """Exactly at the margin, on a machine of two speeds: at most five in a hundred, as promised."""
    base, head = two_speeds(1, pair_count, slower=1.2)

    judgement = analysis.compare([pairs(base)], [pairs(head)], TWENTY)

    assert share(Verdict.UNCHANGED, judgement) <= 0.05


def test_a_machine_of_two_speeds_can_still_prove_that_nothing_changed() -> None:
    """Forty pairs, of which two in five ran at two speeds: nine benchmarks in ten are proven unchanged."""
    base, head = two_speeds(2, 40)

    judgement = analysis.compare([pairs(base)], [pairs(head)], TWENTY)

    assert share(Verdict.UNCHANGED, judgement) >= 0.9
    assert share(Verdict.REGRESSION, judgement) == 0


def test_a_counted_verdict_says_what_was_counted() -> None:
    """Two wild pairs of twelve at either end; the reason names pairs and not an interval."""
    head = [1.0, 1.0101, 2.0, 0.9912, 1.0013, 1.0107, 1.0002, 0.5, 1.0031, 1.0008, 0.51, 1.0017]

    row = paired([1.0] * 12, head, TWENTY)

    assert row.verdict is Verdict.UNCHANGED
    assert sentence(row) == (
        "A change of +3 % or more for the worse is ruled out: only 1 of 12 interleaved pairs differs so much. Extra "
        "work that fewer than 34 % of its runs do may have been missed."
    )


def test_a_slowdown_of_every_third_run_is_not_ruled_out_by_the_other_two() -> None:
    """Ten times as slow in nine of thirty pairs: few enough for the count, and yet nothing that is unchanged."""
    head = [10.0 if n % 10 in (0, 3, 6) else 1.0 for n in range(30)]

    assert counting.most_allowed(np.array([30]), 0.05) >= 8
    assert paired([1.0] * 30, head, TWENTY).verdict is not Verdict.UNCHANGED


def test_a_threshold_that_was_written_down_is_what_must_be_ruled_out() -> None:
    """Ten per cent of noise: 20 % is ruled out by five pairs and 3 % is not; each row by its own threshold."""
    base = {"asked": [1.0] * 6, "strict": [1.0] * 6}
    head = {name: [1.05, 0.95, 1.08, 0.94, 1.0, 0.97] for name in base}
    policy = analysis.Policy(limits=(analysis.Limit(benchmark="asked", regression_threshold=1.2),))

    judgement = analysis.compare([pairs(base)], [pairs(head)], policy)

    assert of(judgement, "asked").verdict is Verdict.UNCHANGED
    assert sentence(of(judgement, "asked")).startswith("A change of +20 % or more for the worse is ruled out: it lies")
    assert of(judgement, "strict").verdict is Verdict.INCONCLUSIVE
    assert of(judgement, "strict").threshold == pytest.approx(of(judgement, "asked").threshold)


def test_the_smaller_size_is_named_when_both_are_ruled_out() -> None:
    """Hardly any noise: what is said is the strongest that is proven."""
    row = paired([1.0] * 6, [1.0, 1.001, 0.999, 1.0, 1.001, 1.0], TWENTY)

    assert sentence(row).startswith("A change of +3 % or more for the worse is ruled out")


def test_a_proven_slowdown_below_the_threshold_stays_a_regression() -> None:
    """Ten per cent worse beyond doubt is shown, although the threshold of 20 % is ruled out."""
    row = paired([1.0] * 8, [1.1, 1.101, 1.099, 1.1, 1.1, 1.102, 1.098, 1.1], TWENTY)

    assert row.verdict is Verdict.REGRESSION


def test_more_pairs_than_a_float_has_powers_of_two_are_counted() -> None:
    """The counts of 1000 pairs and fewer come from whole numbers, those above from the binomial distribution."""
    many = [1000, 1001, 1023, 1024, 1025, 5000, 100_000]
    allowed = counting.most_allowed(np.array(many), 0.05)
    assert allowed.tolist() == [int(stats.binom.ppf(0.0125, count, 0.5)) - 1 for count in many]


@pytest.mark.parametrize("count", [1024, 3000])
def test_thousands_of_pairs_are_judged(count: int) -> None:
    """More than a thousand pairs overflow nothing."""
    random = np.random.default_rng(1)
    base, head = (0.01 * shift * np.exp(random.normal(0, 0.01, count)) for shift in (1.0, 1.3))
    assert paired(base, head).verdict is Verdict.REGRESSION
    assert paired(base, base[::-1]).verdict is Verdict.UNCHANGED
