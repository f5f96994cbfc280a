"""A commit made by git and pushed: the way every git server understands."""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING, Final

from regress_action.history.branch import OvertakenError
from regress_action.history.git import GitFailedError

if TYPE_CHECKING:
    from regress_action.history.branch import Change
    from regress_action.history.clone import Clone

_LOST: Final = re.compile(
    r"(?i)\[rejected\]|non-fast-forward|fetch first|cannot lock ref|incorrect old value|reference already exists"
    r"|failed to update ref|unable to create .*\.lock"
)


class Pusher:
    """Makes commits as `identity` (`name <address>`)."""

    def __init__(self, identity: str) -> None:
        self._identity = identity

    def publish(self, clone: Clone, change: Change) -> str:
        """Graft the change on the tip and push it, without force."""
        commit = self._graft(clone, change)
        try:
            clone.git.run("push", "--quiet", "--porcelain", "origin", f"{commit}:refs/heads/{clone.branch}")
        except GitFailedError as error:
            if _LOST.search(error.said):
                raise OvertakenError from error
            raise
        clone.look_at(commit)
        return commit

    def _graft(self, clone: Clone, change: Change) -> str:
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
