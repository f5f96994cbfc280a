"""Which comparisons call for what."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from regress_action.model.comparisons import Outcome, Severity
from regress_action.model.measurements import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regress_action.github.preferences import Preferences
    from regress_action.model.comparisons import Comparison, Judgement

REMEMBERED = 100
Conclusion = Literal["success", "neutral", "action_required", "failure"]


Found = dict[str, tuple[Severity, float | None]]
"""How bad each regression was, by `mark_of`: its severity and its ratio."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody with write access took responsibility for a change; `benchmark` is a shell pattern over names.

    `known` limits it to the regressions that were there at the commit `head`, and to how bad they were. `event` is
    GitHub's number of the act, where it was setting a label.
    """

    benchmark: str
    by: str
    reason: str = ""
    event: int | None = None
    head: str | None = None
    known: Found | None = None

    def covers(self, comparison: Comparison) -> bool:
        """Whether this comparison was meant."""
        return matches(comparison.benchmark.name, self.benchmark) and (
            self.known is None or _no_worse(comparison, self.known)
        )


def alarming(judgement: Judgement, accepted: Iterable[Acceptance] = ()) -> list[Comparison]:
    """Return regressions from minor up, worst first, but not what measuring again refuted or somebody accepted."""
    accepted = tuple(accepted)
    found = [
        comparison
        for comparison in judgement.comparisons
        if comparison.alarms and not any(each.covers(comparison) for each in accepted)
    ]
    return sorted(found, key=lambda comparison: (comparison.severity, comparison.ratio or 0), reverse=True)


def found(judgement: Judgement) -> Found:
    """Return how bad the regressions of a judgement are, the worst hundred."""
    return {mark_of(each): (each.severity, each.ratio) for each in alarming(judgement)[:REMEMBERED]}


def mark_of(comparison: Comparison) -> str:
    """Return what a comparison is remembered by within its suite."""
    key = f"{comparison.benchmark.name}\x1f{comparison.metric.name}"
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()[:12]


def worst(comparisons: Iterable[Comparison]) -> Severity:
    """Return the highest severity; `none` of nothing."""
    return max((comparison.severity for comparison in comparisons), default=Severity.NONE)


def _no_worse(comparison: Comparison, known: Found) -> bool:
    """Whether it was there already, no less severe, and is not proven to have grown."""
    before = known.get(mark_of(comparison))
    if before is None or comparison.severity > before[0]:
        return False
    return before[1] is None or comparison.ratio_low is None or comparison.ratio_low <= before[1]


def conclusion(judgement: Judgement, preferences: Preferences, accepted: Iterable[Acceptance] = ()) -> Conclusion:
    """Return the conclusion of the check run.

    From `fail_on` up it fails; so does a comparison that measured nothing, since a gate that cannot fire is none. A
    moderate regression below that asks for a decision or stays neutral; minor ones pass, with their annotations.
    """
    severity = worst(alarming(judgement, accepted))
    if preferences.fail_on is not Severity.NONE and severity >= preferences.fail_on:
        return "failure"
    if judgement.summary.verdict is Outcome.INCOMPLETE:
        return "failure"
    if severity >= Severity.MODERATE:
        return "action_required" if preferences.block_moderate else "neutral"
    return "neutral" if judgement.summary.verdict is Outcome.INCONCLUSIVE else "success"
