"""Compare a baseline with a head: the one question everything else asks.

Also here: put the arrays back into values: one `Comparison` per row, worst first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from regress_action.analysis import conditions, designs, exact_tests, grading, noise, suite, tests, trade_offs
from regress_action.analysis.arrays import Flags, Floats, Ints, medians, plain
from regress_action.analysis.estimate import RunMatrix, estimate_rows
from regress_action.analysis.policy import Policy, budget_rules, row_thresholds
from regress_action.analysis.run_matrix import badness, grown, lay_out
from regress_action.analysis.suite import compare_services, with_shift
from regress_action.model.comparisons import (
    Budget,
    BudgetState,
    Comparison,
    Judgement,
    Mode,
    PairNoise,
    Reason,
    ReasonCode,
    Severity,
    Side,
    Subject,
    Verdict,
)
from regress_action.model.errors import IncompleteError
from regress_action.model.measurements import COMPILED, Benchmark, Environment, Metric, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.grading import Analysis
    from regress_action.analysis.run_matrix import RowIndex, SideRuns
    from regress_action.model.comparisons import WaiverApplied


_JUDGED = (Verdict.REGRESSION, Verdict.IMPROVEMENT)
_SEVERITIES = tuple(Severity)
_COMMAND = "the suite's command"
_PLAIN = {Verdict.NEW: Reason(ReasonCode.NEW), Verdict.MISSING: Reason(ReasonCode.MISSING)}

_DEFAULT = Policy()


def comparisons_of(analysis: Analysis, policy: Policy) -> tuple[Comparison, ...]:
    """Return one comparison per row that either side was meant to measure, worst first."""
    codes, expected = grading.verdicts(analysis)
    severities, waived = grading.severities(analysis, codes, policy)
    over = np.array([_is_over(analysis.budgets.get(row)) for row in range(len(codes))], dtype=bool)
    ratio = np.nan_to_num(analysis.estimates.estimate.d, nan=-np.inf)
    order = np.lexsort((-ratio, -severities, codes, ~over))
    rows = _Rows(analysis, codes, severities, waived)
    return tuple(rows.comparison(row) for row in plain(order[expected[order]]))


def _is_over(budget: Budget | None) -> bool:
    return budget is not None and budget.state is BudgetState.OVER


class _Rows:
    """The arrays as plain Python lists: element access on arrays would cost more than all the judging."""

    def __init__(self, analysis: Analysis, codes: Ints, severities: Ints, waived: dict[int, WaiverApplied]) -> None:
        estimate, results = analysis.estimates.estimate, analysis.results
        linear = analysis.matrix.scale.linear
        self._analysis, self._waived = analysis, waived
        self._verdicts = [grading.WORST_FIRST[code] for code in plain(codes)]
        self._severities = [_SEVERITIES[rank] for rank in plain(severities)]
        self._sides = list(zip(_sides(analysis, base=True), _sides(analysis, base=False), strict=True))
        self._ratios = list(
            zip(*(_ratios(ends, linear) for ends in (estimate.d, results.low, results.high)), strict=True)
        )
        self._differences = _none_for_nan(np.where(linear, estimate.d, np.nan))
        self._p, self._q = _none_for_nan(results.p), _none_for_nan(results.q)
        self._alarms = plain(np.exp(np.minimum(results.alarm, 700.0)))
        self._margins = plain(np.exp(np.minimum(results.margin, 700.0)))
        self._ruled_out = plain(np.exp(np.minimum(results.ruled_out, 700.0)))
        self._beyond = [None if pairs < 0 else pairs for pairs in plain(results.beyond)]
        self._detectable = _ratios(results.detectable, linear)
        self._needed = [None if math.isnan(runs) else int(runs) for runs in plain(results.runs_needed)]
        self._changed = plain(results.regression | results.improvement)
        self._designs, self._weak = plain(estimate.design), plain(estimate.weak)
        self._suspected, self._layout = plain(results.suspected), plain(results.layout)
        self._independent = plain(results.independent)
        self._slow_runs, self._coarse = plain(results.slow_runs), plain(analysis.estimates.coarse)

    def comparison(self, row: int) -> Comparison:
        rows, verdict = self._analysis.matrix.rows, self._verdicts[row]
        base, head = self._sides[row]
        ratio, low, high = self._ratios[row]
        judged = verdict in _JUDGED
        is_question_of_runs = not (self._changed[row] or self._analysis.estimates.drifting[row])
        return Comparison(
            benchmark=rows.benchmarks[row],
            metric=rows.metrics[row],
            baseline=base,
            head=head,
            ratio=ratio,
            ratio_low=low,
            ratio_high=high,
            p_value=self._p[row],
            q_value=self._q[row],
            threshold=self._alarms[row],
            minimum_detectable_ratio=self._detectable[row],
            verdict=verdict,
            severity=self._severities[row],
            reason=self._reason(row, verdict),
            confirmed=False if judged and self._is_suspected(row) else None,
            runs_needed=self._needed[row] if verdict is Verdict.INCONCLUSIVE and is_question_of_runs else None,
            difference=self._differences[row],
            budget=self._analysis.budgets.get(row),
            noise=self._analysis.estimates.learned.get(row),
            pair_noise=self._pair_noise(row),
            skipped=verdict is Verdict.MISSING and rows.benchmarks[row].name in self._analysis.skipped,
        )

    def _pair_noise(self, row: int) -> PairNoise | None:
        """Return both parts of the noise of a pair; what rounds explain beyond what was seen is within processes."""
        estimates = self._analysis.estimates
        if estimates.of_rounds is None or self._designs[row] != designs.PAIRED:
            return None
        within, seen = float(estimates.of_rounds[row]), float(estimates.estimate.spread[row]) ** 2
        if not (math.isfinite(within) and math.isfinite(seen)) or self._analysis.matrix.scale.linear[row]:
            return None
        return PairNoise(math.sqrt(max(seen - within, 0.0)), math.sqrt(min(within, seen)))

    def _is_suspected(self, row: int) -> bool:
        return bool(self._weak[row] or self._suspected[row] or self._layout[row])

    def _reason(self, row: int, verdict: Verdict) -> Reason:
        """Return what stands in the way of a comparison, or what its numbers decided."""
        rows, estimates = self._analysis.matrix.rows, self._analysis.estimates
        if verdict in _PLAIN:
            skipped = self._analysis.skipped.get(rows.benchmarks[row].name) if verdict is Verdict.MISSING else None
            return _PLAIN[verdict] if skipped is None else Reason(ReasonCode.SKIPPED, text=skipped)
        if verdict is Verdict.FAILED:
            return self._failure(row)
        if verdict is Verdict.UNSTABLE_BASELINE:
            if estimates.cut[row]:
                return Reason(ReasonCode.LEVEL_CHANGED, count=self._sides[row][0].runs)
            return Reason(ReasonCode.UNSTABLE_BASELINE, spread=float(estimates.spread[row]))
        if verdict is Verdict.INCOMPARABLE:
            other_machine = Reason(ReasonCode.OTHER_MACHINE, text=self._analysis.matrix.environment.cpu)
            return rows.clashes.get(row, other_machine)
        return self._tested(row, verdict)

    def _tested(self, row: int, verdict: Verdict) -> Reason:
        design = designs.MODES[min(self._designs[row], designs.SINGLE)]
        if verdict is Verdict.UNCHANGED:
            pairs = (
                self._sides[row][1].runs if design is Mode.PAIRED and not self._analysis.matrix.scale.exact[row] else 0
            )
            return Reason(
                ReasonCode.RULED_OUT,
                design,
                ruled_out=self._ruled_out[row],
                pairs_beyond=self._beyond[row],
                missed_share=exact_tests.missed_path_share(pairs) if pairs else None,
            )
        if verdict is Verdict.INCONCLUSIVE:
            return self._open(row, design)
        if self._is_suspected(row):
            return self._suspicion(row, design)
        return Reason(ReasonCode.PROVEN, design, waiver=self._waived.get(row), independent=self._independent[row])

    def _open(self, row: int, design: Mode) -> Reason:
        if self._changed[row]:
            return Reason(ReasonCode.DIRECTION_UNKNOWN, design)
        if self._slow_runs[row]:
            return Reason(ReasonCode.SLOW_PATH, design, count=self._slow_runs[row])
        if self._analysis.estimates.drifting[row]:
            return Reason(ReasonCode.DRIFTING_BASELINE, design)
        if self._coarse[row] and not self._weak[row]:
            return Reason(ReasonCode.COARSE_CLOCK, design)
        return Reason(ReasonCode.UNDECIDED, design, margin=self._margins[row], weak=bool(self._weak[row]))

    def _suspicion(self, row: int, design: Mode) -> Reason:
        if self._weak[row]:
            return Reason(ReasonCode.SUSPECTED, design, weak=True)
        if self._suspected[row] and design is Mode.PAIRED:
            return Reason(ReasonCode.ALIKE_PAIRS, design)
        if self._suspected[row] and not math.isnan(self._analysis.estimates.p_line[row]):
            return Reason(ReasonCode.DRIFTING_BASELINE, design)
        if self._suspected[row] and self._sides[row][1].runs > 1:
            return Reason(ReasonCode.NOISE_EXCEEDED, design)
        if self._suspected[row]:
            return Reason(ReasonCode.ONE_NEW_RUN, design)
        bound = self._analysis.estimates.layout[row]
        return Reason(ReasonCode.CODE_LAYOUT, design, margin=bound.ratio, count=bound.builds)

    def _failure(self, row: int) -> Reason:
        rows, failures = self._analysis.matrix.rows, self._analysis.failures
        if row in rows.invalid:
            return rows.invalid[row]
        if self._analysis.matrix.scale.stopped[row]:
            return Reason(ReasonCode.BELOW_CLOCK)
        return failures.get(rows.benchmarks[row].name) or failures.get("") or Reason(ReasonCode.FAILED)


def _sides(analysis: Analysis, *, base: bool) -> list[Side]:
    """Return runs and median of one side: of the runs that were used, or of all where none could be."""
    estimates, estimate = analysis.estimates, analysis.estimates.estimate
    side: SideRuns = analysis.matrix.base if base else analysis.matrix.head
    used, columns, independent = (
        (estimates.base, estimates.base_columns, estimate.base_runs)
        if base
        else (estimates.head, estimates.head_columns, estimate.head_runs)
    )
    raw = side.values if columns is None else side.values[:, columns]
    middle = medians(np.where(np.isnan(used), np.nan, raw))
    every = medians(side.values)
    count = (~np.isnan(side.values)).sum(axis=1)
    unused = np.isnan(middle)
    runs = np.where(unused, count, independent)
    medians_known = _none_for_nan(np.where(unused, every, middle))
    return [Side(*side) for side in zip(plain(runs.astype(int)), medians_known, strict=True)]


def _ratios(logs: Floats, linear: Flags) -> list[float | None]:
    finite = np.isfinite(logs) & ~linear
    return _none_for_nan(np.exp(np.clip(np.where(finite, logs, np.nan), -700.0, 700.0)))


def _none_for_nan(values: Floats) -> list[float | None]:
    """Return the values with None for NaN."""
    objects: Any = values.astype(object)  # the typing of numpy knows no None among objects
    objects[np.isnan(values)] = None
    return plain(objects)


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
    shifted = with_shift(comparisons_of(analysis, policy), analysis.moved, policy)
    design = designs.mode_of(analysis.estimates.estimate)
    machines = conditions.observed(
        baseline, head, design, policy.session_spread, foreign=bool(analysis.estimates.foreign.any())
    )
    services = compare_services(analysis, shifted, policy)
    comparisons = trade_offs.with_trade_offs(shifted, services, policy, suite_moved=analysis.moved is not None)
    saved = [report.saved_s for report in head if report.saved_s]
    return Judgement(
        mode=design,
        summary=suite.summarise(comparisons, policy, analysis.moved, services),
        comparisons=comparisons,
        baseline=_subject(baseline),
        head=_subject(head),
        notes=(
            *suite.notes(analysis),
            *conditions.failed_runs(baseline, head),
            *conditions.differences(baseline, head),
            *conditions.notes(machines, design, comparisons, analysis.moved),
            *analysis.idle,
            *trade_offs.unused(comparisons, policy),
            *suite.unused_quorums(comparisons, policy),
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
    failures = _failures_of_command(head, rows, base_side, head_side) | _failures(head)
    _place_failures(rows, failures)
    _mark_failed_on_base(rows, base_side, baseline, head)
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


def _failures(head: Sequence[Report]) -> dict[str, Reason]:
    """Return why benchmarks failed, by name; an empty name stands for all, where no run has a value."""
    named = {
        failure.benchmark: Reason(ReasonCode.FAILED, text=failure.reason)
        for report in head
        for failure in report.failures
        if not failure.skipped
    }
    if named or any(report.series for report in head):
        return named
    run_failures = [run.failure for report in head for run in report.runs if run.failure]
    return {"": Reason(ReasonCode.COMMAND_FAILED, text=run_failures[0])} if run_failures else {}


def _failures_of_command(
    head: Sequence[Report], rows: RowIndex, base_side: SideRuns, head_side: SideRuns
) -> dict[str, Reason]:
    """Return what was not measured because the command failed in every run of the head, although runs have values.

    Where nothing that the baseline has is missing, the command itself failed: such a suite never passes.
    """
    runs = [run for report in head for run in report.runs]
    if not runs or not all(run.failure for run in runs) or not head_side.listed.any():
        return {}
    missing = base_side.newest & np.isnan(head_side.values).all(axis=1)
    names = [rows.benchmarks[row].name for row in plain(np.flatnonzero(missing))]
    named = any(not failure.skipped for report in head for failure in report.failures)
    reason = Reason(ReasonCode.COMMAND_FAILED, text=runs[0].failure or "")
    return dict.fromkeys(names or ([] if named else [_COMMAND]), reason)


def _mark_failed_on_base(
    rows: RowIndex, base_side: SideRuns, baseline: Sequence[Report], head: Sequence[Report]
) -> None:
    """Mark what only the head has although the base was meant to measure it beside the head, and failed.

    Such a benchmark is not new. Where no failure has a name, it may be any of those that the base lacks.
    """
    beside = [report for report in baseline if conditions.is_beside(report, head)]
    runs = [run for report in beside for run in report.runs]
    named = {
        failure.benchmark: failure.reason for report in beside for failure in report.failures if not failure.skipped
    }
    unnamed = runs[0].failure if runs and not named and all(run.failure for run in runs) else None
    for row in plain(np.flatnonzero(~base_side.listed)):
        if (why := named.get(rows.benchmarks[row].name, unnamed)) is not None:
            rows.clashes.setdefault(row, Reason(ReasonCode.FAILED_ON_BASE, text=why))


def _place_failures(rows: RowIndex, failures: dict[str, Reason]) -> None:
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
