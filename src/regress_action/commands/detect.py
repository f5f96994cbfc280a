"""`regress-action detect`: stage 2 against stored baselines."""

from __future__ import annotations

import click

from regress_action.commands import options


@click.command(name="detect", cls=options.Greedy)
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@click.option("--history", "where", required=True, metavar="WHERE", help="A folder, or branch:NAME.")
@click.option("--suite", metavar="NAME", help="Suite to compare with; default: the one the reports name.")
@click.option("--branch", metavar="NAME", help="Branch of the baselines; default: any.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="Baseline reports to load at most.")
@options.judging
def command(
    *,
    reports: tuple[str, ...],
    where: str,
    suite: str | None,
    branch: str | None,
    last: int,
    json_out: str | None,
    markdown: str | None,
    html: str | None,
    verbose: bool,
    **given: object,
) -> None:
    """Judge reports, in any known format, against the baselines of a history."""
    from regress_action.action import comparing

    settings = options.settings_of(**given)
    judged = comparing.detect(reports, where, settings, suite=suite, branch=branch, last=last)
    options.finish(judged, json_out=json_out, markdown=markdown, html=html, verbose=verbose)
