"""The git commands that measuring needs; none of them changes the user's files, index or refs."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regress_action.measure.errors import EnvironmentFailedError, MeasureUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# A hook or an outer git sets these, and they would direct our git commands, or the suite's, to another index.
HOOK_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
)
# No hook of the user runs for our checkouts. The checkout of a job container belongs to another uid, and the caller
# has already asked to execute what is in it.
_CONFIG = ("-c", f"core.hooksPath={os.devnull}", "-c", "safe.directory=*", "-c", "advice.detachedHead=false")


@dataclass(frozen=True, slots=True)
class GitFolder:
    """Git in one folder, with `variables` besides those of this process."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def query(self, *arguments: str) -> str | None:
        """Return what git printed, without the last line break, or None where it failed."""
        completed = self._execute(arguments)
        return completed.stdout.rstrip("\n") if completed.returncode == 0 else None

    def run(self, *arguments: str) -> str:
        """Return what git printed, without the last line break.

        Raises:
            EnvironmentFailedError: git failed.
        """
        completed = self._execute(arguments)
        if completed.returncode:
            raise EnvironmentFailedError(
                f"git {arguments[0]} failed with status {completed.returncode}: {completed.stderr.strip()[-500:]}",
                meaning=f"The tree to measure could not be prepared from {self.folder}.",
                remedy="Run the same git command by hand to see more.",
            )
        return completed.stdout.rstrip("\n")

    def _execute(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in os.environ.items() if name not in HOOK_VARIABLES}
        variables |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", **self.variables}
        try:
            return subprocess.run(  # noqa: S603 - our own arguments, no shell
                ["git", "-C", str(self.folder), *_CONFIG, *arguments],  # noqa: S607 - the user's own git
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                encoding="utf-8",
                errors="surrogateescape",
            )
        except FileNotFoundError as error:
            raise EnvironmentFailedError(
                f"git could not be started in {self.folder}.",
                meaning="Comparing two commits needs git, and the folder has to exist.",
                remedy="Install git, or measure without --base.",
            ) from error


def commit_of(git: GitFolder, ref: str, *, fetch: bool) -> str:
    """Return the full id of the commit that `ref` names, fetching it only if asked.

    Raises:
        MeasureUsageError: there is no such commit here.
    """
    # A clone that is whole must stay whole, so only one that is shallow already is fetched into without history.
    shallow = git.query("rev-parse", "--is-shallow-repository") == "true"
    commit = None if ref.startswith("-") else _resolve(git, ref)
    if commit is None and fetch:
        depth = ("--depth=1",) if shallow else ()
        fetched = git.query("fetch", "--quiet", "--no-tags", *depth, "origin", "--", ref)
        commit = None if fetched is None else _resolve(git, "FETCH_HEAD")
    if commit is not None:
        return commit
    if shallow:
        raise MeasureUsageError(
            f"The commit {ref!r} is not in this clone.",
            meaning="The clone is shallow, so most of the history is missing.",
            remedy="Give actions/checkout `fetch-depth: 0`, or run `git fetch --unshallow`.",
        )
    raise MeasureUsageError(
        f"There is no commit {ref!r} in {git.folder}.",
        meaning="It is no branch, tag or commit id that git knows here.",
        remedy="See `git branch --all`; a branch of the server is `origin/NAME`.",
    )


def _resolve(git: GitFolder, ref: str) -> str | None:
    return git.query("rev-parse", "--verify", "--quiet", ref + "^{commit}")


def fork_point(git: GitFolder, base: str, head: str) -> str:
    """Return the commit where `head` left `base`.

    Raises:
        MeasureUsageError: the two share no history here.
    """
    commit = git.query("merge-base", base, head)
    if commit is None:
        raise MeasureUsageError(
            f"{base[:12]} and {head[:12]} share no commit in this clone.",
            meaning="Without it there is no commit where head left base.",
            remedy="Give actions/checkout `fetch-depth: 0`, or leave --merge-base out.",
        )
    return commit


def changed(git: GitFolder) -> list[str]:
    """Return the paths, from the top of the tree, whose state on disk no commit holds: changed, new or deleted.

    New files that .gitignore names are none of them.
    """
    if git.query("rev-parse", "--verify", "--quiet", "HEAD") is None:
        return _paths(
            git.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name", "--", ":/")
        )
    tracked = git.run("diff", "--name-only", "--no-renames", "--no-ext-diff", "--no-relative", "-z", "HEAD", "--", ":/")
    new = git.run("ls-files", "-z", "--others", "--exclude-standard", "--full-name", "--", ":/")
    return sorted({*_paths(tracked), *_paths(new)})


def _paths(listed: str) -> list[str]:
    return [path for path in listed.split("\0") if path]
