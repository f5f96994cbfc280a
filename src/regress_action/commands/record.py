"""`regress-action record`: add reports to a history (stage 1)."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from regress_action.commands import options
from regress_action.model.errors import IncompleteError
from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.action.judge import JudgingRules
    from regress_action.history import History, SeriesPattern
    from regress_action.model.measurements import Report


@click.command(name="record", cls=options.Greedy)
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@click.option("--history", "where", required=True, metavar="WHERE", help="A folder, or branch:NAME.")
@click.option("--suite", metavar="NAME", help="Name of the suite, when the files do not say.")
@click.option("--commit", metavar="SHA", help="Commit that was measured, when the files do not say.")
@click.option("--branch", metavar="NAME", help="Branch of that commit, when the files do not say.")
def command(*, reports: tuple[str, ...], where: str, suite: str | None, commit: str | None, branch: str | None) -> None:
    """Add reports, in any known format, to a history of immutable JSON Lines files."""
    for line in record(reports, where, suite=suite, commit=commit, branch=branch):
        click.echo(line)


def record(
    patterns: Sequence[str],
    where: str,
    *,
    suite: str | None = None,
    commit: str | None = None,
    branch: str | None = None,
    now: datetime | None = None,
) -> Iterator[str]:
    """Add every report that the patterns name to the history at `where`; yield a line for each.

    A report that shows a regression is stored, and its slow series are held back as a baseline.
    """
    from regress_action import formats
    from regress_action.action import baseline
    from regress_action.commands.history_options import whoami
    from regress_action.stores import local_history

    history = local_history(where)
    rules = options.project_rules()
    now = now or datetime.now(UTC)
    for report in formats.gather(patterns):
        named = _named(report, suite=suite, commit=commit, branch=branch, now=now)
        slow = _slow_series(named, history, rules)
        yield f"recorded {baseline.store(history, named, slow, who=whoami(), at=now)}"
        for pattern in slow:
            worse = f"{pattern.ratio:.1f}× the baseline" if pattern.ratio else "worse than the baseline"
            yield (
                f"  {plain(pattern.benchmark)} ({plain(pattern.metric)}) is {worse}, so this record is no baseline "
                f"yet. If it is the new normal: regress-action history accept {shlex.quote(plain(pattern.benchmark))} "
                f"--reason WHY --history {shlex.quote(where)}"
            )


def _slow_series(report: Report, history: History, rules: JudgingRules) -> tuple[SeriesPattern, ...]:
    """Return the series of `report` that are proven or suspected to be slower than what the history holds."""
    from regress_action.action.baseline import baseline_of, slow_series
    from regress_action.action.judge import judge_against_history
    from regress_action.history import BASELINE_WINDOW, Selection

    environment = report.environment.fingerprint
    selection = Selection(suite=report.suite, branch=report.branch, environment=environment, last=BASELINE_WINDOW)
    references = baseline_of(history, [report], selection)
    if not references:
        return ()
    try:
        judged = judge_against_history(references, [report], rules)
    except IncompleteError:  # they have no benchmark in common
        return ()
    return slow_series(judged.judgement, suspected=True)


def _named(report: Report, *, suite: str | None, commit: str | None, branch: str | None, now: datetime) -> Report:
    """Return the report with the options of the caller; the time is `now` where the file states none."""
    return replace(
        report,
        suite=suite or report.suite,
        commit=commit or report.commit,
        branch=branch or report.branch,
        created=report.created or now.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
