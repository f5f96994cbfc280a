"""Benchmarks that a change cannot reach: they cannot fail it, and what they move by is what chance moves others by."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.analysis import suite
from regress_action.model.comparisons import Note, NoteCode, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from regress_action.analysis.policy import Policy
    from regress_action.model.comparisons import Comparison, Judgement, ServiceComparison


def with_controls(judgement: Judgement, unreachable: Collection[str], policy: Policy) -> Judgement:
    """Return the judgement in which benchmarks that the change cannot reach are negative controls.

    A regression of one is `slight`: it is shown with its label and never alarms. Where controls moved for certain, in
    either direction, the largest of these ratios is a floor for the same metric: a regression up to it is slight as
    well. A service of which the change reaches no benchmark does not alarm. Budgets stand, for they are no comparison.
    """
    if not unreachable:
        return judgement
    rows = [replace(row, unreachable=row.benchmark.name in unreachable) for row in judgement.comparisons]
    floors = _floors(rows)
    judged = tuple(_judged(row, floors.get(row.metric.name, 1.0)) for row in rows)
    below = sum(after.severity < before.severity for before, after in zip(rows, judged, strict=True))
    of_controls = sum(row.unreachable and row.severity >= Severity.MINOR for row in rows)
    services = tuple(_service(service, rows) for service in judgement.services)
    notes = [Note(NoteCode.UNREACHABLE, (float(len(_names(rows))), float(len({row.benchmark.name for row in rows}))))]
    if floors:
        floor = max(floors.values())
        notes.append(Note(NoteCode.CONTROL_FLOOR, (float(_moved(rows)), floor, float(below - of_controls))))
    shift = judgement.summary.environment_shift
    moved = math.log(shift) if shift is not None else None
    return replace(
        judgement,
        comparisons=judged,
        services=services,
        summary=suite.summarise(judged, policy, moved, services),
        notes=(*notes, *judgement.notes),
    )


def _floors(rows: Sequence[Comparison]) -> dict[str, float]:
    """Return by how much a control moved at most, by metric, as a ratio from 1; only proven changes count."""
    floors: dict[str, float] = {}
    for row in rows:
        if row.unreachable and row.ratio and row.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}:
            size = max(row.ratio, 1 / row.ratio)
            floors[row.metric.name] = max(size, floors.get(row.metric.name, 1.0))
    return floors


def _judged(row: Comparison, floor: float) -> Comparison:
    """Return a comparison that does not alarm where it is a control, or is within what controls moved by."""
    within = row.unreachable or (row.ratio is not None and row.ratio <= floor)
    is_alarming = row.verdict is Verdict.REGRESSION and row.severity > Severity.SLIGHT
    return replace(row, severity=Severity.SLIGHT) if within and is_alarming else row


def _service(service: ServiceComparison, rows: Sequence[Comparison]) -> ServiceComparison:
    members = [row for row in rows if row.benchmark.service == service.service]
    alone = bool(members) and all(row.unreachable for row in members)
    return replace(service, severity=Severity.SLIGHT) if alone and service.severity > Severity.SLIGHT else service


def _names(rows: Sequence[Comparison]) -> set[str]:
    return {row.benchmark.name for row in rows if row.unreachable}


def _moved(rows: Sequence[Comparison]) -> int:
    moved = (row for row in rows if row.unreachable and row.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT})
    return len({row.benchmark.name for row in moved})
