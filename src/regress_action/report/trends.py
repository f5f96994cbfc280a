"""Trends in words: what degrades first, the stable ones folded into a count.

The input is the object of `trend --json`, so a page can be made from a file as well.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from regress_action.model import escaping
from regress_action.report import chart, html, line_chart, phrases, reasons
from regress_action.report.numbers import count, in_one_unit, p_value, percent, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup

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
_MOST_CHANGES = 3
_SPEEDS = frozenset({"s", "1/s", "B/s"})
_ALERTED = 50
_CHARTED = 3
_DRAWN = 50


FEWEST = 10
"""Records of a series that a trend needs: `analysis.trend.FEWEST`, which this package may not import."""


def headline(content: Mapping[str, Any]) -> str:
    """Return the first line: what moves, or that nothing does any more, and how many series are too short to tell."""
    series = content["series"]
    tally = {word: sum(entry["direction"] == word for entry in series) for word in _ORDER}
    moving = [
        f"{tally[word]} {singular if tally[word] == 1 else plural}"
        for word, singular, plural in (
            ("degrading", "degrades", "degrade"),
            ("step", "stepped", "stepped"),
            ("improving", "improves", "improve"),
        )
        if tally[word]
    ]
    worse = f"{alerts} worse for good. " if (alerts := len(content.get("alerts", ()))) else ""
    before = sum(map(_stays_after_a_step, series))
    stay = "stays" if before == 1 else "stay"
    if moving:
        stepped = f"; {before} more stepped before and {stay} there" if before else ""
        return f"{worse}Of {count(len(series), 'series', 'series')}: {', '.join(moving)}{stepped}."
    followed = len(series) - tally["unknown"]
    if not followed:
        short = count(len(series), "series has", "series have")
        return f"{worse}Nothing to tell yet: {short} too few records; each needs {FEWEST}."
    few = (
        f"; {tally['unknown']} more {'has' if tally['unknown'] == 1 else 'have'} too few runs"
        if tally["unknown"]
        else ""
    )
    stepped = f"; {before} of them stepped before and {stay} there" if before else ""
    return f"{worse}Nothing moves in {count(followed, 'series', 'series')}{stepped}{few}."


def _stays_after_a_step(series: Mapping[str, Any]) -> bool:
    """Whether a series stepped once and has stayed at its new level since: it is not called stable."""
    return series["direction"] == "stable" and bool(series["change_points"])


def _word(series: Mapping[str, Any]) -> str:
    return _WORDS["step"] if _stays_after_a_step(series) else _WORDS[series["direction"]]


def alerts(judgement: Judgement) -> list[dict[str, Any]]:
    """Return what of a judgement over histories is worse for good, worst first, for the object of `trend --json`."""
    return [
        {
            "name": row.benchmark.name,
            "metric": row.metric.name,
            "severity": row.severity.value,
            "ratio": row.ratio,
            "threshold": row.threshold,
            "reason": reasons.sentence(row),
        }
        for row in judgement.comparisons
        if row.alarms
    ]


def text(content: Mapping[str, Any]) -> str:
    """Return the page for a terminal or a log."""
    lines = [headline(content), ""]
    lines += [
        f"{alert['severity'].upper()}  {escaping.plain(_name(alert))}  {escaping.plain(alert['reason'])}"
        for alert in _alerts(content)
    ]
    names = _Names(content["series"])
    for series in _moving(content["series"]):
        lines.append(f"{_word(series):<9} {escaping.plain(names.of(series))}  {_evidence(series)}")
        lines += [f"          {escaping.plain(words)}" for words in _changes(series)]
        lines += [f"          {words}" for words in [_recent(series)] if words]
    lines += ["", _rest(content["series"]), *(f"  {escaping.plain(line)}" for line in _creep(content))]
    return "\n".join(lines).rstrip() + "\n"


def markdown(content: Mapping[str, Any], *, limit_bytes: int = LIMIT_BYTES) -> str:
    """Return the page in GitHub Markdown, in at most `limit_bytes` bytes, what degrades first."""
    names = _Names(content["series"])
    rows = [
        f"| {_word(series)} | {escaping.code_span(names.of(series))} | {_evidence(series)} "
        f"| {'<br>'.join(map(escaping.markdown, _changes(series)))} | {chart.sparkline(series.get('recent', ()))} |"
        for series in _moving(content["series"])
    ]
    head = [f"## {headline(content)}", "", *_alert_table(content)]
    table = ["| | series | last runs | changes of level | reports |", "|---|---|---|---|---|"] if rows else []
    crept = ["", *(f"* {escaping.markdown(line)}" for line in _creep(content))]
    for kept in range(len(rows), -1, -1):
        left_out = [f"{len(rows) - kept} more are in the JSON."] if kept < len(rows) else []
        mermaid = _mermaid(content["series"], names) if kept == len(rows) else []
        parts = [*head, *table, *rows[:kept], "", *left_out, _rest(content["series"]), *crept, *mermaid]
        page = "\n".join(parts) + "\n"
        if len(page.encode()) <= limit_bytes:
            return page
    return escaping.cut_bytes(head[0], limit_bytes)


def page(content: Mapping[str, Any]) -> str:
    """Return the page as HTML that needs nothing else, with a chart of each series that moves."""
    names = _Names(content["series"])
    series = [
        {
            "words": _word(entry),
            "name": names.of(entry),
            "evidence": _evidence(entry),
            "changes": _changes(entry),
            "chart": svg_chart(entry, names.of(entry)),
        }
        for entry in list(_moving(content["series"]))[:_DRAWN]
    ]
    alerts = [{**alert, "name": _name(alert)} for alert in _alerts(content)]
    template = html.environment().get_template("trend.html.j2")
    return template.render(
        headline=headline(content),
        rest=_rest(content["series"]),
        alerts=alerts,
        series=series,
        creep=_creep(content),
    )


def svg_charts(content: Mapping[str, Any], *, every: bool = False) -> dict[str, str]:
    """Return a chart of each series that moves (with `every`, of each series) as SVG by a file name, worst first."""
    names = _Names(content["series"])
    moving = list(content["series"] if every else _moving(content["series"]))[:_DRAWN]
    return {
        f"{number:02}-{_file_name(_name(entry))}.svg": str(svg_chart(entry, names.of(entry)))
        for number, entry in enumerate(moving, start=1)
        if entry.get("recent")
    }


def svg_chart(series: Mapping[str, Any], title: str) -> Markup:
    """Return the newest values of a series with its changes of level as SVG."""
    values = series.get("recent", ())
    first = series["points"] - len(values)
    marks = [
        line_chart.Mark(
            point["index"] - first,
            percent(point["ratio"]) if point["ratio"] is not None else "",
        )
        for point in series["change_points"]
        if point["index"] >= first
    ]
    return line_chart.render(
        title, values, series.get("unit") or "", marks=marks, ends=(f"report {first + 1}", f"report {series['points']}")
    )


def terminal_charts(content: Mapping[str, Any]) -> str:
    """Return a chart for a terminal of every series."""
    names = _Names(content["series"])
    parts = []
    for series in content["series"]:
        unit = series.get("unit") or ""
        drawn = chart.lines(series.get("recent", ()), lambda value, unit=unit: quantity(value, unit))  # type: ignore[misc]
        parts += [escaping.plain(names.of(series)), *drawn, ""]
    return "\n".join(parts)


def _recent(series: Mapping[str, Any]) -> str:
    """Return the newest values as a line of blocks, with the ends of its scale."""
    values = [value for value in series.get("recent", ()) if value == value]  # noqa: PLR0124 - NaN
    if not values:
        return ""
    low, high = (quantity(end, series.get("unit") or "") for end in (min(values), max(values)))
    return f"{chart.sparkline(values)}  {low} to {high}"


def _mermaid(series: Sequence[Mapping[str, Any]], names: _Names) -> list[str]:
    """Return the series that move most as charts that GitHub draws."""
    blocks: list[str] = []
    for entry in list(_moving(series))[:_CHARTED]:
        scaled, unit = in_one_unit(entry.get("recent", ()), entry.get("unit") or "")
        drawn = chart.mermaid(names.of(entry), unit, scaled)
        if drawn:
            blocks += ["", f"```mermaid\n{drawn}\n```"]
    return blocks


def _file_name(text: str) -> str:
    """Return a text as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "series"


def _alerts(content: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    alerts: Sequence[Mapping[str, Any]] = content.get("alerts", ())
    return alerts[:_ALERTED]


def _alert_table(content: Mapping[str, Any]) -> list[str]:
    """Return what is worse for good as a table of its own."""
    rows = [
        f"| **{alert['severity']}** | {escaping.code_span(_name(alert))} | {escaping.markdown(alert['reason'])} |"
        for alert in _alerts(content)
    ]
    more = len(content.get("alerts", ())) - len(rows)
    left_out = ["", f"{more} more are in the JSON."] if more else []
    return ["| | worse for good | why |", "|---|---|---|", *rows, *left_out, ""] if rows else []


def _moving(series: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield what moves or has moved, worst first."""
    shown = [entry for entry in series if entry["direction"] in _ORDER[:3] or entry["change_points"]]
    yield from sorted(shown, key=lambda entry: (_ORDER.index(entry["direction"]), -abs(entry["drift"] or 0)))


def _name(series: Mapping[str, Any]) -> str:
    metric = series.get("metric", "value")
    return series["name"] if metric in {"value", "time"} else f"{series['name']} · {metric}"


class _Names:
    """The names of series; where two share one, their suite and environment tell them apart."""

    def __init__(self, series: Sequence[Mapping[str, Any]]) -> None:
        names = Counter(map(_name, series))
        self._shared = {name for name, uses in names.items() if uses > 1}
        self._suites = len({entry.get("suite") for entry in series}) > 1

    def of(self, series: Mapping[str, Any]) -> str:
        """Return the name of one series."""
        name = _name(series)
        if name not in self._shared:
            return name
        suite = f"suite {series.get('suite') or 'unknown'}, " if self._suites else ""
        return f"{name} ({suite}environment {series.get('environment') or 'unknown'})"


def _evidence(series: Mapping[str, Any]) -> str:
    """Return how far the last runs moved; the p-value belongs to a steady trend and to nothing else."""
    runs = count(series["points"], "run")
    if series["drift"] is None:
        return runs
    moved = _compared(1 + series["drift"], series)
    if series["direction"] == "step":
        return f"{moved} in one step, {runs} in all"
    sure = f", {p_value(series['p_value'])}" if series["direction"] in {"degrading", "improving"} else ""
    return f"{moved} over the last runs{sure}, {runs} in all"


def _compared(ratio: float, series: Mapping[str, Any]) -> str:
    """Return a badness ratio in the words of the series' unit; `no change` where it rounds to none."""
    if percent(ratio) == "±0 %":
        return "no change"
    return phrases.compared(ratio, *(("slower", "faster") if series.get("unit") in _SPEEDS else ("worse", "better")))


def _changes(series: Mapping[str, Any]) -> list[str]:
    """Return the newest changes of level, the newest last, and how many came before them."""
    points = series["change_points"]
    earlier = len(points) - _MOST_CHANGES
    counted = [f"{count(earlier, 'earlier change')} of level"] if earlier > 0 else []
    return [*counted, *(_change(point, series) for point in points[-_MOST_CHANGES:])]


def _change(point: Mapping[str, Any], series: Mapping[str, Any]) -> str:
    where = (point["commit"] or f"run {point['index'] + 1}")[: _SHORT if point["commit"] else None]
    sign = "+" if point["ratio"] is None and point["difference"] > 0 else ""
    difference = f"{sign}{quantity(point['difference'], series.get('unit') or '')}" if point["ratio"] is None else ""
    size = _compared(point["ratio"], series) if point["ratio"] is not None else difference
    unclear = "" if point.get("clear", True) else " (may be noise)"
    young = unclear if point["settled"] else " (too new to be sure)"
    when = f", {point['time'][:10]}" if point["time"] else ""
    return f"{size} since {where}{when}{young}"


def _creep(content: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each of the few series that crept most, worst first, with the commits that did it."""
    lines = []
    for drift in content.get("creep", ()):
        since, start = next(
            (
                (word, drift[key])
                for word, key in (("the release", "since_release"), ("its best level", "since_best"))
                if drift[key]
            ),
            ("", None),
        )
        if start is None or start["ratio_low"] <= 1 or start["ratio"] < _CREEP:
            continue
        parts = [f"{(step['commit'] or 'unknown')[:_SHORT]} {percent(step['ratio'])}" for step in start["changes"]]
        parts += [f"unexplained {percent(start['unexplained'])}"] if parts else []
        commit = (start["commit"] or "unknown")[:_SHORT]
        steps = f": {', '.join(parts)}" if parts else ""
        lines.append(f"{_name(drift)} crept {percent(start['ratio'])} since {since} ({commit}){steps}")
    return lines[:_CREPT]


def _rest(series: Sequence[Mapping[str, Any]]) -> str:
    stable = sum(entry["direction"] == "stable" and not entry["change_points"] for entry in series)
    unknown = sum(entry["direction"] == "unknown" and not entry["change_points"] for entry in series)
    if unknown == len(series):
        return ""  # the headline says so
    parts = [f"{stable} stable"] if stable else []
    parts += [f"{unknown} with too few runs to tell"] if unknown else []
    return f"{', '.join(parts)}." if parts else ""
