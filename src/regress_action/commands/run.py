"""`regress-action run`: measure a suite on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from regress_action.commands import options


@click.command(name="run", cls=options.Greedy, context_settings={"ignore_unknown_options": False})
@click.option("--base", metavar="REF", help="Measure interleaved against this commit, and judge.")
@click.option(
    "--pairs", "--runs", "runs", type=click.IntRange(1, 1000), help="Pairs (with --base) or runs; default 10."
)
@click.option("--budget-minutes", type=click.FloatRange(0, min_open=True), help="Stop after whole pairs when used up.")
@click.option("--setup", metavar="COMMAND", help="Prepare each checked-out side once (install, build).")
@click.option("--carry", multiple=True, metavar="PATH", help="Lay the head's benchmark files over the base.")
@click.option("--results", metavar="PATH", help="File or glob that the suite writes; {out} in COMMAND does as well.")
@click.option("--suite", metavar="NAME", help="Name of the suite.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds after which one run is stopped.")
@click.option("--job-timeout", type=click.FloatRange(0, min_open=True), help="Seconds after which measuring stops.")
@click.option("--retries", type=click.IntRange(0, 10), help="Repeat a failed run this often; default 0.")
@click.option("--ok-status", metavar="LIST", help="Exit codes besides 0 with which a run is good, like 1,2.")
@click.option("--env-pass", multiple=True, metavar="NAME", help="A variable that the suite gets though it is a secret.")
@click.option("--cpus", metavar="LIST", help="Pin the suite to these processors, like 0,2.")
@click.option("--hash-seed", metavar="N", help="PYTHONHASHSEED of every run.")
@click.option("--nice", type=click.IntRange(-20, 19), help="Priority of the suite.")
@click.option("--clean-env", is_flag=True, help="Give the suite only PATH, HOME and the like.")
@click.option("--fixed", is_flag=True, help="Measure every pair, even when everything is decided early.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(".regress"), help="Folder for what was measured.")
@options.judging
@click.argument("suite_command", nargs=-1, type=click.UNPROCESSED)
def command(
    *,
    suite_command: tuple[str, ...],
    out: Path,
    fixed: bool,
    job_timeout: float | None,
    cpus: str | None,
    hash_seed: str | None,
    nice: int | None,
    clean_env: bool,
    json_out: str | None,
    markdown: str | None,
    html: str | None,
    exports: tuple[tuple[str, str], ...],
    verbose: bool,
    **given: object,
) -> None:
    """Measure COMMAND any number of times, each in a fresh process.

    With --base REF, both commits are checked out outside your tree and measured in turn (ABBA), and the head is judged.
    Without it the runs are kept as a report, for `record` and `detect`.

    \b
      regress-action run --base main --results bench.json -- pytest benchmarks --benchmark-json=bench.json
      regress-action run -- ./my-program --once
    """
    from regress_action.action import measure
    from regress_action.action.judge import load_rules

    line = suite_command[0] if len(suite_command) == 1 else ""
    settings = options.settings_of(command=line, **given)
    isolation = measure.IsolationOptions(cpus=cpus, hash_seed=hash_seed, nice=nice, clean_env=clean_env)
    spec = measure.MeasurementSpec(
        command=suite_command if len(suite_command) > 1 else (settings.command,),
        out=out,
        adaptive=settings.adaptive and not fixed,
        job_timeout_s=job_timeout,
        isolation=isolation,
    )
    judged = measure.run(settings, spec, load_rules(settings, Path.cwd()))
    if judged:
        options.finish(judged, json_out=json_out, markdown=markdown, html=html, exports=exports, verbose=verbose)
