"""Which benchmarks a change can reach, in lines for a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.model.escaping import plain
from regress_action.report.numbers import count, duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.model.affected import AffectedBenchmarks

_SIDES = 2
_MOST = 20


def lines(result: AffectedBenchmarks, pairs: int) -> Iterator[str]:
    """Yield what is measured and why, and what is not and what that saves of `pairs` pairs."""
    if result.problem is not None:
        yield f"Every benchmark is measured, because what they execute is not known: {plain(result.problem)}."
        return
    reached = [entry for entry in result.benchmarks if entry.reason is not None]
    for entry in reached[:_MOST]:
        yield f"  measured: {plain(entry.name)}: {plain(entry.reason or '')}"
    if len(reached) > _MOST:
        yield f"  … and {len(reached) - _MOST} more"
    for entry in result.unreachable[:_MOST]:
        yield f"  cannot be caused by this diff: {plain(entry.name)}"
    if len(result.unreachable) > _MOST:
        yield f"  … and {len(result.unreachable) - _MOST} more"
    saved_s = sum(entry.run_s for entry in result.unreachable) * pairs * _SIDES
    total = count(len(result.benchmarks), "benchmark")
    saved = f"; leaving out the others saves at most {duration(saved_s)}, for tracing slows runs" if saved_s else ""
    yield f"{len(reached)} of {total} may be reached by what changed{saved}."
