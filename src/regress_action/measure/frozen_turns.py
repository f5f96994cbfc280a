"""Run two commands on the same processors, one of them always stopped, for turns of some milliseconds each."""

from __future__ import annotations

import math
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regress_action.measure.freezing import freezer, remove_groups
from regress_action.measure.held_command import BlockedError, HeldCommand, end_commands, follow
from regress_action.measure.process_tree import children

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.measure.freezing import Freezer
    from regress_action.measure.held_command import TurnResult
    from regress_action.measure.output_log import OutputLog
    from regress_action.measure.process_tree import ProcessTree
    from regress_action.measure.signals import SignalWaiter
    from regress_action.measure.spawn import Task

SLICE_S = 0.0075
_JITTER = 1 / 3
_NOTE_SHARE = 0.02  # of the time, spent on reading how busy a command is
_BLOCKED_S = 0.5  # turns of one command, added up, over which it is judged whether it is blocked
_BLOCKED_SHARE = 0.2
_BLOCKED_TIMES = 3


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
        members = command.members()
        command.ready.note(members)
        self.due = began + (time.perf_counter() - began) / _NOTE_SHARE
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

    `took_s` is how long the turns took in all, the time between two of them included.
    """

    tasks: Sequence[Task]
    logs: Sequence[OutputLog]
    signals: SignalWaiter
    processes: ProcessTree
    slices: Slices = field(default_factory=Slices)
    names: Sequence[str] = ("base", "head")
    groups: bool = True
    first: int = 0
    took_s: float = 0.0

    def run(self) -> list[TurnResult]:
        """Run both until they end, reach a limit or a signal asks to stop; nothing stays stopped.

        Raises:
            BlockedError: a command made no progress while the other one was stopped. Both were ended.
            MeasureUsageError: there is no such program.
            EnvironmentFailedError: no process could be started.
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
                command = HeldCommand.start(task, log, self.processes)
                commands.append(command)
                group = f"{self.processes.session_id}-{name}"
                freezers.append(freezer(command.keeper, _held(command), group, groups=self.groups))
            began = time.monotonic()
            blocked = self._take_turns(commands, freezers)
            self.took_s = time.monotonic() - began
        if blocked is not None:
            raise BlockedError(blocked)
        watching = (time.process_time() - spent) / len(commands)
        return [command.result(watching) for command in commands]

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


def _held(command: HeldCommand) -> int:
    """Return the process that waits to become the command."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if pids := children(command.keeper):
            return pids[0]
        time.sleep(0.0005)
    return command.keeper
