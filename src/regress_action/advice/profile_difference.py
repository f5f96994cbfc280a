"""Base and head profiles side by side: the cost of functions and lines in every pair, and intervals of differences."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from regress_action.model.profiles import CostChange, CostMode, FunctionKey, StackProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from regress_action.advice.profile_files import ProfileRun
    from regress_action.model.profiles import Stack, StackFrame

_CPU_ENOUGH = 0.5
_LEAST_SHARE_OF_BENCHMARK = 0.2
_RATIO_THAT_COUNTS = math.log(1.05)
_EQUAL_TIMES = math.log(1.15)
_FEWEST = 2
_MAIN_THREAD = "[main thread]"
_THREADS = frozenset({_MAIN_THREAD, "[other threads]"})
_WAITS = frozenset(
    {
        ("_worker", "<python>/concurrent/futures/thread.py"),
        ("Thread.join", "<python>/threading.py"),
        ("Thread._wait_for_tstate_lock", "<python>/threading.py"),
        ("Future.result", "<python>/concurrent/futures/_base.py"),
        ("wait", "<python>/concurrent/futures/_base.py"),
        ("_result_or_cancel", "<python>/concurrent/futures/_base.py"),
        ("Executor.map.<locals>.result_iterator", "<python>/concurrent/futures/_base.py"),
        ("Queue.get", "<python>/queue.py"),
        ("Queue.join", "<python>/queue.py"),
    }
)
_PARAMETERS = re.compile(r"\[.*\]\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PairedProfiles:
    """The stacks of every pair, base and head; `scales` are factors for the costs of either side."""

    mode: CostMode
    base: tuple[Mapping[Stack, float], ...]
    head: tuple[Mapping[Stack, float], ...]
    is_scaled: bool = False
    cpu_share: float | None = None

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return len(self.base)

    @property
    def unit(self) -> str:
        """The unit of the costs."""
        return StackProfile(self.mode).unit

    def change(self, cost: Callable[[Mapping[Stack, float], bool], float]) -> CostChange:
        """Return how a cost changed; `cost` gets the stacks of a run, and whether it is of the head."""
        return change_of([cost(run, False) for run in self.base], [cost(run, True) for run in self.head])  # noqa: FBT003

    def total(self) -> CostChange:
        """Return how the cost of everything changed; without an interval where it is what the timed runs gave."""
        total = self.change(lambda run, _: sum(run.values()))
        return CostChange(total.base, total.head) if self.is_scaled else total

    def costs(self, parts: Callable[[Stack], Iterable[object]]) -> dict[object, CostChange]:
        """Return how the cost of every part changed; `parts` names what the cost of a stack counts for."""
        sums: list[list[dict[object, float]]] = []
        for side in (self.base, self.head):
            sums.append([])
            for run in side:
                sums[-1].append(_summed(run, parts))
        names = {name for side in sums for run in side for name in run}
        base, head = sums
        return {
            name: change_of([run.get(name, 0.0) for run in base], [run.get(name, 0.0) for run in head])
            for name in names
        }


def _summed(run: Mapping[Stack, float], parts: Callable[[Stack], Iterable[object]]) -> dict[object, float]:
    costs: dict[object, float] = {}
    for stack, cost in run.items():
        for name in set(parts(stack)):
            costs[name] = costs.get(name, 0.0) + cost
    return costs


def own_function(stack: Stack) -> FunctionKey:
    """Return the function that a stack's cost is its own: the innermost of the tree, else the leaf."""
    for frame in reversed(stack):
        if frame.key.is_own:
            return frame.key
    return stack[-1].key


def change_of(base: Sequence[float], head: Sequence[float]) -> CostChange:
    """Return the means of both sides and the interval of the mean difference of the pairs (Student 1908)."""
    if not base:
        return CostChange(0.0, 0.0)
    differences = [after - before for before, after in zip(base, head, strict=True)]
    if len(differences) < _FEWEST:
        return CostChange(fmean(base), fmean(head))
    half = _quantile(len(differences) - 1) * stdev(differences) / math.sqrt(len(differences))
    middle = fmean(differences)
    return CostChange(fmean(base), fmean(head), middle - half, middle + half)


@lru_cache(maxsize=64)
def _quantile(degrees: int) -> float:
    """Return the quantile of Student's distribution for an interval of 95 %."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))


def paired(
    runs: Sequence[ProfileRun], benchmarks: Sequence[str] = (), measured: tuple[float, float] | None = None
) -> PairedProfiles | None:
    """Return the pairs of a profiled target in the mode that shows the difference, None where no pair is complete.

    CPU time is preferred, because other processes disturb it least; elapsed time is taken where most of the additional
    time is waiting. `measured` are the times of base and head by the timed runs. Where the benchmark does as much as
    fits into its time, so that the profiles are of equal length though one side is slower, the costs are scaled to it.
    """
    modes = {mode: pairs for mode in CostMode if (pairs := _pairs_of(runs, mode))}
    if not modes:
        return None
    cpu, wall = modes.get(CostMode.CPU), modes.get(CostMode.WALL)
    share = _share_of_cpu(cpu, wall) if cpu and wall else None
    chosen = cpu or wall or next(iter(modes.values()))
    if wall and (cpu is None or (share is not None and share < _CPU_ENOUGH)):
        chosen = without_waiting_for_threads(wall)
    chosen = within_benchmark(replace(chosen, cpu_share=share), benchmarks)
    return scaled(chosen, measured) if measured else chosen


def _pairs_of(runs: Sequence[ProfileRun], mode: CostMode) -> PairedProfiles | None:
    sides: dict[str, dict[int, Mapping[Stack, float]]] = {"base": {}, "head": {}}
    for run in runs:
        if run.side in sides and mode in run.stacks:
            sides[run.side][run.pair] = run.stacks[mode].stacks
    both = sorted(sides["base"].keys() & sides["head"].keys())
    if not both:
        return None
    return PairedProfiles(
        mode, tuple(sides["base"][pair] for pair in both), tuple(sides["head"][pair] for pair in both)
    )


def _share_of_cpu(cpu: PairedProfiles, wall: PairedProfiles) -> float | None:
    """Return the growth of CPU time over that of the main thread's elapsed time, both relative to the base.

    Relative growth is compared because on a busy machine any work takes longer than its CPU time.
    """
    computing, elapsed = cpu.total(), _main_only(wall).total()
    if elapsed.difference <= 0 or not (computing.base and elapsed.base):
        return None
    growth = (computing.difference / computing.base) / (elapsed.difference / elapsed.base)
    return max(0.0, min(1.0, growth))


def _main_only(profiles: PairedProfiles) -> PairedProfiles:
    def kept(runs: tuple[Mapping[Stack, float], ...]) -> tuple[Mapping[Stack, float], ...]:
        return tuple({s: c for s, c in run.items() if s[0].function == _MAIN_THREAD} or run for run in runs)

    return replace(profiles, base=kept(profiles.base), head=kept(profiles.head))


def without_waiting_for_threads(profiles: PairedProfiles) -> PairedProfiles:
    """Leave out the time in which a thread waits for other threads of the profile, whose own time is in it as well."""
    others = any(
        stack[0].function != _MAIN_THREAD and stack[0].function in _THREADS and _has_own(stack)
        for run in (*profiles.base, *profiles.head)
        for stack in run
    )
    if not others:
        return profiles

    def kept(runs: tuple[Mapping[Stack, float], ...]) -> tuple[Mapping[Stack, float], ...]:
        return tuple({s: c for s, c in run.items() if not _waits(s)} for run in runs)

    return replace(profiles, base=kept(profiles.base), head=kept(profiles.head))


def _has_own(stack: Stack) -> bool:
    return any(frame.key.is_own for frame in stack)


def _waits(stack: Stack) -> bool:
    """Whether the end of a stack, from its innermost own function on, waits for another thread."""
    for frame in reversed(stack):
        if (frame.function, frame.path) in _WAITS:
            return True
        if frame.key.is_own:
            return False
    return False


def within_benchmark(profiles: PairedProfiles, benchmarks: Sequence[str]) -> PairedProfiles:
    """Return the stacks below the function of a single benchmark, where that takes a fair part of the time."""
    if len(benchmarks) != 1:
        return profiles
    name = _PARAMETERS.sub("", benchmarks[0]).replace("/", "::").rpartition("::")[2].rpartition(".")[2]
    if not name:
        return profiles

    def below(runs: tuple[Mapping[Stack, float], ...]) -> tuple[Mapping[Stack, float], ...]:
        return tuple(
            {stack[index:]: cost for stack, cost in run.items() if (index := _index_of(stack, name)) is not None}
            for run in runs
        )

    inside = replace(profiles, base=below(profiles.base), head=below(profiles.head))
    before, after = profiles.total(), inside.total()
    is_fair = all(
        part >= _LEAST_SHARE_OF_BENCHMARK * everything
        for part, everything in ((after.base, before.base), (after.head, before.head))
    )
    return inside if is_fair else profiles


def _index_of(stack: Stack, name: str) -> int | None:
    return next((i for i, frame in enumerate(stack) if frame.key.is_own and _last(frame) == name), None)


def _last(frame: StackFrame) -> str:
    return frame.function.rpartition(".")[2]


def scaled(profiles: PairedProfiles, measured: tuple[float, float]) -> PairedProfiles:
    """Return the profiles per iteration where their lengths are rather alike than in the measured ratio."""
    total = profiles.total()
    base_s, head_s = measured
    if not (base_s > 0 and head_s > 0 and total.base > 0 and total.head > 0):
        return profiles
    ratio, profiled = math.log(head_s / base_s), math.log(total.head / total.base)
    if ratio < _RATIO_THAT_COUNTS or abs(profiled) > _EQUAL_TIMES or abs(profiled - ratio) <= abs(profiled):
        return profiles

    def per_iteration(runs: tuple[Mapping[Stack, float], ...], seconds: float) -> tuple[Mapping[Stack, float], ...]:
        factors = [seconds / sum(run.values()) if run else 0.0 for run in runs]
        return tuple(
            {stack: cost * factor for stack, cost in run.items()} for run, factor in zip(runs, factors, strict=True)
        )

    return replace(
        profiles,
        base=per_iteration(profiles.base, base_s),
        head=per_iteration(profiles.head, head_s),
        is_scaled=True,
    )


LineShares = dict[tuple[bool, FunctionKey], dict[int, float]]
"""The part of a function's time that each of its lines takes, by whether it is of the head."""

_Entry = tuple[tuple[tuple[FunctionKey, int], ...], float]


def line_shares(runs: Sequence[ProfileRun]) -> LineShares:
    """Return how the time of a function divides among its lines, for functions whose lines were timed."""
    shares: LineShares = {}
    for run in runs:
        for key, lines in (run.lines or {}).items():
            total = sum(seconds for _, seconds in lines.values())
            if total > 0:
                shares[run.side == "head", key] = {line: seconds / total for line, (_, seconds) in lines.items()}
    return shares


@dataclass(slots=True)
class LineCosts:
    """The cost of lines, with all that they call.

    A sample shows where the interpreter lets go of its lock, which is the next call or the end of a loop's body. Where
    the lines of a function were timed, its sampled cost is therefore divided by `shares`.
    """

    profiles: PairedProfiles
    shares: LineShares = field(default_factory=dict)
    _by_path: dict[tuple[bool, int, str], list[_Entry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for is_head, runs in ((False, self.profiles.base), (True, self.profiles.head)):
            for index, run in enumerate(runs):
                for stack, cost in run.items():
                    frames: dict[str, set[tuple[FunctionKey, int]]] = {}
                    for frame in stack:
                        if frame.line and frame.key.is_own:
                            frames.setdefault(frame.path, set()).add((frame.key, frame.line))
                    for path, places in frames.items():
                        self._by_path.setdefault((is_head, index, path), []).append((tuple(places), cost))

    def costs(self, path: str, lines: set[int], *, is_head: bool) -> list[float]:
        """Return for every pair what the stacks cost in which one of the lines is executed."""
        parts: dict[FunctionKey, float] = {
            key: sum(share for line, share in shares.items() if line in lines)
            for (of_head, key), shares in self.shares.items()
            if of_head is is_head and key.path == path
        }

        def part(key: FunctionKey, line: int) -> float:
            return parts[key] if key in parts else float(line in lines)

        return [
            sum(
                cost * max(part(key, line) for key, line in places)
                for places, cost in self._by_path.get((is_head, index, path), ())
            )
            for index in range(self.profiles.pairs)
        ]

    def change(self, base: tuple[str, set[int]], head: tuple[str, set[int]]) -> CostChange:
        """Return how the cost of some lines of the base changed to that of some lines of the head."""
        return change_of(self.costs(*base, is_head=False), self.costs(*head, is_head=True))

    def executes(self, path: str) -> bool:
        """Whether a line of the file is in a profile of the head."""
        return any(key[0] and key[2] == path for key in self._by_path)
