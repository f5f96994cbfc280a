"""Which comparisons call for what."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from regress_action.verdicts import Outcome, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regress_action.github.preferences import Preferences
    from regress_action.verdicts import Comparison, Judgement

Conclusion = Literal["success", "neutral", "action_required", "failure"]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody with write access took responsibility for a change; `benchmark` is a shell pattern over names."""

    benchmark: str
    by: str
    reason: str = ""

    def covers(self, comparison: Comparison) -> bool:
        """Whether this comparison was meant."""
        return self.benchmark == comparison.benchmark.name or fnmatchcase(comparison.benchmark.name, self.benchmark)


def alarming(judgement: Judgement, accepted: Iterable[Acceptance] = ()) -> list[Comparison]:
    """Return regressions from minor up, worst first, but not what measuring again refuted or somebody accepted."""
    accepted = tuple(accepted)
    found = [
        comparison
        for comparison in judgement.comparisons
        if comparison.verdict is Verdict.REGRESSION
        and comparison.severity.rank >= Severity.MINOR.rank
        and comparison.confirmed is not False
        and not any(each.covers(comparison) for each in accepted)
    ]
    return sorted(found, key=lambda comparison: (-comparison.severity.rank, -(comparison.ratio or 0)))


def worst(comparisons: Iterable[Comparison]) -> Severity:
    """Return the highest severity; `none` of nothing."""
    return max((comparison.severity for comparison in comparisons), key=lambda each: each.rank, default=Severity.NONE)


def conclusion(judgement: Judgement, preferences: Preferences, accepted: Iterable[Acceptance] = ()) -> Conclusion:
    """Return the conclusion of the check run.

    From `fail_on` up it fails; so does a comparison that measured nothing, since a gate that cannot fire is none. A
    moderate regression below that asks for a decision or stays neutral; minor ones pass, with their annotations.
    """
    severity = worst(alarming(judgement, accepted))
    if preferences.fail_on is not Severity.NONE and severity.rank >= preferences.fail_on.rank:
        return "failure"
    if judgement.summary.verdict is Outcome.INCOMPLETE:
        return "failure"
    if severity.rank >= Severity.MODERATE.rank:
        return "action_required" if preferences.block_moderate else "neutral"
    return "neutral" if judgement.summary.verdict is Outcome.INCONCLUSIVE else "success"
