"""Records on a branch of their own, in any git repository; the user's checkout is never touched.

Also here: two ways to put a commit on the branch.

A writer looks at the branch, adds its files on top, and pushes without force: the server takes the push of exactly
one of those who looked at the same tip, and the others look again. Since every file has a name of its own, looking
again always succeeds in the end, and since names follow from contents, a push whose answer got lost is not repeated.

`GitPusher` makes the commit with git and pushes it: every git server accepts that. `ApiCommitter` lets GitHub make the
commit, which signs it, for branches on which a rule demands signatures. `createCommitOnBranch` takes the commit that
the new one must follow, so it is the same compare-and-swap as a push without force. It cannot start a branch; the first
commit is made through the Git Data API.
"""

from __future__ import annotations

import base64
import random
import re
import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from regress_action.history.clone import Clone, blob_identity, commit_log
from regress_action.history.git_repository import GitFailedError, explain
from regress_action.history.store import Children
from regress_action.model.errors import HistoryError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from regress_action.history.clone import Item, Remote
    from regress_action.history.store import CommitRecord, GitHubAccess


T = TypeVar("T")

READ_LIMIT_S: Final = 60.0  # a writer tries for longer, because its report would be lost
_LOCK: Final = re.compile(r"Unable to create '([^']+\.lock)': File exists")
_OTHER_HASH: Final = re.compile(r"(?i)mismatched algorithms|hash algorithm")
_RECORD_FOLDERS: Final = frozenset({"runs", "events"})
_HASH: Final = "GIT_DEFAULT_HASH"  # by which git names what it keeps in a new repository
_README: Final = """\
# Performance history

This branch is written by regress-action and holds what its runs
measured: one file per report in `runs/`, one file per decision about them in `events/`. It shares no commit with the
code, and is never merged.

* Nothing here is ever edited. The commits are the audit trail: `regress-action history verify` proves along them that
  no record was changed or removed, and says who wrote each.
* Old records are thinned by `regress-action history prune`, which leaves a list of what it removed in `events/`.
* To read it: `regress-action history list --history branch:{branch}`, or `export` for CSV and columns.
* To start over, delete the branch; the next run makes it anew.
"""


class OvertakenError(Exception):
    """Somebody else wrote to the branch since we looked."""


@dataclass(frozen=True, slots=True)
class BranchChange:
    """What a commit does: files to add (path → content), paths to remove, and its message."""

    files: Mapping[str, bytes]
    remove: Collection[str]
    message: str


class Publisher(Protocol):
    """A way to put a commit on the branch."""

    def publish(self, clone: Clone, change: BranchChange) -> str:
        """Put a commit on top of `clone.tip`, or start the branch where that is None; return the commit.

        Raises:
            OvertakenError: the branch is not at `clone.tip` any more.
            GitFailedError: the repository refuses or cannot be reached.
        """


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a failed attempt is tried again, and what the pauses are made with."""

    limit_s: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[float, float], float] = random.uniform

    def pauses(self) -> Iterator[float]:
        """Pause before each further attempt, until the limit.

        The pauses double from the time that an attempt takes, so a slow server gets more air, and are random from zero
        up, so writers that collided part.
        """
        started = attempt_started = self.clock()
        attempts = 0
        while True:
            yield attempts
            now = self.clock()
            if now - started > self.limit_s:
                return
            attempts += 1
            self.sleep(self.jitter(0, min(20.0, max(0.1, now - attempt_started) * 2 ** min(attempts - 1, 6))))
            attempt_started = self.clock()


class BranchStore:
    """Records on `branch` of `remote`, as the branch was when it was first looked at or last written to."""

    def __init__(
        self,
        remote: Remote,
        branch: str,
        environ: Mapping[str, str],
        publisher: Publisher,
        backoff: Backoff,
    ) -> None:
        self._remote = remote
        self._branch = branch
        self._environ = environ
        self._publisher = publisher
        self._backoff = backoff
        self._read_backoff = replace(backoff, limit_s=min(backoff.limit_s, READ_LIMIT_S))
        self._clone = Clone(remote, branch, environ)
        self._is_fresh = False

    @property
    def where(self) -> str:
        """The branch and its repository, without secrets."""
        return f"branch:{self._branch}@{self._remote.shown}"

    def exists(self) -> bool:
        """Whether the repository has the branch."""
        return self._read(lambda clone: clone.tip is not None)

    def children(self, folders: Sequence[str]) -> dict[str, Children]:
        """List several folders; what is missing of their trees is fetched in one round trip per level."""
        listed = self._read(lambda clone: clone.listing(folders) if clone.tip else {})
        return {folder: _children(listed.get(folder, {})) for folder in folders}

    def read(self, paths: Sequence[str]) -> list[bytes]:
        """Return the contents of `paths`, fetched in one round trip."""

        def contents(clone: Clone) -> list[bytes]:
            items = clone.find(paths)
            return clone.blobs([_present(items[path], path, self.where) for path in paths])

        return self._read(contents)

    def write(self, files: Mapping[str, bytes], message: str, *, remove: Collection[str] = ()) -> str:
        """Add one commit with all of it, and return the commit; the one before where all of it is there already."""
        last: Exception | None = None
        for _ in self._backoff.pauses():
            try:
                return self._attempt(files, message, remove)
            except OvertakenError as error:
                last = error
            except GitFailedError as error:
                if not self._switches_to_sha256(error) and not error.transient:
                    raise explain(error, self.where) from error
                last = error
        if isinstance(last, GitFailedError):
            raise explain(last, self.where) from last
        if left := _LOCK.search(str(last and last.__cause__)):
            raise HistoryError(
                f"{self.where}: the branch was locked by {left[1]} for {self._backoff.limit_s:.0f} s.",
                meaning="A git that is killed while it moves a branch leaves its lock. The report is not stored.",
                remedy="Remove that file in the repository once no git is at work there, and run the job again.",
            )
        raise HistoryError(
            f"{self.where}: others wrote to the branch each time we tried, for {self._backoff.limit_s:.0f} s.",
            meaning="The report is not stored.",
            remedy="Run the job again, or merge the shards of a matrix first: `regress-action merge`.",
        )

    def log(self) -> Iterator[CommitRecord]:
        """Go through the commits of the branch, oldest first."""

        def commits(_: Clone) -> list[CommitRecord]:
            full_clone = Clone(self._remote, self._branch, self._environ, audit=True)
            full_clone.refresh()
            return list(commit_log(full_clone.git, full_clone.tip))

        yield from self._read(commits)

    def _read(self, question: Callable[[Clone], T]) -> T:
        """Ask the clone, which is fetched first; again after a pause where the network failed.

        Raises:
            HistoryError: the repository refuses, or could not be reached for as long as a reader tries.
        """
        failure = GitFailedError("")
        for _ in self._read_backoff.pauses():
            try:
                if not self._is_fresh:
                    self._clone.refresh()
                    self._is_fresh = True
                return question(self._clone)
            except GitFailedError as error:
                failure = error
                if not self._switches_to_sha256(error) and not error.transient:
                    break
        raise explain(failure, self.where) from failure

    def _switches_to_sha256(self, error: GitFailedError) -> bool:
        """Start over with the names of SHA-256 where the repository has such names, and ours has not yet."""
        if not _OTHER_HASH.search(error.output) or self._environ.get(_HASH) == "sha256":
            return False
        self._environ = {**self._environ, _HASH: "sha256"}
        self._clone = Clone(self._remote, self._branch, self._environ)
        return True

    def _attempt(self, files: Mapping[str, bytes], message: str, remove: Collection[str]) -> str:
        clone = self._clone
        clone.refresh()
        self._is_fresh = True
        if clone.tip is None:
            readme = {"README.md": _README.format(branch=self._branch).encode()}
            return self._publisher.publish(clone, BranchChange(readme | dict(files), (), message))
        self._refuse_foreign_branch()
        items = clone.find([*files, *remove])
        new = {path: data for path, data in files.items() if not self._is_stored(path, data)}
        removed = [path for path in remove if items[path] is not None]
        if not new and not removed:
            return clone.tip
        return self._publisher.publish(clone, BranchChange(new, removed, message))

    def _refuse_foreign_branch(self) -> None:
        """Refuse to write records among somebody's code."""
        root = self._clone.listing([""])[""]
        if root.keys() - _RECORD_FOLDERS - {"README.md"}:
            raise HistoryError(
                f"{self.where} holds other files than records: {', '.join(sorted(root))[:200]}.",
                meaning="A history is kept on a branch of its own; nothing was written.",
                remedy="Name a branch that does not exist yet; it is made on demand.",
            )

    def _is_stored(self, path: str, data: bytes) -> bool:
        item = self._clone.find([path])[path]
        if item is None:
            return False
        if item.identity != blob_identity(data, item.identity):
            raise HistoryError(
                f"{self.where}: {path} exists with another content.",
                meaning="Records are never rewritten and their names follow from their contents: it was changed.",
                remedy="Run `regress-action history verify` to see who changed it.",
            )
        return True


def _present(item: Item | None, path: str, where: str) -> str:
    if item is None or item.is_folder:
        raise HistoryError(
            f"{where}: there is no {path}.",
            meaning="It was pruned, or never recorded.",
            remedy="`regress-action history list` shows what there is.",
        )
    return item.identity


def _children(items: Mapping[str, Item]) -> Children:
    return Children(
        tuple(sorted(name for name, item in items.items() if item.is_folder)),
        tuple(sorted(name for name, item in items.items() if not item.is_folder)),
    )


_LOST: Final = re.compile(
    r"(?i)\[rejected\]|non-fast-forward|fetch first|cannot lock ref|incorrect old value|reference already exists"
    r"|failed to update ref|unable to create .*\.lock"
)

_MUTATION: Final = """
mutation ($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }
"""
_STALE: Final = re.compile(r"(?i)STALE_DATA|expected branch to point|reference already exists|not a fast forward")


class GitPusher:
    """Makes commits as `identity` (`name <address>`)."""

    def __init__(self, identity: str) -> None:
        self._identity = identity

    def publish(self, clone: Clone, change: BranchChange) -> str:
        """Graft the change on the tip and push it, without force."""
        commit = self._graft(clone, change)
        try:
            clone.git.run("push", "--quiet", "--porcelain", "origin", f"{commit}:refs/heads/{clone.branch}")
        except GitFailedError as error:
            if _LOST.search(error.output):
                raise OvertakenError from error
            raise
        clone.look_at(commit)
        return commit

    def _graft(self, clone: Clone, change: BranchChange) -> str:
        """Make the commit from the trees along its paths alone; a new reference for each keeps attempts apart."""
        reference = f"refs/attempts/{secrets.token_hex(8)}"
        message = change.message.encode()
        stream = [
            f"commit {reference}\ncommitter {self._identity} {time.time():.0f} +0000\n".encode(),
            b"data %d\n%s\n" % (len(message), message),
            f"from {clone.tip}\n".encode() if clone.tip else b"",
            *(f"D {path}\n".encode() for path in change.remove),
        ]
        for path, data in change.files.items():
            stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
        clone.git.run("fast-import", "--quiet", feed=b"".join(stream))
        return clone.git.run("rev-parse", "--verify", reference).decode().strip()


class ApiCommitter:
    """Makes commits in the repository `name` (`owner/name`) through GitHub's API, which `github` gives access to."""

    def __init__(self, name: str, github: GitHubAccess) -> None:
        self._name = name
        self._github = github

    @classmethod
    def of(cls, name: str | None, environ: Mapping[str, str], github: GitHubAccess | None) -> ApiCommitter:
        """Check that there is a repository on GitHub, and a token for it.

        Raises:
            SettingsError: the branch is not on GitHub, or there is no token.
        """
        token = environ.get("REGRESS_HISTORY_TOKEN") or environ.get("GITHUB_TOKEN")
        if name is None or not token or github is None:
            raise SettingsError(
                "REGRESS_HISTORY_COMMITS=api, and "
                + ("there is no token." if name else "the branch is not on GitHub."),
                meaning="Commits through the API are made by GitHub, on behalf of a token.",
                remedy="Set GITHUB_TOKEN (or REGRESS_HISTORY_TOKEN), or leave REGRESS_HISTORY_COMMITS out.",
            )
        return cls(name, github)

    def publish(self, clone: Clone, change: BranchChange) -> str:
        """Let GitHub put the change on the tip, if the branch is still there."""
        import requests
        from github import GithubException

        try:
            commit = self._commit(clone, change) if clone.tip else self._start(clone, change)
        except GithubException as error:
            output = f"{error.status} {error.data}"
            if _STALE.search(output):
                raise OvertakenError from error
            raise GitFailedError(f"the API says error: {output}") from error
        except requests.RequestException as error:
            raise GitFailedError(f"unable to access the API: {type(error).__name__}") from error
        clone.refresh()
        return commit

    def _commit(self, clone: Clone, change: BranchChange) -> str:
        """Let GitHub put the change on the tip that the clone has, and return the commit."""
        headline, _, body = change.message.partition("\n")
        _, answer = self._github.repository(self._name).requester.graphql_query(
            _MUTATION,
            {
                "input": {
                    "branch": {"repositoryNameWithOwner": self._name, "branchName": clone.branch},
                    "expectedHeadOid": clone.tip,
                    "message": {"headline": headline, "body": body.strip()},
                    "fileChanges": {
                        "additions": [
                            {"path": path, "contents": base64.b64encode(data).decode()}
                            for path, data in change.files.items()
                        ],
                        "deletions": [{"path": path} for path in change.remove],
                    },
                }
            },
        )
        return _text(answer["data"]["createCommitOnBranch"]["commit"]["oid"])

    def _start(self, clone: Clone, change: BranchChange) -> str:
        from github import InputGitTreeElement

        repository = self._github.repository(self._name)
        elements = [
            InputGitTreeElement(path, "100644", "blob", content=data.decode()) for path, data in change.files.items()
        ]
        commit = repository.create_git_commit(change.message, repository.create_git_tree(elements), [])
        repository.create_git_ref(f"refs/heads/{clone.branch}", commit.sha)
        return commit.sha


def _text(value: Any) -> str:  # noqa: ANN401 - an answer of the API
    return str(value)
