"""`regress-action init`: look at a repository, try what was found, and write its first files."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.measure.schedule import DEFAULT_PAIRS, MOST_SHORT_PAIRS
from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Sequence

    from regress_action import scaffold
    from regress_action.commands.init_trial import Trial
    from regress_action.commands.trial_watch import TrialWatch
    from regress_action.model.measurements import Report
    from regress_action.scaffold import Project

_SHOWN = 12
_MOST_WAYS = 5
_MOST_SUITES = 6
_FEWEST_RUNS = 5
_BUDGET_MINUTES = 30


@click.command(name="init")
@click.option("--suite", metavar="NAME", default="default", show_default=True, help="Name of the suite.")
@click.option("--branch", metavar="NAME", help="Default branch; default: what git says.")
@click.option(
    "--action", metavar="REF", default="OWNER/regress-action@v1", show_default=True, help="What `uses:` names."
)
@click.option("--try/--no-try", "trial", default=True, show_default=True, help="Run the suite once before writing.")
@click.option(
    "--limit-minutes",
    type=click.FloatRange(0, min_open=True),
    default=20,
    show_default=True,
    metavar="N",
    help="Stop trying after so many minutes, and write what was found.",
)
@click.option("--bisect", is_flag=True, help="Also write workflows that find the commit of a regression.")
def command(*, suite: str, branch: str | None, action: str, trial: bool, limit_minutes: float, bisect: bool) -> None:
    """Write a workflow, a config and a thresholds file that fit this repository; nothing is ever overwritten.

    The suite is run once in a temporary clone, with the setup that was found. What is missing there is added, and what
    was understood of its results is shown. Ctrl-C ends it, and nothing is written.
    """
    limit_minutes = limit_minutes if trial else 0
    try:
        for line in initialise(
            Path.cwd(), suite=suite, branch=branch, action=action, limit_minutes=limit_minutes, bisect=bisect
        ):
            click.echo(line)
    except KeyboardInterrupt:
        click.echo("Interrupted. Nothing was written; init --no-try writes what was recognised, untried.", err=True)
        raise


def initialise(
    root: Path, *, suite: str, branch: str | None, action: str, limit_minutes: float = 0, bisect: bool = False
) -> Iterator[str]:
    """Write each file that does not exist yet under `root`; yield one line for a person per step.

    What was found is tried for at most `limit_minutes`, 0 for not at all.

    Raises:
        InfrastructureError: a file cannot be written.
        UsageError: nothing shows which branch is the default one.
    """
    from regress_action import scaffold

    branch, guessed = (branch, False) if branch else _default_branch(root)
    projects = scaffold.recognise(root)
    what = "Found nothing to measure" if projects[0].missing else f"Found {projects[0].kind}"
    yield f"{what}: {plain(projects[0].why)}."
    other = " If it is another one, delete the workflow and name it: init --branch NAME" if guessed else ""
    yield f"The default branch is {branch}.{other}"
    if (root / scaffold.CONFIG).exists():
        yield f"{scaffold.CONFIG} is there already and is kept. Delete it first to have it written anew."
    suites = yield from _suites(projects, root, suite, limit_minutes)
    repository = scaffold.Repository(root)
    replaced = list(scaffold.other_tools(repository))
    drafts = scaffold.drafts(
        suites,
        branch=branch,
        action=action,
        replaced=replaced,
        bisect=bisect,
        submodules=repository.exists(".gitmodules"),
    )
    yield from _write(root, drafts)
    for workflow, tool in replaced:
        yield f"{workflow} runs {tool} as well. Remove {tool} there when you trust the new workflow."
    if not bisect:
        yield "With --bisect, init also writes workflows that find the commit of a regression and post it on its issue."
    if "OWNER/" in action:
        yield "Replace OWNER in the workflow by the account that holds the action."
    if suites[0].project.missing:
        yield f"Missing: {suites[0].project.missing}"
    yield "Next: read regress.yml, try `regress-action doctor`, then commit the files."


def _suites(
    projects: Sequence[Project], root: Path, name: str, limit_minutes: float
) -> Generator[str, None, list[scaffold.Suite]]:
    """Yield what a person should know, and return the suites to write: one, and one for each other folder that works.

    Without a trial the most likely way of each folder is taken.
    """
    from regress_action import scaffold
    from regress_action.commands.trial_watch import TrialWatch

    trial = limit_minutes > 0
    watch = TrialWatch(ends_at=time.monotonic() + limit_minutes * 60)
    if trial and not projects[0].missing:
        click.echo(f"Trying it takes {limit_minutes:g} minutes at most. Ctrl-C ends it, and writes nothing.", err=True)
    tried: list[Project] = []
    measured: set[str] = set()

    def chosen(ways: Sequence[Project]) -> Generator[str, None, tuple[Project, int | None] | None]:
        results = []
        for result in try_ways(ways, root, watch) if trial else ():
            results.append(result)
            yield from lines_of(result)
        tried.extend(result.project for result in results)
        working = next((result for result in results if result.works), None)
        names = {series.benchmark.name for series in working.report.series} if working and working.report else set()
        if names and names <= measured:
            yield "These benchmarks are measured by another suite, so this one is left out."
            return None
        measured.update(names)
        runs, said = _affordable(working.seconds if working else None)
        yield from said
        if working or not trial:
            return (working.project if working else ways[0]), runs
        return None

    main = yield from chosen(projects)
    if main is None and tried:
        untried = "Nothing was measured here, so what is written is untried"
        yield f"{untried}." if watch.left_s else _out_of_time(untried, limit_minutes)
    main = main or (tried[0] if tried else projects[0], None)
    tried.append(main[0])
    suites = [scaffold.Suite(name, *main)]
    for ways in _other_suites(projects, tried, main[0], trial=trial):
        if trial and not watch.left_s:
            yield _out_of_time("More suites were found, and are left out", limit_minutes)
            break
        own = _name_of(ways[0].place, [made.name for made in suites])
        yield f"A suite of its own, {own}: {plain(ways[0].why)}."
        if working := (yield from chosen(ways)):
            suites.append(scaffold.Suite(own, *working))
    return suites


def _write(root: Path, drafts: Sequence[scaffold.Draft]) -> Iterator[str]:
    """Write each file that is not there; yield a line for each.

    Raises:
        InfrastructureError: a file cannot be written.
    """
    from regress_action.model.errors import InfrastructureError

    for draft in drafts:
        path = root / draft.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(draft.text)
        except FileExistsError:
            yield f"kept   {draft.path}: it was there already"
        except OSError as error:
            raise InfrastructureError(f"{path} cannot be written: {error.strerror or error}.") from error
        else:
            yield f"wrote  {draft.path}: {draft.purpose}"


def _other_suites(
    projects: Sequence[Project], tried: Sequence[Project], main: Project, *, trial: bool
) -> list[list[Project]]:
    """Return the ways of the other folders that have benchmarks of their own, a list for each folder.

    Where the main suite is a first benchmark, the slowest tests are another one: a trial finds out which they are.
    """
    places: dict[str, list[Project]] = {}
    for project in projects:
        wanted = not project.first or (main.first and trial and project.kind == "pytest")
        if wanted and not project.missing and project.place not in {other.place for other in tried}:
            places.setdefault(project.place, []).append(project)
    return list(places.values())[:_MOST_SUITES]


def _name_of(place: str, taken: Collection[str]) -> str:
    """Return a name for the suite of a folder, which may be a file name too."""
    parts = [part for part in re.sub(r"[^\w./-]+", "-", place).strip("./").split("/") if part]
    names = ("-".join(parts[-count:]) for count in range(1, len(parts) + 1))
    return next((name for name in names if name not in taken), f"suite-{len(taken) + 1}")


def _out_of_time(what: str, limit_minutes: float) -> str:
    return f"{what}: the limit of {limit_minutes:g} minutes was reached. init --limit-minutes N allows more."


def try_ways(projects: Sequence[Project], root: Path, watch: TrialWatch | None = None) -> Iterator[Trial]:
    """Yield what became of each way, until one measures something; where nothing can be tried, say why.

    `watch` says how long all tries may take; without one, each has only its own limit.
    """
    from regress_action.commands.init_trial import EARLIER_TIMEOUT_S, TIMEOUT_S, Trial, try_project
    from regress_action.commands.trial_watch import UNLIMITED
    from regress_action.model.errors import RegressError

    watch = watch or UNLIMITED
    broken: set[str] = set()
    possible = [project for project in projects if not project.missing]
    first = next((project for project in possible[_MOST_WAYS:] if project.first), None)
    ways = possible[:_MOST_WAYS]
    if first and not any(project.first for project in ways):
        ways.append(first)
    for project in ways:
        if any(project.setup == setup or project.setup.startswith(f"{setup} && ") for setup in broken):
            continue
        if not watch.left_s:
            return
        which = "" if project is ways[0] else f" ({plain(project.why)})"
        click.echo(f"Trying {project.kind}{which}: its setup, then one run …", err=True)
        try:
            timeout_s = TIMEOUT_S if project is ways[-1] else EARLIER_TIMEOUT_S
            result = try_project(project, root, watch, timeout_s=timeout_s)
        except RegressError as error:
            result = Trial(project, None, str(error))
        yield result
        if result.works:
            return
        if result.unprepared:
            broken |= {project.setup, result.project.setup}


def lines_of(result: Trial) -> Iterator[str]:
    """Yield what a person should know of a try."""
    for change in result.mended:
        yield f"Mended: {plain(change)}"
    if result.works and result.report is not None:
        yield f"Tried it: {result.project.kind} was measured."
        yield from _table(result.report)
        if "{select}" in result.project.command:
            yield "Single benchmarks can be selected, so only those that are not decided yet are measured on."
    elif result.absent:
        yield f"Missing here: {result.absent}."
    else:
        yield f"Tried {result.project.kind}, and nothing was measured: {plain(result.reason)}"


def _affordable(seconds: float | None) -> tuple[int | None, list[str]]:
    """Return how many pairs fit into the budget when a run takes `seconds`, None for enough, and what to say of it."""
    if seconds is None:
        return None, []
    from regress_action.report.numbers import duration

    minutes = seconds * 2 / 60
    runs = max(_FEWEST_RUNS, min(DEFAULT_PAIRS, int(_BUDGET_MINUTES / minutes))) if minutes else DEFAULT_PAIRS
    needed = runs * minutes
    if needed * MOST_SHORT_PAIRS / runs < 1:
        return None, [f"One run takes {duration(seconds)}, so the pairs take less than a minute, the setup aside."]
    lines = [f"One run takes {duration(seconds)}, so {runs} pairs take about {needed:.1f} minutes, the setup aside."]
    if needed > _BUDGET_MINUTES:
        lines.append(
            "That is more than the budget of 30 minutes: select fewer benchmarks in  command:  of regress.yml."
        )
    return (runs if runs < DEFAULT_PAIRS else None), lines


def _table(report: Report) -> Iterator[str]:
    """Yield what was understood of the results, a line for each benchmark and metric."""
    from regress_action.report.numbers import count, quantity

    for series in report.series[:_SHOWN]:
        value = series.measured[0] if series.measured else None
        name = plain(series.benchmark.name, 60)
        yield f"  {name:60}  {series.metric.name:12}  {quantity(value, series.metric.unit)}"
    if len(report.series) > _SHOWN:
        yield f"  and {count(len(report.series) - _SHOWN, 'row')} more"


def _default_branch(root: Path) -> tuple[str, bool]:
    """Return the default branch that the repository shows, and whether it may be another one.

    It is `main` where there is no repository yet.

    Raises:
        UsageError: there are several branches, and nothing shows which is the default one.
    """
    import os

    from regress_action.history import Checkout
    from regress_action.model.errors import HistoryError, UsageError

    try:
        checkout = Checkout(root, os.environ)
        branch, of_origin = checkout.default_branch(), checkout.default_branch_of_origin()
    except HistoryError:
        return "main", True
    if branch is None:
        raise UsageError(
            f"{root} does not show which of its branches is the default one.",
            meaning="The workflow records baselines on that branch, and nothing was written.",
            remedy="Name it: regress-action init --branch NAME",
        )
    return branch, of_origin is None
