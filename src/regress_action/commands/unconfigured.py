"""What `run` measures where nothing is configured: the suite that `init` would write, and another one if it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.model.errors import RegressError
    from regress_action.scaffold import Project
    from regress_action.settings import Settings


def recognised(settings: Settings, root: Path) -> Settings:
    """Return the settings with the suite that `init` would write for the project under `root`, in memory.

    Settings that were given stay.

    Raises:
        UsageError: nothing was found that could be measured.
    """
    from regress_action.model.errors import UsageError
    from regress_action.scaffold import recognise

    project = recognise(root)[0]
    if project.missing:
        raise UsageError(
            f"There is no command to measure: {project.why}.",
            remedy="Name one: regress-action run -- COMMAND. Or write it into regress.yml as `command`.",
        )
    click.echo(f"Measuring what init would write for this project: {project.why}.", err=True)
    click.echo(f"  setup:   {settings.setup or project.setup}\n  command: {project.command}", err=True)
    return _with_project(settings, project)


def _with_project(settings: Settings, project: Project) -> Settings:
    """Return the settings with what a project has for those that were not given."""
    defaults = {
        "command": project.command,
        "setup": settings.setup or project.setup,
        "results": settings.results or project.results,
        "carry": settings.carry or (project.carry if settings.base else ()),
    }
    return settings.model_copy(update=defaults)


def another_way(settings: Settings, root: Path, error: RegressError) -> Settings:
    """Return the settings with the way that a trial finds, after the most likely one did not work.

    Raises:
        UsageError: none works; the first one's error is told as well.
    """
    from regress_action.commands.init import lines_of, try_ways
    from regress_action.model.errors import UsageError
    from regress_action.scaffold import recognise

    headline = str(error).partition("\n")[0]
    click.echo(f"That did not work: {headline}. Trying what init would try.", err=True)
    projects = recognise(root)
    reasons = []
    for result in try_ways(projects, root):
        for line in lines_of(result):
            click.echo(line, err=True)
        if result.works:
            click.echo(f"  setup:   {result.project.setup}\n  command: {result.project.command}", err=True)
            kept = {"setup": "", "results": "", "carry": ()} if settings.setup == projects[0].setup else {"results": ""}
            return _with_project(settings.model_copy(update=kept), result.project)
        reasons.append(f"{result.project.kind}: {result.reason}")
    raise UsageError(
        f"No way to measure this project works here. The first: {headline}",
        meaning=f"Tried were {' · '.join(reasons)}"[:1500],
        remedy="Name a command that works: regress-action run --setup COMMAND -- COMMAND",
    )
