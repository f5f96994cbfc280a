"""`run --affected`: the measurement of the benchmarks that a change may reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from regress_action.action.measure import MeasurementSpec
    from regress_action.settings import Settings


def only_affected(settings: Settings, spec: MeasurementSpec) -> MeasurementSpec:
    """Return the measurement of the benchmarks that the change may reach; leave where it reaches none.

    Raises:
        UsageError: there is no base, or the command takes no selection.
    """
    from regress_action.action.affected import affected
    from regress_action.report.affected import lines

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
    for line in lines(result, settings.runs):
        click.echo(line, err=True)
    if result.problem is not None:
        return spec
    if not result.reachable:
        raise click.exceptions.Exit(0)
    return replace(spec, select=result.reachable, select_style="pytest")
