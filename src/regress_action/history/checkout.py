"""What the user's checkout says about its commits, branches and tags, read without running git in it.

A suite may have written the configuration of the checkout, and git executes what a configuration names. The references
are copied into a private repository that reads the objects where they lie; the configuration is parsed as data.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from regress_action.history.git_repository import GitFailedError, PrivateRepository, is_workflow, private_repository
from regress_action.model.errors import HistoryError, InputError
from regress_action.model.files import read_optional

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_REVISION: Final = re.compile(r"[A-Za-z0-9_][\w./@{}^~+-]*")
_HEADS: Final = ("HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD")
_LARGEST_REFERENCE: Final = 4096
_LARGEST_LIST: Final = 64 * 1024 * 1024
_MOST_REFERENCES: Final = 50_000
_SHA256_DIGITS: Final = 64
_LARGEST_CONFIG: Final = 1024 * 1024
_LARGEST_DIFFERENCE: Final = 20_000_000


class Checkout:
    """The repository that holds the folder `root`; nothing is read before a method asks."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self.root = root
        self._environ = environ

    def ancestors(self, revision: str, *, limit: int = 1000) -> tuple[str, ...]:
        """Return the hashes of `revision` and up to `limit` commits before it, nearest first.

        Raises:
            HistoryError: the repository does not hold the commit (a shallow clone, a typing error).
        """
        return self._commits("rev-list", "--topo-order", f"--max-count={limit}", _checked(revision))

    def merge_base(self, base: str, head: str) -> str:
        """Return the commit at which `head` left `base`.

        Raises:
            HistoryError: there is none in this clone, or a shallow clone lacks commits that could be nearer.
        """
        fork = self._commits("merge-base", _checked(base), _checked(head))[0]
        if self.is_shallow and fork not in {self.ancestors(base, limit=1)[0], self.ancestors(head, limit=1)[0]}:
            cut = (read_optional(self._git.folder / "shallow", _LARGEST_LIST) or b"").decode().split()
            if not set(cut).isdisjoint(self._commits("rev-list", base, head, f"^{fork}")):
                raise HistoryError(
                    f"This clone is too shallow to tell where {head} left {base}.",
                    meaning="Commits are missing on the way to the newest one that both have.",
                    remedy="Give actions/checkout `fetch-depth: 0`, or run `git fetch --unshallow`.",
                )
        return fork

    def commits_in(self, span: str) -> frozenset[str]:
        """Return the commits of a range like `v1.2..main`, without its start, or the single commit that `span` names.

        Raises:
            HistoryError: the repository does not hold an end of the range.
        """
        first, dots, last = span.partition("..")
        if not dots:
            return frozenset(self._commits("rev-parse", "--verify", f"{_checked(span)}^{{commit}}"))
        return frozenset(self._commits("rev-list", f"{_checked(first)}..{_checked(last or 'HEAD')}"))

    def parents(self, revision: str = "HEAD") -> tuple[str, ...]:
        """Return the parents that the commit itself names; this works in a clone of depth 1, too.

        Raises:
            HistoryError: there is no such commit.
        """
        commit = self._commits("rev-parse", "--verify", f"{_checked(revision)}^{{commit}}")[0]
        header = self._git.run("cat-file", "commit", commit).partition(b"\n\n")[0].decode(errors="replace")
        return tuple(line.removeprefix("parent ") for line in header.splitlines() if line.startswith("parent "))

    def file(self, revision: str, path: str, limit: int) -> bytes | None:
        """Return the content of a regular file of at most `limit` bytes in a commit; None where there is none.

        Raises:
            HistoryError: there is no such commit.
            InputError: the file is a link or a folder, or larger.
        """
        commit = self._commits("rev-parse", "--verify", f"{_checked(revision)}^{{commit}}")[0]
        listed = self._git.run("ls-tree", "-z", "--long", "--full-tree", commit, "--", path).split(b"\0")[0]
        if not listed:
            return None
        mode, _, identity, size = listed.partition(b"\t")[0].split()
        if mode not in {b"100644", b"100755"} or int(size) > limit:
            raise InputError(
                f"{path} of commit {commit[:12]} cannot be read.",
                meaning=f"Only regular files of at most {limit:,} bytes are read.",
                remedy="Put a smaller file there.",
            )
        return self._git.run("cat-file", "blob", identity.decode())

    def difference(self, base: str, head: str | None, options: Sequence[str] = ()) -> str:
        """Return what `git diff` with these options prints about two commits, at most 20 MB of it.

        Where `head` is None, the files on disk stand in its place: for a person's own checkout only, because git runs
        in it and obeys its configuration.

        Raises:
            HistoryError: there is no such commit, or a workflow asks for the files on disk.
        """
        if head is None and is_workflow(self._environ):
            raise HistoryError("The files on disk are not compared in a workflow.", remedy="Name two commits.")
        first = self._commits("rev-parse", "--verify", f"{_checked(base)}^{{commit}}")[0]
        if head is None:
            git = PrivateRepository(self.root, self._environ, closed=False)
            printed = git.run("diff", *options, first, "--")
        else:
            last = self._commits("rev-parse", "--verify", f"{_checked(head)}^{{commit}}")[0]
            printed = self._git.run("diff", *options, first, last, "--")
        return printed[:_LARGEST_DIFFERENCE].decode(errors="replace")

    def tracks(self, path: str, revision: str = "HEAD") -> bool:
        """Whether the commit holds a file or a folder of that name.

        Raises:
            HistoryError: there is no such commit.
        """
        commit = self._commits("rev-parse", "--verify", f"{_checked(revision)}^{{commit}}")[0]
        return bool(self._git.run("ls-tree", "--full-tree", commit, "--", path))

    def newest_tag(self, revision: str = "HEAD") -> str | None:
        """Return the commit of the nearest tag at or before `revision`, or None where there is none."""
        try:
            tag = self._git.run("describe", "--tags", "--abbrev=0", _checked(revision)).decode().strip()
            return self._commits("rev-list", "--max-count=1", f"refs/tags/{tag}")[0]
        except (GitFailedError, HistoryError):
            return None

    def tags(self) -> dict[str, str]:
        """Return the names of the tags by the commits that they point at."""
        printed = self._git.run("for-each-ref", "--format=%(*objectname) %(objectname) %(refname:strip=2)", "refs/tags")
        lines = (line.split() for line in printed.decode(errors="replace").splitlines())
        return {fields[0]: fields[-1] for fields in lines if len(fields) > 1}

    def default_branch_of_origin(self) -> str | None:
        """Return the branch that `origin` called its head when it was cloned; None where that is not known."""
        return _target(self._git.folder / "refs" / "remotes" / "origin" / "HEAD", "refs/remotes/origin/")

    def default_branch(self) -> str | None:
        """Return the default branch, or None where the repository does not show which one it is.

        That is the branch that `origin` calls its head; else `init.defaultBranch`, `main` or `master` where such a
        branch exists; else the only other branch than the one checked out, or the only branch.
        """
        head = _target(self._git.folder / "HEAD")
        if origin := self.default_branch_of_origin():
            return origin
        printed = self._git.run("for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes/origin").decode()
        names = (re.sub(r"^refs/(?:heads|remotes/origin)/", "", line) for line in printed.splitlines())
        branches = set(names) - {"HEAD"}
        for name in (self._configured("init.defaultBranch"), "main", "master"):
            if name in branches:
                return name
        others = branches - {head}
        if len(others) == 1:
            return others.pop()
        return head if not others else None

    @property
    def is_shallow(self) -> bool:
        """Whether commits are missing because only the newest were cloned."""
        return (self._git.folder / "shallow").exists()

    @property
    def origin(self) -> str:
        """Where the repository was cloned from, or its own folder."""
        return self._configured("remote.origin.url") or os.fspath(self._folders[1])

    @property
    def objects(self) -> Path:
        """The folder of the repository's objects."""
        return self._folders[1] / "objects"

    @property
    def identity(self) -> str:
        """What `git var GIT_COMMITTER_IDENT` prints for the user of this checkout."""
        named = {key: value for key in ("user.name", "user.email") if (value := self._configured(key))}
        return (
            PrivateRepository(self._git.folder, self._environ, named, closed=False)
            .run("var", "GIT_COMMITTER_IDENT")
            .decode(errors="replace")
        )

    @cached_property
    def _folders(self) -> tuple[Path, Path]:
        """The folder of this worktree's HEAD, and the folder of the references and objects that worktrees share."""
        root = self.root.absolute()
        for folder in (root, *root.parents):
            if (folder / ".git").is_dir():
                return folder / ".git", folder / ".git"
            if content := read_optional(folder / ".git", _LARGEST_REFERENCE):  # a worktree or a submodule
                own = folder / content.decode(errors="replace").removeprefix("gitdir: ").strip()
                common = read_optional(own / "commondir", _LARGEST_REFERENCE)
                return own, (own / common.decode(errors="replace").strip()).resolve() if common else own
            if (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir():
                return folder, folder
        raise HistoryError(
            f"{self.root} is no git repository.",
            meaning="Commits and branches are looked up in the repository of the code.",
            remedy="Call it in a git repository; a history on a branch can name one: branch:NAME@REMOTE.",
        )

    @cached_property
    def _git(self) -> PrivateRepository:
        """A private repository with the references of the checkout, which reads its objects where they lie."""
        own, common = self._folders
        references = dict(_references(own, common))
        environ = self._environ
        if any(re.fullmatch(rb"[0-9a-f]{%d}\s*" % _SHA256_DIGITS, content) for content in references.values()):
            environ = {**environ, "GIT_DEFAULT_HASH": "sha256"}
        return private_repository(self, environ, objects=common / "objects", files=references)

    def _configured(self, key: str) -> str | None:
        """Return a setting of the checkout, or else of the user where no workflow runs; None where there is none."""
        text = read_optional(self._folders[1] / "config", _LARGEST_CONFIG) or b""
        git = PrivateRepository(self._git.folder, self._environ, closed=is_workflow(self._environ))
        for feed, arguments in ((text, ("config", "--no-includes", "--file", "-")), (b"", ("config",))):
            try:
                return git.run(*arguments, "--get", key, feed=feed).decode(errors="replace").strip()
            except GitFailedError:
                continue
        return None

    def _commits(self, *arguments: str) -> tuple[str, ...]:
        try:
            return tuple(self._git.run(*arguments).decode().split())
        except GitFailedError as error:
            raise HistoryError(
                f"{self.root} does not know what {' '.join(arguments[1:])} is: {error.output}",
                meaning="The baseline of a change is found along its ancestors, and this clone does not hold them.",
                remedy="Give actions/checkout `fetch-depth: 0`, or fetch the commits that are missing.",
            ) from error


def _references(own: Path, common: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every reference; links and what is too large are left out."""
    for name, folder, limit in (
        *((name, own, _LARGEST_LIST) for name in _HEADS),
        ("packed-refs", common, _LARGEST_LIST),
        ("shallow", common, _LARGEST_LIST),
    ):
        if content := read_optional(folder / name, limit):
            yield name, content
    folders, count = [common / "refs"], 0
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                if count > _MOST_REFERENCES:
                    raise InputError(
                        f"{common} has more than {_MOST_REFERENCES} references.", remedy="Run git pack-refs."
                    )
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(".lock"):
                    path = Path(entry.path)
                    yield path.relative_to(common).as_posix(), read_optional(path, _LARGEST_REFERENCE) or b""


def _target(reference: Path, prefix: str = "refs/heads/") -> str | None:
    """Return the branch that a symbolic reference names, or None where it names none."""
    content = read_optional(reference, _LARGEST_REFERENCE) or b""
    name = content.decode(errors="replace").strip().removeprefix("ref: ")
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def _checked(revision: str) -> str:
    if not _REVISION.fullmatch(revision):
        raise HistoryError(
            f"{revision!r:.100} does not name a commit.",
            remedy="Give a hash, a branch, a tag, or a range like v1.2..main.",
        )
    return revision
