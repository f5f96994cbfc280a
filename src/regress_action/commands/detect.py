"""`regress-action detect`: reports against the baselines of a history (stage 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.judge import Judged, JudgingRules


@click.command(name="detect", cls=options.Greedy)
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@click.option("--history", "where", required=True, metavar="WHERE", help="A folder, or branch:NAME.")
@click.option("--suite", metavar="NAME", help="Suite to compare with; default: the one the reports name.")
@click.option("--branch", metavar="NAME", help="Branch of the baselines; default: any.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="Baseline reports to load at most.")
@click.option("-k", "pattern", metavar="PATTERN", help="Judge the benchmarks that match; short names count.")
@options.judging
def command(
    *,
    reports: tuple[str, ...],
    where: str,
    suite: str | None,
    branch: str | None,
    last: int,
    pattern: str | None,
    json_out: str | None,
    markdown: str | None,
    html: str | None,
    exports: tuple[tuple[str, str], ...],
    verbose: bool,
    **given: object,
) -> None:
    """Judge reports, in any known format, against the baselines of a history."""
    rules = options.project_rules(**given)
    judged = detect(reports, where, rules, suite=suite, branch=branch, last=last, pattern=pattern)
    options.finish(judged, json_out=json_out, markdown=markdown, html=html, exports=exports, verbose=verbose)


def detect(
    reports: Sequence[str],
    where: str,
    rules: JudgingRules,
    *,
    suite: str | None = None,
    branch: str | None = None,
    last: int = 20,
    pattern: str | None = None,
) -> Judged:
    """Judge the head reports against the newest `last` reports that the history at `where` holds for the suite.

    With `pattern`, only the benchmarks that match are judged.

    Raises:
        IncompleteError: the history holds no other report of the suite.
    """
    from regress_action import formats
    from regress_action.action.baseline import baseline_of
    from regress_action.action.judge import judge_against_history, selected
    from regress_action.history import Selection
    from regress_action.model.errors import IncompleteError

    head = formats.gather(reports)
    name = suite or head[0].suite
    from regress_action.stores import local_history

    history = local_history(where)
    selection = Selection(suite=name, branch=branch, last=last)
    baseline = baseline_of(history, head, selection)
    if not baseline:
        stored = history.entries(selection)
        raise IncompleteError(
            f"The history {where} holds no {'earlier baseline' if stored else 'report'} for the suite {name!r}.",
            meaning=(
                "It holds the reports that are judged, or reports that are held back as slow."
                if stored
                else "There is nothing to compare the reports with, so nothing can be said."
            ),
            remedy=f"Record a report of an earlier commit: regress-action record REPORT... --history {where}",
        )
    if pattern:
        return judge_against_history(*selected(baseline, head, pattern), rules)
    return judge_against_history(baseline, head, rules)
