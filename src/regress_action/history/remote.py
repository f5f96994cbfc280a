"""Which repository holds the branch, and who we are to it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from regress_action.history.git_repository import GitFailedError, GitRepository, scrub
from regress_action.model.errors import HistoryError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BRANCH: Final = re.compile(r"(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|/\.|\.$|/$))[A-Za-z0-9_][A-Za-z0-9_./+-]*")
_SHORT: Final = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository: `url` for git, `config` that travels in git's environment, `folder` where it lies on this disk.

    `name` is `owner/name` where the repository is one on GitHub.
    """

    url: str = field(repr=False)
    config: Mapping[str, str] = field(repr=False)
    folder: Path | None = None
    name: str | None = None

    @property
    def shown(self) -> str:
        """The URL as it may be printed."""
        return scrub(self.url)


def branch_of(text: str) -> tuple[str, str | None]:
    """Split `NAME` or `NAME@REMOTE`.

    Raises:
        SettingsError: git would not take the name.
    """
    branch, at, remote = text.partition("@")
    if not _BRANCH.fullmatch(branch) or (at and not remote):
        raise SettingsError(
            f"{text!r:.200} does not name a branch.",
            meaning="The history is kept on a branch of its own.",
            remedy="Write branch:regress-data, or branch:regress-data@REMOTE for a branch in another repository.",
        )
    return branch, remote or None


def remote_of(text: str | None, repository: Path | None, environ: Mapping[str, str]) -> Remote:
    """Find the repository that `text` names: a URL, a path or `owner/name`; without it, the one we work for.

    That is `GITHUB_REPOSITORY` in a workflow, else the remote `origin` of `repository`, else `repository` itself.
    """
    server = environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    if text is None and (ours := environ.get("GITHUB_REPOSITORY")):
        return _at(f"{server}/{ours}", server, environ)
    if text is None:
        text = _origin(repository or Path(), environ)
    folder = Path(text[len("file://") :] if text.startswith("file://") else (repository or Path()) / text)
    if folder.is_dir():
        return Remote(str(folder), {"safe.directory": str(folder)}, folder)
    if _SHORT.fullmatch(text):
        return _at(f"{server}/{text}", server, environ)
    return _at(text, server, environ)


def identity_of(environ: Mapping[str, str], repository: Path | None) -> str:
    """Return `name <address>` for commits: the bot in a workflow, else the identity that git has configured."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>"
    try:
        identity = (
            GitRepository(repository or Path(), environ).run("var", "GIT_COMMITTER_IDENT").decode(errors="replace")
        )
    except GitFailedError:
        identity = ""
    match = re.match(r"([^<>\n]+ <[^<>\n]*>) \d+ [+-]\d{4}", identity)
    return match[1] if match else "regress-action <regress-action@localhost>"


def _at(url: str, server: str, environ: Mapping[str, str]) -> Remote:
    """Return the remote `url`; it sees a token only where that was meant for it."""
    parts = urlsplit(url)
    ours = (parts.scheme, parts.netloc) == urlsplit(server)[:2]
    token = environ.get("REGRESS_HISTORY_TOKEN") or (environ.get("GITHUB_TOKEN") if ours else None)
    config = {}
    if token and parts.scheme in {"http", "https"}:
        secret = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
        config[f"http.{origin}.extraheader"] = f"AUTHORIZATION: basic {secret}"
    return Remote(url, config, name=parts.path.strip("/").removesuffix(".git") if ours else None)


def _origin(repository: Path, environ: Mapping[str, str]) -> str:
    """Return where `repository` was cloned from, or its own folder."""
    git = GitRepository(repository, environ, {"safe.directory": "*"})  # a mounted checkout belongs to another user
    try:
        top = git.run("rev-parse", "--path-format=absolute", "--git-common-dir").decode().strip()
    except GitFailedError as error:
        raise HistoryError(
            f"{repository} is no git repository: {error.output}",
            meaning="A history on a branch needs a repository for the branch.",
            remedy="Call us in one, or name one: branch:NAME@REMOTE.",
        ) from error
    try:
        return git.run("config", "--get", "remote.origin.url").decode().strip()
    except GitFailedError:
        return top
