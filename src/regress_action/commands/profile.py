"""`regress-action profile`: what a command uses, and the spans of the profilers in it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from regress_action.instruments.command_profile import CommandProfile

SAMPLERS = ("none", "pyinstrument", "py-spy")


@click.command(name="profile", cls=options.Greedy, context_settings={"allow_interspersed_args": False})
@click.option("--runs", type=click.IntRange(1, 1000), default=1, show_default=True, help="Fresh processes to measure.")
@click.option("--name", metavar="NAME", help="Name of the benchmark; default: the command.")
@click.option("--json", "json_out", metavar="FILE", help="Write the figures as JSON; - is standard output.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a report, for record and detect.")
@click.option("--history", "where", metavar="WHERE", help="Add the report to a folder, or branch:NAME.")
@click.option("--trace", type=click.Path(path_type=Path), metavar="FILE", help="Spans as a Chrome trace.")
@click.option(
    "--sampler", type=click.Choice(SAMPLERS), default="none", help="Sample the call stacks in one more process."
)
@click.option("--samples", type=click.Path(path_type=Path), default=Path("profile.speedscope.json"), show_default=True)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=3600, help="Seconds for each process.")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
def command(
    *,
    runs: int,
    name: str | None,
    json_out: str | None,
    out: Path | None,
    where: str | None,
    trace: Path | None,
    sampler: str,
    samples: Path,
    timeout: float,
    words: tuple[str, ...],
) -> None:
    """Run COMMAND in fresh processes and show its time, CPU, memory, input and output, switches and page faults.

    Programs that use PerformanceProfiler add their spans. Everything from COMMAND on belongs to it; a file of Python
    code is run by the python on the PATH.

    \b
      regress-action profile --runs 5 -- import_data.py --year 2024
      regress-action profile -- python -m package.module
      regress-action profile --sampler py-spy -- python import_data.py
    """
    from regress_action.instruments import command_profile

    words = command_profile.runnable(words)
    line = command_profile.sampled(words, sampler, samples)  # before the measuring, for a sampler may be missing
    measured = command_profile.profile_command(words, runs=runs, name=name or " ".join(words), timeout_s=timeout)
    _deliver(measured, json_out, out, where, trace)
    if json_out != "-" and measured.runs:
        click.echo("\n".join(measured.lines()))
    if measured.failures:
        failed = f"{len(measured.failures)} of {runs} processes" if measured.runs else "The first process"
        rest = "" if measured.runs or runs == 1 else " The others were not started."
        click.echo(f"{failed} failed: {measured.failures[0]}.{rest}", err=True)
        raise click.exceptions.Exit(3)
    if sampler != "none":
        _sample(line, sampler, samples, timeout)


def _sample(line: tuple[str, ...], sampler: str, samples: Path, timeout: float) -> None:
    """Sample the call stacks in one more process, which counts for nothing else because sampling slows it."""
    from regress_action.instruments import command_profile

    samples.unlink(missing_ok=True)
    status = command_profile.sample(line, sampler, samples, timeout)
    if not samples.is_file():
        click.echo(f"The sampler wrote nothing; it ended with {status}.", err=True)
        raise click.exceptions.Exit(3)
    click.echo(f"Samples: {samples}. Open it at https://www.speedscope.app.", err=True)


def _deliver(
    measured: CommandProfile, json_out: str | None, out: Path | None, where: str | None, trace: Path | None
) -> None:
    """Write what was asked for."""
    import orjson

    from regress_action.commands import output
    from regress_action.instruments.storage import BenchmarkStorage
    from regress_action.model.records import encode

    if json_out:
        output.write(json_out, orjson.dumps(measured.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if out:
        output.write(str(out), encode(measured.report()))
    if where:
        BenchmarkStorage(where).append(measured.report())
    if trace and measured.traces:
        shutil.copyfile(measured.traces[-1], trace)
