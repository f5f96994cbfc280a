"""Execute one run: remove old results, run the command, take its result, and record all of it, failure included."""

from __future__ import annotations

import glob
import math
import os
import signal
import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.measure import machine, python_start, untrusted_files
from regress_action.measure.active_clock import ClockWitness
from regress_action.measure.activity import Activity, KernelTotals
from regress_action.measure.compiled_programs import holds_compiled_program
from regress_action.measure.control_group_limits import ControlGroupLimits
from regress_action.measure.cooperative_turns import CONTAINER, SLICE_S, CooperativeTurns
from regress_action.measure.errors import MeasureUsageError
from regress_action.measure.frozen_turns import FrozenTurns, Slices
from regress_action.measure.held_command import run_in_parallel
from regress_action.measure.interleaving import Kind, shared_processor
from regress_action.measure.measurement import RunRecord, disk_error, now
from regress_action.measure.process import NullSampler, ProcessResult, execute
from regress_action.measure.reporting import OutputLog
from regress_action.measure.result_files import ResultFiles, UnusableResultError
from regress_action.measure.sampler import SHARE, Sampler
from regress_action.measure.spawn import Task
from regress_action.measure.suite_command import LONGEST_VALUE, shell
from regress_action.measure.suite_environment import layout_of_pair, layout_variables
from regress_action.measure.turn_order import TurnOrder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.measure.active_clock import ActiveClocks
    from regress_action.measure.held_command import TurnResult
    from regress_action.measure.interleaving import Interleaving
    from regress_action.measure.measurement import OutputFolder
    from regress_action.measure.options import Options
    from regress_action.measure.process_tree import ProcessTree, SignalWaiter
    from regress_action.measure.sampler import ReadyTimes
    from regress_action.measure.suite_command import SuiteCommand
    from regress_action.measure.suite_environment import SuiteEnvironment
    from regress_action.measure.trees import SideTree


_PYTHON_START = str(Path(python_start.__file__).parent)
_PROBE_LIMIT_S = 20.0
_TRIAL_SHARE = 0.05  # of one CPU, for watching a trial run
_NO_COMMAND = frozenset({126, 127})
_SHELL_SIGNAL_OFFSET = 128


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a run in the plan: side, pair from 1 (0 for a warm-up), and whether it is first or second in it.

    `purpose` begins the names of files of runs that are not timed.
    """

    side: str
    pair: int
    position: int
    purpose: str = ""

    @property
    def name(self) -> str:
        """The stem of its files."""
        return f"{self.purpose}{self.side}-{self.pair:02}"


@dataclass(slots=True)
class Cost:
    """What sampling has cost: CPU seconds of this process against wall seconds of the suite."""

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


@dataclass(frozen=True, slots=True)
class _PlannedRun:
    """A run before its command is started: where it stands in the plan, and where its results and output go."""

    slot: Slot
    tree: SideTree
    selection: tuple[str, ...]
    files: ResultFiles
    log: OutputLog = field(default_factory=OutputLog)


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """When a run was started, and how busy the machine was before and after it."""

    started: str
    before: machine.MachineLoad
    after: machine.MachineLoad


@dataclass(slots=True)
class RunExecutor:
    """Runs the suite in the trees of one measurement; `ends` is the job's limit on the monotonic clock.

    `clocks` are those that the suite reads in the place of the kernel's, if it is to be stopped. With `fixed_addresses`
    both runs of a pair have the same ones.
    """

    options: Options
    command: SuiteCommand
    environment: SuiteEnvironment
    folder: OutputFolder
    signals: SignalWaiter
    processes: ProcessTree
    ends: float = math.inf
    cost: Cost = field(default_factory=Cost)
    clocks: ActiveClocks | None = None
    fixed_addresses: bool = False

    def run(
        self,
        slot: Slot,
        tree: SideTree,
        selection: tuple[str, ...],
        retried: list[str],
        waits: ReadyTimes | None = None,
    ) -> tuple[RunRecord, OutputLog]:
        """Run the suite once; with `waits`, note how long it was ready to run without a processor.

        Raises:
            EnvironmentFailedError: the disk is full or refuses to be written.
            MeasureUsageError: there is no such program.
        """
        planned = _PlannedRun(slot, tree, selection, self._result_files(slot))
        try:
            planned.files.clear(tree)
            before, started = machine.current_load(), now()
            counted = KernelTotals.now()
            ended, sampler = self._execute(planned, waits)
            resources = _resources(sampler, counted)
            around = _Surroundings(started, before, machine.current_load())
            run = self._record(planned, around, ended, sampler.programs)
        except OSError as error:
            raise disk_error(error, self.folder.path) from error
        ready_s = waits.most_queued_s if waits else None
        return replace(run, retried=retried, ready_s=ready_s, resources=resources), planned.log

    def run_in_turns(
        self,
        slots: Sequence[Slot],
        trees: Mapping[str, SideTree],
        selection: tuple[str, ...],
        interleaving: Interleaving,
    ) -> list[tuple[RunRecord, OutputLog]]:
        """Run both sides of a pair, which take turns; `slots` are those of base and head, in this order.

        Raises:
            BlockedError: a command made no progress while the other one was stopped.
            EnvironmentFailedError: the disk is full or refuses to be written.
            MeasureUsageError: there is no such program.
        """
        pair = [_PlannedRun(slot, trees[slot.side], selection, self._result_files(slot)) for slot in slots]
        try:
            for planned in pair:
                planned.files.clear(planned.tree)
            before, started = machine.current_load(), now()
            tasks = list(map(self._task, pair))
            results, met = self._take_turns(tasks, [planned.log for planned in pair], slots, interleaving)
            around = _Surroundings(started, before, machine.current_load())
            runs = []
            for planned, result in zip(pair, results, strict=True):
                self.cost.add(0, result.ended.watching_s, result.ended.wall_s)
                run = self._record(planned, around, result.ended, result.programs)
                runs.append((replace(run, turns={**asdict(result.use), "met": met}), planned.log))
        except OSError as error:
            raise disk_error(error, self.folder.path) from error
        return runs

    def _take_turns(
        self, tasks: list[Task], logs: Sequence[OutputLog], slots: Sequence[Slot], interleaving: Interleaving
    ) -> tuple[list[TurnResult], int]:
        """Run two tasks in the way that was chosen; return how they ended, and how many benchmarks took turns."""
        first, seed = slots[0].position, slots[0].pair
        if interleaving.kind is Kind.PARALLEL:
            cpus = interleaving.processors_apart(first)
            tasks = [replace(task, cpus=task.cpus or own) for task, own in zip(tasks, cpus, strict=True)]
            return run_in_parallel(tasks, logs, self.signals, self.processes), 0
        if interleaving.kind is Kind.FROZEN:
            tasks = [replace(task, cpus=interleaving.cpus) for task in tasks]
            frozen = FrozenTurns(
                tasks, logs, self.signals, self.processes, Slices(interleaving.slice_s, seed), first=first
            )
            if self.clocks:
                frozen.clocks = [self.clocks.sides[slot.side] for slot in slots]
            return frozen.run(), 0
        cpu = None if self.environment.cpus else next(iter(shared_processor()), None)
        length = SLICE_S if interleaving.kind is Kind.COOPERATIVE else None
        order = TurnOrder(first, start_together=interleaving.has_met)
        turns = CooperativeTurns(tasks, logs, self.signals, self.processes, length, cpu, order, seed)
        turns.narrows, turns.rounds = self.command.obeys_selection, interleaving.rounds
        return turns.run(), turns.met

    def _record(
        self, planned: _PlannedRun, around: _Surroundings, ended: ProcessResult, programs: set[str]
    ) -> RunRecord:
        """Take the result of a run that executed `programs`, and return its record.

        Raises:
            OSError: the disk is full or refuses to be written.
        """
        slot, tree, log = planned.slot, planned.tree, planned.log
        failure, result = self._take_result(ended, tree, planned.files)
        untrusted_files.write(self.folder.runs_descriptor, f"{slot.name}.log", log.content)
        return RunRecord(
            side=slot.side,
            pair=slot.pair,
            position=slot.position,
            started=around.started,
            wall_s=ended.wall_s,
            **asdict(ended.used),
            exit_status=ended.status,
            failure=failure,
            result=result.relative_to(self.folder.path).as_posix() if result else None,
            selection=list(planned.selection) or None,
            load_before=around.before.load,
            load_after=around.after.load,
            steal_s=round(around.after.steal_s - around.before.steal_s, 3),
            mhz_before=around.before.mhz,
            mhz_after=around.after.mhz,
            output_tail=log.last() if failure else None,
            left_behind=list(ended.left_behind),
            layout=self._layout(slot),
            compiled=holds_compiled_program(tree.root, tree.folder, self.options.command, programs),
        )

    def run_untimed(
        self, slot: Slot, tree: SideTree, selection: tuple[str, ...], command: SuiteCommand, extra: Mapping[str, str]
    ) -> str | None:
        """Run `command` in the place of the suite's, with `extra` variables, and drop its result; return how it failed.

        Raises:
            EnvironmentFailedError: the disk is full or refuses to be written.
            MeasureUsageError: there is no such program.
        """
        planned = _PlannedRun(slot, tree, selection, self._result_files(slot))
        executor = replace(
            self,
            command=command,
            environment=replace(self.environment, variables={**self.environment.variables, **extra}),
            cost=Cost(),
            clocks=None,
        )
        try:
            planned.files.clear(tree)
            ended, _ = executor._execute(planned, None)  # noqa: SLF001 - of the same class
            planned.files.discard()
            untrusted_files.write(self.folder.runs_descriptor, f"{slot.name}.log", planned.log.content)
        except OSError as error:
            raise disk_error(error, self.folder.path) from error
        return self._failure_of(ended)

    def run_setup(self, side: str, tree: SideTree, log: OutputLog) -> ProcessResult:
        """Run the setup command in a tree.

        Raises:
            MeasureUsageError: there is no shell.
        """
        variables = {**self.environment.variables, "REGRESS_SIDE": side}
        task = Task([*shell(), self.options.setup or ""], tree.folder, variables, self._left_s, suite=True)
        return execute(task, log, self.signals, self.processes, NullSampler())

    def probe(self, tree: SideTree, argv: list[str]) -> str:
        """Run a short program as the suite would run in a tree; return its output, empty where it fails."""
        log = OutputLog()
        task = Task(argv, tree.folder, self.environment.variables, min(_PROBE_LIMIT_S, self._left_s), suite=True)
        try:
            ended = execute(task, log, self.signals, self.processes, NullSampler())
        except MeasureUsageError:
            return ""
        return log.content.decode("utf-8", "replace") if ended.status == 0 else ""

    @property
    def _left_s(self) -> float:
        return max(0.0, self.ends - time.monotonic())

    def _result_files(self, slot: Slot) -> ResultFiles:
        runs, suffix, pattern = self.folder.runs, self.options.suffix, self.options.results
        if pattern is not None:
            pattern = pattern.replace("{out}", glob.escape(str(runs / slot.name) + suffix))
        promised = pattern is not None or self.command.promises_result
        return ResultFiles(runs, self.folder.runs_descriptor, slot.name, suffix, pattern, promised)

    def _execute(self, planned: _PlannedRun, waits: ReadyTimes | None) -> tuple[ProcessResult, Sampler]:
        """Run the suite's command in its environment, within the limits of the run and of the job.

        Return how it ended, and what the samples saw.
        """
        share = SHARE if waits is None else _TRIAL_SHARE
        limits = ControlGroupLimits()
        limits.note("self")
        sampler = Sampler(self.processes.excluded, share, waits=waits, activity=Activity(), limits=limits)
        task = self._task(planned)
        if self.clocks and waits:
            sampler.witness = ClockWitness(self.clocks.sides[planned.slot.side])
        ended = execute(task, planned.log, self.signals, self.processes, sampler)
        if self.clocks and sampler.witness:
            self.clocks.doubts += sampler.witness.doubts(ended.used.user_s + ended.used.system_s)
        self.cost.add(sampler.samples, ended.watching_s, ended.wall_s)
        return ended, sampler

    def _task(self, planned: _PlannedRun) -> Task:
        """Return the suite's command in its environment, with the limits of the run and of the job."""
        slot, folder, out = planned.slot, planned.tree.folder, planned.files.out
        names = "\n".join(planned.selection)
        variables = {
            **self.environment.variables,
            "REGRESS_OUT": str(out),
            "REGRESS_SIDE": slot.side,
            "REGRESS_PAIR": str(slot.pair),
            "REGRESS_SELECT": names if len(names.encode()) <= LONGEST_VALUE else "",  # else all benchmarks run
        }
        if not os.environ.get(CONTAINER):
            searched = filter(None, (_PYTHON_START, self.environment.variables.get("PYTHONPATH")))
            variables["PYTHONPATH"] = os.pathsep.join(searched)
        if (layout := self._layout(slot)) is not None:
            variables |= layout_variables(layout, variables, fixed_addresses=self.fixed_addresses)
        if self.clocks:
            variables |= self.clocks.begin(slot.side, self.environment.variables)
        limit = min(self.options.timeout_s or math.inf, self._left_s)
        return Task(
            self.command.argv(out, planned.selection, folder, partial(self._write_list, slot)),
            folder,
            variables,
            limit,
            self.environment.cpus,
            self.environment.nice,
            suite=True,
        )

    def _layout(self, slot: Slot) -> int | None:
        """Return what both runs of a pair draw their layout from; a run of one side alone draws its own."""
        return layout_of_pair(self.processes.session_id, slot.pair) if self.options.base else None

    def _write_list(self, slot: Slot, names: Sequence[str]) -> Path:
        file = f"{slot.name}.select"
        untrusted_files.write(self.folder.runs_descriptor, file, "".join(f"{name}\n" for name in names).encode())
        return self.folder.runs / file

    def _take_result(
        self, ended: ProcessResult, tree: SideTree, result_files: ResultFiles
    ) -> tuple[str | None, Path | None]:
        """Return why the run failed, and the result it left; both where one benchmark of several failed.

        A command that ended by itself had the time to write its result. One that was stopped or killed had not.
        """
        failure = self._failure_of(ended)
        if failure is None or _ended_by_itself(ended.status):
            try:
                return failure, result_files.take(tree)
            except UnusableResultError as error:
                failure = failure or str(error)
        result_files.discard()
        return failure, None

    def _failure_of(self, ended: ProcessResult) -> str | None:
        if ended.status is not None:
            return None if ended.status in self.options.ok_status else failure_of_status(ended.status)
        if self.signals.stop:
            return f"was interrupted by {self.signals.stop.name}"
        if self._left_s <= 0:
            return f"was cut off by the limit of the whole job, {self.options.job_timeout_s:g} s"
        return f"ran longer than its limit of {self.options.timeout_s:g} s and was stopped"


def _resources(sampler: Sampler, before: KernelTotals) -> dict[str, Any]:
    """Return what the processes of a run did and waited for, in the form in which measurement.json holds it."""
    seen = sampler.activity.described if sampler.activity else {}
    limits = sampler.limits.described if sampler.limits else {}
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {**seen, **KernelTotals.now().since(before), **limits, "swap_bytes": sampler.swap_bytes, "cpus": cpus}


def _ended_by_itself(status: int | None) -> bool:
    """Whether a command began, and ended without a signal or a time limit."""
    return status is not None and 0 <= status <= _SHELL_SIGNAL_OFFSET and status not in _NO_COMMAND


def failure_of_status(status: int) -> str | None:
    """Return what an exit status means, in words that complete `the run …`; None where it is good."""
    if status == 0:
        return None
    if status < 0:
        return f"was killed by {_signal_name(-status)}"
    if status in _NO_COMMAND:
        return f"exited with status {status}: the shell found no such command, or may not run it"
    if status > _SHELL_SIGNAL_OFFSET and status - _SHELL_SIGNAL_OFFSET in set(signal.Signals):
        name = _signal_name(status - _SHELL_SIGNAL_OFFSET)
        return f"exited with status {status}, with which a shell reports: killed by {name}"
    return f"exited with status {status}"


def _signal_name(number: int) -> str:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return f"{name}, as the kernel does when memory runs out" if number == signal.SIGKILL else name
