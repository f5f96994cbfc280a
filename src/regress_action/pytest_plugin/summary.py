"""The section that a measuring session prints at its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from regress_action.model.measurements import Report, Series
    from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture
    from regress_action.pytest_plugin.session import PerformanceSession


def show(session: PerformanceSession, terminal: pytest.TerminalReporter) -> None:
    """Print the verdict where one was asked for, else the measured values."""
    if session.config.option.collectonly or not (session.report or session.notes):
        return
    terminal.section("performance", sep="-", blue=True)
    if session.judged:
        from rich.console import Console

        from regress_action.report import terminal as page

        console = Console(file=sys.stdout, highlight=False, width=terminal._tw.fullwidth)  # noqa: SLF001 - the width that pytest found
        page.show(session.judged.judgement, console, verbose=session.request.compare)
        for waiver in session.judged.waivers:
            console.print(f"Waiver in force: {waiver}", markup=False)
    elif session.report:
        for line in listed(session.report):
            terminal.write_line(line)
    if session.isolated.repeated:
        terminal.write_line(f"{session.isolated.repeated} disturbed runs were repeated.")
    for note in session.notes:
        terminal.write_line(note)


def listed(report: Report) -> list[str]:
    """Return a line for every benchmark and metric: the median of its runs, and how many there are."""
    from regress_action.model.escaping import plain

    return [f"{plain(series.benchmark.name)} {series.metric.name}: {_value(series)}" for series in report.series]


def _value(series: Series) -> str:
    from statistics import median

    from regress_action.report.numbers import quantity

    values = series.measured
    runs = f"{len(values)} run{'s' if len(values) != 1 else ''}"
    return f"{quantity(median(values), series.metric.unit)} ({runs})" if values else "no value"


def show_fixture(fixtures: Sequence[BenchmarkFixture], terminal: pytest.TerminalReporter) -> None:
    """Print the tables of a session in which only the `benchmark` fixture was used."""
    from regress_action.pytest_plugin import tables

    for line in tables.lines(fixtures, tables.options_of(terminal.config)):
        terminal.write_line(line)
