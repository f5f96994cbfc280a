"""Append-only records in a folder, on a git branch, or in an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.history.adoption import accept, hold, persisting, reference_window, references
from regress_action.history.ancestry import ancestors, between, merge_base, nearest
from regress_action.history.artifact import ArtifactStore
from regress_action.history.bencher import is_perf, read_perf
from regress_action.history.branch import BranchStore, Patience
from regress_action.history.browsing import listing, show
from regress_action.history.downloading import newest
from regress_action.history.events import Event, Kind, Mark
from regress_action.history.exporting import Form, export_to
from regress_action.history.folder import FolderStore
from regress_action.history.importing import import_from, read_csv, read_data_js
from regress_action.history.ledger import History, Receipt
from regress_action.history.names import Entry
from regress_action.history.permission import may_write
from regress_action.history.pruning import Rule, discard, prune
from regress_action.history.pushing import Pusher
from regress_action.history.remote import branch_of, identity_of, remote_of
from regress_action.history.selection import EVERYTHING, Selection
from regress_action.history.signing import Signer
from regress_action.history.verification import Proof, verify
from regress_action.history.waivers import Waiver, in_force, parse_waivers
from regress_action.model.errors import SettingsError
from regress_action.model.records import slug

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "EVERYTHING",
    "Entry",
    "Event",
    "Form",
    "History",
    "Kind",
    "Mark",
    "Proof",
    "Receipt",
    "Rule",
    "Selection",
    "Waiver",
    "accept",
    "ancestors",
    "between",
    "discard",
    "export_to",
    "hold",
    "import_from",
    "in_force",
    "is_perf",
    "listing",
    "may_write",
    "merge_base",
    "nearest",
    "open_history",
    "parse_waivers",
    "persisting",
    "prune",
    "read_csv",
    "read_data_js",
    "read_perf",
    "reference_window",
    "references",
    "show",
    "verify",
]


def open_history(where: str, *, repository: Path | None = None, environ: Mapping[str, str]) -> History:
    """Return the history that `where` names; nothing is read or made yet.

    `where` is a folder (relative to `repository`); or `branch:NAME`, or `branch:NAME@REMOTE` with a URL, a path or
    `owner/name`; or `artifact:NAME@FOLDER`, where new records wait in the folder for the upload step (`artifact:NAME`
    means the folder `.regress/artifact/NAME`, and `artifact:some/folder` the name `some-folder`).

    Of `environ`, `GITHUB_TOKEN` opens the repository of the workflow, `REGRESS_HISTORY_TOKEN` another one, and
    `REGRESS_HISTORY_COMMITS=api` lets GitHub make (and sign) the commits.

    Raises:
        SettingsError: `where` names no place we know.
    """
    kind, colon, rest = where.partition(":")
    if kind == "branch" and colon:
        return History(_branch(rest, repository, environ))
    if kind == "artifact" and colon:
        return History(_artifact(rest, repository, environ))
    return History(FolderStore((repository or Path()) / where))


def _branch(text: str, repository: Path | None, environ: Mapping[str, str]) -> BranchStore:
    branch, place = branch_of(text)
    remote = remote_of(place, repository, environ)
    by_api = environ.get("REGRESS_HISTORY_COMMITS") == "api"
    publisher = Signer.of(remote.name, environ) if by_api else Pusher(identity_of(environ, repository))
    return BranchStore(remote, branch, environ, publisher, Patience())


def _artifact(text: str, repository: Path | None, environ: Mapping[str, str]) -> ArtifactStore:
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
    return ArtifactStore(name, lambda: newest(name, environ), outbox)
