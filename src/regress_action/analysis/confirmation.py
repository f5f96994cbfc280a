"""Measure again before publishing: which benchmarks are suspects, and what the second measurement shows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.analysis import suite
from regress_action.analysis.policy import Policy
from regress_action.model.comparisons import (
    Comparison,
    Judgement,
    Mode,
    Reason,
    ReasonCode,
    ServiceComparison,
    Severity,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPEN = (Verdict.INCONCLUSIVE, Verdict.UNSTABLE_BASELINE, Verdict.INCOMPARABLE)
_SAYS_SOMETHING = (Verdict.REGRESSION, Verdict.IMPROVEMENT, Verdict.UNCHANGED)
_DEFAULT = Policy()


def suspects(judgement: Judgement, policy: Policy = _DEFAULT) -> tuple[str, ...]:
    """Return the benchmarks to measure again, worst first: what alarms, and what may alarm for all that is known.

    Anything that leans to the worse (p ≤ `policy.screen`) and whose interval reaches its threshold is a suspect,
    proven or not: the second measurement is a complete test of its own, so a loose screen finds more and costs
    time, not trust. Of a service that may alarm as a whole every benchmark is one.
    """
    services = {service.service for service in judgement.services if service.reaches_threshold}
    rows = (row for row in judgement.comparisons if _is_suspect(row, policy))
    members = (row for row in judgement.comparisons if row.benchmark.service in services and row.metric.name == "time")
    return tuple(dict.fromkeys(row.benchmark.name for row in (*rows, *members)))


def confirm(first: Judgement, again: Judgement, policy: Policy = _DEFAULT) -> Judgement:
    """Return `first` as corrected by `again`, a second measurement of its suspects, best in pairs on one machine.

    A regression that both show is confirmed; one that only the first showed becomes inconclusive, with
    `confirmed` False. What was open and is decided by the second measurement takes over its numbers. Nothing that
    was not measured again is called confirmed.
    """
    second = {(row.benchmark.name, row.metric.name): row for row in again.comparisons}
    rows = tuple(_confirmed(row, second, again.mode, policy) for row in first.comparisons)
    ordered = tuple(sorted(rows, key=suite.worst_first))
    services = tuple(_confirmed_service(service, again) for service in first.services)
    shift = first.summary.environment_shift
    still_open = any(row.verdict in _OPEN for row in rows)
    moved = math.log(shift) if shift is not None and still_open else None
    return replace(
        first,
        comparisons=ordered,
        summary=suite.summarise(ordered, policy, moved, services),
        services=services,
        notes=tuple(dict.fromkeys((*first.notes, *again.notes))),
    )


def _is_suspect(comparison: Comparison, policy: Policy) -> bool:
    if comparison.reaches_threshold:
        return True
    if comparison.verdict not in (Verdict.REGRESSION, *_OPEN) or comparison.p_value is None:
        return False
    if comparison.ratio_high is None:
        return False
    return suite.leans(comparison, policy) and comparison.ratio_high >= comparison.threshold


def _confirmed(row: Comparison, second: Mapping[tuple[str, str], Comparison], mode: Mode, policy: Policy) -> Comparison:
    repetition = second.get((row.benchmark.name, row.metric.name))
    if repetition is None or repetition.verdict not in (*_SAYS_SOMETHING, *_OPEN) or _failed_on_base(repetition):
        return row
    decided = repetition.verdict in _SAYS_SOMETHING
    by_suite = _moved_with_suite(row)
    if row.verdict is Verdict.REGRESSION and not (by_suite and decided):
        return _repeated(row, repetition, mode)
    if decided and (by_suite or (row.verdict in _OPEN and _is_suspect(row, policy))):
        proven = repetition.verdict is Verdict.REGRESSION and repetition.confirmed is not False
        return replace(repetition, budget=row.budget, confirmed=True if proven else repetition.confirmed)
    return row


def _confirmed_service(service: ServiceComparison, again: Judgement) -> ServiceComparison:
    """Return a service as a second measurement in pairs leaves it: confirmed, or open where it was not repeated."""
    repeated = next((other for other in again.services if other.service == service.service), None)
    if repeated is None or repeated.mode is not Mode.PAIRED or not service.reaches_threshold:
        return service
    if repeated.is_proven_regression:
        return replace(repeated, confirmed=True)
    return replace(repeated, verdict=Verdict.INCONCLUSIVE, severity=Severity.NONE, confirmed=False)


def _failed_on_base(row: Comparison) -> bool:
    """Whether the base could not measure it again, which takes nothing back."""
    return isinstance(row.reason, Reason) and row.reason.code is ReasonCode.FAILED_ON_BASE


def _moved_with_suite(row: Comparison) -> bool:
    """Whether it is suspected because the whole suite moved, which a measurement in pairs decides."""
    return isinstance(row.reason, Reason) and row.reason.code is ReasonCode.MOVED_WITH_SUITE


def _repeated(row: Comparison, repetition: Comparison, mode: Mode) -> Comparison:
    """Return a regression as the second measurement leaves it: confirmed, still suspected, or not repeated."""
    if repetition.verdict is Verdict.REGRESSION and repetition.confirmed is not False:
        stronger = repetition if mode is Mode.PAIRED else row
        reason = Reason(ReasonCode.CONFIRMED, mode, again=stronger)
        return replace(stronger, budget=row.budget, confirmed=True, reason=reason)
    if repetition.verdict is Verdict.REGRESSION and mode is Mode.PAIRED:  # the same two builds, suspected again
        return replace(repetition, budget=row.budget)
    return replace(
        row,
        verdict=Verdict.INCONCLUSIVE,
        severity=Severity.NONE,
        confirmed=False,
        runs_needed=repetition.runs_needed,
        trade_off=None,
        reason=Reason(ReasonCode.NOT_REPEATED, mode, again=repetition),
    )
