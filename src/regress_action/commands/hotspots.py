"""`regress-action hotspots`: which function and which changed line made the head slower than the base."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.profiles import Cause, MemoryCause


@click.command(name="hotspots", cls=options.Greedy, context_settings={"ignore_unknown_options": False})
@click.option("--base", metavar="REF", help="The commit to compare with.")
@click.option("--head", metavar="REF", help="The commit that is slower; default: what is on disk.")
@click.option("-k", "select", multiple=True, metavar="BENCHMARK", help="Only this benchmark; COMMAND needs {select}.")
@click.option("--pairs", type=click.IntRange(1, 100), default=5, show_default=True, help="Profiled pairs.")
@click.option("--calls", type=click.IntRange(1, 100), default=1, show_default=True, help="Pairs that count calls.")
@click.option("--memory", type=click.IntRange(0, 100), default=0, help="Pairs that record allocations.")
@click.option("--timed", type=click.IntRange(1, 100), default=2, show_default=True, help="Timed pairs before them.")
@click.option("--setup", metavar="COMMAND", help="Prepare each checked-out side once (install, build).")
@click.option("--carry", multiple=True, metavar="PATH", help="Lay the head's benchmark files over the base.")
@click.option("--results", metavar="PATH", help="File or glob that the suite writes; {out} in COMMAND does as well.")
@click.option("--profiler", metavar="COMMAND", help="Runs the suite and writes profiles into the folder {profile}.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds after which one run is stopped.")
@click.option(
    "--measurement",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Read the profiles of this measurement instead of measuring.",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path(".regress"), help="Folder for what was measured.")
@click.option("--json", "json_out", metavar="FILE", help="Write the causes as JSON; - is standard output.")
@click.option("--html", metavar="FILE", help="Write a flame graph of the difference as one page that loads nothing.")
@click.argument("suite_command", nargs=-1, type=click.UNPROCESSED)
def command(
    *,
    suite_command: tuple[str, ...],
    measurement: Path | None,
    out: Path,
    json_out: str | None,
    html: str | None,
    **given: object,
) -> None:
    """Profile COMMAND at two commits and name the function and the changed line that explain the difference.

    Python processes are sampled, and their calls counted, after the timed runs. For other languages, --profiler names a
    command that writes collapsed stacks, speedscope's JSON, pprof's or callgrind's format, or what perf script prints.

    \b
      regress-action hotspots --base main -- python bench.py
      regress-action hotspots --base main -k test_parse -- "pytest benchmarks {select}"
      regress-action hotspots --base main --profiler "perf record -g -o p ./bench; perf script -i p \\
          -F +srcline --full-source-path > {profile}/perf.txt" -- ./bench
    """
    from regress_action.action import hotspots

    if measurement is None:
        measurement = _measured(suite_command, out, given)
    explained = [cause for cause, _ in hotspots.causes(measurement, Path.cwd(), os.environ)]
    memory = hotspots.memory_causes(measurement, Path.cwd(), os.environ)
    _deliver(explained, memory, json_out, html)
    if not explained and not memory:
        from regress_action.model.errors import IncompleteError

        raise IncompleteError(
            "There are no profiles of both sides.",
            meaning="No Python process of the suite wrote one: it is written in another language, ignores PYTHONPATH "
            "(python -I or -E) or sets it, or runs in a container.",
            remedy="Give --profiler a command that writes profiles into {profile}.",
        )


def _measured(suite_command: tuple[str, ...], out: Path, given: dict[str, object]) -> Path:
    """Measure and profile; return the folder of the measurement.

    Raises:
        UsageError: there is no base.
    """
    from regress_action.action import measure
    from regress_action.model.errors import UsageError

    if not given["base"]:
        raise UsageError(
            "There is nothing to compare with.", remedy="Name a commit with --base, or profiles with --measurement."
        )
    head, select, profiler = given.pop("head"), given.pop("select"), given.pop("profiler")
    pairs, timed, calls, memory = (int(str(given.pop(name))) for name in ("pairs", "timed", "calls", "memory"))
    line = suite_command[0] if len(suite_command) == 1 else ""
    settings = options.settings_of(command=line, runs=timed, **given)
    words = suite_command if len(suite_command) > 1 else (settings.command,)
    spec = measure.MeasurementSpec(
        command=words,
        out=out,
        adaptive=False,
        select=select if isinstance(select, tuple) else (),
        head=str(head) if head else None,
        profile=measure.ProfileOptions(pairs=pairs, calls=calls, memory=memory, command=str(profiler or "")),
    )
    if spec.select and not any("{select}" in word for word in words):
        raise UsageError(
            "The command cannot be narrowed to a benchmark.",
            meaning="-k needs a place for the names in it.",
            remedy='Write {select} where they belong, like: -- "pytest benchmarks {select}"',
        )
    measure.measure_pairs(settings, spec)
    return out / "measurement"


def _deliver(explained: Sequence[Cause], memory: Sequence[MemoryCause], json_out: str | None, html: str | None) -> None:
    """Print the causes, and write the files that were asked for."""
    import orjson

    from regress_action.commands import output
    from regress_action.report import causes, hotspots

    graphs: dict[int, str] = {}
    for number, cause in enumerate(explained) if html else ():
        path = Path(html or "")
        name = path if number == 0 else path.with_name(f"{path.stem}-{number + 1}{path.suffix}")
        output.write(str(name), causes.flame_graph(cause).encode())
        graphs[number] = str(name)
    if json_out:
        content = hotspots.as_object(explained, graphs, memory)
        output.write(json_out, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if json_out != "-" and html != "-":
        for number, cause in enumerate(explained):
            click.echo("\n".join(["", *hotspots.lines(cause)]))
            if number in graphs:
                click.echo(f"Flame graph: {graphs[number]}")
        for cause_of_memory in memory:
            click.echo("\n".join(["", *hotspots.memory_lines(cause_of_memory)]))
