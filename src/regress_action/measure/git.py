"""The git commands that measuring needs; none of them changes the user's files, index or refs.

Also here: check out the submodules of a worktree from the objects on this machine; fetch only what is not here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from regress_action.measure.errors import EnvironmentFailedError, MeasureUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


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
# has already asked to execute what is in it. Relative paths between a worktree and its record would change the user's
# configuration (git 2.48), and by absolute ones we tell whose record it is.
_CONFIG = (
    *("-c", f"core.hooksPath={os.devnull}", "-c", "safe.directory=*", "-c", "advice.detachedHead=false"),
    *("-c", "worktree.useRelativePaths=false"),
)


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
    tip = re.split(r"[~^]", ref, maxsplit=1)[0]
    if tip not in {"", ref} and not ref.startswith("-") and _resolve(git, tip):
        before = int(git.query("rev-list", "--count", "--first-parent", tip) or 1) - 1
        raise MeasureUsageError(
            f"There is no commit {ref!r} in {git.folder}: {tip} has {before or 'none'} before it.",
            remedy="Commit a change first, or name a base that exists: see `git log`.",
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
        MeasureUsageError: the two share no history here, or a shallow clone lacks commits that could be nearer.
    """
    commit = git.query("merge-base", base, head)
    if commit is not None and commit not in {base, head} and _is_cut(git, commit, base, head):
        raise MeasureUsageError(
            f"This clone is too shallow to tell where {head[:12]} left {base[:12]}.",
            meaning="Commits are missing on the way to the newest one that both have.",
            remedy="Give actions/checkout `fetch-depth: 0`, or run `git fetch --unshallow`.",
        )
    if commit is None:
        raise MeasureUsageError(
            f"{base[:12]} and {head[:12]} share no commit in this clone.",
            meaning="Without it there is no commit where head left base.",
            remedy="Give actions/checkout `fetch-depth: 0`, or leave --merge-base out.",
        )
    return commit


def _is_cut(git: GitFolder, start: str, *ends: str) -> bool:
    """Whether a shallow clone ends at a commit between `start` and one of `ends`."""
    listed = git.query("rev-parse", "--path-format=absolute", "--git-path", "shallow")
    if listed is None or not Path(listed).is_file():
        return False
    between = (git.query("rev-list", *ends, f"^{start}") or "").split()
    return not set(Path(listed).read_text(encoding="ascii").split()).isdisjoint(between)


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


_GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class Submodule:
    """A submodule of a commit: its name in .gitmodules, its path in the tree, and the commit that belongs there."""

    name: str
    path: str
    commit: str


def check_out_submodules(worktree: Path, git_dirs: Path, users_tree: Path, label: str) -> list[Submodule]:
    """Check out every submodule of a worktree, nested ones included; return those that are out of reach.

    `git_dirs` is the folder in which the user's repository keeps the git folders of its submodules, `users_tree` the
    user's own checkout, in which an older submodule has its git folder itself. `label` names the commit in errors.
    What the user's own checkout lacks as well may be out of reach: the suite runs without it there, too.

    Raises:
        EnvironmentFailedError: a commit of one that the user has is not on this machine, and fetching it failed.
    """
    absent: list[Submodule] = []
    for submodule in _submodules(worktree):
        target, own = worktree / submodule.path, users_tree / submodule.path
        candidates = (git_dirs / submodule.name, own / ".git")
        source = next((path for path in candidates if _has_commit(path, submodule.commit)), None)
        if source is None or not _check_out_locally(submodule, source, target):
            try:
                _fetch(worktree, submodule, label)
            except EnvironmentFailedError:
                if own.is_dir() and any(own.iterdir()):
                    raise
                absent.append(submodule)
                continue
        nested = check_out_submodules(target, git_dirs / submodule.name / "modules", own, label)
        absent += [replace(inner, path=f"{submodule.path}/{inner.path}") for inner in nested]
    return absent


def _submodules(worktree: Path) -> list[Submodule]:
    """Return the submodules that the index of a worktree has, if .gitmodules names them."""
    git = GitFolder(worktree)
    if not (worktree / ".gitmodules").is_file():
        return []
    listed = git.query("config", "-z", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$") or ""
    pairs = (entry.partition("\n")[::2] for entry in listed.split("\0") if entry)
    names = {path: key.removeprefix("submodule.").removesuffix(".path") for key, path in pairs}
    submodules = []
    for entry in git.run("ls-files", "-z", "--stage").split("\0"):
        described, _, path = entry.partition("\t")
        mode, _, rest = described.partition(" ")
        name = names.get(path, path)
        if mode == _GITLINK and ".." not in PurePosixPath(name).parts:
            submodules.append(Submodule(name, path, rest.partition(" ")[0]))
    return submodules


def _has_commit(git_dir: Path, commit: str) -> bool:
    if not (git_dir / "objects").is_dir():
        return False
    return GitFolder(git_dir).query(f"--git-dir={git_dir}", "cat-file", "-e", commit + "^{commit}") is not None


def _check_out_locally(submodule: Submodule, source: Path, target: Path) -> bool:
    """Check out a commit that borrows the objects of the git folder `source`; return whether all of it was there."""
    git = GitFolder(target)
    if git.query("init", "--quiet", "--template=") is None:
        return False
    (target / ".git/objects/info").mkdir(exist_ok=True)
    (target / ".git/objects/info/alternates").write_text(f"{source.resolve() / 'objects'}\n", encoding="utf-8")
    if (source / "shallow").is_file():
        shutil.copyfile(source / "shallow", target / ".git/shallow")
    if git.query("checkout", "--quiet", "--detach", submodule.commit) is not None:
        return True
    shutil.rmtree(target)
    target.mkdir()
    return False


def _fetch(worktree: Path, submodule: Submodule, label: str) -> None:
    """Let git clone the submodule from its address.

    Raises:
        EnvironmentFailedError: it cannot be reached, or asks for a password.
    """
    try:
        GitFolder(worktree).run("submodule", "update", "--init", "--quiet", "--", submodule.path)
    except EnvironmentFailedError as error:
        raise EnvironmentFailedError(
            f"The submodule {submodule.path!r} could not be checked out at {label}.",
            meaning=f"Its commit {submodule.commit[:12]} is not in this clone, and fetching it failed. {error.what}",
            remedy=f"Fetch it into this clone first: git -C {submodule.path} fetch origin {submodule.commit}\n"
            "In GitHub Actions, give actions/checkout `submodules: true` and a token that may read the submodule.",
        ) from error
