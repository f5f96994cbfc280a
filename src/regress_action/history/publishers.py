"""Two ways to put a commit on the branch.

`GitPusher` makes the commit with git and pushes it: every git server accepts that. `ApiCommitter` lets GitHub make the
commit, which signs it, for branches on which a rule demands signatures. `createCommitOnBranch` takes the commit that
the new one must follow, so it is the same compare-and-swap as a push without force. It cannot start a branch; the first
commit is made through the Git Data API.
"""

from __future__ import annotations

import base64
import re
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

from regress_action.history.branch import OvertakenError
from regress_action.history.git_repository import GitFailedError
from regress_action.model.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.history.branch import BranchChange
    from regress_action.history.clone import Clone
    from regress_action.history.store import GitHubAccess

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
