"""From histories or report files to a site on disk: what the command, the action and `make demo-dashboard` call.

Also here: the site on disk: the page beside its data files, each file replaced as a whole.

A data file is a script that hands one JSON value to the page, because a page that was opened from disk may load
scripts and nothing else. Plotly is copied once and loaded only by the views that draw with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.analysis.series_state import limits_of
from regress_action.model.errors import HistoryError, IncompleteError, InputError
from regress_action.model.files import read_optional, write_replace
from regress_action.site import content, feeds, health
from regress_action.site.cache import Kept, TableCache, read_tables
from regress_action.site.inputs import Page, Site
from regress_action.site.recommendations import findings_of, recommendations_of
from regress_action.site.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from regress_action.analysis import Policy
    from regress_action.history.events import Event
    from regress_action.model.measurements import Report
    from regress_action.site.tables import Table


PLOTLY = "plotly-basic.min.js"

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: series, reports, and the bytes of the data and of the page without Plotly."""

    series: int
    reports: int
    bytes: int


def write_site(site: Site, folder: Path, *, below: Path | None = None) -> Written:
    """Write the site into `folder`, which is made where it is missing; files of other programs in it stay.

    `below` is a folder that holds `folder`, from which on no link is followed.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    findings = [findings_of(table, limits, site.events) for table, limits in zip(site.tables, site.limits, strict=True)]
    rows = content.rows_of(site.tables, site.limits, findings)
    advice = recommendations_of(site.tables, rows)
    compared = content.compared(site.tables, rows, site.page.releases)
    head = {
        "title": site.page.title,
        "generated": site.page.now.isoformat(timespec="seconds"),
        "repository": site.page.repository,
        "note": site.page.note,
    }
    files: dict[str, bytes] = {
        "data/index.js": _script("index", content.index(site.tables, rows, head)),
        "data/reports.js": _script("reports", content.reports(site.tables, site.page.releases)),
        "data/compare.js": _script(
            "compare", [{name: machine[name] for name in ("reports", "exponents")} for machine in compared]
        ),
        "data/decisions.js": _script("decisions", content.decisions(site.events, site.page.waivers)),
        "data/health.js": _script("health", health.health(site.tables, rows, site.events)),
        "data/recommendations.js": _script(
            "recommendations",
            [[hint.title, hint.evidence, hint.series] for hint in advice],
        ),
        **feeds.files(site, rows, advice),
    }
    for name, columns in content.compared_chunks(compared):
        files[f"data/{name}.js"] = _script(name, columns)
    for number, shard in enumerate(content.shards(site.tables, rows)):
        files[f"data/series-{number}.js"] = _script(f"series-{number}", shard)
    assets = {asset.name: asset.read_bytes() for asset in _assets()}
    for name, data in (assets | files).items():
        _replace(folder / name, data, below)
    _remove_outdated(folder / "data", {PurePosixPath(name).name for name in files})
    own = sum(len(data) for name, data in (assets | files).items() if name != PLOTLY)
    return Written(len(rows), sum(len(table.columns) for table in site.tables), own)


def _script(name: str, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return a script that hands `value` to the page under `name`."""
    return b"regress.receive(" + orjson.dumps(name) + b"," + orjson.dumps(value, option=_OPTIONS) + b");\n"


def _assets() -> list[Any]:
    """Return the files of the page: HTML, scripts, styles and Plotly."""
    folder = resources.files("regress_action.site") / "assets"
    return sorted((asset for asset in folder.iterdir() if not asset.name.startswith(".")), key=lambda asset: asset.name)


def _remove_outdated(folder: Path, wanted: set[str]) -> None:
    """Remove data files of an earlier writing that this one does not replace."""
    for path in (*folder.glob("series-*.js"), *folder.glob("compare-*.js")):
        if path.name not in wanted:
            path.unlink()


def _replace(path: Path, data: bytes, below: Path | None) -> None:
    """Write a file as a whole, unless it holds that already."""
    try:
        same = read_optional(path, len(data), below=below) == data
    except InputError:  # larger than the new content, or no regular file
        same = False
    if not same:
        write_replace(path, data, below=below)


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


def build(sources: Iterable[Source], folder: Path, policy: Policy, page: Page, *, below: Path | None = None) -> Written:
    """Write the site of all sources into `folder`; `below` is a folder from which on no link is followed.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    sources = list(sources)
    tables = [table for source in sources for table in source.tables]
    events = sorted((event for source in sources for event in source.events), key=lambda event: event.at)
    site = Site(
        tables,
        [limits_of([r.benchmark for r in t.series], [r.metric for r in t.series], policy) for t in tables],
        events,
        page,
    )
    written = write_site(site, folder, below=below)
    for source in sources:
        if source.cache:
            source.cache.save(Kept(source.tables, source.left_out))
    return written
