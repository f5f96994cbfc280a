"""`regress-action explain`: why the last measurement says what it says of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.action.judge import Judged, JudgingRules
    from regress_action.model.comparisons import Comparison
    from regress_action.model.measurements import Report


@click.command(name="explain")
@click.argument("pattern", metavar="BENCHMARK")
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(".regress"),
    help="Folder of `run`; default .regress.",
)
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
def command(*, pattern: str, folder: Path, config: str | None) -> None:
    """Show the runs, the interval, the threshold and the reason of each benchmark that matches; short names count."""
    from regress_action.action.judge import judge_reports, selected, was_looked_at

    rules = options.project_rules(config=config)
    base, head = reports_in(folder)
    judged = judge_reports(*selected([base], [head], pattern), rules, interim=was_looked_at([base], [head]))
    from regress_action.commands.output import show

    show(judged, verbose=True)
    for line in details(judged, rules):
        click.echo(line)


def reports_in(folder: Path) -> tuple[Report, Report]:
    """Return base and head of the last measurement in a folder.

    Raises:
        UsageError: there is none with a base.
    """
    from regress_action import formats
    from regress_action.model.errors import UsageError

    paths = [folder / "base.jsonl", folder / "head.jsonl"]
    for path in paths:
        if not path.is_file():
            raise UsageError(
                f"{path} does not exist.",
                meaning="Only a measurement of base and head can be explained.",
                remedy="Measure first: regress-action run --base REF",
            )
    base, head = (formats.gather([str(path)])[0] for path in paths)
    return base, head


def details(judged: Judged, rules: JudgingRules) -> Iterator[str]:
    """Yield the runs of both sides, pair by pair, and where the threshold of each comparison comes from."""
    from regress_action.model import escaping

    for row in judged.judgement.comparisons:
        yield ""
        yield f"{escaping.plain(row.benchmark.name)} ({row.metric.name})"
        yield f"  {_threshold(row, rules)}"
        for name, reports in (("base", judged.baseline), ("head", judged.head)):
            yield f"  {name}  {_values(row, reports)}"


def _threshold(row: Comparison, rules: JudgingRules) -> str:
    from regress_action.commands.doctor_plan import percent

    asked = rules.asked_threshold(row)
    if row.threshold > asked * (1 + 1e-9):
        return (
            f"The settings ask for a threshold of {percent(asked)}; the noise of these runs makes it "
            f"{percent(row.threshold)}, so that identical code does not alarm."
        )
    return f"The threshold is {percent(asked)}, as the settings ask."


def _values(row: Comparison, reports: Sequence[Report]) -> str:
    from regress_action.report.numbers import quantity

    values = [
        value
        for report in reports
        for series in report.series
        if series.key == (row.benchmark.name, row.metric.name)
        for value in series.measured
    ]
    return "  ".join(quantity(value, row.metric.unit) for value in values) or "no run"
