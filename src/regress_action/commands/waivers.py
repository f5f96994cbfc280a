"""`regress-action waivers check`: which exceptions are in force, until when, and which match nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    from regress_action.history import Waiver


@click.group(name="waivers")
def command() -> None:
    """Check the exceptions that the project grants itself."""


@command.command()
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
def check(*, config: str | None) -> None:
    """List the waivers with the days that are left; one that matches nothing of the last measurement exits with 2."""
    from regress_action import formats
    from regress_action.model.errors import UsageError
    from regress_action.settings.gate import read_waivers
    from regress_action.settings.sources import FolderFiles

    settings = options.settings_of(config=config)
    waivers = read_waivers(settings, FolderFiles(Path.cwd()))
    measured = options.project_root() / ".regress" / "head.jsonl"
    series = formats.gather([str(measured)])[0].series if measured.is_file() else ()
    names = {(row.benchmark.name, row.metric.name) for row in series}
    for line in described(waivers, names, datetime.now(UTC).date()):
        click.echo(line)
    unused = [waiver for waiver in waivers if names and not _matching(waiver, names)]
    if unused:
        raise UsageError(
            f"{len(unused)} of {len(waivers)} waivers match nothing that was measured last.",
            meaning="They excuse nothing; a name may be misspelt, or the benchmark is gone.",
            remedy=f"Correct or remove them in {settings.waivers}.",
        )


def described(waivers: tuple[Waiver, ...], names: Collection[tuple[str, str]], today: date) -> Iterator[str]:
    """Yield a line for each waiver; `names` are the (benchmark, metric) pairs of the last measurement."""
    from regress_action.model import escaping

    if not waivers:
        yield "No waiver is in force."
    for waiver in waivers:
        count = len(_matching(waiver, names))
        matching = f"matches {count}" if names else "nothing was measured here to match with"
        yield (
            f"{escaping.plain(waiver.benchmark)} ({escaping.plain(waiver.metric)}) up to {waiver.ceiling:g}×: "
            f"{(waiver.expires - today).days} days left; {matching}; {escaping.plain(waiver.reason, 200)}"
        )


def _matching(waiver: Waiver, names: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(benchmark, metric) for benchmark, metric in names if waiver.covers(benchmark, metric, 1.0)]
