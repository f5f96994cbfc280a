"""The suite as a whole: a shift that all benchmarks share, the geometric mean, and the verdict over everything."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.arrays import medians, quantiles
from regress_action.analysis.designs import HISTORY, SINGLE
from regress_action.model import normal
from regress_action.model.comparisons import Comparison, Graded, Outcome, ServiceComparison, Severity, Summary, Verdict
from regress_action.model.reasons import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.analysis.designs import Estimate
    from regress_action.analysis.grading import Analysis
    from regress_action.analysis.policy import Policy
    from regress_action.analysis.run_matrix import Scale
    from regress_action.model.measurements import Noise

_SUITE = 8  # fewer benchmarks cannot tell a shift of the machine from a change of the code
_MOST = 0.75  # of the benchmarks have to share a shift; of 33, 17 that are slower do not make one
_DEDICATED_SHIFT = 0.025  # log ratio; no machine of one's own moves a whole suite so far by chance


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
    every benchmark is new. `warn`: a regression alarms. `inconclusive`: a regression that would alarm cannot be ruled
    out. Otherwise `pass`.
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
    if all(comparison.verdict is Verdict.NEW and comparison.budget is None for comparison in comparisons):
        return Outcome.INCOMPLETE
    if moved is not None or any(_open(comparison) for comparison in comparisons):
        return Outcome.INCONCLUSIVE
    return Outcome.PASS


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
