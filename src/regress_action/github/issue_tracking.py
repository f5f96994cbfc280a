"""What is done with the issues: a pure decision from those that exist and from the judgement."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.github.alarms import worst
from regress_action.model.comparisons import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regress_action.model.comparisons import Comparison

UMBRELLA = 500  # what fits into the hidden state of one issue
MUTED, DUPLICATE = "not_planned", "duplicate"
Fingerprint = str


def fingerprint(suite: str, branch: str, comparison: Comparison) -> Fingerprint:
    """Return the identity of a regression: suite, branch, benchmark and metric; no commit, no run."""
    return fingerprint_of(suite, branch, (comparison.benchmark.name, comparison.metric.name))


def fingerprint_of(suite: str, branch: str, key: tuple[str, str]) -> Fingerprint:
    """Return the identity of the regressions of a benchmark and metric."""
    parts = (suite, branch, *key)
    return hashlib.sha256("\x1f".join(parts).encode(errors="replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class TrackedIssue:
    """An issue of ours: which regressions it is about, how bad they were, and for which commits it was updated.

    `reason` is GitHub's `state_reason` of a closed issue. `by_trend` tells who opened it: pushes, which compare with
    what was measured lately, or the trend, which alone sees slow changes and so alone knows when one is over.
    """

    number: int
    is_open: bool
    reason: str | None
    members: Mapping[Fingerprint, Severity]
    seen: tuple[str, ...] = ()
    by_trend: bool = False

    @property
    def severity(self) -> Severity:
        """The worst of its members, as last written."""
        return max(self.members.values(), default=Severity.NONE)


@dataclass(frozen=True, slots=True)
class OpenIssue:
    """Open an issue; about several regressions it is an umbrella."""

    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class IssueAction:
    """Do something with an issue, because of what was judged of its regressions."""

    issue: TrackedIssue
    comparisons: tuple[Comparison, ...]


class UpdateIssue(IssueAction):
    """Bring the text up to date, silently."""


class RegradeIssue(IssueAction):
    """Comment that the severity changed."""


class CloseIssue(IssueAction):
    """Close: all of its regressions are gone."""


class ReopenIssue(IssueAction):
    """Open it again."""


@dataclass(frozen=True, slots=True)
class MergeIssue:
    """Close a duplicate, as two concurrent runs make it."""

    issue: TrackedIssue
    into: int


Action = OpenIssue | UpdateIssue | RegradeIssue | CloseIssue | ReopenIssue | MergeIssue


def decide(
    existing: Sequence[TrackedIssue],
    comparisons: Sequence[Comparison],
    identify: Callable[[Comparison], Fingerprint],
    *,
    commit: str,
    max_issues: int,
    by_trend: bool = False,
    accepted: frozenset[Fingerprint] = frozenset(),
) -> list[Action]:
    """Return what to do, at most one action for each issue, new issues last.

    New issues need a confirmed regression: from moderate up, and from minor up when the trend found it, since nothing
    else reports that one. An open issue is updated by whichever of the two opened it; a push that finds worse takes it
    over. An issue is updated once for each commit, so a job that is run again changes nothing; only what is `accepted`
    closes an issue without a new commit. An issue closed as not planned stays closed.
    """
    judged = {identify(comparison): comparison for comparison in comparisons}
    owners = _owners(existing)
    actions: list[Action] = []
    for issue in sorted(existing, key=lambda tracked: tracked.number):
        owned = [member for member in issue.members if owners.get(member) is issue]
        if not owned:
            actions += _merged(issue, owners)
        elif commit not in issue.seen:
            actions += _followed(issue, [judged.get(member) for member in owned], by_trend=by_trend)
        elif not accepted.isdisjoint(owned):
            following = _followed(issue, [judged.get(member) for member in owned], by_trend=by_trend)
            actions += [action for action in following if isinstance(action, CloseIssue)]
    new = unclaimed(existing, comparisons, identify, by_trend=by_trend)
    umbrella = len(new) > max_issues
    return actions + (
        [OpenIssue(tuple(new[:UMBRELLA]))] if umbrella else [OpenIssue((comparison,)) for comparison in new]
    )


def unclaimed(
    existing: Sequence[TrackedIssue],
    comparisons: Sequence[Comparison],
    identify: Callable[[Comparison], Fingerprint],
    *,
    by_trend: bool = False,
) -> list[Comparison]:
    """Return the regressions that need an issue and that none of the existing ones is about, worst first."""
    owners, least = _owners(existing), _least(by_trend=by_trend)
    judged = {identify(comparison): comparison for comparison in comparisons}
    new = [row for member, row in judged.items() if member not in owners and _is_alarm(row, least)]
    return sorted(new, key=lambda row: (row.severity, row.ratio or 0), reverse=True)


def _owners(existing: Sequence[TrackedIssue]) -> dict[Fingerprint, TrackedIssue]:
    """Return which issue a regression belongs to: an open one first, then a muted one, then the newest."""
    owners: dict[Fingerprint, TrackedIssue] = {}
    for issue in sorted(existing, key=_precedence):
        if issue.reason != DUPLICATE or issue.is_open:
            for member in issue.members:
                owners.setdefault(member, issue)
    return owners


def _precedence(issue: TrackedIssue) -> tuple[int, int]:
    if issue.is_open:
        return 0, issue.number
    return (1 if issue.reason == MUTED else 2), -issue.number


def _merged(issue: TrackedIssue, owners: Mapping[Fingerprint, TrackedIssue]) -> list[Action]:
    if not issue.is_open or not issue.members:
        return []
    return [MergeIssue(issue, owners[next(iter(issue.members))].number)]


def _least(*, by_trend: bool) -> Severity:
    return Severity.MINOR if by_trend else Severity.MODERATE


def _followed(issue: TrackedIssue, members: list[Comparison | None], *, by_trend: bool) -> list[Action]:
    """Decide about one issue from its members as judged now; None is one that was not measured."""
    bad = tuple(row for row in members if row is not None and _is_alarm(row, Severity.MINOR))
    if not issue.is_open:
        relapsed = issue.reason != MUTED and any(_is_alarm(row, _least(by_trend=by_trend)) for row in bad)
        return [ReopenIssue(issue, bad)] if relapsed else []
    if issue.by_trend is not by_trend:
        takes_over = not by_trend and worst(bad) > max(issue.severity, Severity.MINOR)
        return [RegradeIssue(issue, bad)] if takes_over else []
    if bad:
        return [UpdateIssue(issue, bad) if worst(bad) is issue.severity else RegradeIssue(issue, bad)]
    recovered = tuple(row for row in members if row is not None and _is_recovered(row))
    return [CloseIssue(issue, recovered)] if len(recovered) == len(members) else []


def _is_alarm(comparison: Comparison, least: Severity) -> bool:
    return comparison.is_confirmed and comparison.severity >= least


def _is_recovered(comparison: Comparison) -> bool:
    """Whether it is known to be no regression that alarms; what was not measured or not confirmed proves nothing.

    What is undecided counts where its whole interval lies below the threshold: few runs can exclude the alarm long
    before they show that nothing changed.
    """
    if comparison.verdict is Verdict.INCONCLUSIVE:
        return comparison.ratio_high is not None and comparison.ratio_high < comparison.threshold
    return comparison.verdict in {Verdict.UNCHANGED, Verdict.IMPROVEMENT} or comparison.severity is Severity.SLIGHT
