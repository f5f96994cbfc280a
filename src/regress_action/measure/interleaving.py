"""How base and head of a pair alternate: what was asked for, what the suite allows, and why."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from regress_action.measure.active_clock import NoClockError
from regress_action.measure.activity import waiting_share
from regress_action.measure.cooperative_turns import CONTAINER
from regress_action.measure.frozen_turns import SLICE_S
from regress_action.measure.process_tree import CHILDREN_LISTED
from regress_action.measure.suite_command import draws_layout, style_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from regress_action.measure.active_clock import ActiveClocks
    from regress_action.measure.measurement import RunRecord
    from regress_action.measure.options import Options

_LEAST_BUSY = 0.85  # of a trial; the rest is waiting, which goes on while a command is stopped
_LEAST_BUSY_IN_TURNS = 0.75  # what is ready to run is seen less exactly there
_MOST_OFF_TURN = 0.1
_SHORTEST_S = 0.2
_ONE_PROCESSOR = 1.1
_MUCH_MORE = 0.05
_LONGEST_SLICE_S = 0.06
_FEWEST_SLICES = 20


class Kind(StrEnum):
    """How the pairs are measured.

    `TRIAL` is a pair that is measured run by run and watched; a pair of `SELECTED` is of one selected benchmark.
    """

    RUN = "run"
    TRIAL = "trial"
    FROZEN = "frozen"
    COOPERATIVE = "cooperative"
    BENCHMARK = "benchmark"
    SELECTED = "selected"
    PARALLEL = "parallel"


_IN_WORDS = {
    Kind.RUN: "run by run",
    Kind.FROZEN: "in lockstep, one side stopped at any time",
    Kind.COOPERATIVE: "in lockstep, round by round of each benchmark",
    Kind.BENCHMARK: "benchmark by benchmark",
    Kind.SELECTED: "benchmark by benchmark, in runs of one each",
    Kind.PARALLEL: "at the same time",
}


@dataclass(slots=True)
class Interleaving:
    """What was asked for and what is done, with a sentence why; `cpus` are those that a stopped pair shares.

    `slice_s` is how long the turns of a stopped pair are, `alone_cpu_s` the CPU time of both runs of the trial,
    `rounds` the share of their rounds that the suites of a pair time. `has_met` is whether suites took turns in an
    earlier pair, so that they may start at the same time. `clocks` are those that a suite reads which times itself.
    `is_python` is whether the command is known to be a Python program that draws its layout, `is_compiled` whether a
    run executed a program that was compiled in its tree.
    """

    asked: str
    kind: Kind
    why: str
    cpus: tuple[int, ...] = ()
    slice_s: float = SLICE_S
    alone_cpu_s: float = 0.0
    rounds: float = 1.0
    has_met: bool = False
    clocks: ActiveClocks | None = None
    is_python: bool = False
    is_compiled: bool = False

    @property
    def fixes_addresses(self) -> bool:
        """Whether the kernel places nothing at random: where the layout is drawn otherwise.

        Elsewhere, what an edit without any effect does at one set of addresses would show in every pair. A suite that
        takes turns has loaded the measurer's plugin, and so what draws the layout. A compiled program that it starts
        has not.
        """
        return not self.is_compiled and (self.is_python or self.kind in {Kind.COOPERATIVE, Kind.BENCHMARK})

    @property
    def in_turns(self) -> bool:
        """Whether both sides of a pair are started together."""
        return self.kind not in {Kind.RUN, Kind.TRIAL, Kind.SELECTED}

    @property
    def sentence(self) -> str:
        """What is done, and why, for people."""
        enough = f"; {_percent(self.rounds)} of the rounds are enough, as processes differ by more"
        fewer = enough if self.rounds < 1 else ""
        return f"base and head alternate {_IN_WORDS[self.kind]}: {self.why}{fewer}"

    @property
    def described(self) -> dict[str, Any]:
        """The form in which measurement.json holds it."""
        return {
            "asked": self.asked,
            "kind": str(self.kind),
            "why": self.why,
            "cpus": list(self.cpus),
            "slice_s": self.slice_s,
            "rounds": self.rounds,
        }

    def judge_trial(self, runs: Sequence[RunRecord]) -> None:
        """Choose between stopping and run by run, after one run of each side."""
        if reason := self._why_not_stopped(runs):
            self.fall_back(reason)
            return
        busiest = max((run.user_s + run.system_s) / run.wall_s for run in runs)
        if not self.cpus and busiest <= _ONE_PROCESSOR:
            self.cpus = shared_processor()
        self.kind = Kind.FROZEN
        self.alone_cpu_s = _cpu_s(runs)
        self.why = f"the command was busy for {_percent(min(map(_busy, runs)))} of a trial run"
        if self.clocks:
            self.clocks.is_trial = False
            self.why += ", and the clock that it reads leaves out the time in which it is stopped"

    def _why_not_stopped(self, runs: Sequence[RunRecord]) -> str | None:
        """Return what the trial says against stopping the command, None where nothing does."""
        if self.clocks is None:
            return _unsuited(runs)
        if failed := next((run for run in runs if run.failure), None):
            return f"the trial run of {failed.side} {failed.failure} with the library that corrects its clock"
        return _unsuited(runs) or next(iter(self.clocks.doubts), None)

    def fault_of(self, runs: Sequence[RunRecord], known_failures: Collection[tuple[str, str]] = ()) -> str | None:
        """Return why a pair that was measured in turns cannot be used, None where it can.

        `known_failures` are side and failure of runs that fail in the same way without turns, and give values.
        """
        waited = _waited_in_turns(runs) if self.kind is Kind.FROZEN else None
        if fault := _failed_in_turns(runs, known_failures) or waited or _computed_off_turn(runs):
            return fault
        if self.clocks:
            return self.clocks.fault_of(run.side for run in runs)
        return self.disappointment_of(runs) if self.has_met else None  # both ran at once then

    def lengthen_slices(self, runs: Sequence[RunRecord]) -> bool:
        """Double the slices where a stopped pair took much more CPU time than alone; return whether they were.

        After each turn a command finds the caches filled by the other one, and the longer it runs, the less that costs.
        A run still has twenty slices at least.
        """
        # A suite that times itself decides anew in each run how long it computes.
        if self.kind is not Kind.FROZEN or self.clocks or not self.alone_cpu_s:
            return False
        costs_much = _cpu_s(runs) > (1 + _MUCH_MORE) * self.alone_cpu_s
        longest_s = min(_LONGEST_SLICE_S, min(run.wall_s for run in runs) / _FEWEST_SLICES)
        longer_s = min(2 * self.slice_s, longest_s)
        if not costs_much or longer_s <= self.slice_s:
            return False
        self.slice_s = longer_s
        return True

    def shorten_rounds(self, share: float) -> bool:
        """Time only a share of the rounds from now on, where suites take turns; return whether that is new.

        What was shortened once stays so: with fewer rounds, what they explain is known less well.
        """
        if share >= 1 or self.rounds < 1 or self.kind not in {Kind.COOPERATIVE, Kind.BENCHMARK}:
            return False
        self.rounds = share
        return True

    def disappointment_of(self, runs: Sequence[RunRecord]) -> str | None:
        """Return why no turns were taken in a pair that can be used all the same, None where some were."""
        if self.kind not in {Kind.COOPERATIVE, Kind.BENCHMARK}:
            return None
        if not (runs[0].turns or {}).get("met"):
            return "the suite did not load the plugin that takes turns, or no benchmark is on both sides"
        self.has_met = True
        return None

    def processors_apart(self, first: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return a processor for each side of a parallel pair, exchanged from pair to pair; none where there is one."""
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) == 1:
            return (), ()
        apart = ((usable[-2],), (usable[-1],))
        return apart if first == 0 else (apart[1], apart[0])

    def fall_back(self, reason: str) -> None:
        """Measure run by run from now on."""
        self.kind, self.why = Kind.RUN, reason
        if self.clocks:
            self.clocks.close()
            self.clocks = None


def choose(options: Options, *, is_subreaper: bool, clocks: Callable[[], ActiveClocks]) -> Interleaving:
    """Return how the pairs are to be measured, as far as that can be told before the first run.

    `clocks` makes the clocks for a suite that times itself.
    """
    chosen = _choose(options, is_subreaper=is_subreaper, clocks=clocks)
    is_one_program = _writes_no_results(options) or style_of(" ".join(options.command)) == "pytest"
    chosen.is_python = is_one_program and not os.environ.get(CONTAINER) and draws_layout(options.command)
    return chosen


def _choose(options: Options, *, is_subreaper: bool, clocks: Callable[[], ActiveClocks]) -> Interleaving:
    asked = options.interleave
    if not options.base or asked == "run":
        return Interleaving(asked, Kind.RUN, "as it was asked for" if options.base else "there is one side")
    if not (is_subreaper and CHILDREN_LISTED):
        return Interleaving(asked, Kind.RUN, f"taking turns needs Linux, and this is {sys.platform}")
    if asked == "parallel":
        return Interleaving(asked, Kind.PARALLEL, "as it was asked for")
    return _by_suite(options, clocks)


def _by_suite(options: Options, clocks: Callable[[], ActiveClocks]) -> Interleaving:
    """Choose by what the suite's results are."""
    asked, text = options.interleave, " ".join(options.command)
    if _writes_no_results(options):
        if asked == "benchmark":
            return Interleaving(asked, Kind.RUN, "the command is one benchmark")
        return Interleaving(asked, Kind.TRIAL, "a trial run of each side decides", options.cpus)
    if style_of(text) == "pytest":
        kind = Kind.BENCHMARK if asked == "benchmark" else Kind.COOPERATIVE
        return Interleaving(asked, kind, "the benchmarks are pytest's, which can give turns to one another")
    if "{select}" in text and options.select and options.select_style != "plain" and not options.decide:
        why = f"the suite runs any one of the {len(options.select)} selected benchmarks by itself"
        return Interleaving(asked, Kind.SELECTED, why)
    return _by_clock(options, clocks)


def _writes_no_results(options: Options) -> bool:
    text = " ".join(options.command)
    return options.results is None and "{out}" not in text and "REGRESS_OUT" not in text


def _by_clock(options: Options, clocks: Callable[[], ActiveClocks]) -> Interleaving:
    """Choose for a suite that times itself: it may be stopped where its clock can be corrected."""
    asked, own = options.interleave, "the suite times itself"
    if asked == "benchmark":
        return Interleaving(asked, Kind.RUN, f"{own}, and nothing tells where a benchmark of it begins")
    if style_of(" ".join(options.command)) == "go":
        return Interleaving(asked, Kind.RUN, f"{own}, and Go takes the time from the kernel by itself")
    if os.environ.get(CONTAINER):
        return Interleaving(asked, Kind.RUN, f"{own}, and in a container its clock cannot be corrected")
    if asked == "auto":
        return Interleaving(asked, Kind.RUN, f"{own}; `lockstep` by name stops it with a corrected clock")
    try:
        corrected = clocks()
    except NoClockError as error:
        return Interleaving(asked, Kind.RUN, f"{own}, and {error}")
    return Interleaving(asked, Kind.TRIAL, "a trial run of each side decides", options.cpus, clocks=corrected)


def _unsuited(runs: Sequence[RunRecord]) -> str | None:
    """Return why a command must not be stopped, None where it may be."""
    for run in runs:
        if not run.is_usable:
            return f"the trial run of {run.side} {run.failure}"
        if run.wall_s < _SHORTEST_S:
            return f"a run takes {1000 * run.wall_s:.0f} ms, so whole runs alternate fast enough"
        busy = _busy(run)
        if busy < _LEAST_BUSY:
            return (
                f"{run.side} waited for {_percent(1 - busy)} of its trial run (sleep, disk, network or another "
                "process), and what it waits for would go on while it is stopped"
            )
    return None


def _failed_in_turns(runs: Sequence[RunRecord], known_failures: Collection[tuple[str, str]]) -> str | None:
    """Return which side failed in another way than it does by itself."""
    for run in runs:
        if run.failure is not None and not (run.is_usable and (run.side, run.failure) in known_failures):
            return f"{run.side} {run.failure} while it took turns with the other side"
    return None


def _waited_in_turns(runs: Sequence[RunRecord]) -> str | None:
    """Return which side waited for much of its turns; what other machines took of its processor is left out."""
    taken_s = sum(run.wall_s for run in runs)
    for run in runs:
        busy = (run.turns or {}).get("busy")
        stolen = run.steal_s / (os.cpu_count() or 1) / taken_s if taken_s else 0.0  # both were noted for the whole pair
        if busy is not None and busy + stolen < _LEAST_BUSY_IN_TURNS:
            share = f"{run.side} waited for {_percent(1 - busy - stolen)} of its turns"
            return f"{share}, perhaps for something that the stopped side holds"
    return None


def _computed_off_turn(runs: Sequence[RunRecord]) -> str | None:
    """Return which side computed while the other one had its turns."""
    for run in runs:
        off_turn = (run.turns or {}).get("off_turn")
        if off_turn is not None and off_turn > _MOST_OFF_TURN:
            return f"{run.side} computed for {_percent(off_turn)} of the other side's turns"
    return None


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _cpu_s(runs: Sequence[RunRecord]) -> float:
    return sum(run.user_s + run.system_s for run in runs)


def _busy(run: RunRecord) -> float:
    """Return the share in which a run would be busy on a quiet machine: others' time on its processor is left out.

    Where processes come and go all the time, that is known from the moments at which somebody looked.
    """
    used_s = run.user_s + run.system_s
    stolen_s = run.steal_s / (os.cpu_count() or 1)
    waited_s = max(0.0, run.wall_s - used_s - (run.ready_s or 0.0) - stolen_s)
    if (waiting := waiting_share(run.resources or {})) is not None:
        waited_s = min(waited_s, waiting * run.wall_s)
    return used_s / max(used_s + waited_s, 1e-9)


def shared_processor() -> tuple[int, ...]:
    """Return the processor for commands that take turns: the last one, which has fewer interrupts than the first."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[-1],) if len(usable) > 1 else ()
