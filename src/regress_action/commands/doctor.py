"""`regress-action doctor`: what can be seen here, and will the gate fire?"""

from __future__ import annotations

from pathlib import Path

import click

from regress_action.commands import options


@click.command(name="doctor")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option(
    "--pairs", type=click.IntRange(5, 100), default=5, show_default=True, help="Pairs of the A/A measurement."
)
@click.option("--quick", is_flag=True, help="Look only; measure nothing.")
def command(*, config: str | None, pairs: int, quick: bool) -> None:
    """Check this repository and machine, measure the same commit against itself, and prove that the gate fires.

    Exits with 3 when something was found that keeps the gate from working.
    """
    from regress_action.action import examining

    settings = options.settings_of(config=config, runs=pairs)
    faults = 0
    for finding in examining.examine(settings, Path.cwd(), measure=not quick):
        faults += finding.level == "fault"
        click.echo(f"{finding.level:<5}  {finding.what}")
        if finding.remedy:
            click.echo(f"       → {finding.remedy}")
    if faults:
        raise click.exceptions.Exit(3)
