"""`regress-action merge`: the shards of a matrix become one report."""

from __future__ import annotations

from pathlib import Path

import click

from regress_action.commands import options


@click.command(name="merge", cls=options.Greedy)
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for head.jsonl and base.jsonl.")
def command(*, reports: tuple[str, ...], out: Path) -> None:
    """Join the measurements or reports of a matrix's shards; a benchmark in two shards is an error."""
    from regress_action.action.merge import merge

    for path in merge(reports, out):
        click.echo(f"wrote {path}")
