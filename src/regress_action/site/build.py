"""From histories or report files to a site on disk: what the command, the action and `make demo-dashboard` call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.analysis import policy as rules
from regress_action.model.errors import HistoryError, IncompleteError
from regress_action.site import writing
from regress_action.site.findings import Limits
from regress_action.site.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from regress_action.analysis import Policy
    from regress_action.history.events import Event
    from regress_action.model.measurements import Report
    from regress_action.site.tables import Table


@dataclass(frozen=True, slots=True)
class Source:
    """Reports of one history with the decisions about them; `name` tells histories apart where several are joined."""

    name: str
    reports: Sequence[Report]
    events: Sequence[Event] = ()


def from_history(where: str, *, suite: str | None, branch: str | None, last: int | None, name: str = "") -> Source:
    """Read the newest `last` reports of a history, and every decision about it.

    Raises:
        IncompleteError: it holds no such report.
    """
    from regress_action.history import Selection
    from regress_action.stores import connected_history

    history = connected_history(where, repository=Path.cwd(), environ=os.environ)
    reports = history.load(Selection(suite=suite, branch=branch, last=last))
    if not reports:
        raise IncompleteError(
            f"The history {where} holds no report to show.",
            remedy=f"Record some first: regress-action record REPORT... --history {where}",
        )
    return Source(name, reports, history.events())


def releases_of(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the names of the tags of the checkout at `root` by their commits; none where there is no checkout."""
    from regress_action.history import Checkout

    try:
        return Checkout(root, environ).tags()
    except HistoryError:
        return {}


def build(
    sources: Iterable[Source], folder: Path, policy: Policy, page: writing.Page, *, below: Path | None = None
) -> writing.Written:
    """Write the site of all sources into `folder`; `below` is a folder from which on no link is followed.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    sources = list(sources)
    tables = [table for source in sources for table in tables_of(source.reports, source.name)]
    events = sorted((event for source in sources for event in source.events), key=lambda event: event.at)
    return writing.write(
        writing.Site(tables, [_limits(table, policy) for table in tables], events, page), folder, below=below
    )


def _limits(table: Table, policy: Policy) -> list[Limits]:
    """Return the threshold and the budget of every row."""
    benchmarks, metrics = [row.benchmark for row in table.series], [row.metric for row in table.series]
    alarms = rules.row_thresholds(benchmarks, metrics, policy).alarm.tolist()
    budgets, _ = rules.budget_rules(benchmarks, metrics, policy)
    results = []
    for row, alarm in enumerate(alarms):
        budget = budgets.get(row)
        results.append(Limits(alarm, budget.limit, budget.key) if budget else Limits(alarm))
    return results
