"""What a load test says to a person: a line for every second, and the result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regress_action.report.numbers import quantity

if TYPE_CHECKING:
    from regress_action.instruments.load.recorder import SecondStats
    from regress_action.instruments.load.result import LoadResult


def second_line(second: SecondStats) -> str:
    """Return what happened in one second."""
    latency = "no answer" if math.isnan(second.p50_s) else f"p50 {quantity(second.p50_s, 's')}"
    return (
        f"{second.at_s:7.1f} s  {second.requests:7d} requests  {second.errors:5d} errors  "
        f"{second.in_flight:5d} open  {latency}"
    )


def run_line(side: str, number: int, result: LoadResult) -> str:
    """Return the figures of one of many runs."""
    shown = [f"{name} {quantity(row.value_s, 's')}" for name, row in result.response.items() if name in ("p50", "p99")]
    return (
        f"{side:<8} {number:3d}: {result.requests} requests, {result.failed} errors, {', '.join(shown) or 'no answer'}"
    )


def lines(result: LoadResult) -> list[str]:
    """Return the whole result of one run."""
    loop = f"{result.scenario.rate:g} arrivals/s" if result.scenario.rate else f"{result.scenario.users} users"
    said = [
        f"{result.target}: {loop} for {result.duration_s:.3g} s",
        f"  {result.requests} requests, {result.failed} errors, {quantity(result.throughput, '1/s')}",
    ]
    said += [f"  {count} × {name}" for name, count in result.errors.items()]
    heads = "response" if result.scenario.is_open else "latency"
    for title, rows in ((heads, result.response), ("service", result.service if result.scenario.is_open else {})):
        for name, row in rows.items():
            interval = f"[{quantity(row.low_s, 's')}, {quantity(row.high_s, 's')}]"
            said.append(f"  {title} {name:<6} {quantity(row.value_s, 's'):>10}  {interval}")
    return said + [f"  Note: {warning}" for warning in result.warnings()]
