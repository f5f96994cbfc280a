"""Kill one of the processes of a pair in turns at some moment, and say which processes are left, stopped or alive."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from regress_action.measure.frozen_turns import groups_of, remove_groups
from regress_action.measure.process_tree import processes_with_marker

VICTIMS = (
    "measurer",
    "keeper",
    "command",
    "child",
    "measurer and keeper",
    "measurer and watchdog",
    "both commands",
    "interrupt",
)
WAYS = ("signals", "groups", "namespace")
"""What stops a side: signals, control groups where they can be made, or these in a PID namespace of its own."""

_PROGRAM = Path(__file__).with_name("frozen_pairs.py")
_SOURCES = Path(__file__).parents[3] / "src"
_FEWEST = 6  # keepers, commands, and the children that they have at any time
_AT_THE_START = 2
_LOOKS = 3
_LIMIT_S = 120.0  # on a machine of many programs; what is left then stays


def kill_once(victim: str, way: str, seed: int) -> list[str]:
    """Start a pair, kill `victim` at some moment, and return `name status` of what is left in the end.

    Of every three seeds, one kills while the sides are being started, and two after up to 0.2 s of turns.
    """
    chance = random.Random(seed)  # noqa: S311 - not a secret
    session_id = f"kill{os.urandom(6).hex()}"  # the watchdog of an earlier one with the same name may still look for it
    program = subprocess.Popen(
        [sys.executable, str(_PROGRAM), session_id, way],
        env={**os.environ, "PYTHONPATH": str(_SOURCES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout is not None
    watchdog = int(program.stdout.readline())
    if seed % 3 == _AT_THE_START:
        _until(lambda: len(processes_with_marker(session_id)) >= chance.choice((0, 1, 2, 3, 4)))
    else:
        _until(lambda: len(processes_with_marker(session_id)) >= _FEWEST)
        time.sleep(chance.uniform(0, 0.2))
    for pid in _pids(victim, program.pid, watchdog, session_id, chance):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT if victim == "interrupt" else signal.SIGKILL)
    time.sleep(chance.uniform(0, 0.1))
    if "measurer" not in victim and victim != "interrupt":
        program.terminate()  # what is left of the pair would run for ever
    program.communicate()
    for _ in range(_LOOKS):  # what is just being started shows its variables only after its exec
        _until(lambda: not processes_with_marker(session_id))
        time.sleep(0.1)
    names = _describe(processes_with_marker(session_id))
    remove_groups(session_id)  # who removes them may have been killed; with a process in it, one cannot be removed
    names += map(str, groups_of(session_id))
    for pid in processes_with_marker(session_id):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return names


def _pids(victim: str, measurer: int, watchdog: int, session_id: str, chance: random.Random) -> list[int]:
    """Return the processes to kill."""
    marked = _processes(processes_with_marker(session_id))
    keepers = [process for process in marked if any("exec_shim" in word for word in _argv(process))]
    commands = [child for keeper in keepers for child in _children(keeper)]
    children = [child for command in commands for child in _children(command)] or commands
    chosen = {
        "measurer": [],
        "keeper": _one_of(keepers, chance),
        "command": _one_of(commands, chance),
        "child": _one_of(children, chance),
        "measurer and keeper": [measurer, *_one_of(keepers, chance)],
        "measurer and watchdog": [watchdog, measurer],
        "both commands": [command.pid for command in commands],
    }
    return chosen.get(victim, []) or [measurer]


def _one_of(processes: list[psutil.Process], chance: random.Random) -> list[int]:
    return [chance.choice(processes).pid] if processes else []


def _processes(pids: list[int]) -> list[psutil.Process]:
    """Return those that have not ended since: a command starts and ends one all the time."""
    processes = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(pid))
    return processes


def _argv(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children()
    return []


def _describe(pids: list[int]) -> list[str]:
    texts = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            texts.append(f"{process.name()} {process.status()}")
    return texts


def _until(condition: object) -> bool:
    """Wait until the condition holds; return whether it did."""
    assert callable(condition)
    until, pause_s = time.monotonic() + _LIMIT_S, 0.005
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(pause_s)
        pause_s = min(0.1, 1.5 * pause_s)
    return False
