"""What a benchmark did with the time and the memory that it needs more: it computed or it waited, kept or copied."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from regress_action.model.comparisons import Verdict

if TYPE_CHECKING:
    from regress_action.model.comparisons import Comparison

_MOSTLY = 0.5
_ALIKE = 0.8
_MEBIBYTE = 2.0**20


class Bound(StrEnum):
    """What the time that a benchmark takes longer is spent on."""

    COMPUTING = "computing"
    WAITING = "waiting"
    BOTH = "both"


def bound_of(time: Comparison, cpu: Comparison) -> Bound | None:
    """Return what a proven slowdown is spent on, from the CPU time of the same runs; None where that is not decided.

    CPU time that was shown not to have changed is waiting. CPU time that has grown is computing, or both where it
    explains less than half of the time and has grown by less than the time has. Where both have grown alike, a process
    that waits for a CPU of a busy machine does so in proportion to what it computes.
    """
    if cpu.verdict is Verdict.UNCHANGED:
        return Bound.WAITING
    if cpu.verdict is not Verdict.REGRESSION:
        return None
    share = explained(time, cpu)
    alike = cpu.ratio is not None and time.ratio is not None and cpu.ratio >= _ALIKE * time.ratio
    return Bound.BOTH if share is not None and share < _MOSTLY and not alike else Bound.COMPUTING


def explained(time: Comparison, cpu: Comparison) -> float | None:
    """Return the share of the added time by which the CPU time grew; None where either is not known or not positive."""
    grown, computed = _grown(time), _grown(cpu)
    return computed / grown if grown and computed is not None and grown > 0 else None


def evidence(row: Comparison) -> str:
    """Return what was measured, `time 1 → 2 s (1.9 to 2.1×, 10 and 10 runs)`."""
    before, after = row.baseline.median, row.head.median
    unit, factor = ("MiB", _MEBIBYTE) if row.metric.unit == "B" else (row.metric.unit, 1.0)
    shown = f"{_digits(before, factor)} → {_digits(after, factor)} {unit}"
    interval = f"{row.ratio_low:.3g} to {row.ratio_high:.3g}×, " if row.ratio_low and row.ratio_high else ""
    name = row.metric.name.replace("cpu", "CPU").replace("_", " ")
    return f"{name} {shown} ({interval}{row.baseline.runs} and {row.head.runs} runs)"


def _digits(value: float | None, factor: float) -> str:
    return "?" if value is None else f"{value / factor:.3g}"


def _grown(row: Comparison) -> float | None:
    if row.baseline.median is None or row.head.median is None:
        return None
    return row.head.median - row.baseline.median
