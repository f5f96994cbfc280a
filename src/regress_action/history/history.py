"""A history: it adds records and events to a store, and reads them by window."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from regress_action.history.entries import RecordEntry, by_time
from regress_action.history.events import Event, decode_event, encode_event
from regress_action.history.rounding import rounded
from regress_action.history.selection import EVERYTHING, Selection
from regress_action.model.errors import HistoryError, UsageError
from regress_action.model.escaping import plain
from regress_action.model.measurements import Aliases
from regress_action.model.records import decode, encode, path_of, slug

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from regress_action.history.store import Store
    from regress_action.model.measurements import Report

_log = logging.getLogger(__name__)
_SKEW: Final = timedelta(days=1)  # clocks of runners disagree by seconds; a day is a broken clock
_STREAMED: Final = 100  # reports that are read at a time
_MONTHS: Final = 4  # in the first look: their names are small, and another round trip is not


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was written: the paths, and what proves it (a commit where the store is a branch).

    `already` is how many of the paths an import found stored before.
    """

    paths: tuple[str, ...]
    proof: str
    already: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """Append-only reports and events in a store.

    `clock` gives the present in UTC, and a report without a time gets it. Records from beyond tomorrow are left out,
    unless all of them are: then it is this clock that is wrong.
    `aliases` are applied to every report that is read; what is stored keeps the names of its time.
    """

    store: Store
    clock: Callable[[], datetime] = field(default=_now)
    aliases: Aliases = field(default_factory=Aliases)

    @property
    def where(self) -> str:
        """The place, as a person may read it."""
        return self.store.where

    def append(self, report: Report, *, events: Iterable[Event] = ()) -> str:
        """Store one report, with the `events` about it, and return its path; `extend` says more."""
        return self.extend([report], events=events).paths[0]

    def extend(
        self,
        reports: Sequence[Report],
        *,
        events: Iterable[Event] = (),
        remove: Collection[str] = (),
        message: str = "",
    ) -> Receipt:
        """Store `reports` and `events` in one writing, the reports' paths first in the receipt.

        Storing the same report again changes nothing. A report from the future gets the present time and a warning.

        Raises:
            HistoryError: the place cannot be written; a branch is then as it was before.
            InputError: a report cannot be written down.
        """
        files: dict[str, bytes] = {}
        for report in reports:
            stored = rounded(self._dated(report))
            data = encode(stored)
            files[str(path_of(stored, data))] = data
        noted = dict(encode_event(event) for event in events)
        proof = self.store.write(files | noted, _harmless(message or _message(reports, len(noted))), remove=remove)
        return Receipt((*files, *noted), proof)

    def load(self, selection: Selection = EVERYTHING) -> tuple[Report, ...]:
        """Return the selected reports, oldest first, each with its selected series.

        Only the window is read: `last` reports cost the same whether a hundred or a hundred thousand are stored.

        Raises:
            HistoryError: the place cannot be read, or a record does not match its name.
            InputError: a record is cut, or from a newer version.
        """
        return tuple(report for _, report in self.records(selection))

    def stream(self, selection: Selection = EVERYTHING) -> Iterator[Report]:
        """Yield what `load` returns, oldest first, with few reports in memory at a time.

        Raises:
            HistoryError: the place cannot be read, or a record does not match its name.
            InputError: a record is cut, or from a newer version.
        """
        if selection.last is not None:
            yield from self.load(selection)
            return
        entries = self.entries(selection)
        for start in range(0, len(entries), _STREAMED):
            for report in self.read(entries[start : start + _STREAMED]):
                if (narrowed := selection.narrowed(report)) is not None:
                    yield narrowed

    def records(self, selection: Selection = EVERYTHING) -> list[tuple[RecordEntry, Report]]:
        """Return what `load` does, each report with its entry."""
        records: list[tuple[RecordEntry, Report]] = []
        entries = self._newest_first(selection)
        size = selection.last  # enough, unless contents rule some out
        while selection.last is None or len(records) < selection.last:
            chunk = list(islice(entries, size))
            size = size and 2 * size
            if not chunk:
                break
            for entry, report in zip(chunk, self.read(chunk), strict=True):
                narrowed = selection.narrowed(report)
                if narrowed is not None:
                    records.append((entry, narrowed))
        return records[: selection.last][::-1]

    def entries(self, selection: Selection = EVERYTHING) -> tuple[RecordEntry, ...]:
        """Return what the paths of the selected records tell, oldest first, without opening one.

        What only the content tells (branch, benchmark, service, metric, event) is not looked at.
        """
        return tuple(islice(self._newest_first(selection), selection.last))[::-1]

    def read(self, entries: Sequence[RecordEntry]) -> list[Report]:
        """Open records, and check each against its name."""
        contents = self.store.read([entry.path for entry in entries])
        for entry, data in zip(entries, contents, strict=True):
            if hashlib.sha256(data).hexdigest()[:12] != entry.digest:
                raise HistoryError(
                    f"{self.where}: the content of {entry.path} is not what its name says.",
                    meaning="The record was changed after it was written, or the disk is damaged.",
                    remedy="Run `regress-action history verify` to see who changed it, and restore the file.",
                )
        reports = (decode(data, entry.path) for entry, data in zip(entries, contents, strict=True))
        return [self.aliases.applied(report) for report in reports]

    def events(self, since: datetime | None = None) -> tuple[Event, ...]:
        """Return the decisions from the second `since` on, oldest first."""
        since = since and since.replace(microsecond=0)
        folders = self._months(["events"], Selection(since=since))
        listed = self.store.children(list(chain.from_iterable(folders.values())))
        paths = sorted(f"{folder}/{name}" for folder, children in listed.items() for name in children.files)
        contents = self.store.read(paths)
        events = (decode_event(data, path) for path, data in zip(paths, contents, strict=True))
        wanted = (event for event in events if since is None or event.time >= since)
        return tuple(sorted(wanted, key=lambda event: event.time))

    def _newest_first(self, selection: Selection) -> Iterator[RecordEntry]:
        """Yield entries, newest first, by months in steps that double: a window needs few round trips.

        A clock that is set back must not hide the history, so where no record is of its past, all of them count.
        """
        suites = self._below(["runs"], lambda name: selection.suite is None or name == slug(selection.suite))
        machines = self._below(suites, lambda name: name.startswith(selection.environment or ""))
        months = sorted(self._months(machines, selection).items(), reverse=True)
        admits = selection.entry_filter()
        tomorrow = self.clock() + _SKEW
        step = _MONTHS if selection.last is not None else len(months)
        future: list[RecordEntry] = []
        has_past = False
        while months:
            batch, months = months[:step], months[step:]
            step *= 2
            listed = self.store.children([folder for _, folders in batch for folder in folders])
            paths = (f"{folder}/{name}" for folder, children in listed.items() for name in children.files)
            for path in sorted(paths, key=by_time, reverse=True):
                entry = RecordEntry.parse(path)  # only here: who wants the newest few reads no more names than that
                if entry is None or not admits(entry):
                    continue
                if entry.time > tomorrow and selection.until is None:
                    future.append(entry)
                    continue
                if future and not has_past:
                    _log.warning(
                        "%d records such as %s are dated in the future and left out: a clock was wrong",
                        len(future),
                        future[0].path,
                    )
                has_past = True
                yield entry
        if future and not has_past:
            _log.warning("all records are dated in the future, up to %s: the clock here is wrong", future[0].path)
            yield from future

    def _below(self, folders: Sequence[str], wanted: Callable[[str], bool]) -> list[str]:
        listed = self.store.children(folders) if folders else {}
        return [f"{folder}/{name}" for folder, children in listed.items() for name in children.folders if wanted(name)]

    def _months(self, roots: Sequence[str], selection: Selection) -> dict[tuple[str, str], list[str]]:
        """Return the folders of each month below `roots`."""
        months = defaultdict(list)
        for folder in self._below(self._below(roots, str.isdigit), str.isdigit):
            year, month = folder.split("/")[-2:]
            if selection.admits_month(year, month):
                months[year, month].append(folder)
        return months

    def _dated(self, report: Report) -> Report:
        now = self.clock()
        stamp = now.isoformat(timespec="seconds")
        if report.created is None:
            return replace(report, created=stamp)
        try:
            ahead = datetime.fromisoformat(report.created) - now > _SKEW
        except (TypeError, ValueError):
            return report  # `path_of` refuses it with the right words
        if not ahead:
            return report
        warning = f"It says it was made at {report.created}, which is in the future; stored with the present time."
        return replace(report, created=stamp, warnings=(*report.warnings, warning))


def _message(reports: Sequence[Report], events: int) -> str:
    """Return what is written, for `git log` on the branch."""
    if len(reports) == 1:
        what = f"Record {plain(reports[0].suite)} at {plain(reports[0].commit or 'no commit')[:12]}"
    else:
        what = f"Record {len(reports)} reports" if reports else f"Note {events} decisions"
    made_by = dict(reports[0].provenance) if reports else {}
    return "\n".join((what, "", *(f"{plain(name)}: {plain(value)}" for name, value in made_by.items()))).strip()


def _harmless(message: str) -> str:
    """Return a commit message without control characters."""
    return "\n".join(plain(line) for line in message.split("\n"))


def list_entries(history: History, selection: Selection = EVERYTHING) -> tuple[RecordEntry, ...]:
    """Return what there is, oldest first; records are opened only where their paths do not tell enough."""
    if all(part is None for part in (selection.branch, selection.benchmark, selection.service, selection.metric)):
        return history.entries(selection)
    return tuple(entry for entry, _ in history.records(selection))


def find_records(
    history: History, which: str, selection: Selection = EVERYTHING
) -> tuple[tuple[RecordEntry, Report], ...]:
    """Return the records of a commit, or the one at a path or with a digest.

    Raises:
        UsageError: there is none.
    """
    entries = history.entries(replace(selection, last=None))
    chosen = [entry for entry in entries if which in {entry.path, entry.name, entry.digest}] or [
        entry
        for entry in entries
        if len(which) >= 7 and entry.commit.startswith(which[:12])  # noqa: PLR2004
    ]
    if not chosen:
        raise UsageError(
            f"{history.where} has no record of {which!r:.200}.",
            meaning="It was never recorded, or pruned.",
            remedy="Give a commit (seven digits at least), a path or a digest from `regress-action history list`.",
        )
    return tuple(zip(chosen, history.read(chosen), strict=True))


def import_reports(history: History, reports: Iterable[Report], *, who: str) -> Receipt:
    """Store reports of other tools in one commit, marked as imported; what is stored already is left as it is."""
    marked = [
        replace(report, provenance=(("event", "import"), ("actor", who), *_other_facts(report))) for report in reports
    ]
    before = {entry.path for entry in history.entries()}
    receipt = history.extend(marked, message=f"Import {len(marked)} reports\n\nactor: {plain(who)}")
    return replace(receipt, already=len(before.intersection(receipt.paths)))


def _other_facts(report: Report) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in report.provenance if pair[0] not in {"event", "actor"})
