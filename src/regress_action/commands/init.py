"""`regress-action init`: from nothing to a guarded repository."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="init")
@click.option("--suite", metavar="NAME", default="default", show_default=True, help="Name of the suite.")
@click.option("--branch", metavar="NAME", help="Default branch; default: what git says.")
@click.option(
    "--action", metavar="REF", default="OWNER/regress-action@v1", show_default=True, help="What `uses:` names."
)
def command(*, suite: str, branch: str | None, action: str) -> None:
    """Write a workflow, a config and a thresholds file that fit this repository; nothing is ever overwritten."""
    from regress_action.action import initialising

    for line in initialising.initialise(Path.cwd(), suite=suite, branch=branch, action=action):
        click.echo(line)
