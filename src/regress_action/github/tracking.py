"""What becomes of the issues: a pure decision from those that exist and what was judged now."""

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
    parts = (suite, branch, comparison.benchmark.name, comparison.metric.name)
    return hashlib.sha256("\x1f".join(parts).encode(errors="replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tracked:
    """An issue of ours: which regressions it is about, how bad they were, and which commits it has spoken of.

    `reason` is GitHub's `state_reason` of a closed issue. `by_trend` says who found it: pushes, which compare with what
    was measured lately, or the trend, which alone sees what came slowly, and so alone knows when that is over.
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
class Open:
    """Open an issue; about several regressions it is an umbrella."""

    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Follow:
    """Go on with an issue, about what was judged of its regressions now."""

    issue: Tracked
    comparisons: tuple[Comparison, ...]


class Persist(Follow):
    """Bring the text up to date, silently."""


class Regrade(Follow):
    """Say that the severity changed."""


class Recover(Follow):
    """Close: everything it is about is well again."""


class Relapse(Follow):
    """Open it again."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Close a duplicate, which comes of two runs at once."""

    issue: Tracked
    into: int


Action = Open | Persist | Regrade | Recover | Relapse | Merge


def decide(
    existing: Sequence[Tracked],
    comparisons: Sequence[Comparison],
    identify: Callable[[Comparison], Fingerprint],
    *,
    commit: str,
    max_issues: int,
    by_trend: bool = False,
) -> list[Action]:
    """Return what to do, at most one action for each issue, new issues last.

    New issues need a confirmed regression: from moderate up, and from minor up when the trend found it, since nobody
    else will tell of that one. An open issue follows whoever found it; a push that finds worse takes it over. A commit
    that an issue has spoken of already changes nothing in it, so a job that is run again is silent. An issue closed as
    not planned stays closed.
    """
    judged = {identify(comparison): comparison for comparison in comparisons}
    owners = _owners(existing)
    actions: list[Action] = []
    for issue in sorted(existing, key=lambda each: each.number):
        owned = [mark for mark in issue.members if owners.get(mark) is issue]
        if not owned:
            actions += _merged(issue, owners)
        elif commit not in issue.seen:
            actions += _followed(issue, [judged.get(mark) for mark in owned], by_trend=by_trend)
    new = unclaimed(existing, comparisons, identify, by_trend=by_trend)
    return actions + ([Open(tuple(new[:UMBRELLA]))] if len(new) > max_issues else [Open((each,)) for each in new])


def unclaimed(
    existing: Sequence[Tracked],
    comparisons: Sequence[Comparison],
    identify: Callable[[Comparison], Fingerprint],
    *,
    by_trend: bool = False,
) -> list[Comparison]:
    """Return the regressions that call for an issue and that none of the existing ones is about, worst first."""
    owners, least = _owners(existing), _least(by_trend=by_trend)
    judged = {identify(comparison): comparison for comparison in comparisons}
    new = [each for mark, each in judged.items() if mark not in owners and _is_alarm(each, least)]
    return sorted(new, key=lambda each: (each.severity, each.ratio or 0), reverse=True)


def _owners(existing: Sequence[Tracked]) -> dict[Fingerprint, Tracked]:
    """Return which issue speaks for a regression: an open one first, then a muted one, then the newest."""
    owners: dict[Fingerprint, Tracked] = {}
    for issue in sorted(existing, key=_precedence):
        if issue.reason != DUPLICATE or issue.is_open:
            for mark in issue.members:
                owners.setdefault(mark, issue)
    return owners


def _precedence(issue: Tracked) -> tuple[int, int]:
    if issue.is_open:
        return 0, issue.number
    return (1 if issue.reason == MUTED else 2), -issue.number


def _merged(issue: Tracked, owners: Mapping[Fingerprint, Tracked]) -> list[Action]:
    if not issue.is_open or not issue.members:
        return []
    return [Merge(issue, owners[next(iter(issue.members))].number)]


def _least(*, by_trend: bool) -> Severity:
    return Severity.MINOR if by_trend else Severity.MODERATE


def _followed(issue: Tracked, members: list[Comparison | None], *, by_trend: bool) -> list[Action]:
    """Decide about one issue from its members as judged now; None is one that was not measured."""
    bad = tuple(each for each in members if each is not None and _is_alarm(each, Severity.MINOR))
    if not issue.is_open:
        relapsed = issue.reason != MUTED and any(_is_alarm(each, _least(by_trend=by_trend)) for each in bad)
        return [Relapse(issue, bad)] if relapsed else []
    if issue.by_trend is not by_trend:
        takes_over = not by_trend and worst(bad) > max(issue.severity, Severity.MINOR)
        return [Regrade(issue, bad)] if takes_over else []
    if bad:
        return [Persist(issue, bad) if worst(bad) is issue.severity else Regrade(issue, bad)]
    well = tuple(each for each in members if each is not None and _is_well(each))
    return [Recover(issue, well)] if len(well) == len(members) else []


def _is_alarm(comparison: Comparison, least: Severity) -> bool:
    return comparison.is_confirmed and comparison.severity >= least


def _is_well(comparison: Comparison) -> bool:
    """Whether it is known to be no regression; what was not decided or not confirmed proves nothing."""
    return comparison.verdict in {Verdict.UNCHANGED, Verdict.IMPROVEMENT} or comparison.severity is Severity.SLIGHT
