"""A judgement in a terminal or a CI log: the verdict first, then the rows that matter, the rest as counts.

Words carry every meaning, colours only repeat it. Lines are laid out here rather than by a table widget, since a row
has a second line across all columns.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from regress_action.escape import NAME_LIMIT, plain, shorten
from regress_action.report import numbers, text
from regress_action.report.chart import Axis
from regress_action.report.findings import Findings, rows_are
from regress_action.report.numbers import count
from regress_action.verdicts import BudgetState, Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from regress_action.verdicts import Comparison, Judgement

_HELD_TOGETHER = re.compile(r"\d %|q [<=] \d")
_ROWS = 25
_NAMED = 8
_EXPLAINED = 3
_WIDE = 108
_BAR_CELLS = 26
_NARROWEST_NAME = 16
LEGEND = "│ no change  ┊ threshold"
_ASCII = str.maketrans(
    {"→": "->", "×": "x", "−": "-", "…": "~", "–": "-", "±": "+-", "µ": "u", "·": "-", "∷": ": :", "∞": "inf"}
    | dict(zip("├┤●─│┊", "[]o-|:", strict=True))
)
_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.MODERATE: "red",
    Severity.MINOR: "yellow",
    Severity.SLIGHT: "dim",
    Severity.NONE: "",
}
_HEADLINES = {
    Outcome.PASS: "bold green",
    Outcome.WARN: "bold yellow",
    Outcome.FAIL: "bold red",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.INCOMPLETE: "bold red",
}


@dataclass(frozen=True, slots=True)
class _Page:
    """Where lines go: no markup is parsed, no line is wider than the console, none starts a workflow command."""

    console: Console
    verbose: bool

    @property
    def width(self) -> int:
        return max(40, self.console.width)

    def line(self, *parts: tuple[str, str]) -> None:
        if self.console.options.ascii_only:
            parts = tuple((part.translate(_ASCII), style) for part, style in parts)
        line = Text.assemble(*parts, no_wrap=True, end="")
        line.rstrip()
        self.console.print(line, soft_wrap=True)

    def sentence(self, words: str, style: str = "", indent: int = 0) -> None:
        margin = " " * indent
        words = _HELD_TOGETHER.sub(lambda match: match[0].replace(" ", "\xa0"), words)
        for wrapped in textwrap.wrap(
            words, self.width - 1, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
        ):
            start = wrapped.replace("\xa0", " ").lstrip()
            self.line((f"{margin}{'∷' + start[2:] if start.startswith('::') else start}", style))

    def section(self, title: str) -> None:
        self.line()
        self.line((title, "bold"))


def show(judgement: Judgement, console: Console, *, verbose: bool = False) -> None:
    """Print the judgement; `verbose` adds the unchanged rows and writes every name in full."""
    page = _Page(console, verbose)
    found = Findings.of(judgement)
    page.sentence(text.headline(judgement), _HEADLINES[judgement.summary.verdict])
    page.sentence(text.against(judgement), "dim")
    if machine := text.environments(judgement):
        page.sentence(machine, "dim")
    if (moved := text.shift(judgement)) and not judgement.notes:
        page.sentence(moved, "yellow")
    for note in judgement.notes:
        page.sentence(f"Note: {plain(note)}", "yellow" if moved else "")

    def because(row: Comparison) -> str:
        return f"{_name(page, row)}: {plain(row.reason)}"

    _rows(page, "Regressions", found.regressions)
    _lines(
        page,
        "Over budget",
        found.over_budget,
        lambda row: text.spoken(text.budget(row), _name_limit(page)) + _beyond(row),
    )
    _lines(page, "Failed", found.failed, because)
    _lines(page, "Missing from the head", found.missing, because)
    unclear = "Inconclusive: too noisy to tell; more runs or a quieter machine would"
    _rows(page, unclear, found.inconclusive, why=verbose or len(found.inconclusive) <= _EXPLAINED)
    _lines(page, "Baseline not stable", found.unstable, because)
    _lines(page, "Not comparable", found.incomparable, because)
    slight = "Worse without alarm: below the threshold, or waived"
    _rows(page, slight, found.slight, why=verbose or len(found.slight) <= _EXPLAINED)
    _rows(page, "Improvements", found.improvements, why=verbose)
    if verbose:
        _rows(page, "Unchanged", found.unchanged, why=False)
    _close(page, judgement, found)


def _name_limit(page: _Page) -> int:
    return NAME_LIMIT if page.verbose else text.NAME_LIMIT


def _close(page: _Page, judgement: Judgement, found: Findings) -> None:
    if found.new or found.unchanged:
        page.line()
    if found.new:
        page.sentence(f"New, nothing to compare with: {_listed(page, found.new)}", "cyan")
    if found.unchanged:
        said = text.headline_parts(judgement) != text.verdict_parts(judgement)
        seen = "" if said else text.spoken(text.visible(judgement))
        page.sentence(f"{count(len(found.unchanged), rows_are(judgement))} unchanged. {seen}", "green")


def _listed(page: _Page, rows: Sequence[Comparison]) -> str:
    shown = rows if page.verbose else rows[:_NAMED]
    more = f" and {len(rows) - len(shown)} more" if len(shown) < len(rows) else ""
    return ", ".join(_name(page, row) for row in shown) + more


def _name(page: _Page, row: Comparison) -> str:
    return text.spoken(text.subject(row), _name_limit(page))


def _evidence(row: Comparison) -> str:
    """Return the judge's reason, which holds interval and certainty, and what the row was held against."""
    parts = [f"Threshold {numbers.change(row.threshold)}"]
    if row.benchmark.service:
        parts.append(f"service {plain(row.benchmark.service, text.NAME_LIMIT)}")
    if row.confirmed is not None:
        parts.append("confirmed by a second measurement" if row.confirmed else "not confirmed")
    return f"{plain(row.reason)} {', '.join(parts)}."


def _beyond(row: Comparison) -> str:
    limit = row.budget
    if limit is None or limit.state is not BudgetState.OVER:
        return ""
    unit = row.metric.unit
    return f" (interval {numbers.quantity(limit.low, unit)} to {numbers.quantity(limit.high, unit)})"


def _lines(page: _Page, title: str, rows: Sequence[Comparison], say: Callable[[Comparison], str]) -> None:
    if not rows:
        return
    page.section(title)
    for row in rows if page.verbose else rows[:_ROWS]:
        page.sentence(say(row), indent=2)
    _rest(page, rows)


def _rows(page: _Page, title: str, rows: Sequence[Comparison], *, why: bool = True) -> None:
    """Print a table of at most 25 rows (all when verbose); `why` adds the evidence below each of them."""
    if not rows:
        return
    shown = rows if page.verbose else rows[:_ROWS]
    axis = Axis.over(shown, _BAR_CELLS) if page.width >= _WIDE and any(row.ratio is not None for row in shown) else None
    table = [_cells(row, with_interval=axis is not None or not why) for row in shown]
    widths = [max(cell_len(cells[column]) for cells in table) for column in range(3)]
    grade = max((len(row.severity) + 2 for row in shown if row.severity is not Severity.NONE), default=0)
    taken = 2 + grade + sum(width + 2 for width in widths if width) + (2 + _BAR_CELLS if axis else 0) + 1
    room = max(_NARROWEST_NAME, page.width - taken)
    names = [text.spoken(text.subject(row), NAME_LIMIT) for row in shown]
    if not (why or page.verbose):
        names = [shorten(name, room) for name in names]
    column = max((cell_len(name) for name in names if cell_len(name) <= room), default=0)
    page.line()
    page.line(
        (f"{title:<{column + taken - _BAR_CELLS - 1}}" if axis else title, "bold"), (LEGEND if axis else "", "dim")
    )
    for row, name, (moved, change, interval) in zip(shown, names, table, strict=True):
        style = _STYLES[row.severity]
        graded = f"  {row.severity if row.severity is not Severity.NONE else '':<{grade}}"
        if cell_len(name) > column:
            whole = name if page.verbose else shorten(name, page.width - len(graded) - 1)
            page.line((graded, style), (whole, "bold"))
            graded, name = " " * len(graded), ""  # noqa: PLW2901 - the name has a line of its own
        page.line(
            (graded, style),
            (_left(name, column), "bold"),
            (f"{'  ' if column else ''}{_right(moved, widths[0])}", ""),
            (f"  {_right(change, widths[1])}", style),
            (f"  {_left(interval, widths[2])}" if widths[2] else "", "dim"),
            (f"  {axis.bar(row)}" if axis else "", "cyan"),
        )
        if why:
            page.sentence(_evidence(row), "dim", indent=2 + grade if grade else 4)
    _rest(page, rows)


def _left(words: str, width: int) -> str:
    return words + " " * (width - cell_len(words))


def _right(words: str, width: int) -> str:
    return " " * (width - cell_len(words)) + words


def _cells(row: Comparison, *, with_interval: bool) -> tuple[str, str, str]:
    moved = text.moved(row)
    if row.ratio is None:
        return moved, text.difference(row), ""
    interval = numbers.interval(row.ratio_low, row.ratio_high, like=row.ratio) if with_interval else ""
    return moved, numbers.change(row.ratio), interval


def _rest(page: _Page, rows: Sequence[Comparison]) -> None:
    if not page.verbose and len(rows) > _ROWS:
        page.line((f"  … and {len(rows) - _ROWS} more (--verbose shows all)", "dim"))
