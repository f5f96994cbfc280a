"""Old records, thinned by rule.

The removal is a decision like others: an event lists each record with the SHA-256 of its content, who removed it, and
by which rule. `verify` accepts no other removal. On a branch the contents stay in its commits; what shrinks is what is
read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from regress_action.history.events import Event, EventKind
from regress_action.model.errors import UsageError
from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from regress_action.history.entries import RecordEntry
    from regress_action.history.history import History


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Keep all for `all_days`, then the newest of each week until `weekly_days`, then the newest of each month.

    Per suite and environment. Records of a commit that somebody accepted start a series, and stay.
    """

    all_days: int = 90
    weekly_days: int = 730

    def __post_init__(self) -> None:
        if not 0 <= self.all_days <= self.weekly_days:
            raise UsageError(
                f"The rule keeps all for {self.all_days} days, then weekly until day {self.weekly_days}.",
                meaning="The second must not be smaller than the first.",
                remedy="Choose, for example, 90 and 730.",
            )

    def __str__(self) -> str:
        """Return the rule in words, as the audit trail keeps it."""
        return f"all for {self.all_days} days, weekly until {self.weekly_days} days, then monthly"

    def surplus(
        self, entries: Iterable[RecordEntry], now: datetime, keep: frozenset[str] = frozenset()
    ) -> tuple[RecordEntry, ...]:
        """Return the entries that the rule does without; `keep` holds commits that stay."""
        seen: set[Hashable] = set()
        surplus = []
        for entry in sorted(entries, reverse=True):
            period = self._period(entry.time, now)
            slot = (entry.suite, entry.environment, period)
            if period is not None and slot in seen and not any(commit.startswith(entry.commit) for commit in keep):
                surplus.append(entry)
            seen.add(slot)
        return tuple(reversed(surplus))

    def _period(self, time: datetime, now: datetime) -> Hashable:
        """Return the week or month of which one record is kept, or None where all are."""
        age = now - time
        if age <= timedelta(days=self.all_days):
            return None
        return time.isocalendar()[:2] if age <= timedelta(days=self.weekly_days) else (time.year, time.month, "month")


def prune(history: History, rule: RetentionRule, *, who: str, dry_run: bool = False) -> tuple[RecordEntry, ...]:
    """Thin the history by `rule`; return what was removed, or would be.

    The present is at most the time of the newest record: a clock that is set forward must not make all of them old.
    """
    accepted = frozenset(
        event.commit for event in history.events() if event.commit and event.kind is not EventKind.HELD
    )
    entries = history.entries()
    now = min([history.clock(), *(entry.time for entry in entries[-1:])])
    surplus = rule.surplus(entries, now, accepted)
    if surplus and not dry_run:
        _remove(history, surplus, who, f"Thinned by rule: {rule}.")
    return surplus


def discard(history: History, paths: Sequence[str], *, who: str, why: str) -> tuple[RecordEntry, ...]:
    """Remove single records, such as one that was damaged; return them.

    Raises:
        UsageError: a path is no record of this history.
    """
    entries = {entry.path: entry for entry in history.entries()}
    unknown = [path for path in paths if path not in entries]
    if unknown:
        raise UsageError(
            f"{history.where} has no record {unknown[0]!r:.200}.",
            meaning="Nothing was removed.",
            remedy="Take the path from `regress-action history list`.",
        )
    chosen = tuple(entries[path] for path in paths)
    _remove(history, chosen, who, why)
    return chosen


def _remove(history: History, entries: Sequence[RecordEntry], who: str, why: str) -> None:
    contents = history.store.read([entry.path for entry in entries])
    event = Event(
        EventKind.PRUNED,
        history.clock().isoformat(timespec="seconds"),
        who,
        why,
        records=tuple(
            (entry.path, hashlib.sha256(data).hexdigest()) for entry, data in zip(entries, contents, strict=True)
        ),
    )
    message = f"Prune {len(entries)} records\n\n{plain(why)}\n\nSigned-off-by: {plain(who)}"
    history.extend([], events=[event], remove=[entry.path for entry in entries], message=message)
