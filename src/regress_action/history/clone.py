"""A private, shallow, partial clone of one branch: it fetches the trees and files that are looked at, and no others.

The tree is as deep as `runs/<suite>/<environment>/<yyyy>/<mm>`: five levels hold a few names per month, the sixth
one name per record. Fetching five levels with the tip, then the wanted months, then the wanted files makes a window
cost the same however long the history is. A server that cannot filter sends the whole tip instead. A repository on
this disk is not copied at all: its objects are read where they lie.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from regress_action.history.checkout import Checkout
from regress_action.history.git_repository import GitFailedError, private_repository
from regress_action.history.store import CommitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from regress_action.history.git_repository import PrivateRepository
    from regress_action.history.remote import Remote

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
