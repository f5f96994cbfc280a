"""From profiles and a diff to the cause of a regression."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from regress_action.advice.culprits import CulpritSearch
from regress_action.advice.profile_difference import (
    LineCosts,
    PairedProfiles,
    line_shares,
    own_function,
    paired,
)
from regress_action.advice.stack_tree import stack_tree
from regress_action.advice.subroutines import slower_functions
from regress_action.model.causes import Cause, CostChange, FunctionChange, MovedCost
from regress_action.model.stacks import FunctionCalls, FunctionKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from regress_action.advice.changed_lines import ChangedFile
    from regress_action.advice.profile_files import ProfiledTarget, ProfileRun
    from regress_action.model.stacks import Stack

MOST_FUNCTIONS = 30
MOST_FILES = 20
_LEAST_MOVED = 0.1
_ALIKE = 0.25
_FEWEST = 2


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
