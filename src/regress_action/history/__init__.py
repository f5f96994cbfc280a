"""Append-only records in a folder, on a git branch, or in an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.history.events import Event, Kind, Mark
from regress_action.history.folder import FolderStore
from regress_action.history.ledger import History, Receipt
from regress_action.history.names import Entry
from regress_action.history.selection import EVERYTHING, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EVERYTHING", "Entry", "Event", "History", "Kind", "Mark", "Receipt", "Selection", "open_history"]


def open_history(where: str, *, repository: Path | None = None, environ: Mapping[str, str]) -> History:
    """Return the history that `where` names; nothing is read or made yet.

    `where` is a folder (relative to `repository` where that is given).

    Raises:
        SettingsError: `where` names no place we know.
    """
    del environ
    return History(FolderStore((repository or Path()) / where))
