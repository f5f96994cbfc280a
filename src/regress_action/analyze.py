"""`python -m regress_action.analyze --report=FILE`: judge one report, as `regress-action detect` does."""

from __future__ import annotations

import click

from regress_action.commands import options


@click.command(name="python -m regress_action.analyze")
@click.option("--report", "reports", required=True, multiple=True, metavar="FILE", help="Report, in any known format.")
@click.option("--history", "where", default=".regress/history", show_default=True, metavar="WHERE")
@click.option("--threshold-config", "thresholds", metavar="FILE", help="YAML file of thresholds and budgets.")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option("--fail-on", type=click.Choice(options.SEVERITIES), help="Lowest severity that exits with 1.")
@click.option("--json", "json_out", metavar="FILE", help="Write the judgement as JSON; - is standard output.")
@click.option("--markdown", metavar="FILE", help="Write the report as Markdown; - is standard output.")
@click.option("--verbose", "-v", is_flag=True, help="Show every benchmark, with full names and reasons.")
def command(
    *,
    reports: tuple[str, ...],
    where: str,
    json_out: str | None,
    markdown: str | None,
    verbose: bool,
    **given: object,
) -> None:
    """Judge reports against the history and their budgets; without a baseline, against the budgets alone."""
    from regress_action import formats
    from regress_action.instruments.detection import RegressionDetector
    from regress_action.instruments.storage import BenchmarkStorage

    settings = options.settings_of(**given)
    detector = RegressionDetector(BenchmarkStorage(where), settings=settings)
    judged = detector.detect(*formats.gather(reports))
    options.finish(judged, json_out=json_out, markdown=markdown, html=None, verbose=verbose)


if __name__ == "__main__":
    from regress_action.cli import run

    run(command)
