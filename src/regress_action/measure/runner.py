"""One run: clear the ground, execute, take the result, and record all of it, failure included."""

from __future__ import annotations

import glob
import math
import signal
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from regress_action.measure import machine
from regress_action.measure.command import shell
from regress_action.measure.log import Log
from regress_action.measure.measurement import Run, broken_disk, now
from regress_action.measure.process import Blind, Ended, execute
from regress_action.measure.results import BadResultError, Place
from regress_action.measure.sampler import Sampler
from regress_action.measure.start import Task

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.measure.bell import Bell
    from regress_action.measure.call import Call
    from regress_action.measure.command import Command
    from regress_action.measure.family import Family
    from regress_action.measure.isolation import Isolation
    from regress_action.measure.trees import Tree

_NO_COMMAND = frozenset({126, 127})
_SHELLS_SIGNAL = 128


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a run stands: its side, its pair from 1 (0 for a warm-up) and whether it comes first or second in it."""

    side: str
    pair: int
    position: int

    @property
    def name(self) -> str:
        """The stem of its files."""
        return f"{self.side}-{self.pair:02}"


@dataclass(slots=True)
class Cost:
    """What watching has cost: CPU seconds of this process against wall seconds of the suite."""

    samples: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0

    def add(self, samples: int, cpu_s: float, wall_s: float) -> None:
        """Add what one run has cost."""
        self.samples += samples
        self.cpu_s += cpu_s
        self.wall_s += wall_s

    @property
    def described(self) -> dict[str, float | int | None]:
        """The form in which measurement.json holds it; `share` is of one CPU."""
        return {
            "samples": self.samples,
            "cpu_s": round(self.cpu_s, 6),
            "share": round(self.cpu_s / self.wall_s, 6) if self.wall_s else None,
            "interval_s": round(self.wall_s / self.samples, 4) if self.samples else None,
        }


@dataclass(slots=True)
class Runner:
    """Runs the suite in the trees of one measurement."""

    call: Call
    command: Command
    isolation: Isolation
    folder: Path
    bell: Bell
    family: Family
    ends: float = math.inf
    cost: Cost = field(default_factory=Cost)

    def run(self, slot: Slot, tree: Tree, selection: tuple[str, ...], retried: list[str]) -> tuple[Run, Log]:
        """Run the suite once.

        Raises:
            BrokenGroundError: the disk is full or refuses to be written.
            CallError: there is no such program.
        """
        log, place = Log(), self._place(slot)
        try:
            place.clear(tree)
            before, started = machine.busy(), now()
            ended = self._execute(slot, tree, place, selection, log)
            after = machine.busy()
            failure, result = self._judge(ended, tree, place)
            log.write(self.folder / "runs" / f"{slot.name}.log")
        except OSError as error:
            raise broken_disk(error, self.folder) from error
        run = Run(
            side=slot.side,
            pair=slot.pair,
            position=slot.position,
            started=started,
            wall_s=ended.wall_s,
            **asdict(ended.used),
            exit_status=ended.status,
            failure=failure,
            result=result.relative_to(self.folder).as_posix() if result else None,
            selection=list(selection) or None,
            load_before=before.load,
            load_after=after.load,
            steal_s=round(after.steal_s - before.steal_s, 3),
            mhz_before=before.mhz,
            mhz_after=after.mhz,
            output_tail=log.last() if failure else None,
            retried=retried,
            left_behind=list(ended.left_behind),
        )
        return run, log

    def prepare(self, side: str, tree: Tree, log: Log) -> Ended:
        """Run the setup command in a tree.

        Raises:
            CallError: there is no shell.
        """
        variables = {**self.isolation.variables, "REGRESS_SIDE": side}
        task = Task([*shell(), self.call.setup or ""], tree.folder, variables, self._left_s)
        return execute(task, log, self.bell, self.family, Blind())

    @property
    def _left_s(self) -> float:
        return max(0.0, self.ends - time.monotonic())

    def _place(self, slot: Slot) -> Place:
        target = self.folder / "runs" / slot.name
        pattern = self.call.results
        if pattern is not None:
            pattern = pattern.replace("{out}", glob.escape(str(target) + self.call.suffix))
        promised = pattern is not None or self.command.promises_result
        return Place(target, self.call.suffix, pattern, promised)

    def _execute(self, slot: Slot, tree: Tree, place: Place, selection: tuple[str, ...], log: Log) -> Ended:
        variables = {
            **self.isolation.variables,
            "REGRESS_OUT": str(place.out),
            "REGRESS_SIDE": slot.side,
            "REGRESS_PAIR": str(slot.pair),
            "REGRESS_SELECT": "\n".join(selection),
        }
        limit = min(self.call.timeout_s or math.inf, self._left_s)
        task = Task(
            self.command.argv(str(place.out), selection),
            tree.folder,
            variables,
            limit,
            self.isolation.cpus,
            self.isolation.nice,
        )
        sampler = Sampler(self.family.spare)
        ended = execute(task, log, self.bell, self.family, sampler)
        self.cost.add(sampler.samples, ended.watching_s, ended.wall_s)
        return ended

    def _judge(self, ended: Ended, tree: Tree, place: Place) -> tuple[str | None, Path | None]:
        """Return why the run failed, or the result it left."""
        failure = self._why_failed(ended)
        if failure is None:
            try:
                return None, place.take(tree)
            except BadResultError as error:
                failure = str(error)
        place.discard()
        return failure, None

    def _why_failed(self, ended: Ended) -> str | None:
        if ended.status is not None:
            return why_bad(ended.status)
        if self.bell.stop:
            return f"was interrupted by {self.bell.stop.name}"
        if self._left_s <= 0:
            return f"was cut off by the limit of the whole job, {self.call.job_timeout_s:g} s"
        return f"ran longer than its limit of {self.call.timeout_s:g} s and was stopped"


def why_bad(status: int) -> str | None:
    """Return what an exit status means, in words that complete `the run …`; None where it is good."""
    if status == 0:
        return None
    if status < 0:
        return f"was killed by {_signal(-status)}"
    if status in _NO_COMMAND:
        return f"exited with status {status}: the shell found no such command, or may not run it"
    if status > _SHELLS_SIGNAL and status - _SHELLS_SIGNAL in set(signal.Signals):
        return f"exited with status {status}, a shell's word for: killed by {_signal(status - _SHELLS_SIGNAL)}"
    return f"exited with status {status}"


def _signal(number: int) -> str:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return f"{name}, as the kernel does when memory runs out" if number == signal.SIGKILL else name
