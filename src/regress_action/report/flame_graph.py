"""Base and head as one flame graph on a page that needs nothing else: no network, and one script of its own."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.model import escaping
from regress_action.report import numbers
from regress_action.report.causes import as_plain, kind, paragraph, place
from regress_action.report.html import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.model.causes import Cause
    from regress_action.model.stacks import FunctionKey, StackNode

WIDTH = 1200.0
ROW = 18
MOST_BOXES = 6_000
_LEAST_WIDTH = 1.5
_LETTER = 6.6
_NO_CHANGE = 0.004


def render(cause: Cause) -> str:
    """Return the page: widths are the cost at the head, red is what got more expensive, blue what got cheaper.

    A second graph has the widths of the base, so that what the head no longer does can be seen too.
    """
    tree = cause.tree
    graphs = ""
    if tree is not None:
        for side, title in (("head", "Head"), ("base", "Base")):
            graphs += _graph(tree, cause, side, title)
    script = _file("flame_graph.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _file("flame_graph.html").format_map(
        {
            "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
            "title": escaping.html(f"{as_plain(_title(cause))}: where the {kind(cause.mode)} went"),
            "paragraph": sentence(paragraph(cause), 200),
            "culprit": _culprit(cause),
            "graphs": graphs,
            "script": script,
        }
    )


def _title(cause: Cause) -> tuple[str, ...]:
    from regress_action.report.causes import subject

    return subject(cause)


def _culprit(cause: Cause) -> str:
    if cause.culprit is None:
        return ""
    where = escaping.html(f"{cause.culprit.location.path}:{cause.culprit.location.line}")
    return f"<pre><b>{where}</b>  {escaping.html(cause.culprit.text, 300)}</pre>"


@cache
def _file(name: str) -> str:
    return (Path(__file__).with_name("templates") / name).read_text(encoding="utf-8")


def _graph(tree: StackNode, cause: Cause, side: str, title: str) -> str:
    total = tree.head if side == "head" else tree.base
    if total <= 0:
        return ""
    boxes = list(_boxes(tree, cause, side, WIDTH / total))[:MOST_BOXES]
    depth = max((row for row, _ in boxes), default=0) + 1
    height = depth * ROW
    what = f"{title}: {numbers.quantity(total, cause.unit)} of {kind(cause.mode)} a run"
    return (
        f"<h2>{escaping.html(what)}</h2>"
        f'<svg class="flames" viewBox="0 0 {WIDTH:.0f} {height}" role="img" aria-label="{escaping.html(what)}">'
        + "".join(box for _, box in boxes)
        + "</svg>"
    )


def _boxes(tree: StackNode, cause: Cause, side: str, scale: float) -> Iterator[tuple[int, str]]:
    """Yield row and SVG of every function that is wide enough to be seen, the root on top."""
    culprit = cause.culprit.function if cause.culprit else None
    waiting: list[tuple[StackNode, float, int]] = [(tree, 0.0, 0)]
    while waiting:
        node, left, row = waiting.pop()
        width = (node.head if side == "head" else node.base) * scale
        if width < _LEAST_WIDTH:
            continue
        yield row, _box(node, cause, (left, row * ROW, width), culprit)
        for child in node.children:
            waiting.append((child, left, row + 1))
            left += (child.head if side == "head" else child.base) * scale


def _box(node: StackNode, cause: Cause, box: tuple[float, float, float], culprit: FunctionKey | None) -> str:
    left, top, width = box
    difference = node.head - node.base
    sign = "+" if difference >= 0 else "−"
    tip = (
        f"{place(node.key, node.line)}: {numbers.quantity(node.base, cause.unit)} → "
        f"{numbers.quantity(node.head, cause.unit)} ({sign}{numbers.quantity(abs(difference), cause.unit)})"
    )
    mark = ' class="culprit"' if node.key == culprit else ""
    letters = int((width - 6) / _LETTER)
    name = escaping.html(escaping.shorten(escaping.plain(node.key.function, 200), letters)) if letters > 2 else ""  # noqa: PLR2004 - fewer say nothing
    return (
        f'<g{mark}><title>{escaping.html(tip)}</title><rect x="{left:.2f}" y="{top:.0f}" width="{width:.2f}" '
        f'height="{ROW - 1}" fill="{_colour(difference, cause)}"/>'
        f'<text x="{left + 3:.2f}" y="{top + ROW - 5:.0f}">{name}</text></g>'
    )


def _colour(difference: float, cause: Cause) -> str:
    """Return red for more and blue for less, the stronger the more of the whole difference it is."""
    span = max(abs(cause.total.difference), 0.02 * cause.total.base)
    part = max(-1.0, min(1.0, difference / span)) if span else 0.0
    if abs(part) < _NO_CHANGE:
        return "#e8e4da"
    strength = abs(part) ** 0.5
    weak = round(232 - 150 * strength)
    return f"#{240:02x}{weak:02x}{weak:02x}" if part > 0 else f"#{weak:02x}{weak + 10:02x}{245:02x}"
