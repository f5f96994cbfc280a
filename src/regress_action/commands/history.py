"""`regress-action history`: list, show, verify, export, import and prune stored reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")

FORMS = ("jsonl", "csv", "columns", "parquet")


@click.group(name="history")
def command() -> None:
    """List, show, verify, export, import and prune stored reports."""


def where(function: F) -> F:
    """Add the option that names the history."""
    return click.option("--history", "where", required=True, metavar="WHERE", help="A folder, or branch:NAME.")(
        function
    )


def selecting(function: F) -> F:
    """Add the options that select reports and series."""
    for option in reversed(
        (
            click.option("--suite", metavar="NAME", help="Reports of this suite."),
            click.option("--benchmark", metavar="PATTERN", help="Series of benchmarks that match."),
            click.option("--service", metavar="PATTERN", help="Series of services that match."),
            click.option("--metric", metavar="PATTERN", help="Series of metrics that match."),
            click.option("--environment", metavar="FINGERPRINT", help="Reports of this environment."),
            click.option("--branch", metavar="NAME", help="Reports of this branch."),
            click.option("--commits", metavar="RANGE", help="Reports of a commit, or of a range like v1.2..main."),
            click.option("--since", metavar="TIME", help="Reports from this time on (ISO 8601)."),
            click.option("--until", metavar="TIME", help="Reports up to this time."),
            click.option("--last", type=click.IntRange(1), metavar="N", help="The newest N reports of what is left."),
        )
    ):
        function = option(function)
    return function


@command.command(name="list")
@where
@selecting
def list_(*, where: str, **selection: str | int | None) -> None:
    """List what is stored: time, commit, suite, environment and path, oldest first."""
    from regress_action.action import browsing

    for line in browsing.listing(where, selection):
        click.echo(line)


@command.command()
@where
@click.argument("which", metavar="COMMIT|PATH|DIGEST")
@selecting
def show(*, where: str, which: str, **selection: str | int | None) -> None:
    """Show the records of a commit: who wrote them, and the median of every series."""
    from regress_action.action import browsing

    for line in browsing.show(where, which, selection):
        click.echo(line)


@command.command()
@where
@click.option(
    "--anchor", metavar="HASH|FILE", help="A commit, or all that an earlier verify printed; must still be there."
)
def verify(*, where: str, anchor: str | None) -> None:
    """Prove that no record was changed or removed, and that every line is what its name says; else exit with 4."""
    from regress_action.action import browsing

    proof = browsing.verify(where, anchor)
    for line in proof.lines:
        click.echo(line)
    if not proof.holds:
        raise click.exceptions.Exit(4)


@command.command()
@where
@selecting
@click.option("--format", "form", type=click.Choice(FORMS), default="csv", show_default=True, help="Form of the table.")
@click.option("--out", metavar="FILE", default="-", show_default=True, help="Where to write it; - is standard output.")
def export(*, where: str, form: str, out: str, **selection: str | int | None) -> None:
    """Write the selected runs as a table, a row per run."""
    from regress_action.action import browsing

    browsing.export(where, form, out, selection)


@command.command(name="import")
@where
@click.argument("sources", nargs=-1, required=True, metavar="FILE...")
@click.option("--suite", metavar="NAME", help="Name of the suite, when the files do not say.")
@click.option("--branch", metavar="NAME", help="Branch of the commits, when the files do not say.")
@click.option("--commit", metavar="SHA", help="Commit that was measured, when the files do not say.")
@click.option("--time", metavar="TIME", help="When it was measured (ISO 8601), when the files do not say.")
def import_(*, where: str, sources: tuple[str, ...], **unsaid: str | None) -> None:
    """Move here with years of data.

    Takes data.js of github-action-benchmark, an asv results folder, a .benchmarks folder of pytest-benchmark, what
    `bencher perf` prints, CSV, and results in every format that compare reads (Bencher Metric Format, say).
    """
    from regress_action.action import importing

    click.echo(importing.import_from(where, [Path(source) for source in sources], **unsaid))


@command.command()
@where
@click.option("--all-days", type=click.IntRange(0), default=90, show_default=True, help="Keep everything this long.")
@click.option(
    "--weekly-days", type=click.IntRange(0), default=730, show_default=True, help="Then one a week this long."
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
def prune(*, where: str, all_days: int, weekly_days: int, dry_run: bool) -> None:
    """Thin old records: all, then one a week, then one a month; the audit trail keeps what was removed."""
    from regress_action.action import browsing

    for line in browsing.prune(where, all_days=all_days, weekly_days=weekly_days, dry_run=dry_run):
        click.echo(line)


@command.command()
@where
@click.argument("benchmark", metavar="PATTERN")
@click.option("--commit", metavar="SHA", help="First commit of the new level; default: from now on.")
@click.option("--metric", metavar="PATTERN", default="*", show_default=True, help="Which metrics of it.")
@click.option("--suite", metavar="NAME", help="Only in this suite.")
@click.option("--reason", required=True, help="Why the new level is right; kept in the audit trail.")
def accept(*, where: str, benchmark: str, commit: str | None, metric: str, suite: str | None, reason: str) -> None:
    """Take the new level of a benchmark for normal; later runs are compared with it."""
    from regress_action.action import browsing

    click.echo(browsing.accept(where, benchmark, metric, commit=commit, suite=suite, reason=reason))
