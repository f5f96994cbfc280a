"""The files of the commit that a change is based on: out of the checkout's objects, else from GitHub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from regress_action.model.errors import HistoryError, InputError, SettingsError
from regress_action.settings.sources import DEFAULT_CONFIG, LARGEST_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regress_action.github.event import Plan
    from regress_action.history import Checkout
    from regress_action.settings.sources import SettingsFiles


_MERGED: Final = 2
"""Parents of a commit by which GitHub merges a pull request for a test."""


@dataclass(frozen=True, slots=True)
class CommitFiles:
    """The files of a commit that the checkout holds."""

    checkout: Checkout
    revision: str

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None where there is none.

        Raises:
            SettingsError: it is no regular file, or too large.
        """
        try:
            return self.checkout.file(self.revision, _inside(path), LARGEST_FILE)
        except InputError as error:
            raise SettingsError(error.what, meaning=error.meaning, remedy=error.remedy) from error


@dataclass(frozen=True, slots=True)
class GitHubFiles:
    """The files of a commit as GitHub serves them: for a checkout that does not hold the commit."""

    token: str
    environ: Mapping[str, str]
    revision: str

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None where there is none.

        Raises:
            SettingsError: it is no regular file, too large, or GitHub does not show it.
        """
        from regress_action.github.client import connect, file_of

        with connect(self.token, self.environ) as client:
            return file_of(client, _inside(path), self.revision, LARGEST_FILE)


class NoFiles:
    """A base without any file."""

    def read(self, path: str) -> bytes | None:
        """Return None."""
        del path
        return None


def files_of_base(plan: Plan, root: Path, environ: Mapping[str, str], token: str) -> SettingsFiles:
    """Return the files of the commit that the change is compared with.

    Raises:
        SettingsError: neither the checkout nor GitHub has them.
    """
    from regress_action.history import Checkout

    if not (root / ".git").exists() and not (root / DEFAULT_CONFIG).exists():
        return NoFiles()  # the results of another job are judged, and no code is checked out
    checkout = Checkout(root, environ)
    branch = f"refs/remotes/origin/{plan.base_ref}" if plan.base_ref else None
    for revision in filter(None, (plan.base_sha, merged_into(checkout, plan.head_sha), branch)):
        try:
            checkout.tracks(".", revision)
        except HistoryError:
            continue
        return CommitFiles(checkout, revision)
    named = plan.base_sha or plan.base_ref
    if named and token and environ.get("GITHUB_REPOSITORY"):
        return GitHubFiles(token, environ, named)
    raise SettingsError(
        "The settings of the base commit cannot be read.",
        meaning="A change must not decide how it is judged, so the settings in its own commit are not enough.",
        remedy="Give actions/checkout  fetch-depth: 0, or give the step  github-token: ${{ github.token }}",
    )


def merged_into(checkout: Checkout, head: str | None) -> str | None:
    """Return the commit into which GitHub merged `head` for the checkout; None where HEAD is no such merge.

    This works in a clone of depth 1, too.
    """
    try:
        parents = checkout.parents()
    except HistoryError:
        return None
    return parents[0] if len(parents) == _MERGED and parents[1] == head else None


def _inside(path: str) -> str:
    """Return the path as git and GitHub take it.

    Raises:
        SettingsError: it leads out of the repository.
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise SettingsError(
            f"{path} cannot be read: it is not a file of the repository.",
            meaning="In a workflow, settings, thresholds and waivers are files of the repository.",
            remedy="Give a path inside the repository.",
        )
    return str(pure)
