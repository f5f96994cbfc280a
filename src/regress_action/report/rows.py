"""Rows of comparisons for a console: aligned numbers, intervals drawn where there is room, the reason below.

Laid out here rather than by a table widget, since a name or a reason takes a line of its own across all columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from regress_action.model.comparisons import Severity
from regress_action.model.escaping import NAME_LIMIT, plain, shorten
from regress_action.report import numbers, phrases, reasons
from regress_action.report.chart import Axis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.model.comparisons import Comparison
    from regress_action.report.page import Page

MOST_ROWS = 25
_WIDE = 108
_BAR_CELLS = 26
_NARROWEST_NAME = 16
_Cells = tuple[str, str, str]
_LEGEND = "│ no change  ┊ threshold"
_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.MODERATE: "red",
    Severity.MINOR: "yellow",
    Severity.SLIGHT: "dim",
    Severity.NONE: "",
}


@dataclass(frozen=True, slots=True)
class _Layout:
    """The widths of one table's columns in cells; `axis` is None where there is no room for bars."""

    grade: int
    name: int
    moved: int
    change: int
    interval: int
    axis: Axis | None

    @property
    def before_bar(self) -> int:
        """The columns left of the bars."""
        interval = self.interval + 2 if self.interval else 0
        return 2 + self.grade + self.name + self.moved + self.change + 4 + interval


def table(page: Page, title: str, rows: Sequence[Comparison], *, why: bool = True) -> None:
    """Print a table of at most 25 rows (all when verbose); `why` adds the evidence below each of them."""
    if not rows:
        return
    shown = rows if page.verbose else rows[:MOST_ROWS]
    axis = Axis.over(shown, _BAR_CELLS) if page.width >= _WIDE and any(row.ratio is not None for row in shown) else None
    cells = [_cells(row, with_interval=axis is not None or not why) for row in shown]
    names = [phrases.as_text(phrases.subject(row), NAME_LIMIT).removeprefix(page.left_out) for row in shown]
    layout = _layout(page, shown, cells, names if why or page.verbose else [], axis)
    if not (why or page.verbose):
        layout = replace(layout, name=min(layout.name, max(cell_len(name) for name in names)))
        names = [shorten(name, layout.name) for name in names]
    legend = axis and len(title) <= layout.before_bar
    page.section(f"{title:<{layout.before_bar}}  {_LEGEND}" if legend else title)
    for row, name, cell in zip(shown, names, cells, strict=True):
        _row(page, layout, row, name, cell)
        if why:
            page.sentence(_evidence(row), "dim", indent=2 + layout.grade if layout.grade else 4)
    if any(phrases.medians_disagree(row) for row in shown):
        page.sentence(phrases.MEDIANS_DISAGREE, "dim", indent=2)
    _rest(page, rows)


def listing(page: Page, title: str, rows: Sequence[Comparison], describe: Callable[[Comparison], str]) -> None:
    """Print one sentence a row, for at most 25 rows (all when verbose)."""
    if not rows:
        return
    page.section(title)
    for row in rows if page.verbose else rows[:MOST_ROWS]:
        page.sentence(describe(row), indent=2)
    _rest(page, rows)


def _layout(
    page: Page, rows: Sequence[Comparison], cells: Sequence[_Cells], names: Sequence[str], axis: Axis | None
) -> _Layout:
    """Give the numbers what they need and the names the rest; of the `names` only those that fit count."""
    moved, change, interval = (max(cell_len(words) for words in column) for column in zip(*cells, strict=True))
    grade = max((len(grade) + 2 for row in rows if (grade := phrases.grade(row))), default=0)
    bare = _Layout(grade, 0, moved, change, interval, axis)
    available = max(_NARROWEST_NAME, page.width - bare.before_bar - (_BAR_CELLS + 2 if axis else 0) - 1)
    if not names:
        return replace(bare, name=available)
    return replace(bare, name=max((width for name in names if (width := cell_len(name)) <= available), default=0))


def _row(page: Page, layout: _Layout, row: Comparison, name: str, cells: _Cells) -> None:
    """Print one row; a name that is too long for its column gets a line of its own."""
    style = _STYLES[row.severity]
    grade = f"  {phrases.grade(row):<{layout.grade}}"
    if cell_len(name) > layout.name:
        full_name = name if page.verbose else shorten(name, page.width - len(grade) - 1)
        page.line((grade, style), (full_name, "bold"))
        grade, name = " " * len(grade), ""
    moved, change, interval = cells
    page.line(
        (grade, style),
        (_left(name, layout.name), "bold"),
        (f"{'  ' if layout.name else ''}{_right(moved, layout.moved)}", ""),
        (f"  {_right(change, layout.change)}", style),
        (f"  {_left(interval, layout.interval)}" if layout.interval else "", "dim"),
        (f"  {layout.axis.bar(row)}" if layout.axis else "", "cyan"),
    )


def _evidence(row: Comparison) -> str:
    """Return the reason, which holds interval and certainty, and what the row was held against."""
    parts = [f"Threshold {numbers.change(row.threshold)}"]
    if row.benchmark.service:
        parts.append(f"service {plain(row.benchmark.service, phrases.NAME_LIMIT)}")
    if row.confirmed is not None:
        parts.append("confirmed by a second measurement" if row.confirmed else "only suspected")
    return f"{plain(reasons.sentence(row))} {', '.join(parts)}."


def _left(words: str, width: int) -> str:
    return words + " " * (width - cell_len(words))


def _right(words: str, width: int) -> str:
    return " " * (width - cell_len(words)) + words


def _cells(row: Comparison, *, with_interval: bool) -> _Cells:
    moved = phrases.moved(row)
    if row.ratio is None:
        return moved, phrases.difference(row), ""
    interval = numbers.interval(row.ratio_low, row.ratio_high, like=row.ratio) if with_interval else ""
    return moved, numbers.change(row.ratio), interval


def _rest(page: Page, rows: Sequence[Comparison]) -> None:
    if not page.verbose and len(rows) > MOST_ROWS:
        page.line((f"  … and {len(rows) - MOST_ROWS} more (--verbose shows all)", "dim"))
