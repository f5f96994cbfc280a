"""From profiles and a diff to the cause of a regression.

* Verdicts about functions: which became slower, though the benchmark that calls them is too noisy to show it.
* All stacks of base and head merged into one tree, for a flame graph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING

from regress_action.advice.culprits import CulpritSearch
from regress_action.advice.profile_difference import LineCosts, PairedProfiles, line_shares, own_function, paired
from regress_action.model.profiles import (
    Cause,
    CostChange,
    FunctionCalls,
    FunctionChange,
    FunctionKey,
    MovedCost,
    SlowerFunction,
    StackNode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from regress_action.advice.changed_lines import ChangedFile
    from regress_action.advice.profile_files import ProfiledTarget, ProfileRun
    from regress_action.model.profiles import Stack


FALSE_ALARMS = 0.01
FEWEST_PAIRS = 5
_LEAST_SHARE = 0.002
_LEAST_RATIO = 1.03

LEAST_SHARE = 0.001
DEEPEST = 120
ROOT = FunctionKey("all")
MOST_FUNCTIONS = 30
MOST_FILES = 20
_LEAST_MOVED = 0.1
_ALIKE = 0.25
_FEWEST = 2


def slower_functions(runs: Sequence[ProfileRun], level: float = FALSE_ALARMS) -> tuple[SlowerFunction, ...]:
    """Return the own functions that became slower, surest first; the chance of any false one is at most `level`.

    The logarithm of the time of one call is compared pair by pair. What all functions of a pair have in common, the
    machine's speed at the time, is taken off by the median over the functions. Functions below a fifth of a percent of
    the time, or with calls that differ between the sides by more than a tenth, are not tested.
    """
    pairs = _pairs(runs)
    if len(pairs) < FEWEST_PAIRS:
        return ()
    tested = _tested(pairs)
    if not tested:
        return ()
    logs = {
        key: [math.log(_seconds_of_a_call(head[key]) / _seconds_of_a_call(base[key])) for base, head in pairs]
        for key in tested
    }
    common = [median(logs[key][pair] for key in tested) for pair in range(len(pairs))]
    rows = [_row(key, [a - b for a, b in zip(logs[key], common, strict=True)], tested[key]) for key in tested]
    return tuple(_rejected(rows, level))


def _pairs(
    runs: Sequence[ProfileRun],
) -> list[tuple[Mapping[FunctionKey, FunctionCalls], Mapping[FunctionKey, FunctionCalls]]]:
    sides = {(run.side, run.pair): run.calls.functions for run in runs if run.calls}
    numbers = sorted({pair for _, pair in sides})
    return [
        (sides["base", pair], sides["head", pair])
        for pair in numbers
        if ("base", pair) in sides and ("head", pair) in sides
    ]


def _tested(
    pairs: list[tuple[Mapping[FunctionKey, FunctionCalls], Mapping[FunctionKey, FunctionCalls]]],
) -> dict[FunctionKey, float]:
    """Return the functions that are compared, with their share of the time of the base."""
    everything = sum(row.own_s for base, _ in pairs for row in base.values())
    tested = {}
    for key in pairs[0][0]:
        rows = [(base.get(key), head.get(key)) for base, head in pairs]
        usable = [(base, head) for base, head in rows if base and head and base.own_s > 0 and head.own_s > 0]
        if not key.is_own or len(usable) < len(pairs):
            continue
        share = sum(base.own_s for base, _ in usable) / everything
        calls = sum(head.calls for _, head in usable) / max(1.0, sum(base.calls for base, _ in usable))
        if share >= _LEAST_SHARE and abs(math.log(max(calls, 1e-9))) < math.log(1.1):
            tested[key] = share
    return tested


def _seconds_of_a_call(row: FunctionCalls) -> float:
    return row.own_s / max(1.0, row.calls)


def _row(key: FunctionKey, logs: list[float], share: float) -> SlowerFunction:
    """Return the mean of the logarithms with Student's interval, and the one-sided p-value that it is not above 0."""
    from scipy.special import stdtr, stdtrit

    degrees, middle = len(logs) - 1, fmean(logs)
    error = max(stdev(logs) / math.sqrt(len(logs)), 1e-9)
    half = float(stdtrit(degrees, 0.975)) * error
    p_value = float(stdtr(degrees, -middle / error))
    return SlowerFunction(key, math.exp(middle), math.exp(middle - half), math.exp(middle + half), share, p_value)


def _rejected(rows: list[SlowerFunction], level: float) -> list[SlowerFunction]:
    """Return the rows that Holm's procedure rejects, with corrected p-values."""
    slower, largest = [], 0.0
    for index, row in enumerate(sorted(rows, key=lambda row: row.p_value)):
        largest = max(largest, min(1.0, row.p_value * (len(rows) - index)))
        if largest > level:
            break
        if row.ratio >= _LEAST_RATIO:
            slower.append(SlowerFunction(row.key, row.ratio, row.low, row.high, row.share, largest))
    return slower


@dataclass(slots=True)
class _Node:
    line: int = 0
    costs: list[float] = field(default_factory=lambda: [0.0, 0.0])
    children: dict[FunctionKey, _Node] = field(default_factory=dict)


def stack_tree(profiles: PairedProfiles) -> StackNode:
    """Return the tree, without what takes less than a thousandth on both sides and beyond a depth of 120."""
    root = _Node()
    for side, runs in enumerate((profiles.base, profiles.head)):
        for run in runs:
            for stack, cost in run.items():
                node = root
                node.costs[side] += cost / profiles.pairs
                for frame in stack[:DEEPEST]:
                    node = node.children.setdefault(frame.key, _Node(frame.line))
                    node.costs[side] += cost / profiles.pairs
    return _finished(ROOT, root, (LEAST_SHARE * root.costs[0], LEAST_SHARE * root.costs[1]))


def _finished(key: FunctionKey, node: _Node, least: tuple[float, float]) -> StackNode:
    children = (
        _finished(name, child, least)
        for name, child in node.children.items()
        if child.costs[0] > least[0] or child.costs[1] > least[1]
    )
    ordered = tuple(sorted(children, key=lambda child: (child.key.path, child.key.function)))
    return StackNode(key, node.costs[0], node.costs[1], node.line, ordered)


def explain(
    target: ProfiledTarget,
    files: Sequence[ChangedFile],
    source: Callable[[str], str | None],
    measured: tuple[float, float] | None = None,
) -> Cause | None:
    """Return what the profiles of one target say, None where no pair of them is complete.

    `source` returns the text of a file of the head, `measured` are the times of base and head by the timed runs.
    """
    profiles = paired(target.runs, target.benchmarks, measured)
    if profiles is None:
        return None
    total, counted = profiles.total(), any(run.calls for run in target.runs)
    functions = function_changes(profiles, target.runs, total)
    moved = moved_costs(functions.values(), total)
    lines = LineCosts(profiles, line_shares(target.runs))
    is_certain = total.is_more or profiles.pairs < _FEWEST or profiles.is_scaled
    search = CulpritSearch(profiles, lines, functions, total, files, source, moved)
    culprit = search.culprit() if is_certain else None
    first = culprit.function if culprit else None
    targets = {move.target for move in moved}
    ordered = sorted(
        functions.values(), key=lambda row: (row.key != first, row.key in targets, -abs(row.own.difference))
    )
    return Cause(
        benchmarks=target.benchmarks,
        mode=profiles.mode,
        unit=profiles.unit,
        pairs=profiles.pairs,
        total=total,
        functions=tuple(ordered[:MOST_FUNCTIONS]),
        culprit=culprit,
        moved=moved,
        is_scaled=profiles.is_scaled,
        cpu_share=profiles.cpu_share,
        unexecuted=_unexecuted(files, lines),
        counted=counted,
        hottest=_hottest(profiles),
        tree=stack_tree(profiles),
        slower=slower_functions(target.runs),
        warnings=tuple(dict.fromkeys(warning for run in target.runs for warning in run.warnings))[:5],
    )


def function_changes(
    profiles: PairedProfiles, runs: Sequence[ProfileRun], total: CostChange
) -> dict[FunctionKey, FunctionChange]:
    """Return how every function changed, in cost and in calls."""
    own = profiles.costs(lambda stack: (own_function(stack),))
    everything = profiles.costs(lambda stack: (frame.key for frame in stack))
    lines: dict[FunctionKey, int] = {}
    for run in (*profiles.base, *profiles.head):
        for stack in run:
            for frame in stack:
                lines[frame.key] = min(frame.line or 0, lines.get(frame.key, frame.line or 0))
    calls_base, calls_head = mean_calls(runs, "base"), mean_calls(runs, "head")
    counted = bool(calls_base and calls_head)
    nothing = CostChange(0.0, 0.0)
    keys = {key for key in everything if isinstance(key, FunctionKey)}
    changes = {}
    for key in keys:
        change = own.get(key, nothing)
        base, head = calls_base.get(key), calls_head.get(key)
        has_calls = counted and (base or head)
        changes[key] = FunctionChange(
            key,
            (head or base or FunctionCalls(0)).line or lines.get(key, 0),
            change,
            everything[key],
            change.difference / total.difference if total.difference else 0.0,
            (base.calls if base else 0.0) if has_calls else None,
            (head.calls if head else 0.0) if has_calls else None,
        )
    return changes


def mean_calls(runs: Sequence[ProfileRun], side: str) -> Mapping[FunctionKey, FunctionCalls]:
    """Return the mean calls of every function over the runs of a side that counted them."""
    counted = [run.calls for run in runs if run.side == side and run.calls]
    keys = {key for calls in counted for key in calls.functions}
    rows = {key: [calls.functions.get(key, FunctionCalls(0)) for calls in counted] for key in keys}
    return {
        key: FunctionCalls(
            fmean(row.calls for row in figures),
            fmean(row.own_s for row in figures),
            fmean(row.total_s for row in figures),
            max(row.line for row in figures),
        )
        for key, figures in rows.items()
    }


def moved_costs(functions: Iterable[FunctionChange], total: CostChange) -> tuple[MovedCost, ...]:
    """Return what one function lost and another took over: two differences beyond chance that cancel each other."""
    rows = list(functions)
    least = _LEAST_MOVED * max(abs(total.difference), 0.1 * total.base)
    lost = sorted((row for row in rows if row.own.is_less and -row.own.difference >= least), key=_difference)
    gained = sorted((row for row in rows if row.own.is_more and row.own.difference >= least), key=_difference)
    moved = []
    for source in lost:
        amount = -source.own.difference
        near = [row for row in gained if abs(row.own.difference - amount) <= _ALIKE * amount]
        if near:
            target = min(near, key=lambda row: abs(row.own.difference - amount))
            gained.remove(target)
            moved.append(MovedCost(source.key, target.key, min(amount, target.own.difference)))
    return tuple(moved)


def _difference(row: FunctionChange) -> float:
    return row.own.difference


def _hottest(profiles: PairedProfiles) -> Stack:
    """Return the stack of own functions whose cost grew most."""
    costs = profiles.costs(lambda stack: (tuple(frame.key for frame in stack if frame.key.is_own),))
    best = max(costs.items(), key=lambda item: item[1].difference, default=((), None))[0]
    for run in profiles.head:
        for stack in run:
            if tuple(frame.key for frame in stack if frame.key.is_own) == best:
                return tuple(frame for frame in stack if frame.key.is_own)
    return ()


def _unexecuted(files: Sequence[ChangedFile], lines: LineCosts) -> tuple[str, ...]:
    paths = [file.head_path for file in files if file.head_path and not lines.executes(file.head_path)]
    return tuple(paths[:MOST_FILES])
