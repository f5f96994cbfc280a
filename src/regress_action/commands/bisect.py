"""`regress-action bisect`: the first commit of a range that changed a benchmark, with its probability."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from regress_action.action.bisection.search import SearchState
    from regress_action.action.measure import MeasurementSpec
    from regress_action.analysis.bisection.search import MeasurementStep
    from regress_action.model.changes import BisectionResult
    from regress_action.settings import Settings


@click.command(name="bisect", cls=options.Greedy)
@click.option("-k", "pattern", default="*", metavar="BENCH", help="Benchmark that changed; default: what changed most.")
@click.option("--metric", metavar="NAME", help="Metric of the benchmark; default: its time.")
@click.option("--setup", metavar="COMMAND", help="Prepare each commit once (install, build).")
@click.option("--carry", multiple=True, metavar="PATH", help="Lay BAD's benchmark files over every commit.")
@click.option("--results", metavar="PATH", help="File or glob that the suite writes; {out} in COMMAND does as well.")
@click.option(
    "--probability",
    type=click.FloatRange(0.5, 0.9999),
    default=0.99,
    show_default=True,
    help="Stop when one commit is this probable.",
)
@click.option("--max-builds", type=click.IntRange(1), help="Build at most so many commits.")
@click.option(
    "--budget-minutes", "minutes", type=click.FloatRange(0, min_open=True), help="Stop after so many minutes."
)
@click.option("--first-parent", is_flag=True, help="Take a merge as one commit, and leave out those of its branch.")
@click.option("--history", "where", metavar="WHERE", help="Begin where the records of a history show a step.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds after which one run is stopped.")
@click.option("--retries", type=click.IntRange(0, 10), help="Repeat a failed run this often; default 0.")
@click.option("--ok-status", metavar="LIST", help="Exit codes besides 0 with which a run is good, like 1,2.")
@click.option("--env-pass", multiple=True, metavar="NAME", help="A variable that the suite gets though it is a secret.")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option("--restart", is_flag=True, help="Forget what an earlier bisection of the same range measured.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(".regress"), help="Folder for what was measured.")
@click.option("--json", "json_out", metavar="FILE", help="Write the answer as JSON; - is standard output.")
@click.option("--quiet", "-q", is_flag=True, help="Print no progress.")
@click.argument("commit_range", metavar="GOOD..BAD")
@click.argument("suite_command", nargs=-1, type=click.UNPROCESSED)
def command(
    *,
    commit_range: str,
    suite_command: tuple[str, ...],
    pattern: str,
    metric: str | None,
    probability: float,
    max_builds: int | None,
    minutes: float | None,
    first_parent: bool,
    where: str | None,
    restart: bool,
    out: Path,
    json_out: str | None,
    quiet: bool,
    **given: object,
) -> None:
    """Find the first commit between GOOD and BAD with which a benchmark changed.

    Each commit is measured against GOOD in pairs, and the next one is chosen for what it tells about where the change
    is. What is measured is kept under --out: the same call goes on where an earlier one was stopped. Commits that
    cannot be built are skipped. A first bad commit that bumps only a lock file is searched package by package.

    \b
      regress-action bisect v1.4..main -k parse -- pytest benchmarks --benchmark-json={out}
      regress-action bisect HEAD~50..HEAD -k parse --json -

    \b
    Exit codes: 0 the commit was found, 2 the call is wrong, 3 it was not (no change, not decided, a limit was reached),
    4 infrastructure failed.
    """
    from regress_action.action.bisection.answer import BisectionRequest, answer
    from regress_action.action.bisection.commits import read_range
    from regress_action.action.bisection.search import SearchLimits
    from regress_action.model.errors import ExitCode

    good, bad = _ends(commit_range)
    line = suite_command[0] if len(suite_command) == 1 else ""
    if not suite_command and (root := options.project_root()) != Path.cwd():
        click.echo(f"Running in {root}, where regress.yml is.", err=True)
        os.chdir(root)
    settings = options.settings_of(command=line, **given)
    request = BisectionRequest(
        settings=settings,
        spec=_spec(settings, suite_command, out),
        root=Path.cwd(),
        range=read_range(Path.cwd(), good, bad, first_parent=first_parent),
        pattern=pattern,
        metric=metric,
        limits=SearchLimits(probability, max_builds, minutes),
        history=where,
        restart=restart,
    )
    result = answer(request, notify=None if quiet else _print_sentence, on_step=None if quiet else _print_step)
    _deliver(result, json_out)
    raise click.exceptions.Exit(ExitCode.OK if result.first_bad else ExitCode.INCOMPLETE)


def _print_sentence(sentence: str) -> None:
    click.echo(sentence, err=True)


def _ends(commit_range: str) -> tuple[str, str]:
    from regress_action.model.errors import UsageError

    good, dots, bad = commit_range.partition("..")
    if not dots or not good or bad.startswith("."):
        raise UsageError(
            f"{commit_range!r} is no range of commits.",
            meaning="A bisection needs a good commit and a bad one after it.",
            remedy="Write GOOD..BAD, like v1.4..main; BAD may be left out and is then HEAD.",
        )
    return good, bad or "HEAD"


def _spec(settings: Settings, suite_command: tuple[str, ...], out: Path) -> MeasurementSpec:
    from regress_action.action.measure import MeasurementSpec
    from regress_action.model.errors import UsageError

    words = suite_command if len(suite_command) > 1 else (settings.command,)
    if not any(words):
        raise UsageError(
            "There is no command to measure.",
            remedy="Put it after --, or write it into regress.yml as `command`.",
        )
    folder = (out / "bisect").absolute()
    # Trees that the setup prepared are kept, because GOOD is needed for every commit.
    return MeasurementSpec(command=words, out=folder, keep_trees=folder / "trees" if settings.setup else None)


def _print_step(state: SearchState, step: MeasurementStep) -> None:
    """Print a line about what was measured, and what is known now."""
    from regress_action.report.bisections import step_line

    commit = state.range.commits[step.commit]
    skipped = next((entry.reason for entry in state.skipped if entry.commit == commit.id), None)
    now = state.bisection.posterior if state.bisection.measured else None
    click.echo(
        step_line(
            commit.id,
            place=(step.commit + 1, len(state.range.commits)),
            pairs=len(state.bisection.measured.get(step.commit, ())),
            level=state.bisection.level(step.commit),
            skipped=skipped,
            best=(state.range.commits[now.best].id, float(now.first[now.best])) if now else None,
        ),
        err=True,
    )


def _deliver(result: BisectionResult, json_out: str | None) -> None:
    from regress_action.commands import output
    from regress_action.report import bisections

    if json_out:
        import orjson

        content = orjson.dumps(bisections.as_object(result), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        output.write(json_out, content)
    if json_out != "-":
        from rich.console import Console

        bisections.show(result, Console(highlight=False))
