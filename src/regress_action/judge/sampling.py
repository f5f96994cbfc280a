"""Look at a running measurement: which benchmarks are decided, and which deserve the rest of the budget?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regress_action.judge import student
from regress_action.judge.arrays import medians
from regress_action.judge.comparison import weigh_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.judge.arrays import Flags, Floats
    from regress_action.judge.grading import Table
    from regress_action.judge.plan import Plan
    from regress_action.judge.policy import Policy
    from regress_action.samples import Report

_FUTILE = 0.05  # the chance of a decision below which more pairs are a waste
_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class Look:
    """What a look says: whether to `proceed`, with which benchmarks, why, and the minutes that stopping saves."""

    proceed: bool
    undecided: tuple[str, ...]
    why: str
    minutes: float | None = None


def look(
    baseline: Sequence[Report], head: Sequence[Report], policy: Policy, plan: Plan, pairs_done: int | None = None
) -> Look:
    """Judge what was measured so far; `pairs_done` is the number of whole pairs, counted from the reports if None.

    A benchmark is decided when every metric of it is proven worse, better or unchanged, cannot be compared at all,
    or has hardly a chance of being decided by the pairs that are left. What was decided earlier and not measured
    in the latest pair stays decided.
    """
    table = weigh_up(baseline, head, replace(policy, plan=plan))
    latest = table.weighed.latest
    done = pairs_done if pairs_done is not None else int(table.weighed.estimate.base_runs.max(initial=0))
    if latest is None:
        return Look(proceed=True, undecided=(), why="Nothing was measured in pairs so far.")
    open_rows = latest & ~_settled(table)
    futile = open_rows & _futile(table, plan)
    names = [benchmark.name for benchmark in table.evidence.rows.benchmarks]
    undecided = tuple(dict.fromkeys(names[row] for row in np.flatnonzero(open_rows & ~futile)))
    total = len(set(names))
    minutes = _minutes(baseline, head, plan.pairs - done, len(undecided) / total)
    if done < plan.minimum:
        return Look(proceed=True, undecided=(), why=f"{done} of at least {plan.minimum} pairs.")
    if done >= plan.pairs or not undecided:
        return Look(proceed=False, undecided=(), why=_stopped(total, int(futile.sum()), minutes, done), minutes=minutes)
    why = f"After {done} pairs {total - len(undecided)} of {total} benchmarks are decided."
    return Look(proceed=True, undecided=undecided, why=why, minutes=minutes)


def _settled(table: Table) -> Flags:
    decided = table.decided
    compared = ~np.isnan(table.weighed.estimate.d)
    proven = decided.regression | decided.improvement | decided.unchanged
    return np.asarray(~compared | (proven & ~table.weighed.estimate.weak))


def _futile(table: Table, plan: Plan) -> Flags:
    """Return the rows that will hardly be decided by the end of the plan (conditional power).

    The median and the median deviation of the pairs so far stand for what comes, so that one stalled process does
    not look like noise.
    """
    estimate, smallest = table.weighed.estimate, table.decided.smallest
    differences = table.weighed.head - table.weighed.base
    now = np.maximum(estimate.base_runs, 1.0)
    left = np.maximum(plan.pairs - now, 0.0)
    middle = medians(differences)
    spread = _MAD * medians(np.abs(differences - middle[:, None])) * (1 + 1 / now)
    half = student.quantile(0.025, np.full(len(now), max(plan.pairs - 1.0, 1.0))) * np.sqrt(
        spread**2 / plan.pairs + estimate.floor**2
    )
    wander = np.maximum(spread * np.sqrt(np.maximum(1 / now - 1 / plan.pairs, 0)), 1e-9)
    size = np.maximum(smallest, half)
    worse = _beyond((size - middle) / wander)
    better = _beyond((size + middle) / wander)
    unchanged = _beyond((middle - (smallest - half)) / wander)
    return np.asarray((left > 0) & (worse + better + unchanged < _FUTILE))


def _beyond(z: Floats) -> Floats:
    """Return the chance that a normal deviate exceeds `z`."""
    tail = student.two_sided_p(z, np.inf) / 2
    return np.where(z > 0, tail, 1 - tail)


def _minutes(baseline: Sequence[Report], head: Sequence[Report], pairs_left: int, share: float) -> float | None:
    """Return the minutes that are not measured: the pairs left, times the share of the suite that is decided."""
    walls = [run.wall_s for report in (*baseline, *head) for run in report.runs if run.wall_s]
    if not walls or pairs_left <= 0:
        return None
    return 2 * float(np.mean(walls)) * pairs_left * (1 - share) / 60


def _stopped(total: int, futile: int, minutes: float | None, done: int) -> str:
    saved = f"; {minutes:.1f} minutes saved" if minutes else ""
    given_up = f", {futile} of them too noisy for the pairs that are left" if futile else ""
    return f"After {done} pairs all {total} benchmarks are decided{given_up}{saved}."
