"""A judgement in a terminal or a CI log: the verdict first, then the rows that matter, the rest as counts.

Also here: lines and tables for a console: aligned numbers, intervals drawn where they fit, the reason below.

Words carry every meaning, colours only repeat it.

Nothing is parsed as markup, and nothing starts a workflow command. Tables are laid out here rather than by a widget,
since a name or a reason takes a line of its own across all columns.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from rich.cells import cell_len
from rich.text import Text

from regress_action.model.comparisons import Outcome, Severity
from regress_action.model.escaping import NAME_LIMIT, plain, shorten
from regress_action.report import notes, numbers, phrases, reasons, text
from regress_action.report.chart import Axis
from regress_action.report.findings import Findings, moved_services, rows_are
from regress_action.report.numbers import count, quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from regress_action.model.comparisons import Comparison, Judgement, ServiceComparison
    from regress_action.report.phrases import Sentence


MOST_ROWS = 25
_WIDE = 108
_BAR_CELLS = 26
_NARROWEST_NAME = 16
_Cells = tuple[str, str, str]
_Row = TypeVar("_Row")
_LEGEND = "│ no change  ┊ threshold"
_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.MODERATE: "red",
    Severity.MINOR: "yellow",
    Severity.SLIGHT: "dim",
    Severity.NONE: "",
}
_HELD_TOGETHER = re.compile(r"\d %|q [<=] \d")
_ASCII = str.maketrans(
    {"→": "->", "×": "x", "−": "-", "…": "~", "–": "-", "±": "+-", "µ": "u", "·": "-", "∷": ": :", "∞": "inf"}
    | {"σ": "sigma", "κ": "kappa", "λ": "lambda", "²": "^2"}
    | dict(zip("├┤●─│┊", "[]o-|:", strict=True))
)


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """Where lines go, whether every name and row is shown in full, and the beginning that tables leave out of names."""

    console: Console
    verbose: bool
    left_out: str = ""

    @property
    def width(self) -> int:
        """The columns to fill."""
        return max(40, self.console.width)

    def line(self, *parts: tuple[str, str]) -> None:
        """Print one line of words with their styles."""
        if self.console.options.ascii_only:
            parts = tuple((part.translate(_ASCII), style) for part, style in parts)
        line = Text.assemble(*parts, no_wrap=True, end="")
        line.rstrip()
        self.console.print(line, soft_wrap=True)

    def sentence(self, words: str, style: str = "", indent: int = 0) -> None:
        """Print words over as many lines as they need; a number stays beside its unit."""
        margin = " " * indent
        if self.console.options.ascii_only:
            words = words.translate(_ASCII)  # before they are wrapped, since some become longer
        words = _HELD_TOGETHER.sub(lambda match: match[0].replace(" ", "\xa0"), words)
        for wrapped in textwrap.wrap(
            words, self.width - 1, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
        ):
            start = wrapped.replace("\xa0", " ").lstrip()
            self.line((f"{margin}{'∷' + start[2:] if start.startswith('::') else start}", style))

    def section(self, title: str) -> None:
        """Print a heading."""
        self.line()
        self.line((title, "bold"))

    def as_text(self, words: Sentence) -> str:
        """Join a sentence, its names in full when verbose."""
        return phrases.as_text(words, NAME_LIMIT if self.verbose else phrases.NAME_LIMIT)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The widths of one table's columns in cells; `axis` is None where bars do not fit."""

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


def table(page: ConsolePage, title: str, rows: Sequence[Comparison], *, why: bool = True) -> None:
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


def listing(page: ConsolePage, title: str, rows: Sequence[_Row], describe: Callable[[_Row], str]) -> None:
    """Print one sentence a row, for at most 25 rows (all when verbose)."""
    if not rows:
        return
    page.section(title)
    for row in rows if page.verbose else rows[:MOST_ROWS]:
        page.sentence(describe(row), indent=2)
    _rest(page, rows)


def _layout(
    page: ConsolePage, rows: Sequence[Comparison], cells: Sequence[_Cells], names: Sequence[str], axis: Axis | None
) -> _Layout:
    """Give the numbers what they need and the names the rest; of the `names` only those that fit count."""
    moved, change, interval = (max(cell_len(words) for words in column) for column in zip(*cells, strict=True))
    grade = max((len(grade) + 2 for row in rows if (grade := phrases.grade(row))), default=0)
    bare = _Layout(grade, 0, moved, change, interval, axis)
    available = max(_NARROWEST_NAME, page.width - bare.before_bar - (_BAR_CELLS + 2 if axis else 0) - 1)
    if not names:
        return replace(bare, name=available)
    return replace(bare, name=max((width for name in names if (width := cell_len(name)) <= available), default=0))


def _row(page: ConsolePage, layout: _Layout, row: Comparison, name: str, cells: _Cells) -> None:
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


def _rest(page: ConsolePage, rows: Sequence[object]) -> None:
    if not page.verbose and len(rows) > MOST_ROWS:
        page.line((f"  … and {len(rows) - MOST_ROWS} more (--verbose shows all)", "dim"))


_MOST_NAMES = 8
_MOST_REASONS = 3
_LONGEST_CAUSE = 2_000
_HEADLINES = {
    Outcome.PASS: "bold green",
    Outcome.WARN: "bold yellow",
    Outcome.FAIL: "bold red",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.INCOMPLETE: "bold red",
}


def show(judgement: Judgement, console: Console, *, verbose: bool = False, elsewhere: str | None = None) -> None:
    """Print the judgement, `verbose` with the unchanged rows and every name in full.

    `elsewhere` is the sentence that suggests another machine.
    """
    findings = Findings.of(judgement)
    in_tables = (
        findings.regressions or findings.suspected or findings.inconclusive or findings.slight or findings.improvements
    )
    left_out = phrases.common_beginning(judgement.comparisons) if in_tables and not verbose else ""
    page = ConsolePage(console, verbose, left_out)
    _header(page, judgement)
    if elsewhere:
        page.sentence(elsewhere, "yellow")

    def with_reason(row: Comparison) -> str:
        return f"{page.as_text(phrases.subject(row))}: {plain(reasons.sentence(row))}"

    worse = [*findings.regressions, *findings.suspected]
    table(page, "Regressions", findings.regressions)
    listing(page, "Causes", list({_cause(row): row for row in worse if row.cause}.values()), _cause)
    if worse:
        _resources(page, judgement)
    suspected = findings.suspected
    table(page, "Suspected regressions", suspected, why=verbose or len(suspected) <= _MOST_REASONS)
    listing(page, "Services as a whole", moved_services(judgement), lambda service: _service(page, service))
    listing(page, "Over budget", findings.over_budget, lambda row: page.as_text(phrases.budget(row)) + _beyond(row))
    listing(page, "Failed", findings.failed, with_reason)
    listing(page, "Missing from the head", findings.missing, with_reason)
    listing(page, "Skipped by the suite", findings.skipped, with_reason)
    table(
        page,
        "Inconclusive: too noisy to tell",
        findings.inconclusive,
        why=verbose or len(findings.inconclusive) <= _MOST_REASONS,
    )
    if not verbose and len(findings.inconclusive) > _MOST_REASONS:
        page.sentence(phrases.all_runs_needed(findings.inconclusive, judgement.mode), "dim", indent=2)
    listing(page, "Baseline not stable", findings.unstable, with_reason)
    listing(page, "Not comparable", findings.incomparable, with_reason)
    slight = "Worse without alarm: below the threshold, or allowed"
    table(page, slight, findings.slight, why=verbose or len(findings.slight) <= _MOST_REASONS)
    table(page, "Improvements", findings.improvements, why=verbose)
    table(page, "Unchanged", findings.unchanged if verbose else [], why=False)
    _footer(page, judgement, findings)


def _header(page: ConsolePage, judgement: Judgement) -> None:
    page.sentence(text.headline(judgement), _HEADLINES[judgement.summary.verdict])
    page.sentence(text.against(judgement), "dim")
    if page.left_out:
        page.sentence(f"Tables leave out what every name begins with: {page.left_out}", "dim")
    if machine := text.environments(judgement):
        page.sentence(machine, "dim")
    if saved := text.saved(judgement):
        page.sentence(f"{saved[0].upper()}{saved[1:]}.", "dim")
    shift = text.shift(judgement)
    for note in notes.note_sentences(judgement) or ([shift] if shift else []):
        page.sentence(f"Note: {plain(note)}", "yellow" if shift else "")


def _footer(page: ConsolePage, judgement: Judgement, findings: Findings) -> None:
    if findings.new or findings.unchanged:
        page.line()
    if findings.new:
        shown = findings.new if page.verbose else findings.new[:_MOST_NAMES]
        more = f" and {len(findings.new) - len(shown)} more" if len(shown) < len(findings.new) else ""
        names = ", ".join(page.as_text(phrases.subject(row)) for row in shown)
        page.sentence(f"New, nothing to compare with: {names}{more}", "cyan")
    if findings.unchanged:
        stated = text.headline_parts(judgement) != text.verdict_parts(judgement)
        limit = "" if stated else page.as_text(text.visible(judgement))
        beyond = " beyond what the whole suite moved by" if judgement.summary.environment_shift is not None else ""
        page.sentence(f"{count(len(findings.unchanged), rows_are(judgement))} unchanged{beyond}. {limit}", "green")


def _service(page: ConsolePage, service: ServiceComparison) -> str:
    """Return how a service changed as a whole, how bad that is, and what shows it."""
    graded = f"{grade}: " if (grade := phrases.grade(service)) else ""
    return f"{graded}{page.as_text(phrases.service_change(service))}; {phrases.service_evidence(service)}"


def _resources(page: ConsolePage, judgement: Judgement) -> None:
    """Print what the monitor of the runs shows."""
    if judgement.resources:
        page.section("Resources")
    for note in judgement.resources:
        page.sentence(plain(note.paragraph, _LONGEST_CAUSE), indent=2)


def _cause(row: Comparison) -> str:
    """Return what profiles say about a regression."""
    if row.cause is None:
        return ""
    graph = f" Flame graph: {plain(row.cause.flame_graph)}" if row.cause.flame_graph else ""
    return plain(row.cause.paragraph, _LONGEST_CAUSE) + graph


def _beyond(row: Comparison) -> str:
    """Return the interval that lies beyond the budget."""
    limit, unit = row.budget, row.metric.unit
    return f" (interval {quantity(limit.low, unit)} to {quantity(limit.high, unit)})" if limit else ""
