"""Check out the submodules of a worktree from the objects on this machine; fetch only what is not here."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from regress_action.measure.errors import EnvironmentFailedError
from regress_action.measure.git import GitFolder

_GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class Submodule:
    """A submodule of a commit: its name in .gitmodules, its path in the tree, and the commit that belongs there."""

    name: str
    path: str
    commit: str


def check_out_submodules(worktree: Path, git_dirs: Path, users_tree: Path, label: str) -> None:
    """Check out every submodule of a worktree, nested ones included.

    `git_dirs` is the folder in which the user's repository keeps the git folders of its submodules, `users_tree` the
    user's own checkout, in which an older submodule has its git folder itself. `label` names the commit in errors.

    Raises:
        EnvironmentFailedError: a commit is not on this machine, and fetching it failed.
    """
    for submodule in _submodules(worktree):
        target, own = worktree / submodule.path, users_tree / submodule.path
        candidates = (git_dirs / submodule.name, own / ".git")
        source = next((path for path in candidates if _has_commit(path, submodule.commit)), None)
        if source is None or not _check_out_locally(submodule, source, target):
            _fetch(worktree, submodule, label)
        check_out_submodules(target, git_dirs / submodule.name / "modules", own, label)


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
