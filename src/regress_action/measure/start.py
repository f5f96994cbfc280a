"""Start a command through the starter, in a session of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.errors import BrokenGroundError, CallError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STARTER = str(Path(__file__).with_name("starter.py"))
_REPORT = 256
_NS = 1e-9


@dataclass(frozen=True, slots=True)
class Task:
    """A command and its surroundings; it is stopped after `limit_s`."""

    argv: Sequence[str]
    folder: Path
    variables: Mapping[str, str]
    limit_s: float = inf
    cpus: tuple[int, ...] = ()
    nice: int = 0


@dataclass(frozen=True, slots=True)
class Root:
    """A started command: `began` is on the monotonic clock, `output` the descriptor from which what it prints is read.

    `starter` is the process that started it, None where it was itself.
    """

    pid: int
    starter: int | None
    began: float
    output: int


def start(task: Task, *, adopted: bool) -> Root:
    """Start a command as a child of this process.

    Raises:
        CallError: there is no such program.
        BrokenGroundError: no process could be started.
    """
    report, told = os.pipe()
    output, printed = os.pipe()
    words = [str(told), "yes" if adopted else "", ",".join(map(str, task.cpus)), str(task.nice), *task.argv]
    try:
        child = subprocess.Popen(  # noqa: S603 - running the user's command is what we are for
            [sys.executable, "-I", "-S", _STARTER, *words],
            cwd=task.folder,
            env=dict(task.variables),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            pass_fds=[told],
            start_new_session=True,
        )
    except OSError as error:
        os.close(report)
        os.close(output)
        raise _not_started(f"No process could be started in {task.folder}: {error.strerror}.") from error
    finally:
        os.close(told)
        os.close(printed)
    child.returncode = 0  # it is reaped with all the others, and Popen must not wait for it
    os.set_blocking(output, False)
    with os.fdopen(report, "rb") as file:
        pid, began, *failed = map(int, file.read(_REPORT).split() or (0, 0))
    if not pid or failed:
        os.close(output)
        for ended in filter(None, (child.pid, pid)):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(ended, 0)
        if failed:
            raise _no_program(task.argv[0], failed[0])
        raise _not_started("The starter of the command broke down before it could say why.")
    return Root(pid, child.pid if child.pid != pid else None, began * _NS, output)


def _no_program(name: str, number: int) -> CallError:
    return CallError(
        f"{name!r} could not be started: {os.strerror(number)}.",
        meaning="Several words after `--` are run as they are, without a shell.",
        remedy="Correct the program's name, or give the whole command as one quoted argument.",
    )


def _not_started(what: str) -> BrokenGroundError:
    return BrokenGroundError(
        what,
        meaning="The machine has no room for another process, or the folder went away.",
        remedy="See what else is running, and whether a limit on processes is set.",
    )
