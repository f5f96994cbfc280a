"""What the threads of a process tree do when it is sampled: run, or wait, and for what.

Linux only. `/proc/<process>/task/<thread>/syscall` says in which system call a thread is blocked, and with which
arguments (proc_pid_syscall(5)). Where that may not be read, the state of the thread tells running from waiting.
"""

from __future__ import annotations

import contextlib
import os
import platform
import resource
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RUNNING, DISK, LOCK, SLEEP, SOCKET, PIPE, CHILD, PAGING, OTHER = (
    "running", "disk", "lock", "sleep", "socket", "pipe", "child", "paging", "other"
)  # fmt: skip
KINDS = (RUNNING, PAGING, DISK, SOCKET, SLEEP, PIPE, LOCK, CHILD, OTHER)
"""What a tree does at a moment is the first of these that one of its threads does.

What other threads than the first of a process wait for counts only where the first ones wait for a lock or a child.
"""
_IDLE = frozenset({LOCK, CHILD, OTHER})
MOST_THREADS = 200
_FUTEX_TIMEOUT = 4  # the place of futex's timeout among the words of the file
_X86 = {
    "futex": (202, 449, 455, 456), "sleep": (35, 230), "child": (61, 247), "lock": (73,),
    "socket": (42, 43, 44, 45, 46, 47, 288, 299, 307), "events": (7, 23, 232, 270, 271, 281, 441),
    "disk": (4, 5, 6, 17, 18, 21, 26, 74, 75, 76, 77, 79, 82, 83, 84, 86, 87, 90, 162, 187, 208, 217, 257, 258, 262,
             263, 264, 277, 285, 295, 296, 306, 327, 328, 332),
    "files": (0, 1, 19, 20), "control": (72,),
}  # fmt: skip
_ARM = {
    "futex": (98, 449, 455, 456), "sleep": (101, 115), "child": (95, 260), "lock": (32,),
    "socket": (202, 203, 206, 207, 211, 212, 242, 243, 269), "events": (22, 72, 73, 441),
    "disk": (35, 38, 43, 44, 45, 46, 47, 48, 56, 61, 67, 68, 69, 70, 78, 79, 80, 81, 82, 83, 84, 4, 213, 227, 267, 276,
             286, 287, 291),
    "files": (63, 64, 65, 66), "control": (25,),
}  # fmt: skip
_TABLES = {"x86_64": _X86, "amd64": _X86, "aarch64": _ARM, "arm64": _ARM}
_CALLS = {nr: name for name, numbers in _TABLES.get(platform.machine().lower(), {}).items() for nr in numbers}
_LOCK_COMMANDS = {7, 38}  # F_SETLKW and F_OFD_SETLKW


@dataclass(slots=True)
class Activity:
    """How often the tree was seen doing each of `KINDS`, over `samples` moments.

    `threads` adds up the threads of each kind over all moments. `timed_locks` are those among them that wait for a
    lock with a timeout, as threads of Python do for its interpreter's lock. `changes` are the moments at which the tree
    had other processes than at the one before.
    """

    samples: int = 0
    moments: dict[str, int] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    timed_locks: int = 0
    locked_files: int = 0
    changes: int = 0
    _members: frozenset[int] = frozenset()

    def note(self, members: Sequence[int]) -> None:
        """Look at all threads of the processes `members` once."""
        seen: dict[str, int] = {}
        first: set[str] = set()
        has_ended = False
        for kind, is_timed, is_first in _states(members):
            if not kind:
                has_ended = True
                continue
            seen[kind] = seen.get(kind, 0) + 1
            self.timed_locks += is_timed
            if is_first:
                first.add(kind)
        if not seen:
            return
        if has_ended and RUNNING not in seen:  # it ran until a moment ago, and who waited for it is about to go on
            seen[RUNNING] = 1
        self.changes += bool(self._members) and self._members != frozenset(members)
        self._members = frozenset(members)
        if RUNNING not in seen and seen.get(SLEEP) and _waits_for_file_lock(members):
            self.locked_files += 1
            seen[LOCK] = seen.get(LOCK, 0) + seen.pop(SLEEP)
            first.discard(SLEEP)
        self.samples += 1
        waits = {RUNNING, PAGING, DISK}.isdisjoint(seen)
        deciding = first - _IDLE if waits else set()
        kind = next(kind for kind in KINDS if kind in (deciding or seen))
        self.moments[kind] = self.moments.get(kind, 0) + 1
        for name, number in seen.items():
            self.threads[name] = self.threads.get(name, 0) + number

    @property
    def described(self) -> dict[str, Any]:
        """The form in which measurement.json holds it."""
        return {
            "samples": self.samples,
            "moments": self.moments,
            "threads": self.threads,
            "timed_locks": self.timed_locks,
            "locked_files": self.locked_files,
            "changes": self.changes,
        }


_FEWEST_MOMENTS = 20
_MANY_CHANGES = 0.5


def waiting_share(seen: Mapping[str, Any]) -> float | None:
    """Return the share of the moments at which no process ran or was ready to run, of what `Activity.described` holds.

    None where processes do not come and go all the time, or where there are too few moments. How long processes that
    live for a moment waited for a processor is in no figure of the kernel that everybody may read.
    """
    samples = seen.get("samples", 0)
    if samples < _FEWEST_MOMENTS or seen.get("changes", 0) < _MANY_CHANGES * samples:
        return None
    return float(1 - seen["moments"].get(RUNNING, 0) / samples)


def _states(members: Sequence[int]) -> Iterator[tuple[str, bool, bool]]:
    """Yield what each thread does, whether it waits for a lock with a timeout, and whether it is a process's first.

    For a process that has ended, what it does is empty.
    """
    left = MOST_THREADS
    for pid in members:
        try:
            threads = os.listdir(f"/proc/{pid}/task")[:left]  # noqa: PTH208 - many times a second
        except OSError:
            threads = []
        left -= len(threads)
        states = [(_state(pid, f"/proc/{pid}/task/{thread}"), thread == str(pid)) for thread in threads]
        yield from ((*state, is_first) for state, is_first in states if state is not None)
        if not any(state is not None for state, _ in states):
            yield "", False, True
        if left <= 0:
            return


def _state(pid: int, folder: str) -> tuple[str, bool] | None:
    """Return what a thread does; None for one that has ended."""
    try:
        words = _read(f"{folder}/syscall").split()
    except (PermissionError, FileNotFoundError, OSError):
        words = []
    if not words or not _CALLS:
        return _state_by_letter(folder)
    if words[0] == "running":  # or it has just ended
        return _state_by_letter(folder)
    if words[0] == "-1":  # blocked outside of a system call, as one that has ended is
        return None if _state_by_letter(folder) is None else (PAGING, False)
    return _state_by_call(pid, words)


def _state_by_call(pid: int, words: Sequence[str]) -> tuple[str, bool]:
    """Return what a thread waits for, from the number of its system call and the arguments."""
    name = _CALLS.get(int(words[0]), "")
    if name == "futex":
        return LOCK, len(words) > _FUTEX_TIMEOUT and int(words[_FUTEX_TIMEOUT], 16) != 0
    if name == "files":
        return _kind_of_file(pid, int(words[1], 16)), False
    if name == "control":
        return (LOCK if int(words[2], 16) in _LOCK_COMMANDS else DISK), False
    # Waiting for events is waiting for a socket, a pipe, or the timer of an event loop.
    return {"": OTHER, "events": SOCKET}.get(name, name), False


def _state_by_letter(folder: str) -> tuple[str, bool] | None:
    try:
        letter = _read(f"{folder}/stat").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return None
    if letter in "ZX":
        return None
    return {"R": RUNNING, "D": DISK}.get(letter, OTHER), False


def _kind_of_file(pid: int, descriptor: int) -> str:
    try:
        target = os.readlink(f"/proc/{pid}/fd/{descriptor}")  # noqa: PTH115 - many times a second
    except OSError:
        return OTHER
    if target.startswith("socket:"):
        return SOCKET
    return PIPE if target.startswith(("pipe:", "/dev/pts", "/dev/tty")) or ":" in target[:12] else DISK


def _waits_for_file_lock(members: Sequence[int]) -> bool:
    """Whether a process of the tree has a file open that another thread or process holds a lock on for writing.

    SQLite and others sleep between attempts to lock a file, which is waiting for a lock.
    """
    with contextlib.suppress(OSError):
        held = _held_locks(_read("/proc/locks"))
        if not held:
            return False
        for pid in members:
            others = {inode for inode, owner in held.items() if owner != pid or _threads(pid) > 1}
            if others and others & set(_open_inodes(pid)):
                return True
    return False


def _held_locks(text: str) -> Mapping[int, int]:
    """Return the process that holds the lock for writing on each file, by the file's inode."""
    rows = (line.split() for line in text.splitlines())
    return {int(row[5].rpartition(":")[2]): int(row[4]) for row in rows if len(row) > 5 and row[3] == "WRITE"}  # noqa: PLR2004 - proc_locks(5)


def _threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208


def _open_inodes(pid: int) -> Iterator[int]:
    for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            yield Path(f"/proc/{pid}/fd/{name}").stat().st_ino


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - many times a second
        return file.read()


@dataclass(frozen=True, slots=True)
class KernelTotals:
    """What the kernel has counted for every process that was waited for; `calls` are those to read or write."""

    minor_faults: int = 0
    major_faults: int = 0
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    calls: int = 0
    swapped_pages: int = 0

    @classmethod
    def now(cls) -> KernelTotals:
        """Read the counters of this process's children; what this process itself does is not among them."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        # The file of the process counts its own threads and the children that it waited for.
        calls = _calls("/proc/self/io") - sum(
            _calls(f"/proc/self/task/{thread}/io") for thread in _names("/proc/self/task")
        )
        pages = _rows("/proc/vmstat")
        swapped = pages.get("pswpin", 0) + pages.get("pswpout", 0)
        return cls(used.ru_minflt, used.ru_majflt, used.ru_nvcsw, used.ru_nivcsw, max(0, calls), swapped)

    def since(self, before: KernelTotals) -> dict[str, int]:
        """Return what was counted since `before`, in the form in which measurement.json holds it."""
        return {name: max(0, value - getattr(before, name)) for name, value in asdict(self).items()}


def swap_of(members: Sequence[int]) -> int:
    """Return the bytes of the processes `members` that lie in swap space."""
    kibibytes = 0
    for pid in members:
        with contextlib.suppress(OSError, ValueError, IndexError):
            line = next((row for row in _read(f"/proc/{pid}/status").splitlines() if row.startswith("VmSwap:")), "")
            kibibytes += int(line.split()[1]) if line else 0
    return 1024 * kibibytes


def has_swap() -> bool:
    """Whether the machine has any swap space."""
    with contextlib.suppress(OSError):
        return len(_read("/proc/swaps").splitlines()) > 1
    return False


def _calls(path: str) -> int:
    rows = _rows(path)
    return rows.get("syscr:", 0) + rows.get("syscw:", 0)


def _rows(path: str) -> dict[str, int]:
    with contextlib.suppress(OSError):
        return {words[0]: int(words[1]) for line in _read(path).splitlines() if len(words := line.split()) == 2}  # noqa: PLR2004 - name and number
    return {}


def _names(path: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(path)  # noqa: PTH208
    return []
