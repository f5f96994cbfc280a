"""Which comparisons alarm, after what was accepted, and the conclusion of the check run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from regress_action.model.comparisons import Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regress_action.github.acceptance import Acceptance
    from regress_action.github.preferences import Preferences
    from regress_action.model.comparisons import Comparison, Judgement, ServiceComparison

Conclusion = Literal["success", "neutral", "action_required", "failure"]


def alarming(judgement: Judgement, accepted: Iterable[Acceptance] = ()) -> list[Comparison]:
    """Return the comparisons that alarm and that nobody accepted, worst first."""
    accepted = tuple(accepted)
    alarms = [
        comparison
        for comparison in judgement.comparisons
        if comparison.alarms and not any(acceptance.covers(comparison) for acceptance in accepted)
    ]
    return sorted(alarms, key=lambda comparison: (comparison.severity, comparison.ratio or 0), reverse=True)


def _alarming_services(judgement: Judgement, accepted: Iterable[Acceptance]) -> list[ServiceComparison]:
    """Return the services that alarm as a whole and that nobody accepted."""
    accepted = tuple(accepted)
    return [
        service
        for service in judgement.services
        if service.alarms and not any(acceptance.covers_service(service) for acceptance in accepted)
    ]


def worst(comparisons: Iterable[Comparison | ServiceComparison]) -> Severity:
    """Return the highest severity; `none` of nothing."""
    return max((comparison.severity for comparison in comparisons), default=Severity.NONE)


def conclusion(judgement: Judgement, preferences: Preferences, accepted: Iterable[Acceptance] = ()) -> Conclusion:
    """Return the conclusion of the check run.

    From `fail_on` up it fails; so does a comparison that measured nothing, since a gate that cannot fail protects
    nothing. A moderate regression below that asks for a decision or stays neutral; minor ones pass, with their
    annotations.
    """
    accepted = tuple(accepted)
    severity = max(worst(alarming(judgement, accepted)), worst(_alarming_services(judgement, accepted)))
    if preferences.fail_on is not Severity.NONE and severity >= preferences.fail_on:
        return "failure"
    if judgement.summary.verdict is Outcome.INCOMPLETE:
        return "failure"
    if severity >= Severity.MODERATE:
        return "action_required" if preferences.block_moderate else "neutral"
    return "neutral" if judgement.summary.verdict is Outcome.INCONCLUSIVE else "success"
