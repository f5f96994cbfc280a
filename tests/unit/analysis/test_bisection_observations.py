"""What a measurement of two commits says: log ratios of its pairs, and whether they alone show a change."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from regress_action.analysis.bisection.observations import (
    Observations,
    change_size,
    is_clear,
    is_exact,
    keys_of,
    log_ratios,
)
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from unit.analysis.compared_sides import EXACT, NAN, RATE, SIGNED, TIME, pairs

KEY = ("b", "time")


def test_a_pair_gives_the_logarithm_of_head_to_base() -> None:
    """A head that takes twice as long is log 2 worse; a rate that doubled is log 2 better."""
    assert log_ratios(pairs({"b": [1.0]}), pairs({"b": [2.0]}), KEY) == [math.log(2)]
    assert log_ratios(pairs({"b": [1.0]}, metric=RATE), pairs({"b": [2.0]}, metric=RATE), ("b", "throughput")) == [
        -math.log(2)
    ]


@pytest.mark.parametrize("unusable", [0.0, NAN, math.inf])
def test_a_pair_without_a_positive_number_on_each_side_is_left_out(unusable: float) -> None:
    """Zero has no logarithm, and a missing value no ratio, whichever side holds it."""
    whole, broken = pairs({"b": [1.0, 1.0]}), pairs({"b": [unusable, 1.0]})

    assert log_ratios(whole, broken, KEY) == log_ratios(broken, whole, KEY) == [0.0]


def test_a_run_outside_any_pair_gives_no_ratio() -> None:
    """What was measured alone is compared with nothing."""
    alone = Report(runs=(Run(session="s"),), series=(Series(Benchmark("b"), TIME, (1.0,)),))

    assert log_ratios(alone, alone, KEY) == []


def test_time_comes_before_memory_and_memory_before_other_metrics() -> None:
    """Without a wish each benchmark that both sides have counts once, by its main metric."""
    metrics = (Metric("items", "count"), Metric("peak_memory", "B"), TIME)
    every = _measuring("b", *metrics)

    assert keys_of(every, every, "*", None) == [KEY]
    assert keys_of(every, _measuring("b", *metrics[:2]), "*", None) == [("b", "peak_memory")]
    assert keys_of(every, every, "*", "items") == [("b", "items")]
    assert keys_of(every, every, "another", None) == keys_of(_measuring("c", TIME), every, "*", None) == []


def test_a_signed_metric_has_no_ratio_to_search_by() -> None:
    """A leak of minus three bytes is no multiple of one of five."""
    leak = _measuring("b", SIGNED)

    assert keys_of(leak, leak, "*", None) == []


def test_only_an_exact_metric_is_exact() -> None:
    """Instructions are counted, times are not."""
    assert is_exact(_measuring("b", EXACT), ("b", "instructions"))
    assert not is_exact(_measuring("b", TIME), KEY)


def test_the_size_of_a_change_is_students_t() -> None:
    """The mean in standard errors, whichever way it points."""
    ratios = [0.02, 0.05, 0.03, 0.06]

    assert change_size(ratios) == pytest.approx(stats.ttest_1samp(ratios, 0).statistic, rel=1e-5)
    assert change_size([-one for one in ratios]) == change_size(ratios)
    assert change_size([0.02]) == pytest.approx(0.02 / 1e-5)


def test_any_difference_of_exact_counts_is_clear() -> None:
    """They have no noise that could make it."""
    assert is_clear([0.0, 1e-9], exact=True)
    assert not is_clear([0.0, 0.0], exact=True)


def test_noisy_ratios_are_clear_from_three_pairs_and_one_per_cent_on() -> None:
    """Two pairs prove nothing, and less than one per cent is not worth a search."""
    assert is_clear([0.05, 0.05, 0.05], exact=False)
    assert not is_clear([0.05, 0.05], exact=False)
    assert is_clear([-0.011, -0.011, -0.011], exact=False)
    assert not is_clear([0.009, 0.009, 0.009], exact=False)


@pytest.mark.parametrize(("p_value", "clear"), [(0.00098, True), (0.00102, False)])
def test_noisy_ratios_are_clear_below_one_in_a_thousand(p_value: float, *, clear: bool) -> None:
    """By Student's test of both sides, with one degree of freedom fewer than pairs."""
    shape = np.array([-1.0, 0.0, 1.0, 0.0])
    mean = stats.t.isf(p_value / 2, 3) * stats.sem(shape)
    ratios = (0.1 * (shape + mean)).tolist()

    assert stats.ttest_1samp(ratios, 0).pvalue == pytest.approx(p_value)
    assert is_clear(ratios, exact=False) is clear


def test_a_value_far_from_its_commit_is_moved_to_three_and_a_half_deviations() -> None:
    """The deviation is that of all commits around their medians, scaled up for each median that was taken."""
    seen = Observations.of({1: [0.0, 0.01, -0.01, 9.0], 2: [1.0, 1.01, 0.99]})
    fence = 0.005 + 3.5 * 1.4826 * 0.01 * (7 / 5) ** 0.5

    assert seen.means == pytest.approx([fence / 4, 1.0])


def test_three_ratios_are_too_few_to_call_one_of_them_far() -> None:
    """They count as they are."""
    assert Observations.of({1: [0.0, 0.0, 9.0]}).means == pytest.approx([3.0])


def _measuring(name: str, *metrics: Metric) -> Report:
    return Report(
        runs=(Run(session="s", pair=0),), series=tuple(Series(Benchmark(name), metric, (1.0,)) for metric in metrics)
    )
