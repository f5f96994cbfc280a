"""Functions that became slower are found below the noise of their benchmark, and identical code raises no alarm."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action.advice.cause_analysis import slower_functions
from regress_action.advice.profile_files import ProfileRun
from regress_action.model.profiles import CallProfile, FunctionCalls, FunctionKey

FUNCTIONS = 100


def runs(pairs: int, seed: int, factor: float = 1.0, *, noise: float = 0.04, calls: float = 1.0) -> list[ProfileRun]:
    """Return pairs in which every run has its own speed, and `work7` of the head takes `factor` times as long."""
    draw = np.random.default_rng(seed)
    made = []
    for pair in range(pairs):
        for side in ("base", "head"):
            speed = draw.lognormal(0, 0.1)
            times = draw.lognormal(0, noise, FUNCTIONS) * speed * 0.01
            if side == "head":
                times[7] *= factor * calls
            counts = [100 * (calls if side == "head" and number == 7 else 1) for number in range(FUNCTIONS)]
            functions = {
                FunctionKey(f"work{number}", "suite.py"): FunctionCalls(counts[number], float(times[number]))
                for number in range(FUNCTIONS)
            }
            made.append(ProfileRun(side, pair, {}, CallProfile(functions)))
    return made


def test_a_function_of_one_percent_that_is_a_fifth_slower_is_found() -> None:
    """Thirty pairs of runs whose speeds differ by 10 %, a function whose time differs by 4 % from run to run."""
    (slower,) = slower_functions(runs(30, 1, 1.2))
    assert slower.key.function == "work7"
    assert slower.low < 1.2 < slower.high
    assert slower.share == pytest.approx(0.01, rel=0.2)
    assert slower.p_value < 0.01


def test_identical_code_raises_no_alarm() -> None:
    """Of 60 suites with 100 functions each, at most two blame a function: 1 % is promised, and 3 of 60 have 2 %."""
    alarms = sum(bool(slower_functions(runs(10, seed))) for seed in range(60))
    assert alarms <= 2


def test_a_function_that_is_called_more_often_is_none() -> None:
    """That is a change of its callers; the time of one call is what counts."""
    assert slower_functions(runs(30, 3, calls=2.0)) == ()


def test_few_pairs_decide_nothing() -> None:
    """Below five pairs there is no verdict."""
    assert slower_functions(runs(4, 1, 3.0)) == ()
