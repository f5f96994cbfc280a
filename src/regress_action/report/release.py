"""A release in words: what got slower or faster, by which commits and people, and what is used of the budgets.

The input is the object of `release-report --json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.model import escaping
from regress_action.report import chart, html, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT_BYTES = 65_000

_LISTED = 50
_COMMITS = 4
_SHORT = 10
_OVER = 1.0
_NEAR = 0.9


def headline(content: Mapping[str, Any]) -> str:
    """Return the first line: how many series got slower and faster than in the release before."""
    changes = [entry["change"] for entry in content["series"]]
    parts = [f"{changes.count(word)} {word}" for word in ("slower", "faster", "new") if changes.count(word)]
    before = content["against"][0]["release"]
    compared = numbers.count(len(changes), "series", "series")
    if not parts:
        return f"{content['release']} is as fast as {before} in {compared}"
    return f"{content['release']} against {before}: {', '.join(parts)} of {compared}"


def text(content: Mapping[str, Any]) -> str:
    """Return the report for a terminal."""
    lines = [headline(content), ""]
    for title, rows in _sections(content):
        lines += [title, *(f"  {escaping.plain('  '.join(filter(None, row)))}" for row in rows), ""]
    return "\n".join([*lines, _overall(content)]).rstrip() + "\n"


def markdown(content: Mapping[str, Any], *, limit_bytes: int = LIMIT_BYTES) -> str:
    """Return the report in GitHub Markdown, in at most `limit_bytes` bytes."""
    for listed in (_LISTED, 20, 8, 3):
        lines = [f"## {escaping.markdown(headline(content))}", "", escaping.markdown(_overall(content)), ""]
        for title, rows in _sections(content, listed):
            head = _head(content, title)
            lines += [f"### {title}", "", f"| {' | '.join(map(escaping.markdown, head))} |", "|---" * len(head) + "|"]
            lines += [
                "| " + " | ".join((escaping.code_span(row[0]), *(escaping.markdown(cell) for cell in row[1:]))) + " |"
                for row in rows
            ]
            lines += [""]
        page = "\n".join(lines).rstrip() + "\n"
        if len(page.encode()) <= limit_bytes:
            return page
    return escaping.cut_bytes(lines[0], limit_bytes)


def page(content: Mapping[str, Any]) -> str:
    """Return the report as one HTML page, which prints on A4."""
    template = html.environment().get_template("release.html.j2")
    sections = [(title, _head(content, title), rows) for title, rows in _sections(content)]
    return template.render(headline=headline(content), overall=_overall(content), sections=sections, content=content)


def _sections(content: Mapping[str, Any], listed: int = _LISTED) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Return the tables that have rows: what got slower, what got faster, and the budgets."""
    series: Sequence[Mapping[str, Any]] = content["series"]
    sections = []
    for word in ("slower", "faster"):
        rows = [_moved(entry) for entry in series if entry["change"] == word]
        sections.append((word.capitalize(), rows[:listed]))
    budgets = sorted((entry for entry in series if entry["budget"]), key=lambda entry: -entry["budget"]["used"])
    sections.append(("Budgets", [_budget(entry) for entry in budgets[:listed]]))
    return [(title, rows) for title, rows in sections if rows]


def _head(content: Mapping[str, Any], title: str) -> tuple[str, ...]:
    """Return the titles of a table's columns."""
    if title == "Budgets":
        return ("series", "level", "budget", "used", "")
    before, *earlier = (f"against {step['release']}" for step in content["against"])
    return ("series", "level", before, *earlier, "commits", "newest reports")


def _moved(entry: Mapping[str, Any]) -> tuple[str, ...]:
    first, *earlier = entry["against"]
    interval = numbers.interval(first["ratio_low"], first["ratio_high"], like=first["ratio"])
    return (
        _name(entry),
        numbers.transition(first["level"], entry["level"], entry["unit"]),
        f"{numbers.change(first['ratio'])} ({interval})",
        *(numbers.change(step.get("ratio")) for step in earlier),
        _commits(first),
        chart.sparkline(entry["recent"]),
    )


def _commits(step: Mapping[str, Any]) -> str:
    """Return the commits that changed the level, with their authors and shares, the largest first."""
    changes = sorted(step["changes"], key=lambda change: -abs(change["ratio"] - 1))
    words = [
        " ".join(
            filter(None, ((change["commit"] or "unknown")[:_SHORT], change["author"], numbers.percent(change["ratio"])))
        )
        for change in changes[:_COMMITS]
    ]
    if len(changes) > _COMMITS:
        words.append(f"{len(changes) - _COMMITS} more")
    return ", ".join(words) or "no single commit: slow drift"


def _budget(entry: Mapping[str, Any]) -> tuple[str, ...]:
    budget = entry["budget"]
    used = budget["used"]
    state = "over" if used > _OVER else "near" if used > _NEAR else "kept"
    limit = numbers.quantity(budget["limit"], entry["unit"])
    return (_name(entry), numbers.quantity(entry["level"], entry["unit"]), limit, f"{100 * used:.0f} %", state)


def _overall(content: Mapping[str, Any]) -> str:
    """Return the mean over all series against each earlier release."""
    parts = [
        f"{numbers.percent(step['geomean_ratio'])} against {step['release']} ({step['series']} series)"
        for step in content["against"]
        if step["geomean_ratio"] is not None
    ]
    return f"Geometric mean of all series, + is worse: {', '.join(parts)}." if parts else ""


def _name(entry: Mapping[str, Any]) -> str:
    return entry["name"] if entry["metric"] in {"value", "time"} else f"{entry['name']} · {entry['metric']}"
