"""What the commands of a history share: the options that name it and select from it, and opening it."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regress_action.history import History, Selection

    Options = Mapping[str, str | int | None]

F = TypeVar("F", bound="Callable[..., object]")


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
            click.option("--benchmark", "-k", metavar="PATTERN", help="Series of benchmarks that match."),
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


def opened(where: str) -> History:
    """Open the history that `where` names, relative to the current folder."""
    from regress_action.stores import local_history

    return local_history(where)


def existing(where: str) -> History:
    """Open the history that `where` names, which must exist.

    Raises:
        UsageError: there is none.
    """
    store = opened(where)
    if not store.store.exists():
        raise UsageError(
            f"There is no history at {store.where}.",
            meaning="Nothing was ever recorded there, or its name is another one.",
            remedy="Check --history, or record a report first: regress-action record REPORT... --history WHERE",
        )
    return store


def whoami() -> str:
    """Return the name under which decisions are written down."""
    return os.environ.get("GITHUB_ACTOR") or getpass.getuser()


def selection_of(options: Options) -> Selection:
    """Return the selection that the command line asks for.

    Raises:
        UsageError: a time is not ISO 8601.
        HistoryError: a range names commits that this repository does not hold.
    """
    from regress_action import history

    commits = options.get("commits")
    last = options.get("last")

    def text(name: str) -> str | None:
        return str(options[name]) if options.get(name) is not None else None

    return history.Selection(
        suite=text("suite"),
        benchmark=text("benchmark"),
        service=text("service"),
        metric=text("metric"),
        environment=text("environment"),
        branch=text("branch"),
        commits=history.Checkout(Path.cwd(), os.environ).commits_in(str(commits)) if commits else None,
        since=moment_of(options.get("since")),
        until=moment_of(options.get("until")),
        last=int(last) if last is not None else None,
    )


def moment_of(text: str | int | None) -> datetime | None:
    """Return a time written in ISO 8601, in UTC unless it states its zone; None for None.

    Raises:
        UsageError: it is no time.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise UsageError(f"{text!r} is no time.", remedy="Write it like 2026-01-31 or 2026-01-31T12:00:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
