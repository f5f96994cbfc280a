"""`regress-action record`: add reports to a history (stage 1)."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.model.measurements import Report


@click.command(name="record", cls=options.Greedy)
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@click.option("--history", "where", required=True, metavar="WHERE", help="A folder, or branch:NAME.")
@click.option("--suite", metavar="NAME", help="Name of the suite, when the files do not say.")
@click.option("--commit", metavar="SHA", help="Commit that was measured, when the files do not say.")
@click.option("--branch", metavar="NAME", help="Branch of that commit, when the files do not say.")
def command(*, reports: tuple[str, ...], where: str, suite: str | None, commit: str | None, branch: str | None) -> None:
    """Add reports, in any known format, to a history of immutable JSON Lines files."""
    for path in record(reports, where, suite=suite, commit=commit, branch=branch):
        click.echo(f"recorded {path}")


def record(
    patterns: Sequence[str],
    where: str,
    *,
    suite: str | None = None,
    commit: str | None = None,
    branch: str | None = None,
    now: datetime | None = None,
) -> Iterator[str]:
    """Add every report that the patterns name to the history at `where`; yield the path of each."""
    from regress_action import formats
    from regress_action.action import noise_model
    from regress_action.history import open_history

    history = open_history(where, repository=Path.cwd(), environ=os.environ)
    for report in formats.gather(patterns):
        named = _named(report, suite=suite, commit=commit, branch=branch, now=now or datetime.now(UTC))
        yield history.append(noise_model.with_noise(named, history))


def _named(report: Report, *, suite: str | None, commit: str | None, branch: str | None, now: datetime) -> Report:
    """Return the report with the options of the caller; the time is `now` where the file states none."""
    return replace(
        report,
        suite=suite or report.suite,
        commit=commit or report.commit,
        branch=branch or report.branch,
        created=report.created or now.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
