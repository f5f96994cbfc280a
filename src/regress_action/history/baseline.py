"""Which stored values are a reference.

A record with a regression is kept, but is no reference yet: otherwise the next run would be compared with the slow one,
and the slowdown would have been allowed by waiting. It becomes one when somebody accepts the new level, or when it has
lasted. From then on the series starts anew: the values before belong to another program, and would blur the baseline.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from regress_action.history.events import Event, EventKind, SeriesPattern, time_after
from regress_action.history.selection import EVERYTHING, Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regress_action.history.history import History
    from regress_action.model.measurements import Report

    Key = tuple[str, str]

_SPARE: Final = 10


def quarantine(report: Report, patterns: Iterable[SeriesPattern], *, at: datetime, who: str, why: str) -> Event:
    """Return the event that keeps the matching series of `report` from being a reference."""
    return Event(
        EventKind.HELD,
        at.isoformat(timespec="seconds"),
        who,
        why,
        run=_run(report),
        suite=report.suite,
        environment=report.environment.fingerprint,
        commit=report.commit,
        patterns=tuple(patterns),
    )


def accept(
    commit: str | None, patterns: Iterable[SeriesPattern], *, at: datetime, who: str, why: str, suite: str | None = None
) -> Event:
    """Return the event that takes the level of the matching series at `commit` for normal."""
    return Event(
        EventKind.ACCEPTED,
        at.isoformat(timespec="seconds"),
        who,
        why,
        suite=suite,
        commit=commit,
        patterns=tuple(patterns),
    )


def withdraw(patterns: Iterable[SeriesPattern], *, at: datetime, who: str, why: str, suite: str | None = None) -> Event:
    """Return the event that takes earlier acceptances of the matching series back."""
    return Event(EventKind.WITHDRAWN, at.isoformat(timespec="seconds"), who, why, suite=suite, patterns=tuple(patterns))


def quarantine_events(
    history: History, report: Report, patterns: Sequence[SeriesPattern], *, at: datetime, who: str, window: int
) -> list[Event]:
    """Return the events to store with `report`: its slow series are held back, and levels that lasted are adopted.

    `window` is how many stored reports of the suite and branch are looked at for levels that lasted.
    """
    if not patterns:
        return []
    decided = history.events()
    at = time_after(decided, at)
    held = quarantine(report, patterns, at=at, who=who, why="It shows a regression that nobody has accepted yet.")
    stored = history.load(Selection(suite=report.suite, branch=report.branch, last=window))
    return [held, *persisting([*stored, report], [*decided, held], at=at)]


def references(reports: Sequence[Report], events: Sequence[Event]) -> tuple[Report, ...]:
    """Return `reports` (oldest first) with the series that are a reference; reports without one are left out."""
    kept: list[Report] = list(reports)
    for indices in _groups(reports):
        group = [reports[index] for index in indices]
        for key in _touched(group, events):
            adopted = _adopted(group, key, events)
            for position, index in enumerate(indices):
                if not adopted[position]:
                    kept[index] = _without(kept[index], key)
    return tuple(report for report in kept if report.series)


def persisting(
    reports: Sequence[Report], events: Sequence[Event], *, at: datetime, consecutive: int = 5
) -> tuple[Event, ...]:
    """Return the events that adopt each level which the newest `consecutive` reports of its series held in a row."""
    adoptions = []
    for indices in _groups(reports):
        group = [reports[index] for index in indices]
        for key in sorted(_touched(group, events)):
            measured = [report for report in group if any(series.key == key for series in report.series)]
            streak = _streak(measured, key, events)
            if len(streak) >= consecutive:
                adoptions.append(
                    Event(
                        EventKind.ADOPTED,
                        at.isoformat(timespec="seconds"),
                        "regress-action",
                        f"The new level lasted for {len(streak)} reports.",
                        suite=group[0].suite,
                        environment=group[0].environment.fingerprint,
                        commit=streak[0].commit,
                        patterns=(SeriesPattern(*key),),
                    )
                )
    return tuple(adoptions)


def _groups(reports: Sequence[Report]) -> Iterator[list[int]]:
    """Yield the indices of the reports of one suite in one environment, in their order."""
    groups = defaultdict(list)
    for index, report in enumerate(reports):
        groups[report.suite, report.environment.fingerprint].append(index)
    yield from groups.values()


def _touched(group: Sequence[Report], events: Sequence[Event]) -> set[Key]:
    """Return the series that any event is about; all others are references as they are."""
    keys = {series.key for report in group for series in report.series}
    patterns = {pattern for event in events if _concerns(event, group[0]) for pattern in event.patterns}
    return {key for key in keys if any(pattern.fits(key) for pattern in patterns)}


def _adopted(group: Sequence[Report], key: Key, events: Sequence[Event]) -> list[bool]:
    """Return for each report whether its value of `key` is a reference."""
    start = 0
    ours = [
        event for event in events if _concerns(event, group[0]) and any(pattern.fits(key) for pattern in event.patterns)
    ]
    held_by = [
        [event for event in ours if event.kind is EventKind.HELD and _is_about(event, report)] for report in group
    ]
    withdrawn = max((event.time for event in ours if event.kind is EventKind.WITHDRAWN), default=None)
    for event in sorted(ours, key=lambda event: event.time):
        if event.kind not in {EventKind.ACCEPTED, EventKind.ADOPTED}:
            continue
        if event.kind is EventKind.ACCEPTED and withdrawn is not None and event.time <= withdrawn:
            continue
        first = _first(group, event)
        while first > start and (first < len(group) or event.commit is None) and held_by[first - 1]:
            first -= 1  # without a commit, what is held back at the end is the level that is accepted
        for index in range(first, len(group)):
            held_by[index] = [held for held in held_by[index] if held.time > event.time]
        start = max(start, first) if first < len(group) else start
    return [index >= start and not held_by[index] for index in range(len(group))]


def _streak(measured: Sequence[Report], key: Key, events: Sequence[Event]) -> list[Report]:
    """Return the newest reports in a row whose value of `key` is no reference, oldest first."""
    streak: list[Report] = []
    adopted = _adopted(measured, key, events) if measured else []
    for report, is_reference in zip(reversed(measured), reversed(adopted), strict=True):
        if is_reference:
            break
        streak.insert(0, report)
    return streak


def _first(group: Sequence[Report], event: Event) -> int:
    """Return the index of the first report of the event's commit, or else of the first since it was decided."""
    if event.commit is not None:
        for index, report in enumerate(group):
            if report.commit is not None and report.commit.startswith(event.commit):
                return index
        return len(group)
    return next((index for index, report in enumerate(group) if _made(report) > event.time), len(group))


def _made(report: Report) -> datetime:
    return datetime.fromisoformat(report.created) if report.created else datetime.min.replace(tzinfo=UTC)


def _concerns(event: Event, report: Report) -> bool:
    return event.suite in {None, report.suite} and event.environment in {None, report.environment.fingerprint}


def _is_about(event: Event, report: Report) -> bool:
    return event.commit == report.commit and event.run in {None, _run(report)}


def _run(report: Report) -> str | None:
    facts = dict(report.provenance)
    return f"{facts['run_id']}.{facts.get('attempt', '1')}" if "run_id" in facts else None


def _without(report: Report, key: Key) -> Report:
    return replace(report, series=tuple(series for series in report.series if series.key != key))


def reference_window(history: History, selection: Selection, commits: Sequence[str] = ()) -> tuple[Report, ...]:
    """Load a window of the history and return what of it is a reference, oldest first.

    With `commits` (what `ancestors` returns for a merge base) the window holds the `selection.last` reports
    nearest to the first of them. Only the decisions since the window's oldest report are read, because older decisions
    are about older reports.
    """
    reports = nearest(history, commits, selection, last=selection.last or 1) if commits else history.load(selection)
    return references(reports, history.events(since=min(map(_made, reports)))) if reports else ()


def nearest(
    history: History, commits: Sequence[str], selection: Selection = EVERYTHING, *, last: int = 1
) -> tuple[Report, ...]:
    """Return the records of the `last` reports nearest to `commits[0]` (nearest first in `commits`), oldest first.

    Nearness is that of ancestry, not of clocks: a late re-run of an old commit does not displace a newer commit.
    Several reports of one commit count one by one.
    """
    ranks = {commit[:12]: rank for rank, commit in enumerate(commits)}
    wanted = replace(selection, commits=frozenset(commits), last=2 * last + _SPARE)
    records = history.records(wanted)
    records.sort(key=lambda record: (ranks[record[0].commit], -record[0].time.timestamp(), record[0].path))
    return tuple(report for _, report in reversed(records[:last]))
