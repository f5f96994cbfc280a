"""A private, shallow, partial clone of one branch: it fetches the trees and files that are looked at, and no others.

Also here: which repository holds the branch, and who we are to it.

The tree is as deep as `runs/<suite>/<environment>/<yyyy>/<mm>`: five levels hold a few names per month, the sixth
one name per record. Fetching five levels with the tip, then the wanted months, then the wanted files makes a window
cost the same however long the history is. A server that cannot filter sends the whole tip instead. A repository on
this disk is not copied at all: its objects are read where they lie.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from regress_action.history.checkout import Checkout
from regress_action.history.git_repository import GitFailedError, is_workflow, private_repository, scrub
from regress_action.history.store import CommitRecord
from regress_action.model.errors import HistoryError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from regress_action.history.git_repository import PrivateRepository


TIP: Final = "refs/tip"
_LEVELS: Final = 5
_ROOT: Final = ""
_SHALLOW: Final = ("--depth=1", f"--filter=tree:{_LEVELS}")

_SHA1_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Item:
    """A file or folder in a tree: its mode, and the identity of its content."""

    mode: str
    identity: str

    @property
    def is_folder(self) -> bool:
        """Whether it holds other items."""
        return self.mode == "40000"


def parse_tree(data: bytes, size: int) -> dict[str, Item]:
    """Read a tree object whose identities have `size` bytes; names that are no UTF-8 stay tellable apart."""
    items, at = {}, 0
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space)
        name = data[space + 1 : end].decode("utf-8", "surrogateescape")
        items[name] = Item(data[at:space].decode(), data[end + 1 : end + 1 + size].hex())
        at = end + 1 + size
    return items


def blob_identity(data: bytes, like: str) -> str:
    """Return the identity git gives to a file with the content `data`, by the algorithm of the identity `like`."""
    digest = hashlib.sha1(usedforsecurity=False) if len(like) == _SHA1_DIGITS else hashlib.sha256()
    digest.update(b"blob %d\0" % len(data) + data)
    return digest.hexdigest()


class Clone:
    """The branch as it was at the last `refresh`; `tip` is None while it does not exist.

    `audit` makes a clone with every commit and tree of the branch, for those who look back.
    """

    def __init__(self, remote: Remote, branch: str, environ: Mapping[str, str], *, audit: bool = False) -> None:
        self.branch = branch
        self.tip: str | None = None
        self._remote = remote
        self._audit = audit
        self._environ = environ
        self._here: set[str] | None = None  # objects that we hold; None where nothing is missing
        self._items: dict[str, Item | None] = {}

    @cached_property
    def git(self) -> PrivateRepository:
        """The private repository, made when it is first needed and gone with this object."""
        return private_repository(
            self,
            self._environ,
            {**self._remote.config, "remote.origin.url": self._remote.url},
            objects=Checkout(self._remote.folder, self._environ).objects if self._remote.folder else None,
            protocols=self._remote.protocols,
            closed=self._remote.closed,
        )

    def refresh(self) -> None:
        """Look at the branch as it is now.

        Raises:
            GitFailedError: the repository cannot be reached.
        """
        what = f"+refs/heads/{self.branch}:{TIP}"
        depth = () if self._remote.folder else ("--filter=blob:none",) if self._audit else _SHALLOW
        try:
            _, output = self.git.run_with_stderr(
                "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *depth, "origin", what
            )
        except GitFailedError as error:
            if "couldn't find remote ref" not in error.output:
                raise
            self.look_at(None, is_complete=True)
        else:
            self.look_at(TIP, is_complete=bool(self._remote.folder) or "filtering not recognized" in output)

    def look_at(self, tip: str | None, *, is_complete: bool | None = None) -> None:
        """Take the fetched commit `tip` for the branch; `is_complete` says whether all its objects were fetched too."""
        self.tip = None
        self._items = {}
        if tip is None:
            return
        if is_complete is not None:
            self._here = None if is_complete else set()
        self.tip, root = self.git.run("rev-parse", f"{tip}^{{commit}}", f"{tip}^{{tree}}").decode().split()
        self._items[_ROOT] = Item("40000", root)
        self._list_objects()

    def find(self, paths: Iterable[str]) -> dict[str, Item | None]:
        """Return what lies at each path, None where nothing does; trees on the way are fetched level by level."""
        wanted = [path.strip("/") for path in paths]
        for level in range(1, 1 + max((path.count("/") + 1 for path in wanted if path), default=0)):
            steps = {"/".join(path.split("/")[:level]) for path in wanted}
            self._children({step.rpartition("/")[0] for step in steps if step not in self._items})
        return {path: self._items.get(path) for path in wanted}

    def listing(self, folders: Sequence[str]) -> dict[str, dict[str, Item]]:
        """Return the items directly in each folder, by name; a folder that does not exist is empty."""
        self.find(folders)
        return self._children(folders)

    def blobs(self, identities: Sequence[str]) -> list[bytes]:
        """Return contents, fetched in one go."""
        self._bring(identities)
        return self._contents(identities)

    def _children(self, folders: Iterable[str]) -> dict[str, dict[str, Item]]:
        trees = {folder: item for folder in folders if (item := self._items.get(folder)) and item.is_folder}
        identities = [item.identity for item in trees.values()]
        self._bring(identities)
        listed: dict[str, dict[str, Item]] = {folder: {} for folder in folders}
        for folder, data in zip(trees, self._contents(identities), strict=True):
            listed[folder] = parse_tree(data, len(identities[0]) // 2)
            self._items |= {f"{folder}/{name}".lstrip("/"): item for name, item in listed[folder].items()}
        return listed

    def _bring(self, identities: Iterable[str]) -> None:
        """Fetch the objects that are not here; a tree comes without what lies in it."""
        if self._here is None or not (missing := set(identities) - self._here):
            return
        self.git.run(
            *("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
            *("--recurse-submodules=no", "--filter=blob:none", "--stdin", "origin"),
            feed="".join(f"{identity}\n" for identity in sorted(missing)).encode(),
        )
        self._here |= missing

    def _contents(self, identities: Sequence[str]) -> list[bytes]:
        """Read objects that are here, with one process for all of them."""
        if not identities:
            return []
        printed = memoryview(
            self.git.run("cat-file", "--batch", feed="".join(f"{identity}\n" for identity in identities).encode())
        )
        contents, at = [], 0
        for identity in identities:
            end = at + bytes(printed[at : at + 200]).index(b"\n")
            output = bytes(printed[at:end]).split()
            if len(output) != 3:  # noqa: PLR2004 - identity, kind, size
                raise GitFailedError(f"the object {identity} is missing in the repository")
            at = end + 1 + int(output[2]) + 1
            contents.append(bytes(printed[end + 1 : at - 1]))
        return contents

    def _list_objects(self) -> None:
        """Note which objects are here, without git fetching those that are not, one by one."""
        if self._here is not None:
            listed = self.git.run("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
            self._here = set(listed.decode().split())


def commit_log(git: PrivateRepository, tip: str | None) -> Iterator[CommitRecord]:
    """Yield what each commit up to `tip` did, oldest first; merges are compared with each of their parents."""
    if tip is None:
        return
    separator = secrets.token_hex(16)  # no message can hold it
    printed = git.run(
        *("log", "--reverse", "--topo-order", "--root", "-m", "--raw", "--no-abbrev", "--no-renames", "-r", "-z"),
        f"--format={separator}%H%n%an <%ae>%n%cI%n%B{separator}",
        tip,
    )
    parts = iter(printed.decode("utf-8", "surrogateescape").split(separator)[1:])
    for facts, raw in zip(parts, parts, strict=True):
        identity, who, when, why = facts.split("\n", 3)
        added: dict[str, str] = {}
        changed: dict[str, str] = {}
        removed: dict[str, str] = {}
        fields = iter(raw.strip("\0\n").split("\0"))
        for fact in fields:
            if fact.startswith(":"):
                _, _, old, new, status = fact.split(" ")
                path = next(fields)
                match status[0]:
                    case "A":
                        added[path] = new
                    case "D":
                        removed[path] = old
                    case _:
                        changed[path] = new
        yield CommitRecord(identity, who, when, why.strip(), added, changed, removed)


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
