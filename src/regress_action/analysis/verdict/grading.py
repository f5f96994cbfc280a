"""Verdict and severity of every row: what stands in the way goes before what the numbers say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.numeric.arrays import ROUNDING, Flags, Floats, Ints, plain
from regress_action.analysis.rules import limits
from regress_action.analysis.verdict import wording
from regress_action.model.comparisons import Severity, Verdict

if TYPE_CHECKING:
    from regress_action.analysis.rules.policy import Policy
    from regress_action.analysis.verdict.decision import Decided
    from regress_action.analysis.verdict.weighing import Evidence, Weighed
    from regress_action.model.comparisons import Budget

WORST_FIRST = (
    Verdict.REGRESSION,
    Verdict.FAILED,
    Verdict.MISSING,
    Verdict.UNSTABLE_BASELINE,
    Verdict.INCOMPARABLE,
    Verdict.INCONCLUSIVE,
    Verdict.NEW,
    Verdict.IMPROVEMENT,
    Verdict.UNCHANGED,
)
_CODE = {verdict: code for code, verdict in enumerate(WORST_FIRST)}


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that is known about the rows of one comparison.

    `moved` is the log ratio by which the whole suite moved, if it did, and `shift` the part of it in each row.
    `idle` are sentences about budgets that apply to nothing.
    """

    evidence: Evidence
    weighed: Weighed
    decided: Decided
    thresholds: Floats
    budgets: dict[int, Budget]
    failures: dict[str, str]
    moved: float | None
    shift: Floats
    idle: tuple[str, ...]


def verdicts(table: Table) -> tuple[Ints, Flags]:
    """Return the code of each row's verdict, and which rows belong into the judgement at all.

    What stands in the way of a comparison goes before what the comparison would say. A benchmark that only old
    commits of a history know was removed long ago and is no news.
    """
    evidence, decided, weighed = table.evidence, table.decided, table.weighed
    rows = evidence.rows
    names = [benchmark.name for benchmark in rows.benchmarks]
    head = ~np.isnan(evidence.head.values).all(axis=1)
    base = ~np.isnan(evidence.base.values).all(axis=1)
    attempted = np.array([name in table.failures or "" in table.failures for name in names], dtype=bool)
    unusable = _marked(rows.invalid, len(rows)) & ~head | evidence.scale.stopped
    clash = _marked(rows.clashes, len(rows)) & ~base
    proven = decided.regression | decided.improvement
    codes = np.select(
        [
            unusable | (~head & attempted),
            ~head,
            clash | (weighed.foreign & ~proven),
            ~base,
            weighed.unstable,
            decided.regression,
            decided.improvement,
            decided.unchanged,
        ],
        [
            _CODE[verdict]
            for verdict in (
                Verdict.FAILED,
                Verdict.MISSING,
                Verdict.INCOMPARABLE,
                Verdict.NEW,
                Verdict.UNSTABLE_BASELINE,
                Verdict.REGRESSION,
                Verdict.IMPROVEMENT,
                Verdict.UNCHANGED,
            )
        ],
        _CODE[Verdict.INCONCLUSIVE],
    )
    return codes, head | evidence.base.newest | unusable | attempted


def _marked(rows: dict[int, str], count: int) -> Flags:
    flags = np.zeros(count, dtype=bool)
    flags[[row for row in rows if row >= 0]] = True
    return flags


def severities(table: Table, codes: Ints, policy: Policy) -> tuple[Ints, dict[int, str]]:
    """Return the rank of each row's severity, and the reasons of those that a waiver covers.

    The bands are ratios; without a ratio a proven regression is minor. What the whole suite moved by is taken off.
    """
    moderate, critical = policy.severities
    own = np.exp(np.minimum(table.weighed.estimate.d - table.shift, 700.0))
    above, below = 1 + ROUNDING, 1 - ROUNDING
    graded = np.select(
        [own < table.thresholds * below, own < moderate * below, own <= critical * above],
        [Severity.SLIGHT.rank, Severity.MINOR.rank, Severity.MODERATE.rank],
        Severity.CRITICAL.rank,
    )
    graded = np.where(table.evidence.scale.linear, Severity.MINOR.rank, graded)
    graded[codes != _CODE[Verdict.REGRESSION]] = Severity.NONE.rank
    waived = {}
    if policy.waivers:
        for row in plain(np.flatnonzero(graded > Severity.SLIGHT.rank)):
            rows = table.evidence.rows
            waiver = limits.waiver_of(rows.benchmarks[row], rows.metrics[row], policy)
            if waiver is not None and own[row] <= waiver.ceiling * above and not table.evidence.scale.linear[row]:
                graded[row] = Severity.SLIGHT.rank
                waived[row] = f" Waived up to {wording.percent(waiver.ceiling)}: {waiver.reason or 'no reason given'}."
    return graded, waived
