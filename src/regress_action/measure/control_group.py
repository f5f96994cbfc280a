"""A control group (cgroup v2) for the suite: every process in it can be listed and killed, whatever it did to hide.

A process that forks, leaves its session or loses its parent stays in the group. Only root can move it out. The group is
made below our own one, so it has the same limits. Where we may not make it ourselves, `sudo -n` does, as on the hosted
runners of GitHub; it then also ends what the suite started as root.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LIMIT_S = 10.0
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """The group at `folder`; `home` is the group in which this process began."""

    folder: Path
    home: Path

    @classmethod
    def create(cls) -> ControlGroup | None:
        """Make a group, or return None where there is no cgroup v2 or none can be made."""
        home = _own_group()
        if home is None:
            return None
        group = cls(home / f"regress-{os.getpid()}-{time.monotonic_ns()}", home)
        with contextlib.suppress(OSError):
            group.folder.mkdir()
            return group
        return group if _as_root("mkdir", os.fspath(group.folder)) else None

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Let what this process starts meanwhile be in the group."""
        pid = str(os.getpid())
        _write(self.folder / "cgroup.procs", pid)
        try:
            yield
        finally:
            _write(self.home / "cgroup.procs", pid)

    def members(self) -> list[int]:
        """Return the processes in the group and in groups below it that have not ended; never this one."""
        pids: set[int] = set()
        for listed in self.folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                pids.update(map(int, listed.read_text(encoding="ascii").split()))
        return sorted(pids - {os.getpid(), 0})

    def end(self, reap: Callable[[], object], limit_s: float = _LIMIT_S) -> list[int]:
        """Kill everything in the group, remove the group, and return what is left in it."""
        started = time.monotonic()
        while (left := self.members()) and time.monotonic() - started < limit_s:
            if os.getpid() in _pids(self.folder):  # leaving failed: the kernel would kill this process, too
                _kill(left)
            else:
                _write(self.folder / "cgroup.kill", "1")
            time.sleep(_POLL_S)
            reap()
        for folder in (
            *sorted((path.parent for path in self.folder.rglob("*/cgroup.procs")), reverse=True),
            self.folder,
        ):
            with contextlib.suppress(OSError):
                folder.rmdir()
                continue
            _as_root("rmdir", os.fspath(folder))
        return left


def _own_group() -> Path | None:
    """Return the folder of this process's group, None without cgroup v2."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        groups = Path("/proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # The mount point is the fifth word; the kind of file system is the first word after a lone dash.
    mounted = next((words.split()[4] for words in mounts if " - cgroup2 " in words), None)
    path = next((line.removeprefix("0::/") for line in groups if line.startswith("0::/")), None)
    if mounted is None or path is None or ".." in path.split("/"):
        return None
    folder = Path(mounted, path)
    return folder if (folder / "cgroup.procs").exists() else None


def _pids(folder: Path) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in (folder / "cgroup.procs").read_text(encoding="ascii").split()]
    return []


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, 9)


def _write(file: Path, text: str) -> None:
    """Write to a file of the kernel, as root where that is needed; a failure shows in what is left."""
    with contextlib.suppress(OSError):
        file.write_text(text, encoding="ascii")
        return
    _as_root("sh", "-c", 'echo "$1" >"$2"', "sh", text, os.fspath(file))


def _as_root(*words: str) -> bool:
    """Run a command by sudo, where that asks for no password; return whether it succeeded."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        command = ["sudo", "-n", *words]
        ended = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=_LIMIT_S)  # noqa: S603 - our own words
        return ended.returncode == 0
    return False
