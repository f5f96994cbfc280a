"""`regress-action resources`: what the runs of a measurement do with their time, and which limit does not fit."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="resources")
@click.argument("folder", default=".regress/measurement", metavar="[MEASUREMENT]", type=Path)
@click.option("--json", "json_out", metavar="OUT", help="Write the result as JSON; - is standard output.")
def command(*, folder: Path, json_out: str | None) -> None:
    """Say what the runs of a measurement do with their time: compute, or wait, and for what.

    \b
      regress-action run --base main -- python program.py
      regress-action resources

    MEASUREMENT is a folder with measurement.json; by default the last one that `run` made here.
    """
    from regress_action import formats
    from regress_action.action.hotspots import resources
    from regress_action.commands import output
    from regress_action.model.errors import IncompleteError
    from regress_action.report.resources import as_object, lines

    runs = [run.resources for run in formats.read_measurement(folder).executions if run.resources]
    if not runs:
        raise IncompleteError(
            f"No run of {folder} was sampled.",
            meaning="They were shorter than 20 ms, took turns with the other side, or this is no Linux.",
            remedy="Measure a longer suite on Linux, with --interleave run.",
        )
    finding, limits = resources(folder)
    if json_out:
        import orjson

        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        output.write(json_out, orjson.dumps(as_object(finding, limits), option=option))
    if json_out != "-":
        for line in lines(runs, finding, limits):
            click.echo(line)
