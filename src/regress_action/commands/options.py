"""Options that several commands share, and the one way in which they end."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.action.judge import Judged, JudgingRules
    from regress_action.settings import Settings

F = TypeVar("F", bound="Callable[..., object]")

SEVERITIES = ("none", "minor", "moderate", "critical")
MODES = ("paired", "history", "single")
EXPORTS = ("junit", "sarif", "code-quality", "openmetrics")


class Greedy(click.Command):
    """A command whose repeatable options take every value up to the next option, as unquoted globs need."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Turn `--head a b` into `--head a --head b`, then parse as usual."""
        greedy = {
            name
            for option in self.params
            if isinstance(option, click.Option) and option.multiple and option.nargs == 1
            for name in option.opts
        }
        return super().parse_args(ctx, list(_spread(args, greedy)))


def _spread(args: Sequence[str], greedy: set[str]) -> list[str]:
    spread: list[str] = []
    current, filled = None, False
    for position, argument in enumerate(args):
        if argument == "--":
            return spread + list(args[position:])
        if argument.startswith("-"):
            current, filled = (argument, False) if argument in greedy else (None, False)
        elif current and filled:
            spread.append(current)
        else:
            filled = True
        spread.append(argument)
    return spread


def judging(function: F) -> F:
    """Add the options of every command that judges."""
    for option in reversed(
        (
            click.option("--thresholds", metavar="FILE", help="YAML file of thresholds and budgets per service."),
            click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists."),
            click.option("--fail-on", type=click.Choice(SEVERITIES), help="Lowest severity that exits with 1."),
            click.option(
                "--json", "json_out", metavar="FILE", help="Write the judgement as JSON; - is standard output."
            ),
            click.option("--markdown", metavar="FILE", help="Write the report as Markdown; - is standard output."),
            click.option("--html", metavar="FILE", help="Write the report as one HTML page that loads nothing."),
            click.option(
                "--export",
                "exports",
                type=(click.Choice(EXPORTS), str),
                multiple=True,
                metavar="FORMAT FILE",
                help=f"Write it for a CI system as well: {', '.join(EXPORTS)}. May be given several times.",
            ),
            click.option("--verbose", "-v", is_flag=True, help="Show every benchmark, with full names and reasons."),
        )
    ):
        function = option(function)
    return function


def settings_of(**given: object) -> Settings:
    """Merge the config file of the project with the options that were given.

    Paths in options are relative to the current folder, paths in the file to the folder that holds it.
    """
    from regress_action.settings import load

    root, here = project_root(), Path.cwd()
    named: dict[str, Any] = {key.replace("_", "-"): value for key, value in given.items()}
    if root == here or named.get("config"):
        return load(named, root=here)
    settings = load(named, root=root)
    relative = {"waivers": root / settings.waivers, "thresholds": (here if named.get("thresholds") else root)}
    if settings.thresholds:
        relative["thresholds"] /= settings.thresholds
    else:
        del relative["thresholds"]
    return settings.model_copy(update={name: str(path) for name, path in relative.items()})


def project_rules(**given: object) -> JudgingRules:
    """Read the files that the settings of `settings_of` name, and the aliases beside them; return the rules."""
    return rules_for(settings_of(**given), given.get("config"))


def rules_for(settings: Settings, config: object) -> JudgingRules:
    """Do the same for settings that were read, from the file `config` or from that of the project."""
    from regress_action.action.judge import load_rules

    return load_rules(settings, Path.cwd() if config else project_root())


def project_root() -> Path:
    """Return the nearest folder from here up to the root of the repository that holds regress.yml, else this one."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "regress.yml").is_file():
            return folder
        if (folder / ".git").exists():
            break
    return here


def finish(judged: Judged, **asked: Any) -> None:  # noqa: ANN401 - the options of `judging`, passed on
    """Show the judgement, write what was asked for, and leave with its exit code."""
    from regress_action.commands import output

    try:
        output.deliver(judged, **asked)
    except BrokenPipeError:
        discard_output()
    except SystemExit as stop:
        if stop.code != 1:
            raise
        discard_output()  # rich leaves with 1 where the reader of our output went away
    raise click.exceptions.Exit(judged.exit_code)


def discard_output() -> None:
    """Send what is still to be printed nowhere: its reader went away, as `| head` does, and the verdict stays."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
