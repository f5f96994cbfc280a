"""What a change is compared with: the nearest recorded ancestors of its merge base.

The previous record in time is the wrong baseline as soon as two branches are open: it may hold changes that the head
does not have. The user's repository is only read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from regress_action.history.git_repository import GitFailedError, GitRepository
from regress_action.model.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_REVISION: Final = re.compile(r"[A-Za-z0-9_][\w./@{}^~+-]*")


def ancestors(repository: Path, revision: str, environ: Mapping[str, str], *, limit: int = 1000) -> tuple[str, ...]:
    """Return the hashes of `revision` and up to `limit` commits before it, nearest first.

    Raises:
        HistoryError: the repository does not hold the commit (a shallow clone, a typing error).
    """
    return _commits(repository, environ, "rev-list", "--topo-order", f"--max-count={limit}", _checked(revision))


def merge_base(repository: Path, base: str, head: str, environ: Mapping[str, str]) -> str:
    """Return the commit at which `head` left `base`.

    Raises:
        HistoryError: there is none in this clone.
    """
    return _commits(repository, environ, "merge-base", _checked(base), _checked(head))[0]


def between(repository: Path, span: str, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the commits of a range like `v1.2..main`, for `Selection.commits`; the start is not among them."""
    first, dots, last = span.partition("..")
    if not dots:
        return frozenset(_commits(repository, environ, "rev-parse", "--verify", f"{_checked(span)}^{{commit}}"))
    return frozenset(_commits(repository, environ, "rev-list", f"{_checked(first)}..{_checked(last or 'HEAD')}"))


def _checked(revision: str) -> str:
    if not _REVISION.fullmatch(revision):
        raise HistoryError(
            f"{revision!r:.100} does not name a commit.",
            remedy="Give a hash, a branch, a tag, or a range like v1.2..main.",
        )
    return revision


def _commits(repository: Path, environ: Mapping[str, str], *arguments: str) -> tuple[str, ...]:
    git = GitRepository(repository, environ, {"safe.directory": "*"})  # a mounted checkout belongs to another user
    try:
        return tuple(git.run(*arguments).decode().split())
    except GitFailedError as error:
        raise HistoryError(
            f"{repository} does not know what {' '.join(arguments[1:])} is: {error.output}",
            meaning="The baseline of a change is found along its ancestors, and this clone does not hold them.",
            remedy="Give actions/checkout `fetch-depth: 0`, or fetch the commits that are missing.",
        ) from error
