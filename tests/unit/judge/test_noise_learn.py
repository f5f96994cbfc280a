"""Learned noise: a spread to set thresholds by, and a plain reason when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from judge_reports import past, report

from regress_action.judge import histories, noise
from regress_action.judge.policy import Noise
from regress_action.samples import Environment


def steady(runs: int, seed: int = 0, spread: float = 0.02) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Draw normal noise around one second."""
    return np.asarray(np.exp(spread * np.random.default_rng(seed).standard_normal(runs)))


@pytest.mark.parametrize("runs", [5, 7, 10, 20, 50])
def test_the_spread_is_unbiased(runs: int) -> None:
    """Over many histories of 2 % noise the learned spread averages 2 %, for five runs as for fifty."""
    draw = np.random.default_rng(runs)
    learned = noise.robust_deviations(0.02 * draw.standard_normal((2000, runs)))
    assert learned.mean() == pytest.approx(0.02, rel=0.08)


def test_disturbed_runs_do_not_widen_it() -> None:
    """Two runs in thirty at twice the time leave the spread where it was."""
    values = steady(30)
    values[[7, 19]] *= 2
    assert noise.learn(values).spread == pytest.approx(0.02, rel=0.4)


def test_clusters_are_noise_too() -> None:
    """Where one run in five is on another machine type, the agreement of the other four does not count as silence."""
    values = np.where(np.arange(50) % 5 == 2, 1.15, 1.0)
    spread = noise.learn(values).spread
    assert spread is not None
    assert spread > 0.05


def test_only_the_present_level_teaches() -> None:
    """What was measured before the last step belongs to other code."""
    learned = noise.learn(np.concatenate([steady(30, 1, 0.05), 2 * steady(20, 2, 0.01)]))
    assert learned.since == pytest.approx(30, abs=1)
    assert learned.runs == 50 - learned.since
    assert learned.spread == pytest.approx(0.01, rel=0.5)
    assert learned.stable


def test_the_last_fifty_runs_teach() -> None:
    """A machine that became quieter is known by its last fifty runs."""
    learned = noise.learn(np.concatenate([steady(100, 1, 0.06), steady(50, 2, 0.01)]))
    assert learned.runs == 50
    assert learned.spread == pytest.approx(0.01, rel=0.4)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "There is no run; 5 are needed."),
        ([1.0], "There is one run; 5 are needed."),
        ([1.0, float("nan"), 1.1, 1.0, 1.0], "There are 4 runs; 5 are needed."),
        ([1.0, 0.0, 1.0, 1.0, 1.0, 1.0], "Values of zero or less have no relative spread"),
        ([1.0, 1.5, 0.7, 1.2, 0.8, 1.6, 0.6], "more than the 10% that allow a verdict"),
    ],
)
def test_it_says_why_it_cannot_teach(values: list[float], why: str) -> None:
    """An unstable history gives no noise, and a sentence."""
    learned = noise.learn(values)
    assert not learned.stable
    assert learned.noise is None
    assert why in learned.why


def test_constants_have_no_noise() -> None:
    """An exact metric that never moved is stable with a spread of zero."""
    assert noise.learn([4.0] * 12).noise == Noise(0.0, 12)


def test_a_policy_takes_the_noise_of_its_own_environment() -> None:
    """Environments teach apart, and only the stable histories of the asked one are handed on."""
    elsewhere = Environment(cpu="another")
    reports = past(steady(12), "steady") + past(1 + 0.5 * (np.arange(12) % 2), "wild")
    reports += [report(n, {"steady": [v]}, environment=elsewhere) for n, v in enumerate(steady(12, spread=0.05))]
    learned = noise.learn_all(histories.of(reports))
    here = noise.for_environment(learned, reports[0].environment.fingerprint)
    assert list(here) == [("steady", "time")]
    assert here["steady", "time"].spread < 0.04
    assert noise.for_environment(learned, elsewhere.fingerprint)["steady", "time"].spread > 0.03
