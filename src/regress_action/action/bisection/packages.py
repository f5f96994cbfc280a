"""A first bad commit that only bumps a lock file, taken apart package by package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.action.bisection import variants
from regress_action.action.bisection.commits import Commit, CommitRange
from regress_action.advice import lock_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regress_action.model.bisections import PackageChange

MOST_PACKAGES = 200


@dataclass(frozen=True, slots=True)
class LockFileBump:
    """The lock file that a commit changes, and its packages; `alone` says that it changes nothing but dependencies."""

    path: str
    before: str
    after: str
    packages: tuple[PackageChange, ...]
    alone: bool


def bump_of(folder: Path, parent: str, commit: str, files: Sequence[str]) -> LockFileBump | None:
    """Return what a commit changes in a lock file, the one with the most packages; None where it changes none."""
    bumps = []
    alone = all(lock_files.is_lock_file(path) or lock_files.is_manifest(path) for path in files)
    for path in files:
        if not lock_files.is_lock_file(path):
            continue
        before, after = (variants.file_at(folder, side, path) for side in (parent, commit))
        if before is not None and after is not None and (changed := lock_files.changed_packages(path, before, after)):
            bumps.append(LockFileBump(path, before, after, changed, alone))
    return max(bumps, key=lambda bump: len(bump.packages), default=None)


def steps_of(folder: Path, parent: str, commit: str, bump: LockFileBump) -> CommitRange | None:
    """Return the packages of a bump as commits on top of each other, the last being the commit itself.

    The first has one package changed, each one after it has one more: new packages first, since others may need them.
    None where the bump holds one package only, or files of its kind cannot be mixed.

    Raises:
        InfrastructureError: git failed.
    """
    if not bump.alone or not 1 < len(bump.packages) <= MOST_PACKAGES:
        return None
    steps: list[Commit] = []
    names: list[str] = []
    for change in bump.packages:
        names.append(change.name)
        if len(names) == len(bump.packages):
            step = commit
        else:
            mixed = lock_files.with_changed(bump.path, bump.before, bump.after, names)
            if mixed is None:
                return None
            step = variants.with_files(folder, commit, {bump.path: mixed.encode("utf-8", "surrogateescape")})
        parents = (steps[-1].id,) if steps else ()
        steps.append(Commit(step, parents, described(change), files=(bump.path,)))
    ids = {step.id for step in steps}
    return CommitRange(parent, tuple(steps)) if len(ids) == len(steps) and parent not in ids else None


def described(change: PackageChange) -> str:
    """Return `numpy 1.26.4 → 2.0.0`, or that it is new or gone."""
    if change.before is None:
        return f"{change.name} {change.after} (new)"
    return (
        f"{change.name} {change.before} → {change.after}" if change.after else f"{change.name} {change.before} (gone)"
    )
