"""Kill one of the processes of a pair in turns at some moment, and say which processes are left, stopped or alive.

Many pairs may be killed at once. Each has a mark and processes of its own, one program forks all their measurers, and
one look at the processes of the machine answers for all.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from regress_action.measure.frozen_turns import groups_of, remove_groups
from regress_action.measure.process_tree import children, descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

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
_MARK = re.compile(rb"(?:^|\0)REGRESS_SESSION=(kill[0-9a-f]+)\0")
_FEWEST = 6  # keepers, commands, and the children that they have at any time
_AT_THE_START = 2
_LOOKS = 3
_BETWEEN_LOOKS_S = 0.02
_LIMIT_S = 120.0  # on a machine of many programs; what is left then stays
_STARTED = 19  # the place of the start time in /proc/<process>/stat, counted from the state


@dataclass(slots=True)
class MarkedProcesses:
    """Which processes have which mark: one thread looks at all of them, for everybody who asks meanwhile."""

    _changed: threading.Condition = field(default_factory=threading.Condition)
    _found: Mapping[str, list[int]] = field(default_factory=dict)
    _wanted: int = 0
    _begun: int = 0
    _finished: int = 0
    _closed: bool = False

    def of(self, session_id: str) -> list[int]:
        """Return the processes with a mark, as seen by a look that began after this call."""
        with self._changed:
            mine = self._begun + 1
            self._wanted = max(self._wanted, mine)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._finished >= mine)
            return self._found.get(session_id, [])

    def look(self) -> None:
        """Look whenever somebody asked, until closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted > self._begun or self._closed)
                if self._closed:
                    return
                self._begun += 1
            found = _marked()
            with self._changed:
                self._found, self._finished = found, self._begun
                self._changed.notify_all()
            time.sleep(_BETWEEN_LOOKS_S)

    def close(self) -> None:
        """End the thread that looks."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _marked() -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - many times a second
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123 - likewise
                if mark := _MARK.search(file.read()):
                    found.setdefault(mark[1].decode(), []).append(int(name))
    return found


@dataclass(frozen=True, slots=True)
class Killer:
    """Starts pairs and kills them; `once` may be called by many threads at the same time."""

    program: subprocess.Popen[str]
    marked: MarkedProcesses
    started: dict[str, SimpleQueue[tuple[int, int]]] = field(default_factory=dict)

    def once(self, victim: str, way: str, seed: int) -> list[str]:
        """Start a pair, kill `victim` at some moment, and return `name state` of what is left in the end.

        Of every three seeds, one kills while the sides are being started, and two after up to 0.2 s of turns, sooner
        rather than later.
        """
        chance = random.Random(seed)  # noqa: S311 - not a secret
        session_id = f"kill{os.urandom(6).hex()}"  # the watchdog of an earlier one with the same name may still look
        self.started[session_id] = SimpleQueue()
        assert self.program.stdin is not None
        self.program.stdin.write(f"{session_id} {way}\n")
        self.program.stdin.flush()
        measurer, watchdog = self.started[session_id].get(timeout=_LIMIT_S)
        descriptor = os.pidfd_open(measurer)
        try:
            return self._kill(
                victim, session_id, (measurer, watchdog, descriptor), chance, early=seed % 3 == _AT_THE_START
            )
        finally:
            os.close(descriptor)
            del self.started[session_id]

    def _kill(
        self, victim: str, session_id: str, started: tuple[int, int, int], chance: random.Random, *, early: bool
    ) -> list[str]:
        measurer, watchdog, descriptor = started
        fewest = chance.choice((0, 1, 2, 3, 4)) if early else _FEWEST
        _until(lambda: len(descendants(measurer)) - 1 >= fewest)
        if not early:
            time.sleep(0.2 * chance.random() ** 2)
        members = _identities([measurer, *descendants(measurer)])
        for pid in _pids(victim, measurer, watchdog, chance):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT if victim == "interrupt" else signal.SIGKILL)
        time.sleep(chance.uniform(0, 0.1))
        if "measurer" not in victim and victim != "interrupt":
            with contextlib.suppress(ProcessLookupError):  # what is left of the pair would run for ever
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        select.select([descriptor], [], [], _LIMIT_S)
        for _ in range(_LOOKS):  # what is just being started shows its variables only after its exec
            _until(lambda: not self.marked.of(session_id))
            time.sleep(0.1)
        _until(lambda: not _alive(members))
        left = {*self.marked.of(session_id), *_alive(members)}
        names = _describe(left)
        remove_groups(session_id)  # who removes them may have been killed; with a process in it, one cannot be removed
        names += map(str, groups_of(session_id))
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return names


@contextlib.contextmanager
def killer() -> Iterator[Killer]:
    """Run what starts the pairs and what looks at the processes for the length of the block."""
    with subprocess.Popen(
        [sys.executable, str(_PROGRAM)],
        env={**os.environ, "PYTHONPATH": str(_SOURCES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        made = Killer(program, MarkedProcesses())
        threads = [threading.Thread(target=work) for work in (made.marked.look, lambda: _distribute(made))]
        for thread in threads:
            thread.start()
        try:
            yield made
        finally:
            assert program.stdin is not None
            program.stdin.close()
            made.marked.close()
            for thread in threads:
                thread.join()


def _distribute(killer: Killer) -> None:
    """Hand each line of the program to the thread that waits for it."""
    assert killer.program.stdout is not None
    for line in killer.program.stdout:
        session_id, measurer, watchdog = line.split()
        killer.started[session_id].put((int(measurer), int(watchdog)))


def _pids(victim: str, measurer: int, watchdog: int, chance: random.Random) -> list[int]:
    """Return the processes to kill."""
    keepers = [pid for pid in children(measurer) if pid != watchdog and b"exec_shim" in _read(f"/proc/{pid}/cmdline")]
    commands = [child for keeper in keepers for child in children(keeper)]
    below = [child for command in commands for child in children(command)] or commands
    chosen = {
        "measurer": [],
        "keeper": _one_of(keepers, chance),
        "command": _one_of(commands, chance),
        "child": _one_of(below, chance),
        "measurer and keeper": [measurer, *_one_of(keepers, chance)],
        "measurer and watchdog": [watchdog, measurer],
        "both commands": commands,
    }
    return chosen.get(victim, []) or [measurer]


def _one_of(pids: list[int], chance: random.Random) -> list[int]:
    return [chance.choice(pids)] if pids else []


def _identities(pids: Iterable[int]) -> dict[int, str]:
    """Return when each process started: another one may have its number later."""
    return {pid: stat[_STARTED] for pid in pids if (stat := _stat(pid))}


def _alive(members: Mapping[int, str]) -> list[int]:
    """Return those that have not ended."""
    stats = {pid: _stat(pid) for pid in members}
    return [pid for pid, stat in stats.items() if stat and stat[_STARTED] == members[pid] and stat[0] not in "ZX"]


def _stat(pid: int) -> list[str]:
    """Return the words after the name in /proc/<process>/stat, none where there is no such process."""
    return _read(f"/proc/{pid}/stat").decode("utf-8", "replace").rpartition(")")[2].split()


def _read(path: str) -> bytes:
    with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123 - many times a second
        return file.read()
    return b""


def _describe(pids: Iterable[int]) -> list[str]:
    states = ((_read(f"/proc/{pid}/comm").decode("utf-8", "replace").strip(), _stat(pid)) for pid in pids)
    return [f"{name} {stat[0]}" for name, stat in states if stat]


def _until(condition: Callable[[], bool]) -> bool:
    """Wait until the condition holds; return whether it did."""
    until, pause_s = time.monotonic() + _LIMIT_S, 0.005
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(pause_s)
        pause_s = min(0.1, 1.5 * pause_s)
    return False
