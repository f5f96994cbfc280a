"""Cumulative drift: many small changes added up, and split by commit."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action.analysis import autocorrelation, cumulative_drift, histories, noise
from regress_action.analysis.change_points import ChangePoint
from regress_action.model.measurements import Direction, Metric
from unit.analysis.stored_reports import past, report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.cumulative_drift import DriftSince
    from regress_action.model.measurements import Report


def crept(
    steps: dict[int, float], runs: int = 120, drift: float = 1.0, seed: int = 1
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Draw quiet noise with steps and a steady drift."""
    values = np.exp(0.004 * np.random.default_rng(seed).standard_normal(runs))
    for index, ratio in steps.items():
        values[index:] *= ratio
    return np.asarray(values * np.geomspace(1, drift, runs))


def since_release(reports: Sequence[Report], since: str) -> DriftSince:
    """Return the drift of the only benchmark since the release."""
    (drift,) = cumulative_drift.measure(reports, since=since)
    assert drift.since_release is not None
    return drift.since_release


def since_best(reports: Sequence[Report]) -> DriftSince:
    """Return the drift of the only benchmark since its best level."""
    (drift,) = cumulative_drift.measure(reports)
    assert drift.since_best is not None
    return drift.since_best


def test_small_steps_are_added_up_and_entered_by_commit() -> None:
    """Three steps of 6 to 8 % since the release are 22 % of creep, each with the commit that brought it."""
    drift = since_release(past(crept({30: 1.06, 60: 1.07, 90: 1.08})), since=f"{10:040x}"[:40])
    assert drift.ratio == pytest.approx(1.06 * 1.07 * 1.08, rel=0.01)
    assert drift.low > 1.15
    assert drift.start.commit == f"{10:040x}"
    assert [int(change.point.commit or "", 16) for change in drift.changes] == pytest.approx([30, 60, 90], abs=1)
    assert [change.ratio for change in drift.changes] == pytest.approx([1.06, 1.07, 1.08], rel=0.01)
    assert drift.unexplained == pytest.approx(1, abs=0.01)


def test_what_no_commit_explains_is_said_so() -> None:
    """A drift of 4 %, too slow for change points, is left over as unexplained."""
    drift = since_release(past(crept({}, drift=1.04)), since=f"{0:040x}")
    assert drift.changes == ()
    assert drift.unexplained == pytest.approx(1.035, abs=0.012)
    assert drift.low > 1


def test_the_best_level_is_one_that_lasted() -> None:
    """Five lucky runs are no level: the drift begins at the best forty runs, not at the spike."""
    values = crept({40: 1 / 1.2, 80: 1.3})
    values[100:105] /= 2
    (creep,) = cumulative_drift.measure(past(values))
    assert creep.since_release is None
    drift = since_best(past(values))
    assert drift.start.commit == f"{40:040x}"
    assert drift.start_level == pytest.approx(1 / 1.2, rel=0.01)
    assert drift.ratio == pytest.approx(1.3, rel=0.01)


def test_only_changes_after_the_release_count_for_it() -> None:
    """The step that the release already had is not charged again."""
    drift = since_release(past(crept({30: 1.5, 90: 1.1})), since=f"{60:040x}")
    assert len(drift.changes) == 1
    assert drift.ratio == pytest.approx(1.1, rel=0.01)


def test_a_release_owns_the_step_that_it_brought() -> None:
    """When the release itself begins the new level, its drift begins there, with no change listed."""
    drift = since_release(past(crept({60: 1.3})), since=f"{60:040x}")
    assert drift.changes == ()
    assert drift.low < drift.ratio < drift.high
    assert drift.ratio == pytest.approx(1, abs=0.01)
    assert (drift.low, drift.high) == pytest.approx((1, 1), abs=0.02)


def test_less_throughput_is_creep() -> None:
    """For higher-is-better a fall is a badness ratio above 1, and levels stay in the metric's unit."""
    metric = Metric("throughput", "1/s", Direction.HIGHER)
    drift = since_release(past(1000 / crept({60: 1.25}), metric=metric), since=f"{5:040x}")
    assert drift.ratio == pytest.approx(1.25, rel=0.01)
    assert drift.level == pytest.approx(800, rel=0.01)


def test_those_that_crept_most_come_first() -> None:
    """Drifts are sorted by the worst drift of each benchmark."""
    reports = past(crept({60: 1.1}), "little") + past(crept({60: 1.4}), "much") + past(crept({}), "none")
    drifts = cumulative_drift.measure(reports)
    assert [drift.history.benchmark.name for drift in drifts] == ["much", "little", "none"]


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, -1.0] * 20])
def test_too_little_to_keep_books_on(values: list[float]) -> None:
    """Short histories have no best level, and metrics without a ratio no drift."""
    for drift in cumulative_drift.measure(past(values)):
        assert drift.since_best is None


def test_the_interval_covers_what_it_says() -> None:
    """Where nothing crept, the 95 % interval since the release leaves out 1 in one of twenty histories at most."""
    reports = [
        report(n, {f"b{seed}": [value] for seed, value in enumerate(values)})
        for n, values in enumerate(np.transpose([crept({}, runs=40, seed=seed) for seed in range(300)]))
    ]
    drifts = [drift.since_release for drift in cumulative_drift.measure(reports, since=f"{10:040x}")]
    covering = [drift.low <= 1 <= drift.high for drift in drifts if drift]
    assert len(covering) == 300
    assert sum(covering) >= 279


def test_a_level_is_the_median_of_the_runs_around_the_release() -> None:
    """Five before it, the release itself and five after, as far as they are on its level."""
    values = np.exp(0.01 * np.random.default_rng(3).permutation(np.arange(60)) / 60)
    for released, first, stop in ((30, 25, 36), (2, 0, 8), (58, 53, 60)):
        drift = since_release(past(values), since=f"{released:040x}")
        assert drift.start_level == pytest.approx(np.exp(np.median(np.log(values[first:stop]))))
        assert drift.level == pytest.approx(np.exp(np.median(np.log(values[-10:]))))


def test_the_interval_is_at_least_that_of_two_medians() -> None:
    """1.96 standard errors of a median, 1.2533 s / sqrt(n), on either side: of eleven runs and of the last ten."""
    values = np.exp(0.01 * np.random.default_rng(4).standard_normal(60))
    drift = since_release(past(values), since=f"{30:040x}")
    spreads = [noise.robust_deviations(np.log(of)[None])[0] / np.sqrt(len(of)) for of in (values[25:36], values[-10:])]
    reach = 1.96 * 1.2533 * np.hypot(*spreads)
    assert reach <= (np.log(drift.high) - np.log(drift.low)) / 2 < 2 * reach


@pytest.mark.parametrize("kind", ["two modes", "correlated"])
def test_the_interval_covers_no_drift_of_noise_that_is_not_normal(kind: str) -> None:
    """Runs that are of one of two modes, or like the run before: 93 % at least."""
    random = np.random.default_rng(5)
    noises = random.normal(0, 0.02, (200, 100))
    if kind == "two modes":
        noises += 0.15 * (random.random((200, 100)) < 0.5)
    else:
        for run in range(1, 100):
            noises[:, run] += 0.6 * noises[:, run - 1]
    reports = [report(n, {f"b{row}": [value] for row, value in enumerate(of)}) for n, of in enumerate(np.exp(noises).T)]

    drifts = [drift.since_release for drift in cumulative_drift.measure(reports, since=f"{30:040x}")]

    assert sum(drift.low <= 1 <= drift.high for drift in drifts if drift) >= 186


def test_an_episode_is_no_best_level() -> None:
    """Eight fast runs between two steps are too few to have lasted; ten are enough."""
    for lasted, ratio in ((8, 1.0), (10, 1.3)):
        drift = since_best(past(crept({40: 1 / 1.3, 40 + lasted: 1.3}, runs=80, seed=4)))
        assert (drift.start.commit == f"{40:040x}") is (lasted == 10)
        assert drift.ratio == pytest.approx(ratio, rel=0.01)


def test_a_long_level_is_looked_at_forty_runs_at_a_time() -> None:
    """In a slow drift the best part is the first; of equals it is the newest, and a short rest is left out."""
    (drift,) = cumulative_drift.measure(past(crept({}, runs=100, drift=1.03)))
    assert drift.since_best is not None
    assert drift.since_best.start.commit == f"{0:040x}"

    (still,) = cumulative_drift.measure(past([1.0] * 85))
    assert still.since_best is not None
    assert still.since_best.start.commit == f"{40:040x}"


def test_a_release_is_known_by_its_first_digits() -> None:
    """A commit that no report is from opens no drift, nor does an empty one."""
    reports = past(crept({}))
    for since, is_stored in ((f"{10:040x}", True), (f"{10:040x}"[:39], False), ("f" * 40, False), ("", False)):
        (drift,) = cumulative_drift.measure(reports, since=since)
        opened = drift.since_release.start.commit if drift.since_release else None
        assert opened == (f"{10:040x}" if is_stored else f"{0:040x}" if len(since) == 39 else None)


def test_a_report_of_releases_holds_what_the_newest_report_measured() -> None:
    """Each benchmark at its level now, in its unit, against every release; one that went away is left out."""
    rate = Metric("throughput", "1/s", Direction.HIGHER)
    stays = past(1000 / crept({60: 1.25}), "stays", metric=rate)
    ended = past(crept({}, runs=100), "ended")

    (row,) = cumulative_drift.since_releases(stays + ended, [f"{5:040x}", f"{80:040x}", "f" * 40])

    assert row.history.benchmark.name == "stays"
    assert row.level == pytest.approx(800, rel=0.01)
    assert [drift and round(drift.ratio, 2) for drift in row.since] == [1.25, 1.0, None]


@pytest.mark.parametrize(("deviations", "apart"), [(3.9, False), (4.1, True)])
def test_a_level_is_taken_off_the_noise_where_it_stands_out_of_it(deviations: float, *, apart: bool) -> None:
    """By four robust deviations of the noisier side, so that a change is not counted as noise."""
    side = np.linspace(-1, 1, 21) ** 3
    side[-3:] *= 1.3
    height = deviations * noise.robust_deviations(side[None])[0]
    badness = np.concatenate([side / 2, height + side])

    assert cumulative_drift._stands_out(badness, (0, 21, 42), 21) is apart
    assert cumulative_drift._stands_out(-badness, (0, 21, 42), 21) is apart


@pytest.mark.parametrize("runs", [11, 60])
def test_the_interval_is_that_of_order_statistics_where_that_is_wider(runs: int) -> None:
    """The quantiles of all runs between which the median of so many, alike as they are, lies; or of the runs alone."""
    wider = set()
    for seed in range(16):
        logs = np.random.default_rng(seed).standard_t(3, runs) * 0.01
        for run in range(1, runs):
            logs[run] += (0.7 if seed % 2 else 0) * logs[run - 1]
        released = runs // 3
        drift = since_release(past(np.exp(logs)), since=f"{released:040x}")
        if drift.changes:
            continue
        residuals = logs - np.median(logs)
        alike = autocorrelation.serial_correlation(residuals[None])[0]
        reach = []
        for part in (logs[max(released - 5, 0) : released + 6], logs[-10:]):
            lags = np.arange(1, len(part))
            worth = len(part) / (1 + 2 * ((1 - lags / len(part)) * alike**lags).sum())  # independent runs
            share = 1.96 / 2 / np.sqrt(worth)
            low, high = np.quantile(residuals, [max(0.5 - share, 0), min(0.5 + share, 1)])
            own = 1.96 * 1.2533 * noise.robust_deviations(part[None])[0] / np.sqrt(len(part))
            reach.append(max(own, -low, high))
            wider.add(int(np.argmax([own, -low, high])))
        assert (np.log(drift.high) - np.log(drift.low)) / 2 == pytest.approx(np.hypot(*reach))
    assert wider == {0, 1, 2}


def test_what_became_faster_comes_before_what_was_too_short_to_tell() -> None:
    """A ratio below one is a drift as well; a benchmark without one comes last."""
    reports = past(crept({}, runs=5), "short") + past(crept({60: 1 / 1.3}), "faster")
    drifts = cumulative_drift.measure(reports, since=f"{50:040x}")

    assert [drift.history.benchmark.name for drift in drifts] == ["faster", "short"]


def test_the_only_report_is_the_newest() -> None:
    """Its level is listed, as far as no release is older."""
    (row,) = cumulative_drift.since_releases(past([2.0]), ["f" * 40])

    assert row.level == pytest.approx(2.0)
    assert row.since == (None,)


@pytest.mark.parametrize("higher", [False, True])
def test_levels_are_medians_of_stretches_between_changes(*, higher: bool) -> None:
    """Of ten to forty runs the best one, of the newest ten today's, and around a release five on either side."""
    random, direction = np.random.default_rng(21), Direction.HIGHER if higher else Direction.LOWER
    sign = -1 if higher else 1
    for _ in range(60):
        sizes = random.choice([3, 9, 10, 11, 40, 49, 50, 95], random.integers(1, 5)).tolist()
        edges = [0, *np.cumsum(sizes).tolist()]
        badness = np.concatenate([np.full(size, random.choice([-0.2, 0.0, 0.1])) for size in sizes])
        badness += np.round(random.normal(0, 0.01, len(badness)), 2)
        commits = [f"c{n}" for n in range(len(badness))]
        history = histories.named("b", np.exp(sign * badness), direction=direction, commits=commits)
        ratios = random.choice([0.9, 1.1, 1.3], len(edges) - 2)
        points = [
            ChangePoint(edge, float(ratio), 0.1, 1e-5, settled=True, clear=bool(random.random() < 0.5))
            for edge, ratio in zip(edges[1:-1], ratios, strict=True)
        ]
        levels = cumulative_drift._Levels.of(history, points, 0)

        parts = [
            (first, min(first + 40, stop))
            for low, stop in pairwise(edges)
            for first in range(low, stop, 40)
            if min(first + 40, stop) - first >= 10
        ]
        medians = {part: np.median(badness[slice(*part)]) for part in parts}
        best = levels.best()
        assert best == max((part for part in parts if medians[part] == min(medians.values())), default=None)
        now = max(edges[-2], len(badness) - 10), len(badness)
        assert levels.now() == now
        assert levels.level_now() == pytest.approx(np.exp(sign * np.median(badness[slice(*now)])))
        released = int(random.integers(len(badness)))
        low, high = next((low, high) for low, high in pairwise(edges) if released < high)
        around = slice(max(low, released - 5), min(high, released + 6))
        drift = levels.since(f"c{released}")
        assert drift is not None
        total = np.median(badness[slice(*now)]) - np.median(badness[around])
        later = [point for point in points if point.index > released]
        explained = math.prod(point.ratio or 1.0 for point in later)
        assert drift.start.commit == f"c{released}"
        assert drift.ratio == pytest.approx(np.exp(total))
        assert drift.start_level == pytest.approx(np.exp(sign * np.median(badness[around])))
        assert drift.level == pytest.approx(levels.level_now())
        assert drift.unexplained == pytest.approx(np.exp(total) / explained)
        seen = [(of.point.commit, of.ratio, of.p_value, of.settled, of.clear) for of in drift.changes]
        assert seen == [(f"c{of.index}", of.ratio, of.p_value, of.settled, of.clear) for of in later]
        assert drift.low * drift.high == pytest.approx(drift.ratio**2)
        assert levels.since("another") is levels.since(None) is None
