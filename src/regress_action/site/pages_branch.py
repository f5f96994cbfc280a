"""The site on a branch that a host of pages serves, as a single commit without a parent.

The branch never grows: every publication replaces the commit before it, and git sends only the files that changed,
because the other side has the rest. `plotly.js` travels once.
"""

from __future__ import annotations

import re
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from regress_action.history.clone import Clone, branch_of, identity_of, remote_of
from regress_action.history.git_repository import GitFailedError, explain
from regress_action.model.errors import HistoryError
from regress_action.site.cache import FOLDER as CACHE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regress_action.history.clone import Remote

ATTEMPTS: Final = 5
PREFIX: Final = "branch:"

_COMMIT: Final = "refs/heads/site"
_MARK: Final = "regress-action.site"  # says that the branch is ours to replace
_MARK_TEXT: Final = b"This branch holds a dashboard of regress-action, and is replaced with each publication.\n"
_LOST: Final = re.compile(r"(?i)\[rejected\]|\[remote rejected\]|stale info|cannot lock ref|failed to update ref")


def publish(site: Path, where: str, *, repository: Path, environ: Mapping[str, str], message: str) -> str:
    """Replace the branch that `where` names (`branch:NAME` or `branch:NAME@REMOTE`) by the files of `site`.

    Returns:
        The commit; the one before where the branch holds these files already.

    Raises:
        SettingsError: `where` names no branch.
        HistoryError: the branch holds something else than a dashboard, or cannot be written.
    """
    name, place = branch_of(where.removeprefix(PREFIX))
    remote = remote_of(place, repository, environ)
    files = _files(site)
    for _ in range(ATTEMPTS):
        clone = Clone(remote, name, environ)
        try:
            clone.refresh()
            _refuse_foreign_branch(clone, remote)
            commit = _committed(clone, files, identity_of(environ, repository), message)
            if _same_files(clone, commit):
                return clone.tip or commit
            _replace(clone, commit)
        except GitFailedError as error:
            if not _LOST.search(error.output):
                raise explain(error, f"branch:{name}@{remote.shown}") from error
        else:
            return commit
    raise HistoryError(
        f"branch:{name}@{remote.shown}: others published to the branch each of {ATTEMPTS} times.",
        meaning="The site is written, and was not published.",
        remedy="Run the job again.",
    )


def _files(site: Path) -> dict[str, bytes]:
    """Return the files of the site by their paths, with the two that a host of pages and the next publication need."""
    files = {".nojekyll": b"", _MARK: _MARK_TEXT}
    for path in sorted(site.rglob("*")):
        name = PurePosixPath(path.relative_to(site).as_posix())
        if name.parts[0] != CACHE and path.is_file() and not path.is_symlink():
            files[str(name)] = path.read_bytes()
    return files


def _refuse_foreign_branch(clone: Clone, remote: Remote) -> None:
    """Refuse to replace what somebody else put on the branch."""
    if clone.tip is None or _MARK in (names := clone.listing([""])[""]):
        return
    raise HistoryError(
        f"branch:{clone.branch}@{remote.shown} holds other files than a dashboard: {', '.join(sorted(names))[:200]}.",
        meaning="Publishing replaces the whole branch, so nothing was published.",
        remedy="Name a branch that does not exist yet, or publish the folder together with the rest of your pages.",
    )


def _committed(clone: Clone, files: Mapping[str, bytes], identity: str, message: str) -> str:
    """Make a commit without a parent."""
    text = message.encode()
    stream = [
        f"commit {_COMMIT}\ncommitter {identity} {time.time():.0f} +0000\n".encode(),
        b"data %d\n%s\n" % (len(text), text),
        b"deleteall\n",
    ]
    for path, data in files.items():
        stream.append(b'M 100644 inline "%s"\ndata %d\n%s\n' % (path.encode(), len(data), data))
    clone.git.run("fast-import", "--quiet", "--force", feed=b"".join(stream))
    return clone.git.run("rev-parse", "--verify", _COMMIT).decode().strip()


def _same_files(clone: Clone, commit: str) -> bool:
    if clone.tip is None:
        return False
    trees = clone.git.run("rev-parse", f"{clone.tip}^{{tree}}", f"{commit}^{{tree}}").decode().split()
    return trees[0] == trees[1]


def _replace(clone: Clone, commit: str) -> None:
    """Push the commit in place of the tip that was looked at, and of no other."""
    reference = f"refs/heads/{clone.branch}"
    lease = f"--force-with-lease={reference}:{clone.tip or ''}"
    clone.git.run("push", "--quiet", "--porcelain", lease, "origin", f"{commit}:{reference}")
