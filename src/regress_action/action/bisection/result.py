"""The state of a search as the result that reports show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regress_action.model.bisections import KEPT, BisectionResult, Ending, PackageChange, Suspect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.bisection.search import SearchState


def result_of(
    state: SearchState, *, packages: Sequence[PackageChange] = (), of_packages: BisectionResult | None = None
) -> BisectionResult:
    """Return the result of a search that ended."""
    bisection, ending = state.bisection, state.ending or Ending.BUDGET
    measured = bool(bisection.measured)
    middle, low, high = (math.exp(edge) for edge in bisection.interval(ending)) if measured else (None, None, None)
    return BisectionResult(
        good=state.range.good,
        bad=state.range.bad,
        commits=len(state.range.commits),
        ending=ending,
        target=bisection.target,
        suspects=suspects_of(state),
        unchanged=bisection.posterior.unchanged if measured else math.nan,
        builds=bisection.builds,
        pairs=state.pairs,
        ratio=middle,
        ratio_low=low,
        ratio_high=high,
        benchmark=state.key[0] if state.key else None,
        metric=state.key[1] if state.key else None,
        skipped=tuple((entry.commit, entry.reason) for entry in state.skipped),
        packages=tuple(packages),
        of_packages=of_packages,
    )


def suspects_of(state: SearchState) -> tuple[Suspect, ...]:
    """Return the commits by their probability, the older of two equal ones first."""
    bisection = state.bisection
    if not bisection.measured:
        return ()
    first = bisection.posterior.first
    reasons = {entry.commit: entry.reason for entry in state.skipped}
    order = sorted(range(len(first)), key=lambda at: (-first[at], at))
    return tuple(
        Suspect(
            commit=(commit := state.range.commits[at]).id,
            subject=commit.subject,
            author=commit.author,
            date=commit.date,
            files=commit.files,
            probability=float(first[at]),
            ratio=None if (level := bisection.level(at)) is None else math.exp(level),
            pairs=len(bisection.measured.get(at, ())),
            skipped=reasons.get(commit.id),
        )
        for at in order[:KEPT]
    )
