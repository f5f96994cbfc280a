"""Trends in words: what degrades first, the stable ones folded into a count.

The input is the object of `trend --json`, so a page can be made from a file as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.model import escaping
from regress_action.report.numbers import count, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.model.comparisons import Judgement

LIMIT_BYTES = 65_000
_ORDER = ("degrading", "step", "improving", "unknown", "stable")
_WORDS = {
    "degrading": "degrades",
    "step": "stepped",
    "improving": "improves",
    "unknown": "too few runs",
    "stable": "stable",
}
_SHORT = 8
_CREEP = 1.03
_CREPT = 10
_ALERTED = 50


def headline(content: Mapping[str, Any]) -> str:
    """Return the first line: what moves, or that nothing does."""
    series = content["series"]
    tally = {word: sum(one["direction"] == word for one in series) for word in _ORDER}
    moving = [f"{tally[word]} {_WORDS[word]}" for word in ("degrading", "step", "improving") if tally[word]]
    worse = f"{alerts} worse for good. " if (alerts := len(content.get("alerts", ()))) else ""
    if not moving:
        return f"{worse}Nothing moves in {count(len(series), 'series', 'series')}."
    return f"{worse}Of {count(len(series), 'series', 'series')}: {', '.join(moving)}."


def alerts(judgement: Judgement) -> list[dict[str, Any]]:
    """Return what of a judgement over histories is worse for good, worst first, for the object of `trend --json`."""
    return [
        {
            "name": row.benchmark.name,
            "metric": row.metric.name,
            "severity": row.severity.value,
            "ratio": row.ratio,
            "threshold": row.threshold,
            "reason": row.reason,
        }
        for row in judgement.comparisons
        if row.alarms
    ]


def text(content: Mapping[str, Any]) -> str:
    """Return the page for a terminal or a log."""
    lines = [headline(content), ""]
    lines += [
        f"{one['severity'].upper()}  {escaping.plain(_name(one))}  {escaping.plain(one['reason'])}"
        for one in _alerts(content)
    ]
    for one in _moving(content["series"]):
        lines.append(f"{_WORDS[one['direction']]:<9} {escaping.plain(_name(one))}  {_evidence(one)}")
        lines += [f"          {escaping.plain(_change(point))}" for point in one["change_points"]]
    lines += ["", _rest(content["series"]), *(f"  {escaping.plain(line)}" for line in _creep(content))]
    return "\n".join(lines).rstrip() + "\n"


def markdown(content: Mapping[str, Any], *, limit_bytes: int = LIMIT_BYTES) -> str:
    """Return the page in GitHub Markdown, in at most `limit_bytes` bytes, what degrades first."""
    rows = [
        f"| {_WORDS[one['direction']]} | {escaping.code_span(_name(one))} | {_evidence(one)} "
        f"| {'<br>'.join(escaping.markdown(_change(point)) for point in one['change_points'][-3:])} |"
        for one in _moving(content["series"])
    ]
    head = [f"## {headline(content)}", "", *_warnings(content)]
    table = ["| | series | drift | changes of level |", "|---|---|---|---|"] if rows else []
    crept = ["", *(f"* {escaping.markdown(line)}" for line in _creep(content))]
    for kept in range(len(rows), -1, -1):
        left_out = [f"{len(rows) - kept} more are in the JSON."] if kept < len(rows) else []
        page = "\n".join([*head, *table, *rows[:kept], "", *left_out, _rest(content["series"]), *crept]) + "\n"
        if len(page.encode()) <= limit_bytes:
            return page
    return escaping.cut_bytes(head[0], limit_bytes)


def _alerts(content: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    alerts: Sequence[Mapping[str, Any]] = content.get("alerts", ())
    return alerts[:_ALERTED]


def _warnings(content: Mapping[str, Any]) -> list[str]:
    """Return what is worse for good as a table of its own."""
    rows = [
        f"| **{one['severity']}** | {escaping.code_span(_name(one))} | {escaping.markdown(one['reason'])} |"
        for one in _alerts(content)
    ]
    more = len(content.get("alerts", ())) - len(rows)
    left_out = ["", f"{more} more are in the JSON."] if more else []
    return ["| | worse for good | why |", "|---|---|---|", *rows, *left_out, ""] if rows else []


def _moving(series: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield what moves or has moved, worst first."""
    shown = [one for one in series if one["direction"] in _ORDER[:3] or one["change_points"]]
    yield from sorted(shown, key=lambda one: (_ORDER.index(one["direction"]), -abs(one["drift"] or 0)))


def _name(one: Mapping[str, Any]) -> str:
    metric = one.get("metric", "value")
    return one["name"] if metric in {"value", "time"} else f"{one['name']} · {metric}"


def _evidence(one: Mapping[str, Any]) -> str:
    if one["drift"] is None:
        return f"{count(one['points'], 'run')}"
    drift = percent(1 + one["drift"])
    return f"{drift} over the last runs, p = {one['p_value']:.2g}, {count(one['points'], 'run')} in all"


def _change(point: Mapping[str, Any]) -> str:
    where = (point["commit"] or f"run {point['index'] + 1}")[: _SHORT if point["commit"] else None]
    size = percent(point["ratio"]) if point["ratio"] is not None else f"by {point['difference']:.3g}"
    young = "" if point["settled"] else " (too new to be sure)"
    when = f", {point['time'][:10]}" if point["time"] else ""
    return f"{size} since {where}{when}{young}"


def _creep(content: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each of the few series that crept most, worst first, with the commits that did it."""
    lines = []
    for book in content.get("creep", ()):
        since, account = next(
            (
                (word, book[key])
                for word, key in (("the release", "since_release"), ("its best level", "since_best"))
                if book[key]
            ),
            ("", None),
        )
        if account is None or account["ratio_low"] <= 1 or account["ratio"] < _CREEP:
            continue
        parts = [
            f"{(change['commit'] or 'unknown')[:_SHORT]} {percent(change['ratio'])}" for change in account["changes"]
        ]
        parts += [f"unexplained {percent(account['unexplained'])}"] if parts else []
        start = (account["commit"] or "unknown")[:_SHORT]
        spent = f": {', '.join(parts)}" if parts else ""
        lines.append(f"{_name(book)} crept {percent(account['ratio'])} since {since} ({start}){spent}")
    return lines[:_CREPT]


def _rest(series: Sequence[Mapping[str, Any]]) -> str:
    stable = sum(one["direction"] == "stable" and not one["change_points"] for one in series)
    unknown = sum(one["direction"] == "unknown" and not one["change_points"] for one in series)
    parts = [f"{stable} stable"] if stable else []
    parts += [f"{unknown} with too few runs to tell"] if unknown else []
    return f"{', '.join(parts)}." if parts else ""
