"""The folders that are measured: the user's own, or a worktree for each side outside of it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.carry import carry, lay
from regress_action.measure.errors import CallError
from regress_action.measure.git import Git, changed, commit_of, fork_point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.measure.call import Call


@dataclass(frozen=True, slots=True)
class Tree:
    """One side: where its command runs, and what is there.

    `root` is the top of the tree, `folder` the place in it that corresponds to the caller's. `borrowed` says
    that it is the user's own tree, in which nothing but results may be touched.
    """

    side: str
    root: Path
    folder: Path
    borrowed: bool = False
    commit: str | None = None
    branch: str | None = None
    dirty: bool = False
    label: str = ""

    @property
    def described(self) -> dict[str, object]:
        """The form in which measurement.json holds it."""
        return {"commit": self.commit, "branch": self.branch, "dirty": self.dirty, "label": self.label}


@dataclass(slots=True)
class Scratch:
    """A temporary folder with the worktrees in it, and the repository that knows about them."""

    folder: Path
    repository: Path
    worktrees: list[Path] = field(default_factory=list)

    def clear(self) -> None:
        """Remove the worktrees and git's memory of them; never fails, since it runs on the way out."""
        git = Git(self.repository)
        for tree in self.worktrees:
            # Force twice: a worktree with submodules, or one that is still locked by a checkout cut short.
            git.ask("worktree", "remove", "--force", "--force", str(tree))
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def scratch(repository: Path) -> Iterator[Scratch]:
    """Yield a temporary folder for worktrees that is gone afterwards, whatever happens."""
    place = Scratch(Path(tempfile.mkdtemp(prefix="regress-")).resolve(), repository)
    try:
        yield place
    finally:
        place.clear()


def prepare(call: Call, place: Scratch) -> dict[str, Tree]:
    """Return the tree of every side, checked out and with the carried files laid over.

    Raises:
        CallError: the repository, a ref or a carried path does not exist.
        BrokenGroundError: git failed.
    """
    repository = call.repository.resolve()
    if not repository.is_dir():
        raise CallError(f"There is no folder {call.repository}.", remedy="Correct --repository.")
    git = Git(repository)
    top = git.ask("rev-parse", "--show-toplevel")
    if call.base is None and call.head is None:
        return {"head": _own(git, repository, top)}
    if top is None:
        raise CallError(
            f"{repository} is not in a git repository.",
            meaning="--base and --head name commits.",
            remedy="Correct --repository, or measure without --base.",
        )
    head = _head(call, git)
    trees = {"head": _check_out(git, place, head, Path(top))}
    lay(head.changed, Path(top), trees["head"].root)
    if call.base is not None:
        base = commit_of(git, call.base, fetch=call.fetch)
        base = fork_point(git, base, head.commit) if call.merge_base else base
        plan = _Plan("base", base, _branch(git, call.base), call.base)
        trees = {"base": _check_out(git, place, plan, Path(top)), **trees}
        carry(call.carry, trees["head"].folder, trees["base"].folder)
    return trees


@dataclass(frozen=True, slots=True)
class _Plan:
    side: str
    commit: str
    branch: str | None
    label: str
    changed: tuple[str, ...] = ()


def _own(git: Git, repository: Path, top: str | None) -> Tree:
    if top is None:
        return Tree("head", repository, repository, borrowed=True, label=repository.name)
    commit, dirty = git.ask("rev-parse", "--verify", "--quiet", "HEAD"), bool(changed(git))
    label = _working(commit) if dirty else (commit or "")[:12]
    return Tree("head", Path(top), repository, True, commit, _branch(git, "HEAD"), dirty, label)  # noqa: FBT003 - borrowed


def _head(call: Call, git: Git) -> _Plan:
    if call.head is not None:
        commit = commit_of(git, call.head, fetch=call.fetch)
        return _Plan("head", commit, _branch(git, call.head), commit[:12] if call.head == "HEAD" else call.head)
    commit, paths = commit_of(git, "HEAD", fetch=False), tuple(changed(git))
    return _Plan("head", commit, _branch(git, "HEAD"), _working(commit) if paths else commit[:12], paths)


def _check_out(git: Git, place: Scratch, plan: _Plan, top: Path) -> Tree:
    # "base" and "head" are equally long: the length of a path must not be what differs between the sides.
    root = place.folder / plan.side
    place.worktrees.append(root)
    git.tell("worktree", "add", "--quiet", "--detach", str(root), plan.commit)
    if (root / ".gitmodules").exists():
        Git(root).tell("submodule", "update", "--init", "--recursive", "--quiet")
    folder = root / git.folder.relative_to(top.resolve())
    if not folder.is_dir():
        raise CallError(
            f"The folder {folder.relative_to(root)} does not exist at {plan.label}.",
            meaning=f"The command would run there on the {plan.side} side.",
            remedy="Start from a folder that both commits have.",
        )
    return Tree(plan.side, root, folder, False, plan.commit, plan.branch, bool(plan.changed), plan.label)  # noqa: FBT003 - borrowed


def _branch(git: Git, ref: str) -> str | None:
    name = git.ask("rev-parse", "--abbrev-ref", "--verify", "--quiet", ref)
    return name if name and name != "HEAD" else None


def _working(commit: str | None) -> str:
    return f"what is on disk, on top of {commit[:12]}" if commit else "what is on disk"
