"""What other pages and programs show of a history: badge, Atom feed, and the weekly summary for stakeholders."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from regress_action.analysis.series_state import Status
from regress_action.model import escaping
from regress_action.report import numbers
from regress_action.site.content import attention

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.analysis.series_state import LevelStep
    from regress_action.site.content import Row
    from regress_action.site.inputs import Site
    from regress_action.site.recommendations import Recommendation
    from regress_action.site.tables import Table

_BAD = (Status.OVER_BUDGET, Status.REGRESSED)
_WARN = (Status.DRIFTING, Status.MISSING, Status.NEAR_BUDGET)
_COLORS = {"bad": "#b3261e", "warn": "#9a6700", "good": "#1a7f37"}
_SHIELDS = {"bad": "red", "warn": "yellow", "good": "brightgreen"}
_FEED_ENTRIES = 50
_WEEK = timedelta(days=7)
_LISTED = 20
_MACHINE_PARTS = ("runner", "os", "cpu", "memory", "runtime")


def files(site: Site, rows: Sequence[Row], advice: Sequence[Recommendation]) -> dict[str, bytes]:
    """Return the files by their names: two badges, the feed, and the summary as Markdown and as HTML."""
    grade, message = state(rows)
    return {
        "badge.json": orjson.dumps(
            {"schemaVersion": 1, "label": "performance", "message": message, "color": _SHIELDS[grade]}
        ),
        "badge.svg": badge(grade, message).encode(),
        "feed.xml": feed(site, rows).encode(),
        "summary.md": summary(site, rows, advice).encode(),
        "summary.html": summary_html(site, rows, advice).encode(),
    }


def state(rows: Sequence[Row]) -> tuple[str, str]:
    """Return the grade (`bad`, `warn`, `good`) and the words of the badge."""
    counts = Counter(row.finding.status for row in rows)
    for grade, statuses in (("bad", _BAD), ("warn", _WARN)):
        parts = [f"{counts[status]} {status.value}" for status in statuses if counts[status]]
        if parts:
            return grade, ", ".join(parts)
    return "good", "steady"


def badge(grade: str, message: str) -> str:
    """Return a badge as SVG, which needs no service."""
    left, right = 84, 12 + 7 * len(message)
    text = escaping.html(message)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="performance: {text}"><title>performance: {text}</title>'
        f'<rect width="{left}" height="20" fill="#444"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{_COLORS[grade]}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">performance</text><text x="{left + right / 2}" y="14">{text}</text></g></svg>\n'
    )


def feed(site: Site, rows: Sequence[Row]) -> str:
    """Return the newest clear changes of level as an Atom feed."""
    changes = sorted(_settled(site.tables, rows), key=lambda change: -change[0])[:_FEED_ENTRIES]
    entries = "".join(_entry(site, *change) for change in changes)
    updated = _iso(changes[0][0]) if changes else site.page.now.isoformat(timespec="seconds")
    title = escaping.html(f"{site.page.title}: performance changes")
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<title>{title}</title>\n<id>{_urn(site.page.title)}</id>\n<updated>{updated}</updated>\n"
        f"<author><name>regress-action</name></author>\n{entries}</feed>\n"
    )


def _settled(tables: Sequence[Table], rows: Sequence[Row]) -> Iterator[tuple[float, Row, LevelStep]]:
    """Yield (time, row, change) of every change of level that is clear, has settled and has a time."""
    for row in rows:
        for change in row.finding.changes:
            time = tables[row.table].columns[change.column].time
            if change.settled and change.clear and not math.isnan(time):
                yield time, row, change


def _entry(site: Site, time: float, row: Row, change: LevelStep) -> str:
    """Return one change as an entry of the feed."""
    column = site.tables[row.table].columns[change.column]
    what = f"{_name(site, row)}: {numbers.change(change.ratio)}"
    by = f" by {column.author}" if column.author else ""
    link = (
        f'<link href="{escaping.html(f"{site.page.repository}/commit/{column.commit}")}"/>'
        if site.page.repository
        else ""
    )
    return (
        f"<entry><title>{escaping.html(what)}</title>"
        f"<id>{_urn(f'{column.commit} {row.series.key} {site.tables[row.table].environment.fingerprint}')}</id>"
        f"<updated>{_iso(time)}</updated>{link}"
        f"<summary>{escaping.html(f'Since commit {column.commit[:12]}{by}.')}</summary></entry>\n"
    )


def summary(site: Site, rows: Sequence[Row], advice: Sequence[Recommendation]) -> str:
    """Return the weekly summary as Markdown: the state, what changed in the last seven days, what to do."""
    lines = [f"# {escaping.markdown(site.page.title)}: performance, week to {site.page.now:%Y-%m-%d}", ""]
    lines += [f"{_state_sentence(rows)}", ""]
    changes = _week(site, rows)
    if changes:
        lines += ["| change | benchmark | metric | commit | by |", "|---|---|---|---|---|"]
        lines += ["| " + " | ".join(escaping.markdown(cell) for cell in cells) + " |" for cells in changes]
    else:
        lines += ["No level changed in the last seven days."]
    if advice:
        lines += ["", "## What to do", ""]
        lines += [
            f"* {escaping.code_span(name)}: {escaping.markdown(words)}" for name, words in _todo(site, rows, advice)
        ]
    return "\n".join(lines) + "\n"


def summary_html(site: Site, rows: Sequence[Row], advice: Sequence[Recommendation]) -> str:
    """Return the weekly summary as a mail: one table, inline styles, no script, nothing to load."""
    cell = 'style="padding:4px 12px 4px 0;text-align:left;border-bottom:1px solid #ddd"'
    changes = "".join(
        "<tr>" + "".join(f"<td {cell}>{escaping.html(text)}</td>" for text in cells) + "</tr>"
        for cells in _week(site, rows)
    )
    head = "".join(f"<th {cell}>{name}</th>" for name in ("change", "benchmark", "metric", "commit", "by"))
    table = f"<table style='border-collapse:collapse'><tr>{head}</tr>{changes}</table>"
    items = "".join(
        f'<li style="margin-bottom:8px"><b>{escaping.html(name)}</b>: {escaping.html(words)}</li>'
        for name, words in _todo(site, rows, advice)
    )
    heading = f"{escaping.html(site.page.title)}: performance, week to {site.page.now:%Y-%m-%d}"
    mark = f"border-left:4px solid {_COLORS[state(rows)[0]]};padding-left:10px"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Performance summary</title></head>'
        '<body style="font-family:sans-serif;max-width:60em;margin:auto;padding:1em">'
        f'<h1 style="font-size:20px">{heading}</h1><p style="{mark}">{escaping.html(_state_sentence(rows))}</p>'
        + (table if changes else "<p>No level changed in the last seven days.</p>")
        + (f'<h2 style="font-size:16px">What to do</h2><ul>{items}</ul>' if items else "")
        + "</body></html>\n"
    )


def _todo(site: Site, rows: Sequence[Row], advice: Sequence[Recommendation]) -> list[tuple[str, str]]:
    """Return the first recommendations, each as the name of its series and its words."""
    return [(_name(site, rows[hint.series]), f"{hint.title} {hint.evidence}") for hint in advice[:_LISTED]]


def _state_sentence(rows: Sequence[Row]) -> str:
    """Return how many series are in which state, the urgent ones first."""
    counts = Counter(row.finding.status for row in rows)
    parts = [f"{counts[status]} {status.value}" for status in Status if counts[status]]
    return f"{numbers.count(len(rows), 'series', 'series')}: {', '.join(parts)}." if parts else "Nothing was measured."


def _week(site: Site, rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the changes of the last seven days, the most urgent series first, as cells of a table."""
    oldest = (site.page.now - _WEEK).timestamp()
    cells: list[tuple[str, ...]] = []
    for row in attention(rows):
        for change in row.finding.changes:
            column = site.tables[row.table].columns[change.column]
            if column.time >= oldest:
                cells.append(
                    (
                        numbers.change(change.ratio),
                        row.series.benchmark.name,
                        ", ".join(filter(None, (row.series.metric.name, _machine(site.tables, row.table)))),
                        column.commit[:12],
                        column.author,
                    )
                )
    return cells[:_LISTED]


def _name(site: Site, row: Row) -> str:
    """Return the benchmark, the metric, and the machine where there are several."""
    return ", ".join(
        filter(None, (row.series.benchmark.name, row.series.metric.name, _machine(site.tables, row.table)))
    )


def _machine(tables: Sequence[Table], number: int) -> str:
    """Return what tells a machine from the others, empty where there is one."""
    names = [
        (table.source, table.suite, *(str(getattr(table.environment, part)) for part in _MACHINE_PARTS))
        for table in tables
    ]
    differing = (part[number] for part in zip(*names, strict=True) if len(set(part)) > 1)
    return " · ".join(filter(None, differing))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _urn(text: str) -> str:
    """Return an identity for a feed that is the same for the same text."""
    return uuid.uuid5(uuid.NAMESPACE_URL, text).urn
