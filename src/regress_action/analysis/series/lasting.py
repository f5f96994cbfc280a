"""What a whole history shows to be worse for good, as comparisons: settled steps, creep, and drift that goes on.

No single push shows these. Each is held to two conditions beside its evidence: it is as large as the limit of its
benchmark (drift, which does not stop by itself, has the smallest drift of `trend` for its limit), and it was *seen
again* in eight runs that took no part in finding it first; without that it is inconclusive, never confirmed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.rules import limits
from regress_action.analysis.series import trend
from regress_action.analysis.series.change_points import SETTLED
from regress_action.analysis.series.trend import LAST, Tendency
from regress_action.analysis.verdict import wording
from regress_action.model.comparisons import Comparison, Severity, Side, Verdict
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regress_action.analysis.rules.policy import Policy
    from regress_action.analysis.series.creep import Account, Ledger
    from regress_action.analysis.series.following import Followed
    from regress_action.analysis.series.histories import History

NEWEST = 3
"""Runs that must still be at the new level: a history looks back, and what was mended yesterday is no news."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """The verdict over one history: the comparison, and between which commits it became what it is.

    `good` is the last commit before it and `bad` the first with it; for a drift, the whole stretch.
    """

    comparison: Comparison
    history: History
    good: str | None = None
    bad: str | None = None


def judge(followed: Sequence[Followed], books: Iterable[Ledger], policy: Policy) -> tuple[Lasting, ...]:
    """Judge every benchmark × metric that is still measured, worst first; of several environments, the worst one.

    A regression is confirmed; what may become one is inconclusive; everything else that could be followed is
    unchanged, which is how an earlier finding is known to be over.
    """
    ledgers = {_key(book.history): book for book in books}
    found: dict[tuple[str, str], list[Lasting]] = defaultdict(list)
    for one in _current(followed):
        found[one.history.key].append(_judged(one, ledgers.get(_key(one.history)), policy))
    return tuple(sorted((min(each, key=_rank) for each in found.values()), key=_rank))


def _rank(one: Lasting) -> tuple[int, int, float]:
    order = (Verdict.REGRESSION, Verdict.INCONCLUSIVE, Verdict.UNCHANGED)
    row = one.comparison
    return order.index(row.verdict), -row.severity.rank, -(row.ratio or 0.0)


def _key(history: History) -> tuple[str, str | None, str, str]:
    return history.suite, history.environment, *history.key


def _current(followed: Sequence[Followed]) -> list[Followed]:
    """Return the histories of what is still measured, on machines that were seen among the last runs."""
    newest: dict[str | None, int] = {}
    for one in followed:
        last = int(one.history.reports[-1])
        newest[one.history.environment] = max(last, newest.get(one.history.environment, last))
    latest = max(newest.values(), default=0)
    return [one for one in followed if int(one.history.reports[-1]) == newest[one.history.environment] > latest - LAST]


def _judged(one: Followed, book: Ledger | None, policy: Policy) -> Lasting:
    benchmark, metric = one.history.benchmark, one.history.metric
    threshold = limits.asked_of(benchmark, metric, policy) or policy.regression_threshold
    claims = [*_crept(one, book, threshold), *_drifted(one)]
    start = next((account for account in _accounts(book) if account), None)
    if not claims:
        verdict = Verdict.INCONCLUSIVE if one.trend.direction is Tendency.UNKNOWN else Verdict.UNCHANGED
        reason = "Nothing lasting is worse." if verdict is Verdict.UNCHANGED else "There are too few runs to follow."
        return _row(_Claim(start.ratio if start else None, reason, account=start), one, threshold, verdict, policy)
    claim = max(claims, key=lambda each: (each.seen_again, round(each.ratio or 0.0, 1)))  # of equals, the release
    verdict = Verdict.REGRESSION if claim.seen_again else Verdict.INCONCLUSIVE
    if not claim.seen_again:
        claim = replace(claim, reason=f"{claim.reason} Too few runs in a row show it to be sure.")
    return _row(claim, one, threshold, verdict, policy)


@dataclass(frozen=True, slots=True)
class _Claim:
    """Something that looks worse: by what ratio, on what evidence, and whether later runs saw it again."""

    ratio: float | None
    reason: str
    p_value: float | None = None
    seen_again: bool = False
    good: str | None = None
    bad: str | None = None
    account: Account | None = None
    drifts: bool = False


def _accounts(book: Ledger | None) -> tuple[Account | None, ...]:
    return (book.since_release, book.since_best) if book else ()


def _crept(one: Followed, book: Ledger | None, threshold: float) -> list[_Claim]:
    """Claim what the accounts show beyond the limit."""
    words = ("the release", "its best level")
    return [
        _creep(one, account, word)
        for word, account in zip(words, _accounts(book), strict=False)
        if account is not None and account.ratio >= threshold and account.low > 1
    ]


def _creep(one: Followed, account: Account, since: str) -> _Claim:
    history, worse = one.history, [entry for entry in account.entries if entry.ratio > 1]
    size, start = wording.percent(account.ratio), _short(account.start.commit)
    settled = all(point.settled for point in one.change_points) and _holds(history, account.start_level, account.level)
    largest = max(worse, key=lambda entry: entry.ratio, default=None)
    if largest is not None and len(worse) == 1:
        index = next(point.index for point in one.change_points if history.point(point.index) == largest.point)
        reason = (
            f"{size} worse since {since}, in one step at {_short(largest.point.commit)} (p = {largest.p_value:.2g})."
        )
        good = history.point(index - 1).commit
        return _Claim(account.ratio, reason, largest.p_value, settled, good, largest.point.commit, account)
    first = account.start.commit
    steps = f", in {len(worse)} steps" if worse else ", too slowly for any one commit to be named"
    reason = f"{size} worse since {since} ({start}){steps}."
    p = max((entry.p_value for entry in worse), default=None)
    enough = len(history) - _index(history, account) >= 2 * SETTLED
    return _Claim(account.ratio, reason, p, settled and enough, first, history.point(-1).commit, account)


def _short(commit: str | None) -> str:
    return commit[:12] if commit else "an unknown commit"


def _index(history: History, account: Account) -> int:
    return next(index for index in range(len(history)) if history.point(index) == account.start)


def _drifted(one: Followed) -> list[_Claim]:
    """Claim a trend that degrades; it is seen again where it was there eight runs ago and those went on with it."""
    going, history = one.trend, one.history
    if going.direction is not Tendency.DEGRADING or going.drift is None:
        return []
    before = len(history) - SETTLED
    times = None if history.times is None else history.times[:before]
    earlier = trend.follow(history.values[:before], times, direction=history.metric.direction)
    badness = history.values if history.metric.direction is Direction.LOWER else -history.values
    went_on = before >= SETTLED and np.median(badness[before:]) > np.median(badness[before - SETTLED : before])
    seen_again = earlier.direction is Tendency.DEGRADING and bool(went_on)
    size = wording.percent(1 + going.drift)
    reason = f"It degrades: {size} worse over the last {going.points} runs (p = {going.p_value:.2g}), and goes on."
    first = history.point(len(history) - going.points).commit
    last = history.point(-1).commit
    return [_Claim(1 + going.drift, reason, going.p_value, seen_again, first, last, drifts=True)]


def _holds(history: History, start: float, level: float) -> bool:
    """Whether every one of the newest runs is nearer to the new level than to the old one."""
    middle = math.sqrt(start * level)
    newest = history.values[-NEWEST:]
    return bool((newest > middle).all() if level > start else (newest < middle).all())


def _row(claim: _Claim, one: Followed, threshold: float, verdict: Verdict, policy: Policy) -> Lasting:
    history, account = one.history, claim.account
    waiver = limits.waiver_of(history.benchmark, history.metric, policy)
    severity = _severity(claim, threshold, policy) if verdict is Verdict.REGRESSION else Severity.NONE
    if waiver is not None and claim.ratio is not None and claim.ratio <= waiver.ceiling:
        severity = min(severity, Severity.SLIGHT)
    recent = history.values[-SETTLED:]
    comparison = Comparison(
        benchmark=history.benchmark,
        metric=history.metric,
        baseline=Side(len(history) - len(recent), account.start_level if account else _first_level(one)),
        head=Side(len(recent), account.level if account else float(np.median(recent))),
        ratio=claim.ratio,
        ratio_low=account.low if account else None,
        ratio_high=account.high if account else None,
        p_value=claim.p_value,
        q_value=None,
        threshold=threshold,
        minimum_detectable_ratio=None,
        verdict=verdict,
        severity=severity,
        reason=claim.reason,
        confirmed=True if verdict is Verdict.REGRESSION else None,
    )
    return Lasting(comparison, history, claim.good, claim.bad)


def _first_level(one: Followed) -> float:
    window = one.history.values[-max(one.trend.points, 1) :]
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
