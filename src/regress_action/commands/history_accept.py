"""`regress-action history accept`: decide that a new level is normal, or take that back, and say what it changes."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regress_action.commands.history_options import existing, whoami
from regress_action.model import escaping
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regress_action.model.measurements import Report

_LOOKED_AT = 200  # records, to say what an acceptance changes


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceScope:
    """What somebody accepts: patterns of benchmarks and metrics, from which commit on, and why.

    `undo` takes earlier acceptances back.
    """

    benchmark: str
    metric: str = "*"
    commit: str | None = None
    suite: str | None = None
    reason: str
    undo: bool = False


def accept_level(where: str, scope: AcceptanceScope) -> Iterator[str]:
    """Store the decision, and yield what it changes in the baseline of each series.

    Raises:
        UsageError: no stored series matches, or no record is of the commit.
    """
    from regress_action import history

    store = existing(where)
    selection = history.Selection(suite=scope.suite, last=_LOOKED_AT)
    reports = store.load(selection)
    pattern = history.SeriesPattern(scope.benchmark, scope.metric)
    keys = sorted({series.key for report in reports for series in report.series if pattern.fits(series.key)})
    if not keys:
        names = sorted({series.benchmark.name for report in reports for series in report.series})
        raise _nothing(f"{scope.benchmark} ({scope.metric})", "series", names)
    if scope.commit and not any((report.commit or "").startswith(scope.commit) for report in reports):
        raise _nothing(scope.commit, "record of the commit", [report.commit or "" for report in reports])
    earlier = store.events()
    now, who = history.time_after(earlier, datetime.now(UTC)), whoami()
    if scope.undo:
        event = history.withdraw([pattern], at=now, who=who, why=scope.reason, suite=scope.suite)
    else:
        event = history.accept(scope.commit, [pattern], at=now, who=who, why=scope.reason, suite=scope.suite)
    verb = "Take back" if scope.undo else "Accept"
    message = f"{verb} {escaping.plain(scope.benchmark)}\n\n{escaping.plain(scope.reason)}"
    store.extend([], events=[event], message=message)
    before, after = (history.references(reports, events) for events in (earlier, (*earlier, event)))
    yield f"{'Taken back' if scope.undo else 'Accepted'}: {escaping.plain(scope.benchmark)} ({scope.metric})."
    for key in keys:
        yield f"  {escaping.plain(key[0])} ({escaping.plain(key[1])}): {_change_of_baseline(key, before, after)}"


def _change_of_baseline(key: tuple[str, str], before: Sequence[Report], after: Sequence[Report]) -> str:
    """Return which records later runs of a series are compared with, and which ones they no longer are."""
    from regress_action.report.numbers import count

    old, new = (
        [report for report in reports if key in {row.key for row in report.series}] for reports in (before, after)
    )
    if old == new:
        return (
            "nothing was held back, so the baseline is as before; a level that is accepted starts with the next record"
        )
    since = f", the oldest of commit {(new[0].commit or 'unknown')[:12]}" if new else ""
    return f"compared with {count(len(new), 'record')} from now on{since} (before: {len(old)})"


def _nothing(wanted: str, what: str, candidates: Iterable[str]) -> UsageError:
    """Return the error for something that the history does not hold, with the nearest names that it does hold."""
    from regress_action.model.measurements import short_names

    names = [name for name in dict.fromkeys(candidates) if name]
    forms = {form: name for name in names for form in (name, *short_names(name))}
    near = [forms[form] for form in difflib.get_close_matches(wanted.partition(" (")[0], forms, n=3, cutoff=0.5)]
    shown = ", ".join(escaping.plain(name) for name in dict.fromkeys(near or names[:5])) or "none"
    return UsageError(
        f"The history holds no {what} that matches {escaping.plain(wanted)!r}.",
        meaning="Nothing was stored, because it would change nothing.",
        remedy=f"{'Did you mean' if near else 'It holds'}: {shown}{'?' if near else ''}",
    )
