"""Start a command through the exec shim, in a session of its own and, where asked, in a PID namespace of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
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
    closing `control` ends it.
    """

    pid: int
    shim_pid: int | None
    began: float
    output: int
    report: int | None = None
    control: int | None = None
    reported: bytes = b""


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
    words = [str(report_write), str(control_read), mode, ",".join(map(str, task.cpus)), str(task.nice), *task.argv]
    try:
        child = subprocess.Popen(  # noqa: S603 - the user's command, as asked
            [*_BARE_PYTHON, *words],
            cwd=task.folder,
            env=dict(task.variables),
            stdin=subprocess.DEVNULL,
            stdout=output_write,
            stderr=subprocess.STDOUT,
            pass_fds=[report_write, control_read] if namespace else [report_write],
            start_new_session=True,
        )
    except OSError as error:
        _close(report_read, output_read, control_write)
        raise _not_started(f"No process could be started in {task.folder}: {error.strerror}.") from error
    finally:
        _close(report_write, output_write, control_read)
    child.returncode = 0  # it is reaped with all the others, and Popen must not wait for it
    os.set_blocking(output_read, False)
    pid, began, errno, rest = _read_start(report_read)
    if not began or errno:
        _close(report_read, output_read, control_write)
        for ended in filter(None, (child.pid, pid)):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(ended, 0)
        if errno:
            raise _no_program(task.argv[0], errno)
        raise _not_started("The process that starts the command ended before it could report why.")
    shim = child.pid if child.pid != pid else None
    if namespace:
        return StartedProcess(pid, shim, began * _NS, output_read, report_read, control_write, rest)
    _close(report_read, control_write)
    return StartedProcess(pid, shim, began * _NS, output_read)


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


def _no_program(name: str, number: int) -> MeasureUsageError:
    return MeasureUsageError(
        f"{name!r} could not be started: {os.strerror(number)}.",
        meaning="Several words after `--` are run as they are, without a shell.",
        remedy="Correct the program's name, or give the whole command as one quoted argument.",
    )


def _not_started(what: str) -> EnvironmentFailedError:
    return EnvironmentFailedError(
        what,
        meaning="The machine has no resources for another process, or the folder was removed.",
        remedy="Check what else is running, and whether a limit on processes is set.",
    )
