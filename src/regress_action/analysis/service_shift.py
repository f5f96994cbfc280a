"""Whether the benchmarks of a service got slower or faster together, though each of them alone may be undecided.

The unit of evidence is the pair, or the stored run: what the typical benchmark did in it is one value, so what moved
them together (they share its processes, its machine and its moment) counts once and not once per benchmark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import designs, distributions
from regress_action.analysis.arrays import medians
from regress_action.analysis.policy import service_threshold, severity_of, waiver_of
from regress_action.analysis.run_matrix import by_session
from regress_action.model.comparisons import Mode, ServiceComparison, Severity, Verdict
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Floats, Ints
    from regress_action.analysis.designs import Estimate
    from regress_action.analysis.grading import Analysis
    from regress_action.analysis.policy import Policy

_FEWEST_BENCHMARKS = 5
_FEWEST_RUNS = 5
_ALPHA = 0.01  # of all services of a judgement together
_CONFIDENCE = 0.95
_LARGEST = 700.0
_LEFT_OUT = 4  # one benchmark in four at either end


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


def compare_services(analysis: Analysis, policy: Policy) -> tuple[ServiceComparison, ...]:
    """Return what each service with five benchmarks or more did as a whole, worst first.

    Against a history a change is suspected at most: the machine may have made it. Where the whole suite moved as
    one, that is what is reported, and no service is.
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
    compared = [_compared(shift, _ALPHA / len(shifts), analysis, policy) for shift in shifts]
    return tuple(sorted(compared, key=lambda service: (-service.severity.rank, -service.ratio)))


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
    estimate = designs.history(stored[None, :], new[None, :], designs.no_prior(1), policy.minimum_runs)
    return _shift(service, Mode.HISTORY, rows, stored.size + new.size, estimate)


def _shift(service: str | None, mode: Mode, rows: Ints, runs: int, estimate: Estimate) -> _Shift | None:
    d, se, df = float(estimate.d[0]), float(estimate.se[0]), float(estimate.df[0])
    return _Shift(service, mode, rows, runs, d, se, df) if se > 0 and math.isfinite(d) else None


def _compared(shift: _Shift, alpha: float, analysis: Analysis, policy: Policy) -> ServiceComparison:
    low, ratio, high = (_ratio(shift.d + part * shift.reach) for part in (-1, 0, 1))
    margin = policy.minimum_ratio_paired if shift.mode is Mode.PAIRED else policy.minimum_ratio_history
    verdict = Verdict.UNCHANGED if high < margin else Verdict.INCONCLUSIVE
    if shift.p < alpha:
        verdict = Verdict.REGRESSION if shift.d > 0 else Verdict.IMPROVEMENT
    threshold = service_threshold(shift.service, policy)
    return ServiceComparison(
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
        severity=_severity(shift, ratio, threshold, analysis, policy)
        if verdict is Verdict.REGRESSION
        else Severity.NONE,
        confirmed=False if shift.p < alpha and shift.mode is not Mode.PAIRED else None,
    )


def _ratio(d: float) -> float:
    """Return the ratio of a log ratio, kept within what a number holds."""
    return math.exp(min(max(d, -_LARGEST), _LARGEST))


def _severity(shift: _Shift, ratio: float, threshold: float, analysis: Analysis, policy: Policy) -> Severity:
    """Return the severity; a waiver for all benchmarks of the service is one for the service."""
    metric = analysis.matrix.rows.metrics[shift.rows[0]]
    waiver = waiver_of(Benchmark(shift.service or "*"), metric, policy)
    if waiver is not None and ratio <= waiver.ceiling:
        return Severity.SLIGHT
    return severity_of(ratio, threshold, policy)
