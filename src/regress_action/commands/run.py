"""`regress-action run`: measure a suite on this machine.

What it would do without doing it (`--dry-run`), and the benchmarks that a change may reach (`--affected`).
"""

from __future__ import annotations

import os
import shlex
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options, unconfigured
from regress_action.commands.run_resume import EarlierPart, earlier_parts, forget_parts, judge_parts
from regress_action.measure.schedule import DEFAULT_PAIRS, MOST_SHORT_PAIRS
from regress_action.model.errors import IncompleteError, RegressError, UsageError
from regress_action.model.files import write_replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.action.judge import Judged, JudgingRules
    from regress_action.action.measure import MeasurementSpec, ProfileOptions
    from regress_action.settings import Settings


@click.command(name="run", cls=options.Greedy, context_settings={"ignore_unknown_options": False})
@click.option(
    "--base", metavar="REF", help="Measure interleaved against this commit, and judge; `ci`: what the CI job says."
)
@click.option(
    "--pairs",
    "--runs",
    "runs",
    type=click.IntRange(1, 1000),
    help="Pairs (with --base) or runs; 10 if not given, or up to 40 short pairs.",
)
@click.option("--budget-minutes", type=click.FloatRange(0, min_open=True), help="Stop after whole pairs when used up.")
@click.option("--setup", metavar="COMMAND", help="Prepare each checked-out side once (install, build).")
@click.option("--carry", multiple=True, metavar="PATH", help="Lay the head's benchmark files over the base.")
@click.option("--results", metavar="PATH", help="File or glob that the suite writes; {out} in COMMAND does as well.")
@click.option("--suite", metavar="NAME", help="Name of the suite.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds after which one run is stopped.")
@click.option("--job-timeout", type=click.FloatRange(0, min_open=True), help="Seconds after which measuring stops.")
@click.option(
    "--interleave",
    type=click.Choice(["auto", "run", "benchmark", "lockstep", "parallel"]),
    help="How base and head alternate; default auto, see docs/lockstep.md.",
)
@click.option("--retries", type=click.IntRange(0, 10), help="Repeat a failed run this often; default 0.")
@click.option("--ok-status", metavar="LIST", help="Exit codes besides 0 with which a run is good, like 1,2.")
@click.option("--env-pass", multiple=True, metavar="NAME", help="A variable that the suite gets though it is a secret.")
@click.option("--cpus", metavar="LIST", help="Pin the suite to these processors, like 0,2.")
@click.option("--hash-seed", metavar="N", help="PYTHONHASHSEED of every run.")
@click.option("--nice", type=click.IntRange(-20, 19), help="Priority of the suite.")
@click.option("--clean-env", is_flag=True, help="Give the suite only PATH, HOME and the like.")
@click.option("--fresh", is_flag=True, help="Run the setup again, also where a tree of the same commit was kept.")
@click.option("--affected", is_flag=True, help="With --base: only benchmarks that execute what changed (pytest).")
@click.option("--fixed", is_flag=True, help="Measure every pair, even when everything is decided early.")
@click.option("--quiet", "-q", is_flag=True, help="Show the verdict only, no progress.")
@click.option("--dry-run", is_flag=True, help="Print what would be measured, and measure nothing.")
@click.option("--resume", is_flag=True, help="Go on with the interrupted measurement of the same commits in --out.")
@click.option("--record", "where", metavar="WHERE", help="Add the head's report to this history, as `record` does.")
@click.option("-k", "pattern", metavar="PATTERN", help="Judge the benchmarks that match; all are measured.")
@click.option("--profile-regressions", is_flag=True, help="Profile what regressed, and name the line behind it.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(".regress"), help="Folder for what was measured.")
@options.judging
@click.argument("suite_command", nargs=-1, type=click.UNPROCESSED)
def command(
    *,
    suite_command: tuple[str, ...],
    out: Path,
    fixed: bool,
    fresh: bool,
    affected: bool,
    profile_regressions: bool,
    job_timeout: float | None,
    cpus: str | None,
    hash_seed: str | None,
    nice: int | None,
    clean_env: bool,
    quiet: bool,
    dry_run: bool,
    resume: bool,
    where: str | None,
    pattern: str | None,
    json_out: str | None,
    markdown: str | None,
    html: str | None,
    exports: tuple[tuple[str, str], ...],
    verbose: bool,
    **given: object,
) -> None:
    """Measure COMMAND any number of times, each in a fresh process.

    With --base REF, both commits are checked out outside your tree and measured in turn (ABBA), and the head is judged.
    Without it the runs are kept as a report, for `record` and `detect`. Without COMMAND the one of regress.yml is
    measured, and without that file the suite that `init` finds.

    \b
      regress-action run --base main --results bench.json -- pytest benchmarks --benchmark-json=bench.json
      regress-action run -- ./my-program --once
    """
    from regress_action.action import measure

    settings, words, recognised = _suite(suite_command, given)
    spec = measure.MeasurementSpec(
        command=words,
        out=out,
        adaptive=settings.adaptive and not fixed,
        job_timeout_s=job_timeout,
        isolation=measure.IsolationOptions(cpus=cpus, hash_seed=hash_seed, nice=nice, clean_env=clean_env),
        silent=quiet,
        keep_trees=None if fresh or os.environ.get("CI") else _cache_folder() / "trees",
        # A job judges a commit; what its earlier steps left uncommitted must not be on one side only.
        head="HEAD" if given["base"] == "ci" else None,
        profile=_profile_options(settings, wanted=profile_regressions),
    )
    if dry_run:
        _print_plan(settings, spec)
        return
    rules = options.rules_for(settings, given.get("config"))
    with _interruptible(spec, rules):
        settings, spec, judged = _measured_in_some_way(
            settings, spec, rules, recognised=recognised, resume=resume, affected=affected
        )
    if where and judged:
        rules, judged = _with_stored_builds(judged, where, rules, interim=spec.adaptive)
    if where:
        _record(out, where)
    if not judged:
        return
    if pattern:
        judged = _only(judged, pattern, rules, interim=spec.adaptive)
    judged = _with_causes(judged, spec, settings, rules)
    options.finish(judged, json_out=json_out, markdown=markdown, html=html, exports=exports, verbose=verbose)


def _measured_in_some_way(
    settings: Settings,
    spec: MeasurementSpec,
    rules: JudgingRules,
    *,
    recognised: bool,
    resume: bool,
    affected: bool,
) -> tuple[Settings, MeasurementSpec, Judged | None]:
    """Measure; where the way is one that `init` would find and does not work, the next one. Return what was used."""
    try:
        return settings, spec, _measured(settings, spec, rules, resume=resume, affected=affected)
    except IncompleteError as error:  # the suite or its setup failed; nothing else becomes better by another suite
        if not recognised or resume:
            raise
        settings = unconfigured.another_way(settings, Path.cwd(), error)
    spec = replace(spec, command=(settings.command,))
    return settings, spec, _measured(settings, spec, rules, resume=False, affected=affected)


def _with_causes(judged: Judged, spec: MeasurementSpec, settings: Settings, rules: JudgingRules) -> Judged:
    """Add what the change cannot reach, which packages it updates, and the cause where profiles show one."""
    from regress_action.action.affected import labelled
    from regress_action.action.judge import with_changed_packages
    from regress_action.history import Checkout

    judged = labelled(judged, spec.out / "measurement", Path.cwd(), settings, rules.policy)
    return _explained(with_changed_packages(judged, Checkout(Path.cwd(), os.environ), settings.carry), spec)


def _suite(suite_command: tuple[str, ...], given: dict[str, object]) -> tuple[Settings, tuple[str, ...], bool]:
    """Return the settings, the words of the command to measure, and whether they were found in the project.

    Raises:
        UsageError: nothing was found that could be measured.
        SettingsError: a setting is wrong.
    """
    if not suite_command and (root := options.project_root()) != Path.cwd():
        click.echo(f"Running in {root}, where regress.yml is.", err=True)
        os.chdir(root)
    if given.get("base") == "ci":
        given = {**given, "base": _base_of_job()}
    settings = options.settings_of(command=suite_command[0] if len(suite_command) == 1 else "", **given)
    recognised = not suite_command and not settings.command
    if recognised:
        settings = unconfigured.recognised(settings, Path.cwd())
    return settings, suite_command if len(suite_command) > 1 else (settings.command,), recognised


def _print_plan(settings: Settings, spec: MeasurementSpec) -> None:
    for planned in plan_of(settings, spec, Path.cwd()):
        click.echo(planned)


def _record(out: Path, where: str) -> None:
    """Add the head's report to the history `where`."""
    from regress_action.commands.record import record

    for recorded in record([os.fspath(out / "head.jsonl")], where):
        click.echo(recorded, err=True)


def _measured(
    settings: Settings, spec: MeasurementSpec, rules: JudgingRules, *, resume: bool, affected: bool
) -> Judged | None:
    """Measure and judge; with `resume` only what an interrupted measurement left, judged with what it holds.

    With `affected` only the benchmarks that the change may reach are measured.
    """
    from regress_action.action import measure

    if affected:
        spec = only_affected(settings, spec)
    if not resume:
        forget_parts(spec.out)
        return measure.run(settings, spec, rules)
    line = spec.command[0] if len(spec.command) == 1 else shlex.join(spec.command)
    parts = earlier_parts(spec.out, commits_of(settings, Path.cwd()), line)
    done = sum(part.pairs for part in parts)
    asked = settings.runs or max((part.planned for part in parts), default=0) or DEFAULT_PAIRS
    left = asked - done
    unit = "pairs" if settings.base else "runs"
    click.echo(f"{done} of {asked} {unit} are measured; {max(0, left)} are left.", err=True)
    if left > 0:
        measure.run(settings.model_copy(update={"runs": left}), spec, rules)
        parts.append(EarlierPart(spec.out / "measurement", left, left))
    return judge_parts(parts, spec.out, rules, interim=spec.adaptive)


@contextmanager
def _interruptible(spec: MeasurementSpec, rules: JudgingRules) -> Iterator[None]:
    """Show what an interrupted measurement says so far, and how it goes on; the exit code stays 130."""
    from regress_action.action import measure
    from regress_action.commands import output

    try:
        yield
    except KeyboardInterrupt:
        with suppress(RegressError):  # not one run of each side
            judged = measure.judge_measurement(spec.out / "measurement", spec, rules)
            click.echo("Interrupted. Add --resume to the same command, and it goes on from here.", err=True)
            if judged:
                click.echo("What was measured so far, which decides nothing:")
                output.deliver(judged)
        raise


def _base_of_job() -> str:
    """Return the commit that the job of a CI system is to be measured against, and say which it is.

    Raises:
        UsageError: nothing names it, or it is not in this clone.
    """
    from regress_action.history import Checkout
    from regress_action.settings.ci_systems import base_commit, change_of

    change = change_of(os.environ)
    base = base_commit(change, Checkout(Path.cwd(), os.environ))
    if change:
        target = f" into {change.target}" if change.target else ""
        click.echo(
            f"{change.system}: {change.branch or 'this commit'}{target}, measured against {base[:12]}.", err=True
        )
    return base


def _only(judged: Judged, pattern: str, rules: JudgingRules, *, interim: bool) -> Judged:
    """Return the judgement of the benchmarks that match."""
    from regress_action.action.judge import judge_reports, selected

    return judge_reports(*selected(judged.baseline, judged.head, pattern), rules, interim=interim)


def _with_stored_builds(
    judged: Judged, where: str, rules: JudgingRules, *, interim: bool
) -> tuple[JudgingRules, Judged]:
    """Return rules and judgement with what the builds in a history show of their layout, if the code is compiled."""
    from regress_action.action.judge import judge_reports, with_stored_builds
    from regress_action.model.measurements import COMPILED
    from regress_action.stores import local_history

    if not any(COMPILED in report.provenance for report in judged.baseline):
        return rules, judged
    rules = with_stored_builds(rules, local_history(where), judged.head[0])
    return rules, judge_reports(judged.baseline, judged.head, rules, interim=interim)


def _profile_options(settings: Settings, *, wanted: bool) -> ProfileOptions | None:
    """Return how regressions are profiled, None where nobody asked for it or there is no base."""
    from regress_action.action.measure import ProfileOptions

    if not settings.base or not (wanted or settings.profile == "regressions"):
        return None
    return ProfileOptions(confirmed=True, command=settings.profile_command)


def _explained(judged: Judged, spec: MeasurementSpec) -> Judged:
    """Return the judgement with what the monitor and the profiles show; flame graphs lie beside the reports."""
    from regress_action.action import hotspots

    out = spec.out
    judged = replace(judged, judgement=hotspots.with_resources(judged.judgement, out / "measurement"))
    if spec.profile is None:
        return judged
    memory = hotspots.memory_causes(out / "measurement", Path.cwd(), os.environ)
    judged = replace(judged, judgement=hotspots.with_memory(judged.judgement, memory))
    explained = [cause for cause, _ in hotspots.causes(out / "measurement", Path.cwd(), os.environ)]
    graphs = hotspots.GraphFolder(lambda name, content: write_replace(out / name, content), str(out))
    return replace(judged, judgement=hotspots.with_causes(judged.judgement, explained, graphs))


def _cache_folder() -> Path:
    """Return the user's folder for what can be made again; a CI job does not use it, because the next job would."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "regress-action"


def commits_of(settings: Settings, root: Path) -> dict[str, str]:
    """Return the commit of each side that would be measured.

    Raises:
        HistoryError: a reference does not exist, or this is no repository.
    """
    from regress_action.history import Checkout

    checkout = Checkout(root, os.environ)
    revisions = {"head": "HEAD"} | ({"base": settings.base} if settings.base else {})
    return {side: checkout.ancestors(revision, limit=1)[0] for side, revision in revisions.items()}


def plan_of(settings: Settings, spec: MeasurementSpec, root: Path) -> Iterator[str]:
    """Yield a line for each thing that would be done.

    Raises:
        HistoryError: the base does not exist.
    """
    commits = commits_of(settings, root) if settings.base else {}
    for side in ("base", "head"):
        if side in commits:
            yield f"{side + ':':10} {commits[side]}, checked out outside of this tree"
    if not commits:
        yield "head:      this tree, as it is on disk"
    yield f"setup:     {settings.setup or '(none)'}" + ("  (once a side)" if settings.setup and commits else "")
    if settings.carry and commits:
        yield f"carry:     {', '.join(settings.carry)}  (of the head, over the base)"
    yield f"command:   {' '.join(spec.command)}"
    named = "{out}" if "{out}" in " ".join(spec.command) else "(none: the program itself is timed)"
    yield f"results:   {settings.results or named}"
    most = f" to {MOST_SHORT_PAIRS}" if commits and spec.adaptive and not settings.runs else ""
    count = f"{settings.runs or DEFAULT_PAIRS}{most} {'pairs, base and head in turn' if commits else 'runs'}"
    limits = [f"at most {settings.budget_minutes:g} minutes"] if settings.budget_minutes else []
    limits += [f"each run at most {settings.timeout:g} s"]
    limits += ["ends early where everything is decided"] if commits and spec.adaptive else []
    yield f"measured:  {count}; {'; '.join(limits)}"
    yield f"written:   {spec.out}"


def only_affected(settings: Settings, spec: MeasurementSpec) -> MeasurementSpec:
    """Return the measurement of the benchmarks that the change may reach; leave where it reaches none.

    Raises:
        UsageError: there is no base, or the command takes no selection.
    """
    from regress_action.action.affected import affected
    from regress_action.report.progress import affected_lines

    if not settings.base:
        raise UsageError("--affected needs --base.", remedy="Name the commit that the change is compared with.")
    if not any("{select}" in word for word in spec.command):
        raise UsageError(
            "--affected needs a command that takes a selection.",
            meaning="Without {select} in it, the command runs every benchmark.",
            remedy="Write it where pytest takes names: python -m pytest {select} --benchmark-json={out}",
        )
    click.echo("Tracing what each benchmark executes, once at base and once at head.", err=True)
    result = affected(settings, spec, Path.cwd())
    for line in affected_lines(result, settings.runs or DEFAULT_PAIRS):
        click.echo(line, err=True)
    if result.problem is not None:
        return spec
    if not result.reachable:
        raise click.exceptions.Exit(0)
    return replace(spec, select=result.reachable)
