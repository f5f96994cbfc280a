"""Run two commands on the same processors, one of them always stopped, for turns of some milliseconds each.

Also here: stop a process tree and let it go on: by the kernel's freezer where a control group may be made, else by
signals.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import random
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from regress_action.measure.held_command import BlockedError, HeldCommand, collect, end_commands, follow
from regress_action.measure.process_tree import children, descendants
from regress_action.measure.spawn import not_started

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.measure.active_clock import SideClock
    from regress_action.measure.held_command import TurnResult
    from regress_action.measure.process_tree import ProcessTree, SignalWaiter
    from regress_action.measure.reporting import OutputLog
    from regress_action.measure.spawn import Task


_MOUNTS = Path("/proc/self/mountinfo")
_OWN_GROUP = Path("/proc/self/cgroup")
_PREFIX = "regress-"
SIDES = ("base", "head")
_SHARE = 0.02  # of the time, spent on looking for processes that left their group
_SHORTEST_S = 0.005
_LONGEST_S = 0.5
_REMOVE_S = 30.0
_RUN, _STOP = b"0", b"1"

SLICE_S = 0.0075
_JITTER = 1 / 3
_WATCHED_SHARE = 0.02  # of one processor, for what the commands do in their turns
_NOTE_SHARE = 0.02  # of the time, spent on reading how busy a command is
_BLOCKED_S = 0.5  # turns of one command, added up, over which it is judged whether it is blocked
_BLOCKED_SHARE = 0.2
_BLOCKED_TIMES = 3


class Freezer(Protocol):
    """Stops everything below one process, that process excluded, and lets it go on."""

    def freeze(self) -> None:
        """Stop every process."""

    def thaw(self) -> None:
        """Let every process go on."""

    def look(self) -> None:
        """Find processes that were begun since; called often, right after one of the other two."""

    def close(self) -> None:
        """Let everything go on and give up what was made for it."""


@dataclass(slots=True)
class SignalFreezer:
    """SIGSTOP and SIGCONT for the group of the command, and for every process below `keeper` that left the group."""

    keeper: int
    group: int
    frozen: bool = False
    _others: set[int] = field(default_factory=set)
    _due: float = 0.0

    def freeze(self) -> None:
        """Send SIGSTOP, which no process can refuse."""
        self.frozen = True
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Send SIGCONT."""
        self.frozen = False
        self._send(signal.SIGCONT)

    def look(self) -> None:
        """Search the tree, as often as a fiftieth of the time allows, and bring new processes into the same state."""
        began = time.perf_counter()
        if began < self._due:
            return
        new = self._outside() - self._others
        while new:
            self._others |= new
            _send(new, signal.SIGSTOP if self.frozen else signal.SIGCONT)
            new = self._outside() - self._others if self.frozen else set()
        spent = time.perf_counter() - began
        self._due = began + min(_LONGEST_S, max(_SHORTEST_S, spent / _SHARE))

    def close(self) -> None:
        """Send SIGCONT to everything, found now."""
        self._others |= self._outside()
        self.thaw()

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, number)
        if self._others:
            self._others -= _send(self._others, number)

    def _outside(self) -> set[int]:
        """Return the processes of the tree that are in another group."""
        outside = set()
        for pid in descendants(self.keeper):
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(pid) != self.group:
                    outside.add(pid)
        return outside


def _send(pids: set[int], number: signal.Signals) -> set[int]:
    """Signal each process; return those that are gone."""
    gone = set()
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            gone.add(pid)
        except PermissionError:
            continue
    return gone


@dataclass(slots=True)
class GroupFreezer:
    """`cgroup.freeze` of a control group (version 2), which the tree cannot leave by changing its process group."""

    folder: Path
    _file: int = -1

    def __post_init__(self) -> None:
        self._file = os.open(self.folder / "cgroup.freeze", os.O_WRONLY | os.O_CLOEXEC)

    def freeze(self) -> None:
        """Write 1: the kernel stops every process, those to come included."""
        self._write(_STOP)

    def thaw(self) -> None:
        """Write 0."""
        self._write(_RUN)

    def _write(self, state: bytes) -> None:
        try:
            os.pwrite(self._file, state, 0)
        except OSError as error:
            if error.errno != errno.ENODEV:  # the group was empty, and another session removed it
                raise

    def look(self) -> None:
        """Do nothing: the kernel knows the members."""

    def close(self) -> None:
        """Thaw; the folder goes when its last process has ended, see `remove_groups`."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self.thaw()
            os.close(self._file)
            self._file = -1


@dataclass(slots=True)
class ClockFreezer:
    """Stops a side as another freezer does, and keeps its clock."""

    freezer: Freezer
    clock: SideClock

    def freeze(self) -> None:
        """Stop every process."""
        self.freezer.freeze()
        self.clock.stops()

    def thaw(self) -> None:
        """Let every process go on."""
        self.clock.goes_on()
        self.freezer.thaw()

    def look(self) -> None:
        """Find processes that were begun since."""
        self.freezer.look()

    def close(self) -> None:
        """Let everything go on."""
        self.freezer.close()


def freezer(keeper: int, command: int, name: str, *, groups: bool = True) -> Freezer:
    """Return a freezer for a held command: a control group where one can be made for it, else signals.

    `name` distinguishes the sides of one session; `groups` False takes signals in any case.
    """
    folder = _own_folder() if groups else None
    if folder is not None:
        _remove_empty(folder)
        group = folder / f"{_PREFIX}{name}"
        try:
            group.mkdir()
            (group / "cgroup.procs").write_text(str(command), encoding="ascii")
            return GroupFreezer(group)
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
    return SignalFreezer(keeper, command)


def _remove_empty(folder: Path) -> None:
    """Remove the groups of sessions of which nobody was left to remove them; one with a process in it stays."""
    for side in SIDES:
        for group in folder.glob(f"{_PREFIX}*-{side}"):
            with contextlib.suppress(OSError):
                group.rmdir()


def remove_groups(session_id: str) -> None:
    """End what is left in the control groups of a session, and remove them; thaw what could not be ended."""
    for group in groups_of(session_id):
        until = time.monotonic() + _REMOVE_S
        while group.exists() and time.monotonic() < until:
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            with contextlib.suppress(OSError):  # since Linux 5.14
                (group / "cgroup.kill").write_bytes(b"1")
            time.sleep(0.01)
        else:
            with contextlib.suppress(OSError):
                (group / "cgroup.freeze").write_bytes(_RUN)


def groups_of(session_id: str) -> list[Path]:
    """Return the control groups of a session that exist."""
    folder = _own_folder()
    return list(folder.glob(f"{_PREFIX}{session_id}-*")) if folder is not None else []


def _own_folder() -> Path | None:
    """Return the folder of this process's own control group of version 2, None where there is none."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()]
        owns = [line for line in _OWN_GROUP.read_text(encoding="utf-8").splitlines() if line.startswith("0::/")]
    except OSError:
        return None
    points = [words[4] for words in mounts if "cgroup2" in words[words.index("-") :]]
    if not (points and owns):
        return None
    folder = Path(points[0]) / owns[0].removeprefix("0::/")
    return folder if folder.is_dir() else None


@dataclass(frozen=True, slots=True)
class Slices:
    """How long a turn is: the order is ABBA, so most turns are two slices of about `length_s`.

    The length varies from one ABBA to the next by a third, so that it never beats with something periodic in the
    commands or on the machine.
    """

    length_s: float = SLICE_S
    seed: int = 0

    def turns(self) -> Iterator[tuple[int, float]]:
        """Return for ever whose turn it is, 0 or 1, and for how many seconds."""
        chance = random.Random(self.seed)  # noqa: S311 - not a secret

        def length() -> float:
            return self.length_s * chance.uniform(1 - _JITTER, 1 + _JITTER)

        present = length()
        carried = 0.0
        while True:
            yield 0, carried + present
            yield 1, 2 * present
            carried, present = present, length()


@dataclass(slots=True)
class _Progress:
    """Whether a command that had its turns used them."""

    since_s: float = 0.0
    busy_s: float = 0.0
    idle: int = 0
    due: float = 0.0
    members: frozenset[int] = frozenset()

    def note(self, command: HeldCommand) -> None:
        """Read how busy the command was, as often as a fiftieth of the time allows."""
        began = time.perf_counter()
        if began < self.due:
            return
        spent = time.process_time()  # on a busy machine most of the time that passes meanwhile is that of others
        members = command.members()
        command.ready.note(members)
        self.due = began + (time.process_time() - spent) / _NOTE_SHARE
        self._judge(command, frozenset(members))

    def _judge(self, command: HeldCommand, members: frozenset[int]) -> None:
        length = command.active_s - self.since_s
        if length < _BLOCKED_S:
            return
        busy = command.ready.used_s + command.ready.queued_s
        # Processes that came and went were busy as well, though nobody saw their figures.
        blocked = busy - self.busy_s < _BLOCKED_SHARE * length and members == self.members
        self.idle = self.idle + 1 if blocked else 0
        self.since_s, self.busy_s, self.members = command.active_s, busy, members

    @property
    def is_blocked(self) -> bool:
        return self.idle >= _BLOCKED_TIMES


@dataclass(slots=True)
class FrozenTurns:
    """Two commands of which one is always stopped; `first` begins, 0 or 1, and without `groups` only signals stop.

    `clocks` are those that the commands read, if they leave out the time of the stops.
    `took_s` is how long the turns took in all, the time between two of them included.
    """

    tasks: Sequence[Task]
    logs: Sequence[OutputLog]
    signals: SignalWaiter
    processes: ProcessTree
    slices: Slices = field(default_factory=Slices)
    names: Sequence[str] = SIDES
    groups: bool = True
    first: int = 0
    clocks: Sequence[SideClock] = ()
    took_s: float = 0.0

    def run(self) -> list[TurnResult]:
        """Run both until they end, reach a limit or a signal asks to stop; nothing stays stopped.

        Raises:
            BlockedError: a command made no progress while the other one was stopped. Both were ended.
            MeasureUsageError: there is no such program.
            EnvironmentFailedError: no process could be started.
            InterruptRequestedError: a signal asked to stop before the first turn.
        """
        spent = time.process_time()
        commands: list[HeldCommand] = []
        freezers: list[Freezer] = []
        blocked: str | None = None
        with ExitStack() as cleanup:
            cleanup.callback(remove_groups, self.processes.session_id)
            cleanup.callback(lambda: end_commands(commands, self.signals, self.processes))
            cleanup.callback(_close, freezers)
            for task, log, name in zip(self.tasks, self.logs, self.names, strict=True):
                command = HeldCommand.start(task, log, self.processes, _WATCHED_SHARE)
                commands.append(command)
                held = self._held(command, commands)
                group = f"{self.processes.session_id}-{name}"
                freezers.append(freezer(command.keeper, held, group, groups=self.groups))
            if self.clocks:
                freezers[:] = map(ClockFreezer, freezers, self.clocks)
            began = time.monotonic()
            blocked = self._take_turns(commands, freezers)
            self.took_s = time.monotonic() - began
        if blocked is not None:
            raise BlockedError(blocked)
        watching = (time.process_time() - spent) / len(commands)
        return [command.result(watching) for command in commands]

    def _held(self, command: HeldCommand, commands: Sequence[HeldCommand]) -> int:
        """Return the process that waits to become the command, as soon as there is one.

        Raises:
            EnvironmentFailedError: the process that keeps it ended before.
            InterruptRequestedError: a signal asked to stop.
        """
        while not (pids := children(command.keeper)):
            self.signals.check()
            collect(commands)
            if command.ended:
                raise not_started("The process that keeps the command ended before it began.")
            time.sleep(0.0005)
        return pids[0]

    def _take_turns(self, commands: Sequence[HeldCommand], freezers: Sequence[Freezer]) -> str | None:
        """Let them take turns until both have ended; return the side that was blocked, if one was."""
        progress = [_Progress() for _ in commands]
        for turn, length in self.slices.turns():
            side = turn ^ self.first
            command, other = commands[side], commands[1 - side]
            if command.ended:
                continue
            alone = other.ended
            command.begin_turn()
            freezers[side].thaw()
            # The other one was stopped right before, and what follows costs this turn nothing on another processor.
            freezers[1 - side].look()
            progress[1 - side].note(other)
            if progress[1 - side].is_blocked and not alone:
                return self.names[1 - side]
            until = math.inf if alone else time.monotonic() + length
            goes_on = follow(commands, [command], self.signals, until)
            freezers[side].freeze()
            command.end_turn(alone=alone)
            if not goes_on or all(command.ended for command in commands):
                return None
        raise AssertionError("turns never end")


def _close(freezers: Sequence[Freezer]) -> None:
    for used in freezers:
        used.close()
