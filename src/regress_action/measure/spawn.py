"""Start a command through the exec shim, in a session of its own and, where asked, in a PID namespace of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from errno import ENOENT
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from regress_action.measure.errors import EnvironmentFailedError, MeasureUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Namespace = Literal["", "pid", "user"]
_EXEC_SHIM = str(Path(__file__).with_name("exec_shim.py"))
_BARE_PYTHON = (sys.executable, "-I", "-S", _EXEC_SHIM)
_PROBE_LIMIT_S = 10.0
_NS = 1e-9


@dataclass(frozen=True, slots=True)
class Task:
    """A command, where it runs and with what; it is stopped after `limit_s`. `suite` marks the user's own code."""

    argv: Sequence[str]
    folder: Path
    variables: Mapping[str, str]
    limit_s: float = inf
    cpus: tuple[int, ...] = ()
    nice: int = 0
    suite: bool = False


@dataclass(frozen=True, slots=True)
class StartedProcess:
    """A started command: `began` is on the monotonic clock, its output is read from the descriptor `output`.

    `shim_pid` is the process that forked it, None where the shim itself became the command. In a namespace, `pid` is
    the namespace's first process, `report` the descriptor on which it reports, `reported` what it reported already, and
    closing `control` ends it. A keeper's are the same. A held command waits for a byte on `hold`.
    """

    pid: int
    shim_pid: int | None
    began: float
    output: int
    report: int | None = None
    control: int | None = None
    reported: bytes = b""
    hold: int | None = None


def usable_namespace() -> Namespace:
    """Return the namespace in which a suite can be contained here, the empty text where there is none.

    A user namespace takes the suite's use of sudo away. Where sudo needs no password it would not contain the suite
    without that, and the suite may need it, so there is none then.
    """
    if sys.platform != "linux":
        return ""
    if os.geteuid() == 0:
        return "pid" if _succeeds([*_BARE_PYTHON, "probe", "pid"]) else ""
    if shutil.which("sudo") and _succeeds(["sudo", "-n", "true"]):
        return ""
    return "user" if _succeeds([*_BARE_PYTHON, "probe", "user"]) else ""


def _succeeds(argv: Sequence[str]) -> bool:
    try:
        ended = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=_PROBE_LIMIT_S)  # noqa: S603 - our own words
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def start(task: Task, *, adopted: bool, namespace: Namespace = "") -> StartedProcess:
    """Start a command as a child of this process.

    Raises:
        MeasureUsageError: there is no such program.
        EnvironmentFailedError: no process could be started.
    """
    report_read, report_write = os.pipe()
    output_read, output_write = os.pipe()
    control_read, control_write = os.pipe()
    mode = namespace or ("orphan" if adopted else "self")
    fds = [report_write, control_read] if namespace else [report_write]
    try:
        child = _popen(task, mode, [report_write, control_read, -1], fds, output_write)
    except EnvironmentFailedError:
        _close(report_read, output_read, control_write)
        raise
    finally:
        _close(report_write, output_write, control_read)
    os.set_blocking(output_read, False)
    pid, began, errno, rest = _read_start(report_read)
    if not began or errno:
        _close(report_read, output_read, control_write)
        for ended in filter(None, (child.pid, pid)):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(ended, 0)
        if errno:
            raise no_program(task.argv[0], errno)
        raise not_started("The process that starts the command ended before it could report why.")
    shim = child.pid if child.pid != pid else None
    if namespace:
        return StartedProcess(pid, shim, began * _NS, output_read, report_read, control_write, rest)
    _close(report_read, control_write)
    return StartedProcess(pid, shim, began * _NS, output_read)


def start_held(task: Task, *, namespace: Namespace = "") -> StartedProcess:
    """Start a command below a process that keeps all of it together; it waits for a byte on `hold` before it begins.

    Linux only. The report that it began, or why it could not, comes as the first line on `report`.

    Raises:
        EnvironmentFailedError: no process could be started.
    """
    report_read, report_write = os.pipe()
    output_read, output_write = os.pipe()
    control_read, control_write = os.pipe()
    hold_read, hold_write = os.pipe()
    fds = [report_write, control_read, hold_read]
    try:
        child = _popen(task, namespace or "keep", fds, fds, output_write)
    except EnvironmentFailedError:
        _close(report_read, output_read, control_write, hold_write)
        raise
    finally:
        _close(report_write, output_write, control_read, hold_read)
    os.set_blocking(output_read, False)
    text = b""
    while b"\n" not in text and (data := os.read(report_read, 256)):
        text += data
    first, _, rest = text.partition(b"\n")
    if not first:
        _close(report_read, output_read, control_write, hold_write)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child.pid, 0)
        raise not_started("The process that keeps the command ended before it could report why.")
    pid = int(first.removeprefix(b"pid "))
    shim = child.pid if child.pid != pid else None
    return StartedProcess(pid, shim, 0.0, output_read, report_read, control_write, rest, hold_write)


def _popen(task: Task, mode: str, fds: Sequence[int], passed: Sequence[int], output: int) -> subprocess.Popen[bytes]:
    """Start the shim with the report, control and hold descriptors `fds`, of which it inherits `passed`.

    Raises:
        EnvironmentFailedError: no process could be started.
    """
    words = [*map(str, fds), mode, ",".join(map(str, task.cpus)), str(task.nice), *task.argv]
    try:
        child = subprocess.Popen(  # noqa: S603 - the user's command, as asked
            [*_BARE_PYTHON, *words],
            cwd=task.folder,
            env=dict(task.variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=list(passed),
            start_new_session=True,
        )
    except OSError as error:
        raise not_started(f"No process could be started in {task.folder}: {error.strerror}.") from error
    child.returncode = 0  # it is reaped with all the others, and Popen must not wait for it
    return child


def _read_start(report: int) -> tuple[int, int, int, bytes]:
    """Return process id, start time in nanoseconds and errno of exec, 0 for what was not reported, and the rest."""
    text = b""
    # Without a namespace the report ends when exec closes it; with one, the second line ends with a line break.
    while text.count(b"\n") < 2 and (data := os.read(report, 256)):  # noqa: PLR2004 - two lines
        text += data
    first, second, rest = [*text.split(b"\n", 2), b"", b""][:3]
    pid = int(first.removeprefix(b"pid ") or 0)
    began, errno, *_ = [*map(int, second.removeprefix(b"began ").split()), 0, 0]
    return pid, began, errno, rest


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def no_program(name: str, number: int) -> MeasureUsageError:
    """Return the error for a program that could not be started, with the errno of exec."""
    if "/" in name and not name.startswith("/") and number == ENOENT:
        return MeasureUsageError(
            f"{name!r} could not be started: {os.strerror(number)}.",
            meaning="The suite runs in a checkout of each side, which holds no file that git ignores.",
            remedy="Let --setup make it in each checkout, or commit it and add --carry with its path.",
        )
    return MeasureUsageError(
        f"{name!r} could not be started: {os.strerror(number)}.",
        meaning="Several words after `--` are run as they are, without a shell.",
        remedy="Correct the program's name, or give the whole command as one quoted argument.",
    )


def not_started(what: str) -> EnvironmentFailedError:
    """Return the error for a command that could not be started for lack of something on the machine."""
    return EnvironmentFailedError(
        what,
        meaning="The machine has no resources for another process, or the folder was removed.",
        remedy="Check what else is running, and whether a limit on processes is set.",
    )
