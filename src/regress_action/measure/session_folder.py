"""The temporary folder of a measurement, with its worktrees; one that a killed measurement left is removed by the next.

A measurement locks its folder for as long as it or its watchdog lives, and the kernel frees the lock, however they
ended. A folder without a lock is therefore abandoned. Its name holds the id of its session, by which what else the
session left is found: processes, control groups, sockets, and git's records of the worktrees.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure import cooperative_turns, frozen_turns, process_tree, untrusted_files
from regress_action.measure.cooperative_turns import CONTAINER
from regress_action.measure.git import GitFolder
from regress_action.measure.measurement import disk_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.measure.kept_trees import KeptTree

TEMPORARY = "TMPDIR"
_PREFIX = "regress-"
_NAME = re.compile(r"(?:regress-)?session-([0-9a-f]{16})")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_YOUNG_S = 60.0  # a record of git that another measurement may not have locked yet
_MOST_AT_ONCE = 20
_LIMIT_S = 10.0
_LONGEST_PATH = 8192
_BETWEEN_LOOKS_S = 0.2


@dataclass(slots=True)
class SessionFolder:
    """The folder of a session, and the one in which git keeps its records of worktrees, if there is one.

    `kept` are trees outside of it that later measurements may use again. `locks` are descriptors of the locked folder,
    which is the first one, and of git's records of the worktrees; none where the file system has no locks.
    """

    folder: Path
    records: Path | None
    kept: list[KeptTree] = field(default_factory=list)
    locks: list[int] = field(default_factory=list)

    def hold(self, tree: Path) -> None:
        """Lock git's record of a worktree, so that a measurement that cannot see our folder does not remove it."""
        with contextlib.suppress(OSError, ValueError):
            if (descriptor := _locked(Path(_line(tree / ".git").removeprefix("gitdir:").strip()))) is not None:
                self.locks.append(descriptor)

    def clear(self) -> None:
        """Remove the worktrees and git's records of them; never fails, because it runs while the program ends.

        Git itself is not started, because the suite may have changed the repository's settings to start other programs.
        """
        for tree in self.kept:
            tree.close()
        untrusted_files.remove_tree(self.folder)
        for record, link in _records(self.records):
            if link.is_relative_to(self.folder):
                with contextlib.suppress(OSError):
                    shutil.rmtree(record)
        if self.records:
            with contextlib.suppress(OSError):
                self.records.rmdir()  # as git does when the last worktree is removed
        for descriptor in self.locks:
            os.close(descriptor)
        self.locks.clear()


@contextlib.contextmanager
def session_folder(session_id: str, repository: Path, keep_trees: Path | None) -> Iterator[SessionFolder]:
    """Yield a temporary folder for worktrees that is removed afterwards, whatever happens.

    What measurements left that were killed with their watchdog is removed before.

    Raises:
        EnvironmentFailedError: it cannot be made.
    """
    common = GitFolder(repository).query("rev-parse", "--git-common-dir") if repository.is_dir() else None
    records = repository / common / "worktrees" if common else None
    temporary = Path(tempfile.gettempdir()).resolve()
    remove_abandoned([temporary, *([keep_trees.resolve()] if keep_trees else [])], records)
    folder = _beside(keep_trees, session_id, records)
    try:
        folder = folder or _made(temporary / f"{_PREFIX}session-{session_id}", records)
    except OSError as error:
        raise disk_error(error, temporary, TEMPORARY) from error
    try:
        yield folder
    finally:
        remove_containers(session_id)
        folder.clear()


def _beside(keep_trees: Path | None, session_id: str, records: Path | None) -> SessionFolder | None:
    """Make a folder for worktrees beside the kept ones; None where none are kept, or where they cannot be written."""
    if keep_trees is None:
        return None
    try:
        keep_trees.resolve().mkdir(parents=True, exist_ok=True, mode=0o700)
        # As long a name as theirs: equal paths for both sides.
        return _made(keep_trees.resolve() / f"session-{session_id}", records)
    except OSError:
        return None


def _made(folder: Path, records: Path | None) -> SessionFolder:
    """Make a folder and lock it.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        folder.mkdir(mode=0o700)
        descriptor = os.open(folder, _FOLDER)
        with contextlib.suppress(OSError):  # a file system without locks, on which nothing passes for abandoned
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(descriptor, folder):
            return SessionFolder(folder, records, locks=[descriptor])
        os.close(descriptor)  # between the two steps it passed for abandoned


def _is_at(descriptor: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), folder.lstat())
    return False


def _locked(folder: Path) -> int | None:
    """Return a descriptor of a folder of this user that nobody had locked; None where it is none of these."""
    try:
        descriptor = os.open(folder, _FOLDER)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, folder):
                return descriptor
    os.close(descriptor)
    return None


def remove_abandoned(parents: list[Path], records: Path | None) -> None:
    """Remove the folders in `parents` that killed measurements of this user left, and what belongs to them.

    Records of git whose folder is gone are removed as well, as where the temporary folder was that of a container. A
    suite may make folders with such names: a few go at a time, and none ends what belongs to a session that lives.
    """
    folders = [folder for parent in parents for folder in sorted(parent.glob("*session-*"))]
    named = [(name[1], folder) for folder in folders if (name := _NAME.fullmatch(folder.name))]
    locks = [(session_id, folder, _locked(folder)) for session_id, folder in named[:_MOST_AT_ONCE]]
    alive = {session_id for session_id, _, descriptor in locks if descriptor is None}
    for session_id, path, descriptor in locks:
        if descriptor is None:
            continue
        folder = SessionFolder(path, records, locks=[descriptor])
        if session_id in alive or sum(other == session_id for other, _ in named) > 1:
            folder.clear()
        else:
            clear_session(session_id, folder, looks=1, limit_s=_LIMIT_S)
    for record, link in _records(records):
        with contextlib.suppress(OSError):
            is_ours = _NAME.fullmatch(link.parent.parent.name) and not link.parent.parent.exists()
            # Git locks a record in its own way while it checks out the tree, which may take minutes.
            is_young = time.time() - record.stat().st_mtime < _YOUNG_S or (record / "locked").exists()
            if is_ours and not is_young and (descriptor := _locked(record)) is not None:
                shutil.rmtree(record)
                os.close(descriptor)


def clear_session(session_id: str, folder: SessionFolder, *, looks: int, limit_s: float) -> None:
    """End every process that has the session's marker, and remove all that the session made for its time.

    What a measurer was just starting when it ended shows its variables only after its exec: one look may miss it.
    """
    marked = functools.partial(process_tree.processes_with_marker, session_id)
    for look in range(looks):
        time.sleep(_BETWEEN_LOOKS_S if look else 0.0)
        process_tree.end_processes(marked, lambda: None, grace_s=0, limit_s=limit_s)
    remove_containers(session_id)
    frozen_turns.remove_groups(session_id)
    cooperative_turns.remove_folders(session_id)
    folder.clear()


def remove_containers(session_id: str) -> None:
    """End the containers in which the suite runs, which are children of the engine and outlive their client."""
    if CONTAINER not in os.environ:
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        if running := _docker("ps", "--all", "--quiet", "--filter", f"label=regress-session={session_id}"):
            _docker("rm", "--force", *running)


def _docker(*words: str) -> list[str]:
    argv = ["docker", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_LIMIT_S).stdout.split()  # noqa: S603 - our own words


def _records(records: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield the folder of each of git's records of a worktree, with the path of the worktree's link to it."""
    for record in sorted(records.glob("*")) if records else ():
        with contextlib.suppress(OSError, ValueError):
            yield record, Path(_line(record / "gitdir"))


def _line(file: Path) -> str:
    """Return the path that a file of git holds; a suite may have put something else in its place.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _LONGEST_PATH).decode().strip()
    finally:
        os.close(descriptor)
