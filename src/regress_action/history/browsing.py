"""The history as a person looks at it: a list of what there is, and one record of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.history.selection import EVERYTHING, Selection
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from regress_action.history.ledger import History
    from regress_action.history.names import Entry
    from regress_action.model.measurements import Report


def listing(history: History, selection: Selection = EVERYTHING) -> tuple[Entry, ...]:
    """Return what there is, oldest first; records are opened only where their paths do not tell enough."""
    if all(part is None for part in (selection.branch, selection.benchmark, selection.service, selection.metric)):
        return history.entries(selection)
    return tuple(entry for entry, _ in history.records(selection))


def show(history: History, which: str, selection: Selection = EVERYTHING) -> tuple[tuple[Entry, Report], ...]:
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
