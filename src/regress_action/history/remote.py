"""Which repository holds the branch, and who we are to it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from regress_action.history.checkout import Checkout
from regress_action.history.git_repository import GitFailedError, is_workflow, scrub
from regress_action.model.errors import HistoryError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BRANCH: Final = re.compile(r"(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|/\.|\.$|/$))[A-Za-z0-9_][A-Za-z0-9_./+-]*")
_SHORT: Final = re.compile(r"(?!\.)[\w.-]+/(?!\.\.?$)[\w.-]+")
_REACHABLE: Final = re.compile(r"(?:https?|ssh)://|[\w.-]+@[\w.-]+:")  # an address of git on another machine
_WITH_TOKEN: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository: `url` for git, `config` that travels in git's environment, `folder` where it lies on this disk.

    `name` is `owner/name` where the repository is one on GitHub. `closed` says that git may read no configuration of
    the user or the machine, because a token travels or nobody trusted wrote it.
    """

    url: str = field(repr=False)
    config: Mapping[str, str] = field(repr=False)
    folder: Path | None = None
    name: str | None = None
    closed: bool = True

    @property
    def shown(self) -> str:
        """The URL as it may be printed."""
        return scrub(self.url)

    @property
    def protocols(self) -> tuple[str, ...]:
        """The one protocol that reaches it, in the words of GIT_ALLOW_PROTOCOL."""
        if "://" in self.url:
            return (urlsplit(self.url).scheme,)
        return ("ssh",) if _REACHABLE.match(self.url) else ("file",)


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

    Raises:
        SettingsError: a workflow names a path, or there is a token for another server than the one that is named.
        HistoryError: `repository` is no git repository.
    """
    server = environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    if text is None and (ours := environ.get("GITHUB_REPOSITORY")):
        return _at(f"{server}/{ours}", server, environ)
    if text is None:
        text = Checkout(repository or Path(), environ).origin
    folder = Path(text[len("file://") :] if text.startswith("file://") else (repository or Path()) / text)
    if is_workflow(environ) and not _SHORT.fullmatch(text) and not _REACHABLE.match(text):
        raise SettingsError(
            f"{scrub(text)!r:.200} is no repository on a server.",
            meaning="In a workflow, a repository on this disk may have been written by the benchmark suite.",
            remedy="Name the branch alone, or branch:NAME@owner/name, or an https address.",
        )
    if folder.is_dir() and not is_workflow(environ):
        return Remote(str(folder.resolve()), {"safe.directory": str(folder)}, folder, closed=False)
    if _SHORT.fullmatch(text):
        return _at(f"{server}/{text}", server, environ)
    return _at(text, server, environ)


def identity_of(environ: Mapping[str, str], repository: Path | None) -> str:
    """Return `name <address>` for commits: the bot in a workflow, else the identity that git has configured."""
    if is_workflow(environ):
        return "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>"
    try:
        identity = Checkout(repository or Path(), environ).identity
    except (GitFailedError, HistoryError):
        identity = ""
    match = re.match(r"([^<>\n]+ <[^<>\n]*>) \d+ [+-]\d{4}", identity)
    return match[1] if match else "regress-action <regress-action@localhost>"


def _at(url: str, server: str, environ: Mapping[str, str]) -> Remote:
    """Return the remote `url`; a token travels to the one address it is for, and redirects are then not followed."""
    parts = urlsplit(url)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    ours = address == server
    token = environ.get("GITHUB_TOKEN") if ours else None
    if (other := environ.get("REGRESS_HISTORY_TOKEN")) and parts.scheme in _WITH_TOKEN:
        if address != _token_address(server, environ):
            raise SettingsError(
                f"REGRESS_HISTORY_TOKEN is for {_token_address(server, environ)}, and the history is at {address}.",
                meaning="A token is sent to one server only, and nothing was sent.",
                remedy=f"If it is for that server, set REGRESS_HISTORY_SERVER={address} in the workflow.",
            )
        token = other
    config = {}
    if token and parts.scheme in _WITH_TOKEN:
        secret = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        config[f"http.{address}/.extraheader"] = f"AUTHORIZATION: basic {secret}"
        config["http.followRedirects"] = "false"  # git would send the header along
    name = parts.path.strip("/").removesuffix(".git") if ours else None
    return Remote(url, config, name=name, closed=bool(token) or is_workflow(environ))


def _token_address(server: str, environ: Mapping[str, str]) -> str:
    """Return the scheme and host that REGRESS_HISTORY_TOKEN is for: those of the workflow unless it says otherwise."""
    named = environ.get("REGRESS_HISTORY_SERVER", "").rstrip("/") or server
    return named if "://" in named else f"https://{named}"
