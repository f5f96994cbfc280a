"""Pair after pair, until all are done, the budget is used up, a decision is reached or nothing works."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from regress_action.measure.decision import NoDecisionError, ask
from regress_action.measure.probe import Probe
from regress_action.measure.runner import Slot
from regress_action.measure.schedule import FEWEST, HOPELESS, Clock, is_look, look_step, order, spared_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.measure.call import Call
    from regress_action.measure.measurement import Measurement, Run
    from regress_action.measure.runner import Runner
    from regress_action.measure.trees import Tree
    from regress_action.measure.voice import Voice


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why the loop ended: a word for programs and a sentence for people; `saved_s` is what deciding early spared."""

    word: str
    why: str
    saved_s: float | None = None


@dataclass(slots=True)
class Loop:
    """The measurement proper: from the first warm-up to the last pair."""

    call: Call
    trees: Mapping[str, Tree]
    runner: Runner
    measurement: Measurement
    voice: Voice
    clock: Clock
    selection: tuple[str, ...]
    failing: dict[str, int] = field(default_factory=dict)
    stopped: Stopped | None = None
    probe: Probe = field(default_factory=Probe)

    def go(self) -> Stopped:
        """Measure.

        Raises:
            MeasureError: the disk is full, the program does not exist, or a stop was asked.
        """
        for _ in range(self.call.warmup):
            for position, side in enumerate(self.trees):
                self._run(Slot(side, 0, position), 0)
        self.probe.look(0)
        for pair in range(1, self.call.pairs + 1):
            self._pair(pair)
            if self.stopped or self._ends_after(pair):
                break
            self.probe.between(pair, sum(self.clock.pairs_s))
        self.probe.look(len(self.clock.pairs_s))
        self.measurement.header["probe"] = self.probe.described
        stopped = self.stopped or Stopped("complete", f"measured all {self.call.pairs} {self._unit}s")
        return replace(stopped, saved_s=self._saved_s(stopped))

    def _saved_s(self, stopped: Stopped) -> float | None:
        if not self.call.decide or stopped.word not in {"complete", "decided"}:
            return None
        asked, runs = list(self.call.select) or None, self.measurement.runs
        narrows = self.runner.command.obeys_selection
        whole = [run.wall_s for run in runs if run.selection == asked or not narrows]
        return spared_s(whole, sum(run.wall_s for run in runs), self.call.pairs * len(self.trees), self.call.budget_s)

    @property
    def _unit(self) -> str:
        return "pair" if len(self.trees) > 1 else "run"

    def _pair(self, pair: int) -> None:
        began = time.monotonic()
        for position, side in enumerate(order(tuple(self.trees), pair)):
            self._run(Slot(side, pair, position), position / len(self.trees))
            if self.stopped:
                return
        self.clock.pairs_s.append(time.monotonic() - began)

    def _run(self, slot: Slot, done: float) -> None:
        """Run once, and again if it failed and that was asked; `done` is the part of the pair that is over."""
        self._tell("run-started", slot, self.call.pairs - slot.pair + 1 - done)
        retried: list[str] = []
        while True:
            run, log = self.runner.run(slot, self.trees[slot.side], self.selection, retried)
            if run.failure is None or len(retried) >= self.call.retries or not self._may_go_on():
                break
            retried.append(run.failure)
            self.voice.say("retried", pair=slot.pair, side=slot.side, failure=run.failure)
        self.voice.show(log)
        left = self.call.pairs - slot.pair + 1 - done - 1 / len(self.trees)
        self._tell("run-finished", slot, left, wall_s=run.wall_s, failure=run.failure, output_tail=run.output_tail)
        self._keep(slot, run)

    def _keep(self, slot: Slot, run: Run) -> None:
        if slot.pair:
            self.measurement.runs.append(run)
            self.measurement.header |= {"monitor": self.runner.cost.described, "probe": self.probe.described}
            self.measurement.save()
        if run.left_behind:
            found = ", ".join(sorted(set(run.left_behind)))
            self.voice.say("warning", message=f"the run left processes behind, which were ended: {found}")
        self.runner.bell.check()
        self.failing[slot.side] = self.failing.get(slot.side, 0) + 1 if run.failure else 0
        if self.failing[slot.side] >= HOPELESS:
            self.stopped = Stopped("failures", f"stopped after {HOPELESS} failures in a row of {slot.side}")
        if not self._may_go_on():
            self.stopped = Stopped("job-timeout", f"stopped at the job's limit of {self.call.job_timeout_s:g} s")

    def _may_go_on(self) -> bool:
        return self.runner.bell.stop is None and time.monotonic() < self.runner.ends

    def _ends_after(self, pair: int) -> bool:
        if pair == self.call.pairs:
            return False
        if self.clock.used_up:
            few = f", fewer than the {FEWEST} a verdict needs" if pair < FEWEST and len(self.trees) > 1 else ""
            self.stopped = Stopped("budget", f"stopped after {pair} {self._unit}s{few}: the budget is used up")
        elif self.call.decide and is_look(pair, self.call.look_every or look_step(self.call.pairs)):
            self._look(self.call.decide)
        return self.stopped is not None

    def _look(self, command: str) -> None:
        try:
            decision = ask(command, self.measurement.file, self.runner.bell, self.runner.family)
        except NoDecisionError as error:
            self.runner.bell.check()
            self.warn(f"the decision could not be asked for, so the plan stays as it is: {error}")
            return
        self.voice.say("decided", **{"continue": decision.go_on, "select": decision.select, "why": decision.why})
        self.selection = self.call.select if decision.select is None else decision.select
        if not decision.go_on:
            self.stopped = Stopped("decided", f"stopped early: {decision.why}")

    def warn(self, message: str) -> None:
        """Say it now, and keep it with the measurement."""
        self.measurement.header["warnings"].append(message)
        self.voice.say("warning", message=message)

    def _tell(self, event: str, slot: Slot, left: float, **details: object) -> None:
        self.voice.say(
            event,
            pair=slot.pair,
            pairs=self.call.pairs,
            side=slot.side,
            warmup=slot.pair == 0,
            elapsed_s=round(self.clock.elapsed_s, 3),
            remaining_s=_rounded(self.clock.remaining_s(left)) if slot.pair else None,
            **details,
        )


def _rounded(amount: float | None) -> float | None:
    return None if amount is None or math.isinf(amount) else round(amount, 1)
