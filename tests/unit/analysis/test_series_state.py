"""The state of a series, held against its definition in plain loops over two thousand constructed histories."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from statistics import median

import numpy as np
import pytest

from regress_action.analysis import Limit, Policy
from regress_action.analysis.change_points import ChangePoint
from regress_action.analysis.histories import BenchmarkHistory, Followed, Moment
from regress_action.analysis.policy import BudgetRule
from regress_action.analysis.series_state import (
    LevelStep,
    SeriesLimits,
    SeriesState,
    Status,
    badness,
    limits_of,
    states_of,
    visible,
)
from regress_action.analysis.trend import Tendency, Trend
from regress_action.model.measurements import Benchmark, Direction, Metric

LEVELS = (80, 90, 93, 100, 104, 110, 120, 130)
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Case:
    """One series, its limits, what was accepted, and how many reports there are."""

    series: Followed
    limits: SeriesLimits
    accepted: tuple[int, ...]
    reports: int


def drawn(random: Random) -> Case:
    """Draw a history of one to seven levels with whole numbers as medians, so that ratios hit limits exactly."""
    sizes = [random.choice((1, 3, 5, 7)) for _ in range(random.choice((1, 1, 2, 3, 5, 7)))]
    slow = random.random() < 0.2
    sizes[-1] = 45 if slow else sizes[-1]
    creeping = random.random() < 0.3
    levels = sorted(random.choices(LEVELS, k=len(sizes))) if creeping else random.choices(LEVELS, k=len(sizes))
    apart = random.choice((0.0, 0.0, 0.01, 0.15))
    values = [
        level * (1.0, 1 + apart, 1 / (1 + apart))[n % 3]
        for level, size in zip(levels, sizes, strict=True)
        for n in range(size)
    ]
    if slow:
        values[-45:] = [value * (1 + 0.004 * n) for n, value in enumerate(values[-45:])]
    if random.random() < 0.05:
        values[random.randrange(len(values))] = random.choice((0.0, -1.0))
    direction = random.choice((Direction.LOWER, Direction.LOWER, Direction.HIGHER, Direction.UNKNOWN))
    reports = len(values) + random.choice((0, 0, 3))
    places = sorted(random.sample(range(reports), len(values)))
    seconds = 0.0
    moments = []
    same_day, timeless = random.random() < 0.05, random.random() < 0.1
    for _ in range(reports):
        seconds += 0 if same_day else random.choice((0.5, 1, 3)) * DAY_S
        moments.append(Moment(None, None, None if timeless and random.random() < 0.5 else seconds))
    edges = np.cumsum(sizes)[:-1].tolist()
    points = tuple(ChangePoint(edge, 1.1, 1.0, 0.001, random.random() < 0.5, random.random() < 0.5) for edge in edges)
    tendency = random.choice(tuple(Tendency))
    window = random.choice((39, 40, 45)) if slow else random.randint(0, len(values))
    trend = Trend(tendency, 0.5, 0.001, random.choice((0.1, 0.3, 0.0, -0.1, None)), window)
    history = BenchmarkHistory(Benchmark("b"), Metric("m", "s", direction), np.array(values), np.array(places), moments)
    limits = SeriesLimits(random.choice((1.02, 1.1, 1.2, 1.3)), random.choice((None, 100.0, 120.0, 200.0)))
    accepted = tuple(random.sample(range(reports), min(reports, random.choice((0, 0, 1, 2)))))
    return Case(Followed(history, trend, points), limits, accepted, reports)


def worse(before: float, after: float, direction: Direction) -> float | None:
    """Say how many times worse the second is."""
    if min(before, after) <= 0:
        return None
    return before / after if direction == Direction.HIGHER else after / before


class Expected:
    """The state of a case by its definition."""

    def __init__(self, case: Case) -> None:
        self.case, self.trend = case, case.series.trend
        history = case.series.history
        self.values: list[float] = history.values.tolist()
        self.places: list[int] = history.reports.tolist()
        self.seconds = [moment.seconds for moment in history.moments]
        self.direction = history.metric.direction
        self.starts = [0, *(point.index for point in case.series.change_points)]
        if self.trend.direction in {Tendency.DEGRADING, Tendency.IMPROVING} and self.trend.points >= 40:
            self.starts += [len(self.values) - self.trend.points + 10, len(self.values) - 10]
        self.stops = [*self.starts[1:], len(self.values)]
        self.levels = [median(self.values[a:b]) for a, b in zip(self.starts, self.stops, strict=True)]
        best = self.levels[self.after_decision() :]
        self.reference = max(best) if self.direction == Direction.HIGHER else min(best)
        self.referred = self.after_decision() + best.index(self.reference)
        known = self.direction != Direction.UNKNOWN
        self.ratio = worse(self.reference, self.levels[-1], self.direction) if known else None
        self.noise = self.spread()
        self.days = self.window()

    def after_decision(self) -> int:
        """Return the level that the newest decision accepted: the last one that began no later."""
        level = 0
        for column in self.case.accepted:
            run = sum(place < column for place in self.places)
            level = max([level, *(number for number, start in enumerate(self.starts) if start <= run)])
        return level

    def spread(self) -> float | None:
        """Return the usual distance of neighbours, in standard deviations."""
        if len(self.values) < 5 or min(self.values) <= 0:
            return None
        logs = [math.log(value) for value in self.values[-60:]]
        return median(abs(b - a) for a, b in pairwise(logs)) / 0.954

    def window(self) -> float | None:
        """Return how many days the trend looked at."""
        first, last = (self.seconds[self.places[-run]] for run in (max(self.trend.points, 1), 1))
        if first is None or last is None or first >= last:
            return None
        return (last - first) / DAY_S

    def status(self) -> tuple[Status, int | None]:
        """Return the first that holds, and since when."""
        began = self.places[self.starts[-1]] if len(self.starts) > 1 else None
        level, budget = self.levels[-1], self.case.limits.budget
        used = 0.0 if budget is None else (worse(budget, level, self.direction) or 0.0)
        ratio = self.ratio or 1.0
        left = self.places[self.starts[self.referred + 1]] if self.referred + 1 < len(self.starts) else None
        gains = [worse(level, other, self.direction) or 0.0 for other in self.levels[:-1]]
        better = bool(gains) and self.direction != Direction.UNKNOWN and min(gains) >= 1.04
        rules = (
            (used > 1, Status.OVER_BUDGET, began),
            (ratio >= 1.04 and ratio >= self.case.limits.threshold, Status.REGRESSED, left),
            (self.places[-1] + 1 < self.case.reports, Status.MISSING, self.places[-1]),
            (len(self.values) <= 4, Status.NEW, None),
            (self.trend.direction == Tendency.DEGRADING, Status.DRIFTING, None),
            (used > 0.9, Status.NEAR_BUDGET, began),
            (ratio >= 1.04, Status.SLIGHTLY_WORSE, left),
            ((self.noise or 0) > 0.1, Status.NOISY, None),
            (better or self.trend.direction == Tendency.IMPROVING, Status.IMPROVED, began),
            (True, Status.STEADY, None),
        )
        return next((status, since) for holds, status, since in rules if holds)

    def rate(self) -> float | None:
        """Return the growth of the logarithm of the badness in a day."""
        if self.trend.direction == Tendency.DEGRADING and self.days and self.trend.drift:
            return math.log(1 + self.trend.drift) / self.days
        number = len(self.levels) - 1
        steps = []
        while number and (step := worse(self.levels[number - 1], self.levels[number], self.direction) or 0.0) > 1:
            steps.append(step)
            number -= 1
        if len(steps) < 3 or any(step >= self.case.limits.threshold for step in steps):
            return None
        first, last = (self.seconds[self.places[(self.starts[n] + self.stops[n] - 1) // 2]] for n in (number + 1, -1))
        if first is None or last is None or first == last:
            return None
        grown = worse(self.levels[number + 1], self.levels[-1], self.direction)
        return math.log(grown or math.nan) / ((last - first) / DAY_S)

    def days_to_budget(self) -> float | None:
        """Return when a level that grows at this rate is over the budget."""
        rate, budget = self.rate(), self.case.limits.budget
        if budget is None or rate is None or rate <= 0:
            return None
        left = worse(median(self.values[-5:]), budget, self.direction) or 0.0
        return math.log(left) / rate if left > 1 else None

    def changes(self) -> tuple[LevelStep, ...]:
        """Return the change points by their columns."""
        return tuple(
            LevelStep(
                self.places[point.index],
                point.ratio,
                point.settled,
                any(self.places[point.index] <= column for column in self.case.accepted),
                point.clear,
            )
            for point in self.case.series.change_points
        )

    def state(self) -> SeriesState:
        """Put it all together."""
        status, since = self.status()
        return SeriesState(
            status,
            self.levels[-1],
            self.reference,
            self.ratio,
            since,
            self.trend.direction,
            self.trend.drift,
            self.days,
            self.noise,
            self.changes(),
            self.days_to_budget(),
        )


def numbers(state: SeriesState) -> list[float | None]:
    """Return what a state measures."""
    return [
        state.level, state.reference, state.ratio, state.since, state.drift, state.drift_days, state.noise,
        state.days_to_budget,
    ]  # fmt: skip


def test_states_are_those_of_the_definition() -> None:
    """Every status, reference, date and rate of constructed histories, among them many that stand on a limit."""
    random = Random(7)  # noqa: S311 - no secret
    cases = [drawn(random) for _ in range(2500)]
    statuses = set()
    for case in cases:
        (state,) = states_of([case.series], [case.limits], [case.accepted], case.reports)
        expected = Expected(case).state()
        assert (state.status, state.direction, state.changes) == (expected.status, expected.direction, expected.changes)
        assert [value is None for value in numbers(state)] == [value is None for value in numbers(expected)]
        given, wanted = ([value for value in numbers(one) if value is not None] for one in (state, expected))
        assert given == pytest.approx(wanted)
        statuses.add(state.status)
    assert statuses == set(Status)

    together = [
        states_of([case.series for case in cases if case.reports == reports],
                  [case.limits for case in cases if case.reports == reports],
                  [case.accepted for case in cases if case.reports == reports], reports)
        for reports in range(10, 20)
    ]  # fmt: skip
    alone = [
        [states_of([case.series], [case.limits], [case.accepted], reports)[0]
         for case in cases if case.reports == reports]
        for reports in range(10, 20)
    ]  # fmt: skip
    assert together == alone


def test_noise_is_that_of_the_newest_sixty_reports() -> None:
    """A series that was noisy long ago is not noisy."""
    values = np.exp(np.where(np.arange(100) < 40, 0.3, 0.001) * (-1.0) ** np.arange(100))
    history = BenchmarkHistory(
        Benchmark("b"), Metric("m", "s"), values, np.arange(100), [Moment(None, None, None)] * 100
    )
    (state,) = states_of([Followed(history, Trend(Tendency.STABLE, points=20), ())], [SeriesLimits(1.2)], [()], 100)
    assert state.noise == pytest.approx(0.002 / 0.954)


def test_limits_are_those_of_the_thresholds_file() -> None:
    """A threshold and a budget apply to the series that they name, the defaults to all others."""
    benchmarks = [Benchmark("read", "cache"), Benchmark("write", "cache")]
    budget = BudgetRule("read_ms", "read", 0.5, "s")
    policy = Policy(limits=(Limit("cache", "write", regression_threshold=1.5), Limit("cache", budgets=(budget,))))
    assert limits_of(benchmarks, [Metric("time", "s")] * 2, policy) == [
        SeriesLimits(1.2, 0.5, "read_ms"),
        SeriesLimits(1.5),
    ]


@pytest.mark.parametrize(
    ("before", "after", "direction", "ratio"),
    [
        (2, 3, Direction.LOWER, 1.5),
        (3, 2, Direction.HIGHER, 1.5),
        (2, 3, Direction.UNKNOWN, 1.5),
        (0.5, 0.75, Direction.LOWER, 1.5),
        (0, 3, Direction.LOWER, None),
        (3, 0, Direction.HIGHER, None),
        (-1, -2, Direction.LOWER, None),
    ],
)
def test_badness_is_a_ratio_of_positive_values(
    before: float, after: float, direction: Direction, ratio: float | None
) -> None:
    """Without a direction more counts as worse; of zero there is no ratio."""
    assert badness(before, after, direction) == ratio


def test_one_report_shows_a_change_beyond_its_noise() -> None:
    """2.8 standard errors of the difference of one report and twenty: 95 % confidence, 80 % power."""
    assert visible(0.1) == pytest.approx(math.exp(2.8 * math.hypot(0.1, 0.1 / math.sqrt(20))))
    assert visible(None) == math.inf


def days_to_budget(days: list[int], threshold: float) -> float | None:
    """Return when four levels of five daily reports, 100, 110, 120 and 144, reach a budget of 288."""
    values = np.repeat([100.0, 110.0, 120.0, 144.0], 5)
    history = BenchmarkHistory(
        Benchmark("b"), Metric("m", "s"), values, np.arange(20), [Moment(None, None, day * DAY_S) for day in days]
    )
    points = tuple(ChangePoint(start, 1.1, 1.0, 0.001, settled=True) for start in (5, 10, 15))
    series = Followed(history, Trend(Tendency.STABLE, points=20), points)
    return states_of([series], [SeriesLimits(threshold, 288.0)], [()], 20)[0].days_to_budget


def test_steps_in_a_row_are_one_slow_drift() -> None:
    """From the middle of the first step's level to that of the newest, ten reports later."""
    growth = math.log(144 / 110) / 10
    assert days_to_budget(list(range(20)), 1.3) == pytest.approx(math.log(2) / growth)
    assert days_to_budget([n * n for n in range(20)], 1.3) == pytest.approx(math.log(2) / growth * (17**2 - 7**2) / 10)
    assert days_to_budget([7] * 20, 1.3) is None


def test_a_step_that_alarms_is_no_slow_drift() -> None:
    """The last one is 1.2, which is the threshold."""
    assert days_to_budget(list(range(20)), 144 / 120) is None
