"""Start the measurer in a GitHub job, and make it visible if the suite killed it.

The suite may kill the measurer and its watchdog, which have its user id. What it started is then adopted by this
process, which ends it and all that is left in the control group of the measurer, looks again, and writes
`.regress/measure-ended.json`: `{"status": …, "survivors": […], "secret": …}`. A negative status is the signal that
killed the measurer; survivors are the names of processes that could not be ended. No secret may be given to this job
after a negative status or with survivors. If this process is killed as well, the step fails, and the file is missing
or forged: the secret in it, which `bin/verify` left for this process alone, is written only after everything has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure import untrusted_files
from regress_action.measure.control_group import ControlGroup
from regress_action.measure.errors import Exit
from regress_action.measure.process_tree import become_subreaper, descendants, end_processes, hide_from_suite, names
from regress_action.measure.signals import SignalWaiter

if TYPE_CHECKING:
    from collections.abc import Sequence

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
