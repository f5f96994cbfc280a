"""What a whole history shows to be worse for good, as comparisons: settled steps, creep, and drift that goes on.

No single push shows these. Each is held to two conditions beside its evidence: it is as large as the limit of its
benchmark (drift, which does not stop by itself, has the smallest drift of `trend` for its limit), and it was *seen
again* in eight runs that took no part in finding it first; without that it is inconclusive, never confirmed. It must
besides be more than noise makes in the life of a history. A step must be clear. What crept must reach the limit by
clear steps alone, or rise along all of its runs, as what drifts must: significant at 0.0001 for noise that is as
correlated along time as these runs are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import trend
from regress_action.analysis.change_points import SETTLED
from regress_action.analysis.policy import threshold_asked, waiver_of
from regress_action.analysis.trend import LAST, Tendency
from regress_action.model.comparisons import Comparison, Reason, ReasonCode, Severity, Side, Verdict
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regress_action.analysis.cumulative_drift import CumulativeDrift, DriftSince
    from regress_action.analysis.histories import BenchmarkHistory, Followed
    from regress_action.analysis.policy import Policy

_RISES = 1e-4  # significance
NEWEST = 3
"""Runs that must still be at the new level: a history looks back, and what was mended yesterday is no news."""


@dataclass(frozen=True, slots=True)
class SustainedChange:
    """The verdict over one history: the comparison, and between which commits it became what it is.

    `good` is the last commit before it and `bad` the first with it; for a drift, the whole stretch.
    """

    comparison: Comparison
    history: BenchmarkHistory
    good: str | None = None
    bad: str | None = None


def find_sustained(
    followed: Sequence[Followed], drifts: Iterable[CumulativeDrift], policy: Policy
) -> tuple[SustainedChange, ...]:
    """Judge every benchmark × metric that is still measured, worst first; of several environments, the worst one.

    A regression is confirmed; what may become one is inconclusive; everything else that could be followed is
    unchanged, which is how an earlier finding is known to be over.
    """
    by_history = {_key(drift.history): drift for drift in drifts}
    changes: dict[tuple[str, str], list[SustainedChange]] = defaultdict(list)
    for series in _current(followed):
        changes[series.history.key].append(_judged(series, by_history.get(_key(series.history)), policy))
    return tuple(sorted((min(environments, key=_rank) for environments in changes.values()), key=_rank))


def _rank(change: SustainedChange) -> tuple[int, int, float]:
    order = (Verdict.REGRESSION, Verdict.INCONCLUSIVE, Verdict.UNCHANGED)
    row = change.comparison
    return order.index(row.verdict), -row.severity.rank, -(row.ratio or 0.0)


def _key(history: BenchmarkHistory) -> tuple[str, str | None, str, str]:
    return history.suite, history.environment, *history.key


def _current(followed: Sequence[Followed]) -> list[Followed]:
    """Return the histories of what is still measured, on machines seen among the last runs, that can get worse."""
    newest: dict[str | None, int] = {}
    for history in (series.history for series in followed):
        last = int(history.reports[-1])
        newest[history.environment] = max(last, newest.get(history.environment, last))
    latest = max(newest.values(), default=0)
    return [
        series
        for series in followed
        if int(series.history.reports[-1]) == newest[series.history.environment] > latest - LAST
        and series.history.metric.direction is not Direction.UNKNOWN
    ]


def _judged(series: Followed, drift: CumulativeDrift | None, policy: Policy) -> SustainedChange:
    benchmark, metric = series.history.benchmark, series.history.metric
    threshold = threshold_asked(benchmark, metric, policy) or policy.regression_threshold
    claims = [*_crept(series, drift, threshold), *_drifted(series)]
    start = next((since for since in _drifts(drift) if since), None)
    if not claims:
        verdict = Verdict.INCONCLUSIVE if series.trend.direction is Tendency.UNKNOWN else Verdict.UNCHANGED
        code = ReasonCode.NOTHING_SUSTAINED if verdict is Verdict.UNCHANGED else ReasonCode.TOO_FEW_RUNS
        return _row(
            _Claim(start.ratio if start else None, Reason(code), drift=start), series, threshold, verdict, policy
        )
    claim = max(claims, key=lambda claim: (claim.seen_again, round(claim.ratio or 0.0, 1)))  # of equals, the release
    verdict = Verdict.REGRESSION if claim.seen_again else Verdict.INCONCLUSIVE
    if not claim.seen_again:
        claim = replace(claim, reason=replace(claim.reason, seen_again=False))
    return _row(claim, series, threshold, verdict, policy)


@dataclass(frozen=True, slots=True)
class _Claim:
    """Something that looks worse: by what ratio, on what evidence, and whether later runs saw it again."""

    ratio: float | None
    reason: Reason
    p_value: float | None = None
    seen_again: bool = False
    good: str | None = None
    bad: str | None = None
    drift: DriftSince | None = None
    drifts: bool = False


def _drifts(drift: CumulativeDrift | None) -> tuple[DriftSince | None, ...]:
    return (drift.since_release, drift.since_best) if drift else ()


def _crept(series: Followed, drift: CumulativeDrift | None, threshold: float) -> list[_Claim]:
    """Claim what the drifts show beyond the limit."""
    words = ("the release", "its best level")
    return [
        _creep(series, since, word, threshold)
        for word, since in zip(words, _drifts(drift), strict=False)
        if since is not None and since.ratio >= threshold and since.low > 1
    ]


def _creep(series: Followed, drift: DriftSince, since: str, threshold: float) -> _Claim:
    history, worse = series.history, [change for change in drift.changes if change.ratio > 1]
    settled = all(point.settled for point in series.change_points) and _holds(history, drift.start_level, drift.level)
    if len(worse) == 1:
        (step,) = worse
        index = next(point.index for point in series.change_points if history.point(point.index) == step.point)
        reason = Reason(ReasonCode.STEPPED, before=since, text=step.point.commit or "")
        good = history.point(index - 1).commit
        return _Claim(drift.ratio, reason, step.p_value, settled and step.clear, good, step.point.commit, drift)
    first = drift.start.commit
    reason = Reason(ReasonCode.CREPT, before=since, text=first or "", count=len(worse))
    p = max((change.p_value for change in worse), default=None)
    runs = len(history) - _index(history, drift)
    by_clear_steps = math.exp(math.fsum(math.log(change.ratio) for change in drift.changes if change.clear))
    certain = settled and runs >= 2 * SETTLED and (by_clear_steps >= threshold or _rises(history, runs))
    return _Claim(drift.ratio, reason, p, certain, first, history.point(-1).commit, drift)


def _index(history: BenchmarkHistory, drift: DriftSince) -> int:
    return next(index for index in range(len(history)) if history.point(index) == drift.start)


def _drifted(series: Followed) -> list[_Claim]:
    """Claim a trend that degrades; it is seen again where it was there eight runs ago and those went on with it."""
    going, history = series.trend, series.history
    if going.direction is not Tendency.DEGRADING or going.drift is None:
        return []
    before = len(history) - SETTLED
    times = None if history.times is None else history.times[:before]
    since = series.change_points[-1].index if series.change_points else 0
    earlier = trend.follow(history.values[:before], times, direction=history.metric.direction, since=since)
    badness = history.values if history.metric.direction is Direction.LOWER else -history.values
    seen_again = (
        earlier.direction is Tendency.DEGRADING
        and bool(np.median(badness[before:]) > np.median(badness[before - SETTLED : before]))
        and _rises(history, max(going.points, LAST + SETTLED))
    )
    reason = Reason(ReasonCode.DRIFTING, count=going.points)
    first = history.point(len(history) - going.points).commit
    last = history.point(-1).commit
    return [_Claim(1 + going.drift, reason, going.p_value, seen_again, first, last, drifts=True)]


def _rises(history: BenchmarkHistory, runs: int) -> bool:
    """Whether the newest runs rise along their stretch by more than correlated noise does."""
    values = history.values[-runs:]
    return trend.slope_p(np.log(values) if (values > 0).all() else values) < _RISES


def _holds(history: BenchmarkHistory, start: float, level: float) -> bool:
    """Whether every one of the newest runs is nearer to the new level than to the old one."""
    middle = math.sqrt(start * level)
    newest = history.values[-NEWEST:]
    return bool((newest > middle).all() if level > start else (newest < middle).all())


def _row(claim: _Claim, series: Followed, threshold: float, verdict: Verdict, policy: Policy) -> SustainedChange:
    history, drift = series.history, claim.drift
    waiver = waiver_of(history.benchmark, history.metric, policy)
    severity = _severity(claim, threshold, policy) if verdict is Verdict.REGRESSION else Severity.NONE
    if waiver is not None and claim.ratio is not None and claim.ratio <= waiver.ceiling:
        severity = min(severity, Severity.SLIGHT)
    recent = history.values[-SETTLED:]
    comparison = Comparison(
        benchmark=history.benchmark,
        metric=history.metric,
        baseline=Side(len(history) - len(recent), drift.start_level if drift else _first_level(series)),
        head=Side(len(recent), drift.level if drift else float(np.median(recent))),
        ratio=claim.ratio,
        ratio_low=drift.low if drift else None,
        ratio_high=drift.high if drift else None,
        p_value=claim.p_value,
        q_value=None,
        threshold=threshold,
        minimum_detectable_ratio=None,
        verdict=verdict,
        severity=severity,
        reason=claim.reason,
        confirmed=True if verdict is Verdict.REGRESSION else None,
    )
    return SustainedChange(comparison, history, claim.good, claim.bad)


def _first_level(series: Followed) -> float:
    window = series.history.values[-max(series.trend.points, 1) :]
    return float(np.median(window[:SETTLED]))


def _severity(claim: _Claim, threshold: float, policy: Policy) -> Severity:
    """Grade by the bands of every regression; drift is minor at least, for it will pass its limit."""
    moderate, critical = policy.severities
    ratio = claim.ratio or 1.0
    if ratio > critical:
        return Severity.CRITICAL
    if ratio >= moderate and ratio >= threshold:
        return Severity.MODERATE
    return Severity.MINOR if ratio >= threshold or claim.drifts else Severity.SLIGHT
