"""From a claim to its receipt, and from a receipt back to its verdict."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from regress_action.action.claims.receipt import ClaimReceipt
from regress_action.action.measure import measure_pairs
from regress_action.analysis.bisection.pairs import main_keys
from regress_action.model import escaping
from regress_action.model.claims import Claim, ClaimEvidence, ClaimPair, verdict_over
from regress_action.model.comparisons import Mode
from regress_action.model.errors import IncompleteError, InputError, UsageError
from regress_action.model.measurements import Benchmark, Direction, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.measure import MeasurementSpec
    from regress_action.model.comparisons import Comparison
    from regress_action.settings import Settings

_CLOSE = 1e-9


def verify(claim: Claim, settings: Settings, spec: MeasurementSpec, pattern: str, *, version: str) -> ClaimReceipt:
    """Measure `settings.base` against `spec.head` in pairs and return the receipt.

    Raises:
        UsageError: a reference does not exist, or nothing that was measured is what the claim is about.
        IncompleteError: a side gave no result.
        InfrastructureError: git, the disk or the machine failed.
    """
    measured = measure_pairs(settings, replace(spec, adaptive=False))
    base, head = measured.base, measured.head
    if base is None:
        raise IncompleteError("The base gave no result.", remedy="Name a commit at which the suite runs.")
    evidence = evidence_of(claim, _pairs_of(claim, base, head, pattern))
    return ClaimReceipt(
        claim,
        base=base.commit or "",
        head=head.commit or "",
        how={
            "command": list(spec.command),
            "setup": settings.setup,
            "results": settings.results,
            "carry": list(settings.carry),
            "benchmark": pattern,
            "pairs": settings.runs,
        },
        machine=asdict(head.environment),
        measured=head.created or "",
        version=version,
        evidence=evidence,
        verdict=verdict_over(evidence),
    )


def evidence_of(claim: Claim, measured: Sequence[ClaimEvidence]) -> tuple[ClaimEvidence, ...]:
    """Return the evidence with ratios, intervals and verdicts of its pairs, by the rules of every judgement."""
    from regress_action import analysis

    base, head = (_report(measured, side) for side in ("base", "head"))
    judgement = analysis.compare([base], [head], mode=Mode.PAIRED)
    rows = {(row.benchmark.name, row.metric.name): row for row in judgement.comparisons}
    return tuple(_with_verdict(claim, entry, rows[entry.benchmark, entry.metric.name]) for entry in measured)


def check(receipt: ClaimReceipt) -> None:
    """Check that the verdict and every number of a receipt follow from its runs.

    Raises:
        InputError: one does not.
    """
    again = evidence_of(receipt.claim, receipt.evidence) if receipt.evidence else ()
    same = all(
        _is_close(getattr(then, name), getattr(now, name))
        for then, now in zip(receipt.evidence, again, strict=True)
        for name in ("ratio", "ratio_low", "ratio_high")
    )
    verdicts = [entry.verdict for entry in again] == [entry.verdict for entry in receipt.evidence]
    if not (again and same and verdicts and verdict_over(again) is receipt.verdict):
        raise InputError(
            "The receipt does not hold: its verdict does not follow from its runs.",
            meaning="The numbers were changed, or another version computes them differently.",
            remedy="Measure again: verify-claim --receipt FILE --replay",
        )


def _is_close(then: float | None, now: float | None) -> bool:
    if then is None or now is None:
        return then is now
    return math.isclose(then, now, rel_tol=_CLOSE)


def _pairs_of(claim: Claim, base: Report, head: Report, pattern: str) -> list[ClaimEvidence]:
    """Return the pairs of every benchmark that matches, without numbers yet."""
    both = {series.key for series in base.series}
    keys = main_keys([series for series in head.series if series.key in both], pattern, claim.metric)
    measured = [entry for key in keys if (entry := _entry(key, base, head)).pairs]
    if not measured:
        raise _nothing(claim, head, pattern)
    return measured


def _entry(key: tuple[str, str], base: Report, head: Report) -> ClaimEvidence:
    before, after = (next(series for series in report.series if series.key == key) for report in (base, head))
    values = [
        {
            run.pair: value
            for run, value in zip(report.runs, series.values, strict=True)
            if run.pair is not None and math.isfinite(value)
        }
        for report, series in ((base, before), (head, after))
    ]
    shared = sorted(values[0].keys() & values[1].keys())
    pairs = tuple(ClaimPair(pair, values[0][pair], values[1][pair]) for pair in shared)
    return ClaimEvidence(
        key[0], after.metric, pairs, None, None, None, Claim("", "", 1, at_most=True).verdict(None, None)
    )


def _nothing(claim: Claim, head: Report, pattern: str) -> UsageError:
    names = sorted({f"{series.benchmark.name} ({series.metric.name})" for series in head.series})
    return UsageError(
        f"Nothing that was measured on both sides is {escaping.plain(claim.metric)} of {escaping.plain(pattern)}.",
        meaning=f"The claim {escaping.plain(claim.text)!r} is about that metric.",
        remedy="Measured were: " + (", ".join(map(escaping.plain, names[:6])) or "no values"),
    )


def _report(measured: Sequence[ClaimEvidence], side: str) -> Report:
    """Return one side as a report in which each pair is a run of one session."""
    pairs = sorted({pair.pair for entry in measured for pair in entry.pairs})
    series = []
    for entry in measured:
        values = {pair.pair: pair.base if side == "base" else pair.head for pair in entry.pairs}
        row = tuple(values.get(pair, math.nan) for pair in pairs)
        series.append(Series(Benchmark(entry.benchmark), entry.metric, row, (1,) * len(row), (math.nan,) * len(row)))
    return Report(tuple(series), tuple(Run(session="claim", pair=pair) for pair in pairs))


def _with_verdict(claim: Claim, entry: ClaimEvidence, row: Comparison) -> ClaimEvidence:
    ratio, low, high = row.ratio, row.ratio_low, row.ratio_high
    if entry.metric.direction is Direction.HIGHER:
        ratio, low, high = (1 / value if value else None for value in (ratio, high, low))
    finite = [value if value is not None and math.isfinite(value) else None for value in (ratio, low, high)]
    verdict = claim.verdict(finite[1], finite[2])
    return replace(
        entry, ratio=finite[0], ratio_low=finite[1], ratio_high=finite[2], verdict=verdict, runs_needed=row.runs_needed
    )
