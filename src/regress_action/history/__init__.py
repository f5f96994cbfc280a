"""Append-only records in a folder, on a git branch, or in an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.history.branch import BranchStore, Patience
from regress_action.history.events import Event, Kind, Mark
from regress_action.history.folder import FolderStore
from regress_action.history.ledger import History, Receipt
from regress_action.history.names import Entry
from regress_action.history.pushing import Pusher
from regress_action.history.remote import branch_of, identity_of, remote_of
from regress_action.history.selection import EVERYTHING, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EVERYTHING", "Entry", "Event", "History", "Kind", "Mark", "Receipt", "Selection", "open_history"]


def open_history(where: str, *, repository: Path | None = None, environ: Mapping[str, str]) -> History:
    """Return the history that `where` names; nothing is read or made yet.

    `where` is a folder (relative to `repository`), or `branch:NAME`, or `branch:NAME@REMOTE` with a URL, a path or
    `owner/name`. Of `environ`, `GITHUB_TOKEN` opens the repository of the workflow, `REGRESS_HISTORY_TOKEN` another
    one, and `REGRESS_HISTORY_COMMITS=api` lets GitHub make (and sign) the commits.

    Raises:
        SettingsError: `where` names no place we know.
    """
    kind, colon, rest = where.partition(":")
    if kind == "branch" and colon:
        return History(_branch(rest, repository, environ))
    return History(FolderStore((repository or Path()) / where))


def _branch(text: str, repository: Path | None, environ: Mapping[str, str]) -> BranchStore:
    branch, place = branch_of(text)
    remote = remote_of(place, repository, environ)
    return BranchStore(remote, branch, environ, Pusher(identity_of(environ, repository)), Patience())
