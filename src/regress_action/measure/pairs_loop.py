"""Measure pair after pair, until all are done, the budget is used up, a decision is reached or every run fails."""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import shlex
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from regress_action.measure.errors import MeasureUsageError
from regress_action.measure.held_command import BlockedError
from regress_action.measure.interleaving import Interleaving, Kind
from regress_action.measure.machine import Probe
from regress_action.measure.process import NullSampler, execute
from regress_action.measure.process_tree import MARKER_VARIABLE
from regress_action.measure.reporting import OutputLog
from regress_action.measure.run_executor import Slot
from regress_action.measure.sampler import ReadyTimes
from regress_action.measure.schedule import (
    MAX_CONSECUTIVE_FAILURES,
    MIN_PAIRS,
    Clock,
    abba_order,
    affordable_pairs,
    looks,
    seconds_saved,
)
from regress_action.measure.shared_installs import OpenedFiles, refuse_shared
from regress_action.measure.spawn import Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from regress_action.measure.measurement import MeasurementFolder, RunRecord
    from regress_action.measure.options import Options
    from regress_action.measure.process_tree import ProcessTree, SignalWaiter
    from regress_action.measure.reporting import Reporter
    from regress_action.measure.run_executor import RunExecutor
    from regress_action.measure.shared_installs import SharedInstall
    from regress_action.measure.trees import SideTree

_DECISION_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why the loop ended: a word for programs and a sentence for people; `saved_s` is what an early decision saved."""

    word: str
    why: str
    saved_s: float | None = None


@dataclass(slots=True)
class PairsLoop:
    """The measurement from the first warm-up to the last pair.

    `known_failures` are side and failure of runs that gave values of a part of the benchmarks, and were tried again as
    often as was asked for: later runs are not. `failed_in_turns` are those of pairs in turns, measured again without.
    `planned` is the number of pairs, `options.pairs` until it is known whether there is time for more.
    """

    options: Options
    trees: Mapping[str, SideTree]
    executor: RunExecutor
    measurement: MeasurementFolder
    reporter: Reporter
    clock: Clock
    selection: tuple[str, ...]
    failing: dict[str, int] = field(default_factory=dict)
    known_failures: set[tuple[str, str]] = field(default_factory=set)
    failed_in_turns: set[tuple[str, str]] = field(default_factory=set)
    stopped: StopReason | None = None
    probe: Probe = field(default_factory=Probe)
    reported_tails: set[str] = field(default_factory=set)
    shared_installs: Sequence[SharedInstall] = ()
    interleaving: Interleaving = field(default_factory=lambda: Interleaving("run", Kind.RUN, "as it was asked for"))
    planned: int = field(init=False)

    def __post_init__(self) -> None:
        """Plan what was asked for."""
        self.planned = self.options.pairs

    def run(self) -> StopReason:
        """Measure.

        Raises:
            MeasureError: the disk is full, the program does not exist, or a signal asked to stop.
        """
        for _ in range(self.options.warmup):
            for position, side in enumerate(self.trees):
                self._run(Slot(side, 0, position), 0)
        self.probe.read(0)
        if self.interleaving.asked != "run" and self.interleaving.kind is not Kind.TRIAL and self.options.base:
            self._report_interleaving()
        for pair in itertools.count(1):
            self._pair(pair)
            if self.stopped or self._ends_after(pair):
                break
            self.probe.read_between(pair, sum(self.clock.pairs_s))
        self.probe.read(len(self.clock.pairs_s))
        self.measurement.header["probe"] = self.probe.described
        stopped = self.stopped or StopReason("complete", f"measured {self._all}")
        return replace(stopped, saved_s=self._seconds_saved(stopped))

    def _seconds_saved(self, stopped: StopReason) -> float | None:
        if not self.options.decide or stopped.word not in {"complete", "decided"}:
            return None
        selection, runs = list(self.options.select) or None, self.measurement.runs
        narrows = self.executor.command.obeys_selection
        full_runs_s = [run.wall_s for run in runs if run.selection == selection or not narrows]
        spent_s = sum(run.wall_s for run in runs)
        return seconds_saved(full_runs_s, spent_s, self.options.pairs * len(self.trees), self.options.budget_s)

    @property
    def _all(self) -> str:
        return f"the one {self._unit}" if self.planned == 1 else f"all {self.planned} {self._unit}s"

    def _selection_of(self, pair: int) -> tuple[str, ...]:
        """Return the benchmarks of a pair: all that are selected, or one of them after the other."""
        if self.interleaving.kind is not Kind.SELECTED or not pair:
            return self.selection
        return (self.selection[(pair - 1) % len(self.selection)],)

    def _round_of(self, pair: int) -> int:
        """Return the number that decides which side begins a pair, so that for each benchmark it is either in turn."""
        if self.interleaving.kind is not Kind.SELECTED:
            return pair
        rounds, place = divmod(pair - 1, len(self.selection))
        return rounds + place + 1

    @property
    def _unit(self) -> str:
        return "pair" if len(self.trees) > 1 else "run"

    def _pair(self, pair: int) -> None:
        began = time.monotonic()
        self._measure_pair(pair)
        if not self.stopped:
            self.clock.pairs_s.append(time.monotonic() - began)

    def _measure_pair(self, pair: int) -> None:
        # While the base's first run is watched for files of the other tree, nothing else may run.
        if not (self.interleaving.in_turns and not self.shared_installs and self._pair_in_turns(pair)):
            self._pair_by_run(pair)

    def _pair_by_run(self, pair: int) -> None:
        """Measure one side after the other; decide after a trial, and measure it again if that is to be in turns."""
        for position, side in enumerate(abba_order(tuple(self.trees), self._round_of(pair))):
            self._run(Slot(side, pair, position), position / len(self.trees))
            if self.stopped:
                return
        if self.interleaving.kind is not Kind.TRIAL:
            return
        trial = [run for run in self.measurement.runs if run.pair == pair]
        corrects = self.interleaving.clocks is not None
        self.interleaving.judge_trial(trial)
        self._report_interleaving()
        # With the library, a clock is read more slowly in a trial, and some suites fail.
        if self.interleaving.in_turns or corrects:
            self.measurement.runs = [run for run in self.measurement.runs if run.pair != pair]
            self.failing.clear()
            self._measure_pair(pair)

    def _pair_in_turns(self, pair: int) -> bool:
        """Measure both sides together; return whether the pair can be used, and if not measure run by run from now on.

        Raises:
            MeasureError: the disk is full, the program does not exist, or a signal asked to stop.
        """
        for side, failure in sorted(self.failed_in_turns - self.known_failures):
            self._fall_back(f"{side} {failure} only while it took turns with the other side")
            return False
        order = abba_order(tuple(self.trees), pair)
        slots = [Slot(side, pair, order.index(side)) for side in self.trees]
        for position, side in enumerate(order):
            left = self.planned - pair + 1 - position / 2
            self._report("run-started", slots[list(self.trees).index(side)], left)
        self.executor.clocks = self.interleaving.clocks
        self.executor.fixed_addresses = self.interleaving.fixes_addresses
        try:
            results = self.executor.run_in_turns(slots, self.trees, self.selection, self.interleaving)
        except BlockedError as error:
            self.executor.signals.check()
            self._fall_back(f"{error} made no progress while the other side waited, which holds what it needs")
            return False
        self.executor.signals.check()
        in_part = {(run.side, run.failure) for run, _ in results if run.failure and run.is_usable}
        if in_part - self.failed_in_turns - self.known_failures and self._may_go_on():
            self.failed_in_turns |= in_part
            return False  # run by run, the pair shows whether taking turns is the reason
        fault = self.interleaving.fault_of([run for run, _ in results], self.known_failures)
        if fault and self._may_go_on():
            self._fall_back(fault)
            return False
        for slot, (run, log) in zip(slots, results, strict=True):
            self.reporter.show_output(log)
            self._report_finished(slot, run, self.planned - pair + (1 - slot.position) / 2)
        for slot, (run, _) in zip(slots, results, strict=True):
            self._keep(slot, run)
        if reason := self.interleaving.disappointment_of([run for run, _ in results]):
            self._fall_back(reason)
        if self.interleaving.lengthen_slices([run for run, _ in results]):
            self.measurement.header["interleave"] = self.interleaving.described
        return True

    def _fall_back(self, reason: str) -> None:
        """Measure run by run from now on, and say so."""
        self.interleaving.fall_back(reason)
        self._report_interleaving()

    def _report_interleaving(self) -> None:
        """Say how base and head alternate; it is a warning where another way was asked for by name."""
        interleaving = self.interleaving
        self.measurement.header["interleave"] = interleaving.described
        if interleaving.kind is Kind.RUN and interleaving.asked not in {"auto", "run"}:
            self.warn(f"{interleaving.asked} is not used: {interleaving.sentence}")
        else:
            self.reporter.emit("interleaved", kind=str(interleaving.kind), why=interleaving.sentence)

    def _run(self, slot: Slot, done: float) -> None:
        """Run once, and again if it failed and retries were asked for; `done` is the part of the pair that is over."""
        self._report("run-started", slot, self.planned - slot.pair + 1 - done)
        retried: list[str] = []
        while True:
            run, log = self._execute(slot, retried)
            if run.failure is None or len(retried) >= self.options.retries or not self._may_go_on():
                break
            if run.is_usable and (run.side, run.failure) in self.known_failures:
                break
            retried.append(run.failure)
            self.reporter.emit("retried", pair=slot.pair, unit=self._unit, side=slot.side, failure=run.failure)
        self.reporter.show_output(log)
        self._report_finished(slot, run, self.planned - slot.pair + 1 - done - 1 / len(self.trees))
        self._keep(slot, run)

    def _report_finished(self, slot: Slot, run: RunRecord, left: float) -> None:
        tail = self._new_tail(run, self.trees[slot.side])
        kept = run.result is not None
        self._report("run-finished", slot, left, wall_s=run.wall_s, failure=run.failure, kept=kept, output_tail=tail)

    def _execute(self, slot: Slot, retried: list[str]) -> tuple[RunRecord, OutputLog]:
        """Run once; watch the base's first good run for code of another tree.

        Raises:
            MeasureUsageError: the base ran code of another tree.
        """
        tree = self.trees[slot.side]
        self.executor.clocks = self.interleaving.clocks
        self.executor.fixed_addresses = self.interleaving.fixes_addresses
        waits = ReadyTimes() if self.interleaving.kind is Kind.TRIAL and slot.pair else None
        if slot.side != "base" or not self.shared_installs:
            return self.executor.run(slot, tree, self._selection_of(slot.pair), retried, waits)
        with OpenedFiles([folder for install in self.shared_installs for folder in install.folders]) as opened:
            run, log = self.executor.run(slot, tree, self._selection_of(slot.pair), retried, waits)
        for install in self.shared_installs:
            for path in sorted(opened.paths):
                if any(path.is_relative_to(folder) for folder in install.folders):
                    raise refuse_shared(install, path)
        if run.is_usable:
            self.shared_installs = ()
        return run, log

    def _new_tail(self, run: RunRecord, tree: SideTree) -> str | None:
        """Return the end of a failed run's output, unless one that differs in numbers and paths only was reported.

        Of a side that gives values and fails in the same way in every run, the first one is enough.
        """
        if run.output_tail is None or (run.side, run.failure) in self.known_failures:
            return None
        kind = re.sub(r"\d+", "0", run.output_tail.replace(str(tree.root), ""))
        is_new = kind not in self.reported_tails
        self.reported_tails.add(kind)
        return run.output_tail if is_new else None

    def _keep(self, slot: Slot, run: RunRecord) -> None:
        """Save a finished run, warn of processes that it left running, and note what ends the loop after it."""
        if slot.pair:
            self.measurement.runs.append(run)
            self.measurement.header |= {"monitor": self.executor.cost.described, "probe": self.probe.described}
            self.measurement.save()
        if run.left_behind:
            names = ", ".join(sorted(set(run.left_behind)))
            self.reporter.emit("warning", message=f"the run left processes behind, which were ended: {names}")
        self.executor.signals.check()
        self.interleaving.is_compiled |= run.compiled
        if run.failure and run.result:
            self.known_failures.add((run.side, run.failure))
        self.failing[slot.side] = 0 if run.is_usable else self.failing.get(slot.side, 0) + 1
        if self.failing[slot.side] >= MAX_CONSECUTIVE_FAILURES:
            why = f"stopped after {MAX_CONSECUTIVE_FAILURES} failures in a row of {slot.side}"
            self.stopped = StopReason("failures", why)
        if not self._may_go_on():
            self.stopped = StopReason("job-timeout", f"stopped at the job's limit of {self.options.job_timeout_s:g} s")

    def _may_go_on(self) -> bool:
        return self.executor.signals.stop is None and time.monotonic() < self.executor.ends

    def _ends_after(self, pair: int) -> bool:
        if pair == MIN_PAIRS - 1 and self.options.decide and self.interleaving.kind is not Kind.SELECTED:
            asked = None if self.options.extends else self.options.pairs
            spent = self.clock.pairs_s, self.clock.elapsed_s
            self.planned = affordable_pairs(asked, *spent, self.options.budget_s)
            self.measurement.header["plan"]["pairs"] = self.planned
        if pair == self.planned:
            return True
        if self.clock.used_up:
            few = f", fewer than the {MIN_PAIRS} a verdict needs" if pair < MIN_PAIRS and len(self.trees) > 1 else ""
            self.stopped = StopReason("budget", f"stopped after {pair} {self._unit}s{few}: the budget is used up")
        elif self.options.decide and pair in looks(self.planned):
            self._decide(self.options.decide)
        return self.stopped is not None

    def _decide(self, command: str) -> None:
        try:
            decision = ask_decision(command, self.measurement.file, self.executor.signals, self.executor.processes)
        except DecisionFailedError as error:
            self.executor.signals.check()
            self.warn(f"the program that decides gave no decision, so the plan stays as it is: {error}")
            return
        self.reporter.emit("decided", **{"continue": decision.go_on, "select": decision.select, "why": decision.why})
        self.selection = self.options.select if decision.select is None else decision.select
        if not decision.go_on:
            self.stopped = StopReason("decided", f"stopped early: {decision.why}")
        elif self.interleaving.shorten_rounds(decision.rounds):
            self._report_interleaving()

    def warn(self, message: str) -> None:
        """Report a warning now, and keep it with the measurement."""
        self.measurement.header["warnings"].append(message)
        self.reporter.emit("warning", message=message)

    def _report(self, event: str, slot: Slot, left: float, **details: object) -> None:
        self.reporter.emit(
            event,
            pair=slot.pair,
            pairs=self.planned,
            unit=self._unit,
            side=slot.side,
            warmup=slot.pair == 0,
            elapsed_s=round(self.clock.elapsed_s, 3),
            remaining_s=_rounded(self.clock.remaining_s(left)) if slot.pair else None,
            **details,
        )


def _rounded(amount: float | None) -> float | None:
    return None if amount is None or math.isinf(amount) else round(amount, 1)


class DecisionFailedError(Exception):
    """The program that decides failed or did not answer in the agreed form; the message says how."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to go on, with which benchmarks (None: those selected at first), and a sentence why.

    `memory` are the benchmarks that need more memory, where that was asked. `rounds` is the share of their rounds that
    the selected benchmarks need.
    """

    go_on: bool
    select: tuple[str, ...] | None
    why: str
    memory: tuple[str, ...] = ()
    rounds: float = 1.0


def ask_decision(command: str, measurement: Path, signals: SignalWaiter, processes: ProcessTree) -> Decision:
    """Run `command` with the measurement's path added, and read the last JSON object it prints.

    Raises:
        DecisionFailedError: it failed, took longer than a minute, or printed no decision.
    """
    log = OutputLog()
    argv = [*shlex.split(command), str(measurement)]
    variables = {**os.environ, MARKER_VARIABLE: processes.session_id}
    task = Task(argv, measurement.parent, variables, limit_s=_DECISION_LIMIT_S)
    try:
        ended = execute(task, log, signals, processes, NullSampler())
    except MeasureUsageError as error:
        raise DecisionFailedError(error.what) from error
    if ended.status is None:
        raise DecisionFailedError(f"no answer within {_DECISION_LIMIT_S:.0f} s")
    if ended.status != 0:
        raise DecisionFailedError(f"status {ended.status}: {log.last(300)}")
    return parse_decision(log.content.decode("utf-8", "replace"))


def parse_decision(text: str) -> Decision:
    """Return the decision in the last line that is a JSON object.

    Raises:
        DecisionFailedError: there is none, or a field has another type.
    """
    for line in reversed(text.splitlines()):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict):
            return _decision(answer)
    raise DecisionFailedError("it printed no JSON object")


def _decision(answer: dict[str, object]) -> Decision:
    go_on, select, why = answer.get("continue"), answer.get("select"), answer.get("why", "")
    if not isinstance(go_on, bool):
        raise DecisionFailedError("`continue` is neither true nor false")
    if select is not None and not (isinstance(select, list) and all(isinstance(name, str) for name in select)):
        raise DecisionFailedError("`select` is neither null nor a list of names")
    rounds = answer.get("rounds", 1.0)
    if isinstance(rounds, bool) or not isinstance(rounds, int | float) or not 0 < rounds <= 1:
        raise DecisionFailedError("`rounds` is no share")
    memory = answer.get("memory") or []
    if not (isinstance(memory, list) and all(isinstance(name, str) for name in memory)):
        raise DecisionFailedError("`memory` is no list of names")
    why = str(why) or "no reason given"
    return Decision(go_on, None if select is None else tuple(select), why, tuple(memory), float(rounds))
