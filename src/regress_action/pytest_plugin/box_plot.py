"""The plot of `--benchmark-histogram`: a box for every benchmark of a group, as an SVG that stands alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _TOP, _ROW, _BOX, _LEFT, _RIGHT = 900, 60, 34, 16, 320, 30
_MOST_ROWS = 75
_LABEL = 48
_LINES = 5
_UNUSUAL = re.compile(r"[^\w.-]+")
_PAGE = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    ' font-family="sans-serif" font-size="12">'
    '<rect width="100%" height="100%" fill="#fff"/><text x="16" y="24" font-size="15">{title}</text>{body}</svg>\n'
)
_GRID = Markup(
    '<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="#ddd"/>'
    '<text x="{x:.1f}" y="{label}" text-anchor="middle" fill="#555">{value:,.4g}</text>'
)
_BOX_OF = Markup(
    '<g><title>{tip}</title><text x="{text}" y="{y:.1f}" dy="4" text-anchor="end">{name}</text>'
    '<line x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>'
    '<rect x="{q1:.1f}" y="{top:.1f}" width="{width:.1f}" height="{box}" fill="{colour}" fill-opacity="0.3"'
    ' stroke="{colour}"/>'
    '<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" stroke="{colour}"'
    ' stroke-width="2"/></g>'
)


def render(title: str, rows: Sequence[dict[str, Any]], unit: str, factor: float) -> Markup:
    """Return the plot of at most 75 benchmarks: quartiles, median, and whiskers to the last value that is no outlier.

    `rows` hold statistics in seconds, which `factor` turns into `unit`. Rows of saved runs are grey.
    """
    shown = rows[:_MOST_ROWS]
    least = min(row["ld15iqr"] for row in shown) * factor
    most = max(row["hd15iqr"] for row in shown) * factor
    span = (most - least) or most or 1.0
    bottom = _TOP + _ROW * len(shown)

    def place(seconds: float) -> float:
        return float(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (seconds * factor - least) / span)

    body = Markup("").join(
        _GRID.format(x=place(value / factor), top=_TOP, bottom=bottom, label=bottom + 18, value=value)
        for value in (least + span * at / _LINES for at in range(_LINES + 1))
    )
    for at, row in enumerate(shown):
        y, name = _TOP + _ROW * (at + 0.5), plain(str(row["name"]))
        numbers = ", ".join(f"{field} {row[field] * factor:,.4f}" for field in ("min", "q1", "median", "q3", "max"))
        body += _BOX_OF.format(
            tip=f"{plain(str(row['fullname']))}: {numbers} {unit}, {row['rounds']} rounds",
            name=name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…",
            text=_LEFT - 12,
            y=y,
            top=y - _BOX / 2,
            bottom=y + _BOX / 2,
            box=_BOX,
            low=place(row["ld15iqr"]),
            high=place(row["hd15iqr"]),
            q1=place(row["q1"]),
            width=place(row["q3"]) - place(row["q1"]),
            middle=place(row["median"]),
            colour="#777" if row["path"] else "#0969da",
        )
    return _PAGE.format(width=_WIDTH, height=bottom + 36, title=f"{plain(title)} (time in {unit})", body=body)


def file_name(prefix: str, group: str | None) -> str:
    """Return the path of the plot of a group: the prefix, and the name of the group in letters that a file may have."""
    return f"{prefix}-{_UNUSUAL.sub('-', group).strip('-')}.svg" if group else f"{prefix}.svg"
