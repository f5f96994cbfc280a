"""Stop a process tree and let it go on: by the kernel's freezer where a control group may be made, else by signals."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from regress_action.measure.process_tree import descendants

_MOUNTS = Path("/proc/self/mountinfo")
_OWN_GROUP = Path("/proc/self/cgroup")
_PREFIX = "regress-"
_SHARE = 0.02  # of the time, spent on looking for processes that left their group
_SHORTEST_S = 0.005
_LONGEST_S = 0.5
_REMOVE_S = 2.0
_RUN, _STOP = b"0", b"1"


class Freezer(Protocol):
    """Stops everything below one process, that process excluded, and lets it go on."""

    def freeze(self) -> None:
        """Stop every process."""

    def thaw(self) -> None:
        """Let every process go on."""

    def look(self) -> None:
        """Find processes that were begun since; called often, right after one of the other two."""

    def close(self) -> None:
        """Let everything go on and give up what was made for it."""


@dataclass(slots=True)
class SignalFreezer:
    """SIGSTOP and SIGCONT for the group of the command, and for every process below `keeper` that left the group."""

    keeper: int
    group: int
    frozen: bool = False
    _others: set[int] = field(default_factory=set)
    _due: float = 0.0

    def freeze(self) -> None:
        """Send SIGSTOP, which no process can refuse."""
        self.frozen = True
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Send SIGCONT."""
        self.frozen = False
        self._send(signal.SIGCONT)

    def look(self) -> None:
        """Search the tree, as often as a fiftieth of the time allows, and bring new processes into the same state."""
        began = time.perf_counter()
        if began < self._due:
            return
        new = self._outside() - self._others
        while new:
            self._others |= new
            _send(new, signal.SIGSTOP if self.frozen else signal.SIGCONT)
            new = self._outside() - self._others if self.frozen else set()
        spent = time.perf_counter() - began
        self._due = began + min(_LONGEST_S, max(_SHORTEST_S, spent / _SHARE))

    def close(self) -> None:
        """Send SIGCONT to everything, found now."""
        self._others |= self._outside()
        self.thaw()

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, number)
        if self._others:
            self._others -= _send(self._others, number)

    def _outside(self) -> set[int]:
        """Return the processes of the tree that are in another group."""
        outside = set()
        for pid in descendants(self.keeper):
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(pid) != self.group:
                    outside.add(pid)
        return outside


def _send(pids: set[int], number: signal.Signals) -> set[int]:
    """Signal each process; return those that are gone."""
    gone = set()
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            gone.add(pid)
        except PermissionError:
            continue
    return gone


@dataclass(slots=True)
class GroupFreezer:
    """`cgroup.freeze` of a control group (version 2), which the tree cannot leave by changing its process group."""

    folder: Path
    _file: int = -1

    def __post_init__(self) -> None:
        self._file = os.open(self.folder / "cgroup.freeze", os.O_WRONLY | os.O_CLOEXEC)

    def freeze(self) -> None:
        """Write 1: the kernel stops every process, those to come included."""
        os.pwrite(self._file, _STOP, 0)

    def thaw(self) -> None:
        """Write 0."""
        os.pwrite(self._file, _RUN, 0)

    def look(self) -> None:
        """Do nothing: the kernel knows the members."""

    def close(self) -> None:
        """Thaw; the folder goes when its last process has ended, see `remove_groups`."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self.thaw()
            os.close(self._file)
            self._file = -1


def freezer(keeper: int, command: int, name: str, *, groups: bool = True) -> Freezer:
    """Return a freezer for a held command: a control group where one can be made for it, else signals.

    `name` distinguishes the sides of one session; `groups` False takes signals in any case.
    """
    folder = _own_folder() if groups else None
    if folder is not None:
        group = folder / f"{_PREFIX}{name}"
        try:
            group.mkdir()
            (group / "cgroup.procs").write_text(str(command), encoding="ascii")
            return GroupFreezer(group)
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
    return SignalFreezer(keeper, command)


def remove_groups(session_id: str) -> None:
    """Remove the control groups of a session whose processes have ended; thaw those that still hold some."""
    for group in groups_of(session_id):
        until = time.monotonic() + _REMOVE_S
        while group.exists() and time.monotonic() < until:
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.01)
        else:
            with contextlib.suppress(OSError):
                (group / "cgroup.freeze").write_bytes(_RUN)


def groups_of(session_id: str) -> list[Path]:
    """Return the control groups of a session that exist."""
    folder = _own_folder()
    return list(folder.glob(f"{_PREFIX}{session_id}-*")) if folder is not None else []


def _own_folder() -> Path | None:
    """Return the folder of this process's own control group of version 2, None where there is none."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()]
        owns = [line for line in _OWN_GROUP.read_text(encoding="utf-8").splitlines() if line.startswith("0::/")]
    except OSError:
        return None
    points = [words[4] for words in mounts if "cgroup2" in words[words.index("-") :]]
    if not (points and owns):
        return None
    folder = Path(points[0]) / owns[0].removeprefix("0::/")
    return folder if folder.is_dir() else None
