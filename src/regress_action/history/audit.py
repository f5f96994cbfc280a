"""Whether the history is what was written: no record changed, none removed but by `prune`, every line valid.

On a branch the audit follows its commits, which git chains by hash: who rewrites one rewrites all that follow. A branch
cannot show by itself that it was replaced as a whole. For that, give an `anchor`, the full hash of the commit that an
earlier audit printed; the audit then checks that it is still there.

A folder and an artifact do not record who wrote. There each content is checked against the digest in its name, and
nothing that a pruning lists may be there. That no other file went and none was exchanged is checked against what an
earlier audit printed (`expected`): paths, each with the full SHA-256 of its content. The twelve digits in a name find
accidents; two contents that share them can be made in a minute.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from regress_action.history.entries import RecordEntry
from regress_action.history.events import EventKind, decode_event, encode_event
from regress_action.model.errors import InputError
from regress_action.model.records import decode, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.history.events import Event
    from regress_action.history.history import History
    from regress_action.history.store import CommitRecord, Store

_BATCH: Final = 500
EMPTY: Final[Mapping[str, str | None]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """Who wrote a record, when, in which commit, and by which run; `digest` is the SHA-256 of its content."""

    path: str
    who: str
    when: str
    commit: str
    run: str
    digest: str


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What was checked: the records and their origins, how many commits, the newest one, and every contradiction.

    `events` holds path and SHA-256 of every event.
    """

    origins: tuple[RecordOrigin, ...]
    events: tuple[tuple[str, str], ...]
    commits: int
    head: str | None
    pruned: int
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing contradicts it."""
        return not self.problems


def verify(history: History, *, anchor: str | None = None, expected: Mapping[str, str | None] = EMPTY) -> AuditResult:
    """Check the whole history; contradictions are returned, not raised.

    The commit `anchor` must be part of it, and so must the paths `expected` with their digests (None where an earlier
    version printed none), unless a pruning lists them.

    Raises:
        HistoryError: the place cannot be read.
    """
    paths = sorted(_walk(history.store, ""))
    problems = [f"{path}: this is no record, event or README." for path in paths if not _belongs(path)]
    events, digests, flaws = _contents(history.store, [path for path in paths if _belongs(path)])
    problems += flaws
    log = _CommitLog({path: event for path, event in events.items() if event.kind is EventKind.PRUNED})
    for commit in history.store.log():
        problems += log.follow(commit)
    if anchor is not None and anchor not in log.identities:
        problems.append(f"The commit {anchor} is not part of the branch: it was replaced or force-pushed since.")
    removed = {path for event in log.prunings.values() for path, _ in event.records}
    missing = sorted(set(expected) - set(paths) - removed)
    problems += [f"{path}: was there at an earlier proof and is missing, and no pruning lists it." for path in missing]
    problems += [
        f"{path}: has another content than at an earlier proof."
        for path, digest in sorted(expected.items())
        if digest is not None and digests.get(path, digest) != digest
    ]
    if not log.identities:
        problems += [f"{path}: is there again, and a pruning lists it as removed." for path in paths if path in removed]
    origins = tuple(log.origin(path, digests[path]) for path in paths if RecordEntry.parse(path))
    return AuditResult(
        origins,
        tuple((path, digests[path]) for path in events),
        len(log.identities),
        log.identities[-1] if log.identities else None,
        log.pruned if log.identities else len(removed - set(paths)),
        tuple(problems),
    )


class _CommitLog:
    """What the writings did so far."""

    def __init__(self, prunings: dict[str, Event]) -> None:
        self.prunings = prunings
        self._writers: dict[str, CommitRecord] = {}
        self.identities: list[str] = []
        self.pruned = 0

    def follow(self, commit: CommitRecord) -> Iterator[str]:
        """Add one commit; yield what it should not have done."""
        self.identities.append(commit.identity)
        by = f"{commit.who} in {commit.identity[:12]} on {commit.when}"
        for path in commit.changed:
            if path != "README.md":
                yield f"{path}: was changed by {by}."
        allowed = {path for event in commit.added if event in self.prunings for path, _ in self.prunings[event].records}
        for path in commit.removed:
            if path in allowed:
                self.pruned += 1
            elif path != "README.md":
                yield f"{path}: was removed by {by}, and no pruning lists it."
        for path in commit.added:
            if path in self._writers and path != "README.md":
                yield f"{path}: was written again by {by}."
            self._writers[path] = commit

    def origin(self, path: str, digest: str) -> RecordOrigin:
        """Return who wrote the record at `path`."""
        entry = RecordEntry.parse(path)
        run = f"{entry.run}.{entry.attempt}" if entry else ""
        commit = self._writers.get(path)
        who, when, identity = (commit.who, commit.when, commit.identity) if commit else ("", "", "")
        return RecordOrigin(path, who, when, identity, run, digest)


def _contents(store: Store, paths: Sequence[str]) -> tuple[dict[str, Event], dict[str, str], list[str]]:
    """Open every record and event; return the events, the digest of each file, and what is wrong with any of them."""
    events: dict[str, Event] = {}
    digests: dict[str, str] = {}
    problems: list[str] = []
    wanted = [path for path in paths if path != "README.md"]
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        for path, data in zip(batch, store.read(batch), strict=True):
            digests[path] = hashlib.sha256(data).hexdigest()
            try:
                problems += _flaws(path, data, events)
            except InputError as error:
                problems.append(error.what)
    return events, digests, problems


def _flaws(path: str, data: bytes, events: dict[str, Event]) -> Iterator[str]:
    entry = RecordEntry.parse(path)
    if entry is None:
        events[path] = decode_event(data, path)
        if encode_event(events[path])[0] != path:
            yield f"{path}: the name does not match the content."
        return
    report = decode(data, path)
    if hashlib.sha256(data).hexdigest()[:12] != entry.digest:
        yield f"{path}: the content is not what the name says."
    elif str(path_of(report, data)) != path:
        yield f"{path}: the name does not match the content, which belongs to {path_of(report, data)}."


def _belongs(path: str) -> bool:
    return path == "README.md" or path.startswith("events/") or RecordEntry.parse(path) is not None


def _walk(store: Store, root: str) -> Iterator[str]:
    """Yield every path of the store, level by level."""
    folders = [root]
    while folders:
        listed = store.children(folders)
        folders = []
        for folder, children in listed.items():
            yield from (f"{folder}/{name}".lstrip("/") for name in children.files)
            folders += (f"{folder}/{name}".lstrip("/") for name in children.folders)
