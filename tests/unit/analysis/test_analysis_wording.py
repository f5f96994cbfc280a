"""The sentence of reason: what was seen, how sure it is, and what could have been seen."""

from __future__ import annotations

import numpy as np
import pytest
from compared_sides import COUNT, RATE, one, paired, runs, stored
from scipy import stats

from regress_action import analysis
from regress_action.analysis import wording
from regress_action.model.measurements import Metric

STEADY = [1.0, 1.001, 0.999, 1.0, 1.0005, 0.9995]
NOISY = [1.0, 1.1, 0.92, 1.05, 0.95, 1.03]


def scaled(ratio: float) -> list[float]:
    """Return the steady values at another level."""
    return [ratio * value for value in STEADY]


def test_a_regression_says_how_much_how_sure_and_from_what() -> None:
    """With the ends of the interval."""
    assert (
        paired(STEADY, scaled(1.25)).reason
        == "25.0 % slower (+22.6 % to +27.4 %), from 6 interleaved pairs; q < 0.001."
    )


def test_a_slight_regression_says_why_it_does_not_alarm() -> None:
    """Its threshold is named."""
    assert paired(STEADY, scaled(1.1)).reason.endswith("below its threshold of 20.0 %, so it does not alarm.")


def test_a_large_regression_is_said_as_a_factor() -> None:
    """Nobody reads 300 %."""
    assert paired(STEADY, scaled(4.0)).reason.startswith("4.0 times the baseline (3.9 to 4.1)")


def test_an_improvement_says_what_was_saved() -> None:
    """A fifth of the time is a fifth."""
    assert paired(STEADY, scaled(0.8)).reason.startswith("20.0 % faster (-21.5 % to -18.4 %), from 6 interleaved pairs")


@pytest.mark.parametrize(
    ("metric", "ratio", "words"),
    [(Metric("peak_memory", "B"), 1.5, "50.0 % larger"), (RATE, 0.5, "100.0 % worse"), (COUNT, 1.5, "50.0 % worse")],
)
def test_the_word_fits_the_metric(metric: Metric, ratio: float, words: str) -> None:
    """Memory grows, a rate gets worse."""
    assert paired(STEADY, scaled(ratio), metric=metric).reason.startswith(words)


def test_unchanged_says_what_is_ruled_out() -> None:
    """Not that nothing was significant."""
    reason = paired(STEADY, STEADY).reason

    assert reason.startswith("A change of 3.0 % or more for the worse is ruled out: it lies between -1.9 % and +1.9 %")


def test_inconclusive_says_what_could_have_been_seen_and_what_would_decide() -> None:
    """In the unit of evidence: pairs, or runs per side."""
    pair, history = paired(NOISY, NOISY[::-1]), stored(NOISY, [1.05])

    assert f"a change of {wording.percent(pair.minimum_detectable_ratio)} would have been found" in pair.reason
    assert f"about {pair.runs_needed} pairs would show 3.0 %" in pair.reason
    assert f"about {history.runs_needed} runs per side would show 5.0 %" in history.reason


def test_the_runs_that_would_decide_follow_the_textbook() -> None:
    """Per side 2 (2.8 s / log(1+T))² for a history; half of that for pairs, whose floor no pair averages away."""
    reach = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    spread = np.log(NOISY).std(ddof=1)
    difference = (np.log(NOISY[::-1]) - np.log(NOISY)).std(ddof=1)
    pair = difference**2 / ((np.log(1.03) / reach) ** 2 - 0.0075**2)

    assert stored(NOISY, [1.05]).runs_needed == np.ceil(2 * (reach * spread / np.log(1.05)) ** 2)
    assert paired(NOISY, NOISY[::-1]).runs_needed == np.ceil(pair)


def test_a_difference_is_said_in_its_unit() -> None:
    """Where there is no ratio."""
    assert stored([0.0] * 6, [3.0] * 6, metric=COUNT).reason.startswith("3 count worse, 6 against 6 stored runs")


def test_one_session_says_what_is_missing() -> None:
    """And does not pretend that more rounds would help."""
    reason = one(analysis.compare(runs({"b": [1.0]}), runs({"b": [1.01]}))).reason

    assert "one session cannot show how far runs of the same code lie apart" in reason
