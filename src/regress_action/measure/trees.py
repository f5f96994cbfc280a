"""The folders that are measured: the user's own, or a worktree for each side outside of it."""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
import shutil
import stat
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from regress_action.measure.errors import EnvironmentFailedError, MeasureUsageError
from regress_action.measure.git import (
    GitFolder,
    Submodule,
    changed,
    check_out_submodules,
    commit_of,
    fork_point,
)
from regress_action.measure.kept_trees import KeptTree, digest_of, keep_tree, pins_packages, states_packages
from regress_action.measure.measurement import disk_error
from regress_action.measure.session_folder import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regress_action.measure.options import Options
    from regress_action.measure.session_folder import SessionFolder

_MOST_NAMES = 20  # of changed files in measurement.json
_SETTINGS = re.compile(
    r"(?:regress(?:-[\w.-]+)?|thresholds)\.ya?ml|\.github/workflows/(?:performance(?:-commands)?|bisect)\.yml"
)
_NOT_SEARCHED = frozenset({".git", "node_modules", ".venv", "target"})


@dataclass(frozen=True, slots=True)
class SideTree:
    """The tree of one side: where its command runs, and which commit it holds.

    `root` is the top of the tree, `folder` the folder in it that corresponds to the caller's. `users_own` marks
    the user's own tree, in which nothing but results may be changed. `changed` are the first of the paths that no
    commit holds as they are. `is_set_up` says that the setup ran in it before,
    `own_packages` are the lock files in carried folders that stayed as they are at its commit, `absent` the submodules
    that neither the user's own checkout nor this tree has.
    """

    side: str
    root: Path
    folder: Path
    users_own: bool = False
    commit: str | None = None
    branch: str | None = None
    changed: tuple[str, ...] = ()
    label: str = ""
    kept: KeptTree | None = None
    is_set_up: bool = False
    own_packages: tuple[str, ...] = ()
    absent: tuple[Submodule, ...] = ()

    @property
    def described(self) -> dict[str, object]:
        """The form in which measurement.json holds it."""
        dirty = {"dirty": bool(self.changed), "changed": self.changed[:_MOST_NAMES]}
        return {"commit": self.commit, "branch": self.branch, **dirty, "label": self.label}


def prepare(options: Options, worktrees: SessionFolder) -> dict[str, SideTree]:
    """Return the tree of every side, checked out and with the carried files copied over.

    Raises:
        MeasureUsageError: the repository, a ref or a carried path does not exist.
        EnvironmentFailedError: git failed.
    """
    repository = options.repository.resolve()
    if not repository.is_dir():
        raise MeasureUsageError(f"There is no folder {options.repository}.", remedy="Correct --repository.")
    git = GitFolder(repository)
    top = git.query("rev-parse", "--show-toplevel")
    if options.base is None and options.head is None:
        return {"head": _users_tree(git, repository, top)}
    if top is None:
        raise MeasureUsageError(
            f"{repository} is not in a git repository.",
            meaning="--base and --head name commits.",
            remedy="Correct --repository, or measure without --base.",
        )
    try:
        return _check_out_sides(options, git, worktrees, Path(top))
    except OSError as error:
        raise disk_error(error, worktrees.folder, TEMPORARY) from error
    except RecursionError as error:
        raise MeasureUsageError(
            f"{', '.join(options.carry) or 'What is not committed'} has too many levels of folders to be copied.",
            remedy="Remove the deepest of them, or do not carry them.",
        ) from error


def _check_out_sides(options: Options, git: GitFolder, worktrees: SessionFolder, top: Path) -> dict[str, SideTree]:
    """Return the worktrees of the head and, if there is one, of the base, in the order of the first pair."""
    head = _plan_head(options, git)
    uncommitted = digest_of(head.changed, top)
    trees = {"head": _check_out(options, git, worktrees, replace(head, uncommitted=uncommitted), top)}
    overlay((*head.changed, *head.settings), top, trees["head"].root)
    if (kept := trees["head"].kept) and digest_of(head.changed, kept.root) != uncommitted:  # edited meanwhile
        kept.mark_unready()
        trees["head"] = replace(trees["head"], kept=None, is_set_up=False)
    if options.base is not None:
        base = commit_of(git, options.base, fetch=options.fetch)
        base = fork_point(git, base, head.commit) if options.merge_base else base
        plan = _CheckoutPlan("base", base, _branch(git, options.base), options.base)
        plan = replace(plan, carried=tuple(trees["head"].folder / path for path in options.carry))
        trees = {"base": _check_out(options, git, worktrees, plan, top), **trees}
        own = overlay_carried(options.carry, trees["head"].folder, trees["base"].folder)
        trees["base"] = replace(trees["base"], own_packages=own)
        _require_equal_submodules(trees["base"], trees["head"])
    return trees


def _require_equal_submodules(base: SideTree, head: SideTree) -> None:
    """Check that a submodule which is out of reach would be the same on both sides.

    Raises:
        EnvironmentFailedError: it would not, so that a change would be left out in silence.
    """
    if differing := sorted({submodule.path for submodule in {*base.absent} ^ {*head.absent}}):
        raise EnvironmentFailedError(
            f"The submodule {differing[0]!r} could not be checked out at {base.label} and at {head.label}.",
            meaning="The two sides have different commits of it, and fetching them failed.",
            remedy=f"Fetch it into this clone first: git submodule update --init -- {differing[0]}\n"
            "In GitHub Actions, give actions/checkout `submodules: true` and a token that may read the submodule.",
        )


@dataclass(frozen=True, slots=True)
class _CheckoutPlan:
    side: str
    commit: str
    branch: str | None
    label: str
    changed: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    carried: tuple[Path, ...] = ()
    uncommitted: str = ""


def _changes(git: GitFolder) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what differs from the commit, and what of our own settings does: they say how both sides are measured."""
    paths = changed(git)
    settings = tuple(filter(_SETTINGS.fullmatch, paths))
    return tuple(path for path in paths if path not in settings), settings


def _users_tree(git: GitFolder, repository: Path, top: str | None) -> SideTree:
    if top is None:
        return SideTree("head", repository, repository, users_own=True, label=repository.name)
    commit, (paths, _) = git.query("rev-parse", "--verify", "--quiet", "HEAD"), _changes(git)
    label = _uncommitted_label(commit) if paths else (commit or "")[:12]
    return SideTree("head", Path(top), repository, True, commit, _branch(git, "HEAD"), paths, label)  # noqa: FBT003 - users_own


def _plan_head(options: Options, git: GitFolder) -> _CheckoutPlan:
    if options.head is not None:
        commit = commit_of(git, options.head, fetch=options.fetch)
        return _CheckoutPlan(
            "head", commit, _branch(git, options.head), commit[:12] if options.head == "HEAD" else options.head
        )
    commit, (paths, settings) = commit_of(git, "HEAD", fetch=False), _changes(git)
    label = _uncommitted_label(commit) if paths else commit[:12]
    return _CheckoutPlan("head", commit, _branch(git, "HEAD"), label, paths, settings)


def _check_out(options: Options, git: GitFolder, worktrees: SessionFolder, plan: _CheckoutPlan, top: Path) -> SideTree:
    """Return the worktree of a side, new or kept from an earlier measurement of the same commit.

    Raises:
        MeasureUsageError: the folder in which the command runs does not exist in it.
        EnvironmentFailedError: git failed.
    """
    # "base" and "head" have the same length, so that the sides do not differ in the length of their paths.
    kept = _kept_tree(options, git, worktrees, plan, top)
    root = kept.root if kept else worktrees.folder / plan.side
    is_set_up = kept is not None and kept.refresh(plan.commit)
    absent: list[Submodule] = []
    if not is_set_up:
        if kept:
            kept.discard()
        git.run("worktree", "add", "--quiet", "--detach", str(root), plan.commit)
        worktrees.hold(root)
        modules = Path(git.run("rev-parse", "--git-path", "modules"))
        absent = check_out_submodules(root, git.folder / modules, top, plan.label)
    folder = root / git.folder.relative_to(top.resolve())
    if not folder.is_dir():
        raise MeasureUsageError(
            f"The folder {folder.relative_to(root)} does not exist at {plan.label}.",
            meaning=f"The command would run there on the {plan.side} side.",
            remedy="Start from a folder that both commits have.",
        )
    return SideTree(
        plan.side,
        root,
        folder,
        commit=plan.commit,
        branch=plan.branch,
        changed=plan.changed,
        label=plan.label,
        kept=kept,
        is_set_up=is_set_up,
        absent=tuple(absent),
    )


def _kept_tree(
    options: Options, git: GitFolder, worktrees: SessionFolder, plan: _CheckoutPlan, top: Path
) -> KeptTree | None:
    """Return the kept tree of a side; None where there is no setup, or where there are submodules, also new ones."""
    if not options.setup or options.keep_trees is None:
        return None
    if git.query("cat-file", "-e", f"{plan.commit}:.gitmodules") is not None:
        return None
    if any((top / path).is_dir() and not (top / path).is_symlink() for path in plan.changed if path[-1] != "/"):
        return None
    parent, commit = options.keep_trees.resolve(), plan.commit
    kept = keep_tree(parent, top, plan.side, commit, options.setup, plan.carried, plan.uncommitted)
    if kept:
        worktrees.kept.append(kept)
    return kept


def _branch(git: GitFolder, ref: str) -> str | None:
    name = git.query("rev-parse", "--abbrev-ref", "--verify", "--quiet", ref)
    return name if name and name != "HEAD" else None


def _uncommitted_label(commit: str | None) -> str:
    return f"what is on disk, on top of {commit[:12]}" if commit else "what is on disk"


def overlay_carried(paths: Iterable[str], head: Path, base: Path) -> tuple[str, ...]:
    """Replace each path below `base` by the one below `head`; what the head deleted is deleted.

    Each side keeps its own packages: where a lock file in a folder differs, the base keeps its own, with the manifest
    beside it. A lock file that is named itself is replaced. Returns the lock files that were kept.

    Raises:
        MeasureUsageError: a path leaves the tree, or neither side has it.
    """
    paths = [path.rstrip("/") for path in paths]
    for path in paths:
        _check_carried(path, head, base)
    kept = sorted(name for path in paths for name in _differing_locks(path, head, base) if name not in paths)
    folders = {PurePosixPath(name).parent for name in kept}
    manifests = {
        str(folder / file.name)
        for folder in folders
        for file in (base / folder).iterdir()
        if states_packages(file.name) and _is_plain(file)
    }
    contents = {name: (base / name).read_bytes() for name in (*kept, *manifests.difference(paths))}
    overlay(paths, head, base)
    for name, content in contents.items():
        _replace_links_above(base, name)
        _remove(base / name)
        with contextlib.suppress(FileExistsError, NotADirectoryError):  # a folder of the base is a file of the head
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            (base / name).write_bytes(content)
    return tuple(kept)


def _differing_locks(path: str, head: Path, base: Path) -> Iterator[str]:
    """Yield the lock files of the base in a carried folder, relative to the tree, that the head has otherwise."""
    if not (base / path).is_dir() or (base / path).is_symlink():
        return
    for top, folders, names in os.walk(base / path):
        folders[:] = [name for name in folders if name not in _NOT_SEARCHED]
        for name in filter(pins_packages, names):
            file = Path(top) / name
            relative = file.relative_to(base)
            other = head / relative
            if _is_plain(file) and not (_is_plain(other) and filecmp.cmp(file, other, shallow=False)):
                yield relative.as_posix()


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def overlay(paths: Iterable[str], source: Path, target: Path) -> None:
    """Make each path below `target` what it is below `source`, absence included.

    The files of a submodule are copied without their link to git. A repository inside the tree that is not a submodule,
    which git lists with a slash at its end, is left out.
    """
    for path in paths:
        if path.endswith("/"):
            continue
        _replace_links_above(target, path)
        _remove(target / path)
        if _exists(source / path):
            _copy(source / path, target / path)
        else:
            _prune(target, path)


def _check_carried(path: str, head: Path, base: Path) -> None:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise MeasureUsageError(
            f"--carry {path!r} is not a path inside the repository.",
            meaning="It is copied from the head's tree into the base's.",
            remedy="Give it relative to the folder in which the command runs.",
        )
    if not any(_exists(side / path) for side in (head, base)):
        raise MeasureUsageError(
            f"--carry {path!r} names nothing.",
            meaning="Neither the head nor the base has such a file or folder.",
            remedy="Correct the path; an uncommitted file that .gitignore names is not carried.",
        )


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace_links_above(root: Path, path: str) -> None:
    """Remove the links among the folders above a path, which would lead out of the tree."""
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        if (root / parent).is_symlink():
            (root / parent).unlink()


def _prune(root: Path, path: str) -> None:
    """Remove the folders that a removed file leaves empty, as git would."""
    with contextlib.suppress(OSError):
        for parent in PurePosixPath(path).parents[:-1]:
            (root / parent).rmdir()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        ignore = shutil.ignore_patterns(".git")
        shutil.copytree(source, target, symlinks=True, ignore=ignore, copy_function=_copy_file)
    else:
        _copy_file(source, target)


def _copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file or a link; a FIFO, a socket or a device is left out, because reading it may never end."""
    mode = os.lstat(source).st_mode
    if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        shutil.copy2(source, target, follow_symlinks=False)
