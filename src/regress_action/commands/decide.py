"""`regress-action decide`: asked by a running measurement which benchmarks still need pairs."""

from __future__ import annotations

from pathlib import Path

import click

from regress_action.commands import options


@click.command(name="decide")
@click.argument("measurement", type=click.Path(exists=True, path_type=Path))
@click.option("--thresholds", metavar="FILE")
@click.option("--config", metavar="FILE")
@click.option("--pairs", type=click.IntRange(1), default=10)
def command(*, measurement: Path, thresholds: str | None, config: str | None, pairs: int) -> None:
    """Print one JSON object: continue or stop, with which benchmarks, and why."""
    from regress_action.action import deciding

    settings = options.settings_of(thresholds=thresholds, config=config, runs=pairs)
    click.echo(deciding.decide(measurement, settings))
