"""Append-only records in a folder, on a git branch, or in an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.history.audit import AuditResult, RecordOrigin, verify
from regress_action.history.baseline import (
    accept,
    nearest,
    persisting,
    quarantine,
    quarantine_events,
    reference_window,
    references,
    withdraw,
)
from regress_action.history.branch import ApiCommitter, Backoff, BranchStore, GitPusher
from regress_action.history.checkout import Checkout
from regress_action.history.clone import branch_of, identity_of, remote_of
from regress_action.history.entries import RecordEntry
from regress_action.history.events import Event, EventKind, SeriesPattern, time_after
from regress_action.history.export import ExportFormat, export_to
from regress_action.history.history import History, Receipt, find_records, import_reports, list_entries
from regress_action.history.retention import RetentionRule, discard, prune
from regress_action.history.selection import BASELINE_WINDOW, EVERYTHING, Selection
from regress_action.history.store import ArtifactStore, FolderStore
from regress_action.history.waivers import Waiver, in_force, parse_waivers
from regress_action.model.errors import SettingsError
from regress_action.model.records import slug

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.history.store import GitHubAccess

__all__ = [
    "BASELINE_WINDOW",
    "EVERYTHING",
    "AuditResult",
    "Checkout",
    "Event",
    "EventKind",
    "ExportFormat",
    "History",
    "Receipt",
    "RecordEntry",
    "RecordOrigin",
    "RetentionRule",
    "Selection",
    "SeriesPattern",
    "Waiver",
    "accept",
    "discard",
    "export_to",
    "find_records",
    "import_reports",
    "in_force",
    "list_entries",
    "nearest",
    "open_history",
    "parse_waivers",
    "persisting",
    "prune",
    "quarantine",
    "quarantine_events",
    "reference_window",
    "references",
    "time_after",
    "verify",
    "withdraw",
]


def open_history(
    where: str, *, repository: Path | None = None, environ: Mapping[str, str], github: GitHubAccess | None = None
) -> History:
    """Return the history that `where` names; nothing is read or made yet.

    `where` is a folder (relative to `repository`); or `branch:NAME`, or `branch:NAME@REMOTE` with a URL, a path or
    `owner/name`; or `artifact:NAME@FOLDER`, where new records wait in the folder for the upload step (`artifact:NAME`
    means the folder `.regress/artifact/NAME`, and `artifact:some/folder` the name `some-folder`).

    Of `environ`, `GITHUB_TOKEN` opens the repository of the workflow, and `REGRESS_HISTORY_TOKEN` another one on the
    same server, or on `REGRESS_HISTORY_SERVER`. `REGRESS_HISTORY_COMMITS=api` lets GitHub make (and sign) the commits.
    `github` is asked for artifacts and for such commits.

    Raises:
        SettingsError: `where` names no place we know.
    """
    kind, colon, rest = where.partition(":")
    if kind == "branch" and colon:
        return History(_branch(rest, repository, environ, github))
    if kind == "artifact" and colon:
        return History(_artifact(rest, repository, github))
    return History(FolderStore((repository or Path()) / where))


def _branch(text: str, repository: Path | None, environ: Mapping[str, str], github: GitHubAccess | None) -> BranchStore:
    branch, place = branch_of(text)
    remote = remote_of(place, repository, environ)
    by_api = environ.get("REGRESS_HISTORY_COMMITS") == "api"
    publisher = ApiCommitter.of(remote.name, environ, github) if by_api else GitPusher(identity_of(environ, repository))
    return BranchStore(remote, branch, environ, publisher, Backoff())


def _artifact(text: str, repository: Path | None, github: GitHubAccess | None) -> ArtifactStore:
    """Return the store that `NAME`, `NAME@FOLDER` or a folder stands for."""
    name, at, folder = text.partition("@")
    if "/" in name and not at:  # a folder; the artifact goes by its path
        name, folder = slug(name).partition("~")[0], name
    if not name or "/" in name or slug(name) != name.lower() or (at and not folder) or ".." in Path(folder).parts:
        raise SettingsError(
            f"{text!r:.200} does not name an artifact.",
            meaning="An artifact has a name, and new records wait in a folder for the upload step.",
            remedy="Write artifact:regress-data, or artifact:regress-data@FOLDER.",
        )
    outbox = FolderStore((repository or Path()) / (folder or f".regress/artifact/{name}"))
    if github is None:
        raise SettingsError(
            f"artifact:{name} is kept by GitHub, and nothing here gives access to it.",
            remedy="Give a folder: the downloaded artifact, unpacked.",
        )
    return ArtifactStore(name, lambda: github.newest_artifact(name), outbox)
