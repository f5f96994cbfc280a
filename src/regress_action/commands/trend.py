"""`regress-action trend`: drift, steps and creep along a history."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="trend")
@click.option("--history", "where", metavar="WHERE", help="A folder, or branch:NAME.")
@click.option(
    "--series", type=click.Path(path_type=Path), metavar="FILE", help="CSV: time, commit, then one column a series."
)
@click.option("--suite", metavar="NAME", help="Suite to follow; default: every suite.")
@click.option("--branch", metavar="NAME", help="Branch to follow; default: any.")
@click.option("--last", type=click.IntRange(1), default=200, show_default=True, help="Reports to look back at most.")
@click.option("--since", metavar="COMMIT", help="Release or commit from which creep is counted.")
@click.option("--json", "json_out", metavar="FILE", help="Write the trends as JSON; - is standard output.")
@click.option("--markdown", metavar="FILE", help="Write the trends as Markdown; - is standard output.")
def command(
    *,
    where: str | None,
    series: Path | None,
    suite: str | None,
    branch: str | None,
    last: int,
    since: str | None,
    json_out: str | None,
    markdown: str | None,
) -> None:
    """Say of every benchmark whether it degrades, improves, is stable or stepped, and since when."""
    from regress_action.action import trending
    from regress_action.model.errors import UsageError

    if (where is None) == (series is None):
        raise UsageError("Give either --history WHERE or --series FILE.csv.")
    if series is not None:
        trends = trending.from_csv(series)
    else:
        assert where is not None  # noqa: S101 - told apart above
        trends = trending.from_history(where, suite=suite, branch=branch, last=last, since=since)
    trending.deliver(trends, json_out=json_out, markdown=markdown)
