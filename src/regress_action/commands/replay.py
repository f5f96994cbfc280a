"""`regress-action replay`: what a setting would have alarmed on."""

from __future__ import annotations

import click

from regress_action.commands import options


@click.command(name="replay", cls=options.Greedy)
@click.option("--history", "where", required=True, metavar="WHERE", help="A folder, or branch:NAME.")
@click.option(
    "--set", "changes", multiple=True, required=True, metavar="K=V", help="threshold, minimum-ratio, alpha, …"
)
@click.option("--suite", metavar="NAME", help="Suite to replay; default: every suite.")
@click.option("--branch", metavar="NAME", help="Branch to replay; default: any.")
@click.option("--last", type=click.IntRange(1), default=500, show_default=True, help="Reports to replay at most.")
@click.option("--thresholds", metavar="FILE", help="YAML file of thresholds and budgets per service.")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option("--json", "json_out", metavar="FILE", help="Write the result as JSON; - is standard output.")
def command(
    *,
    where: str,
    changes: tuple[str, ...],
    suite: str | None,
    branch: str | None,
    last: int,
    thresholds: str | None,
    config: str | None,
    json_out: str | None,
) -> None:
    r"""Show which past alarms appear or vanish when a setting changes, before it is changed.

    \b
      regress-action replay --history branch:regress-data --set threshold=1.1
    """
    from regress_action.action import replaying

    settings = options.settings_of(thresholds=thresholds, config=config)
    replaying.replay(where, changes, settings, suite=suite, branch=branch, last=last, json_out=json_out)
