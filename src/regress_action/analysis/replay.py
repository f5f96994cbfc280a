"""Replay: which past alarms another policy would have raised or spared, and how often each policy was wrong.

Every stored report is judged again against those before it, as it was when it was new. What came after it is the
judge of the judge: an alarm that the following runs do not bear out was false, a worsening that lasted and raised
no alarm was missed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regress_action.analysis import change_points, histories
from regress_action.analysis.comparison import compare
from regress_action.model.errors import IncompleteError
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.analysis.arrays import Floats
    from regress_action.analysis.histories import BenchmarkHistory
    from regress_action.analysis.policy import Policy
    from regress_action.model.comparisons import Comparison, Severity
    from regress_action.model.measurements import Report

WINDOW = 20
FOLLOWING = 5
FEWEST_FOLLOWING = 3
PROMPT = 3  # an alarm on one of the first three reports of a new level has caught it


class AlarmKey(NamedTuple):
    """Where an alarm was raised: suite, environment, benchmark, metric, and the number of the report there."""

    suite: str
    environment: str
    benchmark: str
    metric: str
    report: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """A regression that would have alarmed.

    `sustained` says whether the following runs stayed at least half as far above the baseline as the alarm's
    threshold; None while fewer than three followed.
    """

    place: AlarmKey
    commit: str | None
    time: str | None
    ratio: float | None
    severity: Severity
    sustained: bool | None


@dataclass(frozen=True, slots=True)
class Record:
    """How one policy did over the history.

    `comparisons` were judged and raised `alarms`; `worsenings` is how many settled changes for the worse of at
    least 4 % there were, and `missed` which of them raised no alarm on their first three reports.
    """

    comparisons: int
    alarms: tuple[Alarm, ...]
    worsenings: int
    missed: tuple[AlarmKey, ...]

    @property
    def false(self) -> int:
        """How many alarms the following runs did not bear out."""
        return sum(alarm.sustained is False for alarm in self.alarms)

    @property
    def false_rate(self) -> float | None:
        """The share of alarms that the following runs did not bear out, of those old enough to tell; None without."""
        settled = sum(alarm.sustained is not None for alarm in self.alarms)
        return self.false / settled if settled else None


@dataclass(frozen=True, slots=True)
class Replay:
    """Two policies over one history, and the alarms in which they differ, oldest first."""

    old: Record
    new: Record
    appeared: tuple[Alarm, ...]
    vanished: tuple[Alarm, ...]


def replay(reports: Sequence[Report], old: Policy, new: Policy, *, window: int = WINDOW) -> Replay:
    """Judge every report under both policies, each against the up to `window` reports before it.

    Suites and environments are replayed apart, in order of time.
    """
    past = _Past.of(reports)
    before, after = _record(past, old, window), _record(past, new, window)
    return Replay(before, after, _only(after, before), _only(before, after))


def _only(of: Record, not_of: Record) -> tuple[Alarm, ...]:
    excluded = {alarm.place for alarm in not_of.alarms}
    fresh = (alarm for alarm in of.alarms if alarm.place not in excluded)
    return tuple(sorted(fresh, key=lambda alarm: (alarm.time or "", alarm.place)))


@dataclass(frozen=True, slots=True)
class _Past:
    """The reports of each suite and environment, oldest first, and what is known of them now.

    `badness` is, for each benchmark × metric with a ratio, one log value per report (NaN where there is none);
    `worsened` is where a benchmark lastingly became worse.
    """

    suite: str
    environment: str
    reports: list[Report]
    badness: dict[tuple[str, str], Floats]
    worsened: frozenset[AlarmKey]

    @classmethod
    def of(cls, reports: Sequence[Report]) -> list[_Past]:
        groups: dict[tuple[str, str], list[Report]] = {}
        for report in histories.in_order(reports):
            groups.setdefault((report.suite, report.environment.fingerprint), []).append(report)
        return [cls._of(*key, group) for key, group in groups.items()]

    @classmethod
    def _of(cls, suite: str, environment: str, reports: list[Report]) -> _Past:
        followed = histories.of(reports)
        change_lists = change_points.find_all(
            [history.values for history in followed], directions=[history.metric.direction for history in followed]
        )
        worsened = (
            AlarmKey(suite, environment, *history.key, int(history.reports[change.index]))
            for history, changes in zip(followed, change_lists, strict=True)
            for change in changes
            if change.settled and change.difference > 0
        )
        badness = {history.key: _by_report(history, len(reports)) for history in followed}
        return cls(suite, environment, reports, badness, frozenset(worsened))

    def place(self, comparison: Comparison, number: int) -> AlarmKey:
        return AlarmKey(self.suite, self.environment, comparison.benchmark.name, comparison.metric.name, number)

    def sustained(self, comparison: Comparison, number: int, window: int) -> bool | None:
        values = self.badness.get((comparison.benchmark.name, comparison.metric.name))
        if values is None:
            return None
        before, after = values[max(0, number - window) : number], values[number + 1 : number + 1 + FOLLOWING]
        if np.isnan(before).all() or np.count_nonzero(~np.isnan(after)) < FEWEST_FOLLOWING:
            return None
        return bool(np.nanmedian(after) - np.nanmedian(before) >= math.log(comparison.threshold) / 2)


def _by_report(history: BenchmarkHistory, reports: int) -> Floats:
    values = np.full(reports, np.nan)
    if (history.values > 0).all():
        logs = np.log(history.values)
        values[history.reports] = -logs if history.metric.direction is Direction.HIGHER else logs
    return values


def _record(past: Sequence[_Past], policy: Policy, window: int) -> Record:
    comparisons = 0
    alarms: list[Alarm] = []
    missed: list[AlarmKey] = []
    for group in past:
        judged, raised = _judge_again(group, policy, window)
        comparisons += judged
        alarms += raised
        missed += _missed(group, raised)
    return Record(comparisons, tuple(alarms), sum(len(group.worsened) for group in past), tuple(missed))


def _judge_again(group: _Past, policy: Policy, window: int) -> tuple[int, list[Alarm]]:
    judged, alarms = 0, []
    for number, report in enumerate(group.reports[1:], start=1):
        try:
            judgement = compare(group.reports[max(0, number - window) : number], [report], policy)
        except IncompleteError:  # it measured nothing, or nothing that was known
            continue
        judged += sum(comparison.ratio is not None for comparison in judgement.comparisons)
        alarms += [
            Alarm(
                place=group.place(comparison, number),
                commit=report.commit,
                time=report.created,
                ratio=comparison.ratio,
                severity=comparison.severity,
                sustained=group.sustained(comparison, number, window),
            )
            for comparison in judgement.comparisons
            if comparison.alarms
        ]
    return judged, alarms


def _missed(group: _Past, alarms: Sequence[Alarm]) -> Iterator[AlarmKey]:
    raised = {alarm.place for alarm in alarms}
    for place in sorted(group.worsened):
        caught = (place._replace(report=place.report + later) for later in range(PROMPT))
        if raised.isdisjoint(caught):
            yield place
