"""`regress-action record`: add reports to a history."""

from __future__ import annotations

import click

from regress_action.commands import options


@click.command(name="record", cls=options.Greedy)
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@click.option("--history", "where", required=True, metavar="WHERE", help="A folder, or branch:NAME.")
@click.option("--suite", metavar="NAME", help="Name of the suite, when the files do not say.")
@click.option("--commit", metavar="SHA", help="Commit that was measured, when the files do not say.")
@click.option("--branch", metavar="NAME", help="Branch of that commit, when the files do not say.")
def command(*, reports: tuple[str, ...], where: str, suite: str | None, commit: str | None, branch: str | None) -> None:
    """Add reports, in any known format, to a history of immutable JSON Lines files."""
    from regress_action.action import recording

    for path in recording.record(reports, where, suite=suite, commit=commit, branch=branch):
        click.echo(f"recorded {path}")
