"""Several new runs against a baseline that drifts, or may."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from regress_action import analysis
from regress_action.analysis import Policy, baseline_drift, designs
from regress_action.analysis.autocorrelation import lag_one
from regress_action.analysis.comparison import analyse
from regress_action.model.comparisons import Mode, ReasonCode, Verdict
from regress_action.model.measurements import Metric, Noise
from regress_action.report.reasons import sentence
from unit.analysis.compared_sides import EXACT, SIGNED, only_row, reason_of, runs, stored

SEEDS = st.integers(0, 2**32 - 1)
examples = settings(max_examples=30, deadline=None)


def around_two_levels(values: np.ndarray) -> float:
    """Return the sum of squares around the best two levels of three runs or more."""
    splits = range(3, len(values) - 2)
    return min((sum(part.var() * len(part) for part in (values[:n], values[n:])) for n in splits), default=np.inf)


@examples
@given(SEEDS, st.integers(5, 30), st.floats(-0.01, 0.01))
def test_a_line_is_that_of_least_squares(seed: int, count: int, slope: float) -> None:
    """With the error and the significance of correlated neighbours for a certain drift, without for a possible one."""
    values = np.random.default_rng(seed).normal(0, 0.03, count) + slope * np.arange(count)

    drift = baseline_drift.of(np.insert(values, [2, 4], np.nan)[None])

    line = stats.linregress(np.arange(count), values)
    residuals = values - line.intercept - line.slope * np.arange(count)
    correlation = min(max(lag_one(residuals[None])[0] + 2 / count, 0), 0.95)
    inflation = (1 + correlation) / (1 - correlation)
    error = line.stderr * np.sqrt(inflation)
    p = 2 * stats.t.sf(abs(line.slope / error), max(count / inflation - 2, 1))
    straight = residuals @ residuals <= around_two_levels(values) * count ** (1 / count)
    if count < 8:
        assert (drift.slope[0], drift.error[0], drift.certain[0], drift.possible[0]) == (0, 0, False, False)
        return
    assert (drift.slope[0], drift.error[0]) == pytest.approx((line.slope, error))
    assert drift.middle[0] == pytest.approx((count + 1) / 2)
    assert drift.certain[0] == (straight and p < 0.01)
    assert drift.possible[0] == (not drift.certain[0] and line.pvalue < (0.1 if count < 20 else 0.05))


def test_a_drift_is_taken_off_to_the_middle_of_the_new_runs() -> None:
    """Of 1 % a run, on both sides; rows that are not named stay as they are."""
    along = 0.01 * np.arange(13.0)
    base, head = np.stack([along[:10]] * 2), np.stack([along[10:]] * 2)
    base[:, 4] = np.nan
    base[:, 5:] -= 0.01  # a missing run is no run

    level, new = baseline_drift.of(base).taken_off(base, head - 0.01, np.array([True, False]))

    assert level[0][~np.isnan(level[0])] == pytest.approx(np.full(9, 0.1))
    assert new[0] == pytest.approx(np.full(3, 0.1))
    assert (level[1][~np.isnan(level[1])] == base[1][~np.isnan(base[1])]).all()


@examples
@given(SEEDS, st.integers(12, 30), st.integers(2, 5))
def test_the_interval_of_a_drifting_baseline_holds_those_of_all_its_readings(seed: int, count: int, new: int) -> None:
    """Held to the line, to the line of its newest ten runs, and to their level."""
    values = np.random.default_rng(seed).normal(0, 0.01, count + new) + 0.01 * np.arange(count + new)
    base, head, none = values[None, :count], values[None, count:], designs.no_prior(1)
    drift, newest = baseline_drift.of(base), base[:, -10:]

    assume(drift.certain.all())
    found, p_line = baseline_drift.history(drift, base, head, none, 5)

    readings = [designs.history(newest, head, none, 5)]
    for line, stored_runs in ((drift, base), (baseline_drift.of(newest), newest)):
        along = designs.history(*line.taken_off(stored_runs, head, np.array([True])), none, 5)
        along.se = np.hypot(along.se, line.error * (line.middle - 1 + (new + 1) / 2))
        readings.append(along)
    ends = np.array([one.d + side * stats.t.isf(0.025, one.df) * one.se for one in readings for side in (-1, 1)])
    half = stats.t.isf(0.025, found.df) * found.se
    assert (found.d - half, found.d + half) == (pytest.approx([ends.min()]), pytest.approx([ends.max()]))
    assert np.isnan(p_line).all()


def test_new_runs_that_go_on_with_a_drift_are_neither_slower_nor_unchanged() -> None:
    """Half a per cent a run: what five new runs did is open, and the reason says why."""
    values = np.exp(np.random.default_rng(2).normal(0, 0.02, 35) + 0.005 * np.arange(35))

    row = stored(values[:30], values[30:])

    assert (row.verdict, reason_of(row).code) == (Verdict.INCONCLUSIVE, ReasonCode.DRIFTING_BASELINE)
    assert row.runs_needed is None
    assert "The stored runs drift, and whether that goes on" in sentence(row)


@pytest.mark.parametrize(("learned", "is_drift"), [(30, True), (31, False)])
def test_a_baseline_that_is_as_long_as_what_noise_was_learned_from_is_asked_for_its_drift(
    learned: int, *, is_drift: bool
) -> None:
    """It shows its noise itself; of a longer history the head is held to the level at which the baseline ends."""
    values = np.exp(np.random.default_rng(2).normal(0, 0.02, 35) + 0.005 * np.arange(35))

    row = stored(values[:30], values[30:], Policy(noise={("b", "time"): Noise(0.02, learned)}))

    assert (row.noise is None) == is_drift
    assert (reason_of(row).code is ReasonCode.DRIFTING_BASELINE) == is_drift


def test_a_change_far_beyond_a_drift_is_proven() -> None:
    """Half as slow again."""
    values = np.exp(np.random.default_rng(2).normal(0, 0.01, 35) + 0.005 * np.arange(35))

    row = stored(values[:30], 1.5 * values[30:])

    assert (row.verdict, row.confirmed) == (Verdict.REGRESSION, None)


def test_a_change_that_a_possible_drift_explains_is_suspected() -> None:
    """Ten stored runs whose slope may be noise: new ones where it leads are not proven, and twice as far they are."""
    noise = 0.02 * np.array([-1, 1, -0.5, 0.5, -1, 1.5, 0, -0.5, 1, 0.5])
    base = np.exp(noise + 0.002 * np.arange(10))
    near, far = (stored(base, level * np.exp(noise[:5])) for level in (1.07, 1.4))

    assert (near.verdict, near.confirmed, reason_of(near).code) == (
        Verdict.REGRESSION,
        False,
        ReasonCode.DRIFTING_BASELINE,
    )
    assert "The stored runs may drift" in sentence(near)
    assert far.confirmed is None


def test_a_level_that_stepped_is_no_slope() -> None:
    """New runs are held to the newest level, also where a line through both would explain them."""
    noise = np.exp(np.random.default_rng(5).normal(0, 0.01, 30))
    base = noise[:25] * np.repeat([1.0, 1.3], [15, 10])
    assert baseline_drift.of(np.log(base)[None]).possible.all()

    row = stored(base, 1.43 * noise[25:])

    assert (row.verdict, row.confirmed, row.baseline.runs) == (Verdict.REGRESSION, None, 10)


def test_sides_that_are_compared_as_single_sessions_have_no_drift() -> None:
    """That is not why they are open."""
    values = np.exp(np.random.default_rng(2).normal(0, 0.005, 35) + 0.001 * np.arange(35))
    base, head = runs({"b": values[:30]}), runs({"b": values[30:]})

    row = only_row(analysis.compare(base, head, mode=Mode.SINGLE))

    assert (row.verdict, reason_of(row).code) == (Verdict.INCONCLUSIVE, ReasonCode.UNDECIDED)


@pytest.mark.parametrize("metric", [EXACT, SIGNED])
def test_what_is_counted_or_has_a_sign_neither_drifts_nor_has_tails(metric: Metric) -> None:
    """A count of instructions is what it is; differences have no line of ratios."""
    noise = np.random.default_rng(2).normal(0, 1, 35)
    drift = 1000.0 + 5 * np.arange(35) + np.round(noise)
    tailed = 1000.0 + np.where(np.arange(35) % 9 == 0, 50, np.round(noise))

    for values, count in ((drift, 30), (tailed, 34)):
        base, head = runs({"b": values[:count]}, metric=metric), runs({"b": values[count:]}, metric=metric)
        seen = analyse(base, head, Policy()).estimates
        assert (seen.drifting.tolist(), seen.widened.tolist()) == ([False], [1.0])
        assert np.isnan(seen.p_line).all()
