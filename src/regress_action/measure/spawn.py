"""Start a command through the exec shim, in a session of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.errors import EnvironmentFailedError, MeasureUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EXEC_SHIM = str(Path(__file__).with_name("exec_shim.py"))
_REPORT_SIZE = 256
_NS = 1e-9


@dataclass(frozen=True, slots=True)
class Task:
    """A command, where it runs and with what; it is stopped after `limit_s`."""

    argv: Sequence[str]
    folder: Path
    variables: Mapping[str, str]
    limit_s: float = inf
    cpus: tuple[int, ...] = ()
    nice: int = 0


@dataclass(frozen=True, slots=True)
class StartedProcess:
    """A started command: `began` is on the monotonic clock, its output is read from the descriptor `output`.

    `shim_pid` is the process that forked it, None where the shim itself became the command.
    """

    pid: int
    shim_pid: int | None
    began: float
    output: int


def start(task: Task, *, adopted: bool) -> StartedProcess:
    """Start a command as a child of this process.

    Raises:
        MeasureUsageError: there is no such program.
        EnvironmentFailedError: no process could be started.
    """
    report_read, report_write = os.pipe()
    output_read, output_write = os.pipe()
    words = [str(report_write), "yes" if adopted else "", ",".join(map(str, task.cpus)), str(task.nice), *task.argv]
    try:
        child = subprocess.Popen(  # noqa: S603 - the user's command, as asked
            [sys.executable, "-I", "-S", _EXEC_SHIM, *words],
            cwd=task.folder,
            env=dict(task.variables),
            stdin=subprocess.DEVNULL,
            stdout=output_write,
            stderr=subprocess.STDOUT,
            pass_fds=[report_write],
            start_new_session=True,
        )
    except OSError as error:
        os.close(report_read)
        os.close(output_read)
        raise _not_started(f"No process could be started in {task.folder}: {error.strerror}.") from error
    finally:
        os.close(report_write)
        os.close(output_write)
    child.returncode = 0  # it is reaped with all the others, and Popen must not wait for it
    os.set_blocking(output_read, False)
    with os.fdopen(report_read, "rb") as file:
        pid, began, *errnos = map(int, file.read(_REPORT_SIZE).split() or (0, 0))
    if not pid or errnos:
        os.close(output_read)
        for ended in filter(None, (child.pid, pid)):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(ended, 0)
        if errnos:
            raise _no_program(task.argv[0], errnos[0])
        raise _not_started("The process that starts the command ended before it could report why.")
    return StartedProcess(pid, child.pid if child.pid != pid else None, began * _NS, output_read)


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
