"""From histories or report files to a site on disk: what the command, the action and `make demo-dashboard` call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.analysis.series_state import limits_of
from regress_action.model.errors import HistoryError, IncompleteError
from regress_action.site import writing
from regress_action.site.cache import Kept, TableCache, read_tables
from regress_action.site.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from regress_action.analysis import Policy
    from regress_action.history.events import Event
    from regress_action.model.measurements import Report
    from regress_action.site.tables import Table


@dataclass(frozen=True, slots=True)
class Source:
    """The tables of one history with the decisions about it, and where they are kept for the next time."""

    tables: Sequence[Table]
    events: Sequence[Event] = ()
    cache: TableCache | None = None
    left_out: frozenset[str] = frozenset()


def from_reports(reports: Iterable[Report], events: Sequence[Event] = (), *, name: str = "") -> Source:
    """Lay out reports; `name` tells histories apart where several are joined."""
    return Source(tables_of(reports, name), events)


def from_history(
    where: str, *, suite: str | None, branch: str | None, last: int | None, name: str = "", site: Path | None = None
) -> Source:
    """Read the newest `last` reports of a history, and every decision about it.

    Tables are kept below the folder `site`, and reports that are kept there are not read again.

    Raises:
        IncompleteError: it holds no such report.
    """
    from regress_action.history import Selection
    from regress_action.stores import local_history

    history = local_history(where)
    selection = Selection(suite=suite, branch=branch, last=last)
    parts = str(Path.cwd()), where, name, selection, history.aliases
    cache = None if site is None else TableCache.of(site, *parts)
    kept = read_tables(history, selection, name, cache.load() if cache else Kept())
    if not kept.tables:
        raise IncompleteError(
            f"The history {where} holds no report to show.",
            remedy=f"Record some first: regress-action record REPORT... --history {where}",
        )
    return Source(kept.tables, history.events(), cache, kept.left_out)


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
    tables = [table for source in sources for table in source.tables]
    events = sorted((event for source in sources for event in source.events), key=lambda event: event.at)
    site = writing.Site(
        tables,
        [limits_of([r.benchmark for r in t.series], [r.metric for r in t.series], policy) for t in tables],
        events,
        page,
    )
    written = writing.write(site, folder, below=below)
    for source in sources:
        if source.cache:
            source.cache.save(Kept(source.tables, source.left_out))
    return written
