"""What a history is claimed to have become, and how certain that is, by the words of `sustained_changes`."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from regress_action.analysis import histories, sustained_changes, trend
from regress_action.analysis.change_points import ChangePoint
from regress_action.analysis.cumulative_drift import CumulativeDrift, DriftSince, LevelChange
from regress_action.analysis.histories import BenchmarkHistory, Followed
from regress_action.analysis.policy import Limit, Policy, WaiverRule
from regress_action.analysis.trend import Tendency, Trend
from regress_action.model.comparisons import ReasonCode, Severity, Verdict
from regress_action.model.measurements import Direction
from unit.analysis.compared_sides import reason_of

STABLE = Trend(Tendency.STABLE, 0.0, 1.0, 0.0, 20)


def history_of(values: np.ndarray, direction: Direction = Direction.LOWER) -> BenchmarkHistory:
    """Name a column of values, each of its own commit."""
    return histories.named("b", values, direction=direction, commits=[f"c{n}" for n in range(len(values))])


def drift_from(
    history: BenchmarkHistory, start: int, ratio: float, low: float, points: list[ChangePoint]
) -> DriftSince:
    """Make a drift since one run, over the change points after it."""
    changes = tuple(
        LevelChange(history.point(point.index), point.ratio or 1.0, point.p_value, point.settled, point.clear)
        for point in points
        if point.index > start
    )
    return DriftSince(history.point(start), 1.0, ratio, ratio, low, 2 * ratio, changes, 1.0)


def test_a_claim_of_steps_is_certain_where_they_are_settled_clear_and_still_there() -> None:
    """One step for the worse names its commit; several are creep, of sixteen runs at least, as large as the limit."""
    random = np.random.default_rng(1)
    seen: Counter[tuple[ReasonCode, bool]] = Counter()
    for _ in range(800):
        runs, start = int(random.choice([24, 31, 32, 33, 60])), int(random.choice([0, 15, 16, 17]))
        ratio, threshold = float(random.choice([1.1, 1.2, 1.5])), 1.2
        values = np.exp(random.normal(0, 0.001, runs) + random.choice([0, np.log(ratio)]) * np.linspace(0, 1, runs))
        values[-3:] = random.choice([np.sqrt(ratio) * 0.999, np.sqrt(ratio) * 1.001, ratio], 3, p=[0.05, 0.15, 0.8])
        history = history_of(values)
        places = sorted(random.choice(np.arange(18, runs - 1), random.integers(0, 4), replace=False).tolist())
        points = [
            ChangePoint(
                index, float(random.choice([0.9, 1.1, 1.2, 1.3])), 0.1, float(random.choice([1e-9, 1e-5])),
                settled=bool(random.random() < 0.9), clear=bool(random.random() < 0.6),
            )
            for index in places
        ]  # fmt: skip
        low = float(random.choice([0.99, 1.0, 1.05]))
        drift = drift_from(history, start, ratio, low, points)
        release, best = ((drift, None), (None, drift), (drift, drift))[random.integers(3)]

        claims = sustained_changes._crept(
            Followed(history, STABLE, tuple(points)), CumulativeDrift(history, release, best), threshold
        )

        words = [word for word, one in (("the release", release), ("its best level", best)) if one]
        assert [claim.reason.before for claim in claims] == (words if ratio >= threshold and low > 1 else [])
        steps = [point for point in points if (point.ratio or 0) > 1]
        there = all(point.settled for point in points) and min(values[-3:]) > math.sqrt(ratio)
        for claim in claims:
            expected: tuple[ReasonCode, str, int | None, float | None, bool]
            if len(steps) == 1:
                (step,) = steps
                expected = ReasonCode.STEPPED, f"c{step.index}", None, step.p_value, there and step.clear
                stretch = f"c{step.index - 1}", f"c{step.index}"
            else:
                clear = math.prod(point.ratio or 1.0 for point in points if point.clear)
                rises = trend.slope_p(np.log(values[start:])) < 1e-4
                certain = there and runs - start >= 16 and (clear >= threshold or rises)
                p = max((step.p_value for step in steps), default=None)
                expected = ReasonCode.CREPT, f"c{start}", len(steps), p, certain
                stretch = f"c{start}", f"c{runs - 1}"
            code, text, count, p_value, certain = expected
            assert (claim.reason.code, claim.reason.text) == (code, text)
            assert count is None or claim.reason.count == count
            assert (claim.p_value, claim.seen_again) == (p_value, certain)
            assert (claim.good, claim.bad, claim.drift, claim.ratio) == (*stretch, drift, ratio)
            seen[claim.reason.code, certain] += 1
    assert min(seen[code, sure] for code in (ReasonCode.STEPPED, ReasonCode.CREPT) for sure in (True, False)) > 10


@pytest.mark.parametrize("direction", [Direction.LOWER, Direction.HIGHER])
def test_the_newest_runs_hold_a_level_where_each_is_nearer_to_it(direction: Direction) -> None:
    """Three of them, beyond the geometric mean of both levels, whichever is the higher one."""
    up = direction is Direction.LOWER
    for nearest, holds in ((2.001, up), (2.0, False), (1.999, not up)):
        values = np.array([1.0 if up else 4.0] * 6 + [4.0 if up else 1.0] * 2)
        values[-3] = nearest
        assert sustained_changes._holds(history_of(values, direction), *((1.0, 4.0) if up else (4.0, 1.0))) == holds
        values[-4] = 1.0 if up else 4.0
        values[-3] = 4.0 if up else 1.0
        assert sustained_changes._holds(history_of(values, direction), *((1.0, 4.0) if up else (4.0, 1.0)))


def test_a_drift_is_certain_where_it_was_there_eight_runs_ago_and_went_on() -> None:
    """And where the newest runs rise by more than correlated noise; times and the last change of level count."""
    random = np.random.default_rng(2)
    seen: Counter[bool] = Counter()
    for _ in range(250):
        runs = int(random.choice([15, 16, 30, 60]))
        direction = random.choice([Direction.LOWER, Direction.HIGHER])
        sign = 1 if direction is Direction.LOWER else -1
        logs = random.normal(0, 0.01, runs) + random.choice([0, 0.2, 0.4]) * np.linspace(0, 1, runs)
        logs[-8:] -= random.choice([0, 0, 0.15])
        values = np.exp(sign * logs)
        points = random.choice([20, 30, runs])
        begin = int(random.choice([0, 4]))
        history = history_of(values, direction)
        changes = (ChangePoint(begin, 1.1, 0.1, 1e-5, settled=True),) if begin else ()
        going = Trend(Tendency.DEGRADING, 0.9, 1e-6, 0.17, min(int(points), runs))

        (claim,) = sustained_changes._drifted(Followed(history, going, changes))

        earlier = trend.follow(values[:-8], direction=direction, since=begin)
        further = runs >= 16 and np.median(logs[-8:]) > np.median(logs[-16:-8])
        rises = trend.slope_p(np.log(values[-max(going.points, 28) :])) < 1e-4
        certain = earlier.direction is Tendency.DEGRADING and further and rises
        assert claim.seen_again == certain
        assert (claim.ratio, claim.p_value, claim.drifts) == (1.17, 1e-6, True)
        assert (claim.good, claim.bad) == (f"c{runs - going.points}", f"c{runs - 1}")
        assert claim.reason.count == going.points
        seen[bool(certain)] += 1
        assert sustained_changes._drifted(Followed(history, STABLE, changes)) == []
    assert min(seen.values()) > 20


@pytest.mark.parametrize("ratio", [1.3, 1.29])
def test_of_two_claims_the_certain_one_speaks_and_of_equals_the_first(ratio: float) -> None:
    """A tenth more or less is no difference; the row says what was there before, and what is there now."""
    values = np.append(np.full(30, 1.0), np.full(20, 1.3)) * np.exp(
        0.001 * np.random.default_rng(3).standard_normal(50)
    )
    history = history_of(values)
    step = ChangePoint(30, 1.3, 0.3, 1e-9, settled=True, clear=True)
    release, best = drift_from(history, 25, ratio, 1.1, [step]), drift_from(history, 5, 1.3, 1.1, [step])
    series = Followed(history, STABLE, (step,))
    policy = Policy(limits=(Limit(benchmark="b", regression_threshold=1.25),))

    change = sustained_changes._judged(series, CumulativeDrift(history, release, best), policy)

    row = change.comparison
    assert reason_of(row).before == "the release"
    assert (row.verdict, row.severity, row.confirmed, row.threshold) == (Verdict.REGRESSION, Severity.MINOR, True, 1.25)
    assert (row.ratio, row.ratio_low, row.ratio_high, row.p_value) == (ratio, 1.1, 2 * ratio, 1e-9)
    assert (row.baseline.runs, row.baseline.median, row.head.runs, row.head.median) == (42, 1.0, 8, ratio)
    waived = Policy(waivers=(WaiverRule("b", ceiling=ratio),))
    assert (
        sustained_changes._judged(series, CumulativeDrift(history, release, best), waived).comparison.severity
        is Severity.SLIGHT
    )
    above = Policy(waivers=(WaiverRule("b", ceiling=ratio - 1e-6),))
    assert (
        sustained_changes._judged(series, CumulativeDrift(history, release, best), above).comparison.severity
        is Severity.MINOR
    )

    unsettled = Followed(history, STABLE, (ChangePoint(30, 1.3, 0.3, 1e-9, settled=False, clear=True),))
    row = sustained_changes._judged(unsettled, CumulativeDrift(history, release, best), policy).comparison
    assert (row.verdict, row.severity, row.confirmed) == (Verdict.INCONCLUSIVE, Severity.NONE, None)
    assert reason_of(row).seen_again is False


def test_without_a_claim_a_history_is_unchanged_or_too_short_to_tell() -> None:
    """Its levels are those of the first and the last eight runs that were looked at."""
    values = np.arange(1.0, 31.0)
    history = history_of(values)

    row = sustained_changes._judged(Followed(history, STABLE, ()), None, Policy()).comparison
    assert (row.verdict, reason_of(row).code) == (Verdict.UNCHANGED, ReasonCode.NOTHING_SUSTAINED)
    assert (row.baseline.runs, row.baseline.median) == (22, np.median(values[-20:][:8]))
    assert (row.head.runs, row.head.median) == (8, np.median(values[-8:]))
    assert (row.ratio, row.ratio_low, row.ratio_high, row.confirmed, row.threshold) == (None, None, None, None, 1.2)

    short = Followed(history, Trend(Tendency.UNKNOWN), ())
    row = sustained_changes._judged(short, None, Policy()).comparison
    assert (row.verdict, reason_of(row).code) == (Verdict.INCONCLUSIVE, ReasonCode.TOO_FEW_RUNS)
    assert row.baseline.median == 30

    drift = drift_from(history, 4, 1.1, 1.05, [])
    row = sustained_changes._judged(
        Followed(history, STABLE, ()), CumulativeDrift(history, None, drift), Policy()
    ).comparison
    assert (row.ratio, row.baseline.median, row.head.median) == (1.1, 1.0, 1.1)
