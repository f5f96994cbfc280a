"""The suite as a whole: a shift that all benchmarks share, the geometric mean, and the verdict over everything.

* What a shift of the whole suite makes of each comparison.
* Whether the benchmarks of a service got slower or faster together, though each of them alone may be undecided.

Sides that were measured apart may differ in the machine, the build or the runtime as well as in the code. A benchmark
that is slower by its threshold or more together with all others is therefore suspected: it warns and is measured
again in pairs, and never fails a run. What is better or worse only by comparison with the shift is not decided.

The unit of evidence is the pair, or the stored run: what the typical benchmark did in it is one value, so what moved
them together (they share its processes, its machine and its moment) counts once and not once per benchmark.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import baseline_drift, designs, distributions, grading
from regress_action.analysis.arrays import ROUNDING, medians, quantiles
from regress_action.analysis.designs import HISTORY, SINGLE
from regress_action.analysis.policy import quorum_of, service_threshold, severity_of, waiver_of
from regress_action.analysis.run_matrix import by_session
from regress_action.model import normal
from regress_action.model.comparisons import (
    Comparison,
    Graded,
    Mode,
    Note,
    NoteCode,
    Outcome,
    Reason,
    ReasonCode,
    ServiceComparison,
    Severity,
    Summary,
    Verdict,
)
from regress_action.model.measurements import Benchmark, matches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from regress_action.analysis.arrays import Floats, Ints
    from regress_action.analysis.designs import Estimate
    from regress_action.analysis.grading import Analysis
    from regress_action.analysis.policy import Policy
    from regress_action.analysis.run_matrix import Scale
    from regress_action.model.measurements import Metric, Noise


_SUITE = 8  # fewer benchmarks cannot tell a shift of the machine from a change of the code
_MOST = 0.75  # of the benchmarks have to share a shift; of 33, 17 that are slower do not make one
_DEDICATED_SHIFT = 0.025  # log ratio; no machine of one's own moves a whole suite so far by chance

_DECIDED = (Verdict.UNCHANGED, Verdict.IMPROVEMENT, Verdict.INCONCLUSIVE)
_OPEN_TO_WORSE = (Verdict.UNCHANGED, Verdict.REGRESSION, Verdict.INCONCLUSIVE)
_FEWEST_BENCHMARKS = 5
_FEWEST_RUNS = 5
_ALPHA = 0.01  # of all services of a judgement together
_CONFIDENCE = 0.95
_LARGEST = 700.0
_LEFT_OUT = 4  # one benchmark in four at either end


def common_shift(estimate: Estimate, scale: Scale, usual: float) -> float | None:
    """Return the log ratio by which all times moved together, or None.

    Only between sessions: interleaved pairs share their machine, so there a common move is the code's. `usual` is
    the spread between two sessions of this kind of machine. A machine that got slower slows everything about
    alike; where the benchmarks differ by more than half of the shift (robustly, and three in four of them at least),
    the code did it.
    """
    apart = (estimate.design == HISTORY) | (estimate.design == SINGLE)
    d = estimate.d[apart & scale.timed & ~scale.linear & np.isfinite(estimate.d)]
    if d.size < _SUITE:
        return None
    middle = float(medians(d[None, :])[0])  # np.median would import numpy.ma, a tenth of the whole command
    apart_from_it = np.sort(np.abs(d - middle))[None, :]
    uneven = max(normal.DEVIATION_PER_MAD * float(medians(apart_from_it)[0]), float(quantiles(apart_from_it, _MOST)[0]))
    return middle if abs(middle) > max(_DEDICATED_SHIFT, 2 * usual, 2 * uneven) else None


def summarise(
    comparisons: Sequence[Comparison],
    policy: Policy,
    moved: float | None,
    services: Sequence[ServiceComparison] = (),
) -> Summary:
    """Count the verdicts and give the one over the suite.

    `fail`: a regression that is not merely suspected, of a benchmark or of a service as a whole, reaches
    `policy.fail_on`, or a budget is exceeded. `incomplete`: something was not measured, or nothing was compared because
    every benchmark is new or failed on the base. `warn`: a regression alarms. `inconclusive`: a regression that would
    alarm cannot be ruled out. Otherwise `pass`.
    """
    counts = Counter(comparison.verdict for comparison in comparisons)
    ratios = [
        math.log(comparison.ratio)
        for comparison in comparisons
        if comparison.ratio is not None and comparison.metric.name == "time"
    ]
    return Summary(
        verdict=_outcome(comparisons, services, policy, counts, moved),
        regressions=counts[Verdict.REGRESSION],
        suspected=sum(row.is_suspected for row in comparisons),
        improvements=counts[Verdict.IMPROVEMENT],
        inconclusive=counts[Verdict.INCONCLUSIVE] + counts[Verdict.UNSTABLE_BASELINE] + counts[Verdict.INCOMPARABLE],
        missing=counts[Verdict.MISSING] + counts[Verdict.FAILED],
        geomean_ratio=math.exp(math.fsum(ratios) / len(ratios)) if ratios else None,
        environment_shift=math.exp(moved) if moved is not None else None,
    )


def _outcome(
    comparisons: Sequence[Comparison],
    services: Sequence[ServiceComparison],
    policy: Policy,
    counts: Counter[Verdict],
    moved: float | None,
) -> Outcome:
    over_budget = any(comparison.is_over_budget for comparison in comparisons)
    fails = over_budget or any(_fails(compared, policy) for compared in (*comparisons, *services))
    if fails and policy.fail_on is not Severity.NONE:
        return Outcome.FAIL
    if not comparisons or counts[Verdict.MISSING] or counts[Verdict.FAILED]:
        return Outcome.INCOMPLETE
    if over_budget or any(compared.reaches_threshold for compared in (*comparisons, *services)):
        return Outcome.WARN
    if all(_has_no_baseline(comparison) and comparison.budget is None for comparison in comparisons):
        return Outcome.INCOMPLETE
    if moved is not None or any(_open(comparison) for comparison in comparisons):
        return Outcome.INCONCLUSIVE
    return Outcome.PASS


def _has_no_baseline(comparison: Comparison) -> bool:
    reason = comparison.reason
    failed = isinstance(reason, Reason) and reason.code is ReasonCode.FAILED_ON_BASE
    return comparison.verdict is Verdict.NEW or failed


def _fails(compared: Graded, policy: Policy) -> bool:
    return compared.is_proven_regression and compared.severity >= policy.fail_on


def _open(comparison: Comparison) -> bool:
    """Whether a regression that would alarm may hide here."""
    if comparison.verdict in (Verdict.UNSTABLE_BASELINE, Verdict.INCOMPARABLE):
        return True
    if comparison.verdict is not Verdict.INCONCLUSIVE:
        return False
    return comparison.ratio_high is None or comparison.ratio_high >= comparison.threshold


def notes(analysis: Analysis) -> Iterator[Note]:
    """Yield what a reader must know about the comparison as a whole."""
    estimates = analysis.estimates
    if analysis.moved is not None:
        yield Note(NoteCode.SUITE_SHIFT, (math.exp(analysis.moved),))
    if estimates.learned:
        yield _noise(estimates.learned, analysis)
    if estimates.foreign.any():
        cpu = analysis.matrix.environment.cpu
        yield Note(NoteCode.OTHER_MACHINE, (int(estimates.foreign.sum()),), (cpu,))
    if (estimates.correlation > 0).any():
        correlated = estimates.correlation[estimates.correlation > 0]
        yield Note(NoteCode.CORRELATED_PAIRS, (float(correlated.max()), len(correlated)))
    if estimates.cut.any():
        yield Note(NoteCode.LEVEL_CHANGED, (int(estimates.cut.sum()),))


def _noise(learned: Mapping[int, Noise], analysis: Analysis) -> Note:
    row, noisiest = max(learned.items(), key=lambda item: item[1].spread)
    metric, benchmark = analysis.matrix.rows.metrics[row].name, analysis.matrix.rows.benchmarks[row].name
    return Note(NoteCode.LEARNED_NOISE, (len(learned), noisiest.spread, noisiest.runs), (metric, benchmark))


def with_shift(comparisons: Sequence[Comparison], moved: float | None, policy: Policy) -> tuple[Comparison, ...]:
    """Return the comparisons of a suite that moved by the log ratio `moved`, worst first; unmoved ones as they are."""
    if moved is None:
        return tuple(comparisons)
    rows = (_with_shift(row, moved, policy) for row in comparisons)
    return tuple(sorted(rows, key=worst_first))


def _with_shift(row: Comparison, moved: float, policy: Policy) -> Comparison:
    if row.ratio is None or row.ratio_low is None or row.metric.unit != "s":
        return row
    design = row.reason.design if isinstance(row.reason, Reason) else None
    if moved > 0 and row.verdict in _DECIDED and row.ratio_low > 1 and row.ratio >= row.threshold * (1 - ROUNDING):
        return replace(
            row,
            verdict=Verdict.REGRESSION,
            severity=severity_of(row.ratio, 0.0, policy),
            confirmed=False,
            reason=Reason(ReasonCode.MOVED_WITH_SUITE, design),
        )
    if _is_apart(row, row.ratio_low, moved):
        return replace(
            row,
            verdict=Verdict.INCONCLUSIVE,
            severity=Severity.NONE,
            confirmed=None,
            reason=Reason(ReasonCode.APART_FROM_SUITE, design),
        )
    return row


def _is_apart(row: Comparison, low: float, moved: float) -> bool:
    """Whether the whole interval, from `low`, lies on the other side of the shift, and not on that of no change."""
    if moved > 0:
        return row.verdict in _DECIDED and 1 <= (row.ratio_high or math.inf) < math.exp(moved)
    return row.verdict in _OPEN_TO_WORSE and math.exp(moved) < low <= 1


def worst_first(row: Comparison) -> tuple[bool, int, int, float]:
    """Return the key of a comparison in a list that begins with the worst."""
    return not row.is_over_budget, grading.WORST_FIRST.index(row.verdict), -row.severity.rank, -(row.ratio or 0.0)


@dataclass(frozen=True, slots=True)
class _Shift:
    """How far the typical benchmark of a service moved; `d`, `se` and `df` as in `designs.Estimate`."""

    service: str | None
    mode: Mode
    rows: Ints
    runs: int
    d: float
    se: float
    df: float

    @property
    def p(self) -> float:
        return float(distributions.two_sided_p(self.d / self.se, self.df))

    @property
    def reach(self) -> float:
        """Half of the width of the 95 % interval."""
        return float(distributions.t_quantile((1 - _CONFIDENCE) / 2, self.df)) * self.se


def compare_services(
    analysis: Analysis, comparisons: Sequence[Comparison], policy: Policy
) -> tuple[ServiceComparison, ...]:
    """Return what each service with five benchmarks or more did as a whole, worst first.

    Against a history a change is suspected at most: the machine may have made it. Where the whole suite moved as
    one, that is what is reported, and no service is. `comparisons` say which benchmarks lean to the worse.
    """
    if analysis.moved is not None:
        return ()
    members: dict[str, list[int]] = {}
    for row in np.flatnonzero(analysis.matrix.scale.timed & ~analysis.matrix.scale.linear):
        if analysis.matrix.rows.metrics[row].name == "time":
            members.setdefault(analysis.matrix.rows.benchmarks[row].service or "", []).append(int(row))
    shifts = [
        shift
        for service, rows in sorted(members.items())
        for shift in (_paired(service or None, np.array(rows), analysis, policy),
                      _stored(service or None, np.array(rows), analysis, policy))
        if shift is not None
    ]  # fmt: skip
    leaning = {row.benchmark.name for row in comparisons if row.metric.name == "time" and leans(row, policy)}
    compared = [_compared(shift, _ALPHA / len(shifts), analysis, leaning, policy) for shift in shifts]
    return tuple(sorted(compared, key=lambda service: (-service.severity.rank, -service.ratio)))


def leans(row: Comparison, policy: Policy) -> bool:
    """Whether a benchmark leans to the worse: it looks slower, and chance alone would seldom show as much."""
    return row.ratio is not None and row.ratio > 1 and row.p_value is not None and row.p_value <= policy.screen


def unused_quorums(comparisons: Sequence[Comparison], policy: Policy) -> Iterator[Note]:
    """Yield a note for each service whose quorum applies to nothing, because too few of its benchmarks were timed."""
    timed = Counter(row.benchmark.service or "" for row in comparisons if row.metric.name == "time")
    for limit in policy.limits:
        if limit.quorum is not None and not any(
            matches(service, limit.service) and benchmarks >= _FEWEST_BENCHMARKS
            for service, benchmarks in timed.items()
        ):
            yield Note(NoteCode.UNUSED_QUORUM, names=(limit.service,))


def typical(differences: Floats) -> Floats:
    """Return the mean of the middle half of the rows of each column in which every row has a value (rows × runs).

    A few benchmarks that changed by much must not pass for a change of all.
    """
    complete = np.sort(differences[:, ~np.isnan(differences).any(axis=0)], axis=0)
    cut = len(complete) // _LEFT_OUT
    return np.asarray(complete[cut : len(complete) - cut].mean(axis=0))


def _paired(service: str | None, rows: Ints, analysis: Analysis, policy: Policy) -> _Shift | None:
    """Return the shift that interleaved pairs show, None where they are too few."""
    estimates = analysis.estimates
    rows = rows[estimates.estimate.design[rows] == designs.PAIRED]
    if len(rows) < _FEWEST_BENCHMARKS:
        return None
    values = typical(estimates.head[rows] - estimates.base[rows])
    if values.size < _FEWEST_RUNS:
        return None
    layout = np.array([policy.session_spread.paired])  # of the builds, in full: they may share a part of it
    estimate = designs.paired(values[None, :], layout, policy.minimum_pairs)
    return _shift(service, Mode.PAIRED, rows, values.size, estimate)


def _stored(service: str | None, rows: Ints, analysis: Analysis, policy: Policy) -> _Shift | None:
    """Return the shift against stored runs, one value for each session, None where they are too few."""
    estimates, matrix = analysis.estimates, analysis.matrix
    rows = rows[(estimates.estimate.design[rows] == designs.HISTORY) & ~estimates.unstable[rows]]
    if len(rows) < _FEWEST_BENCHMARKS:
        return None
    base, head = by_session(estimates.base, matrix.base)[rows], by_session(estimates.head, matrix.head)[rows]
    level = medians(base)[:, None]
    stored, new = typical(base - level), typical(head - level)
    if stored.size < _FEWEST_RUNS or not new.size:
        return None
    sides = stored[None, :], new[None, :]
    drift = baseline_drift.of(sides[0] if new.size > 1 else np.full((1, 1), np.nan))
    estimate, _ = baseline_drift.history(drift, *sides, designs.no_prior(1), policy.minimum_runs)
    return _shift(service, Mode.HISTORY, rows, stored.size + new.size, estimate)


def _shift(service: str | None, mode: Mode, rows: Ints, runs: int, estimate: Estimate) -> _Shift | None:
    d, se, df = float(estimate.d[0]), float(estimate.se[0]), float(estimate.df[0])
    return _Shift(service, mode, rows, runs, d, se, df) if se > 0 and math.isfinite(d) else None


def _compared(
    shift: _Shift, alpha: float, analysis: Analysis, leaning: Collection[str], policy: Policy
) -> ServiceComparison:
    low, ratio, high = (_ratio(shift.d + part * shift.reach) for part in (-1, 0, 1))
    margin = policy.minimum_ratio_paired if shift.mode is Mode.PAIRED else policy.minimum_ratio_history
    verdict = Verdict.UNCHANGED if high < margin else Verdict.INCONCLUSIVE
    if shift.p < alpha:
        verdict = Verdict.REGRESSION if shift.d > 0 else Verdict.IMPROVEMENT
    threshold = service_threshold(shift.service, policy)
    compared = ServiceComparison(
        service=shift.service,
        mode=shift.mode,
        benchmarks=len(shift.rows),
        runs=shift.runs,
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        p_value=shift.p,
        threshold=threshold,
        verdict=verdict,
        severity=Severity.NONE,
        confirmed=False if shift.p < alpha and shift.mode is not Mode.PAIRED else None,
        leaning=sum(analysis.matrix.rows.benchmarks[row].name in leaning for row in shift.rows),
        quorum=quorum_of(shift.service, len(shift.rows), policy),
    )
    if verdict is not Verdict.REGRESSION:
        return compared
    return replace(compared, severity=_severity(compared, analysis.matrix.rows.metrics[shift.rows[0]], policy))


def _ratio(d: float) -> float:
    """Return the ratio of a log ratio, kept within what a number holds."""
    return math.exp(min(max(d, -_LARGEST), _LARGEST))


def _severity(service: ServiceComparison, metric: Metric, policy: Policy) -> Severity:
    """Return the severity of a regression; a waiver for all benchmarks of the service is one for the service."""
    waiver = waiver_of(Benchmark(service.service or "*"), metric, policy)
    if waiver is not None and service.ratio <= waiver.ceiling:
        return Severity.SLIGHT
    return severity_of(service.ratio, 0.0 if service.has_quorum else service.threshold, policy)
