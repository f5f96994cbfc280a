"""The causes of regressions in a terminal and as JSON."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from regress_action.model.escaping import plain
from regress_action.report import numbers
from regress_action.report.causes import annotation, as_plain, kind, memory_paragraph, paragraph, percent, place
from regress_action.report.numbers import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.model.profiles import Cause, CostChange, Culprit, FunctionChange, MemoryCause

SCHEMA = 1
MOST_ROWS = 10
WIDTH = 100
_LONGEST_NAME = 48


def lines(cause: Cause) -> Iterator[str]:
    """Yield the lines for a person: the paragraph, the changed line, and a table of functions."""
    yield from textwrap.wrap(as_plain(paragraph(cause)), WIDTH)
    if culprit := cause.culprit:
        yield ""
        yield f"  {plain(culprit.location.path)}:{culprit.location.line}"
        if culprit.removed:
            yield f"      - | {plain(culprit.removed, WIDTH)}"
        yield f"  {culprit.location.line:>5} | {plain(culprit.text, WIDTH)}"
    rows = _rows(cause)
    if rows:
        yield ""
        yield from _table(cause, rows)
    if cause.slower:
        yield ""
        yield "Functions that became slower, at most 1 % of suites with a false one:"
    for slow in cause.slower[:MOST_ROWS]:
        interval = numbers.interval(slow.low, slow.high, like=slow.ratio)
        part = f"{100 * slow.share:.1f} % of the base"
        yield f"  {place(slow.key)[:_LONGEST_NAME]}  {numbers.change(slow.ratio)} a call ({interval}), {part}"
    for warning in cause.warnings:
        yield f"Note: {plain(warning)}"


def _rows(cause: Cause) -> list[FunctionChange]:
    """Return the functions that matter: the first, and those that changed by more than a hundredth of everything."""
    least = 0.01 * max(cause.total.base, cause.total.head)
    return [row for n, row in enumerate(cause.functions) if n == 0 or abs(row.own.difference) >= least][:MOST_ROWS]


def _table(cause: Cause, rows: Sequence[FunctionChange]) -> Iterator[str]:
    head = ["Function", f"Own {kind(cause.mode)}", "Difference", "Share", "With calls", "Calls"]
    cells = [
        [
            place(row.key, row.line)[:_LONGEST_NAME],
            f"{quantity(row.own.base, cause.unit)} → {quantity(row.own.head, cause.unit)}",
            _signed(row.own, cause.unit),
            _percentage(row.share),
            _percentage(row.total.difference / cause.total.difference if cause.total.difference else 0.0),
            _calls(row),
        ]
        for row in rows
    ]
    widths = [max(len(row[column]) for row in [head, *cells]) for column in range(len(head))]
    for row in [head, *cells]:
        first, *rest = row
        yield (
            "  "
            + first.ljust(widths[0])
            + "".join(f"  {text.rjust(width)}" for text, width in zip(rest, widths[1:], strict=True))
        )


def _percentage(part: float) -> str:
    """Return a part of the difference, which is below 0 or above 1 where others cost less."""
    return percent(part) if 0 <= part <= 1 else f"{round(100 * part)} %".replace("-", "−")


def _signed(change: CostChange, unit: str) -> str:
    sign = "+" if change.difference >= 0 else "−"
    text = f"{sign}{quantity(abs(change.difference), unit)}"
    if change.low is None or change.high is None:
        return text
    return f"{text} ± {quantity((change.high - change.low) / 2, unit)}"


def _calls(row: FunctionChange) -> str:
    if row.calls_base is None or row.calls_head is None:
        return ""
    before, after = round(row.calls_base), round(row.calls_head)
    if row.is_new:
        return f"new: {after:,}"
    return f"{before:,} → {after:,}" if before != after else f"{after:,}"


def memory_lines(cause: MemoryCause) -> Iterator[str]:
    """Yield the lines for a person: the paragraph, and a table of the lines that hold more memory."""
    yield from textwrap.wrap(as_plain(memory_paragraph(cause)), WIDTH)
    for site in cause.sites[:MOST_ROWS]:
        where = plain(f"{site.location.path}:{site.location.line}", _LONGEST_NAME)
        before, after = quantity(site.change.base, "B"), quantity(site.change.head, "B")
        mark = "changed" if site.is_changed else ""
        yield f"  {where:<32} {before:>9} → {after:<9} {mark:<8} {plain(site.text, _LONGEST_NAME)}"


def as_object(
    causes: Sequence[Cause], flame_graphs: Mapping[int, str] | None = None, memory: Sequence[MemoryCause] = ()
) -> dict[str, Any]:
    """Return the causes for a program; `flame_graphs` names the file of each, by its place in the list."""
    graphs = flame_graphs or {}
    return {
        "schema": SCHEMA,
        "causes": [cause_object(cause, graphs.get(n)) for n, cause in enumerate(causes)],
        "memory": [_memory_object(cause) for cause in memory],
    }


def _memory_object(cause: MemoryCause) -> dict[str, Any]:
    return {
        "benchmarks": [_text(name) for name in cause.benchmarks],
        "pairs": cause.pairs,
        "total": _change(cause.total),
        "seen": _finite(cause.seen),
        "sites": [
            {
                "path": _text(site.location.path),
                "line": site.location.line,
                "function": _text(site.function) or None,
                "text": _text(site.text),
                "bytes": _change(site.change),
                "blocks": _change(site.number),
                "changed": site.is_changed,
                "growing": site.is_growing,
            }
            for site in cause.sites
        ],
        "explanation": as_plain(memory_paragraph(cause)),
    }


def cause_object(cause: Cause, flame_graph: str | None = None) -> dict[str, Any]:
    """Return one cause for a program."""
    return {
        "benchmarks": [_text(name) for name in cause.benchmarks],
        "mode": cause.mode.value,
        "unit": cause.unit,
        "pairs": cause.pairs,
        "scaled": cause.is_scaled,
        "total": _change(cause.total),
        "ratio": _finite(cause.ratio),
        "culprit": _culprit(cause.culprit),
        "functions": [_function(row) for row in cause.functions],
        "moved": [
            {"from": _text(row.source.function), "to": _text(row.target.function), "amount": row.amount}
            for row in cause.moved
        ],
        "slower": [
            {
                "function": _text(slow.key.function),
                "path": _text(slow.key.path),
                "ratio": _finite(slow.ratio),
                "low": _finite(slow.low),
                "high": _finite(slow.high),
                "share": _finite(slow.share),
                "p_value": _finite(slow.p_value),
            }
            for slow in cause.slower
        ],
        "unexecuted": [_text(path) for path in cause.unexecuted],
        "explanation": as_plain(paragraph(cause)),
        "flame_graph": flame_graph,
        "warnings": [_text(warning) for warning in cause.warnings],
    }


def _culprit(culprit: Culprit | None) -> dict[str, Any] | None:
    if culprit is None:
        return None
    return {
        "path": _text(culprit.location.path),
        "line": culprit.location.line,
        "text": _text(culprit.text),
        "removed": _text(culprit.removed),
        "function": _text(culprit.function.function) if culprit.function else None,
        "evidence": culprit.evidence.value,
        "share": _finite(culprit.share),
        "share_low": _finite(culprit.share_low),
        "share_high": _finite(culprit.share_high),
        "sentence": annotation(culprit),
    }


def _function(row: FunctionChange) -> dict[str, Any]:
    return {
        "function": _text(row.key.function),
        "path": _text(row.key.path),
        "line": row.line,
        "own": _change(row.own),
        "total": _change(row.total),
        "share": _finite(row.share),
        "calls_base": row.calls_base,
        "calls_head": row.calls_head,
    }


def _change(change: CostChange) -> dict[str, float | None]:
    return {
        "base": _finite(change.base),
        "head": _finite(change.head),
        "difference": _finite(change.difference),
        "low": _finite(change.low),
        "high": _finite(change.high),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _text(text: str) -> str:
    return text.encode(errors="replace").decode()
