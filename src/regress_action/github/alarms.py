"""Which comparisons alarm, after what was accepted, and the conclusion of the check run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from regress_action.model.comparisons import Outcome, Severity
from regress_action.model.measurements import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regress_action.github.preferences import Preferences
    from regress_action.model.comparisons import Comparison, Judgement, ServiceComparison

Conclusion = Literal["success", "neutral", "action_required", "failure"]


Regressions = dict[str, tuple[Severity, float | None]]
"""How bad each regression was, by `regression_id`: its severity and its ratio."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody with write access took responsibility for a change; `benchmark` is a shell pattern over names.

    `shown` limits it to the regressions that the commit `head` had, and to how bad they were there. `event` is GitHub's
    number of the event, where it was setting a label.
    """

    benchmark: str
    by: str
    reason: str = ""
    event: int | None = None
    head: str | None = None
    shown: Regressions | None = None

    def covers(self, comparison: Comparison) -> bool:
        """Whether this comparison is accepted by it."""
        return matches(comparison.benchmark.name, self.benchmark) and (
            self.shown is None or _no_worse(comparison, self.shown)
        )

    def covers_service(self, service: ServiceComparison) -> bool:
        """Whether a change of this service as a whole is accepted by it: its pattern is that of the service's name.

        A label accepts it while it is no worse than the worst regression that was shown.
        """
        shown = [ratio or 0.0 for _, ratio in self.shown.values()] if self.shown else []
        accepted = self.shown is None or service.ratio <= max(shown, default=0.0)
        return accepted and matches(service.service or "", self.benchmark)


def regression_id(comparison: Comparison) -> str:
    """Return what identifies a regression within its suite: a digest of benchmark and metric."""
    key = f"{comparison.benchmark.name}\x1f{comparison.metric.name}"
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()[:12]


def _no_worse(comparison: Comparison, shown: Regressions) -> bool:
    """Whether it was shown already, no less severe, and is not proven to have grown."""
    before = shown.get(regression_id(comparison))
    if before is None or comparison.severity > before[0]:
        return False
    return before[1] is None or comparison.ratio_low is None or comparison.ratio_low <= before[1]


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
