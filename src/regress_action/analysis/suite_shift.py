"""What a shift of the whole suite makes of each comparison.

Sides that were measured apart may differ in the machine, the build or the runtime as well as in the code. A benchmark
that is slower by its threshold or more together with all others is therefore suspected: it warns and is measured
again in pairs, and never fails a run. What is better or worse only by comparison with the shift is not decided.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.analysis import grading
from regress_action.analysis.arrays import ROUNDING
from regress_action.analysis.policy import severity_of
from regress_action.model.comparisons import Comparison, Severity, Verdict
from regress_action.model.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.policy import Policy

_DECIDED = (Verdict.UNCHANGED, Verdict.IMPROVEMENT, Verdict.INCONCLUSIVE)
_OPEN_TO_WORSE = (Verdict.UNCHANGED, Verdict.REGRESSION, Verdict.INCONCLUSIVE)


def with_shift(comparisons: Sequence[Comparison], moved: float | None, policy: Policy) -> tuple[Comparison, ...]:
    """Return the comparisons of a suite that moved by the log ratio `moved`, worst first; unmoved ones as they are."""
    if moved is None:
        return tuple(comparisons)
    rows = (_with_shift(row, moved, policy) for row in comparisons)
    return tuple(sorted(rows, key=_worst_first))


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
    if _is_apart(row, moved):
        return replace(
            row,
            verdict=Verdict.INCONCLUSIVE,
            severity=Severity.NONE,
            confirmed=None,
            reason=Reason(ReasonCode.APART_FROM_SUITE, design),
        )
    return row


def _is_apart(row: Comparison, moved: float) -> bool:
    """Whether the whole interval lies on the other side of the shift, and not on the other side of no change."""
    low, high = row.ratio_low or 0.0, row.ratio_high or math.inf
    if moved > 0:
        return row.verdict in _DECIDED and 1 <= high < math.exp(moved)
    return row.verdict in _OPEN_TO_WORSE and math.exp(moved) < low <= 1


def _worst_first(row: Comparison) -> tuple[bool, int, int, float]:
    return not row.is_over_budget, grading.WORST_FIRST.index(row.verdict), -row.severity.rank, -(row.ratio or 0.0)
