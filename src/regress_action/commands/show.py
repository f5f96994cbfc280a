"""`regress-action show`: what was understood of results files."""

from __future__ import annotations

import json
import math
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.measurements import Report, Series

_SCHEMA = 1


@click.command(name="show", cls=options.Greedy)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "hint", metavar="NAME", help="Read every file as this format instead of sniffing.")
@click.option("--json", "json_out", metavar="OUT", help="Write one JSON object there; - for standard output.")
def command(*, files: tuple[str, ...], hint: str | None, json_out: str | None) -> None:
    """Print what was understood of result files: every benchmark with its metric, direction and value.

    Files are runs of one suite: the value is the median of their runs, in base units in JSON.
    """
    from regress_action import formats

    reports = formats.gather(files, hint=hint)
    stacked = formats.stack(reports)
    if json_out is None:
        click.echo("\n".join(_lines(reports, stacked)))
        return
    text = json.dumps(_structured(reports, stacked), ensure_ascii=False, allow_nan=False) + "\n"
    with click.open_file(json_out, "w", encoding="utf-8") as file:
        file.write(text)


def _sources(reports: Sequence[Report]) -> str:
    return ", ".join(dict.fromkeys(report.source for report in reports))


def _structured(reports: Sequence[Report], stacked: Report) -> dict[str, Any]:
    """Return the one object that `--json` writes."""
    return {
        "schema": _SCHEMA,
        "format": _sources(reports),
        "benchmarks": [
            {
                "benchmark": series.benchmark.name,
                "metric": series.metric.name,
                "unit": series.metric.unit,
                "direction": series.metric.direction.value,
                "runs": len(series.measured),
                "value": _value(series),
            }
            for series in stacked.series
        ],
        "failed": [
            {"benchmark": failure.benchmark, "reason": failure.reason}
            for failure in stacked.failures
            if not failure.skipped
        ],
        "skipped": [
            {"benchmark": failure.benchmark, "reason": failure.reason}
            for failure in stacked.failures
            if failure.skipped
        ],
        "warnings": list(stacked.warnings),
    }


def _value(series: Series) -> float | None:
    return median(series.measured) if series.measured else None


def _lines(reports: Sequence[Report], stacked: Report) -> list[str]:
    """Return the table for people, with what failed and what was warned of below it."""
    from regress_action.model.escaping import plain
    from regress_action.report.numbers import count, quantity

    rows = [("benchmark", "metric", "value", "better", "runs")]
    for series in stacked.series:
        value = _value(series)
        shown = "–" if value is None or math.isnan(value) else quantity(value, series.metric.unit)
        runs = str(len(series.measured))
        rows.append(
            (plain(series.benchmark.name), plain(series.metric.name), shown, series.metric.direction.value, runs)
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    environment = stacked.environment
    facts = [fact for fact in (environment.cpu, environment.os, environment.runtime) if fact != "unknown"]
    lines = [
        f"{_sources(reports)}: {count(len(stacked.runs), 'run')}{''.join(f', {plain(fact)}' for fact in facts)}",
        "",
    ]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [
        f"{'skipped' if failure.skipped else 'failed'}: {plain(failure.benchmark)}: {plain(failure.reason)}"
        for failure in stacked.failures
    ]
    return lines + [f"warning: {plain(warning)}" for warning in stacked.warnings]
