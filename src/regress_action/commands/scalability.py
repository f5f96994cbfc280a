"""`regress-action scalability`: which concurrency is best, from load tests at several levels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from regress_action.advice.scalability import ScalabilityAnalysis


@click.command(name="scalability")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "json_out", metavar="OUT", help="Write the result as JSON; - is standard output.")
def command(*, files: tuple[str, ...], json_out: str | None) -> None:
    """Say which concurrency is best: FILE has the throughput at several levels.

    \b
      regress-action load http://127.0.0.1:8000/x --levels 1,2,4,8,16,32 --json levels.json
      regress-action scalability levels.json

    FILE is what `load --json` writes, or CSV with the header concurrency,throughput,latency (in seconds; may be left
    out).
    """
    from regress_action.advice.scalability import analyse
    from regress_action.instruments.load.level_files import read_levels

    deliver(analyse(read_levels([Path(file) for file in files])), json_out)


def deliver(analysis: ScalabilityAnalysis, json_out: str | None) -> None:
    """Write the analysis where it was asked for, and print it unless standard output is taken."""
    from regress_action.commands import output

    content = analysis.as_dict()
    if json_out:
        import orjson

        output.write(json_out, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if json_out != "-":
        from rich.console import Console

        from regress_action.report import scalability
        from regress_action.report.terminal import ConsolePage

        scalability.show(content, ConsolePage(Console(highlight=False), verbose=False))
