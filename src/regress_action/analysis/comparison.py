"""Compare a baseline with a head: the one question everything else asks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import assembly, conditions, designs, grading, noise, suite, tests
from regress_action.analysis.estimate import RunMatrix, estimate_rows
from regress_action.analysis.policy import Policy, budget_rules, row_thresholds
from regress_action.analysis.run_matrix import badness, grown, lay_out
from regress_action.analysis.service_shift import compare_services
from regress_action.analysis.suite_shift import with_shift
from regress_action.model.comparisons import Judgement, Mode, Subject
from regress_action.model.errors import IncompleteError
from regress_action.model.measurements import COMPILED, Benchmark, Environment, Metric, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.run_matrix import RowIndex, SideRuns

_DEFAULT = Policy()


def compare(
    baseline: Sequence[Report], head: Sequence[Report], policy: Policy = _DEFAULT, *, mode: Mode | None = None
) -> Judgement:
    """Judge `head` against `baseline`; with no baseline at all everything is new and only budgets are checked.

    Runs that share a session and a pair number are compared in pairs; otherwise the baseline is a history of
    independent sessions; with one session on each side a change is suspected at most. `mode` asks for one design.

    Raises:
        IncompleteError: when the head holds nothing, or base and head have no benchmark in common.
        InputError: when a report is inconsistent in itself, or `mode` asks for pairs that are not there.
    """
    analysis = analyse(baseline, head, policy, mode=mode)
    comparisons = with_shift(assembly.comparisons(analysis, policy), analysis.moved, policy)
    design = designs.mode_of(analysis.estimates.estimate)
    machines = conditions.observed(
        baseline, head, design, policy.session_spread, foreign=bool(analysis.estimates.foreign.any())
    )
    services = compare_services(analysis, policy)
    saved = [report.saved_s for report in head if report.saved_s]
    return Judgement(
        mode=design,
        summary=suite.summarise(comparisons, policy, analysis.moved, services),
        comparisons=comparisons,
        baseline=_subject(baseline),
        head=_subject(head),
        notes=(
            *suite.notes(analysis),
            *conditions.differences(baseline, head),
            *conditions.notes(machines, design, comparisons, analysis.moved),
            *analysis.idle,
        ),
        machine=machines,
        minutes_saved=math.fsum(saved) / 60 if saved else None,
        services=services,
    )


def analyse(
    baseline: Sequence[Report], head: Sequence[Report], policy: Policy, *, mode: Mode | None = None
) -> grading.Analysis:
    """Do what `compare` does, up to the point where the arrays are put into words."""
    _require_measurement(head)
    rows, base_side, head_side, _ = lay_out(baseline, head)
    _require_overlap(rows, base_side, head_side)
    failures = _failures(head)
    _place_failures(rows, failures)
    base_side, head_side = grown(base_side, len(rows)), grown(head_side, len(rows))
    scale, base_values, head_values = badness(rows, base_side, head_side)
    environment = max(head, key=lambda report: report.created or "").environment
    matrix = RunMatrix(rows, base_side, head_side, scale, base_values, head_values, environment, _is_compiled(baseline))
    estimates = estimate_rows(matrix, policy, mode)
    thresholds = row_thresholds(rows.benchmarks, rows.metrics, policy)
    moved = suite.common_shift(estimates.estimate, scale, noise.between_sessions(environment, policy.session_spread))
    shift = np.where(scale.timed & ~scale.linear, moved or 0.0, 0.0)
    rules, idle = budget_rules(rows.benchmarks, rows.metrics, policy)
    return grading.Analysis(
        matrix=matrix,
        estimates=estimates,
        results=tests.decide(estimates, scale, [m.name for m in rows.metrics], thresholds, policy, shift),
        thresholds=thresholds.alarm,
        budgets=grading.check_budgets(rules, matrix, policy) if rules else {},
        failures=failures,
        skipped={
            failure.benchmark: failure.reason for report in head for failure in report.failures if failure.skipped
        },
        moved=moved,
        shift=shift,
        idle=tuple(idle),
    )


def _is_compiled(reports: Sequence[Report]) -> bool:
    """Whether any of them measured code that a compiler laid out.

    The baseline is asked, because a change could otherwise turn what it makes slower into a suspicion.
    """
    return any(COMPILED in report.provenance for report in reports)


def _require_measurement(head: Sequence[Report]) -> None:
    if not any(report.series for report in head) and not _failures(head):
        raise IncompleteError(
            "The head holds no measurement.",
            meaning="Nothing was measured, so nothing can be judged; this is not a pass.",
            remedy="Look at what the suite printed, and at the pattern that names its result files.",
        )


def _require_overlap(rows: RowIndex, base: SideRuns, head: SideRuns) -> None:
    """Refuse two sides that have benchmarks but none in common; one whose body changed is in common."""
    if rows.clashes or not (base.listed.any() and head.listed.any()):
        return
    if not (base.listed & head.listed).any():
        raise IncompleteError(
            "Baseline and head have no benchmark in common.",
            meaning="There is nothing to compare; this is not a pass.",
            remedy="Check that both sides come from the same suite, and that names do not contain a path or a commit.",
        )


def _failures(head: Sequence[Report]) -> dict[str, str]:
    named = {failure.benchmark: failure.reason for report in head for failure in report.failures if not failure.skipped}
    if any(report.series for report in head):
        return named
    run_failures = [run.failure for report in head for run in report.runs if run.failure]
    return named or ({"": run_failures[0]} if run_failures else {})


def _place_failures(rows: RowIndex, failures: dict[str, str]) -> None:
    """Add a row for what failed and was never measured anywhere."""
    measured = {benchmark.name for benchmark in rows.benchmarks}
    for name in failures:
        if name and name not in measured:
            rows.index[name, "time"] = len(rows)
            rows.identities.append((name, "time", "s", "lower", None))
            rows.benchmarks.append(Benchmark(name))
            rows.metrics.append(Metric("time", "s"))


def _subject(reports: Sequence[Report]) -> Subject:
    if not reports:
        return Subject()
    newest = max(reports, key=lambda report: report.created or "")
    environment = newest.environment if newest.environment != Environment() else None
    label = None if len(reports) == 1 else f"{len(reports)} reports"
    return Subject(newest.commit, newest.branch, label, environment)
