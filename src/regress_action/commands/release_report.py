"""`regress-action release-report`: what a release changed, against the three before it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from regress_action.commands.output import write


@click.command(name="release-report")
@click.argument("release", metavar="TAG")
@click.option("--history", "where", metavar="WHERE", required=True, help="A folder, or branch:NAME.")
@click.option("--suite", metavar="NAME", help="Suite to report; default: every suite.")
@click.option("--branch", metavar="NAME", help="Branch that is released from; default: any.")
@click.option("--last", type=click.IntRange(1), default=1000, show_default=True, help="Reports to look back at most.")
@click.option("--thresholds", metavar="FILE", help="YAML file of thresholds and budgets per service.")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option("--json", "json_out", metavar="FILE", help="Write the report as JSON; - is standard output.")
@click.option("--markdown", metavar="FILE", help="Write the report as Markdown; - is standard output.")
@click.option("--html", metavar="FILE", help="Write the report as a page that prints on A4; - is standard output.")
def command(
    *,
    release: str,
    where: str,
    suite: str | None,
    branch: str | None,
    last: int,
    thresholds: str | None,
    config: str | None,
    json_out: str | None,
    markdown: str | None,
    html: str | None,
) -> None:
    """Say what got slower and faster with the release TAG, by which commits, and what is used of the budgets."""
    import orjson

    from regress_action.action.release_report import of_release
    from regress_action.commands import options
    from regress_action.history import Selection
    from regress_action.model.errors import IncompleteError
    from regress_action.report import release as pages
    from regress_action.stores import local_history

    rules = options.project_rules(thresholds=thresholds, config=config)
    history = local_history(where)
    reports = history.load(Selection(suite=suite, branch=branch, last=last))
    if not reports:
        raise IncompleteError(f"The history {where} holds no report.", remedy="Record some first.")
    content = of_release(reports, release, rules.policy, root=Path.cwd(), environ=os.environ)
    if json_out:
        write(json_out, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if markdown:
        write(markdown, pages.markdown(content).encode())
    if html:
        write(html, pages.page(content).encode())
    if "-" not in (json_out, markdown, html):
        sys.stdout.write(pages.text(content))
