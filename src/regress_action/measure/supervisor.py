"""Start the measurer in a GitHub job, and make it visible if the suite killed it.

Also here: a control group (cgroup v2) for the suite: every process in it can be listed and killed, whatever it did to
hide.

The suite may kill the measurer and its watchdog, which have its user id. What it started is then adopted by this
process, which ends it and all that is left in the control group of the measurer, looks again, and writes
`.regress/measure-ended.json`: `{"status": …, "survivors": […], "secret": …}`. A negative status is the signal that
killed the measurer; survivors are the names of processes that could not be ended. No secret may be given to this job
after a negative status or with survivors. If this process is killed as well, the step fails, and the file is missing
or forged: the secret in it, which `bin/verify` left for this process alone, is written only after everything has ended.

A process that forks, leaves its session or loses its parent stays in the group. Only root can move it out. The group is
made below our own one, so it has the same limits. Where we may not make it ourselves, `sudo -n` does, as on the hosted
runners of GitHub; it then also ends what the suite started as root.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure import untrusted_files
from regress_action.measure.errors import Exit
from regress_action.measure.process_tree import (
    SignalWaiter,
    become_subreaper,
    descendants,
    end_processes,
    hide_from_suite,
    names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


_LIMIT_S = 10.0
_GROUP_POLL_S = 0.01


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
            time.sleep(_GROUP_POLL_S)
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


FOLDER = ".regress"
ENDED_FILE = "measure-ended.json"
SECRET_FILE = "measure-secret"  # noqa: S105 - the name of a file
_POLL_S = 1.0


def main(arguments: Sequence[str]) -> int:
    """Run the measurer with these arguments; return its exit code, or 4 if it was killed or processes survived."""
    hide_from_suite()
    become_subreaper()
    secret = ""
    with contextlib.suppress(OSError), untrusted_files.open_folder(Path.cwd(), FOLDER) as folder:
        untrusted_files.remove(folder, ENDED_FILE)
        secret = _take(folder, SECRET_FILE)
    group = ControlGroup.create()
    status = _run(arguments, group)
    end_processes(lambda: descendants(os.getpid()), _reap, grace_s=0)
    left = group.end(_reap) if group is not None else []
    survivors = sorted(set(names(sorted({*descendants(os.getpid()), *left}))))
    _write_end(status, survivors, secret)
    if status < 0:
        _report(f"The measurer was killed by {signal.Signals(-status).name}.")
    if survivors:
        _report(f"Processes of the suite could not be ended: {', '.join(survivors)}.")
    return Exit.ENVIRONMENT if status < 0 or survivors else status


def _run(arguments: Sequence[str], group: ControlGroup | None) -> int:
    """Start the measurer in the group, pass signals on to it, and return its status as subprocess gives it."""
    with SignalWaiter().installed() as signals:
        words = [sys.executable, "-P", "-m", "regress_action.measure", f"--stop-with-parent={os.getpid()}", *arguments]
        with group.entered() if group is not None else contextlib.nullcontext():
            measurer = subprocess.Popen(words)  # noqa: S603 - this package
        while (status := _reap(measurer.pid)) is None:
            signals.wait([], _POLL_S)
            if signals.stop is not None:
                measurer.send_signal(signals.stop)
                signals.stop = None
        measurer.returncode = status
    return status


def _reap(pid: int | None = None) -> int | None:
    """Collect every child that ended, adopted ones included; return the status of `pid` if it is among them."""
    status = None
    try:
        while True:
            ended, waited = os.waitpid(-1, os.WNOHANG)
            if ended == 0:
                return status
            if ended == pid:
                status = os.waitstatus_to_exitcode(waited)
    except ChildProcessError:
        return status


def _take(folder: int, name: str) -> str:
    """Return the content of a small file, which is removed, so that nobody reads it after us."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(descriptor, 100).decode("ascii", errors="replace")
    finally:
        os.close(descriptor)
        untrusted_files.remove(folder, name)


def _write_end(status: int, survivors: list[str], secret: str) -> None:
    shown = {} if status < 0 or survivors or not secret else {"secret": secret}
    content = json.dumps({"status": status, "survivors": survivors, **shown}).encode() + b"\n"
    try:
        with untrusted_files.open_folder(Path.cwd(), FOLDER, create=True) as folder:
            untrusted_files.write(folder, ENDED_FILE, content)
    except OSError as error:
        _report(f"Writing {FOLDER}/{ENDED_FILE} failed: {error.strerror}.")


def _report(sentence: str) -> None:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print(f"::error title=regress-action::{sentence}", flush=True)  # noqa: T201 - a workflow command
    print(sentence, file=sys.stderr)  # noqa: T201 - errors go to standard error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
