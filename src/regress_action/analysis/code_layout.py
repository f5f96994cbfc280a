"""What the layout of a build changes of each benchmark, as the builds of a history show it.

A compiler places every function anew, and that alone changes times. The reports of a history are builds of mostly
unchanged code. A change of the code stays, or is taken back on purpose; one of layout comes and goes with builds. So
what counts is how far a build lies beyond both an earlier and a later one: a step of level, which has only one of them
behind it, and a slow drift leave that at nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import noise
from regress_action.analysis.arrays import medians, plain
from regress_action.analysis.policy import LayoutBound
from regress_action.analysis.run_matrix import badness, lay_out
from regress_action.model.measurements import COMPILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.arrays import Flags, Floats
    from regress_action.analysis.policy import LayoutKey, Policy
    from regress_action.analysis.run_matrix import Scale
    from regress_action.model.measurements import Environment, Report

_FEWEST = 5  # builds that may raise the assumed bound
_ENOUGH = 20  # builds that may lower it: of a layout that one build in ten has, they miss one history in eight
_BEYOND = 1.25  # times what was seen, on logarithms: the next build may go a little further
_LOWEST = math.log(1.1)
_HIGHEST = math.log(2.0)  # what is critical is never taken for layout
_SUITE = 5  # benchmarks that show together how noisy the machine is, and what moved all of them
_RUNS = 3  # of a report, whose median no single slow run moves
_RANGE = 5.0  # standard deviations between the extremes of a few dozen values that only noise sets apart


def layout_bounds(reports: Sequence[Report], policy: Policy) -> dict[LayoutKey, LayoutBound]:
    """Return what layout may change of every time of compiled code, by environment, benchmark and metric.

    Only reports that the measurer or the format marked as compiled code, and whose commit is known and clean, are
    builds. Where they are too few to teach anything, the bound is the assumed one. It is raised only by what can be
    told from a slow run, and from a slow machine: by reports of several runs, from a machine of one's own or of a
    suite whose other benchmarks show the machine.
    """
    machines: dict[str, list[Report]] = {}
    for report in reports:
        if COMPILED in report.provenance and report.commit and ("dirty", "true") not in report.provenance:
            machines.setdefault(report.environment.fingerprint, []).append(report)
    return {
        (fingerprint, *key): bound
        for fingerprint, builds in machines.items()
        for key, bound in _of_machine(builds, policy).items()
    }


def _of_machine(reports: Sequence[Report], policy: Policy) -> dict[tuple[str, str], LayoutBound]:
    rows, _, side, _ = lay_out((), reports)
    scale, _, values = badness(rows, side, side)
    family = scale.timed & ~scale.linear & ~scale.exact
    levels, runs = np.full((2, len(rows), len(side.blocks)), np.nan)
    for column, (_, place, _) in enumerate(side.blocks):
        levels[:, column], runs[:, column] = medians(values[:, place]), np.isfinite(values[:, place]).sum(axis=1)
    levels = _without_common_moves(levels, family)
    shown = np.count_nonzero(family) >= _SUITE or noise.is_own(reports[-1].environment)
    by_build = _wandered(np.where(runs >= _RUNS, levels, np.nan)) if shown else np.zeros(len(rows))
    hidden = _RANGE * _spread_of_sessions(levels, family, scale, reports[-1].environment, policy)
    builds = _builds(levels, [report.commit for _, _, report in side.blocks])
    assumed = math.log(policy.layout_bound)
    raised = np.minimum(_BEYOND * np.sqrt(np.maximum(by_build**2 - hidden**2, 0.0)), _HIGHEST)
    lowered = np.maximum(_BEYOND * _wandered(levels), _LOWEST)
    bound = np.full(len(rows), assumed)
    bound = np.where(builds >= _ENOUGH, np.minimum(lowered, assumed), bound)
    bound = np.where((builds >= _FEWEST) & (raised > assumed), raised, bound)
    learned = np.where(bound == assumed, 0, builds)
    return {
        (rows.benchmarks[row].name, rows.metrics[row].name): LayoutBound(math.exp(bound[row]), int(learned[row]))
        for row in plain(np.flatnonzero(family & (builds > 0)))
    }


def _without_common_moves(levels: Floats, family: Flags) -> Floats:
    """Return the levels (rows × reports) without what moved most benchmarks of a report: that is the machine."""
    if np.count_nonzero(family) < _SUITE:
        return levels
    apart = levels[family] - medians(levels[family])[:, None]
    return np.asarray(levels - np.nan_to_num(medians(apart.T))[None, :])


def _spread_of_sessions(
    levels: Floats, family: Flags, scale: Scale, environment: Environment, policy: Policy
) -> Floats:
    """Return how far two sessions of the same build may lie apart, per row: as a suite shows, else as assumed."""
    usual = noise.between_sessions(environment, policy.session_spread)
    if np.count_nonzero(family) >= _SUITE:
        typical = medians(noise.neighbour_spread(levels[family])[None, :])[0]
        usual = max(policy.session_spread.dedicated, float(np.nan_to_num(typical)))
    return noise.per_row(scale, usual, policy.session_spread)


def _wandered(levels: Floats) -> Floats:
    """Return how far any report of a row lies beyond both some earlier and some later one, in either direction."""
    if levels.shape[1] < 3:  # noqa: PLR2004 - one before, one after
        return np.zeros(len(levels))
    furthest = np.zeros(len(levels))
    for values in (levels, -levels):
        before = np.fmin.accumulate(values, axis=1)[:, :-2]
        after = np.fmin.accumulate(values[:, ::-1], axis=1)[:, ::-1][:, 2:]
        beyond = values[:, 1:-1] - np.maximum(before, after)
        furthest = np.fmax(furthest, np.fmax.reduce(beyond, axis=1))
    return furthest


def _builds(levels: Floats, commits: Sequence[str | None]) -> Floats:
    """Return how many different commits hold a value of each row."""
    present = np.isfinite(levels)
    columns = [[number for number, other in enumerate(commits) if other == commit] for commit in dict.fromkeys(commits)]
    return np.asarray(np.sum([present[:, column].any(axis=1) for column in columns], axis=0), float)
