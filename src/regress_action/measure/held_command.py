"""A command of a pair that runs beside the other one: started held, followed, and ended apart from it.

Also here: run two commands at the same time, each on a processor of its own where there are two: duet benchmarking.

For machines whose processors share their noise (Bulej et al., ICPE 2020, arXiv 2001.05811).
"""

from __future__ import annotations

import math
import os
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from regress_action.measure.activity import Activity, waiting_share
from regress_action.measure.process import ProcessResult, Reaper, drain, usage_of
from regress_action.measure.process_tree import descendants, names, processor_seconds
from regress_action.measure.sampler import SHARE, ReadyTimes, Sampler
from regress_action.measure.spawn import no_program, start_held

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.measure.process_tree import ProcessTree, SignalWaiter
    from regress_action.measure.reporting import OutputLog
    from regress_action.measure.spawn import Task


_SETTLE_S = 0.2
_GRACE_S = 1.0
_OFF_TURN_EVERY_S = 0.1
_OFF_TURN_LEAST_S = 0.05
_LIMIT_SLACK_S = 0.001  # so that the limit is over when a wait for it ends
_LONGEST_WAIT_S = 3600.0


class BlockedError(Exception):
    """A command made no progress in its turns while the other one waited; the message is the side."""


@dataclass(frozen=True, slots=True)
class TurnUse:
    """How one side of a pair took turns with the other.

    `active_s` is the wall time of its turns, `alone_s` the part of it after the other side had ended, `turns` how many
    there were, and `busy` the share of the turns in which it ran or was ready to run, None where the kernel does not
    tell. `off_turn` is the CPU time that it used in turns of the other side, as a share of these turns; None where that
    was not watched.
    """

    active_s: float
    alone_s: float
    turns: int
    busy: float | None
    off_turn: float | None = None


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How a command ended that took turns; the wall time in `ended` is that of its turns.

    `programs` are the files that its processes executed, as far as the samples saw them.
    """

    ended: ProcessResult
    use: TurnUse
    programs: set[str]


@dataclass(slots=True)
class OffTurnUse:
    """What a side computes while the other one has the turn, from a sample of these turns."""

    watched_s: float = 0.0
    used_s: float = 0.0
    _began: tuple[float, float] | None = None
    _looked: float = -math.inf

    def begin(self, members: Callable[[], Sequence[int]]) -> None:
        """Note that a turn of the other side begins; it is watched if no other one was lately."""
        now = time.monotonic()
        if now - self._looked >= _OFF_TURN_EVERY_S:
            self._began = (now, processor_seconds(members()))
            self._looked = now

    def end(self, members: Callable[[], Sequence[int]]) -> None:
        """Note that the turn of the other side is over."""
        if self._began is not None:
            began, used_s = self._began
            self.watched_s += time.monotonic() - began
            self.used_s += max(0.0, processor_seconds(members()) - used_s)
            self._began = None

    @property
    def share(self) -> float | None:
        """The CPU time used, as a share of the turns that were watched; None where too few were."""
        return self.used_s / self.watched_s if self.watched_s >= _OFF_TURN_LEAST_S else None


@dataclass(slots=True)
class HeldCommand:
    """One side of a pair; `turn_began` is when its present turn began, None while it has none."""

    task: Task
    log: OutputLog
    reaper: Reaper
    sampler: Sampler
    streams: list[int]
    ready: ReadyTimes = field(default_factory=ReadyTimes)
    released: bool = False
    turn_began: float | None = None
    active_s: float = 0.0
    alone_s: float = 0.0
    turns: int = 0
    off_turn: OffTurnUse = field(default_factory=OffTurnUse)
    left_behind: tuple[str, ...] = ()

    @classmethod
    def start(cls, task: Task, log: OutputLog, processes: ProcessTree, share: float = SHARE) -> HeldCommand:
        """Start the command; it waits before its first instruction. Watching it may take a `share` of one processor.

        Raises:
            EnvironmentFailedError: no process could be started.
        """
        root = start_held(task, namespace=processes.namespace)
        processes.excluded.add(root.pid)
        sampler = Sampler(processes.excluded, share, root=root.pid, activity=Activity())
        streams = [stream for stream in (root.output, root.report) if stream is not None]
        return cls(task, log, Reaper(root), sampler, streams)

    @property
    def keeper(self) -> int:
        """The process above everything that the command begins."""
        return self.reaper.root.pid

    @property
    def ended(self) -> bool:
        """Whether the command itself has ended."""
        return self.reaper.status is not None

    @property
    def over_limit(self) -> bool:
        """Whether its turns took longer than the task allows."""
        return self.active_now_s > self.task.limit_s

    @property
    def active_now_s(self) -> float:
        """Seconds of all its turns, the present one included."""
        return self.active_s + (time.monotonic() - self.turn_began if self.turn_began is not None else 0.0)

    def members(self) -> list[int]:
        """Return the processes of the command."""
        return descendants(self.keeper)

    def release(self) -> None:
        """Let the command begin."""
        self.released = True
        if self.reaper.root.hold is not None:
            with suppress(BrokenPipeError):
                os.write(self.reaper.root.hold, b"!")
            os.close(self.reaper.root.hold)
            self.reaper.root = replace(self.reaper.root, hold=None)

    def begin_turn(self) -> None:
        """Note that its turn begins; the first one lets the command begin."""
        self.turns += 1
        self.turn_began = time.monotonic()
        if not self.released:
            self.release()

    def end_turn(self, *, alone: bool = False) -> None:
        """Note that its turn is over; `alone` where the other side had ended before."""
        if self.turn_began is None:
            return
        length = time.monotonic() - self.turn_began
        self.active_s += length
        self.alone_s += length if alone else 0.0
        self.turn_began = None

    def read(self, stream: int) -> None:
        """Read what arrived on one of `streams`.

        Raises:
            MeasureUsageError: there is no such program.
        """
        more = self.reaper.read_report() if stream == self.reaper.root.report else drain(stream, self.log)
        if not more:
            self.streams.remove(stream)
        if self.reaper.errno:
            raise no_program(self.task.argv[0], self.reaper.errno)

    def result(self, watching_s: float) -> TurnResult:
        """Return how it ended; called after `end_commands`."""
        status = self.reaper.status
        used = usage_of(self.reaper.usage, self.sampler)
        ended = ProcessResult(status, self.active_s, used, watching_s, self.left_behind)
        busy_s = used.user_s + used.system_s + self.ready.queued_s + self.ready.unseen_share * self.active_s
        # Who is stopped while it waits for a processor stays in the run queue, so the sum can be more than the turns.
        busy = min(1.0, busy_s / self.active_s) if self.active_s else None
        waiting = waiting_share(self.sampler.activity.described) if self.sampler.activity else None
        if busy is not None and waiting is not None:
            used_s = used.user_s + used.system_s
            busy = max(busy, used_s / max(used_s + waiting * self.active_s, 1e-9))
        use = TurnUse(self.active_s, self.alone_s, self.turns, busy, self.off_turn.share)
        return TurnResult(ended, use, self.sampler.programs)


def collect(commands: Sequence[HeldCommand]) -> None:
    """Collect every child that ended, and note where it is what keeps a command."""
    with suppress(ChildProcessError):
        while True:
            pid, status, _ = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            for command in commands:
                command.reaper.note(pid, status)


def end_commands(commands: Sequence[HeldCommand], signals: SignalWaiter, processes: ProcessTree) -> None:
    """End everything that is left of both commands, and read what they printed last; nothing may be stopped by then."""
    cut = any(not command.ended for command in commands)
    for command in commands:
        command.end_turn()
    if not cut:
        # Processes such as Python's resource tracker notice a little later that their parent has ended.
        until = time.monotonic() + _SETTLE_S
        while any(command.members() for command in commands) and time.monotonic() < until:
            signals.wait([], _SETTLE_S / 20)
            collect(commands)
    for command in commands:
        if command.ended:
            command.left_behind = names(command.members())
    processes.end(lambda: collect(commands), grace_s=_GRACE_S if cut else _SETTLE_S)
    for command in commands:
        root = command.reaper.root
        if root.hold is not None:
            os.close(root.hold)
        command.reaper.end_namespace(signals)
        processes.excluded.discard(root.pid)
        drain(root.output, command.log)
        os.close(root.output)
    processes.end(lambda: collect(commands), grace_s=0)  # what a keeper left that was killed


def follow(
    commands: Sequence[HeldCommand], running: Sequence[HeldCommand], signals: SignalWaiter, until: float
) -> bool:
    """Read what all print until the clock reaches `until` or one of `running` ends; return whether to go on."""
    ended = sum(command.ended for command in running)
    while sum(command.ended for command in running) == ended and (left := until - time.monotonic()) > 0:
        streams = {stream: owner for owner in commands for stream in owner.streams}
        for stream in signals.wait(list(streams), min(left, pause_s(running))):
            streams[stream].read(stream)
        collect(commands)
        if signals.stop is not None or any(command.over_limit for command in running):
            return False
        for command in running:
            command.reaper.check()
            if not command.ended:
                command.sampler.sample()
    return True


def pause_s(running: Sequence[HeldCommand]) -> float:
    """Return the seconds until one of the running commands has to be sampled, or reaches its limit."""
    waits = (
        min(command.sampler.pause_s(), command.task.limit_s - command.active_now_s + _LIMIT_SLACK_S)
        for command in running
        if not command.ended
    )
    return max(0.0, min((_LONGEST_WAIT_S, *waits)))


def run_in_parallel(
    tasks: Sequence[Task], logs: Sequence[OutputLog], signals: SignalWaiter, processes: ProcessTree
) -> list[TurnResult]:
    """Run all commands at once until they end, reach a limit or a signal asks to stop.

    Raises:
        MeasureUsageError: there is no such program.
        EnvironmentFailedError: no process could be started.
    """
    spent = time.process_time()
    commands: list[HeldCommand] = []
    with ExitStack() as cleanup:
        cleanup.callback(lambda: end_commands(commands, signals, processes))
        for task, log in zip(tasks, logs, strict=True):
            commands.append(HeldCommand.start(task, log, processes))
        for command in commands:
            command.begin_turn()
        while running := [command for command in commands if not command.ended]:
            if not follow(commands, running, signals, math.inf):
                break
            for command in running:
                if command.ended:
                    command.end_turn()
    watching = (time.process_time() - spent) / len(commands)
    return [command.result(watching) for command in commands]
